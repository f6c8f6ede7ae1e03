//! The log posterior of Prophet as Stan counts it, negated and without constants, and its minimum.
//!
//! Normal(0, 5) on rate and level, Laplace(0, τ) on the changes of the rate, Normal(0, scale) on the features, half-normal(0, 0.5) on the
//! noise, normal errors; y divided by its largest magnitude, time from 0 to 1. Taylor & Letham, "Forecasting at scale" (2018), §3; the
//! model file of Prophet 1.x for the priors.

use augurs::prophet::optimizer::Data;

use super::residuals::Rows;
use super::sum_of_squares::SumOfSquares;
use crate::stats::lbfgs::{self, Options, Outcome};

/// Prior sd of rate and level.
const TREND_SCALE: f64 = 5.0;
/// Prior scale of the noise.
const NOISE_SCALE: f64 = 0.5;
/// Noise never falls below this share of the largest value, so that a series without noise has a finite optimum.
const LEAST_NOISE: f64 = 1e-7;
/// |δ| has a kink at 0, which stops quasi-Newton steps early (Stan too); √(δ² + ε²) has none, and each ε starts where the last ended.
const SMOOTHING: [f64; 5] = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
/// Accurate to a thousandth of what 1e-3 in the objective would show.
const SEARCH: Options = Options { memory: 12, max_iterations: 800, gradient_tolerance: 1e-5, value_tolerance: 1e-11 };

/// A posterior: parameters stand as `[ln(noise − least), k, m, δ…, β…]`.
pub(super) struct Posterior {
    pub(super) rows: Rows,
    squares: SumOfSquares,
    /// Prior sd of each feature, in the order of the rows.
    scales: Vec<f64>,
    tau: f64,
    changes: usize,
}

impl Posterior {
    pub(super) fn new(data: &Data) -> Self {
        let rows = Rows::new(data);
        let scales = rows.order.iter().map(|&j| *data.sigmas[j]).collect();
        Self { squares: SumOfSquares::new(&rows), scales, tau: *data.tau, changes: data.t_change.len(), rows }
    }

    /// Parameters from rate, level, changes and features (in the order of the data).
    pub(super) fn parameters(&self, k: f64, m: f64, delta: &[f64], beta: &[f64], noise: f64) -> Vec<f64> {
        let noise = libm::log((noise - LEAST_NOISE).max(LEAST_NOISE));
        let beta = self.rows.order.iter().map(|&j| beta[j]);
        [noise, k, m].into_iter().chain(delta.iter().copied()).chain(beta).collect()
    }

    /// The noise that a parameter vector stands for.
    pub(super) fn noise(parameters: &[f64]) -> f64 {
        LEAST_NOISE + libm::exp(parameters[0])
    }

    /// The objective with |δ| smoothed by `epsilon` (0: as it is); writes the gradient.
    pub(super) fn evaluate(&mut self, parameters: &[f64], gradient: &mut [f64], epsilon: f64) -> f64 {
        let n = self.rows.len() as f64;
        let excess = libm::exp(parameters[0]);
        let noise = LEAST_NOISE + excess;
        let (by_noise, rest) = gradient.split_at_mut(1);
        let squares = self.squares.evaluate(&self.rows, &parameters[1..], rest);
        let weight = 0.5 / (noise * noise);
        let mut value = n * libm::log(noise) + weight * squares + 0.5 * (noise / NOISE_SCALE) * (noise / NOISE_SCALE);
        by_noise[0] = excess * (n / noise - 2.0 * weight * squares / noise + noise / (NOISE_SCALE * NOISE_SCALE));
        rest.iter_mut().for_each(|slot| *slot *= weight);
        let (trend, beta) = rest.split_at_mut(2 + self.changes);
        for (slot, x) in trend[..2].iter_mut().zip(&parameters[1..3]) {
            value += 0.5 * (x / TREND_SCALE) * (x / TREND_SCALE);
            *slot += x / (TREND_SCALE * TREND_SCALE);
        }
        for (slot, delta) in trend[2..].iter_mut().zip(&parameters[3..]) {
            let size = (delta * delta + epsilon * epsilon).sqrt();
            value += size / self.tau;
            *slot += if size > 0.0 { delta / size / self.tau } else { 0.0 };
        }
        for ((slot, beta), scale) in beta.iter_mut().zip(&parameters[3 + self.changes..]).zip(&self.scales) {
            value += 0.5 * (beta / scale) * (beta / scale);
            *slot += beta / (scale * scale);
        }
        value
    }

    /// Moves the parameters to the maximum of the posterior; the outcome's value is that of the smoothed objective.
    pub(super) fn maximise(&mut self, parameters: &mut [f64]) -> Outcome {
        let mut scratch = vec![0.0; parameters.len()];
        let squares = self.squares.evaluate(&self.rows, &parameters[1..], &mut scratch[1..]);
        let spread = (squares / self.rows.len() as f64).sqrt();
        parameters[0] = libm::log(spread.clamp(1e-4, NOISE_SCALE));
        let mut total = Outcome { value: f64::INFINITY, iterations: 0, evaluations: 0, converged: true };
        for epsilon in SMOOTHING {
            let outcome = lbfgs::minimize(&mut |x, gradient| self.evaluate(x, gradient, epsilon), parameters, &SEARCH);
            total = Outcome {
                value: outcome.value,
                iterations: total.iterations + outcome.iterations,
                evaluations: total.evaluations + outcome.evaluations,
                converged: outcome.converged,
            };
        }
        total
    }
}
