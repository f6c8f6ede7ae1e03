//! What every forecaster of the registry must hold, with its intervals stated in every way: no value reaches a forecast made before it, forecasts
//! are sound, runs repeat, and a history it cannot learn from is refused with what it needs.

use incident_harness::data::known::Columns;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::{ForecastError, Forecaster, Predictive, REGISTRY, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;
use serde_json::json;

/// Buckets of train and of test, and how often the roll refits.
const TRAIN: usize = 119;
const TEST: usize = 21;
const REFIT: usize = 7;

/// A forecaster and the way it states its intervals.
struct Case {
    name: String,
    model: Box<dyn Forecaster>,
}

/// Every forecaster at its defaults, and with every way to state intervals.
fn cases() -> impl Iterator<Item = Case> {
    REGISTRY.iter().flat_map(|entry| {
        ["native", "conformal", "count"].map(|interval| {
            let model = build(entry.name, &json!({ "interval": interval })).expect("every forecaster takes every interval");
            Case { name: format!("{} {interval}", entry.name), model }
        })
    })
}

/// Values with a name.
type Named = (&'static str, Vec<Option<f64>>);

/// Histories that are hard in one way each.
fn hard_histories() -> Vec<Named> {
    let week = |t: usize| [50.0, 30.0, 25.0, 20.0, 5.0, -30.0, -40.0][t % 7] + (t * t % 11) as f64;
    let all = |value: &dyn Fn(usize) -> f64| (0..TRAIN).map(|t| Some(value(t))).collect::<Vec<_>>();
    let gaps = |missing: &dyn Fn(usize) -> bool| (0..TRAIN).map(|t| (!missing(t)).then(|| 100.0 + week(t))).collect::<Vec<_>>();
    vec![
        ("constant", all(&|_| 7.0)),
        ("all zero", all(&|_| 0.0)),
        ("zeros and ones", all(&|t| f64::from(u8::from(t * t % 5 == 1)))),
        ("one ticket in all", all(&|t| f64::from(u8::from(t == 60)))),
        ("tiny", all(&|t| 1e-9 * (100.0 + week(t)))),
        ("huge", all(&|t| 1e12 * (100.0 + week(t)).round())),
        ("large and flat", all(&|t| 1e12 + (t * t % 7) as f64)),
        ("negative", all(&|t| -week(t))),
        ("one jump", all(&|t| if t < 80 { 3.0 } else { 3000.0 })),
        ("large counts that vary", all(&|t| (1e6 * (1.5 + week(t) / 40.0)).round())),
        ("a spike", all(&|t| if t == 70 { 1e9 } else { 100.0 + week(t) })),
        ("every third missing", gaps(&|t| t % 3 == 1)),
        ("three weeks missing", gaps(&|t| (50..71).contains(&t))),
        ("begins late", gaps(&|t| t < 45)),
        ("ends early", gaps(&|t| t > 110)),
        ("every Monday missing", gaps(&|t| t % 7 == 0)),
    ]
}

/// Whether a forecast can be used, its intervals in order and around its mean.
fn check(forecast: &Predictive, of: &str) {
    assert!(forecast.is_sound(), "{of}: {forecast:?}");
    let mean = forecast.mean();
    let mut narrower = (mean, mean);
    for level in [0.5, 0.8, 0.9, 0.95, 0.99, 0.9999] {
        let (lower, upper) = forecast.interval(level);
        assert!(lower.is_finite() && upper.is_finite(), "{of}, {level}: {lower} {upper} from {forecast:?}");
        assert!(lower <= narrower.0 && narrower.1 <= upper, "{of}, {level}: {lower} {narrower:?} {upper} from {forecast:?}");
        narrower = (lower, upper);
    }
    for y in [mean, 0.0, mean + 10.0, -3.0 * mean, 1e15] {
        assert!(!forecast.surprise(y).is_nan() && forecast.surprise(y) >= 0.0, "{of}: surprise of {y} under {forecast:?}");
    }
}

/// A refusal is one, and not a break.
fn check_refusal(error: &ForecastError, of: &str) {
    match error {
        ForecastError::TooShort { got, needed, .. } => assert!(got < needed, "{of}: {error}"),
        ForecastError::Unsupported { .. } => {}
        ForecastError::Failed { .. } => panic!("{of} broke: {error}"),
    }
}

fn seed() -> Seed {
    Seed::derive(["leak"])
}

fn known(len: usize) -> Known {
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, len);
    let holidays = (0..len).map(|t| (t % 40 == 17).then_some(0)).collect();
    Known::new(Columns { grid, holiday_names: vec!["Holiday".to_owned()], holidays, regressors: Vec::new() })
}

/// A week, noise, a slow rise, and a few missing days in train and test.
fn values() -> Vec<Option<f64>> {
    let mut rng = Seed::derive(["leak", "values"]).rng();
    let mut value = |t: usize| {
        let week = [50.0, 30.0, 25.0, 20.0, 5.0, -60.0, -70.0][t % 7];
        let noise: f64 = rng.random::<f64>() + rng.random::<f64>() - 1.0;
        (t % 53 != 20 && t != TRAIN + 9).then_some((150.0 + week + 15.0 * noise + 0.1 * t as f64).round())
    };
    (0..TRAIN + TEST).map(&mut value).collect()
}

/// One-step forecasts of every test bucket, refitting on what has been seen by then.
fn roll(model: &dyn Forecaster, values: &[Option<f64>]) -> Result<Vec<Predictive>, ForecastError> {
    let known = known(values.len());
    let seen = |t: usize| Series::new(known.window(0..t).grid(), values[..t].to_vec());
    let mut fitted = model.fit(&seen(TRAIN), &known.window(0..TRAIN), seed())?;
    let mut forecasts = Vec::new();
    for (t, value) in values.iter().enumerate().skip(TRAIN) {
        if t > TRAIN && (t - TRAIN).is_multiple_of(REFIT) {
            fitted = fitted.refit(&seen(t), &known.window(0..t), seed())?;
        }
        let mut ahead = fitted.forecast(&known.window(t..t + 1))?;
        assert_eq!(ahead.len(), 1, "one forecast per bucket");
        forecasts.append(&mut ahead);
        fitted.observe(*value);
    }
    Ok(forecasts)
}

#[test]
fn no_value_reaches_a_forecast_made_before_it() {
    let values = values();
    for Case { name, model } in cases() {
        let before = roll(&*model, &values).expect("long enough");
        // In the middle of a cycle, on the missing day, and around a refit.
        for t in [TRAIN + 2, TRAIN + REFIT - 1, TRAIN + REFIT, TRAIN + 9] {
            let mut changed = values.clone();
            for (k, value) in changed[t..].iter_mut().enumerate() {
                *value = if k % 4 == 3 { None } else { Some(900.0 + 37.0 * k as f64) };
            }
            let after = roll(&*model, &changed).expect("long enough");
            let reached = t - TRAIN;
            assert_eq!(before[..=reached], after[..=reached], "{name}: values from bucket {t} on moved a forecast before them");
            assert_ne!(before[reached + 1..], after[reached + 1..], "{name}: values from bucket {t} on moved nothing");
        }
    }
}

#[test]
fn forecasts_are_sound_and_repeat() {
    let values = values();
    for Case { name, model } in cases() {
        let forecasts = roll(&*model, &values).expect("long enough");
        assert_eq!(forecasts, roll(&*model, &values).expect("long enough"), "{name} does not repeat itself");
        assert_eq!(forecasts.len(), TEST);
        forecasts.iter().for_each(|forecast| check(forecast, &name));
    }
}

#[test]
fn a_horizon_beyond_the_history_is_as_sound_as_one_bucket() {
    let (values, far) = (values(), 2 * TRAIN);
    let known = known(TRAIN + far);
    for Case { name, model } in cases() {
        let history = Series::new(known.window(0..TRAIN).grid(), values[..TRAIN].to_vec());
        let fitted = model.fit(&history, &known.window(0..TRAIN), seed()).expect("long enough");
        let forecasts = fitted.forecast(&known.window(TRAIN..TRAIN + far)).expect("forecasts");
        assert_eq!(forecasts.len(), far, "{name}");
        forecasts.iter().for_each(|forecast| check(forecast, &name));
        let again = fitted.forecast(&known.window(TRAIN..TRAIN + far)).expect("forecasts");
        assert_eq!(forecasts, again, "{name}: asking changed the answer");
        let one = fitted.forecast(&known.window(TRAIN..TRAIN + 1)).expect("a forecast");
        assert_eq!(one[..], forecasts[..1], "{name}: the first bucket depends on how many are asked for");
    }
}

#[test]
fn a_hard_history_is_forecast_soundly_or_refused() {
    for Case { name, model } in cases() {
        for (history, values) in hard_histories() {
            let of = format!("{name} on {history}");
            let known = known(values.len() + 14);
            let series = Series::new(known.window(0..values.len()).grid(), values);
            let fitted = match model.fit(&series, &known.window(0..series.len()), seed()) {
                Ok(fitted) => fitted,
                Err(error) => {
                    check_refusal(&error, &of);
                    continue;
                }
            };
            let mut fitted = fitted.refit(&series, &known.window(0..series.len()), seed()).expect("what was learnt can be learnt again");
            for bucket in 0..14 {
                let at = series.len() + bucket;
                let forecasts = fitted.forecast(&known.window(at..at + 1)).unwrap_or_else(|error| panic!("{of}: {error}"));
                check(&forecasts[0], &of);
                fitted.observe([series.values()[20], None, Some(0.0)][bucket % 3]);
            }
        }
    }
}

#[test]
fn what_models_of_counts_refuse_is_not_a_count() {
    for (history, values) in hard_histories() {
        let known = known(values.len());
        let counts = values.iter().flatten().all(|value| *value >= 0.0 && value.fract() == 0.0);
        let fitted = build("poisson-glm", &json!({})).expect("a model").fit(&Series::new(known.grid(), values), &known, seed());
        assert_eq!(fitted.is_ok(), counts, "{history}: {:?}", fitted.err());
    }
}

#[test]
fn nothing_is_learnt_from_nothing() {
    for Case { name, model } in cases() {
        for values in [vec![], vec![Some(1.0)], vec![Some(1.0), Some(2.0)], vec![None; TRAIN]] {
            let known = known(values.len());
            let length = values.len();
            let Err(error) = model.fit(&Series::new(known.grid(), values), &known, seed()) else { panic!("{name} fits {length} buckets") };
            assert!(matches!(error, ForecastError::TooShort { .. }), "{name} on {length} buckets: {error}");
        }
    }
}

#[test]
fn a_series_that_is_too_short_is_long_enough_with_the_points_that_the_refusal_names() {
    for (step, season) in [(Step::DAY, 7), (Step::HOUR, 24)] {
        let value = |t: usize| Some(100.0 + 30.0 * f64::from(u8::from(t % season < season / 2)) + (t * t % 13) as f64);
        let series = |len: usize| Series::new(Grid::civil("2024-01-01".parse().expect("a date"), step, len), (0..len).map(value).collect());
        for Case { name, model } in cases() {
            let fit = |len: usize| {
                let series = series(len);
                model.fit(&series, &Known::stamps(series.grid().clone()), seed()).map(|_| ())
            };
            // Two seasons; then whatever is asked for, which may grow with the season that more data show.
            let mut len = 2 * season;
            for _ in 0..4 {
                match fit(len) {
                    Err(ForecastError::TooShort { got, needed, .. }) => {
                        assert!(got == len && needed > len, "{name}, {step:?}: {got} of {needed} at {len}");
                        len = needed;
                    }
                    other => {
                        other.unwrap_or_else(|error| panic!("{name}, {step:?}, {len} points: {error}"));
                        len = 0;
                        break;
                    }
                }
            }
            assert_eq!(len, 0, "{name}, {step:?} asks for more and more points");
        }
    }
}

#[test]
fn forecasts_move_with_the_unit_and_the_origin_where_that_is_promised() {
    let values = values();
    let sd = 45.0;
    let moved = |name: &str, interval: &str, factor: f64, shift: f64| {
        let model = build(name, &json!({ "interval": interval })).expect("a model");
        let plain = roll(&*model, &values).expect("long enough");
        let values: Vec<Option<f64>> = values.iter().map(|value| value.map(|value| factor * value + shift)).collect();
        let forecasts = roll(&*model, &values).expect("long enough");
        let apart = |(moved, plain): (&Predictive, &Predictive)| {
            let (low, high) = plain.interval(0.9);
            let (moved_low, moved_high) = moved.interval(0.9);
            [(moved.mean(), plain.mean()), (moved_low, low), (moved_high, high)].map(|(got, was)| (got - factor * was - shift).abs())
        };
        forecasts.iter().zip(&plain).flat_map(apart).fold(0.0, f64::max) / (factor * sd)
    };
    // A thousandth of an sd is less than any alarm rests on.
    for entry in REGISTRY.iter().filter(|entry| entry.promises.scale) {
        for interval in ["native", "conformal"] {
            let apart = moved(entry.name, interval, 1024.0, 0.0);
            assert!(apart < 1e-3, "{} {interval} in another unit: {apart} sd", entry.name);
        }
    }
    for entry in REGISTRY.iter().filter(|entry| entry.promises.shift) {
        let apart = moved(entry.name, "native", 1.0, 1000.0);
        assert!(apart < 1e-3, "{} from another origin: {apart} sd", entry.name);
    }
}

#[test]
fn settings_build_the_same_model_again() {
    for entry in REGISTRY {
        let settings = build(entry.name, &json!({})).expect("defaults are valid").settings();
        assert!(settings["interval"].is_string(), "{}: {settings}", entry.name);
        let again = build(entry.name, &settings).expect("settings of a model are valid").settings();
        assert_eq!(settings, again, "{}", entry.name);
        assert!(build(entry.name, &json!({ "no such setting": 1 })).is_err(), "{} takes any setting", entry.name);
        assert!(build(entry.name, &json!({ "interval": "wide" })).is_err(), "{} takes any interval", entry.name);
    }
}
