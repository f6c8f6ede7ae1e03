//! The predictive distribution of one bucket.

use std::f64::consts::{LN_2, LN_10};

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
}

impl Predictive {
    /// The point forecast.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Normal { mean, .. } | Self::Mixture { mean, .. } => *mean,
        }
    }

    /// The central interval that holds a share `level` of the distribution, as `(lower, upper)`.
    #[must_use]
    pub fn interval(&self, level: f64) -> (f64, f64) {
        let tail = 0.5 * (1.0 - level);
        match self {
            Self::Normal { mean, sd } => {
                let reach = sd * normal::quantile(1.0 - tail);
                (mean - reach, mean + reach)
            }
            Self::Mixture { centres, sd, .. } => (mixture_quantile(centres, *sd, tail), mixture_quantile(centres, *sd, 1.0 - tail)),
        }
    }

    /// −log10 of the two-sided tail probability of `y`: 0 at the centre, 2 at the edge of the 99 % interval, never infinite unless the
    /// distribution has no spread.
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
    fn a_mixture_of_equal_centres_is_a_normal() {
        let mixture = Predictive::Mixture { mean: 5.0, centres: vec![5.0; 10], sd: 1.5 };
        let normal = Predictive::Normal { mean: 5.0, sd: 1.5 };
        let (a, b) = (mixture.interval(0.9), normal.interval(0.9));
        assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
        assert!((mixture.surprise(11.0) - normal.surprise(11.0)).abs() < 1e-9);
    }
}
