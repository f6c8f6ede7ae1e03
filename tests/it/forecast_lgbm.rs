//! The lgbm forecaster against Python LightGBM: bit for bit on the golden tables, and on the ticket counts through its own features.

use std::path::Path;

use incident_harness::data::{Known, Series};
use incident_harness::forecast::features::Features;
use incident_harness::forecast::lgbm::{Booster, Lgbm};
use incident_harness::forecast::{Fitted, ForecastError, Predictive};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use serde::Deserialize;
use serde_json::json;

use crate::support::{self, data};

#[derive(Deserialize)]
struct Golden {
    settings: Lgbm,
    width: usize,
    values: Vec<f64>,
    targets: Vec<f64>,
    new_values: Vec<f64>,
    in_sample: Vec<f64>,
    out_of_sample: Vec<f64>,
}

impl Golden {
    /// Every data set, by file name.
    fn all() -> Vec<(String, Self)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/lgbm");
        let mut sets: Vec<(String, Self)> = std::fs::read_dir(folder)
            .expect("the golden folder is there")
            .map(|entry| entry.expect("a readable folder").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
            .map(|path| {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
                (name, serde_json::from_str(&text).expect("a golden file"))
            })
            .collect();
        sets.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(sets.len() >= 8, "golden data sets are missing");
        sets
    }

    fn named(name: &str) -> Self {
        Self::all().into_iter().find(|set| set.0 == name).expect("a golden data set of this name").1
    }

    fn train(&self, settings: &Lgbm) -> Booster {
        Booster::train(&self.values, self.width, &self.targets, settings)
    }

    /// Predictions that are not the same float.
    fn differences(&self, model: &Booster) -> usize {
        let unequal = |values: &[f64], expected: &[f64]| {
            assert_eq!(values.len(), expected.len() * self.width);
            values.chunks_exact(self.width).zip(expected).filter(|(row, expected)| model.predict(row) != **expected).count()
        };
        unequal(&self.values, &self.in_sample) + unequal(&self.new_values, &self.out_of_sample)
    }
}

#[test]
fn predictions_are_the_same_floats_as_those_of_python_lightgbm() {
    let unequal: Vec<_> = Golden::all()
        .into_iter()
        .map(|(name, set)| (name, set.differences(&set.train(&set.settings)), set.targets.len()))
        .filter(|(_, differences, _)| *differences > 0)
        .collect();
    assert!(unequal.is_empty(), "data set, unequal predictions, rows: {unequal:?}");
}

#[test]
fn another_leaf_size_or_number_of_bins_gives_other_predictions() {
    let set = Golden::named("week-259");
    for settings in [Lgbm { min_data_in_leaf: 21, ..set.settings.clone() }, Lgbm { max_bin: 40, ..set.settings.clone() }] {
        assert!(set.differences(&set.train(&settings)) > 100, "{settings:?}");
    }
}

/// The columns of a CSV by name, as text.
fn csv_columns<const N: usize>(path: &Path, names: [&str; N]) -> Vec<[String; N]> {
    let mut reader = csv::Reader::from_path(path).expect("a readable CSV");
    let header = reader.headers().expect("a header").clone();
    let places = names.map(|name| header.iter().position(|column| column == name).expect("a column of this name"));
    reader.records().map(|record| record.expect("a row")).map(|record| places.map(|place| record[place].to_owned())).collect()
}

fn number(text: &str) -> f64 {
    match text {
        "True" => 1.0,
        "False" => 0.0,
        text => text.parse().expect("a number"),
    }
}

/// Train and test of the ticket counts.
fn ticket_counts() -> Option<(Series, Series, Known)> {
    let (train, test) = (data("ticket-counts/train.csv")?, data("ticket-counts/test.csv")?);
    let counts = |path: &Path| -> Vec<Option<f64>> { csv_columns(path, ["count"]).iter().map(|[count]| Some(number(count))).collect() };
    let (train, test) = (counts(&train), counts(&test));
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, train.len() + test.len());
    let known = Known::stamps(grid.clone());
    let (split, end) = (train.len(), grid.len());
    Some((Series::new(grid.slice(0..split), train), Series::new(grid.slice(split..end), test), known))
}

fn fit(settings: &serde_json::Value, history: &Series, known: &Known) -> Result<Box<dyn Fitted>, ForecastError> {
    support::native("lgbm", settings).expect("settings of lgbm").fit(history, known, Seed::derive(["test"]))
}

#[test]
fn features_of_the_ticket_counts_are_those_of_the_reference() {
    let Some((train, _, known)) = ticket_counts() else { return };
    let names = [
        "day_of_week",
        "is_weekend",
        "month",
        "day_of_month",
        "day_of_year",
        "lag_1",
        "lag_7",
        "lag_14",
        "rolling_mean_7d",
        "rolling_std_7d",
    ];
    let path = data("ticket-counts/python-reference/lgbm_train_features.csv").expect("checked above");
    let known = known.window(0..train.len());
    let features = Features::new(7, Step::DAY, &known);
    let rows = features.rows(&train, &known);
    assert_eq!(features.names(), names);
    let expected: Vec<f64> = csv_columns(&path, names).iter().flatten().map(|text| number(text)).collect();
    assert_eq!((rows.len(), rows.values.len()), (259, expected.len()));
    for (i, (got, expected)) in rows.values.iter().zip(&expected).enumerate() {
        assert!((got - expected).abs() < 1e-9, "row {} column {}: {got} {expected}", i / 10, names[i % 10]);
    }
}

#[test]
fn the_trees_on_the_ticket_counts_give_the_reference_predictions() {
    let Some((train, _, known)) = ticket_counts() else { return };
    let path = data("ticket-counts/python-reference/lgbm_train_pred.csv").expect("checked above");
    let known = known.window(0..train.len());
    let rows = Features::new(7, Step::DAY, &known).rows(&train, &known);
    let model = Booster::train(&rows.values, rows.width, &rows.targets, &Lgbm::default());
    assert_eq!(model.trees(), 1000);
    for (row, [expected]) in rows.values.chunks_exact(rows.width).zip(csv_columns(&path, ["pred"])) {
        assert_eq!(model.predict(row), number(&expected));
    }
}

#[test]
fn one_step_forecasts_of_the_ticket_counts_equal_the_reference() {
    let Some((train, test, known)) = ticket_counts() else { return };
    let path = data("ticket-counts/python-reference/lgbm_forecast.csv").expect("checked above");
    let mut fitted = fit(&json!({}), &train, &known.window(0..train.len())).expect("273 days are enough");
    for (i, expected) in csv_columns(&path, ["yhat", "yhat_lower", "yhat_upper"]).iter().enumerate() {
        let at = train.len() + i;
        let [forecast] = &fitted.forecast(&known.window(at..at + 1)).expect("a forecast")[..] else { panic!("one forecast per bucket") };
        let (lower, upper) = forecast.interval(0.99);
        for (got, expected) in [forecast.mean(), lower, upper].iter().zip(expected) {
            assert!((got - number(expected)).abs() < 1e-6, "bucket {at}: {got} {expected}");
        }
        // Out-of-sample errors pooled over the five folds, as in `seed_fitted_details.json`.
        assert!(matches!(forecast, Predictive::Normal { sd, .. } if (sd - 21.103_029_529_389_577).abs() < 1e-9), "{forecast:?}");
        fitted.observe(test.values()[i]);
    }
}

/// A weekday pattern with a slow wave, `n` days long; `known` covers 30 more.
fn days(n: usize) -> (Series, Known) {
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, n + 30);
    let value = |i: usize| 100.0 + 30.0 * f64::from(u8::from(i % 7 < 5)) + (i * i % 17) as f64;
    let series = Series::new(grid.slice(0..n), (0..n).map(|i| Some(value(i))).collect());
    (series, Known::stamps(grid))
}

fn means(fitted: &dyn Fitted, known: &Known) -> Vec<f64> {
    fitted.forecast(known).expect("a forecast").iter().map(Predictive::mean).collect()
}

#[test]
fn several_steps_ahead_are_one_step_each_with_the_forecast_as_the_value() {
    let (series, known) = days(200);
    let mut fitted = fit(&json!({"trees": 50}), &series, &known.window(0..200)).expect("200 days are enough");
    let at_once = means(&*fitted, &known.window(200..220));
    for (i, expected) in at_once.iter().enumerate() {
        let one = means(&*fitted, &known.window(200 + i..201 + i));
        assert_eq!(one, [*expected]);
        fitted.observe(Some(one[0]));
    }
}

#[test]
fn a_missing_value_enters_the_lags_as_its_own_forecast() {
    let (series, known) = days(200);
    let settings = json!({"trees": 50});
    let fit = || fit(&settings, &series, &known.window(0..200)).expect("200 days are enough");
    let expected = means(&*fit(), &known.window(200..210));
    let (mut asked, mut unasked) = (fit(), fit());
    for i in 0..9 {
        assert_eq!(means(&*asked, &known.window(200 + i..201 + i)), expected[i..=i]);
        asked.observe(None);
        unasked.observe(None);
    }
    assert_eq!(means(&*asked, &known.window(209..210)), expected[9..]);
    assert_eq!(means(&*unasked, &known.window(209..210)), expected[9..]);
}

#[test]
fn a_history_with_holes_is_fitted_on_what_is_there() {
    let (series, known) = days(200);
    let holes =
        series.values().iter().enumerate().map(|(i, value)| value.filter(|_| i % 9 != 4 && !(60..75).contains(&i) && i > 2)).collect();
    let holes = Series::new(series.grid().clone(), holes);
    let fitted = fit(&json!({"trees": 50}), &holes, &known.window(0..200)).expect("enough days are left");
    for (forecast, day) in means(&*fitted, &known.window(200..214)).iter().zip(200..) {
        let level = 108.0 + 30.0 * f64::from(u8::from(day % 7 < 5));
        assert!((forecast - level).abs() < 15.0, "day {day}: {forecast}, level {level}");
    }
}

#[test]
fn a_refit_learns_the_new_values_and_keeps_the_spread() {
    let (series, known) = days(200);
    let fitted = fit(&json!({"trees": 50}), &series.slice(0..120), &known.window(0..120)).expect("120 days are enough");
    let again = fitted.refit(&series, &known.window(0..200), Seed::derive(["test"])).expect("200 days are enough");
    let fresh = fit(&json!({"trees": 50}), &series, &known.window(0..200)).expect("200 days are enough");
    let forecast = |fitted: &dyn Fitted, at: usize| match &fitted.forecast(&known.window(at..at + 1)).expect("a forecast")[0] {
        Predictive::Normal { mean, sd } => (*mean, *sd),
        other => panic!("a normal distribution, got {other:?}"),
    };
    assert_eq!(forecast(&*again, 200).0, forecast(&*fresh, 200).0);
    assert_eq!(forecast(&*again, 200).1, forecast(&*fitted, 120).1);
    assert_ne!(forecast(&*again, 200).1, forecast(&*fresh, 200).1);
}

#[test]
fn a_short_series_is_refused_with_the_number_of_points_it_needs() {
    let (series, known) = days(54);
    let settings = json!({"trees": 5});
    assert!(fit(&settings, &series, &known.window(0..54)).is_ok());
    let Err(error) = fit(&settings, &series.slice(0..53), &known.window(0..53)) else { panic!("53 days are too few") };
    assert_eq!(
        error.to_string(),
        "series has 53 points, `lgbm` needs at least 54 (two seasons of 7 for the lags and 40 rows for one split and 5 folds)"
    );
    assert!(fit(&settings, &series.slice(0..0), &known.window(0..0)).is_err());
}

#[test]
fn a_constant_series_is_forecast_without_spread() {
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, 101);
    let series = Series::new(grid.slice(0..100), vec![Some(7.0); 100]);
    let known = Known::stamps(grid);
    let fitted = fit(&json!({}), &series, &known.window(0..100)).expect("100 days are enough");
    let forecast = &fitted.forecast(&known.window(100..101)).expect("a forecast")[0];
    assert_eq!(*forecast, Predictive::Normal { mean: 7.0, sd: 0.0 });
}

#[test]
fn a_value_after_the_forecast_changes_nothing_before_it() {
    let (series, known) = days(200);
    let mut changed = series.values().to_vec();
    changed[180] = Some(1e6);
    let changed = Series::new(series.grid().clone(), changed);
    let forecasts = |series: &Series| -> Vec<f64> {
        let mut fitted = fit(&json!({"trees": 50}), &series.slice(0..150), &known.window(0..150)).expect("150 days are enough");
        let mut forecasts = Vec::new();
        for i in 150..200 {
            forecasts.extend(means(&*fitted, &known.window(i..i + 1)));
            fitted.observe(series.values()[i]);
        }
        forecasts
    };
    let (before, after) = (forecasts(&series), forecasts(&changed));
    assert_eq!(before[..=30], after[..=30]);
    assert_ne!(before[31..], after[31..]);
}
