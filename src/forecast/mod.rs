//! Forecasters: learn a history, state a distribution for each bucket ahead, take in what happened.
//!
//! A blind room: it sees series and what is known of their stamps, never scenarios or truth. A model is one file and one row of
//! [`REGISTRY`]; its settings are the fields of its struct.

pub mod arima;
mod dense;
pub mod ets;
pub mod features;
pub mod forest;
pub mod interval;
pub mod lgbm;
pub mod mstl;
pub mod poisson_glm;
mod predictive;
pub mod prophet;
mod regression;
pub mod season;
pub mod seasonal_naive;
pub mod xgb;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::data::{Known, Series};
use crate::name::known_names;
use crate::seed::Seed;

pub use interval::{FoldError, Interval};
pub use predictive::{ErrorSizes, Predictive};

/// Why a model could not fit or predict.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum ForecastError {
    /// The history has too few points for the model.
    #[error("series has {got} points, `{model}` needs at least {needed} ({why})")]
    TooShort {
        /// The model.
        model: &'static str,
        /// Points with a value.
        got: usize,
        /// Points needed.
        needed: usize,
        /// Where the number comes from, for example `two seasons of 24`.
        why: String,
    },
    /// The model cannot take this input or setting.
    #[error("`{model}` {problem}")]
    Unsupported {
        /// The model.
        model: &'static str,
        /// What is not possible and the way out, for example `takes seasons up to 60, got 288: sum to a coarser step with --step 1h`.
        problem: String,
    },
    /// The model produced a value that is not a number; never scored.
    #[error("`{model}` failed: {problem}")]
    Failed {
        /// The model.
        model: &'static str,
        /// What went wrong.
        problem: String,
    },
}

/// A model before it has seen data. Its fields are its settings.
pub trait Forecaster: Send + Sync {
    /// Learns a history; `known` covers exactly the buckets of the history.
    ///
    /// # Errors
    /// [`ForecastError::TooShort`] with the number of points needed, or what else the model cannot take.
    fn fit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError>;

    /// Every setting that can change an answer, defaults included.
    fn settings(&self) -> serde_json::Value;
}

/// A model after `fit`: the only thing that can predict. [`Fitted::observe`] is the only way later values enter.
pub trait Fitted: Send {
    /// One distribution per bucket of `ahead`, whose first bucket is the one after the last fitted or observed.
    ///
    /// # Errors
    /// What the model cannot do for these buckets.
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError>;

    /// Takes in the next bucket: its value, or `None` if it is missing. Parameters stay as they are.
    fn observe(&mut self, value: Option<f64>);

    /// Learns a longer history again; the model may keep what need not be repeated (for example its out-of-sample error estimate).
    ///
    /// # Errors
    /// As [`Forecaster::fit`].
    fn refit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError>;

    /// One-step forecasts of values the model had not learnt, from expanding-window folds of its own, in time order; `None` if it makes no
    /// folds.
    fn fold_errors(&self) -> Option<&[FoldError]> {
        None
    }
}

/// What a forecaster promises about the unit and the origin of a series with its own intervals, up to a thousandth of the series' sd. Conformal
/// intervals keep the first promise but not the second: whether errors grow with the mean depends on the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promises {
    /// Values in another unit give the same forecasts in that unit.
    pub scale: bool,
    /// A constant added to all values is added to all forecasts.
    pub shift: bool,
}

impl Promises {
    const SCALE: Self = Self { scale: true, shift: false };
    const SCALE_AND_SHIFT: Self = Self { scale: true, shift: true };
    const NONE: Self = Self { scale: false, shift: false };
}

/// A row of the registry.
pub struct Entry {
    /// What `--models` calls it.
    pub name: &'static str,
    /// One line for `harness list models`.
    pub about: &'static str,
    /// Where its intervals come from unless the setting `interval` says otherwise: `conformal` where that lowers `coverage_error` by more than 0.01 on
    /// dev seeds of the library (`harness run evals/calibration.yaml --role dev --seeds 6`), and its own way elsewhere. `count` refuses what is no count.
    pub interval: Interval,
    /// What it promises about units.
    pub promises: Promises,
    /// Builds it from settings; `{}` means defaults.
    pub build: fn(&serde_json::Value) -> Result<Box<dyn Forecaster>, serde_json::Error>,
}

/// Every forecaster, by name.
pub const REGISTRY: &[Entry] = &[
    Entry {
        name: "arima",
        about: "Seasonal ARIMA by exact maximum likelihood; seasons up to 60 buckets.",
        interval: Interval::Native,
        promises: Promises::SCALE_AND_SHIFT,
        build: from_settings::<arima::Arima>,
    },
    Entry {
        name: "auto-arima",
        about: "Seasonal ARIMA whose orders a stepwise search finds by AICc.",
        interval: Interval::Native,
        promises: Promises::SCALE_AND_SHIFT,
        build: from_settings::<arima::AutoArima>,
    },
    Entry {
        name: "ets",
        about: "Exponential smoothing with season and trend, the form chosen by AICc.",
        interval: Interval::Native,
        promises: Promises::SCALE,
        build: from_settings::<ets::Ets>,
    },
    Entry {
        name: "forest",
        about: "Random forest on lags and the calendar; learns its errors from expanding-window folds.",
        interval: Interval::Conformal,
        promises: Promises::SCALE_AND_SHIFT,
        build: from_settings::<forest::Forest>,
    },
    Entry {
        name: "lgbm",
        about: "Gradient-boosted trees on lags and the calendar, equal to LightGBM's; learns its errors from expanding-window folds.",
        interval: Interval::Conformal,
        promises: Promises::SCALE,
        build: from_settings::<lgbm::Lgbm>,
    },
    Entry {
        name: "mstl",
        about: "One or two seasons taken off by Loess, the rest by exponential smoothing; seasons of any length.",
        interval: Interval::Native,
        promises: Promises::SCALE,
        build: from_settings::<mstl::Mstl>,
    },
    Entry {
        name: "poisson-glm",
        about: "Poisson regression on trend, season, weekday and holidays, for counts; its own intervals are negative binomial.",
        interval: Interval::Native,
        promises: Promises::NONE,
        build: from_settings::<poisson_glm::PoissonGlm>,
    },
    Entry {
        name: "prophet",
        about: "Prophet: piecewise linear trend, Fourier seasons, holidays; its own intervals are from simulated trends.",
        interval: Interval::Conformal,
        promises: Promises::SCALE,
        build: from_settings::<prophet::Prophet>,
    },
    Entry {
        name: "seasonal-naive",
        about: "The value one season ago; its sd from the differences over one season.",
        interval: Interval::Native,
        promises: Promises::SCALE_AND_SHIFT,
        build: from_settings::<seasonal_naive::SeasonalNaive>,
    },
    Entry {
        name: "xgb",
        about: "Boosted trees of fixed depth with an L2 penalty on lags and the calendar; learns its errors from expanding-window folds.",
        interval: Interval::Conformal,
        promises: Promises::SCALE,
        build: from_settings::<xgb::Xgb>,
    },
];

/// The setting that every forecaster has beside its own.
pub const INTERVAL: &str = "interval";

/// A model's struct filled from settings, absent ones at their defaults.
fn from_settings<M>(settings: &serde_json::Value) -> Result<Box<dyn Forecaster>, serde_json::Error>
where
    M: Forecaster + DeserializeOwned + Serialize + 'static,
{
    Ok(Box::new(serde_json::from_value::<M>(settings.clone())?))
}

/// A name or setting that no forecaster has.
#[derive(Debug, thiserror::Error)]
pub enum UnknownModel {
    /// No row has this name.
    #[error("unknown forecaster `{name}` {known}")]
    Name {
        /// What was asked for.
        name: String,
        /// Known names and the nearest one.
        known: String,
    },
    /// The settings do not fit the model.
    #[error("settings of `{name}`: {source}")]
    Settings {
        /// The model.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// Builds a forecaster by name.
///
/// # Errors
/// [`UnknownModel`] with the known names and the nearest one, or with the setting that is wrong.
pub fn build(name: &str, settings: &serde_json::Value) -> Result<Box<dyn Forecaster>, UnknownModel> {
    let entry = REGISTRY
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| UnknownModel::Name { name: name.to_owned(), known: known_names(name, REGISTRY.iter().map(|entry| entry.name)) })?;
    let settings_error = |source| UnknownModel::Settings { name: name.to_owned(), source };
    let mut own = settings.clone();
    let interval = match own.as_object_mut().and_then(|own| own.remove(INTERVAL)) {
        Some(interval) => serde_json::from_value(interval).map_err(settings_error)?,
        None => entry.interval,
    };
    let model = (entry.build)(&own).map_err(settings_error)?;
    Ok(Box::new(interval::Stated { name: entry.name, model, interval }))
}
