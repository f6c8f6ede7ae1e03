//! Small counts drawn with one uniform each, by inverting a Poisson distribution, and their moments.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A Poisson count above a least one.
#[derive(Debug, Clone)]
pub(super) struct Count {
    least: u32,
    mean: f64,
    /// Probability of at most 0, 1, 2, … above the least.
    cumulative: Vec<f64>,
}

impl Count {
    /// 1 + Poisson, of this mean.
    pub(super) fn at_least_one(mean: f64) -> Self {
        Self::above(1, mean - 1.0)
    }

    /// Poisson of this mean.
    pub(super) fn poisson(mean: f64) -> Self {
        Self::above(0, mean)
    }

    fn above(least: u32, mean: f64) -> Self {
        let mean = mean.max(0.0);
        // Far enough that what lies beyond has less weight than a uniform number can tell.
        let last = (mean + 12.0 * mean.sqrt() + 20.0) as usize;
        let mut sum = 0.0;
        let log_mean = libm::log(mean.max(f64::MIN_POSITIVE));
        let weight = |k: usize| match k {
            0 => libm::exp(-mean),
            k => libm::exp(k as f64 * log_mean - mean - libm::lgamma(k as f64 + 1.0)),
        };
        let cumulative = (0..=last)
            .map(|k| {
                sum += weight(k);
                sum
            })
            .collect();
        Self { least, mean, cumulative }
    }

    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        let uniform: f64 = rng.random();
        let above = if self.cumulative.len() <= 48 {
            self.cumulative.iter().position(|at_most| uniform < *at_most).unwrap_or(self.cumulative.len() - 1)
        } else {
            self.cumulative.partition_point(|at_most| *at_most <= uniform).min(self.cumulative.len() - 1)
        };
        self.least + u32::try_from(above).unwrap_or(0)
    }

    pub(super) fn mean(&self) -> f64 {
        f64::from(self.least) + self.mean
    }

    pub(super) const fn variance(&self) -> f64 {
        self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn counts_have_the_mean_and_variance_they_state() {
        let mut rng = Seed::derive(["count"]).rng();
        for count in [Count::poisson(0.4), Count::at_least_one(1.0), Count::at_least_one(1.6), Count::at_least_one(80.0)] {
            let values: Vec<f64> = (0..40_000).map(|_| f64::from(count.draw(&mut rng))).collect();
            let mean = values.iter().sum::<f64>() / 40_000.0;
            let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 40_000.0;
            // Four standard errors.
            assert!((mean - count.mean()).abs() <= 4.0 * (count.variance() / 40_000.0).sqrt(), "{mean}");
            assert!((variance - count.variance()).abs() <= 0.05 * count.variance(), "{variance}");
        }
    }
}
