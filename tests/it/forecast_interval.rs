//! Intervals stated in three ways.

use incident_harness::data::{Known, Series};
use incident_harness::forecast::{ErrorSizes, Fitted, ForecastError, Predictive, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;
use serde_json::{Value, json};

const DAYS: usize = 280;

fn series(value: impl Fn(usize) -> f64) -> (Series, Known) {
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, DAYS + 14);
    (Series::new(grid.slice(0..DAYS), (0..DAYS).map(|t| Some(value(t))).collect()), Known::stamps(grid))
}

/// Two hundred on working days and twenty on others, give or take a share of it.
fn proportional() -> (Series, Known) {
    let mut rng = Seed::derive(["interval"]).rng();
    let noise: Vec<f64> = (0..DAYS).map(|_| 0.8 + 0.4 * rng.random::<f64>()).collect();
    series(|t| (noise[t] * if t % 7 < 5 { 200.0 } else { 20.0 }).round())
}

fn fit(name: &str, settings: Value, history: &Series, known: &Known) -> Result<Box<dyn Fitted>, ForecastError> {
    build(name, &settings).expect("settings of the model").fit(history, &known.window(0..history.len()), Seed::derive(["interval"]))
}

fn week(fitted: &dyn Fitted, known: &Known) -> Vec<Predictive> {
    fitted.forecast(&known.window(DAYS..DAYS + 7)).expect("forecasts")
}

fn width(forecast: &Predictive) -> f64 {
    let (lower, upper) = forecast.interval(0.9);
    upper - lower
}

#[test]
fn conformal_intervals_are_wide_where_values_vary_much() {
    let (history, known) = proportional();
    for name in ["seasonal-naive", "arima", "prophet"] {
        let widths = |interval: &str| {
            let fitted = fit(name, json!({ "interval": interval }), &history, &known).expect("long enough");
            week(&*fitted, &known).iter().map(width).collect::<Vec<_>>()
        };
        // Monday and Saturday.
        let (native, conformal) = (widths("native"), widths("conformal"));
        assert!(native[0] < 1.5 * native[5], "{name}: {native:?}");
        assert!(conformal[0] > 2.5 * conformal[5], "{name}: {conformal:?}");
    }
}

#[test]
fn one_spike_widens_a_conformal_interval_far_less_than_the_models_own() {
    let mut rng = Seed::derive(["spike"]).rng();
    let noise: Vec<f64> = (0..DAYS).map(|_| 20.0 * (rng.random::<f64>() + rng.random::<f64>() - 1.0)).collect();
    let width_with = |name: &str, interval: &str, spike: Option<usize>| {
        let (history, known) =
            series(|t| 200.0 + [30.0, 20.0, 10.0, 0.0, -10.0, -20.0, -30.0][t % 7] + noise[t] + if Some(t) == spike { 600.0 } else { 0.0 });
        let fitted = fit(name, json!({ "interval": interval }), &history, &known).expect("long enough");
        week(&*fitted, &known).iter().map(width).sum::<f64>()
    };
    for name in ["seasonal-naive", "prophet"] {
        // In the third fold and in the last.
        for spike in [205, 270] {
            let wider = |interval: &str| width_with(name, interval, Some(spike)) / width_with(name, interval, None);
            assert!(wider("native") > 3.5, "{name}, spike on day {spike}: native {}", wider("native"));
            assert!(wider("conformal") < 2.5, "{name}, spike on day {spike}: conformal {}", wider("conformal"));
        }
    }
}

#[test]
fn a_fold_that_cannot_be_learnt_goes_on_with_what_was() {
    // From 104 weeks on the season is a year, of which arima wants two: half of 178 weeks has a shorter one, three fifths have too few.
    let grid = Grid::civil("2020-01-06".parse().expect("a date"), "7d".parse().expect("a step"), 180);
    let value = |t: usize| 200.0 + 80.0 * libm::sin(std::f64::consts::TAU * t as f64 / 52.0) + (t * t % 13) as f64;
    let history = Series::new(grid.slice(0..178), (0..178).map(|t| Some(value(t))).collect());
    let known = Known::stamps(grid);
    for interval in ["native", "conformal", "count"] {
        let whole = Series::new(history.grid().clone(), history.values().iter().map(|value| value.map(f64::round)).collect());
        let fitted = fit("arima", json!({ "interval": interval }), &whole, &known);
        assert!(fitted.is_ok(), "{interval}: {:?}", fitted.err());
    }
}

#[test]
fn what_is_observed_later_may_be_no_count() {
    let (history, known) = series(|t| (t % 7 * 10 + t % 3) as f64);
    let fitted = fit("poisson-glm", json!({ "interval": "native" }), &history.slice(0..200), &known).expect("long enough");
    let odd = |t: usize, value: f64| {
        if t == 230 {
            -5.0
        } else if t == 240 {
            22.5
        } else {
            value
        }
    };
    let later = history.values().iter().enumerate().map(|(t, value)| value.map(|value| odd(t, value))).collect();
    let again = fitted.refit(&Series::new(history.grid().clone(), later), &known.window(0..DAYS), Seed::derive(["again"]));
    assert!(again.is_ok(), "{:?}", again.err());
}

#[test]
fn the_errors_are_those_of_one_step_forecasts_over_the_second_half() {
    // Below 0, where no weight is by the mean, and as large on every day, so that nothing speaks against the sd.
    let (history, known) = series(|t| -50.0 + (t * t % 13) as f64);
    let conformal = fit("seasonal-naive", json!({ "interval": "conformal", "season": 7 }), &history, &known).expect("long enough");
    let value = |t: usize| history.values()[t].expect("a value");
    let native = |len: usize| {
        let settings = json!({ "interval": "native", "season": 7 });
        let fitted = fit("seasonal-naive", settings, &history.slice(0..len), &known).expect("long enough");
        fitted.forecast(&known.window(len..len + 1)).expect("a forecast")[0].sd()
    };
    // The model learns again where a fold begins; between folds its sd stays.
    let begin = |fold: usize| DAYS / 2 + (DAYS - DAYS / 2) * fold / 5;
    let errors = (0..5).flat_map(|fold| {
        let sd = native(begin(fold));
        (begin(fold)..begin(fold + 1)).map(move |t| (t, sd))
    });
    let sizes = ErrorSizes::new(errors.map(|(t, sd)| (value(t) - value(t - 7)) / sd)).expect("errors");
    let (got, expected) = (width(&week(&*conformal, &known)[0]), 2.0 * native(DAYS) * sizes.reach(0.9));
    assert!((got - expected).abs() < 1e-9, "{got} {expected}");
}

#[test]
fn count_intervals_end_at_whole_numbers_from_zero() {
    let (history, known) = series(|t| (t * t % 5) as f64);
    for name in ["seasonal-naive", "arima", "poisson-glm"] {
        let fitted = fit(name, json!({ "interval": "count" }), &history, &known).expect("long enough");
        for forecast in week(&*fitted, &known) {
            let (lower, upper) = forecast.interval(0.95);
            // Unless the mean itself lies beyond.
            assert!(lower >= 0.0 && lower.fract() == 0.0 && (upper.fract() == 0.0 || upper == forecast.mean()), "{name}: {lower} {upper}");
        }
    }
}

#[test]
fn counts_that_are_none_are_refused_with_their_day_and_the_way_out() {
    for (odd, shown) in [(2.5, "2.5"), (-1.0, "-1")] {
        let (history, known) = series(|t| if t == 33 { odd } else { (t % 7) as f64 });
        let Err(error) = fit("arima", json!({ "interval": "count" }), &history, &known) else { panic!("{shown} is no count") };
        let expected =
            format!("`arima` takes whole numbers from 0 with `interval: count`, got {shown} at 2024-02-03: use `interval: conformal`");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_series_too_short_to_learn_intervals_from_is_told_what_does_without() {
    let (history, known) = series(|t| 100.0 + (t % 7 * 10 + t % 3) as f64);
    let Err(error) = fit("seasonal-naive", json!({ "interval": "conformal" }), &history.slice(0..30), &known) else {
        panic!("of thirty days fourteen are for the lags")
    };
    assert_eq!(
        error.to_string(),
        "series has 30 points, `seasonal-naive` needs at least 34 (two seasons of 7; 20 more to learn intervals from, which native intervals \
         do without: --interval-method native)"
    );
    assert!(fit("seasonal-naive", json!({ "interval": "native" }), &history.slice(0..30), &known).is_ok());
}

#[test]
fn a_refit_keeps_what_was_learnt_of_errors() {
    let (history, known) = proportional();
    let fitted = fit("seasonal-naive", json!({ "interval": "conformal" }), &history.slice(0..200), &known).expect("long enough");
    let noisy = history.values().iter().enumerate().map(|(t, value)| value.map(|value| if t < 200 { value } else { 9.0 * value }));
    let noisy = Series::new(history.grid().clone(), noisy.collect());
    let again = fitted.refit(&noisy, &known.window(0..DAYS), Seed::derive(["again"])).expect("long enough");
    let sizes = |fitted: &dyn Fitted| match &fitted.forecast(&known.window(DAYS..DAYS + 1)).expect("a forecast")[0] {
        Predictive::Errors { sizes, .. } => sizes.clone(),
        other => panic!("sizes of errors, got {other:?}"),
    };
    assert_eq!(sizes(&*again), sizes(&*fitted));
}
