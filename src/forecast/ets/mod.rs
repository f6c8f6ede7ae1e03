//! Exponential smoothing: level, trend and season that follow the data, the form chosen by AICc.
//!
//! Errors (additive, multiplicative) × trend (none, additive, damped) × season (none, additive, multiplicative), each fitted by maximum
//! likelihood over smoothing parameters and initial states, of which the one with the smallest AICc stays: what R's `ets` does with its
//! default `restrict = TRUE`. Hyndman, Koehler, Ord & Snyder, *Forecasting with Exponential Smoothing* (2008); Hyndman & Athanasopoulos,
//! *Forecasting: Principles and Practice* (3rd ed.), chapter 8.
//!
//! The season is that of the data; with fewer than two seasons of history only forms without one are tried. DIFFERENCE: R takes no season
//! above 24, for want of derivatives; here it may have up to 400 buckets, whose initial states are all estimated and all counted in AICc.
//! (The automatic model of the `augurs` crate has no seasonal forms.)
//!
//! Multiplicative forms are for values above zero and are left out otherwise. A missing value leaves the state on its own forecast, and
//! what comes after it is as uncertain as a forecast from before it. Forecasts are normal; their spread is exact for the form at its
//! parameters, with the residual variance corrected for the number of coefficients. With multiplicative errors the spread falls with
//! the mean, but not below that at half the smallest mean of the history: a trend towards zero does not end in certainty. Holidays
//! and regressors of [`Known`] are ignored.

mod bounds;
mod estimate;
mod fitted;
mod form;
mod recursion;
mod spread;
mod start;

use serde::{Deserialize, Serialize};

use self::estimate::{Estimate, Problem, Units};
use self::recursion::{Smoothing, State};
use super::season::{interpolated, season_length, too_long};
use super::{Fitted, ForecastError, Forecaster};
use crate::data::{Known, Series};
use crate::seed::Seed;

pub use self::fitted::FittedEts;
pub use self::form::{Errors, Form, Letters, Seasonal, Trend};

const NAME: &str = "ets";
/// One state per bucket of the season is estimated, each from as many values as there are seasons.
const LONGEST_SEASON: usize = 400;

/// Settings of exponential smoothing.
///
/// ```
/// use incident_harness::data::{Known, Series};
/// use incident_harness::forecast::{Fitted, Forecaster, ets::Ets};
/// use incident_harness::seed::Seed;
/// use incident_harness::time::{Grid, Step};
/// let grid = Grid::civil("2024-01-01".parse()?, Step::DAY, 77);
/// let value = |t: usize| Some((100.0 + t as f64) * [1.3, 1.2, 1.1, 1.1, 1.0, 0.7, 0.6][t % 7] + (t * t % 11) as f64);
/// let history = Series::new(grid.slice(0..70), (0..70).map(value).collect());
/// let known = Known::stamps(grid);
/// let fitted = Ets::default().fit(&history, &known.window(0..70), Seed::derive(["example"]))?;
/// let week = fitted.forecast(&known.window(70..77))?;
/// assert!(week[0].mean() > 210.0 && week[6].mean() < 125.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ets {
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
    /// Error, trend and season: `ZZZ` leaves all to AICc; `A` in the middle may be damped or not.
    pub model: Letters,
    /// Whether a trend fades; absent: by AICc.
    pub damped: Option<bool>,
}

impl Default for Ets {
    fn default() -> Self {
        Self { season: None, model: Letters::ANY, damped: None }
    }
}

impl Forecaster for Ets {
    fn fit(&self, history: &Series, _known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.estimate(history)?))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl Ets {
    /// Settings that choose among forms without a season.
    pub(super) fn without_season() -> Self {
        Self { model: Letters::WITHOUT_SEASON, ..Self::default() }
    }

    /// The form of smallest AICc at its largest likelihood.
    ///
    /// # Errors
    /// A history that is too short, a season out of range, or letters that no form fits.
    pub fn estimate(&self, history: &Series) -> Result<FittedEts, ForecastError> {
        self.choose(&self.input(history)?)
    }

    /// The one form the settings name, at given parameters: α, β, γ, φ as far as the form has them, then level, slope and seasonal states
    /// before the first bucket.
    ///
    /// # Errors
    /// As [`Ets::estimate`], settings that leave a choice, and a number of parameters that does not fit.
    pub fn with_parameters(&self, history: &Series, parameters: &[f64]) -> Result<FittedEts, ForecastError> {
        let input = self.input(history)?;
        let [form] = input.forms[..] else {
            return Err(unsupported(format!("takes parameters for one form only, `{}` leaves {}", self.model, input.forms.len())));
        };
        let expected = form.coefficients(input.season) + usize::from(form.seasonal != Seasonal::None);
        if parameters.len() != expected {
            return Err(unsupported(format!("takes {expected} parameters with form {form}, got {}", parameters.len())));
        }
        let mut rest = parameters.iter().copied();
        let mut next = |present: bool, absent: f64| if present { rest.next().unwrap_or(absent) } else { absent };
        let seasonal = form.seasonal != Seasonal::None;
        let alpha = next(true, 0.0);
        let beta = next(form.has_trend(), 0.0);
        let gamma = next(seasonal, 0.0);
        let phi = next(form.trend == Trend::Damped, 1.0);
        let (level, slope) = (next(true, 0.0) / input.unit, next(form.has_trend(), 0.0) / input.unit);
        let season_unit = if form.seasonal == Seasonal::Additive { input.unit } else { 1.0 };
        let state = State { level, slope, season: rest.map(|state| state / season_unit).collect(), next: 0 };
        let estimate = input.problem(form).estimate_at(Smoothing { alpha, beta, gamma, phi }, state);
        estimate.map(|estimate| FittedEts::new(self.clone(), &input, estimate)).ok_or_else(|| no_likelihood(&input))
    }

    fn choose(&self, input: &Input) -> Result<FittedEts, ForecastError> {
        let mut best: Option<Estimate> = input.constant();
        if best.is_none() {
            for form in &input.forms {
                let estimate = input.problem(*form).estimate(None);
                best = match (best, estimate) {
                    (Some(best), Some(estimate)) if estimate.aicc < best.aicc => Some(estimate),
                    (None, estimate) => estimate,
                    (best, _) => best,
                };
            }
        }
        best.map(|estimate| FittedEts::new(self.clone(), input, estimate)).ok_or_else(|| no_likelihood(input))
    }

    /// The history as the search wants it, and the forms it allows.
    fn input(&self, history: &Series) -> Result<Input, ForecastError> {
        if let Some(problem) = self.model.contradiction(self.damped) {
            return Err(unsupported(problem));
        }
        let season = self.season(history)?;
        let (_, must_be_seasonal) = self.model.season();
        let two_seasons = up_to_last_value(history) >= 2 * season;
        if must_be_seasonal && !two_seasons {
            let why = format!("two seasons of {season}");
            return Err(ForecastError::TooShort { model: NAME, got: history.observed(), needed: 2 * season, why });
        }
        let positive = history.values().iter().flatten().all(|value| *value > 0.0);
        let forms = self.model.forms(self.damped, positive, season > 1 && two_seasons);
        if forms.is_empty() {
            let problem = format!("takes values above zero only with model `{}`: choose additive errors, for example AZZ", self.model);
            return Err(unsupported(problem));
        }
        let observed = history.observed();
        let enough: Vec<Form> = forms.iter().copied().filter(|form| observed >= points_needed(*form, season)).collect();
        if enough.is_empty() {
            let needed = forms.iter().map(|form| points_needed(*form, season)).min().unwrap_or_default();
            let why = "three more than the coefficients of the smallest form, for AICc".to_owned();
            return Err(ForecastError::TooShort { model: NAME, got: observed, needed, why });
        }
        Ok(Input::new(history, season, enough))
    }

    /// The season in buckets, 1 if the letters exclude it.
    fn season(&self, history: &Series) -> Result<usize, ForecastError> {
        let (may_be_seasonal, _) = self.model.season();
        if !may_be_seasonal {
            return Ok(1);
        }
        let season = self.season.unwrap_or_else(|| season_length(history));
        if season < 2 {
            return Err(unsupported(format!("takes seasons from 2 buckets, got {season}: drop `season`, or set `model` to ZZN")));
        }
        match too_long(season, history.step(), LONGEST_SEASON) {
            Some(problem) => Err(unsupported(format!("{problem}, or use `mstl`, which takes any season"))),
            None => Ok(season),
        }
    }
}

/// A history in units of about its largest value, up to the last observed bucket.
#[derive(Debug)]
struct Input {
    unit: f64,
    season: usize,
    forms: Vec<Form>,
    values: Vec<Option<f64>>,
    filled: Vec<f64>,
    units: Units,
    /// Buckets after the last observed.
    missing: usize,
}

impl Input {
    fn new(history: &Series, season: usize, forms: Vec<Form>) -> Self {
        let unit = unit_of(history.values());
        let known = up_to_last_value(history);
        let values: Vec<Option<f64>> = history.values()[..known].iter().map(|value| value.map(|value| value / unit)).collect();
        let (filled, units) = (interpolated(&values), Units::new(&values));
        Self { unit, season, forms, filled, units, missing: history.len() - known, values }
    }

    fn problem(&self, form: Form) -> Problem<'_> {
        Problem { form, season: self.season, values: &self.values, filled: &self.filled, units: self.units }
    }

    /// The model of a history that never moves: certain, and quick to follow.
    fn constant(&self) -> Option<Estimate> {
        let mut observed = self.values.iter().flatten();
        let level = *observed.next()?;
        if observed.any(|value| *value != level) {
            return None;
        }
        let form = Form { errors: Errors::Additive, trend: Trend::None, seasonal: Seasonal::None };
        let state = State { level, slope: 0.0, season: Vec::new(), next: 0 };
        Some(Estimate {
            form,
            smoothing: Smoothing { alpha: 0.9999, beta: 0.0, gamma: 0.0, phi: 1.0 },
            initial: state.clone(),
            last: state,
            variance: 0.0,
            log_likelihood: f64::INFINITY,
            aicc: f64::NEG_INFINITY,
            least_mean: level,
            observed: self.units.count,
        })
    }
}

/// Number of buckets up to the last that has a value.
fn up_to_last_value(history: &Series) -> usize {
    history.values().iter().rposition(Option::is_some).map_or(0, |last| last + 1)
}

/// A power of two near the largest value, so that dividing by it rounds nothing; 1 without any.
pub(super) fn unit_of(values: &[Option<f64>]) -> f64 {
    let largest = values.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    if largest > 0.0 { libm::ldexp(1.0, libm::frexp(largest).1 - 1) } else { 1.0 }
}

/// AICc wants two observations more than parameters, of which the variance is one.
fn points_needed(form: Form, season: usize) -> usize {
    form.coefficients(season) + 3
}

fn unsupported(problem: String) -> ForecastError {
    ForecastError::Unsupported { model: NAME, problem }
}

fn no_likelihood(input: &Input) -> ForecastError {
    let forms: Vec<String> = input.forms.iter().map(Form::to_string).collect();
    ForecastError::Failed { model: NAME, problem: format!("none of the forms {} has a likelihood on this history", forms.join(", ")) }
}
