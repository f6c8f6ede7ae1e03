//! Seasonal ARIMA against statsmodels, on golden cases and on ticket counts.

use std::path::Path;

use incident_harness::data::known::Columns;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::arima::{Arima, FittedArima};
use incident_harness::forecast::{Fitted, ForecastError, Forecaster, Predictive};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Span, Step};
use serde::Deserialize;
use serde_json::json;

use crate::support::{self, column, data};

#[derive(Deserialize)]
struct Golden {
    level: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// The history itself, or the name of the series whose first buckets it is.
    #[serde(default)]
    values: Vec<Option<f64>>,
    series: Option<String>,
    /// Over history and forecast.
    #[serde(default)]
    regressors: Vec<(String, Vec<f64>)>,
    order: [usize; 3],
    seasonal: [usize; 3],
    season: usize,
    trend: String,
    parameters: Vec<f64>,
    log_likelihood: f64,
    mean: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Case {
    fn model(&self) -> Arima {
        let settings = json!({ "order": self.order, "seasonal": self.seasonal, "season": self.season, "trend": self.trend });
        serde_json::from_value(settings).expect("valid settings")
    }

    fn history(&self) -> Series {
        daily(self.values.clone())
    }

    /// Over history and forecast. Nothing hangs on the stamps, so all are days.
    fn all(&self) -> Known {
        with_regressors(self.values.len() + self.mean.len(), self.regressors.clone())
    }

    fn known(&self) -> Known {
        self.all().window(0..self.values.len())
    }

    fn ahead(&self) -> Known {
        let all = self.all();
        all.window(self.values.len()..all.len())
    }
}

fn cases() -> Vec<Case> {
    let made_up: Golden = serde_json::from_str(include_str!("../golden/arima/cases.json")).expect("valid JSON");
    let of_series: Golden = serde_json::from_str(include_str!("../golden/arima/series.json")).expect("valid JSON");
    assert_eq!((made_up.level, of_series.level), (LEVEL, LEVEL));
    let mut cases = made_up.cases;
    cases.extend(of_series.cases.into_iter().map(|case| {
        let name = case.series.as_deref().expect("a series");
        let mut values = series(name);
        values.truncate(values.len() - case.mean.len());
        Case { values, ..case }
    }));
    cases
}

pub(crate) fn series(name: &str) -> Values {
    column(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/series/{name}.csv")), "value")
}

const LEVEL: f64 = 0.99;

fn grid(len: usize) -> Grid {
    Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, len)
}

pub(crate) fn known(len: usize) -> Known {
    Known::stamps(grid(len))
}

pub(crate) fn with_regressors(len: usize, regressors: Vec<(String, Vec<f64>)>) -> Known {
    Known::new(Columns { grid: grid(len), holiday_names: Vec::new(), holidays: vec![None; len], regressors })
}

pub(crate) fn daily(values: Vec<Option<f64>>) -> Series {
    Series::new(grid(values.len()), values)
}

fn seed() -> Seed {
    Seed::derive(["arima"])
}

#[test]
fn forecasts_at_the_parameters_of_statsmodels_are_its_forecasts() {
    for case in &cases() {
        let fitted = case.model().with_parameters(&case.history(), &case.known(), &case.parameters).expect("long enough");
        let forecasts = fitted.forecast(&case.ahead()).expect("finite forecasts");
        for (h, forecast) in forecasts.iter().enumerate() {
            let (lower, upper) = forecast.interval(LEVEL);
            for (got, expected) in [(forecast.mean(), case.mean[h]), (lower, case.lower[h]), (upper, case.upper[h])] {
                assert!((got - expected).abs() < 0.05, "{}, {} ahead: {got} against {expected}", case.name, h + 1);
            }
        }
    }
}

#[test]
fn the_likelihood_is_that_of_statsmodels() {
    for case in cases() {
        let fitted = case.model().with_parameters(&case.history(), &case.known(), &case.parameters).expect("long enough");
        let error = (fitted.log_likelihood() / case.log_likelihood - 1.0).abs();
        assert!(error < 1e-6, "{}: {} against {}", case.name, fitted.log_likelihood(), case.log_likelihood);
    }
}

#[test]
fn the_optimum_is_not_below_that_of_statsmodels() {
    for case in cases() {
        let fitted = case.model().estimate(&case.history(), &case.known()).expect("long enough");
        assert!(
            fitted.log_likelihood() >= case.log_likelihood - 0.01,
            "{}: {} against {}",
            case.name,
            fitted.log_likelihood(),
            case.log_likelihood
        );
        let again = case.model().with_parameters(&case.history(), &case.known(), &fitted.parameters()).expect("long enough");
        assert!((again.log_likelihood() - fitted.log_likelihood()).abs() < 1e-6, "{}", case.name);
    }
}

#[test]
fn a_refit_loses_less_than_a_parameter_is_worth() {
    for case in cases() {
        let (model, history) = (case.model(), case.history());
        let (known, cut) = (case.known(), history.len() - 7);
        let earlier = model.estimate(&history.slice(0..cut), &known.window(0..cut)).expect("long enough");
        let again = earlier.estimate_again(&history, &known).expect("long enough");
        let fresh = model.estimate(&history, &known).expect("long enough");
        // A refit keeps to its hill; where another is higher, the loss stays below what AIC counts for one parameter.
        assert!(
            again.log_likelihood() > fresh.log_likelihood() - 1.0,
            "{}: {} against {}",
            case.name,
            again.log_likelihood(),
            fresh.log_likelihood()
        );
    }
}

pub(crate) type Values = Vec<Option<f64>>;

/// Train and test counts, if the data are there.
fn ticket_counts() -> Option<(Values, Values)> {
    let train = column(&data("ticket-counts/train.csv")?, "count");
    let test = column(&data("ticket-counts/test.csv")?, "count");
    Some((train, test))
}

#[test]
fn ticket_counts_have_the_published_likelihood_at_fixed_parameters() {
    let Some((train, _)) = ticket_counts() else { return };
    let known = known(train.len());
    let fitted = Arima::default().with_parameters(&daily(train), &known, &[0.5, 0.2, 0.1, -0.5, 300.0]).expect("long enough");
    let error = (fitted.log_likelihood() / -1_234.117_64 - 1.0).abs();
    assert!(error < 1e-6, "{}", fitted.log_likelihood());
}

#[test]
fn ticket_counts_have_one_incident_at_fixed_origin_and_one_step() {
    let Some((train, test)) = ticket_counts() else { return };
    let all = known(train.len() + test.len());
    let ahead = all.window(train.len()..train.len() + test.len());
    let mut fitted = Arima::default().fit(&daily(train.clone()), &all.window(0..train.len()), seed()).expect("long enough");
    let outside = |forecast: &Predictive, actual: Option<f64>| {
        let (lower, upper) = forecast.interval(0.99);
        actual.is_some_and(|actual| actual < lower || actual > upper)
    };
    let fixed = fitted.forecast(&ahead).expect("finite forecasts");
    let flags: Vec<String> = (0..test.len()).filter(|t| outside(&fixed[*t], test[*t])).map(|t| ahead.grid().label(t)).collect();
    assert_eq!(flags, ["2023-10-05"], "fixed origin");
    let mut flags = Vec::new();
    for (t, value) in test.iter().enumerate() {
        let forecast = fitted.forecast(&ahead.window(t..t + 1)).expect("a finite forecast");
        if outside(&forecast[0], *value) {
            flags.push(ahead.grid().label(t));
        }
        fitted.observe(*value);
    }
    assert_eq!(flags, ["2023-10-05"], "one step");
}

#[test]
fn observing_is_filtering_a_longer_history() {
    for case in cases() {
        let (model, history) = (case.model(), case.history());
        let cut = history.len() - 20;
        let known = case.known();
        let mut rolled = model.with_parameters(&history.slice(0..cut), &known.window(0..cut), &case.parameters).expect("long enough");
        rolled.forecast(&known.window(cut..history.len())).expect("finite forecasts");
        for value in &history.values()[cut..] {
            rolled.observe(*value);
        }
        let whole = model.with_parameters(&history, &known, &case.parameters).expect("long enough");
        assert_eq!(rolled.forecast(&case.ahead()), whole.forecast(&case.ahead()), "{}", case.name);
    }
}

#[test]
fn a_value_after_a_gap_is_less_certain() {
    let case = &cases()[0];
    let mut fitted = case.model().with_parameters(&case.history(), &case.known(), &case.parameters).expect("long enough");
    let width = |fitted: &dyn Fitted| {
        let (lower, upper) = fitted.forecast(&case.ahead()).expect("finite")[0].interval(0.9);
        upper - lower
    };
    let before = width(&fitted);
    fitted.observe(None);
    for h in 1..7 {
        fitted.observe(Some(case.mean[h]));
    }
    assert!(width(&fitted) > 1.2 * before, "the bucket one season after the gap");
}

#[test]
fn a_long_season_is_refused_with_a_way_out() {
    let values = (0..2000).map(|t| Some(f64::from(t % 288))).collect();
    let step = Step::new(Span::seconds(300)).expect("a step");
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), step, 2000);
    let error = Arima::default().fit(&Series::new(grid.clone(), values), &Known::stamps(grid), seed()).err().expect("refused");
    assert_eq!(error.to_string(), "`arima` takes seasons up to 60, got 288: sum to a coarser step with --step 30min");
}

#[test]
fn a_short_history_is_refused_with_the_points_needed() {
    let error = Arima::default().estimate(&daily(vec![Some(1.0), Some(2.0), None, Some(4.0)]), &known(4)).expect_err("refused");
    assert!(matches!(error, ForecastError::TooShort { got: 3, needed: 23, .. }), "{error}");
    let enough = daily((0..23).map(|t| Some(f64::from(t * t % 13))).collect());
    assert!(Arima::default().estimate(&enough, &known(23)).is_ok());
}

#[test]
fn constant_and_perfectly_regular_series_have_finite_forecasts() {
    let shapes: [fn(usize) -> f64; 5] = [|_| 0.0, |_| 41.0, |t| (t % 7) as f64, |t| 3.0 * t as f64, |t| if t == 50 { 1e9 } else { 0.0 }];
    for (shape, value) in shapes.iter().enumerate() {
        for settings in [json!({}), json!({ "trend": "c" }), json!({ "order": [1, 1, 1] }), json!({ "seasonal": [0, 0, 0] })] {
            let model = support::native("arima", &settings).expect("valid settings");
            let history = daily((0..100).map(|t| Some(value(t))).collect());
            let all = known(121);
            let fitted = model.fit(&history, &all.window(0..100), seed()).expect("long enough");
            let forecasts = fitted.forecast(&all.window(100..121)).expect("finite");
            assert!(forecasts.iter().all(Predictive::is_sound), "shape {shape} {settings}: {forecasts:?}");
            if shape < 3 && settings == json!({}) {
                assert!((forecasts[0].mean() - value(100)).abs() < 1e-6, "shape {shape}: {forecasts:?}");
            }
        }
    }
}

#[test]
fn unknown_settings_are_refused() {
    assert!(support::native("arima", &json!({ "sesonal": [1, 1, 1] })).is_err());
    assert!(support::native("arima", &json!({ "trend": "ct" })).is_err());
    let error = Arima { season: Some(1), ..Arima::default() }.estimate(&daily(vec![Some(1.0); 50]), &known(50)).expect_err("refused");
    assert!(error.to_string().contains("takes seasons from 2"), "{error}");
}

/// 140 days about a week, plus 25 on every ninth day, and that column.
pub(crate) fn with_events() -> (Series, Vec<f64>) {
    let events: Vec<f64> = (0..161).map(|t| if t % 9 == 4 { 1.0 } else { 0.0 }).collect();
    let value = |t: usize| Some(100.0 + [8.0, 5.0, 5.0, 3.0, 1.0, -9.0, -13.0][t % 7] + (t * t * 7 % 13) as f64 + 25.0 * events[t]);
    (daily((0..140).map(value).collect()), events)
}

#[test]
fn holidays_are_a_regressor_unless_turned_off() {
    let (history, events) = with_events();
    let holidays = events.iter().map(|event| (*event > 0.0).then_some(0)).collect();
    let columns = Columns { grid: grid(161), holiday_names: vec!["Feast".into()], holidays, regressors: Vec::new() };
    let marked = Known::new(columns);
    let named = with_regressors(161, vec![("event".into(), events.clone())]);
    let forecast = |settings: serde_json::Value, known: &Known| {
        let model = support::native("arima", &settings).expect("valid settings");
        let fitted = model.fit(&history, &known.window(0..140), seed()).expect("long enough");
        fitted.forecast(&known.window(140..161)).expect("finite")
    };
    let with = forecast(json!({}), &marked);
    assert_eq!(with, forecast(json!({}), &named));
    let without = forecast(json!({ "holidays": false }), &marked);
    assert_eq!(without, forecast(json!({}), &known(161)));
    // Day 148 is an event.
    assert!(with[8].mean() - without[8].mean() > 15.0 && (with[9].mean() - without[9].mean()).abs() < 10.0, "{with:?} {without:?}");
}

#[test]
fn the_scale_of_a_regressor_does_not_matter() {
    let (history, events) = with_events();
    let forecast = |scale: f64, shift: f64| {
        let known = with_regressors(161, vec![("event".into(), events.iter().map(|event| shift + scale * event).collect())]);
        let fitted = Arima::default().estimate(&history, &known.window(0..140)).expect("long enough");
        fitted.forecast(&known.window(140..161)).expect("finite").iter().map(Predictive::mean).collect::<Vec<_>>()
    };
    let plain = forecast(1.0, 0.0);
    for (scale, shift) in [(1e12, 0.0), (-1e-9, 0.0), (3.0, 1e5)] {
        for (a, b) in forecast(scale, shift).iter().zip(&plain) {
            assert!((a - b).abs() < 1e-3, "{scale} {shift}: {a} against {b}");
        }
    }
}

#[test]
fn columns_that_say_nothing_of_their_own_have_no_coefficient() {
    let (history, events) = with_events();
    let constant = vec![41.5; 161];
    let weekly: Vec<f64> = (0..161).map(|t| [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0][t % 7]).collect();
    let both: Vec<f64> = events.iter().zip(&weekly).map(|(event, week)| 3.0 * event - week).collect();
    let named = |columns: &[&Vec<f64>]| {
        with_regressors(161, columns.iter().enumerate().map(|(i, values)| (format!("column {i}"), values.to_vec())).collect())
    };
    let fit = |known: &Known| Arima::default().estimate(&history, &known.window(0..140)).expect("long enough");
    // Over one season a constant and a weekly pattern vanish, and then the last column is three times the second.
    let (known, alone) = (named(&[&constant, &events, &weekly, &both]), named(&[&events]));
    let (fitted, expected) = (fit(&known), fit(&alone));
    let weights = &fitted.parameters()[..4];
    assert_eq!((weights[0], weights[2], weights[3]), (0.0, 0.0, 0.0));
    assert_eq!(weights[1], expected.parameters()[0]);
    assert_eq!(fitted.forecast(&known.window(140..161)), expected.forecast(&alone.window(140..161)));
}

#[test]
fn a_regressor_that_is_not_finite_or_not_there_is_an_error_that_names_it() {
    let (history, mut events) = with_events();
    events[7] = f64::NAN;
    let known = with_regressors(161, vec![("load".into(), events.clone())]);
    let error = Arima::default().estimate(&history, &known.window(0..140)).expect_err("refused");
    assert_eq!(error.to_string(), "`arima` takes finite regressors only: `load` is NaN at 2023-01-08");
    events[7] = 0.0;
    events[150] = f64::INFINITY;
    let known = with_regressors(161, vec![("load".into(), events)]);
    let fitted = Arima::default().estimate(&history, &known.window(0..140)).expect("long enough");
    assert!(fitted.forecast(&known.window(140..150)).is_ok());
    let error = fitted.forecast(&known.window(140..161)).expect_err("refused");
    assert!(error.to_string().contains("`load` is inf at 2023-05-31"), "{error}");
    let error = fitted.forecast(&Known::stamps(grid(161)).window(140..161)).expect_err("refused");
    assert!(error.to_string().contains("fitted with the regressor `load`"), "{error}");
}

#[test]
fn regressors_need_a_longer_history_and_the_number_named_suffices() {
    let columns: Vec<(String, Vec<f64>)> =
        (0..12).map(|k| (format!("column {k}"), (0..200).map(|t| f64::from((t * (k + 3) * (t + k)) % 31)).collect())).collect();
    let all = with_regressors(200, columns);
    let history = |len: usize| daily((0..len).map(|t| Some((t * t % 13 + t % 7) as f64)).collect());
    let error = Arima::default().estimate(&history(30), &all.window(0..30)).expect_err("refused");
    let ForecastError::TooShort { got: 30, needed, .. } = error else { panic!("{error}") };
    assert!(error.to_string().contains("with 12 regressors"), "{error}");
    assert!(Arima::default().estimate(&history(needed - 1), &all.window(0..needed - 1)).is_err());
    let fitted = Arima::default().estimate(&history(needed), &all.window(0..needed)).expect("long enough");
    assert!(fitted.forecast(&all.window(needed..200)).expect("finite").iter().all(Predictive::is_sound));
}

#[test]
fn a_value_observed_is_rid_of_what_its_forecast_gave_the_regressors() {
    let (history, events) = with_events();
    let known = with_regressors(161, vec![("event".into(), events.clone())]);
    let walk = Arima { order: [0, 1, 0], seasonal: [0, 0, 0], ..Arima::default() };
    // Day 139 is an event, day 140 is none.
    let fitted = walk.estimate(&history.slice(0..139), &known.window(0..139)).expect("long enough");
    let weight = fitted.parameters()[0];
    assert!((weight - 25.0).abs() < 5.0, "{weight}");
    let after = |mut fitted: FittedArima| {
        fitted.observe(Some(100.0));
        fitted.forecast(&known.window(140..161)).expect("finite")[0].mean()
    };
    let asked = fitted.clone();
    asked.forecast(&known.window(139..161)).expect("finite");
    assert!((after(asked) - (100.0 - weight)).abs() < 1e-9);
    // Never asked for, a bucket has the regressors' mean.
    let mean = events[..139].iter().sum::<f64>() / 139.0;
    assert!((after(fitted) - (100.0 - weight * mean)).abs() < 1e-9);
}

#[test]
fn forecasts_move_with_the_values() {
    let (history, _) = with_events();
    let all = known(161);
    let settings = [
        json!({}),
        json!({ "order": [2, 1, 1], "seasonal": [0, 1, 1] }),
        json!({ "order": [1, 0, 0], "seasonal": [1, 0, 0], "trend": "c" }),
    ];
    for settings in settings {
        let model: Arima = serde_json::from_value(settings).expect("valid settings");
        let forecast = |shift: f64, scale: f64| {
            let values = history.values().iter().map(|value| value.map(|value| shift + scale * value)).collect();
            let fitted = model.estimate(&daily(values), &all.window(0..140)).expect("long enough");
            fitted.forecast(&all.window(140..161)).expect("finite")
        };
        let plain = forecast(0.0, 1.0);
        for (shift, scale) in [(1e3, 1.0), (-500.0, 7.3), (0.0, 1e-9), (0.0, 1e12), (1e4, -2.0)] {
            for (moved, plain) in forecast(shift, scale).iter().zip(&plain) {
                let (Predictive::Normal { mean, sd }, Predictive::Normal { mean: m, sd: s }) = (moved, plain) else { panic!("normal") };
                assert!(((mean - shift) / scale - m).abs() < 1e-3 * s, "{model:?} {shift} {scale}: {mean} against {m}");
                assert!((sd / scale.abs() / s - 1.0).abs() < 1e-3, "{model:?} {shift} {scale}: {sd} against {s}");
            }
        }
    }
}
