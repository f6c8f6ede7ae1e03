//! What the regression models over the shared features have in common, and the two of them that are not LightGBM's.

use incident_harness::data::{Known, Series};
use incident_harness::forecast::{Fitted, ForecastError, Predictive};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use serde_json::{Value, json};

use crate::support;

/// Every model of this kind with the points it needs at a season of 7.
const MODELS: &[(&str, usize)] = &[("lgbm", 54), ("forest", 24), ("xgb", 34)];
const OURS: &[&str] = &["forest", "xgb"];

/// A series of a step, and what is known of it and 30 buckets more.
fn series(step: Step, values: Vec<Option<f64>>) -> (Series, Known) {
    let n = values.len();
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), step, n + 30);
    (Series::new(grid.slice(0..n), values), Known::stamps(grid))
}

/// A weekday pattern with what looks like noise.
fn day(i: usize) -> f64 {
    100.0 + 30.0 * f64::from(u8::from(i % 7 < 5)) + (i * i % 17) as f64
}

fn days(n: usize) -> (Series, Known) {
    series(Step::DAY, (0..n).map(|i| Some(day(i))).collect())
}

fn fit_seeded(name: &str, settings: &Value, history: &Series, known: &Known, seed: &str) -> Result<Box<dyn Fitted>, ForecastError> {
    support::native(name, settings).expect("settings of the model").fit(history, &known.window(0..history.len()), Seed::derive([seed]))
}

fn fit(name: &str, settings: &Value, history: &Series, known: &Known) -> Box<dyn Fitted> {
    fit_seeded(name, settings, history, known, "test").unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn errors(fitted: &dyn Fitted) -> Vec<f64> {
    fitted.fold_errors().expect("it makes folds").iter().map(|fold| fold.error).collect()
}

fn ahead(fitted: &dyn Fitted, known: &Known, from: usize, to: usize) -> Vec<(f64, f64)> {
    let forecasts = fitted.forecast(&known.window(from..to)).expect("a forecast");
    let normal = |forecast: &Predictive| match forecast {
        Predictive::Normal { mean, sd } => (*mean, *sd),
        other => panic!("a normal distribution, got {other:?}"),
    };
    forecasts.iter().map(normal).collect()
}

#[test]
fn a_weekday_pattern_is_learnt_and_its_spread_is_that_of_the_noise() {
    let (history, known) = days(300);
    for name in OURS {
        let forecasts = ahead(&*fit(name, &json!({}), &history, &known), &known, 300, 314);
        for ((mean, sd), at) in forecasts.iter().zip(300..) {
            let level = 108.0 + 30.0 * f64::from(u8::from(at % 7 < 5));
            assert!((mean - level).abs() < 9.0, "{name}, day {at}: {mean}, level {level}");
            assert!((2.0..9.0).contains(sd), "{name}: {sd}");
        }
    }
}

#[test]
fn fold_errors_are_those_of_one_step_forecasts_from_what_came_before_the_fold() {
    let (history, known) = days(14 + 100);
    // Without a draw in training, a fold's model is the one fitted on the history before it.
    for name in ["lgbm", "xgb"] {
        let settings = json!({"folds": 2, "season": 7, "trees": 30});
        let fitted = fit(name, &settings, &history, &known);
        let mut expected = Vec::new();
        for fold in [50..75, 75..100] {
            let before = 14 + fold.start;
            let mut model = fit(name, &settings, &history.slice(0..before), &known);
            for at in fold.map(|row| 14 + row) {
                let value = history.values()[at].expect("a value");
                expected.push(value - ahead(&*model, &known, at, at + 1)[0].0);
                model.observe(Some(value));
            }
        }
        assert_eq!(errors(&*fitted), expected, "{name}");
    }
}

#[test]
fn the_spread_is_the_sd_of_the_fold_errors() {
    let (history, known) = days(200);
    for (name, _) in MODELS {
        let fitted = fit(name, &json!({}), &history, &known);
        let errors = errors(&*fitted);
        assert_eq!(errors.len(), 93, "{name}: half of 186 rows");
        let mean = errors.iter().sum::<f64>() / 93.0;
        let sd = (errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / 93.0).sqrt();
        assert!((ahead(&*fitted, &known, 200, 201)[0].1 - sd).abs() < 1e-12, "{name}");
    }
}

#[test]
fn a_constant_is_forecast_as_its_value_without_spread() {
    for value in [0.0, 0.1, 7.3, -1e12, 1e-9] {
        let (history, known) = series(Step::DAY, vec![Some(value); 100]);
        for (name, _) in MODELS {
            let fitted = fit(name, &json!({}), &history, &known);
            assert!(ahead(&*fitted, &known, 100, 120).iter().all(|forecast| *forecast == (value, 0.0)), "{name}, {value}");
            assert!(errors(&*fitted).iter().all(|error| *error == 0.0), "{name}, {value}");
        }
    }
}

#[test]
fn a_refit_keeps_the_spread_except_that_of_a_constant() {
    let (history, known) = days(200);
    let constant = Series::new(history.grid().slice(0..100), vec![Some(130.0); 100]);
    for (name, _) in MODELS {
        let refit = |fitted: &dyn Fitted| {
            fitted.refit(&history, &known.window(0..200), Seed::derive(["test"])).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        let spread = |fitted: &dyn Fitted| ahead(fitted, &known, 200, 201)[0].1;
        let (before, fresh) = (fit(name, &json!({}), &history.slice(0..120), &known), fit(name, &json!({}), &history, &known));
        let again = refit(&*before);
        assert_eq!(again.fold_errors(), before.fold_errors(), "{name}");
        assert_eq!(ahead(&*again, &known, 200, 201)[0].0, ahead(&*fresh, &known, 200, 201)[0].0, "{name}");
        assert_ne!(spread(&*again), spread(&*fresh), "{name}");
        let again = refit(&*fit(name, &json!({}), &constant, &known));
        assert_eq!(spread(&*again), spread(&*fresh), "{name}");
    }
}

#[test]
fn the_points_asked_for_are_the_fewest_that_work() {
    for (name, needed) in MODELS {
        let (history, known) = days(*needed);
        assert!(ahead(&*fit(name, &json!({}), &history, &known), &known, *needed, needed + 20).iter().all(|(mean, _)| mean.is_finite()));
        for len in [0, 1, 13, needed - 1] {
            match fit_seeded(name, &json!({}), &history.slice(0..len), &known, "test") {
                Err(ForecastError::TooShort { model, got, needed: told, .. }) => assert_eq!((model, got, told), (*name, len, *needed)),
                Err(error) => panic!("{name}: {error}"),
                Ok(_) => panic!("{name}: {len} days are too few"),
            }
        }
    }
}

#[test]
fn another_unit_gives_the_same_forecasts_in_it() {
    let (history, known) = days(200);
    for name in OURS {
        let expected = ahead(&*fit(name, &json!({}), &history, &known), &known, 200, 207);
        for unit in [1e-9, 1e12] {
            let scaled =
                Series::new(history.grid().clone(), history.values().iter().map(|value| value.map(|value| value * unit)).collect());
            for (got, expected) in ahead(&*fit(name, &json!({}), &scaled, &known), &known, 200, 207).iter().zip(&expected) {
                assert!((got.0 / unit - expected.0).abs() < 1.0 && (got.1 / unit - expected.1).abs() < 1.0, "{name}: {got:?} {expected:?}");
            }
        }
    }
}

#[test]
fn a_missing_value_enters_the_lags_as_its_own_forecast() {
    let (history, known) = days(150);
    for name in OURS {
        let expected = ahead(&*fit(name, &json!({}), &history, &known), &known, 150, 160);
        let mut fitted = fit(name, &json!({}), &history, &known);
        for at in 0..9 {
            assert_eq!(ahead(&*fitted, &known, 150 + at, 151 + at), expected[at..=at], "{name}");
            fitted.observe(None);
        }
        assert_eq!(ahead(&*fitted, &known, 159, 160), expected[9..], "{name}");
    }
}

#[test]
fn a_history_with_holes_is_fitted_on_what_is_there() {
    let hole = |i: usize| i % 9 == 4 || (60..75).contains(&i) || i < 3;
    let (history, known) = series(Step::DAY, (0..200).map(|i| (!hole(i)).then(|| day(i))).collect());
    for name in OURS {
        for ((mean, _), at) in ahead(&*fit(name, &json!({}), &history, &known), &known, 200, 214).iter().zip(200..) {
            let level = 108.0 + 30.0 * f64::from(u8::from(at % 7 < 5));
            assert!((mean - level).abs() < 15.0, "{name}, day {at}: {mean}, level {level}");
        }
    }
}

#[test]
fn draws_come_from_the_seed_alone() {
    let (history, known) = days(200);
    let drawn = [("forest", json!({})), ("xgb", json!({"subsample": 0.6}))];
    for (name, settings) in drawn {
        let forecasts = |seed: &str| {
            let fitted = fit_seeded(name, &settings, &history, &known, seed).expect("200 days are enough");
            ahead(&*fitted, &known, 200, 220)
        };
        assert_eq!(forecasts("one"), forecasts("one"), "{name}");
        assert_ne!(forecasts("one"), forecasts("two"), "{name}");
    }
    let forecasts = |seed| ahead(&*fit_seeded("xgb", &json!({}), &history, &known, seed).expect("200 days are enough"), &known, 200, 220);
    assert_eq!(forecasts("one"), forecasts("two"), "without a draw the seed is not used");
}

#[test]
fn a_setting_out_of_range_is_an_error_that_names_it() {
    let (history, known) = days(200);
    for (name, settings, told) in [
        ("forest", json!({"trees": 0}), "`forest` takes `trees` from 1 to 10000, got 0"),
        ("forest", json!({"columns": 0}), "`forest` takes `columns` from 1 to 10000, got 0"),
        (
            "forest",
            json!({"season": 1}),
            "`forest` takes seasons from 2 to 100000 buckets, got 1: leave the setting out to find it in the data",
        ),
        ("xgb", json!({"depth": 40}), "`xgb` takes `depth` from 1 to 32, got 40"),
        ("xgb", json!({"subsample": 0.0}), "`xgb` takes `subsample` above 0 up to 1, got 0"),
        ("xgb", json!({"learning_rate": 1.5}), "`xgb` takes `learning_rate` above 0 up to 1, got 1.5"),
        ("xgb", json!({"lambda": -1.0}), "`xgb` takes `lambda` from 0 to 1000000, got -1"),
    ] {
        let Err(error) = fit_seeded(name, &settings, &history, &known, "test") else { panic!("{settings} is out of range") };
        assert_eq!(error.to_string(), told);
    }
}

#[test]
fn values_too_large_for_32_bits_are_told_before_what_follows_from_them() {
    let (history, known) = series(Step::DAY, (0..200).map(|i| Some(1e300 + 1e299 * (i % 7) as f64)).collect());
    for name in ["forest", "lgbm", "xgb"] {
        let Err(error) = fit_seeded(name, &json!({}), &history, &known, "test") else { panic!("{name} takes 1e300") };
        assert_eq!(error.to_string(), format!("`{name}` takes values up to 3.4e38: rescale the series"));
    }
}

#[test]
fn settings_at_their_limits_give_forecasts() {
    let (history, known) = days(80);
    for (name, settings) in [
        ("forest", json!({"trees": 1, "min_data_in_leaf": 1, "columns": 10_000, "folds": 1})),
        ("xgb", json!({"trees": 1, "min_data_in_leaf": 1, "depth": 32, "lambda": 0.0, "learning_rate": 1.0, "subsample": 0.001})),
        ("xgb", json!({"trees": 300, "min_data_in_leaf": 1, "depth": 32, "lambda": 0.0, "learning_rate": 1.0})),
    ] {
        let forecasts = ahead(&*fit(name, &settings, &history, &known), &known, 80, 110);
        assert!(forecasts.iter().all(|(mean, sd)| mean.is_finite() && sd.is_finite()), "{name} {settings}");
    }
}

#[test]
fn years_of_hours_are_more_rows_than_lightgbm_takes_column_by_column_and_work() {
    let hour = |i: usize| 50.0 + 40.0 * f64::from(u8::from((8..18).contains(&(i % 24)))) + (i * i % 23) as f64;
    let (history, known) = series(Step::HOUR, (0..12_000).map(|i| Some(hour(i))).collect());
    let fitted = fit("lgbm", &json!({"trees": 60, "folds": 1}), &history, &known);
    for ((mean, _), at) in ahead(&*fitted, &known, 12_000, 12_024).iter().zip(12_000..) {
        let level = 61.0 + 40.0 * f64::from(u8::from((8..18).contains(&(at % 24))));
        assert!((mean - level).abs() < 12.0, "hour {at}: {mean}, level {level}");
    }
}
