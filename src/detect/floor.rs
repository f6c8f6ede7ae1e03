//! Floors: detectors that know nothing. A model that does not beat them has shown nothing.
//!
//! Random, ramp and |diff| do well on flawed benchmarks (Kim et al. 2022, arXiv 2109.05257; Wu & Keogh 2021, arXiv 2009.13807), so
//! they stand in every matrix, thresholded like the models.

use rand::RngExt;

use super::{DetectError, Detection, Detector};
use crate::data::{Known, Series};
use crate::seed::Seed;

/// A row of the registry.
pub struct Entry {
    /// Its name in tables.
    pub name: &'static str,
    /// One line for `harness list models`.
    pub about: &'static str,
    /// Builds it.
    pub build: fn() -> Box<dyn Detector>,
}

/// Every floor that is not a forecaster.
pub const REGISTRY: &[Entry] = &[
    Entry { name: "abs-diff", about: "Absolute difference to the last observed value.", build: || Box::new(Floor(abs_diff)) },
    Entry { name: "constant", about: "The same score for every bucket: never pages.", build: || Box::new(Floor(constant)) },
    Entry { name: "ramp", about: "The number of the bucket: strange because late.", build: || Box::new(Floor(ramp)) },
    Entry { name: "random", about: "A seeded uniform number.", build: || Box::new(Floor(random)) },
];

type Scores = fn(&Series, &Series, Seed) -> Vec<f64>;

struct Floor(Scores);

impl Detector for Floor {
    fn detect(&self, train: &Series, test: &Series, _known: &Known, seed: Seed) -> Result<Detection, DetectError> {
        let scores = (self.0)(train, test, seed);
        let scores = scores.into_iter().zip(test.values()).map(|(score, value)| value.map(|_| score)).collect();
        Ok(Detection { scores, bands: Vec::new(), fits: 0 })
    }
}

fn constant(_train: &Series, test: &Series, _seed: Seed) -> Vec<f64> {
    vec![0.0; test.len()]
}

fn ramp(_train: &Series, test: &Series, _seed: Seed) -> Vec<f64> {
    (0..test.len()).map(|bucket| bucket as f64).collect()
}

fn random(_train: &Series, test: &Series, seed: Seed) -> Vec<f64> {
    let mut rng = seed.child("random floor").rng();
    (0..test.len()).map(|_| rng.random::<f64>()).collect()
}

fn abs_diff(train: &Series, test: &Series, _seed: Seed) -> Vec<f64> {
    let mut last = train.values().iter().rev().find_map(|value| *value);
    let mut scores = Vec::with_capacity(test.len());
    for value in test.values() {
        scores.push(match (last, value) {
            (Some(last), Some(value)) => (value - last).abs(),
            _ => 0.0,
        });
        last = value.or(last);
    }
    scores
}
