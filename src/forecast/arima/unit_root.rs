//! How often to difference: tests on values without gaps.

use crate::forecast::season::centred_average;

/// Strength of a season from which on a seasonal difference is taken: the threshold that Hyndman's R package `forecast` uses, from
/// simulated forecast accuracy.
const STRONG: f64 = 0.64;
/// Seasons over which a seasonal pattern is averaged, as R's `mstl` smooths its first season.
const WINDOW: usize = 11;
/// The 5 % point of the KPSS statistic for a level.
const KPSS_LEVEL: f64 = 0.463;

/// Whether the season explains most of what a trend leaves: 1 − var(remainder) / var(seasonal + remainder) above 0.64. Wang, Smith &
/// Hyndman (2006), "Characteristic-based clustering for time series data", *Data Mining and Knowledge Discovery* 13.
///
/// DIFFERENCE: the seasonal pattern is a centred average of each phase over eleven seasons about a moving-average trend, not STL, and the
/// remainder is scaled up for what such an average takes of noise, which matters for a handful of seasons.
pub(super) fn is_strongly_seasonal(values: &[f64], season: usize) -> bool {
    if values.len() < 2 * season {
        return false;
    }
    let swings = detrended(values, season);
    let reach = (WINDOW / 2) * season;
    let remainder: Vec<f64> = (0..swings.len())
        .map(|t| {
            let first = t - season * ((t.min(reach)) / season);
            let phase = || swings[first..swings.len().min(t + reach + 1)].iter().step_by(season);
            let count = phase().count() as f64;
            let rest = swings[t] - phase().sum::<f64>() / count;
            rest * (count / (count - 1.0).max(1.0)).sqrt()
        })
        .collect();
    let (whole, rest) = (variance(&swings), variance(&remainder));
    whole > 1e-20 * mean_square(values) && 1.0 - rest / whole > STRONG
}

/// Whether a level is refused: the KPSS statistic with lags up to ⌊3√n/13⌋ above its 5 % point. Kwiatkowski, Phillips, Schmidt & Shin
/// (1992), "Testing the null hypothesis of stationarity against the alternative of a unit root", *Journal of Econometrics* 54.
pub(super) fn is_wandering(values: &[f64]) -> bool {
    let n = values.len() as f64;
    if values.len() < 3 {
        return false;
    }
    let mean = values.iter().sum::<f64>() / n;
    let errors: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let covariance = |lag: usize| errors.iter().skip(lag).zip(&errors).map(|(a, b)| a * b).sum::<f64>() / n;
    let lags = (3.0 * n.sqrt() / 13.0) as usize;
    let weighted = |lag: usize| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    let long_run = covariance(0) + (1..=lags).map(weighted).sum::<f64>();
    // Equal values up to rounding have a level.
    if covariance(0) <= 1e-24 * mean_square(values) || long_run <= 0.0 {
        return false;
    }
    let mut sum = 0.0;
    let squares: f64 = errors
        .iter()
        .map(|error| {
            sum += error;
            sum * sum
        })
        .sum();
    squares / (n * n * long_run) > KPSS_LEVEL
}

/// Values less a moving average of one season, which stays flat beyond its ends.
fn detrended(values: &[f64], season: usize) -> Vec<f64> {
    let (half, trend) = (season / 2, centred_average(values, season));
    values.iter().enumerate().map(|(t, value)| value - trend[t.saturating_sub(half).min(trend.len() - 1)]).collect()
}

fn mean_square(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::seed::Seed;

    fn noise(name: &str, len: usize) -> Vec<f64> {
        let mut rng = Seed::derive(["unit root", name]).rng();
        (0..len).map(|_| rng.random::<f64>() + rng.random::<f64>() + rng.random::<f64>() - 1.5).collect()
    }

    fn share(holds: impl Fn(&str) -> bool) -> f64 {
        (0..200).filter(|k| holds(&k.to_string())).count() as f64 / 200.0
    }

    #[test]
    fn a_random_walk_wanders_and_noise_about_a_level_seldom_does() {
        let walk = |name: &str| {
            let mut values = noise(name, 150);
            (1..150).for_each(|t| values[t] += values[t - 1]);
            values
        };
        assert!(share(|name| is_wandering(&walk(name))) > 0.9);
        assert!(share(|name| is_wandering(&noise(name, 150))) < 0.1);
        assert!(!is_wandering(&[7.1; 50]) && !is_wandering(&[1.0, 2.0]));
    }

    #[test]
    fn a_pattern_is_strong_and_noise_never_is_even_over_two_seasons() {
        for len in [14, 21, 70, 300] {
            let weekly = |name: &str| -> Vec<f64> {
                noise(name, len).iter().enumerate().map(|(t, e)| 0.02 * t as f64 + if t % 7 < 5 { 3.0 } else { 0.0 } + e).collect()
            };
            assert!(share(|name| is_strongly_seasonal(&weekly(name), 7)) > 0.9, "{len}");
            assert!(share(|name| is_strongly_seasonal(&noise(name, len), 7)) < 0.05, "{len}");
        }
        assert!(!is_strongly_seasonal(&[5.0; 40], 7) && !is_strongly_seasonal(&noise("short", 13), 7));
    }
}
