//! Prophet against the original: forecasts, intervals, and what every forecaster must keep.

use std::collections::BTreeMap;

use incident_harness::data::known::Columns;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::{ForecastError, Predictive};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support;

/// Names of all fixtures.
fn cases() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/prophet");
    let names = std::fs::read_dir(folder).expect("the golden folder is there").map(|entry| entry.expect("a readable folder").file_name());
    let mut cases: Vec<String> =
        names.filter_map(|name| Some(name.to_str().expect("plain names").strip_suffix(".json")?.to_owned())).collect();
    cases.sort();
    assert!(cases.len() >= 27, "fixtures are missing: {cases:?}");
    cases
}

/// A fixture of tests/golden/prophet.
#[derive(Deserialize)]
struct Golden {
    start: jiff::civil::Date,
    step: Step,
    train: usize,
    settings: Value,
    values: Vec<Option<f64>>,
    holidays: BTreeMap<String, Vec<jiff::civil::Date>>,
    regressors: BTreeMap<String, Vec<f64>>,
    level: f64,
    #[serde(flatten)]
    default: Forecasts,
    objective: Optimum,
    newton: Newton,
}

/// Where one of the original's optimizers ended.
#[derive(Deserialize)]
struct Optimum {
    value: f64,
}

/// What the original's Newton optimizer found.
#[derive(Deserialize)]
struct Newton {
    value: f64,
    #[serde(flatten)]
    forecasts: Forecasts,
}

/// The original's forecasts of the held-out buckets.
#[derive(Deserialize)]
struct Forecasts {
    yhat: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Golden {
    fn read(case: &str) -> Self {
        let path = format!("{}/tests/golden/prophet/{case}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).expect("a golden file")).expect("a fixture")
    }

    fn series(&self) -> Series {
        Series::new(Grid::civil(self.start, self.step, self.values.len()), self.values.clone())
    }

    fn known(&self) -> Known {
        let grid = Grid::civil(self.start, self.step, self.values.len());
        let on = |row| self.holidays.values().position(|days| days.contains(&grid.datetime(row).date()));
        Known::new(Columns {
            holiday_names: self.holidays.keys().cloned().collect(),
            holidays: (0..grid.len()).map(|row| on(row).map(|number| number as u16)).collect(),
            regressors: self.regressors.clone().into_iter().collect(),
            grid,
        })
    }

    fn forecast(&self) -> Vec<Predictive> {
        fixed_origin(&self.series(), &self.known(), self.train, &self.settings)
    }

    /// The forecasts of the better of the original's two optimizers.
    fn better(&self) -> &Forecasts {
        if self.newton.value < self.objective.value { &self.newton.forecasts } else { &self.default }
    }

    /// Standard deviation of the history.
    fn sd(&self) -> f64 {
        sd(&self.values[..self.train])
    }
}

fn sd(values: &[Option<f64>]) -> f64 {
    let values: Vec<f64> = values.iter().copied().flatten().collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (values.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / values.len() as f64).sqrt()
}

fn seed() -> Seed {
    Seed::derive(["forecast-prophet"])
}

/// Fits the first `train` buckets and forecasts all others at once.
fn fixed_origin(series: &Series, known: &Known, train: usize, settings: &Value) -> Vec<Predictive> {
    let model = support::native("prophet", settings).expect("a known model");
    let fitted = model.fit(&series.slice(0..train), &known.window(0..train), seed()).expect("a fit");
    fitted.forecast(&known.window(train..series.len())).expect("a forecast")
}

fn largest_difference(forecast: &[Predictive], theirs: &[f64]) -> f64 {
    forecast.iter().zip(theirs).map(|(ours, theirs)| (ours.mean() - theirs).abs()).fold(0.0, f64::max)
}

/// Mean distance of two forecasts.
fn apart(one: impl Iterator<Item = f64>, other: &[f64]) -> f64 {
    one.zip(other).map(|(one, other)| (one - other).abs()).sum::<f64>() / other.len() as f64
}

/// The counts under the ticket texts: 273 days to fit, 92 to forecast, and the original's forecast.
fn ticket_counts() -> Option<(Series, Vec<[f64; 3]>)> {
    let counts = |file: &str| Some(support::column(&support::data(&format!("ticket-counts/{file}.csv"))?, "count"));
    let values: Vec<Option<f64>> = [counts("train")?, counts("test")?].concat();
    let reference = support::data("ticket-counts/python-reference/prophet_forecast.csv")?;
    let [yhat, lower, upper] = ["yhat", "yhat_lower", "yhat_upper"].map(|name| support::column(&reference, name));
    let number = |column: &[Option<f64>], i: usize| column[i].expect("no gaps");
    let theirs = (0..yhat.len()).map(|i| [number(&yhat, i), number(&lower, i), number(&upper, i)]).collect();
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, values.len());
    Some((Series::new(grid, values), theirs))
}

/// Width of every interval of ours over that of theirs.
fn width_ratios(forecast: &[Predictive], level: f64, bounds: impl Iterator<Item = (f64, f64)>) -> Vec<f64> {
    let width = |predictive: &Predictive| {
        let (lower, upper) = predictive.interval(level);
        upper - lower
    };
    forecast.iter().zip(bounds).map(|(ours, (lower, upper))| width(ours) / (upper - lower)).collect()
}

#[test]
fn forecasts_are_those_of_the_better_of_the_originals_optimizers() {
    for case in cases() {
        let golden = Golden::read(&case);
        let forecast = golden.forecast();
        let difference = largest_difference(&forecast, &golden.better().yhat) / golden.sd();
        // Measured: up to 2.1 %, where the original ends 0.06 short of the optimum.
        assert!(difference < 0.03, "{case}: {difference} sd");
        // The original's default optimizer stops early at the kinks of |δ|, and long before the optimum where a season is hardly held by the data;
        // where it ends near its own Newton optimizer, ours is near it too.
        let own = apart(golden.newton.forecasts.yhat.iter().copied(), &golden.default.yhat) / golden.sd();
        let ours = apart(forecast.iter().map(Predictive::mean), &golden.default.yhat) / golden.sd();
        assert!(
            own >= 0.03 || ours < 0.03,
            "{case}: {ours} sd from the default, which is {own} sd from the original's own Newton optimizer"
        );
    }
}

#[test]
fn intervals_are_as_wide_as_the_originals() {
    for case in cases() {
        let golden = Golden::read(&case);
        // Of the better optimizer: the spread of the trend is that of the fitted changes, in which the two differ by up to a factor of 1.7.
        let theirs = golden.better();
        let ratios = width_ratios(&golden.forecast(), golden.level, theirs.lower.iter().copied().zip(theirs.upper.iter().copied()));
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        // Theirs are quantiles of 16000 draws: the sd of one bound at 0.995 is √(0.005·0.995/16000)/0.0145 = 0.038 noise sds, so that of a
        // width of 5.15 is 1.1 %, and twice that where simulated trends make the tails long; four of those. Over the window these average
        // out, but the simulated trends are shared.
        assert!(ratios.iter().all(|ratio| (ratio - 1.0).abs() < 0.085), "{case}: {ratios:?}");
        assert!((mean - 1.0).abs() < 0.03, "{case}: {mean}");
    }
}

#[test]
fn a_bending_trend_opens_the_intervals_and_a_flat_one_does_not() {
    let width = |predictive: &Predictive| predictive.interval(0.99).1 - predictive.interval(0.99).0;
    let bending = Golden::read("bending_trend").forecast();
    assert!(width(&bending[99]) > 2.0 * width(&bending[0]));
    assert!(bending.iter().any(|predictive| matches!(predictive, Predictive::Mixture { .. })));
    let flat = Golden::read("flat_trend").forecast();
    assert_eq!(width(&flat[39]), width(&flat[0]));
}

#[test]
fn ticket_counts_are_forecast_as_by_the_original() {
    let Some((series, theirs)) = ticket_counts() else { return };
    let forecast = fixed_origin(&series, &Known::stamps(series.grid().clone()), 273, &json!({}));
    let yhat: Vec<f64> = theirs.iter().map(|row| row[0]).collect();
    let difference = largest_difference(&forecast, &yhat) / sd(&series.values()[..273]);
    assert!(difference < 0.03, "{difference} sd");
    let ratios = width_ratios(&forecast, 0.99, theirs.iter().map(|row| (row[1], row[2])));
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    // 1000 draws there: as above, 4.2 % of a width, times four.
    assert!(ratios.iter().all(|ratio| (ratio - 1.0).abs() < 0.17), "{ratios:?}");
    assert!((mean - 1.0).abs() < 0.03, "{mean}");
}

#[test]
fn ticket_counts_are_strange_on_one_day_only() {
    let Some((series, _)) = ticket_counts() else { return };
    let forecast = fixed_origin(&series, &Known::stamps(series.grid().clone()), 273, &json!({}));
    let outside = |(i, predictive): (usize, &Predictive)| {
        let (lower, upper) = predictive.interval(0.99);
        let y = series.values()[273 + i].expect("no gaps");
        (y < lower || y > upper).then(|| series.grid().label(273 + i))
    };
    let flagged: Vec<String> = forecast.iter().enumerate().filter_map(outside).collect();
    assert_eq!(flagged, ["2023-10-05"]);
}

#[test]
fn nine_months_of_days_have_a_weekly_season_only() {
    let golden = Golden::read("flat_trend");
    let with = |settings: Value| fixed_origin(&golden.series(), &golden.known(), golden.train, &settings);
    assert_eq!(with(json!({})), with(json!({"yearly": "off", "weekly": "on", "daily": "off"})));
    assert_ne!(with(json!({})), with(json!({"weekly": "off"})));
}

#[test]
fn the_same_fit_gives_the_same_bytes() {
    // Seasons and known effects lie in hash maps of augurs, whose order differs from fit to fit.
    for case in ["holidays", "yearly_weekly", "regressor_and_gaps", "bending_trend"] {
        let golden = Golden::read(case);
        let first = golden.forecast();
        for _ in 0..4 {
            assert_eq!(golden.forecast(), first, "{case}");
        }
    }
}

#[test]
fn another_seed_draws_other_paths_around_the_same_mean() {
    let golden = Golden::read("bending_trend");
    let model = support::native("prophet", &golden.settings).expect("a known model");
    let (series, known) = (golden.series().slice(0..golden.train), golden.known());
    let last = |seed| {
        let fitted = model.fit(&series, &known.window(0..golden.train), seed).expect("a fit");
        fitted.forecast(&known.window(golden.train..known.len())).expect("a forecast").pop().expect("a bucket")
    };
    let (one, other) = (last(Seed::derive(["one"])), last(Seed::derive(["other"])));
    assert_eq!(one.mean(), other.mean());
    assert_ne!(one, other);
}

#[test]
fn buckets_one_by_one_are_the_buckets_of_the_window() {
    for case in ["bending_trend", "multiplicative", "holidays"] {
        let golden = Golden::read(case);
        let known = golden.known();
        let model = support::native("prophet", &golden.settings).expect("a known model");
        let mut fitted = model.fit(&golden.series().slice(0..golden.train), &known.window(0..golden.train), seed()).expect("a fit");
        for (i, expected) in golden.forecast().iter().enumerate() {
            let bucket = golden.train + i;
            let alone = fitted.forecast(&known.window(bucket..bucket + 1)).expect("a forecast");
            assert_eq!(alone, std::slice::from_ref(expected), "{case}, bucket {bucket}");
            fitted.observe(golden.values[bucket]);
        }
    }
}

#[test]
fn a_refit_is_a_fit_of_the_longer_history() {
    let golden = Golden::read("holidays");
    let (series, known) = (golden.series(), golden.known());
    let model = support::native("prophet", &golden.settings).expect("a known model");
    let fitted = model.fit(&series.slice(0..400), &known.window(0..400), seed()).expect("a fit");
    let refitted = fitted.refit(&series.slice(0..golden.train), &known.window(0..golden.train), seed()).expect("a refit");
    assert_eq!(refitted.forecast(&known.window(golden.train..series.len())).expect("a forecast"), golden.forecast());
}

#[test]
fn missing_buckets_are_as_if_they_were_not_there() {
    let golden = Golden::read("flat_trend");
    let (known, settings) = (golden.known(), &golden.settings);
    let short = fixed_origin(&golden.series(), &known, golden.train - 5, settings);
    let mut values = golden.values.clone();
    values[golden.train - 5..golden.train].fill(None);
    let gap = fixed_origin(&Series::new(golden.series().grid().clone(), values), &known, golden.train, settings);
    assert_eq!(gap, short[5..]);
}

#[test]
fn a_holiday_is_forecast_lower_where_it_was_lower_before() {
    let golden = Golden::read("holidays");
    let grid = golden.series().grid().clone();
    let with = golden.forecast();
    let without = fixed_origin(&golden.series(), &Known::stamps(grid.clone()), golden.train, &golden.settings);
    let days: Vec<usize> = (0..with.len()).filter(|i| golden.known().holidays()[golden.train + i].is_some()).collect();
    assert_eq!(days.len(), 3);
    for day in days {
        // Each was seen once, on a quiet Sunday or a Monday, and took at least 20 tickets away.
        assert!(with[day].mean() < without[day].mean() - 10.0, "{}", grid.label(golden.train + day));
    }
}

fn daily(values: Vec<Option<f64>>) -> Series {
    Series::new(Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, values.len()), values)
}

fn fit_error(series: &Series, settings: &Value) -> ForecastError {
    let model = support::native("prophet", settings).expect("known settings");
    model.fit(series, &Known::stamps(series.grid().clone()), seed()).err().expect("an error")
}

#[test]
fn a_short_history_names_the_points_needed() {
    let mut values = vec![None; 30];
    values[..5].fill(Some(3.0));
    values[29] = Some(4.0);
    let why = "level, slope, 6 seasonal and known effects, and one to tell the noise";
    assert_eq!(fit_error(&daily(values), &json!({})).to_string(), format!("series has 6 points, `prophet` needs at least 9 ({why})"));
    assert!(matches!(fit_error(&daily(Vec::new()), &json!({})), ForecastError::TooShort { got: 0, needed: 3, .. }));
}

#[test]
fn what_prophet_cannot_take_is_said_with_the_way_out() {
    let series = daily((0..40).map(|i| Some(f64::from(i % 7))).collect());
    let error = fit_error(&series, &json!({"growth": "logistic"})).to_string();
    assert_eq!(error, "`prophet` does not offer logistic growth: use `growth: linear` or `growth: flat`");
    let error = fit_error(&series, &json!({"changepoint_prior_scale": 0.0})).to_string();
    assert_eq!(error, "`prophet` needs `changepoint_prior_scale` above 0, got 0");
    assert!(support::native("prophet", &json!({"changepoint": 3})).err().expect("an error").to_string().contains("changepoint"));
}

#[test]
fn series_without_noise_or_without_size_get_finite_forecasts() {
    type Shape = fn(i32) -> f64;
    let shapes: [(&str, Shape); 6] = [
        ("zeros", |_| 0.0),
        ("constant", |_| 12.0),
        ("line", f64::from),
        ("week", |i| f64::from(i % 7)),
        ("huge", |i| 1e200 * f64::from(i % 5)),
        ("dust", |i| 1e-200 * f64::from(i % 5)),
    ];
    for (name, shape) in shapes {
        for mode in ["additive", "multiplicative"] {
            let series = daily((0..80).map(|i| Some(shape(i))).collect());
            let forecast = fixed_origin(&series, &Known::stamps(series.grid().clone()), 60, &json!({"seasonality_mode": mode}));
            assert!(forecast.iter().all(Predictive::is_sound), "{name} {mode}");
            let error = forecast.iter().zip(&series.values()[60..]).map(|(p, y)| (p.mean() - y.unwrap_or(0.0)).abs()).fold(0.0, f64::max);
            let size = series.values().iter().flatten().fold(0.0_f64, |a, b| a.max(b.abs()));
            assert!(["huge", "dust"].contains(&name) || error <= 0.02 * size, "{name} {mode}: {error}");
        }
    }
}

#[test]
fn settings_at_their_ends_still_fit() {
    let golden = Golden::read("flat_trend");
    for settings in [
        json!({"changepoints": 0}),
        json!({"changepoints": 1000, "changepoint_range": 1.0}),
        json!({"draws": 1, "changepoint_prior_scale": 10.0}),
        json!({"yearly": "on", "daily": "on", "weekly": "off"}),
    ] {
        let forecast = fixed_origin(&golden.series(), &golden.known(), golden.train, &settings);
        assert!(forecast.iter().all(Predictive::is_sound), "{settings}");
    }
}

#[test]
fn an_hour_told_twice_keeps_its_buckets_in_order() {
    // In Berlin the clock went back on 2024-10-27, so wall-clock stamps are not in order within that night.
    let start: jiff::Zoned = "2024-10-06T00:00[Europe/Berlin]".parse().expect("an instant");
    let grid = Grid::new(start, "30min".parse().expect("a step"), 48 * 24);
    let values = (0..grid.len()).map(|i| Some(f64::from(grid.datetime(i).hour()) + f64::from(u32::from(i % 5 == 0)))).collect();
    let (series, known) = (Series::new(grid.clone(), values), Known::stamps(grid.clone()));
    let train = 48 * 20;
    let forecast = fixed_origin(&series, &known, train, &json!({}));
    let fitted =
        support::native("prophet", &json!({})).expect("a known model").fit(&series.slice(0..train), &known.window(0..train), seed());
    let fitted = fitted.expect("a fit");
    for (i, expected) in forecast.iter().enumerate() {
        let alone = fitted.forecast(&known.window(train + i..train + i + 1)).expect("a forecast");
        assert_eq!(alone, std::slice::from_ref(expected), "{}", grid.label(train + i));
    }
    let night: Vec<usize> = (train..grid.len()).filter(|&i| grid.datetime(i).hour() == 2 && grid.datetime(i).day() == 27).collect();
    assert_eq!(night.len(), 4, "the hour from two to three is told twice");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_history_is_fitted_soundly_or_refused(
        values in prop::collection::vec(prop::option::weighted(0.9, -1e6..1e6_f64), 0..70),
        rounded in any::<bool>(),
        multiplicative in any::<bool>(),
    ) {
        let values: Vec<Option<f64>> = values.into_iter().map(|y| y.map(|y| if rounded { (y / 4e5).round() } else { y })).collect();
        let train = values.len();
        let series = daily(values.into_iter().chain([None; 20]).collect());
        let model = support::native("prophet", &json!({"seasonality_mode": if multiplicative { "multiplicative" } else { "additive" }}))
            .expect("a known model");
        let known = Known::stamps(series.grid().clone());
        match model.fit(&series.slice(0..train), &known.window(0..train), seed()) {
            Ok(fitted) => {
                let forecast = fitted.forecast(&known.window(train..series.len())).expect("a forecast");
                prop_assert!(forecast.iter().all(Predictive::is_sound));
            }
            Err(error) => prop_assert!(matches!(error, ForecastError::TooShort { .. }), "{error}"),
        }
    }
}
