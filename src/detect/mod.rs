//! Detectors: a score per bucket, higher is stranger. A blind room.
//!
//! Every forecaster is a detector through [`Residual`](residual::Residual); the floors are detectors of their own.

pub mod page;

use serde::{Deserialize, Serialize};

use crate::data::{Known, Series};
use crate::forecast::ForecastError;
use crate::seed::Seed;

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
