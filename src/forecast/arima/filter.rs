//! A fitted model: filters what happens with fixed parameters, and forecasts.
//!
//! All of it happens to what the regressors leave of the values; what they add comes on top of a forecast and off an observed value.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::difference::Differencing;
use super::estimate::Estimate;
use super::state_space::StateSpace;
use super::{Arima, Form, NAME, without};
use crate::data::{Known, Series};
use crate::forecast::{Fitted, ForecastError, Predictive};
use crate::seed::Seed;

/// A seasonal ARIMA model with its parameters, after the last bucket it has seen.
#[derive(Debug, Clone)]
pub struct FittedArima {
    settings: Arima,
    form: Form,
    estimate: Estimate,
    space: StateSpace<f64>,
    recent: Recent,
    /// What the regressors add on average, for a bucket nobody asked a forecast of.
    usual: f64,
    /// What they add to the next buckets, as far as the last forecast was asked.
    asked: RefCell<VecDeque<f64>>,
}

/// The last values, as many as differencing needs; a missing one holds the model's own forecast.
#[derive(Debug, Clone)]
struct Recent {
    values: Vec<f64>,
    /// Variance of the values that are forecasts; `None`: observed.
    imputed: Vec<Option<f64>>,
}

impl Recent {
    fn push(&mut self, value: f64, imputed: Option<f64>) {
        if self.values.is_empty() {
            return;
        }
        self.values.rotate_left(1);
        self.imputed.rotate_left(1);
        let last = self.values.len() - 1;
        self.values[last] = value;
        self.imputed[last] = imputed;
    }
}

impl FittedArima {
    pub(super) fn new(settings: Arima, form: Form, estimate: Estimate, history: &[Option<f64>], effects: &[f64]) -> Self {
        let history = without(history, effects);
        let mut space = StateSpace::new(form.orders);
        space.reset(&estimate.coefficients);
        let (head, tail) = history.split_at(form.differencing.lost());
        let usual = effects.iter().sum::<f64>() / effects.len().max(1) as f64;
        let asked = RefCell::new(VecDeque::new());
        let mut fitted = Self { recent: first_values(head, &history), settings, form, estimate, space, usual, asked };
        for value in tail {
            fitted.take(*value);
        }
        fitted
    }

    /// Log-likelihood of the differences of the fitted history.
    #[must_use]
    pub fn log_likelihood(&self) -> f64 {
        self.estimate.log_likelihood
    }

    /// The parameters, in the order of [`Arima::with_parameters`].
    #[must_use]
    pub fn parameters(&self) -> Vec<f64> {
        let Estimate { coefficients, mean, weights, variance, .. } = &self.estimate;
        let intercept = self.form.with_mean.then(|| mean * self.form.orders.ar_at_one(coefficients));
        intercept.into_iter().chain(weights.iter().copied()).chain(coefficients.iter().copied()).chain([*variance]).collect()
    }

    /// The model on a longer history, climbing from these parameters: faster than [`Arima::estimate`], and it stays on its hill where
    /// the likelihood has several.
    ///
    /// # Errors
    /// As [`Arima::estimate`].
    pub fn estimate_again(&self, history: &Series, known: &Known) -> Result<Self, ForecastError> {
        self.settings.estimate_from(history, known, Some(self), None)
    }

    /// Akaike's information criterion with the correction for short series, of the differences: lower is better, and only models that
    /// difference alike compare. Infinite where there is no difference per parameter. Hurvich & Tsai (1989), "Regression and time series
    /// model selection in small samples", *Biometrika* 76.
    #[must_use]
    pub fn aicc(&self) -> f64 {
        self.estimate.aicc()
    }

    /// The settings it was fitted with; after a search, those of the model chosen.
    #[must_use]
    pub fn settings(&self) -> &Arima {
        &self.settings
    }

    /// Where a refit of the same form may start.
    pub(super) fn warm_start(&self, form: &Form) -> Option<&[f64]> {
        (self.form == *form && !self.estimate.free.is_empty()).then_some(&self.estimate.free)
    }

    /// Takes in what the regressors leave of the next value.
    fn take(&mut self, value: Option<f64>) {
        let base = self.form.differencing.base(&self.recent.values);
        let whole = self.form.differencing.every(|place| self.recent.imputed[place].is_none(), self.recent.imputed.len());
        let forecast = self.estimate.mean + self.space.predicted() + base;
        let unsure = self.form.differencing.base_variance(&self.recent.imputed);
        let variance = self.estimate.variance * self.space.next_variance() + unsure;
        let difference = value.filter(|_| whole).map(|value| value - base - self.estimate.mean);
        self.space.step(difference);
        match value {
            Some(value) => self.recent.push(value, None),
            None => self.recent.push(forecast, Some(variance)),
        }
    }
}

/// The values before the first difference; a missing one takes the nearest observed before it, or after it.
fn first_values(head: &[Option<f64>], history: &[Option<f64>]) -> Recent {
    let mut latest = history.iter().flatten().next().copied().unwrap_or(0.0);
    let values = head.iter().map(|value| {
        latest = value.unwrap_or(latest);
        latest
    });
    Recent { values: values.collect(), imputed: head.iter().map(|value| if value.is_none() { Some(0.0) } else { None }).collect() }
}

impl Fitted for FittedArima {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let effects = self.form.regressors.effects(ahead, &self.estimate.weights)?;
        let means = self.means(ahead.len());
        let variances = self.variances(ahead.len());
        let normal =
            |((mean, effect), variance): ((f64, &f64), f64)| Predictive::Normal { mean: mean + effect, sd: variance.max(0.0).sqrt() };
        let forecasts: Vec<Predictive> = means.into_iter().zip(&effects).zip(variances).map(normal).collect();
        self.asked.replace(effects.into());
        match forecasts.iter().position(|forecast| !forecast.is_sound()) {
            Some(h) => Err(ForecastError::Failed { model: NAME, problem: format!("the forecast {} buckets ahead is not finite", h + 1) }),
            None => Ok(forecasts),
        }
    }

    fn observe(&mut self, value: Option<f64>) {
        let effect = self.asked.get_mut().pop_front().unwrap_or(self.usual);
        self.take(value.map(|value| value - effect));
    }

    /// Climbs from the parameters of this fit instead of from several starts.
    fn refit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.estimate_again(history, known)?))
    }
}

impl FittedArima {
    /// Forecasts of differences, added up to values.
    fn means(&self, buckets: usize) -> Vec<f64> {
        let (phi, lost) = (self.space.phi(), self.recent.values.len());
        let mut state = self.space.state().to_vec();
        let mut values = self.recent.values.clone();
        for _ in 0..buckets {
            let first = state[0];
            values.push(self.estimate.mean + first + self.form.differencing.base(&values));
            state.rotate_left(1);
            state[phi.len() - 1] = 0.0;
            for (state, phi) in state.iter_mut().zip(phi) {
                *state += phi * first;
            }
        }
        values.split_off(lost)
    }

    /// Variances of the forecast errors: the ψ weights of the whole (undifferenced) model, plus what the filter does not know of the
    /// state yet, plus what the values that are themselves forecasts carry ahead (their errors taken as independent).
    fn variances(&self, buckets: usize) -> Vec<f64> {
        let whole = integrated_response(self.space.phi(), &self.form.differencing, buckets);
        let load = self.space.load();
        let excess = self.space.excess();
        let carried = self.carried(buckets);
        let mut noise = 0.0;
        (0..buckets)
            .map(|h| {
                // The response of value h to state i of now is whole[h − i].
                let states = load.len().min(h + 1);
                let psi: f64 = (0..states).map(|i| load[i] * whole[h - i]).sum();
                noise += psi * psi;
                let unknown = excess.as_ref().map_or(0.0, |excess| {
                    let row = |i: usize| {
                        let off: f64 = (i + 1..states).map(|j| excess(i, j) * whole[h - j]).sum();
                        whole[h - i] * (excess(i, i) * whole[h - i] + 2.0 * off)
                    };
                    (0..states).map(row).sum()
                });
                self.estimate.variance * (noise + unknown) + carried[h]
            })
            .collect()
    }

    /// Variance of each forecast from recent values that are forecasts themselves.
    fn carried(&self, buckets: usize) -> Vec<f64> {
        let lost = self.recent.imputed.len();
        let mut sum = vec![0.0; buckets];
        for (place, variance) in self.recent.imputed.iter().enumerate() {
            let Some(variance) = variance.filter(|variance| *variance > 0.0) else {
                continue;
            };
            let mut errors = vec![0.0; lost];
            errors[place] = 1.0;
            for total in &mut sum {
                let error = self.form.differencing.base(&errors);
                errors.push(error);
                *total += error * error * variance;
            }
        }
        sum
    }
}

/// Coefficients of 1 / (φ(B)Φ(Bˢ)(1−B)ᵈ(1−Bˢ)ᴰ).
fn integrated_response(phi: &[f64], differencing: &Differencing, buckets: usize) -> Vec<f64> {
    let (mut response, mut whole) = (Vec::with_capacity(buckets), Vec::with_capacity(buckets));
    for h in 0..buckets {
        let lead = if h == 0 { 1.0 } else { 0.0 };
        let next: f64 = lead + phi.iter().take(h).enumerate().map(|(i, phi)| phi * response[h - 1 - i]).sum::<f64>();
        response.push(next);
        whole.push(next + differencing.carried(h, |lag| whole[h - lag]));
    }
    whole
}
