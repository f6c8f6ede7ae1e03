//! Draws from a stream: Poisson, gamma, shares, and the draws of a scenario file.
//!
//! Written here with `libm`, because the last bit of the system's `exp` and `ln` differs between machines and a count would with it.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::scenario::value::Draw;
use crate::seed::Seed;

/// A Poisson count. Below 10 by multiplying uniforms (Knuth, *The Art of Computer Programming* 2, §3.4.1), above by transformed
/// rejection (PTRS: Hörmann, "The transformed rejection method for generating Poisson random variables", 1993).
pub(super) fn poisson(rng: &mut ChaCha8Rng, mean: f64) -> u32 {
    if mean <= 0.0 {
        return 0;
    }
    if mean < 10.0 {
        let limit = libm::exp(-mean);
        let mut product: f64 = rng.random();
        let mut count = 0;
        while product > limit {
            product *= rng.random::<f64>();
            count += 1;
        }
        return count;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let accept = 0.9277 - 3.6224 / (b - 2.0);
    let log_mean = libm::log(mean);
    loop {
        let u = rng.random::<f64>() - 0.5;
        let v: f64 = rng.random();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= accept {
            return k as u32;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let left = libm::log(v) + libm::log(inverse_alpha) - libm::log(a / (us * us) + b);
        if left <= k * log_mean - mean - libm::lgamma(k + 1.0) {
            return k as u32;
        }
    }
}

/// A gamma factor of mean 1 and the given variance (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000).
pub(super) fn factor(rng: &mut ChaCha8Rng, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let shape = 1.0 / variance;
    // Shapes below 1 by the power trick of section 6 of that paper.
    let (raised, boost) = if shape < 1.0 { (shape + 1.0, libm::pow(1.0 - rng.random::<f64>(), variance)) } else { (shape, 1.0) };
    let d = raised - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = 1.0 + c * x;
        if v <= 0.0 {
            continue;
        }
        let v = v * v * v;
        let u = 1.0 - rng.random::<f64>();
        if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
            return d * v * boost * variance;
        }
    }
}

/// A standard normal number (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * libm::log(1.0 - rng.random::<f64>())).sqrt();
    radius * libm::cos(TAU * rng.random::<f64>())
}

/// An index drawn by shares that sum to 1.
pub(super) fn index(rng: &mut ChaCha8Rng, shares: &[f64]) -> usize {
    let mut left: f64 = rng.random();
    for (at, share) in shares.iter().enumerate() {
        left -= share;
        if left < 0.0 {
            return at;
        }
    }
    // Rounding can leave a little; it belongs to the last value that occurs at all.
    shares.iter().rposition(|share| *share > 0.0).unwrap_or(0)
}

/// A whole number below a limit, 0 for a limit of 0.
pub(super) fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    let drawn = (rng.random::<f64>() * limit as f64) as usize;
    drawn.min(limit.saturating_sub(1))
}

/// A random order of `0..len`.
pub(super) fn order(rng: &mut ChaCha8Rng, len: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, below(rng, last + 1));
    }
    order
}

/// The number of buckets that a seed draws.
pub(super) fn whole(draw: &Draw<usize>, seed: Seed, purpose: &str) -> usize {
    let mut rng = seed.child(purpose).rng();
    match draw {
        Draw::Literal(value) => *value,
        Draw::Between(low, high) => low + below(&mut rng, high - low + 1),
        Draw::OneOf(values) => values[below(&mut rng, values.len())],
    }
}

/// The number that a seed draws.
pub(super) fn number(draw: &Draw<f64>, seed: Seed, purpose: &str) -> f64 {
    let mut rng = seed.child(purpose).rng();
    match draw {
        Draw::Literal(value) => *value,
        Draw::Between(low, high) => low + (high - low) * rng.random::<f64>(),
        Draw::OneOf(values) => values[below(&mut rng, values.len())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut(&mut ChaCha8Rng) -> f64) -> (f64, f64) {
        let mut rng = Seed::derive(["sample"]).rng();
        let values: Vec<f64> = (0..40_000).map(|_| draw(&mut rng)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn poisson_counts_have_equal_mean_and_variance() {
        for expected in [0.3, 4.0, 12.0, 900.0] {
            let (mean, variance) = moments(|rng| f64::from(poisson(rng, expected)));
            // Four standard errors: mean √(λ/n), variance λ·√((2 + 1/λ)/n).
            assert!((mean - expected).abs() < 4.0 * (expected / 40_000.0).sqrt(), "{expected}: {mean}");
            assert!((variance / expected - 1.0).abs() < 4.0 * ((2.0 + 1.0 / expected) / 40_000.0).sqrt(), "{expected}: {variance}");
        }
    }

    #[test]
    fn gamma_factors_have_mean_one_and_the_variance_asked_for() {
        for wanted in [0.01, 0.3, 2.0] {
            let (mean, variance) = moments(|rng| factor(rng, wanted));
            assert!((mean - 1.0).abs() < 4.0 * (wanted / 40_000.0).sqrt(), "{wanted}: {mean}");
            // The fourth moment of a gamma: excess kurtosis 6·variance.
            assert!((variance / wanted - 1.0).abs() < 4.0 * ((2.0 + 6.0 * wanted) / 40_000.0).sqrt(), "{wanted}: {variance}");
        }
    }

    #[test]
    fn a_value_without_a_share_is_never_drawn() {
        let mut rng = Seed::derive(["shares"]).rng();
        assert!((0..10_000).all(|_| [0, 2].contains(&index(&mut rng, &[0.5, 0.0, 0.5, 0.0]))));
    }
}
