//! The stepwise search for the orders of a seasonal ARIMA, against statsforecast and on odd series.

use incident_harness::data::{Known, Series};
use incident_harness::forecast::arima::{Arima, AutoArima, FittedArima, Trend};
use incident_harness::forecast::{Fitted, Predictive};
use incident_harness::time::{Grid, Span, Step};
use serde::Deserialize;

use crate::forecast_arima::{daily, known, series, with_events, with_regressors};

#[derive(Deserialize)]
struct Chosen {
    cases: Vec<Choice>,
}

/// What statsforecast chose for the first buckets of a series.
#[derive(Deserialize)]
struct Choice {
    series: String,
    season: usize,
    horizon: usize,
    order: [usize; 3],
    seasonal: [usize; 3],
    trend: Trend,
}

#[test]
fn the_search_is_hardly_worse_than_the_orders_of_statsforecast() {
    let chosen: Chosen = serde_json::from_str(include_str!("../golden/auto_arima/orders.json")).expect("valid JSON");
    let mut compared = 0;
    for choice in chosen.cases {
        let values = series(&choice.series);
        let cut = values.len() - choice.horizon;
        let (history, all) = (daily(values[..cut].to_vec()), known(values.len()));
        let search = AutoArima { season: Some(choice.season), ..AutoArima::default() };
        let ours = search.search(&history, &all.window(0..cut)).expect("long enough");
        let Choice { order, seasonal, trend, season, .. } = choice;
        let theirs = Arima { order, seasonal, season: Some(season), trend, ..Arima::default() };
        let theirs = theirs.estimate(&history, &all.window(0..cut)).expect("long enough");
        let (o, s) = (ours.settings().order, ours.settings().seasonal);
        // Likelihoods compare only where both differ alike. A search by steps may end beside the best; models within 2 are as good as equal.
        if (o[1], s[1]) == (order[1], seasonal[1]) {
            compared += 1;
            assert!(ours.aicc() < theirs.aicc() + 2.0, "{}: {o:?}{s:?} {} against {}", choice.series, ours.aicc(), theirs.aicc());
        }
    }
    assert!(compared >= 8, "{compared}");
}

/// What the search makes of 20 buckets ahead.
fn searched(search: &AutoArima, history: &Series) -> (FittedArima, Vec<Predictive>) {
    let all = known(history.len() + 20);
    let fitted = search.search(history, &all.window(0..history.len())).expect("long enough");
    let forecasts = fitted.forecast(&all.window(history.len()..history.len() + 20)).expect("finite");
    assert!(forecasts.iter().all(Predictive::is_sound), "{forecasts:?}");
    (fitted, forecasts)
}

#[test]
fn a_search_takes_series_of_any_shape() {
    let shapes: [fn(usize) -> Option<f64>; 8] = [
        |_| Some(0.0),
        |_| Some(41.3),
        |t| Some((t % 7) as f64),
        |t| Some(3.3 * t as f64),
        |t| Some(if t == 50 { 1e9 } else { 0.0 }),
        |t| Some(1e12 + 1e6 * (t * t % 17) as f64),
        |t| Some(1e-9 * (t * t % 17) as f64),
        |t| (t % 3 != 1 && t / 10 != 4).then_some((t * t % 17 + t % 7) as f64),
    ];
    for (shape, value) in shapes.iter().enumerate() {
        for len in [10, 14, 15, 30, 100] {
            let history = daily((0..len).map(value).collect());
            if history.observed() < 10 {
                continue;
            }
            for season in [Some(7), Some(2), None] {
                let (fitted, forecasts) = searched(&AutoArima { season, ..AutoArima::default() }, &history);
                if shape < 2 || (shape == 3 && len > 10) {
                    let expected = value(len).expect("a value");
                    assert!((forecasts[0].mean() - expected).abs() < 1e-9 * (1.0 + expected), "{shape} {len}: {:?}", fitted.settings());
                }
            }
        }
    }
}

#[test]
fn a_search_without_two_seasons_finds_a_model_without_a_season() {
    let history = daily((0..47).map(|t| Some((t * t % 13) as f64)).collect());
    let (fitted, _) = searched(&AutoArima { season: Some(24), ..AutoArima::default() }, &history);
    assert_eq!(fitted.settings().seasonal, [0; 3]);
    let history = daily((0..48).map(|t| Some(100.0 * f64::from(t % 24 > 8) + (t * t % 13) as f64)).collect());
    let (fitted, _) = searched(&AutoArima { season: Some(24), ..AutoArima::default() }, &history);
    assert_eq!(fitted.settings().seasonal[1], 1);
}

#[test]
fn a_search_is_refused_with_the_points_needed_or_the_way_out() {
    let short = AutoArima::default().search(&daily(vec![Some(1.0); 9]), &known(9)).expect_err("refused");
    assert_eq!(short.to_string(), "series has 9 points, `auto-arima` needs at least 10 (10 to choose orders from, and two per regressor)");
    let values: Vec<Option<f64>> = (0..2000).map(|t| Some(f64::from(t % 288))).collect();
    let step = Step::new(Span::seconds(300)).expect("a step");
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), step, 2000);
    let error = AutoArima::default().search(&Series::new(grid.clone(), values), &Known::stamps(grid)).expect_err("refused");
    assert_eq!(error.to_string(), "`auto-arima` takes seasons up to 60, got 288: sum to a coarser step with --step 30min");
    let error = AutoArima { max_order: [9, 1, 1], ..AutoArima::default() }.search(&daily(vec![Some(1.0); 50]), &known(50));
    assert_eq!(error.expect_err("refused").to_string(), "`auto-arima` takes orders up to 8, got 9");
}

#[test]
fn a_search_does_not_depend_on_level_and_scale_and_a_refit_keeps_its_orders() {
    let (history, events) = with_events();
    let (plain, _) = searched(&AutoArima::default(), &history);
    for (shift, scale) in [(1e4, 1.0), (0.0, 1e-9), (-300.0, 1e6)] {
        let moved = daily(history.values().iter().map(|value| value.map(|value| shift + scale * value)).collect());
        let (moved, _) = searched(&AutoArima::default(), &moved);
        assert_eq!(moved.settings(), plain.settings(), "{shift} {scale}");
    }
    let longer = daily((0..161).map(|t| Some((t * t % 29) as f64)).collect());
    let again = plain.estimate_again(&longer, &known(161)).expect("long enough");
    assert_eq!(again.settings(), plain.settings());
    // With the events known there is less to explain.
    let known = with_regressors(161, vec![("event".into(), events)]);
    let told = AutoArima::default().search(&history, &known.window(0..140)).expect("long enough");
    assert!(told.aicc() < plain.aicc() - 50.0, "{} against {}", told.aicc(), plain.aicc());
}
