//! Exponential smoothing against statsmodels and statsforecast, and where the data are poor.

use incident_harness::data::{Known, Series};
use incident_harness::forecast::ets::{Ets, FittedEts, Seasonal};
use incident_harness::forecast::{Fitted, ForecastError, Predictive};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Span, Step};
use proptest::prelude::*;
use rand::RngExt;
use serde::Deserialize;
use serde_json::json;

use crate::support;

#[derive(Deserialize)]
struct Golden {
    forms: Vec<Case>,
    choices: Vec<Choice>,
}

/// A form as statsmodels fits it.
#[derive(Deserialize)]
struct Case {
    series: String,
    buckets: usize,
    season: usize,
    form: String,
    parameters: Vec<f64>,
    log_likelihood: f64,
    /// Mean squared residual.
    variance: f64,
    mean: Vec<f64>,
    /// Relative to the residual sd.
    relative_sd: Option<Vec<f64>>,
}

/// The form statsforecast chooses.
#[derive(Deserialize)]
struct Choice {
    series: String,
    buckets: usize,
    season: usize,
    form: String,
    parameters: Vec<f64>,
    aicc: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/ets/cases.json")).expect("valid JSON")
}

fn grid(step: Step, len: usize) -> Grid {
    Grid::civil("2023-01-01".parse().expect("a date"), step, len)
}

fn known(len: usize) -> Known {
    Known::stamps(grid(Step::DAY, len))
}

fn daily(values: Vec<Option<f64>>) -> Series {
    Series::new(grid(Step::DAY, values.len()), values)
}

fn seed() -> Seed {
    Seed::derive(["ets"])
}

/// The first buckets of a shared series.
fn series(name: &str, buckets: usize) -> Series {
    let path = format!("{}/tests/golden/series/{name}.csv", env!("CARGO_MANIFEST_DIR"));
    let mut reader = csv::Reader::from_path(&path).expect("a shared series");
    let values: Vec<Option<f64>> = reader.records().map(|row| row.expect("a whole row")[1].parse().ok()).take(buckets).collect();
    assert_eq!(values.len(), buckets, "{path}");
    daily(values)
}

/// Settings that admit one form alone.
fn only(form: &str, season: usize) -> Ets {
    let damped = form.contains('d');
    serde_json::from_value(json!({ "model": form, "damped": damped, "season": season })).expect("a valid form")
}

/// Statsmodels counts the constant of the normal density in.
fn with_constant(log_likelihood: f64, buckets: usize) -> f64 {
    let n = buckets as f64;
    log_likelihood - 0.5 * n * (libm::log(std::f64::consts::TAU / n) + 1.0)
}

fn at_their_parameters(case: &Case) -> FittedEts {
    let fitted = only(&case.form, case.season).with_parameters(&series(&case.series, case.buckets), &case.parameters);
    fitted.unwrap_or_else(|error| panic!("{} {}: {error}", case.series, case.form))
}

#[test]
fn the_likelihood_is_that_of_statsmodels() {
    for case in golden().forms {
        let got = with_constant(at_their_parameters(&case).log_likelihood(), case.buckets);
        let error = (got / case.log_likelihood - 1.0).abs();
        assert!(error < 1e-6, "{} {}: {got} against {}", case.series, case.form, case.log_likelihood);
    }
}

#[test]
fn the_optimum_is_not_below_that_of_statsmodels() {
    for case in golden().forms {
        let fitted = only(&case.form, case.season).estimate(&series(&case.series, case.buckets)).expect("long enough");
        let got = with_constant(fitted.log_likelihood(), case.buckets);
        assert!(got > case.log_likelihood - 0.1, "{} {}: {got} against {}", case.series, case.form, case.log_likelihood);
        let again = only(&case.form, case.season).with_parameters(&series(&case.series, case.buckets), &fitted.parameters());
        assert!((again.expect("its own parameters").log_likelihood() - fitted.log_likelihood()).abs() < 1e-6, "{}", case.form);
    }
}

#[test]
fn forecasts_and_spreads_at_their_parameters_are_theirs() {
    for case in golden().forms {
        let fitted = at_their_parameters(&case);
        let forecasts = fitted.forecast(&known(case.mean.len())).expect("finite forecasts");
        for (h, (forecast, expected)) in forecasts.iter().zip(&case.mean).enumerate() {
            let error = (forecast.mean() / expected - 1.0).abs();
            assert!(error < 1e-6, "{} {}, {} ahead: {} against {expected}", case.series, case.form, h + 1, forecast.mean());
        }
        // The residual variance divides by the degrees of freedom here, by the number of values there.
        let coefficients = (case.parameters.len() - usize::from(!case.form.ends_with('N'))) as f64;
        let n = case.buckets as f64;
        let ratio = fitted.variance() / case.variance;
        assert!((ratio / (n / (n - coefficients)) - 1.0).abs() < 1e-6, "{} {}: {ratio}", case.series, case.form);
        for (h, (forecast, relative)) in forecasts.iter().zip(case.relative_sd.iter().flatten()).enumerate() {
            let Predictive::Normal { sd, .. } = forecast else { panic!("normal") };
            let expected = relative * fitted.variance().sqrt();
            assert!((sd / expected - 1.0).abs() < 1e-6, "{} {}, {} ahead: {sd} against {expected}", case.series, case.form, h + 1);
        }
    }
}

#[test]
fn the_form_chosen_is_no_worse_than_that_of_statsforecast() {
    for case in golden().choices {
        let history = series(&case.series, case.buckets);
        let theirs = only(&case.form, case.season).with_parameters(&history, &case.parameters).expect("a likelihood");
        let error = (theirs.aicc() / case.aicc - 1.0).abs();
        assert!(error < 1e-6, "{} {}: {} against {}", case.series, case.form, theirs.aicc(), case.aicc);
        let ours = Ets { season: Some(case.season), ..Ets::default() }.estimate(&history).expect("long enough");
        assert!(
            ours.aicc() < theirs.aicc() + 0.5,
            "{}: {} with {} against {} with {}",
            case.series,
            ours.form(),
            ours.aicc(),
            theirs.form(),
            theirs.aicc()
        );
    }
}

/// A week on a rising level, with noise.
fn weekly(len: usize) -> Vec<Option<f64>> {
    let mut rng = Seed::derive(["ets", "weekly"]).rng();
    let mut value = |t: usize| {
        let week = [1.3, 1.1, 1.0, 1.0, 0.9, 0.4, 0.3][t % 7];
        Some((100.0 + 0.2 * t as f64) * week * (0.8 + 0.4 * rng.random::<f64>()))
    };
    (0..len).map(&mut value).collect()
}

fn means(fitted: &dyn Fitted, ahead: usize) -> Vec<f64> {
    fitted.forecast(&known(ahead)).expect("finite").iter().map(Predictive::mean).collect()
}

fn sds(fitted: &dyn Fitted, ahead: usize) -> Vec<f64> {
    let sd = |forecast: &Predictive| match forecast {
        Predictive::Normal { sd, .. } => *sd,
        other => panic!("not normal: {other:?}"),
    };
    fitted.forecast(&known(ahead)).expect("finite").iter().map(sd).collect()
}

#[test]
fn observing_is_rolling_over_a_longer_history() {
    for case in golden().forms {
        let (history, model) = (series(&case.series, case.buckets), only(&case.form, case.season));
        let mut values = history.values().to_vec();
        values[case.buckets - 20] = None;
        let cut = case.buckets - 30;
        let mut rolled = model.with_parameters(&daily(values[..cut].to_vec()), &case.parameters).expect("a likelihood");
        values[cut..].iter().for_each(|value| rolled.observe(*value));
        let whole = model.with_parameters(&daily(values), &case.parameters).expect("a likelihood");
        for (a, b) in means(&rolled, 20).iter().zip(means(&whole, 20)) {
            assert!((a / b - 1.0).abs() < 1e-12, "{} {}: {a} against {b}", case.series, case.form);
        }
    }
}

#[test]
fn what_follows_a_gap_is_as_uncertain_as_a_forecast_from_before_it() {
    for model in ["AAA", "MAN", "MAM"] {
        let mut values = weekly(100);
        let settings = only(model, 7);
        let mut fitted = settings.estimate(&daily(values.clone())).expect("long enough");
        let (before, ahead) = (fitted.forecast(&known(12)).expect("finite"), fitted.parameters());
        (0..4).for_each(|_| fitted.observe(None));
        assert_eq!(fitted.forecast(&known(8)).expect("finite"), before[4..], "{model}");
        values.extend([None; 4]);
        let longer = settings.with_parameters(&daily(values), &ahead).expect("a likelihood");
        for (a, b) in sds(&longer, 8).iter().zip(&sds(&fitted, 8)) {
            assert!((a / b - 1.0).abs() < 1e-9, "{model}: {a} against {b}");
        }
    }
}

#[test]
fn a_refit_keeps_the_form_and_loses_less_than_a_parameter_is_worth() {
    for case in golden().choices {
        let (history, model) = (series(&case.series, case.buckets), Ets { season: Some(case.season), ..Ets::default() });
        let earlier = model.estimate(&history.slice(0..history.len() - 7)).expect("long enough");
        let again = earlier.estimate_again(&history).expect("long enough");
        assert_eq!(again.form(), earlier.form(), "{}", case.series);
        let fresh = only(&again.form().to_string(), case.season).estimate(&history).expect("long enough");
        let lost = fresh.log_likelihood() - again.log_likelihood();
        assert!(lost < 1.0, "{} {}: {lost}", case.series, again.form());
    }
}

#[test]
fn a_form_is_chosen_anew_once_the_history_allows_others() {
    let values = weekly(60);
    let short = Ets::default().estimate(&daily(values[..13].to_vec())).expect("long enough without season");
    assert!(short.form().to_string().ends_with('N'), "{}", short.form());
    let long = short.estimate_again(&daily(values.clone())).expect("long enough");
    assert!(!long.form().to_string().ends_with('N'), "{}", long.form());
    let mut closed = values;
    closed.push(Some(0.0));
    let additive = long.estimate_again(&daily(closed)).expect("long enough");
    assert!(additive.form().to_string().starts_with('A'), "multiplicative forms are for values above zero: {}", additive.form());
}

#[test]
fn a_longer_season_than_r_takes_is_learnt() {
    let mut rng = seed().rng();
    let mut value = |t: usize| {
        let angle = std::f64::consts::TAU * (t % 96) as f64 / 96.0;
        Some(50.0 - 30.0 * libm::cos(angle) + 4.0 * (rng.random::<f64>() - 0.5))
    };
    let step = Step::new(Span::seconds(900)).expect("a step");
    let history = Series::new(grid(step, 960), (0..960).map(&mut value).collect());
    let fitted = Ets::default().estimate(&history).expect("ten days of quarters of an hour");
    assert!(fitted.form().to_string().ends_with(['A', 'M']), "{}", fitted.form());
    for (h, mean) in means(&fitted, 96).iter().enumerate() {
        let truth = 50.0 - 30.0 * libm::cos(std::f64::consts::TAU * h as f64 / 96.0);
        assert!((mean - truth).abs() < 3.0, "{h}: {mean} against {truth}");
    }
    assert!(sds(&fitted, 1)[0] < 2.0, "the noise has an sd of 1.15: {}", sds(&fitted, 1)[0]);
}

#[test]
fn a_season_beyond_the_limit_is_refused_with_the_ways_out() {
    let step = Step::new(Span::seconds(60)).expect("a step");
    let values = (0..5000).map(|t| Some(f64::from(t % 1440))).collect();
    let error = Ets::default().estimate(&Series::new(grid(step, 5000), values)).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "`ets` takes seasons up to 400, got 1440: sum to a coarser step with --step 5min, or use `mstl`, which takes any season"
    );
}

#[test]
fn what_cannot_be_fitted_is_told() {
    let error = Ets::default().estimate(&daily(vec![Some(1.0), Some(2.0), None, Some(4.0)])).expect_err("too short");
    assert!(matches!(error, ForecastError::TooShort { got: 3, needed: 5, .. }), "{error}");
    let error = only("AAA", 7).estimate(&daily(weekly(13))).expect_err("too short");
    assert!(matches!(error, ForecastError::TooShort { got: 13, needed: 14, .. }), "{error}");
    let mut values = weekly(50);
    values[20] = Some(0.0);
    let error = only("MAM", 7).estimate(&daily(values)).expect_err("a zero").to_string();
    assert!(error.contains("values above zero only") && error.contains("for example AZZ"), "{error}");
    for (settings, expected) in [
        (json!({ "model": "AAdN", "damped": false }), "drop one of both"),
        (json!({ "model": "ANM" }), "write M first"),
        (json!({ "season": 1 }), "takes seasons from 2 buckets, got 1"),
    ] {
        let model = support::native("ets", &settings).expect("valid settings");
        let error = model.fit(&daily(weekly(50)), &known(50), seed()).err().expect("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    let error = support::native("ets", &json!({ "model": "MMM" })).err().expect("refused").to_string();
    assert!(error.contains("unknown model `MMM`, expected error (A, M, Z)"), "{error}");
    let error = Ets::default().with_parameters(&daily(weekly(50)), &[0.1]).expect_err("a choice").to_string();
    assert!(error.contains("`ZZZ` leaves 15"), "{error}");
}

type Shape = (&'static str, fn(usize) -> Option<f64>);

#[test]
fn poor_and_odd_series_have_sound_forecasts() {
    let shapes: [Shape; 10] = [
        ("zeros", |_| Some(0.0)),
        ("constant", |_| Some(41.0)),
        ("regular", |t| Some((t % 7) as f64)),
        ("positive and regular", |t| Some(1.0 + (t % 7) as f64)),
        ("a line", |t| Some(3.0 * t as f64)),
        ("one spike", |t| Some(if t == 50 { 1e9 } else { 0.0 })),
        ("tiny", |t| Some(1e-9 * (1.0 + (t * t % 11) as f64))),
        ("huge", |t| Some(1e12 * (5.0 + (t * t % 11) as f64))),
        ("towards zero", |t| Some((100.0 - t as f64).max(1e-3))),
        ("gaps", |t| (t % 5 != 2 && t > 8 && !(40..60).contains(&t)).then_some((t % 7 + t * t % 3) as f64)),
    ];
    for (name, value) in shapes {
        for model in ["ets", "mstl"] {
            for len in [14, 21, 100] {
                let history = daily((0..len).map(value).collect());
                let Ok(fitted) = support::native(model, &json!({})).expect("defaults").fit(&history, &known(len), seed()) else {
                    assert!(name == "gaps" && len < 30, "{model} {name} {len}");
                    continue;
                };
                let forecasts = fitted.forecast(&known(400)).expect("finite");
                assert!(forecasts.iter().all(Predictive::is_sound), "{model} {name} {len}");
                let mut rolled = fitted;
                for t in 0..60 {
                    rolled.observe(if t < 30 { Some(0.0) } else { value(t) });
                    assert!(rolled.forecast(&known(9)).expect("finite").iter().all(Predictive::is_sound), "{model} {name} {len} {t}");
                }
            }
        }
    }
    for (shape, expected) in [(0, 0.0), (1, 41.0), (2, 2.0), (3, 3.0)] {
        for model in ["ets", "mstl"] {
            let history = daily((0..100).map(shapes[shape].1).collect());
            let fitted = support::native(model, &json!({})).expect("defaults").fit(&history, &known(100), seed()).expect("long enough");
            let forecast = &fitted.forecast(&known(1)).expect("finite")[0];
            assert!((forecast.mean() - expected).abs() < 1e-4, "{model} {}: {forecast:?}", shapes[shape].0);
        }
    }
}

#[test]
fn a_larger_unit_changes_nothing_but_the_unit() {
    let values = weekly(120);
    let plain = Ets::default().estimate(&daily(values.clone())).expect("long enough");
    for factor in [1e-9, 0.25, 7.3, 1e12] {
        let scaled = daily(values.iter().map(|value| value.map(|value| value * factor)).collect());
        let fitted = Ets::default().estimate(&scaled).expect("long enough");
        assert_eq!(fitted.form(), plain.form());
        for (a, b) in means(&fitted, 30).iter().zip(means(&plain, 30)).chain(sds(&fitted, 30).iter().zip(sds(&plain, 30))) {
            assert!((a / (factor * b) - 1.0).abs() < 1e-3, "{factor}: {a} against {b}");
        }
    }
}

#[test]
fn a_shift_moves_additive_forms_along() {
    let model: Ets = serde_json::from_value(json!({ "model": "AZA" })).expect("valid settings");
    let values = weekly(120);
    let plain = model.estimate(&daily(values.clone())).expect("long enough");
    for shift in [-500.0, 1e5] {
        let fitted = model.estimate(&daily(values.iter().map(|value| value.map(|value| value + shift)).collect())).expect("long enough");
        assert_eq!(fitted.form(), plain.form());
        for (a, b) in means(&fitted, 30).iter().zip(means(&plain, 30)) {
            assert!((a - shift - b).abs() < 0.1, "{shift}: {} against {b}", a - shift);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn any_history_is_refused_or_soundly_forecast(
        values in prop::collection::vec(prop::option::weighted(0.9, prop_oneof![0.0..5.0f64, Just(0.0), -1e3..1e3f64, Just(1e290), Just(1e-300)]), 0..60),
        later in prop::collection::vec(prop::option::of(-1e4..1e4f64), 0..12),
        season in 2..9_usize,
    ) {
        for (model, settings) in [("ets", json!({ "season": season })), ("mstl", json!({ "seasons": [season] }))] {
            let history = daily(values.clone());
            let Ok(mut fitted) = support::native(model, &settings).expect("valid").fit(&history, &known(values.len()), seed()) else { continue };
            for value in later.iter().copied().chain([None]) {
                let forecasts = fitted.forecast(&known(15)).expect("finite");
                prop_assert!(forecasts.iter().all(Predictive::is_sound), "{model}: {forecasts:?}");
                fitted.observe(value);
            }
        }
    }
}

#[test]
fn a_forecast_beyond_all_bounds_is_an_error_with_a_way_out() {
    let history = daily((0..60).map(|t| Some(2.9e306 * f64::from(t + 1) * if t % 2 == 0 { 1.0 } else { 0.98 })).collect());
    for (form, way) in [("AAN", "rescale the series"), ("MAN", "set `model` to additive errors, for example AZZ")] {
        let fitted = only(form, 7).estimate(&history).expect("long enough");
        let error = fitted.forecast(&known(60)).expect_err("too large").to_string();
        assert_eq!(error, format!("`ets` failed: form {form} forecast a number beyond all bounds: {way} or forecast fewer buckets"));
    }
}

#[test]
fn seasons_are_counted_up_to_the_last_value() {
    let mut values = weekly(13);
    values.extend([None; 10]);
    let error = only("AAA", 7).estimate(&daily(values.clone())).expect_err("too short");
    assert!(matches!(error, ForecastError::TooShort { got: 13, needed: 14, .. }), "{error}");
    let chosen = Ets { season: Some(7), ..Ets::default() }.estimate(&daily(values)).expect("long enough without a season");
    assert_eq!(chosen.form().seasonal, Seasonal::None);
}
