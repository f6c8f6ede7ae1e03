//! A fitted form: its state rolls on with what is observed.

use super::estimate::Estimate;
use super::form::{Errors, Form, Seasonal, Trend};
use super::recursion::State;
use super::spread::Spread;
use super::{Ets, Input, NAME};
use crate::data::{Known, Series};
use crate::forecast::{Fitted, ForecastError, Predictive};
use crate::seed::Seed;

/// Smallest residual sd, in units of the largest value: arithmetic promises no more.
const LEAST_SD: f64 = 1e-14;
/// States of a multiplicative season never fall below this share of the smallest mean fitted, or of an average bucket.
const LEAST_STATE: f64 = 1e-6;
/// With multiplicative errors the spread follows the mean down to this share of the smallest mean fitted.
const LEAST_MEAN: f64 = 0.5;
/// Missing buckets in a row that still widen the next forecasts; after more the spread stays.
const LONGEST_GAP: usize = 1000;

/// Exponential smoothing after its fit.
#[derive(Debug, Clone)]
pub struct FittedEts {
    settings: Ets,
    /// What the values are divided by: a power of two near the largest.
    unit: f64,
    season: usize,
    /// Number of forms the choice was made from.
    choices: usize,
    estimate: Estimate,
    /// After the last observed bucket, and the number of missing ones since.
    state: State,
    missing: usize,
}

impl FittedEts {
    pub(super) fn new(settings: Ets, input: &Input, estimate: Estimate) -> Self {
        let mut estimate = estimate;
        if estimate.variance > 0.0 {
            let per_mean = if estimate.form.errors == Errors::Multiplicative { 1.0 / estimate.least_mean } else { 1.0 };
            estimate.variance = estimate.variance.max(LEAST_SD * LEAST_SD * per_mean);
        }
        let state = estimate.last.clone();
        let Input { unit, season, forms, missing, .. } = input;
        let mut fitted = Self { settings, unit: *unit, season: *season, choices: forms.len(), estimate, state, missing: 0 };
        (0..*missing).for_each(|_| fitted.observe(None));
        fitted
    }

    /// The form chosen.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.estimate.form
    }

    /// −½n·ln Σe² − Σ ln μ, the second sum with multiplicative errors only; infinite on a constant history.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        // Dividing values by a unit moves the likelihoods of both kinds of error by n·ln(unit).
        self.estimate.log_likelihood - self.estimate.observed as f64 * libm::log(self.unit)
    }

    /// Akaike's criterion for small samples: −2ℓ + 2k + 2k(k + 1)/(n − k − 1), k counting the variance.
    #[must_use]
    pub fn aicc(&self) -> f64 {
        self.estimate.aicc + 2.0 * self.estimate.observed as f64 * libm::log(self.unit)
    }

    /// The residual variance, relative to the squared mean with multiplicative errors: Σe² over n less the coefficients.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let unit = if self.form().errors == Errors::Additive { self.unit } else { 1.0 };
        self.estimate.variance * unit * unit
    }

    /// α, β, γ, φ as far as the form has them, then level, slope and seasonal states before the first bucket: what
    /// [`Ets::with_parameters`] takes.
    #[must_use]
    pub fn parameters(&self) -> Vec<f64> {
        let (form, smoothing, initial) = (self.form(), self.estimate.smoothing, &self.estimate.initial);
        let seasonal = form.seasonal != Seasonal::None;
        let season_unit = if form.seasonal == Seasonal::Additive { self.unit } else { 1.0 };
        let optional = |present: bool, value: f64| present.then_some(value);
        [
            Some(smoothing.alpha),
            optional(form.has_trend(), smoothing.beta),
            optional(seasonal, smoothing.gamma),
            optional(form.trend == Trend::Damped, smoothing.phi),
            Some(initial.level * self.unit),
            optional(form.has_trend(), initial.slope * self.unit),
        ]
        .into_iter()
        .flatten()
        .chain(initial.season.iter().map(|state| state * season_unit))
        .collect()
    }

    /// The same form on a longer history, found from the earlier parameters; chosen anew where the history now allows other forms.
    ///
    /// # Errors
    /// As [`Ets::estimate`].
    pub fn estimate_again(&self, history: &Series) -> Result<Self, ForecastError> {
        let input = self.settings.input(history)?;
        let same = input.season == self.season && input.forms.len() == self.choices && input.forms.contains(&self.form());
        let earlier = same && self.estimate.variance > 0.0 && history.constant().is_none();
        let again = earlier.then(|| input.problem(self.form()).estimate(Some((&self.estimate.smoothing, &self.initial_in(input.unit)))));
        match again.flatten() {
            Some(estimate) => Ok(Self::new(self.settings.clone(), &input, estimate)),
            None => self.settings.choose(&input),
        }
    }

    /// The initial state in another unit.
    fn initial_in(&self, unit: f64) -> State {
        let (mut state, ratio) = (self.estimate.initial.clone(), self.unit / unit);
        state.level *= ratio;
        state.slope *= ratio;
        if self.form().seasonal == Seasonal::Additive {
            state.season.iter_mut().for_each(|state| *state *= ratio);
        }
        state
    }

    fn advance(&mut self, value: Option<f64>) {
        let least = LEAST_STATE * self.estimate.least_mean.min(1.0);
        self.state.advance(self.estimate.form, self.estimate.smoothing, value, least);
    }

    /// Mean and sd of the next buckets.
    pub(in crate::forecast) fn moments(&self, ahead: usize) -> Vec<(f64, f64)> {
        let Estimate { form, smoothing, variance, least_mean, .. } = self.estimate;
        // Buckets missing since the last observation lie between it and the first forecast.
        let means = self.state.means(form, smoothing.phi, self.missing + ahead);
        let spread = Spread { form, smoothing, variance, state: &self.state, least_mean: LEAST_MEAN * least_mean };
        let spreads = spread.of(&means);
        let all = means.into_iter().zip(spreads).skip(self.missing);
        all.map(|(mean, sd)| (mean * self.unit, sd * self.unit)).collect()
    }
}

impl Fitted for FittedEts {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let forecasts: Vec<Predictive> = self.moments(ahead.len()).into_iter().map(|(mean, sd)| Predictive::Normal { mean, sd }).collect();
        if forecasts.iter().all(Predictive::is_sound) {
            return Ok(forecasts);
        }
        let form = self.form();
        let way = match (form.errors, form.seasonal) {
            (Errors::Additive, Seasonal::None | Seasonal::Additive) => "rescale the series",
            _ => "set `model` to additive errors, for example AZZ",
        };
        let problem = format!("form {form} forecast a number beyond all bounds: {way} or forecast fewer buckets");
        Err(ForecastError::Failed { model: NAME, problem })
    }

    fn observe(&mut self, value: Option<f64>) {
        let Some(value) = value else {
            self.missing += 1;
            if self.missing > LONGEST_GAP {
                self.missing = LONGEST_GAP;
                self.advance(None);
            }
            return;
        };
        for _ in 0..std::mem::take(&mut self.missing) {
            self.advance(None);
        }
        self.advance(Some(value / self.unit));
    }

    fn refit(&self, history: &Series, _known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.estimate_again(history)?))
    }
}
