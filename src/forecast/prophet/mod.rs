//! Prophet: a trend that bends at a few places, seasons as Fourier series, known effects; all fitted at once as one posterior mode.
//!
//! Features, scaling and components are augurs'; the optimizer and the spread of forecasts are ours: augurs leaves the first to Stan and
//! draws the second from an unseeded generator. Taylor & Letham, "Forecasting at scale", *The American Statistician* 72 (2018).
//!
//! Stamps are taken as wall-clock time, as people who open tickets do. Buckets without a value are left out of the fit. Observing a
//! value changes nothing until the next refit: the model has no state but its parameters.
//!
//! DIFFERENCE: seasons with periods of their own, conditional seasons, holiday windows, logistic growth and MCMC are not offered.

mod effects;
mod fitted;
mod input;
mod optimizer;
mod posterior;
mod quadratic;
mod residuals;
mod sum_of_squares;
mod trend_paths;

use augurs::prophet::{
    FeatureMode, GrowthType, Optimizer, PositiveFloat, Prophet as Model, ProphetOptions, Regressor, SeasonalityOption, Standardize,
    TrainingData,
};
use serde::{Deserialize, Serialize};

use self::fitted::{Constant, FittedProphet};
use self::input::Input;
use self::optimizer::Native;
use super::{Fitted, ForecastError, Forecaster};
use crate::data::{Known, Series};
use crate::seed::Seed;

const NAME: &str = "prophet";
const DAY: i64 = 86_400;

/// Settings of Prophet; names and defaults as in the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prophet {
    /// Shape of the trend.
    pub growth: Growth,
    /// Whether seasons and known effects add to the trend or scale with it.
    pub seasonality_mode: Mode,
    /// Places where the rate may change, evenly over the first `changepoint_range` of the history.
    pub changepoints: usize,
    /// Share of the history, from its start, in which the rate may change.
    pub changepoint_range: f64,
    /// Scale of the Laplace prior on changes of the rate.
    pub changepoint_prior_scale: f64,
    /// Prior sd of seasonal terms.
    pub seasonality_prior_scale: f64,
    /// Prior sd of holidays and regressors.
    pub holidays_prior_scale: f64,
    /// Season of a year: 10 pairs of terms.
    pub yearly: Switch,
    /// Season of a week: 3 pairs of terms.
    pub weekly: Switch,
    /// Season of a day: 4 pairs of terms.
    pub daily: Switch,
    /// Simulated paths of the future trend. The original draws 1000 with the noise on top; here the noise is integrated exactly and paths
    /// come in mirrored pairs, so fewer do.
    pub draws: usize,
}

/// Shape of the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Growth {
    /// Straight pieces.
    Linear,
    /// A constant.
    Flat,
    /// Saturating; rejected at fit.
    Logistic,
}

/// How seasons and known effects join the trend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// trend + effects.
    Additive,
    /// trend × (1 + effects).
    Multiplicative,
}

/// Whether a season is in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// If the history has two of its periods and is sampled finely enough.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Switch {
    fn resolve(self, auto: bool) -> bool {
        match self {
            Self::Auto => auto,
            Self::On => true,
            Self::Off => false,
        }
    }
}

impl Default for Prophet {
    fn default() -> Self {
        Self {
            growth: Growth::Linear,
            seasonality_mode: Mode::Additive,
            changepoints: 25,
            changepoint_range: 0.8,
            changepoint_prior_scale: 0.05,
            seasonality_prior_scale: 10.0,
            holidays_prior_scale: 10.0,
            yearly: Switch::Auto,
            weekly: Switch::Auto,
            daily: Switch::Auto,
            draws: 400,
        }
    }
}

impl Forecaster for Prophet {
    fn fit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.check()?;
        let input = Input::new(history, known)?;
        self.check_length(&input)?;
        if let Some(value) = history.constant() {
            return Ok(Box::new(Constant { settings: self.clone(), value }));
        }
        let optimizer = Native::default();
        let found = optimizer.found.clone();
        let model = self.model(&input, optimizer)?;
        let found = *found.get().ok_or_else(|| failed("the optimizer was not called"))?;
        if !(found.noise.is_finite() && found.mean_change.is_finite()) {
            return Err(failed("the optimizer left the real numbers"));
        }
        Ok(Box::new(FittedProphet::new(self, model, input, found, seed)))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl Prophet {
    /// Rejects settings that no model can have.
    fn check(&self) -> Result<(), ForecastError> {
        if self.growth == Growth::Logistic {
            return Err(unsupported("does not offer logistic growth: use `growth: linear` or `growth: flat`"));
        }
        let scales = [
            ("changepoint_prior_scale", self.changepoint_prior_scale),
            ("seasonality_prior_scale", self.seasonality_prior_scale),
            ("holidays_prior_scale", self.holidays_prior_scale),
        ];
        for (name, scale) in scales {
            if !(scale.is_finite() && scale > 0.0) {
                return Err(unsupported(format!("needs `{name}` above 0, got {scale}")));
            }
        }
        if !(self.changepoint_range > 0.0 && self.changepoint_range <= 1.0) {
            return Err(unsupported(format!("needs `changepoint_range` above 0 and up to 1, got {}", self.changepoint_range)));
        }
        if self.draws == 0 {
            return Err(unsupported("needs at least 1 of `draws`"));
        }
        Ok(())
    }

    /// Level, slope and effects need one point more than there are of them, or no residual tells the noise.
    fn check_length(&self, input: &Input) -> Result<(), ForecastError> {
        let effects = 2 * self.seasons(input).iter().map(|(_, _, order)| order).sum::<usize>() + input.effects.len();
        let needed = 3 + effects;
        if input.y.len() < needed {
            let why = format!("level, slope, {effects} seasonal and known effects, and one to tell the noise");
            return Err(ForecastError::TooShort { model: NAME, got: input.y.len(), needed, why });
        }
        Ok(())
    }

    /// The seasons in the model: name, period in days, pairs of terms. The rules of `auto` are the original's.
    fn seasons(&self, input: &Input) -> Vec<(&'static str, f64, usize)> {
        let (length, gap) = (input.length(), input.smallest_gap());
        let seasons = [
            (self.yearly.resolve(length >= 730 * DAY), ("yearly", 365.25, 10)),
            (self.weekly.resolve(length >= 14 * DAY && gap < 7 * DAY), ("weekly", 7.0, 3)),
            (self.daily.resolve(length >= 2 * DAY && gap < DAY), ("daily", 1.0, 4)),
        ];
        seasons.into_iter().filter_map(|(on, season)| on.then_some(season)).collect()
    }

    /// augurs' model, fitted with an optimizer.
    fn model<O: Optimizer>(&self, input: &Input, optimizer: O) -> Result<Model<O>, ForecastError> {
        let seasons = self.seasons(input);
        let season = |name| SeasonalityOption::Manual(seasons.iter().any(|(other, _, _)| *other == name));
        let mode = match self.seasonality_mode {
            Mode::Additive => FeatureMode::Additive,
            Mode::Multiplicative => FeatureMode::Multiplicative,
        };
        let options = ProphetOptions {
            growth: if self.growth == Growth::Flat { GrowthType::Flat } else { GrowthType::Linear },
            changepoints: Some(self.changepoints(&input.stamps)),
            changepoint_range: positive(self.changepoint_range)?,
            changepoint_prior_scale: positive(self.changepoint_prior_scale)?,
            seasonality_prior_scale: positive(self.seasonality_prior_scale)?,
            holidays_prior_scale: positive(self.holidays_prior_scale)?,
            seasonality_mode: mode,
            yearly_seasonality: season("yearly"),
            weekly_seasonality: season("weekly"),
            daily_seasonality: season("daily"),
            uncertainty_samples: 0,
            ..ProphetOptions::default()
        };
        let mut model = Model::new(options, optimizer);
        for number in 0..input.effects.len() {
            let regressor = if mode == FeatureMode::Additive { Regressor::additive() } else { Regressor::multiplicative() };
            let regressor = regressor.with_prior_scale(positive(self.holidays_prior_scale)?).with_standardize(Standardize::No);
            model.add_regressor(effects::name(number), regressor);
        }
        let columns = effects::columns(&input.effects, &input.known, &input.rows).map_err(|name| not_finite(&name))?;
        let data =
            TrainingData::new(input.stamps.clone(), input.y.clone()).and_then(|data| data.with_regressors(columns)).map_err(failed)?;
        model.fit(data, augurs::prophet::optimizer::OptimizeOpts::default()).map_err(failed)?;
        Ok(model)
    }

    /// Stamps of the changepoints: evenly over rows, not time, the first row left out.
    ///
    /// DIFFERENCE: augurs rounds halves away from zero, the original to even; handed over, so that they are the original's.
    fn changepoints(&self, stamps: &[i64]) -> Vec<i64> {
        let mut sorted = stamps.to_vec();
        sorted.sort_unstable();
        let last = ((sorted.len() as f64 * self.changepoint_range).floor() as usize).saturating_sub(1);
        let count = self.changepoints.min(last);
        (1..=count).map(|i| sorted[(i as f64 * (last as f64 / count as f64)).round_ties_even() as usize]).collect()
    }
}

fn positive(value: f64) -> Result<PositiveFloat, ForecastError> {
    PositiveFloat::try_new(value).map_err(failed)
}

fn failed(why: impl std::fmt::Display) -> ForecastError {
    ForecastError::Failed { model: NAME, problem: why.to_string() }
}

fn unsupported(problem: impl Into<String>) -> ForecastError {
    ForecastError::Unsupported { model: NAME, problem: problem.into() }
}

fn not_finite(name: &str) -> ForecastError {
    unsupported(format!("needs a finite value of regressor `{name}` in every bucket: fill its gaps or leave the column out"))
}

#[cfg(test)]
mod tests;
