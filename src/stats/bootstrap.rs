//! Bootstrap intervals: how far a number could have been elsewhere, had the units been drawn again.
//!
//! Units are drawn with replacement within strata. The interval is BCa, bias-corrected and accelerated (Efron 1987; Efron & Tibshirani
//! 1993, ch. 14.3, and eq. 15.36 for several samples), which keeps its coverage where a statistic is skewed, as shares near 0 or 1 are.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{normal, quantile};
use crate::seed::Seed;

/// Both ends of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

impl Interval {
    /// Whether a value lies inside, ends included.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.lower <= value && value <= self.upper
    }
}

/// The more resamples are undefined, the less the defined ones stand for all of them: beyond this share there is no interval.
const MAX_UNDEFINED: f64 = 0.05;

/// How units are drawn again.
#[derive(Debug, Clone)]
pub struct Resampling {
    units: usize,
    strata: Vec<Vec<usize>>,
    resamples: usize,
    seed: Seed,
}

/// A statistic of a sample, of its resamples, and of the sample without each unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Of the sample itself.
    pub point: Option<f64>,
    /// Of each resample; `None` where it is undefined.
    pub replicates: Vec<Option<f64>>,
    /// By stratum: of the sample without each unit in turn.
    pub jackknife: Vec<Vec<Option<f64>>>,
}

/// Computes statistics of a sample in which unit `i` stands `weights[i]` times, and writes one per slot.
pub type Statistics<'a> = dyn FnMut(&[u32], &mut [Option<f64>]) + 'a;

impl Resampling {
    /// A resampling of as many units as `strata` has entries, each the stratum of its unit.
    #[must_use]
    pub fn stratified(strata: &[usize], resamples: usize, seed: Seed) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); strata.iter().max().map_or(0, |last| last + 1)];
        for (unit, &stratum) in strata.iter().enumerate() {
            members[stratum].push(unit);
        }
        members.retain(|stratum| !stratum.is_empty());
        Self { units: strata.len(), strata: members, resamples, seed }
    }

    /// The distributions of several statistics over the same resamples; equal seeds and strata give equal resamples.
    #[must_use]
    pub fn distributions(&self, slots: usize, statistics: &mut Statistics<'_>) -> Vec<Distribution> {
        let mut values = vec![None; slots];
        let mut weights = vec![1_u32; self.units];
        statistics(&weights, &mut values);
        let empty = || Distribution { point: None, replicates: Vec::with_capacity(self.resamples), jackknife: Vec::new() };
        let mut found: Vec<Distribution> = values.iter().map(|&point| Distribution { point, ..empty() }).collect();

        for stratum in &self.strata {
            found.iter_mut().for_each(|distribution| distribution.jackknife.push(Vec::with_capacity(stratum.len())));
            for &unit in stratum {
                weights[unit] = 0;
                values.fill(None);
                statistics(&weights, &mut values);
                weights[unit] = 1;
                for (distribution, value) in found.iter_mut().zip(&values) {
                    distribution.jackknife.last_mut().expect("pushed above").push(*value);
                }
            }
        }

        let mut rng = self.seed.rng();
        for _ in 0..self.resamples {
            weights.fill(0);
            for stratum in &self.strata {
                // A 32-bit draw is the same on every target.
                let len = u32::try_from(stratum.len()).unwrap_or(u32::MAX);
                for _ in stratum {
                    weights[stratum[rng.random_range(0..len) as usize]] += 1;
                }
            }
            values.fill(None);
            statistics(&weights, &mut values);
            found.iter_mut().zip(&values).for_each(|(distribution, value)| distribution.replicates.push(*value));
        }
        found
    }

    /// The distribution of one statistic.
    #[must_use]
    pub fn distribution(&self, statistic: &mut dyn FnMut(&[u32]) -> Option<f64>) -> Distribution {
        let mut only = self.distributions(1, &mut |weights, out| out[0] = statistic(weights));
        only.pop().expect("one slot was asked for")
    }
}

impl Distribution {
    /// The BCa interval; nothing when the statistic or more than 5 % of its resamples are undefined.
    #[must_use]
    pub fn bca(&self, level: f64) -> Option<Interval> {
        let point = self.point?;
        let mut defined: Vec<f64> = self.replicates.iter().flatten().copied().collect();
        let undefined = self.replicates.len() - defined.len();
        if defined.is_empty() || undefined as f64 > MAX_UNDEFINED * self.replicates.len() as f64 {
            return None;
        }
        defined.sort_by(f64::total_cmp);
        let bias = bias(&defined, point);
        let acceleration = acceleration(&self.jackknife);
        let end = |p: f64| {
            let shifted = bias + normal::quantile(p);
            let stretch = 1.0 - acceleration * shifted;
            // Beyond the pole of the transformation only the extreme resample is left.
            let z = if stretch > 0.0 { bias + shifted / stretch } else { shifted * f64::INFINITY };
            quantile::sorted(&defined, normal::cdf(z))
        };
        Some(Interval { lower: end((1.0 - level) / 2.0)?, upper: end((1.0 + level) / 2.0)? })
    }
}

/// z0: the normal quantile of the share of resamples below the point, ties counted half.
fn bias(sorted: &[f64], point: f64) -> f64 {
    let below = sorted.partition_point(|value| *value < point);
    let up_to = sorted.partition_point(|value| *value <= point);
    let n = sorted.len() as f64;
    // A point beyond all resamples would push both ends to infinity: half a resample is left on the other side.
    let share = ((below + up_to) as f64 / (2.0 * n)).clamp(0.5 / n, 1.0 - 0.5 / n);
    normal::quantile(share)
}

/// a: the skewness of the statistic by the jackknife, strata added as in eq. 15.36.
fn acceleration(jackknife: &[Vec<Option<f64>>]) -> f64 {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for stratum in jackknife {
        let n = stratum.len() as f64;
        let defined = stratum.iter().flatten();
        let count = defined.clone().count();
        if count == 0 {
            continue;
        }
        let mean = defined.clone().sum::<f64>() / count as f64;
        let (mut stratum_cubes, mut stratum_squares) = (0.0, 0.0);
        for value in defined {
            let influence = (n - 1.0) * (mean - value);
            stratum_squares += influence * influence;
            stratum_cubes += influence * influence * influence;
        }
        cubes += stratum_cubes / (n * n * n);
        squares += stratum_squares / (n * n);
    }
    if squares > 0.0 { cubes / (6.0 * squares * squares.sqrt()) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed() -> Seed {
        Seed::derive(["test", "bootstrap"])
    }

    #[test]
    fn resamples_keep_the_size_of_every_stratum() {
        let strata = [0, 0, 0, 2, 2];
        let mut first = Vec::new();
        let resampling = Resampling::stratified(&strata, 50, seed());
        let _ = resampling.distribution(&mut |weights| {
            first.push(weights.to_vec());
            Some(0.0)
        });
        // The first six are the sample and the five jackknife samples.
        for weights in &first[6..] {
            assert_eq!(weights[..3].iter().sum::<u32>(), 3);
            assert_eq!(weights[3..].iter().sum::<u32>(), 2);
        }
        assert!(first[6..].iter().any(|weights| weights != &first[6]));
    }

    #[test]
    fn a_statistic_that_cannot_move_has_an_interval_without_width() {
        let distribution = Resampling::stratified(&[0; 25], 200, seed()).distribution(&mut |_| Some(0.7));
        assert_eq!(distribution.bca(0.95), Some(Interval { lower: 0.7, upper: 0.7 }));
    }

    #[test]
    fn often_undefined_resamples_leave_no_interval() {
        let resampling = Resampling::stratified(&[0; 20], 400, seed());
        // Defined only if unit 0 was drawn: about 64 % of resamples.
        let rare = resampling.distribution(&mut |weights| (weights[0] > 0).then(|| f64::from(weights[0])));
        assert_eq!(rare.bca(0.95), None);
        let mut calls = 0;
        let mostly = resampling.distribution(&mut |weights| {
            calls += 1;
            (calls % 50 != 0).then(|| f64::from(weights[0] + 2 * weights[1]))
        });
        assert!(mostly.bca(0.95).is_some());
    }

    #[test]
    fn a_point_beyond_all_resamples_still_has_a_finite_interval() {
        let distribution = Distribution { point: Some(9.0), replicates: vec![Some(1.0), Some(2.0)], jackknife: vec![vec![None, None]] };
        let interval = distribution.bca(0.95).expect("all resamples are defined");
        assert!(interval.lower.is_finite() && interval.upper.is_finite());
    }
}
