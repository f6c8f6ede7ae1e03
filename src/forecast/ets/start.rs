//! Where the search for a form begins: states by Hyndman's heuristic.
//!
//! Seasonal states from a classical decomposition, level and slope from a straight line through the first seasonally adjusted buckets.
//! Hyndman, Koehler, Ord & Snyder (2008), §2.6.1. DIFFERENCE: R fits one pair of sines where there are fewer than three seasons; two are
//! enough for a decomposition, and the search moves the states anyway.

use super::form::Seasonal;
use crate::forecast::season::centred_average;

/// Smallest factor of a season to begin with, as in R.
const LEAST_FACTOR: f64 = 0.01;

/// One number per phase: what it adds to its centred moving average (summing to 0), or its share of it (averaging to 1).
///
/// Takes at least two seasons.
pub(super) fn seasonal_states(filled: &[f64], season: usize, kind: Seasonal) -> Vec<f64> {
    let half = season / 2;
    let (mut sums, mut counts) = (vec![0.0; season], vec![0_usize; season]);
    for (t, mean) in (half..).zip(centred_average(filled, season)) {
        sums[t % season] += if kind == Seasonal::Multiplicative { filled[t] / mean } else { filled[t] - mean };
        counts[t % season] += 1;
    }
    let mut states: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / (*count).max(1) as f64).collect();
    let mean = states.iter().sum::<f64>() / season as f64;
    if kind == Seasonal::Multiplicative {
        states.iter_mut().for_each(|state| *state = (*state / mean).max(LEAST_FACTOR));
        let mean = states.iter().sum::<f64>() / season as f64;
        states.iter_mut().for_each(|state| *state /= mean);
    } else {
        states.iter_mut().for_each(|state| *state -= mean);
    }
    states
}

/// Level before the first bucket and slope: the least-squares line through the first `buckets` seasonally adjusted values.
pub(super) fn line(filled: &[f64], states: &[f64], kind: Seasonal, buckets: usize) -> (f64, f64) {
    let adjusted = |t: usize| match kind {
        Seasonal::None => filled[t],
        Seasonal::Additive => filled[t] - states[t % states.len()],
        Seasonal::Multiplicative => filled[t] / states[t % states.len()],
    };
    let n = buckets.min(filled.len());
    let centre = (n + 1) as f64 / 2.0;
    let mean = (0..n).map(adjusted).sum::<f64>() / n.max(1) as f64;
    let (mut product, mut square) = (0.0, 0.0);
    for t in 0..n {
        let x = (t + 1) as f64 - centre;
        product += x * (adjusted(t) - mean);
        square += x * x;
    }
    let slope = if square > 0.0 { product / square } else { 0.0 };
    (mean - slope * centre, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_series_gives_its_states_back() {
        let week = [3.0, 1.0, 0.0, -1.0, -3.0, 2.0, -2.0];
        for len in [14, 15, 20, 30, 100] {
            let added: Vec<f64> = (0..len).map(|t| 50.0 + 2.0 * (t + 1) as f64 + week[t % 7]).collect();
            let states = seasonal_states(&added, 7, Seasonal::Additive);
            assert!(states.iter().zip(week).all(|(got, expected)| (got - expected).abs() < 1e-9), "{len}: {states:?}");
            let (level, slope) = line(&added, &states, Seasonal::Additive, 14);
            assert!((level - 50.0).abs() < 1e-9 && (slope - 2.0).abs() < 1e-9, "{len}: {level} {slope}");
        }
        let factors = [1.5, 0.5, 1.25, 0.75];
        let scaled: Vec<f64> = (0..40).map(|t| 80.0 * factors[t % 4]).collect();
        let states = seasonal_states(&scaled, 4, Seasonal::Multiplicative);
        assert!(states.iter().zip(factors).all(|(got, expected)| (got - expected).abs() < 1e-9), "{states:?}");
    }
}
