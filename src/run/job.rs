//! One job: a detector on a series, with everything that can go wrong turned into an outcome.

use crate::data::{Known, Series};
use crate::detect::{DetectError, Detection, Detector};
use crate::forecast::ForecastError;
use crate::record::Outcome;
use crate::seed::Seed;

use super::pool::caught;

/// What a detector sees of one case: no name, no path, no truth.
pub struct Case<'a> {
    /// Train and test together.
    pub series: &'a Series,
    /// What is known in advance, over train and test.
    pub known: Known,
    /// Number of buckets in train.
    pub train: usize,
    /// The seed of this case.
    pub seed: Seed,
}

/// Runs a detector on a case.
pub fn detect(detector: &dyn Detector, case: &Case<'_>) -> (Outcome, Option<Detection>) {
    let train = case.series.slice(0..case.train);
    let test = case.series.slice(case.train..case.series.len());
    match caught(|| detector.detect(&train, &test, &case.known, case.seed)) {
        Ok(Ok(detection)) if detection.scores.iter().flatten().all(|score| score.is_finite()) => (Outcome::Answered, Some(detection)),
        Ok(Ok(_)) => (infra("model", "a score that is not a finite number"), None),
        Ok(Err(error)) => (refusal(&error), None),
        Err(panic) => (infra("model", &panic), None),
    }
}

/// A series the model cannot take is the model's refusal; everything else is a failure.
fn refusal(error: &DetectError) -> Outcome {
    match error {
        DetectError::Forecast(ForecastError::TooShort { .. } | ForecastError::Unsupported { .. }) | DetectError::ConstantTrain { .. } => {
            Outcome::ModelRejected { why: error.to_string() }
        }
        DetectError::Forecast(ForecastError::Failed { .. }) | DetectError::NotFinite { .. } => infra("model", &error.to_string()),
    }
}

/// Something broke at a stage.
#[must_use]
pub fn infra(stage: &str, why: &str) -> Outcome {
    Outcome::Infra { stage: stage.to_owned(), why: why.to_owned() }
}
