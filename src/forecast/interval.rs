//! How a forecast states its uncertainty: in the model's own way, from the sizes of earlier errors, or as counts.
//!
//! `native` is what the model says. `conformal` takes the mean from the model and the interval from errors of forecasts of values it had not seen,
//! over what makes them alike: the model's own sd, unless the errors speak against it, times a power of the mean (0, ½ or 1), as counts vary more
//! where there are more of them. Lei et al., "Distribution-free predictive inference for regression", *JASA* 113 (2018), §5.2. Up to the level that
//! ranks of errors reach well the interval is theirs, beyond it that of a normal tail ([`ErrorSizes`]). The model's own sd follows single spikes; it
//! counts up to twice what it was when errors were made. Of several buckets ahead, a later one is wider as that sd grows. `count` takes the mean
//! from the model and a negative binomial distribution around it, its dispersion from the same errors (Pearson's χ² equal to their number).
//!
//! The errors come from expanding windows, as users do it by hand: five folds of one-step forecasts, the first from the first half of the
//! history; the model learns again between folds (where it cannot, what it had learnt goes on). A model that makes such folds anyway tells its errors
//! and none are made twice. A later refit keeps them.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ErrorSizes;
use super::{Fitted, ForecastError, Forecaster, Predictive};
use crate::data::{Known, Series};
use crate::seed::Seed;

/// Folds of one-step forecasts.
const FOLDS: usize = 5;
/// Fewest errors to learn an interval from.
const FEWEST: usize = 20;
/// Means below this share of the smallest one seen weigh no less.
const SMALLEST: f64 = 0.5;
/// How far above its largest while errors were made the model's own sd may rise.
const MOST_GROWTH: f64 = 2.0;
/// Log-likelihood by which a weight must be better to leave the model's own sd out.
const CLEARLY: f64 = 4.0;

/// Where intervals come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interval {
    /// The model's own way.
    Native,
    /// Sizes of errors of forecasts of values the model had not seen.
    Conformal,
    /// A negative binomial distribution around the mean.
    Count,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Conformal => "conformal",
            Self::Count => "count",
        })
    }
}

/// A one-step forecast of a value that the model had not seen, and what came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FoldError {
    /// What was forecast.
    pub mean: f64,
    /// The standard deviation stated with it.
    pub sd: f64,
    /// Observed minus forecast.
    pub error: f64,
}

/// A forecaster whose intervals are stated in one of three ways.
pub(super) struct Stated {
    pub(super) name: &'static str,
    pub(super) model: Box<dyn Forecaster>,
    pub(super) interval: Interval,
}

impl Forecaster for Stated {
    fn fit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        if self.interval == Interval::Count {
            self.check_counts(history)?;
        }
        let fitted = self.model.fit(history, known, seed)?;
        if self.interval == Interval::Native {
            return Ok(fitted);
        }
        let own;
        let errors = match fitted.fold_errors() {
            Some(errors) => errors,
            None => {
                own = self.folds(history, known, seed.child("folds"))?;
                &own
            }
        };
        let spread = match self.interval {
            Interval::Count => Spread::Count { dispersion: dispersion(errors, errors.len() as f64) },
            _ => Spread::weighted(errors),
        };
        Ok(Box::new(FittedStated { fitted, spread }))
    }

    fn settings(&self) -> serde_json::Value {
        let mut settings = self.model.settings();
        settings["interval"] = serde_json::to_value(self.interval).expect("a name");
        settings
    }
}

impl Stated {
    fn check_counts(&self, history: &Series) -> Result<(), ForecastError> {
        let Some((stamp, value)) = no_count(history) else { return Ok(()) };
        let problem = format!("takes whole numbers from 0 with `interval: count`, got {value} at {stamp}: use `interval: conformal`");
        Err(ForecastError::Unsupported { model: self.name, problem })
    }

    /// One-step errors over the second half of the history: earlier where that holds too few values, later where the model needs more than half.
    fn folds(&self, history: &Series, known: &Known, seed: Seed) -> Result<Vec<FoldError>, ForecastError> {
        let latest = history.observed().checked_sub(FEWEST).and_then(|before| after_observed(history, before)).unwrap_or(0);
        let mut start = latest.min(history.len() / 2);
        let mut fitted = loop {
            match self.model.fit(&history.slice(0..start), &known.window(0..start), seed.child("fold 0")) {
                Err(ForecastError::TooShort { needed, why, .. }) => {
                    let later = after_observed(history, needed).filter(|later| (start + 1..=latest).contains(later));
                    start = later.ok_or_else(|| self.too_short(history, needed + FEWEST, &why))?;
                }
                other => break other?,
            }
        };
        let mut errors = Vec::with_capacity(history.len() - start);
        let begins: Vec<usize> = (0..=FOLDS).map(|fold| start + (history.len() - start) * fold / FOLDS).collect();
        for (fold, range) in begins.windows(2).enumerate() {
            if fold > 0 && range[0] < range[1] {
                let seed = seed.child(&format!("fold {fold}"));
                // A longer part can show a longer season, and be too short for that.
                match fitted.refit(&history.slice(0..range[0]), &known.window(0..range[0]), seed) {
                    Ok(again) => fitted = again,
                    Err(ForecastError::TooShort { .. } | ForecastError::Unsupported { .. }) => {}
                    Err(broken) => return Err(broken),
                }
            }
            for at in range[0]..range[1] {
                let value = history.values()[at];
                if let (Some(value), [forecast, ..]) = (value, &fitted.forecast(&known.window(at..at + 1))?[..]) {
                    errors.push(FoldError { mean: forecast.mean(), sd: forecast.sd(), error: value - forecast.mean() });
                }
                fitted.observe(value);
            }
        }
        Ok(errors)
    }

    fn too_short(&self, history: &Series, needed: usize, why: &str) -> ForecastError {
        let why = format!("{why}; {FEWEST} more to learn intervals from, which native intervals do without: --interval-method native");
        ForecastError::TooShort { model: self.name, got: history.observed(), needed, why }
    }
}

/// The first value that is no whole number from 0, with its stamp.
pub(super) fn no_count(history: &Series) -> Option<(String, f64)> {
    let values = history.values().iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
    let (at, value) = values.into_iter().find(|(_, value)| *value < 0.0 || value.fract() != 0.0)?;
    Some((history.grid().label(at), value))
}

/// The bucket after the first so many values.
fn after_observed(history: &Series, count: usize) -> Option<usize> {
    let last = count.checked_sub(1)?;
    history.values().iter().enumerate().filter(|(_, value)| value.is_some()).nth(last).map(|(at, _)| at + 1)
}

/// What errors teach about the spread around a mean.
#[derive(Debug, Clone)]
enum Spread {
    /// There was no error: whatever the model says.
    None,
    /// Errors over their weights.
    Sizes { weight: Weight, sizes: Arc<ErrorSizes> },
    /// Around every mean a distribution of counts.
    Count { dispersion: f64 },
}

/// What makes errors alike.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Weight {
    /// The model's own sd, up to so much; `None`: it does not count.
    most_sd: Option<f64>,
    /// Of the mean.
    power: f64,
    /// Smallest mean that weighs as it is.
    least: f64,
}

impl Weight {
    /// The likeliest one for some errors; a weight without the model's sd only if it is clearly likelier.
    fn likeliest(errors: &[FoldError]) -> Self {
        let smallest = errors.iter().map(|e| e.mean).fold(f64::INFINITY, f64::min);
        let largest_sd = errors.iter().all(|e| e.sd > 0.0).then(|| errors.iter().map(|e| e.sd).fold(0.0, f64::max));
        let powers: &[f64] = if smallest > 0.0 { &[0.0, 0.5, 1.0] } else { &[0.0] };
        let best_with = |most_sd: Option<f64>| {
            let weights = powers.iter().map(|power| Self { most_sd, power: *power, least: SMALLEST * smallest });
            weights.map(|weight| (weight, weight.likelihood(errors))).reduce(|best, other| if other.1 > best.1 { other } else { best })
        };
        let plain = best_with(None);
        let by_sd = largest_sd.and_then(|sd| best_with(Some(MOST_GROWTH * sd)));
        match (by_sd, plain) {
            (Some(by_sd), Some(plain)) if plain.1 <= by_sd.1 + CLEARLY => by_sd.0,
            (_, Some(plain)) => plain.0,
            (_, None) => unreachable!("there is at least one power"),
        }
    }

    /// The weight of a bucket; `first` is the sd of the first bucket of the same forecast.
    fn of(self, mean: f64, sd: f64, first: f64) -> f64 {
        let by_mean = if self.power == 0.0 { 1.0 } else { libm::pow(mean.max(self.least), self.power) };
        let by_sd = match self.most_sd {
            Some(most) if first > most => sd * (most / first),
            Some(_) => sd,
            None if first > 0.0 => sd / first,
            None => 1.0,
        };
        by_mean * by_sd
    }

    /// The log-likelihood of errors whose sizes are exponential with a mean proportional to the weight: a single large one does not decide.
    fn likelihood(self, errors: &[FoldError]) -> f64 {
        let n = errors.len() as f64;
        let mean_size = errors.iter().map(|e| e.error.abs() / self.of(e.mean, e.sd, e.sd)).sum::<f64>() / n;
        -n * libm::log(mean_size) - errors.iter().map(|e| libm::log(self.of(e.mean, e.sd, e.sd))).sum::<f64>()
    }
}

impl Spread {
    fn weighted(errors: &[FoldError]) -> Self {
        let weight = Weight::likeliest(errors);
        match ErrorSizes::new(errors.iter().map(|e| e.error / weight.of(e.mean, e.sd, e.sd))) {
            Some(sizes) => Self::Sizes { weight, sizes: Arc::new(sizes) },
            None => Self::None,
        }
    }

    /// The stated distribution of a bucket; `first` is the sd of the first bucket of the same forecast.
    fn around(&self, native: Predictive, first: f64) -> Predictive {
        match self {
            Self::None => native,
            Self::Sizes { weight, sizes } => {
                let (mean, scale) = (native.mean(), weight.of(native.mean(), native.sd(), first));
                // A model that states no spread where it did before knows the value.
                if scale > 0.0 { Predictive::Errors { mean, scale, sizes: Arc::clone(sizes) } } else { native }
            }
            Self::Count { dispersion } => Predictive::Count { mean: native.mean().max(LEAST_COUNT), dispersion: *dispersion },
        }
    }
}

/// The mean of a count that is forecast as 0 or below.
const LEAST_COUNT: f64 = 1e-3;

/// The largest dispersion: an sd of thirty times the mean.
const MOST_DISPERSED: f64 = 1e3;

/// The dispersion at which Σ error²/(mean + dispersion · mean²) is the number of degrees of freedom; 0 if errors vary no more than those of
/// Poisson counts.
pub(super) fn dispersion(errors: &[FoldError], freedom: f64) -> f64 {
    let chi2 = |dispersion: f64| -> f64 {
        let over = |e: &FoldError| {
            let mean = e.mean.max(LEAST_COUNT);
            e.error * e.error / (mean + dispersion * mean * mean)
        };
        errors.iter().map(over).sum()
    };
    if chi2(0.0) <= freedom {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1e-6);
    while chi2(high) > freedom && high < MOST_DISPERSED {
        (low, high) = (high, 4.0 * high);
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if chi2(middle) > freedom { low = middle } else { high = middle }
    }
    high
}

struct FittedStated {
    fitted: Box<dyn Fitted>,
    spread: Spread,
}

impl Fitted for FittedStated {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let native = self.fitted.forecast(ahead)?;
        let first = native.first().map_or(0.0, Predictive::sd);
        Ok(native.into_iter().map(|native| self.spread.around(native, first)).collect())
    }

    fn observe(&mut self, value: Option<f64>) {
        self.fitted.observe(value);
    }

    fn refit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(Self { fitted: self.fitted.refit(history, known, seed)?, spread: self.spread.clone() }))
    }
}
