//! A fitted Prophet: the mean from augurs' components, the spread from noise and simulated trends.

use std::cell::RefCell;
use std::collections::BTreeMap;

use augurs::prophet::{FeaturePrediction, PredictionData, Prophet as Model};

use super::effects::{self, Effect};
use super::input::{Input, wall_clock};
use super::optimizer::{Found, Native};
use super::trend_paths::{Law, TrendPaths};
use super::{Growth, Mode, Prophet, failed, not_finite};
use crate::data::{Known, Series};
use crate::forecast::{Fitted, ForecastError, Forecaster, Predictive};
use crate::seed::Seed;

/// Below this ratio of the trend's sd to the noise's, the sum counts as normal: the trend then adds less than 0.13 % to the sd, and
/// its heavier tails weigh with the fourth power of the ratio.
const NEGLIGIBLE: f64 = 0.05;
/// Added to the mean size of a change, as in the original, so that a trend without changes keeps a little doubt.
const LEAST_CHANGE: f64 = 1e-8;

/// A fitted model; it has no state that later values could move.
pub(super) struct FittedProphet {
    settings: Prophet,
    model: Model<Native>,
    effects: Vec<Effect>,
    /// First stamp and length of the history: what scaled time is measured in.
    start: i64,
    length: f64,
    /// Standard deviation of the observation noise.
    noise: f64,
    /// Size of a unit of the scaled trend.
    scale: f64,
    law: Law,
    /// Drawn as far as asked for; what is drawn never changes.
    paths: RefCell<TrendPaths>,
}

impl FittedProphet {
    pub(super) fn new(settings: &Prophet, model: Model<Native>, input: Input, found: Found, seed: Seed) -> Self {
        let scale = input.scale();
        let rate = if settings.growth == Growth::Flat { 0.0 } else { found.changes as f64 };
        let law = Law { rate, size: found.mean_change + LEAST_CHANGE };
        Self {
            settings: settings.clone(),
            model,
            start: input.ends().0,
            length: input.length() as f64,
            effects: input.effects,
            noise: found.noise * scale,
            scale,
            law,
            paths: RefCell::new(TrendPaths::new(law, settings.draws, seed)),
        }
    }

    /// Trend and effects of every bucket.
    fn components(&self, ahead: &Known, stamps: &[i64]) -> Result<(Vec<f64>, Vec<f64>), ForecastError> {
        let rows: Vec<usize> = (0..stamps.len()).collect();
        let columns = effects::columns(&self.effects, ahead, &rows).map_err(|name| not_finite(&name))?;
        let data = PredictionData::new(stamps.to_vec()).with_regressors(columns).map_err(failed)?;
        let parts = self.model.predict(data).map_err(failed)?;
        // Summed by name: augurs' own totals follow the order of its hash maps, which differs between runs.
        let by_name: BTreeMap<&String, &FeaturePrediction> = parts.seasonalities.iter().chain(&parts.regressors).collect();
        let mut effects = vec![0.0; stamps.len()];
        for part in by_name.values() {
            effects.iter_mut().zip(&part.point).for_each(|(sum, x)| *sum += x);
        }
        // augurs answers in the order of stamps, which is not that of the buckets when the clock goes back.
        let mut order = rows;
        order.sort_by_key(|&row| stamps[row]);
        let (mut trend, mut sorted) = (vec![0.0; stamps.len()], vec![0.0; stamps.len()]);
        for (position, &row) in order.iter().enumerate() {
            (trend[row], sorted[row]) = (parts.trend.point[position], effects[position]);
        }
        Ok((trend, sorted))
    }

    fn predictive(&self, stamp: i64, trend: f64, effect: f64) -> Predictive {
        let (mean, factor) = match self.settings.seasonality_mode {
            Mode::Additive => (trend + effect, 1.0),
            Mode::Multiplicative => (trend * (1.0 + effect), 1.0 + effect),
        };
        let ahead = (stamp - self.start) as f64 / self.length - 1.0;
        let unit = factor * self.scale;
        let spread = self.law.sd(ahead) * unit.abs();
        if spread < NEGLIGIBLE * self.noise {
            return Predictive::Normal { mean, sd: libm::hypot(self.noise, spread) };
        }
        let centres = self.paths.borrow_mut().deviations(ahead).map(|deviation| mean + unit * deviation).collect();
        Predictive::Mixture { mean, centres, sd: self.noise }
    }
}

impl Fitted for FittedProphet {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        if ahead.is_empty() {
            return Ok(Vec::new());
        }
        let grid = ahead.grid();
        let stamps: Vec<i64> = (0..ahead.len()).map(|bucket| wall_clock(&grid, bucket)).collect();
        let (trend, effects) = self.components(ahead, &stamps)?;
        let forecast: Vec<Predictive> = stamps
            .iter()
            .zip(trend.iter().zip(&effects))
            .map(|(stamp, (trend, effect))| self.predictive(*stamp, *trend, *effect))
            .collect();
        if forecast.iter().all(Predictive::is_sound) { Ok(forecast) } else { Err(failed("a forecast is not a finite number")) }
    }

    fn observe(&mut self, _value: Option<f64>) {}

    fn refit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.settings.fit(history, known, seed)
    }
}

/// A history of one value: it goes on for ever, without doubt (the original does not fit it either).
pub(super) struct Constant {
    pub(super) settings: Prophet,
    pub(super) value: f64,
}

impl Fitted for Constant {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        Ok(vec![Predictive::Normal { mean: self.value, sd: 0.0 }; ahead.len()])
    }

    fn observe(&mut self, _value: Option<f64>) {}

    fn refit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.settings.fit(history, known, seed)
    }
}
