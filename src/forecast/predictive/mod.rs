//! The predictive distribution of one bucket.

mod errors;

use std::f64::consts::{LN_2, LN_10};
use std::sync::Arc;

pub use errors::ErrorSizes;

use crate::stats::negative_binomial::Counts;
use crate::stats::normal;

/// What a forecaster says about one bucket before it happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Predictive {
    /// A normal distribution; `sd` may be 0 for a series without any spread.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        sd: f64,
    },
    /// Equal parts of normal distributions with one spread: simulated paths plus observation noise.
    Mixture {
        /// Point forecast (the paths need not average to it exactly).
        mean: f64,
        /// Centre of each path.
        centres: Vec<f64>,
        /// Standard deviation around each centre.
        sd: f64,
    },
    /// Counts: whole numbers from 0, negative binomial, or Poisson at dispersion 0.
    Count {
        /// Mean, above 0.
        mean: f64,
        /// The variance is mean + dispersion · mean².
        dispersion: f64,
    },
    /// As large errors as there were, to both sides alike.
    Errors {
        /// Point forecast.
        mean: f64,
        /// What the sizes are multiplied by.
        scale: f64,
        /// Sizes of earlier errors.
        sizes: Arc<ErrorSizes>,
    },
}

impl Predictive {
    /// The point forecast.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Normal { mean, .. } | Self::Mixture { mean, .. } | Self::Count { mean, .. } | Self::Errors { mean, .. } => *mean,
        }
    }

    /// The standard deviation.
    #[must_use]
    pub fn sd(&self) -> f64 {
        match self {
            Self::Normal { sd, .. } => *sd,
            Self::Mixture { mean, centres, sd } => {
                let spread = centres.iter().map(|centre| (centre - mean) * (centre - mean)).sum::<f64>() / centres.len() as f64;
                (spread + sd * sd).sqrt()
            }
            Self::Count { mean, dispersion } => Counts::new(*mean, *dispersion).sd(),
            Self::Errors { scale, sizes, .. } => scale * sizes.root_mean_square(),
        }
    }

    /// The central interval that holds a share `level` of the distribution, as `(lower, upper)`; of counts the narrowest that holds at least as
    /// much and leaves at most half of the rest on either side. It always holds the mean.
    #[must_use]
    pub fn interval(&self, level: f64) -> (f64, f64) {
        let tail = 0.5 * (1.0 - level);
        match self {
            Self::Normal { mean, sd } => {
                let reach = sd * normal::quantile(1.0 - tail);
                (mean - reach, mean + reach)
            }
            Self::Mixture { mean, centres, sd } => {
                (mixture_quantile(centres, *sd, tail).min(*mean), mixture_quantile(centres, *sd, 1.0 - tail).max(*mean))
            }
            Self::Count { mean, dispersion } => {
                let counts = Counts::new(*mean, *dispersion);
                (counts.quantile(tail).min(*mean), counts.quantile(1.0 - tail).max(*mean))
            }
            Self::Errors { mean, scale, sizes } => {
                let reach = scale * sizes.reach(level);
                (mean - reach, mean + reach)
            }
        }
    }

    /// −log10 of the two-sided tail probability of `y`: 0 at the centre, 2 at the edge of the 99 % interval, never infinite unless the
    /// distribution has no spread, or is one of counts and `y` lies below 0.
    #[must_use]
    pub fn surprise(&self, y: f64) -> f64 {
        match self {
            Self::Normal { mean, sd } if *sd > 0.0 => normal::surprise((y - mean) / sd),
            Self::Normal { mean, .. } => {
                if y == *mean {
                    0.0
                } else {
                    f64::INFINITY
                }
            }
            Self::Mixture { centres, sd, .. } => {
                let above = ln_mean_tail(centres.iter().map(|centre| (y - centre) / sd));
                let below = ln_mean_tail(centres.iter().map(|centre| (centre - y) / sd));
                (-(LN_2 + above.min(below)) / LN_10).max(0.0)
            }
            Self::Count { mean, dispersion } => {
                let counts = Counts::new(*mean, *dispersion);
                (-(LN_2 + counts.ln_upper_tail(y).min(counts.ln_lower_tail(y))) / LN_10).max(0.0)
            }
            Self::Errors { mean, scale, sizes } => -sizes.ln_tail((y - mean) / scale) / LN_10,
        }
    }

    /// Whether every number in it is finite and no spread is negative.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self {
            Self::Normal { mean, sd } => mean.is_finite() && sd.is_finite() && *sd >= 0.0,
            Self::Mixture { mean, centres, sd } => {
                mean.is_finite() && sd.is_finite() && *sd > 0.0 && !centres.is_empty() && centres.iter().all(|centre| centre.is_finite())
            }
            Self::Count { mean, dispersion } => mean.is_finite() && *mean > 0.0 && dispersion.is_finite() && *dispersion >= 0.0,
            Self::Errors { mean, scale, .. } => mean.is_finite() && scale.is_finite() && *scale > 0.0,
        }
    }
}

/// ln of the mean of P(Z > z) over several z, without underflow.
fn ln_mean_tail(z: impl Iterator<Item = f64> + Clone) -> f64 {
    let nearest = z.clone().fold(f64::INFINITY, f64::min);
    let largest = normal::ln_upper_tail(nearest);
    let (mut sum, mut count) = (0.0, 0.0);
    for z in z {
        sum += libm::exp(normal::ln_upper_tail(z) - largest);
        count += 1.0;
    }
    largest + libm::log(sum / count)
}

/// The quantile of an equal mixture: safeguarded Newton between the extreme component quantiles.
fn mixture_quantile(centres: &[f64], sd: f64, p: f64) -> f64 {
    let z = normal::quantile(p);
    let mut low = centres.iter().copied().fold(f64::INFINITY, f64::min) + sd * z;
    let mut high = centres.iter().copied().fold(f64::NEG_INFINITY, f64::max) + sd * z;
    let n = centres.len() as f64;
    let mean = centres.iter().sum::<f64>() / n;
    let variance = centres.iter().map(|centre| (centre - mean) * (centre - mean)).sum::<f64>() / n + sd * sd;
    let mut x = (mean + z * variance.sqrt()).clamp(low, high);
    for _ in 0..60 {
        let (mut cdf, mut density) = (0.0, 0.0);
        for centre in centres {
            let u = (x - centre) / sd;
            cdf += normal::cdf(u);
            density += normal::pdf(u);
        }
        let error = cdf / n - p;
        if error > 0.0 {
            high = x
        } else {
            low = x
        }
        let step = error / (density / (n * sd));
        if step.abs() <= 1e-10 * sd || high - low <= 1e-10 * sd {
            break;
        }
        let next = x - step;
        x = if next > low && next < high { next } else { 0.5 * (low + high) };
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_of_the_interval_has_the_surprise_of_its_level() {
        let normal = Predictive::Normal { mean: 10.0, sd: 3.0 };
        let mixture = Predictive::Mixture { mean: 10.0, centres: vec![7.0, 9.0, 10.0, 14.0], sd: 2.0 };
        for predictive in [normal, mixture] {
            let (lower, upper) = predictive.interval(0.99);
            assert!((predictive.surprise(lower) - 2.0).abs() < 1e-6, "{predictive:?}");
            assert!((predictive.surprise(upper) - 2.0).abs() < 1e-6, "{predictive:?}");
            assert!(predictive.surprise(1e6).is_finite());
        }
    }

    #[test]
    fn a_count_is_as_strange_as_its_tail_and_its_interval_holds_what_it_says() {
        let count = Predictive::Count { mean: 4.0, dispersion: 0.5 };
        let (lower, upper) = count.interval(0.9);
        assert_eq!((lower, upper), (0.0, 11.0));
        assert!(count.surprise(upper) <= 1.0 && count.surprise(upper + 1.0) > 1.0);
        assert!((count.surprise(0.0) + f64::log10(2.0 / 9.0)).abs() < 1e-9);
        assert!((count.sd() - 12.0_f64.sqrt()).abs() < 1e-12);
        // A mean that is no count may lie above its own quantile.
        let rare = Predictive::Count { mean: 0.01, dispersion: 0.0 };
        assert_eq!(rare.interval(0.9), (0.0, 0.01));
    }

    #[test]
    fn errors_state_the_interval_that_holds_their_share() {
        let sizes = Arc::new(ErrorSizes::new((1..100).map(f64::from)).expect("errors"));
        let predictive = Predictive::Errors { mean: 10.0, scale: 2.0, sizes };
        assert_eq!(predictive.interval(0.8), (10.0 - 160.0, 10.0 + 160.0));
        assert!((predictive.surprise(10.0 + 160.0) + 0.2_f64.log10()).abs() < 1e-12);
        assert!(predictive.surprise(1e6) > 2.0);
    }

    #[test]
    fn a_mixture_of_equal_centres_is_a_normal() {
        let mixture = Predictive::Mixture { mean: 5.0, centres: vec![5.0; 10], sd: 1.5 };
        let normal = Predictive::Normal { mean: 5.0, sd: 1.5 };
        let (a, b) = (mixture.interval(0.9), normal.interval(0.9));
        assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
        assert!((mixture.surprise(11.0) - normal.surprise(11.0)).abs() < 1e-9);
    }
}
