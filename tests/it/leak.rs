//! What every forecaster of the registry must hold: no value reaches a forecast made before it, forecasts are sound, runs repeat.

use incident_harness::data::known::Columns;
use incident_harness::data::{Known, Series};
use incident_harness::forecast::{Entry, ForecastError, Forecaster, Predictive, REGISTRY, build};
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use rand::RngExt;
use serde_json::json;

/// Buckets of train and of test, and how often the roll refits.
const TRAIN: usize = 119;
const TEST: usize = 21;
const REFIT: usize = 7;

fn model(entry: &Entry) -> Box<dyn Forecaster> {
    (entry.build)(&json!({})).expect("defaults are valid")
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
    for entry in REGISTRY {
        let model = model(entry);
        let before = roll(&*model, &values).expect("long enough");
        // In the middle of a cycle, on the missing day, and around a refit.
        for t in [TRAIN + 2, TRAIN + REFIT - 1, TRAIN + REFIT, TRAIN + 9] {
            let mut changed = values.clone();
            for (k, value) in changed[t..].iter_mut().enumerate() {
                *value = if k % 4 == 3 { None } else { Some(900.0 + 37.0 * k as f64) };
            }
            let after = roll(&*model, &changed).expect("long enough");
            let reached = t - TRAIN;
            assert_eq!(before[..=reached], after[..=reached], "{}: values from bucket {t} on moved a forecast before them", entry.name);
            assert_ne!(before[reached + 1..], after[reached + 1..], "{}: values from bucket {t} on moved nothing", entry.name);
        }
    }
}

#[test]
fn forecasts_are_sound_and_repeat() {
    let values = values();
    for entry in REGISTRY {
        let forecasts = roll(&*model(entry), &values).expect("long enough");
        assert_eq!(forecasts, roll(&*model(entry), &values).expect("long enough"), "{} does not repeat itself", entry.name);
        assert_eq!(forecasts.len(), TEST);
        for forecast in &forecasts {
            assert!(forecast.is_sound(), "{}: {forecast:?}", entry.name);
            let (mean, [(low, high), (lower, upper)]) = (forecast.mean(), [forecast.interval(0.9), forecast.interval(0.99)]);
            assert!(lower <= low && low <= mean && mean <= high && high <= upper, "{}: {lower} {low} {mean} {high} {upper}", entry.name);
        }
    }
}

#[test]
fn many_buckets_ahead_are_as_sound_as_one() {
    let (values, known) = (values(), known(TRAIN + TEST));
    for entry in REGISTRY {
        let history = Series::new(known.window(0..TRAIN).grid(), values[..TRAIN].to_vec());
        let fitted = model(entry).fit(&history, &known.window(0..TRAIN), seed()).expect("long enough");
        let forecasts = fitted.forecast(&known.window(TRAIN..TRAIN + TEST)).expect("forecasts");
        assert_eq!(forecasts.len(), TEST, "{}", entry.name);
        assert_eq!(
            forecasts,
            fitted.forecast(&known.window(TRAIN..TRAIN + TEST)).expect("forecasts"),
            "{}: asking changed the answer",
            entry.name
        );
        assert!(forecasts.iter().all(Predictive::is_sound), "{}: {forecasts:?}", entry.name);
    }
}

#[test]
fn poor_histories_are_refused_or_forecast_but_never_crash() {
    let steady = |value: f64| vec![Some(value); TRAIN];
    let lonely: Vec<Option<f64>> = (0..TRAIN).map(|t| (t == 60).then_some(5.0)).collect();
    let late: Vec<Option<f64>> = (0..TRAIN).map(|t| (t > 40).then_some((t * t % 23) as f64)).collect();
    for entry in REGISTRY {
        for history in
            [vec![], vec![Some(1.0)], vec![Some(1.0); 9], vec![None; TRAIN], steady(0.0), steady(7.0), lonely.clone(), late.clone()]
        {
            let known = known(history.len() + 14);
            let series = Series::new(known.window(0..history.len()).grid(), history);
            let Ok(fitted) = model(entry).fit(&series, &known.window(0..series.len()), seed()) else { continue };
            let Ok(forecasts) = fitted.forecast(&known.window(series.len()..series.len() + 14)) else { continue };
            assert!(forecasts.iter().all(Predictive::is_sound), "{}: {:?} gave {forecasts:?}", entry.name, series.values());
        }
        assert!(
            model(entry).fit(&Series::new(known(1).grid(), vec![Some(1.0)]), &known(1), seed()).is_err(),
            "{} fits one point",
            entry.name
        );
    }
}

#[test]
fn settings_build_the_same_model_again() {
    for entry in REGISTRY {
        let settings = model(entry).settings();
        let again = build(entry.name, &settings).expect("settings of a model are valid").settings();
        assert_eq!(settings, again, "{}", entry.name);
        assert!(build(entry.name, &json!({ "no such setting": 1 })).is_err(), "{} takes any setting", entry.name);
    }
}
