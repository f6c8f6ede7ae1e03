//! Seasonal ARIMA against statsmodels, on golden cases and on ticket counts.

use incident_harness::data::{Known, Series};
use incident_harness::forecast::arima::Arima;
use incident_harness::forecast::{Fitted, ForecastError, Forecaster, Predictive, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Span, Step};
use serde::Deserialize;
use serde_json::json;

use crate::support::{column, data};

#[derive(Deserialize)]
struct Golden {
    level: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    values: Vec<Option<f64>>,
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

    fn ahead(&self) -> Known {
        let (from, to) = (self.values.len(), self.values.len() + self.mean.len());
        known(to).window(from..to)
    }
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/arima/cases.json")).expect("valid JSON")
}

fn grid(len: usize) -> Grid {
    Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, len)
}

fn known(len: usize) -> Known {
    Known::stamps(grid(len))
}

fn daily(values: Vec<Option<f64>>) -> Series {
    Series::new(grid(values.len()), values)
}

fn seed() -> Seed {
    Seed::derive(["arima"])
}

#[test]
fn forecasts_at_the_parameters_of_statsmodels_are_its_forecasts() {
    let golden = golden();
    for case in &golden.cases {
        let fitted = case.model().with_parameters(&case.history(), &case.parameters).expect("long enough");
        let forecasts = fitted.forecast(&case.ahead()).expect("finite forecasts");
        for (h, forecast) in forecasts.iter().enumerate() {
            let (lower, upper) = forecast.interval(golden.level);
            for (got, expected) in [(forecast.mean(), case.mean[h]), (lower, case.lower[h]), (upper, case.upper[h])] {
                assert!((got - expected).abs() < 0.05, "{}, {} ahead: {got} against {expected}", case.name, h + 1);
            }
        }
    }
}

#[test]
fn the_likelihood_is_that_of_statsmodels() {
    for case in golden().cases {
        let fitted = case.model().with_parameters(&case.history(), &case.parameters).expect("long enough");
        let error = (fitted.log_likelihood() / case.log_likelihood - 1.0).abs();
        assert!(error < 1e-6, "{}: {} against {}", case.name, fitted.log_likelihood(), case.log_likelihood);
    }
}

#[test]
fn the_optimum_is_not_below_that_of_statsmodels() {
    for case in golden().cases {
        let fitted = case.model().estimate(&case.history()).expect("long enough");
        assert!(
            fitted.log_likelihood() >= case.log_likelihood - 0.01,
            "{}: {} against {}",
            case.name,
            fitted.log_likelihood(),
            case.log_likelihood
        );
        let again = case.model().with_parameters(&case.history(), &fitted.parameters()).expect("long enough");
        assert!((again.log_likelihood() - fitted.log_likelihood()).abs() < 1e-6, "{}", case.name);
    }
}

#[test]
fn a_refit_loses_less_than_a_parameter_is_worth() {
    for case in golden().cases {
        let (model, history) = (case.model(), case.history());
        let earlier = model.estimate(&history.slice(0..history.len() - 7)).expect("long enough");
        let again = earlier.estimate_again(&history).expect("long enough");
        let fresh = model.estimate(&history).expect("long enough");
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

type Values = Vec<Option<f64>>;

/// Train and test counts, if the data are there.
fn ticket_counts() -> Option<(Values, Values)> {
    let train = column(&data("ticket-counts/train.csv")?, "count");
    let test = column(&data("ticket-counts/test.csv")?, "count");
    Some((train, test))
}

#[test]
fn ticket_counts_have_the_published_likelihood_at_fixed_parameters() {
    let Some((train, _)) = ticket_counts() else { return };
    let fitted = Arima::default().with_parameters(&daily(train), &[0.5, 0.2, 0.1, -0.5, 300.0]).expect("long enough");
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
    for case in golden().cases {
        let (model, history) = (case.model(), case.history());
        let cut = history.len() - 60;
        let mut rolled = model.with_parameters(&history.slice(0..cut), &case.parameters).expect("long enough");
        for value in &history.values()[cut..] {
            rolled.observe(*value);
        }
        let whole = model.with_parameters(&history, &case.parameters).expect("long enough");
        assert_eq!(rolled.forecast(&case.ahead()), whole.forecast(&case.ahead()), "{}", case.name);
    }
}

#[test]
fn a_value_after_a_gap_is_less_certain() {
    let case = &golden().cases[0];
    let mut fitted = case.model().with_parameters(&case.history(), &case.parameters).expect("long enough");
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
    let error = Arima::default().estimate(&daily(vec![Some(1.0), Some(2.0), None, Some(4.0)])).expect_err("refused");
    assert!(matches!(error, ForecastError::TooShort { got: 3, needed: 23, .. }), "{error}");
    let enough = daily((0..23).map(|t| Some(f64::from(t * t % 13))).collect());
    assert!(Arima::default().estimate(&enough).is_ok());
}

#[test]
fn constant_and_perfectly_regular_series_have_finite_forecasts() {
    let shapes: [fn(usize) -> f64; 5] = [|_| 0.0, |_| 41.0, |t| (t % 7) as f64, |t| 3.0 * t as f64, |t| if t == 50 { 1e9 } else { 0.0 }];
    for (shape, value) in shapes.iter().enumerate() {
        for settings in [json!({}), json!({ "trend": "c" }), json!({ "order": [1, 1, 1] }), json!({ "seasonal": [0, 0, 0] })] {
            let model = build("arima", &settings).expect("valid settings");
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
    assert!(build("arima", &json!({ "sesonal": [1, 1, 1] })).is_err());
    assert!(build("arima", &json!({ "trend": "ct" })).is_err());
    let error = Arima { season: Some(1), ..Arima::default() }.estimate(&daily(vec![Some(1.0); 50])).expect_err("refused");
    assert!(error.to_string().contains("takes seasons from 2"), "{error}");
}
