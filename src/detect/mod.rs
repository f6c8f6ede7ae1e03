//! Detectors: a score per bucket, higher is stranger. A blind room.
//!
//! Every forecaster is a detector through [`Residual`]; the floors are detectors of their own.

pub mod floor;
pub mod page;
pub mod residual;
pub mod threshold;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::{Deserialize, Serialize};

use crate::data::{Known, Series};
use crate::forecast::{self, ForecastError, UnknownModel};
use crate::name::known_names;
use crate::seed::Seed;

pub use residual::{Protocol, Residual, native_threshold};

/// Why a detector could not score a series.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum DetectError {
    /// The forecaster behind it refused or failed.
    #[error(transparent)]
    Forecast(#[from] ForecastError),
    /// A series without any spread has no tail probabilities.
    #[error(
        "train is constant ({n} values, all {value}): there is no spread to judge other values by; give a longer or another train range"
    )]
    ConstantTrain {
        /// The one value.
        value: f64,
        /// How often it occurs.
        n: usize,
    },
    /// A score or forecast was not a number.
    #[error("`{model}` returned {got} for {stamp}: not a finite number")]
    NotFinite {
        /// The model.
        model: String,
        /// What it returned.
        got: String,
        /// The bucket.
        stamp: String,
    },
}

/// What a forecaster expected of a bucket, at the interval level asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Point forecast.
    pub expected: f64,
    /// Lower end of the interval.
    pub lower: f64,
    /// Upper end of the interval.
    pub upper: f64,
}

/// A detector's answer for the test range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Per test bucket: the score, or `None` where the bucket is missing.
    pub scores: Vec<Option<f64>>,
    /// Per test bucket: what was expected; empty for floors.
    pub bands: Vec<Band>,
    /// How often parameters were estimated.
    pub fits: usize,
}

/// Anything that scores the buckets of a test range after seeing a train range.
pub trait Detector: Send + Sync {
    /// Scores `test`, which follows `train` without a hole; `known` covers both.
    ///
    /// # Errors
    /// [`DetectError`] when the model cannot take the series.
    fn detect(&self, train: &Series, test: &Series, known: &Known, seed: Seed) -> Result<Detection, DetectError>;
}

/// What a name in a matrix stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Something to choose.
    Model,
    /// Something every model must beat.
    Floor,
    /// The truth itself: what perfect detection scores. Not in the registries of this room.
    Oracle,
    /// An agent whose model is a script: shows that everything works, and is never ranked.
    Scripted,
}

/// A detector with what identifies it.
pub struct Built {
    /// The detector.
    pub detector: Box<dyn Detector>,
    /// Model or floor.
    pub role: Role,
    /// Whether it states intervals, and so has a native operating point.
    pub states_intervals: bool,
    /// Every setting that can change an answer, defaults included.
    pub settings: serde_json::Value,
    /// Test buckets judged so far, for whoever shows progress.
    pub judged: Arc<AtomicUsize>,
}

/// The forecaster that counts as a floor.
const FLOOR_FORECASTER: &str = "seasonal-naive";

/// The names of all floors, sorted.
#[must_use]
pub fn floors() -> Vec<&'static str> {
    let mut names: Vec<_> = floor::REGISTRY.iter().map(|entry| entry.name).chain([FLOOR_FORECASTER]).collect();
    names.sort_unstable();
    names
}

/// Builds what `--models` names: a forecaster under the protocol, or a floor.
///
/// # Errors
/// [`UnknownModel`] with the known names and the nearest one, or with the setting that is wrong.
pub fn build(name: &str, settings: &serde_json::Value, protocol: Protocol) -> Result<Built, UnknownModel> {
    if let Some(entry) = floor::REGISTRY.iter().find(|entry| entry.name == name) {
        let settings = serde_json::json!({});
        return Ok(Built { detector: (entry.build)(), role: Role::Floor, states_intervals: false, settings, judged: Arc::default() });
    }
    let names = || forecast::REGISTRY.iter().map(|entry| entry.name).chain(floor::REGISTRY.iter().map(|entry| entry.name));
    if !names().any(|known| known == name) {
        return Err(UnknownModel::Name { name: name.to_owned(), known: known_names(name, names()) });
    }
    let model = forecast::build(name, settings)?;
    let settings = model.settings();
    let role = if name == FLOOR_FORECASTER { Role::Floor } else { Role::Model };
    let residual = Residual::new(name, model, protocol);
    let judged = residual.judged();
    Ok(Built { detector: Box::new(residual), role, states_intervals: true, settings, judged })
}
