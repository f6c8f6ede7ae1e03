//! The season of a series, from its step and its data.
//!
//! The step names a natural season: a week on daily buckets, a day below. It stands unless the data show nothing at that length and
//! clearly show another, because a season found in noise costs a model more than one it does not need. Strength is measured out of
//! sample: subtract a centred moving average of one season (Hyndman & Athanasopoulos, *Forecasting: Principles and Practice*, §3.3),
//! take the mean of every phase in one half of the history, and ask how much of the variance in the other half it explains.

use std::ops::RangeInclusive;

use super::ForecastError;
use crate::data::Series;
use crate::time::Step;

/// Seasons in buckets that can be set; a day of seconds is 86,400.
const ALLOWED: RangeInclusive<usize> = 2..=100_000;

/// Share of the variance that the natural season must explain to be kept without looking further.
const REAL: f64 = 0.1;
/// Share of the variance that another season must explain to replace the natural one.
const CLEAR: f64 = 0.45;
/// A shorter season that explains nearly as much wins over its multiples.
const NEARLY: f64 = 0.05;
/// Seasons a history must hold before the data can speak for one.
const REPEATS: usize = 4;
/// Longest season looked for beyond the natural ones, to bound the work.
const LONGEST: usize = 400;

/// The season length in buckets: what the step suggests (7 on daily data, one day below), unless the data clearly show another.
///
/// A function of the history alone. Missing values are interpolated for the search only; a constant or short series gets the natural
/// length.
#[must_use]
pub fn season_length(history: &Series) -> usize {
    let natural = natural_length(history);
    let Some(values) = interpolated_if_moving(history.values()) else {
        return natural;
    };
    let values = without_spikes(&values, natural);
    if strength(&values, natural).is_some_and(|share| share >= REAL) {
        return natural;
    }
    clear_season(&values, candidates(history, natural)).unwrap_or(natural)
}

/// The finest customary step that is coarser and divides the season into at most `longest` buckets: the way out where a model cannot take it.
#[must_use]
pub fn coarser_step(season: usize, step: Step, longest: usize) -> Option<&'static str> {
    const STEPS: [(i64, &str); 10] = [
        (60, "1min"),
        (300, "5min"),
        (900, "15min"),
        (1800, "30min"),
        (3600, "1h"),
        (7200, "2h"),
        (10_800, "3h"),
        (21_600, "6h"),
        (43_200, "12h"),
        (86_400, "1d"),
    ];
    let (seconds, longest) = (step.seconds(), i64::try_from(longest).ok()?);
    let length = i64::try_from(season).ok()?.checked_mul(seconds)?;
    STEPS.iter().find(|(step, _)| step % seconds == 0 && length % step == 0 && length / step <= longest).map(|(_, name)| *name)
}

/// Checks a season that is set.
///
/// # Errors
/// [`ForecastError::Unsupported`] unless it is 2 to 100,000 buckets.
pub fn check(model: &'static str, season: Option<usize>) -> Result<(), ForecastError> {
    match season {
        Some(got) if !ALLOWED.contains(&got) => {
            let (least, most) = (ALLOWED.start(), ALLOWED.end());
            let problem = format!("takes seasons from {least} to {most} buckets, got {got}: leave the setting out to find it in the data");
            Err(ForecastError::Unsupported { model, problem })
        }
        _ => Ok(()),
    }
}

/// What is wrong with a season of more than `longest` buckets, and the coarser step that makes it fit.
pub(super) fn too_long(season: usize, step: Step, longest: usize) -> Option<String> {
    let way = || coarser_step(season, step, longest).map_or_else(String::new, |step| format!(" with --step {step}"));
    (season > longest).then(|| format!("takes seasons up to {longest}, got {season}: sum to a coarser step{}", way()))
}

/// What the step alone suggests.
fn natural_length(history: &Series) -> usize {
    let step = history.step();
    match step.per_day() {
        // A weekday pattern on buckets of several days repeats after seven of them; weeks repeat with the year, or roughly the month.
        0 if step.seconds() % (7 * 86_400) == 0 => {
            if history.len() >= 104 {
                52
            } else {
                4
            }
        }
        0 | 1 => 7,
        per_day => per_day,
    }
}

/// Other lengths to look at: all short ones, and the week below a day.
fn candidates(history: &Series, natural: usize) -> impl Iterator<Item = usize> {
    let longest = (2 * natural).clamp(60, LONGEST).min(history.len() / REPEATS);
    let week = 7 * history.step().per_day();
    (2..=longest).chain((week > longest).then_some(week))
}

/// The shortest of the strongest candidates, if it is clear.
fn clear_season(values: &[f64], candidates: impl Iterator<Item = usize>) -> Option<usize> {
    let clear: Vec<(usize, f64)> =
        candidates.filter_map(|period| Some((period, strength(values, period)?))).filter(|(_, share)| *share >= CLEAR).collect();
    let best = clear.iter().map(|(_, share)| *share).fold(f64::NEG_INFINITY, f64::max);
    clear.iter().find(|(_, share)| *share >= best - NEARLY).map(|(period, _)| *period)
}

/// The share of variance that phase means of one half explain in the other, the worse of both directions; `None` without enough
/// seasons or any variance.
fn strength(values: &[f64], period: usize) -> Option<f64> {
    if values.len() < REPEATS * period {
        return None;
    }
    let residuals = detrended(values, period);
    let (first, second) = residuals.split_at(residuals.len() / 2);
    let shift = first.len() % period;
    let forth = explained(&phase_means(first, period, 0), second, shift)?;
    let back = explained(&phase_means(second, period, shift), first, 0)?;
    Some(forth.min(back))
}

/// Mean of each phase; the first residual has phase `start`.
fn phase_means(residuals: &[f64], period: usize, start: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); period];
    let mut phase = start;
    for residual in residuals {
        sums[phase].0 += residual;
        sums[phase].1 += 1.0;
        phase = if phase + 1 == period { 0 } else { phase + 1 };
    }
    sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 0.0 }).collect()
}

/// 1 − squared error of the phase means over squared residuals.
fn explained(means: &[f64], residuals: &[f64], start: usize) -> Option<f64> {
    let (mut error, mut total, mut phase) = (0.0, 0.0, start);
    for residual in residuals {
        error += (residual - means[phase]) * (residual - means[phase]);
        total += residual * residual;
        phase = if phase + 1 == means.len() { 0 } else { phase + 1 };
    }
    (total > 0.0).then(|| 1.0 - error / total)
}

/// Values minus their centred moving average over one period; half a period is lost at each end.
fn detrended(values: &[f64], period: usize) -> Vec<f64> {
    values[period / 2..].iter().zip(centred_average(values, period)).map(|(value, mean)| value - mean).collect()
}

/// Every value held within eight typical deviations of the median of its stretch of one period, so that a single spike neither passes
/// for a season nor hides one.
fn without_spikes(values: &[f64], period: usize) -> Vec<f64> {
    let medians: Vec<f64> = values.chunks(period).map(|stretch| median(&mut stretch.to_vec())).collect();
    let mut sizes: Vec<f64> = values.iter().enumerate().map(|(t, value)| (value - medians[t / period]).abs()).collect();
    let reach = 8.0 * median(&mut sizes);
    if reach > 0.0 {
        values.iter().enumerate().map(|(t, value)| value.clamp(medians[t / period] - reach, medians[t / period] + reach)).collect()
    } else {
        values.to_vec()
    }
}

/// The upper median of at least one value.
fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Missing values on the straight line between their neighbours, flat at the ends; zeros if there is no value at all.
pub(super) fn interpolated(values: &[Option<f64>]) -> Vec<f64> {
    let mut filled = vec![0.0; values.len()];
    let mut before: Option<(usize, f64)> = None;
    for (t, value) in values.iter().enumerate() {
        let Some(value) = *value else { continue };
        filled[t] = value;
        let (from, left) = before.map_or((0, value), |(at, left)| (at + 1, left));
        for (k, slot) in filled[from..t].iter_mut().enumerate() {
            *slot = left + (value - left) * (k + 1) as f64 / (t + 1 - from) as f64;
        }
        before = Some((t, value));
    }
    if let Some((at, last)) = before {
        filled[at + 1..].fill(last);
    }
    filled
}

/// As [`interpolated`]; `None` when fewer than two values are observed, all are equal, or a line between them overflows.
pub(super) fn interpolated_if_moving(values: &[Option<f64>]) -> Option<Vec<f64>> {
    let first = values.iter().flatten().next()?;
    if values.iter().flatten().all(|value| value == first) {
        return None;
    }
    let filled = interpolated(values);
    filled.iter().all(|value| value.is_finite()).then_some(filled)
}

/// Centred moving average over one period, both ends at half weight when it is even: the first is that of bucket `period / 2`, and as
/// many are lost at the end.
///
/// Takes at least two periods.
pub(super) fn centred_average(values: &[f64], period: usize) -> Vec<f64> {
    let half = period / 2;
    let ends = if period.is_multiple_of(2) { 0.5 } else { 1.0 };
    let mut window: f64 = values[..2 * half].iter().sum();
    (half..values.len() - half)
        .map(|i| {
            window += values[i + half];
            let mean = (window - (1.0 - ends) * (values[i - half] + values[i + half])) / period as f64;
            window -= values[i - half];
            mean
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::seed::Seed;
    use crate::time::{Grid, Span, Step};

    fn series(step: Span, values: Vec<Option<f64>>) -> Series {
        let step = Step::new(step).expect("a valid step");
        Series::new(Grid::civil("2024-01-01".parse().expect("a date"), step, values.len()), values)
    }

    fn noise(name: &str, len: usize) -> Vec<f64> {
        let mut rng = Seed::derive(["season", name]).rng();
        (0..len).map(|_| rng.random::<f64>() + rng.random::<f64>() + rng.random::<f64>() - 1.5).collect()
    }

    fn seasonal(period: usize, len: usize, name: &str) -> Vec<Option<f64>> {
        noise(name, len)
            .iter()
            .enumerate()
            .map(|(t, e)| Some(50.0 + 0.05 * t as f64 + 3.0 * libm::sin(TAU * t as f64 / period as f64) + e))
            .collect()
    }

    #[test]
    fn noise_has_the_natural_season() {
        for k in 0..300 {
            let len = 20 + 7 * k;
            let white = noise(&format!("white/{k}"), len);
            let (mut walk, mut sluggish) = (white.clone(), white.clone());
            for t in 1..len {
                walk[t] += walk[t - 1];
                sluggish[t] += 0.8 * sluggish[t - 1];
            }
            for values in [white, walk, sluggish] {
                let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
                assert_eq!(season_length(&series(Span::days(1), values.clone())), 7, "stream {k}");
                assert_eq!(season_length(&series(Span::hours(1), values)), 24, "stream {k}");
            }
        }
    }

    #[test]
    fn a_clear_season_of_another_length_is_found() {
        for period in [5, 9, 12, 30] {
            assert_eq!(season_length(&series(Span::days(1), seasonal(period, 300, "other"))), period);
        }
        assert_eq!(season_length(&series(Span::hours(1), seasonal(31, 700, "other"))), 31);
    }

    #[test]
    fn a_weekly_pattern_below_a_day_is_found_where_days_are_alike() {
        let values =
            noise("weekly", 24 * 7 * 6).iter().enumerate().map(|(t, e)| Some(if t / 24 % 7 < 5 { 20.0 } else { 10.0 } + e)).collect();
        assert_eq!(season_length(&series(Span::hours(1), values)), 168);
    }

    #[test]
    fn half_a_day_is_part_of_the_day() {
        assert_eq!(season_length(&series(Span::hours(1), seasonal(12, 500, "half"))), 24);
    }

    #[test]
    fn gaps_and_a_spike_do_not_hide_a_season() {
        let mut values = seasonal(12, 300, "gaps");
        for t in (0..300).step_by(11) {
            values[t] = None;
        }
        values[150..170].fill(None);
        values[99] = Some(5000.0);
        assert_eq!(season_length(&series(Span::days(1), values)), 12);
    }

    #[test]
    fn constant_empty_and_short_series_have_the_natural_season() {
        for values in [vec![], vec![None; 9], vec![Some(3.0)], vec![Some(4.0); 200], vec![Some(1.0), None, Some(2.0)]] {
            assert_eq!(season_length(&series(Span::days(1), values.clone())), 7);
            assert_eq!(season_length(&series(Span::seconds(300), values)), 288);
        }
        assert_eq!(season_length(&series(Span::days(7), vec![Some(1.0); 200])), 52);
        assert_eq!(season_length(&series(Span::days(7), vec![Some(1.0); 50])), 4);
    }

    #[test]
    fn missing_values_lie_on_a_straight_line() {
        let filled = interpolated(&[None, None, Some(2.0), None, None, Some(5.0), None]);
        assert_eq!(filled, [2.0, 2.0, 2.0, 3.0, 4.0, 5.0, 5.0]);
        assert_eq!(interpolated(&[None, None]), [0.0, 0.0]);
    }

    #[test]
    fn values_too_large_for_a_line_have_the_natural_season() {
        let values = |t: usize| if (20..60).contains(&t) { None } else { Some(if t < 20 { -1.7e308 } else { 1.7e308 }) };
        assert_eq!(season_length(&series(Span::days(1), (0..80).map(values).collect())), 7);
    }

    #[test]
    fn a_season_that_is_set_is_checked() {
        assert!([None, Some(2), Some(100_000)].into_iter().all(|season| check("model", season).is_ok()));
        for got in [0, 1, 100_001, 1 << 63, usize::MAX] {
            let error = check("model", Some(got)).expect_err("out of range").to_string();
            let told = format!("`model` takes seasons from 2 to 100000 buckets, got {got}: leave the setting out to find it in the data");
            assert_eq!(error, told);
        }
    }

    proptest! {
        #[test]
        fn any_series_has_a_season_of_at_least_two_buckets(values in prop::collection::vec(prop::option::of(-1e9..1e9f64), 0..200)) {
            prop_assert!(season_length(&series(Span::days(1), values)) >= 2);
        }

        #[test]
        fn a_season_does_not_depend_on_scale_or_level(shift in -1e4..1e4f64, scale in 0.01..100.0f64) {
            let moved = seasonal(12, 200, "scale").iter().map(|value| value.map(|v| shift + scale * v)).collect();
            prop_assert_eq!(season_length(&series(Span::days(1), moved)), 12);
        }
    }
}
