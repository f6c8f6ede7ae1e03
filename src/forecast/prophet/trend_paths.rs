//! How far the trend may wander after the history: changes at Poisson times, of Laplace sizes.
//!
//! The future changes as often as the history could (the number of changepoints per length of history) and as much as it did (mean
//! |δ|). Taylor & Letham, "Forecasting at scale" (2018), §3.1.4.
//!
//! A path is drawn from its own stream and only as far as it is asked for, so that a bucket gets the same draws whether it is forecast
//! alone or in a window. Paths come in mirrored pairs: sizes are symmetric, so the mirror is as likely, and the paths average to the
//! forecast exactly.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::seed::Seed;

/// The law of future changes; time and rates in units of the scaled history, whose end is 0 here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Law {
    /// Changes per unit of time.
    pub(super) rate: f64,
    /// Mean absolute size of a change.
    pub(super) size: f64,
}

impl Law {
    /// The sd of the trend's deviation `ahead` of the history: a compound Poisson sum of Laplace sizes (variance 2·size²), each times the
    /// time since its change, so 2·size²·rate·∫₀ʰ u² du.
    pub(super) fn sd(&self, ahead: f64) -> f64 {
        let h = ahead.max(0.0);
        self.size * (2.0 / 3.0 * self.rate * h * h * h).sqrt()
    }
}

/// Rate and level added by all changes up to and including the one at `at`.
#[derive(Debug, Clone, Copy)]
struct Change {
    at: f64,
    rate: f64,
    level: f64,
}

#[derive(Debug)]
struct Path {
    rng: ChaCha8Rng,
    changes: Vec<Change>,
    /// Drawn but not yet reached.
    next: Change,
}

impl Path {
    fn new(rng: ChaCha8Rng, law: Law) -> Self {
        let mut path = Self { rng, changes: Vec::new(), next: Change { at: 0.0, rate: 0.0, level: 0.0 } };
        path.draw(law);
        path
    }

    /// Draws the change after `next`.
    fn draw(&mut self, law: Law) {
        // 1 − u lies in (0, 1], so no logarithm is infinite.
        let at = self.next.at - libm::log(1.0 - self.rng.random::<f64>()) / law.rate;
        let size = -law.size * libm::log(1.0 - self.rng.random::<f64>());
        let size = if self.rng.random::<bool>() { size } else { -size };
        self.next = Change { at, rate: self.next.rate + size, level: self.next.level - size * at };
    }

    fn deviation(&mut self, ahead: f64, law: Law) -> f64 {
        while self.next.at <= ahead {
            self.changes.push(self.next);
            self.draw(law);
        }
        match self.changes.partition_point(|change| change.at <= ahead).checked_sub(1) {
            Some(last) => self.changes[last].rate * ahead + self.changes[last].level,
            None => 0.0,
        }
    }
}

/// Simulated paths of the trend, extended when asked for later times.
#[derive(Debug)]
pub(super) struct TrendPaths {
    law: Law,
    seed: Seed,
    pairs: usize,
    /// Empty until the first question.
    paths: Vec<Path>,
}

impl TrendPaths {
    /// `draws` paths (rounded up to pairs) of a law.
    pub(super) fn new(law: Law, draws: usize, seed: Seed) -> Self {
        Self { law, seed, pairs: draws.div_ceil(2).max(1), paths: Vec::new() }
    }

    /// The deviation of every path `ahead` of the history.
    pub(super) fn deviations(&mut self, ahead: f64) -> impl Iterator<Item = f64> {
        let law = self.law;
        if self.paths.is_empty() && law.rate > 0.0 {
            let stream = self.seed.child("trend").rng();
            self.paths = (0..self.pairs as u64)
                .map(|number| {
                    let mut rng = stream.clone();
                    rng.set_stream(number);
                    Path::new(rng, law)
                })
                .collect();
        }
        self.paths.iter_mut().flat_map(move |path| {
            let deviation = path.deviation(ahead, law);
            [deviation, -deviation]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAW: Law = Law { rate: 25.0, size: 0.1 };

    fn paths(draws: usize) -> TrendPaths {
        TrendPaths::new(LAW, draws, Seed::derive(["test"]))
    }

    #[test]
    fn a_bucket_gets_the_same_draws_alone_and_in_a_window() {
        let mut forward = paths(50);
        let window: Vec<Vec<f64>> = [0.01, 0.1, 0.4].map(|h| forward.deviations(h).collect()).into();
        let alone: Vec<f64> = paths(50).deviations(0.4).collect();
        assert_eq!(window[2], alone);
        let again: Vec<f64> = forward.deviations(0.1).collect();
        assert_eq!(window[1], again);
    }

    #[test]
    fn the_spread_of_many_paths_is_the_closed_form() {
        let mut many = paths(40_000);
        for h in [0.1, 0.5] {
            let deviations: Vec<f64> = many.deviations(h).collect();
            let sd = (deviations.iter().map(|d| d * d).sum::<f64>() / deviations.len() as f64).sqrt();
            // Kurtosis at h = 0.1 is about 7, so the sd of the estimate over 20,000 independent paths is 0.9 %; four of those.
            assert!((sd / LAW.sd(h) - 1.0).abs() < 0.036, "{h}: {sd} against {}", LAW.sd(h));
        }
    }

    #[test]
    fn before_the_end_of_the_history_nothing_deviates() {
        assert!(paths(10).deviations(-0.1).all(|deviation| deviation == 0.0));
        assert_eq!(LAW.sd(-1.0), 0.0);
    }
}
