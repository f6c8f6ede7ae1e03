//! The oracle: the truth as a detector. What it scores is the best any detector can; anything less is a bug of the scorer.

use crate::data::truth::GroundTruth;

/// Scores that flag the first bucket of every effect window on a series, and nothing else; `observed` tells missing test buckets.
///
/// Where the first bucket is missing, the next observed one of the window is flagged.
#[must_use]
pub fn scores(truth: &GroundTruth, series: &str, train: usize, observed: &[bool]) -> Vec<Option<f64>> {
    let mut scores: Vec<Option<f64>> = observed.iter().map(|&observed| observed.then_some(0.0)).collect();
    let effects = truth.faults.iter().flat_map(|fault| &fault.effects).filter(|effect| effect.series == series);
    for window in effects.filter_map(|effect| effect.window) {
        let first =
            (window.first..=window.last).filter_map(|bucket| bucket.checked_sub(train)).find(|&bucket| observed.get(bucket) == Some(&true));
        if let Some(bucket) = first {
            scores[bucket] = Some(1.0);
        }
    }
    scores
}
