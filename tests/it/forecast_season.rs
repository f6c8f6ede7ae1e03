//! Seasons of real series.

use incident_harness::data::{Known, Series};
use incident_harness::forecast::ForecastError;
use incident_harness::forecast::season::season_length;
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use serde_json::json;

use crate::support::{column, data, native};

fn season_of(path: &str, step: &str, values: &str) -> Option<(Series, usize)> {
    let counts = column(&data(path)?, values);
    let step: Step = step.parse().expect("a step");
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), step, counts.len());
    let series = Series::new(grid, counts);
    let season = season_length(&series);
    Some((series, season))
}

#[test]
fn ticket_counts_repeat_every_week() {
    if let Some((series, season)) = season_of("ticket-counts/train.csv", "1d", "count") {
        assert_eq!(season, 7);
        assert_eq!(season_length(&series.slice(0..40)), 7);
    }
}

#[test]
fn taxis_and_tweets_repeat_every_day() {
    for (path, step, expected) in [
        ("nab/data/realKnownCause/nyc_taxi.csv", "30min", 48),
        ("nab/data/realTweets/Twitter_volume_AAPL.csv", "5min", 288),
        ("nab/data/realTweets/Twitter_volume_FB.csv", "5min", 288),
        ("nab/data/realTweets/Twitter_volume_AMZN.csv", "5min", 288),
        ("nab/data/realTweets/Twitter_volume_CRM.csv", "5min", 288),
        ("nab/data/realTweets/Twitter_volume_CVS.csv", "5min", 288),
    ] {
        if let Some((series, season)) = season_of(path, step, "value") {
            assert_eq!(season, expected, "{path}");
            for part in [series.len() / 7, series.len() / 3] {
                assert_eq!(season_length(&series.slice(0..part)), expected, "the first {part} of {path}");
            }
        }
    }
}

#[test]
fn a_season_that_no_model_can_have_is_refused() {
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, 120);
    let history = Series::new(grid.clone(), (0..120).map(|t| Some(f64::from(20 + t % 7 + t * t % 5))).collect());
    let known = Known::stamps(grid);
    for season in [0, 1, 100_001, 1 << 63, u64::MAX] {
        for (name, settings) in [
            ("arima", json!({ "season": season })),
            ("auto-arima", json!({ "season": season })),
            ("ets", json!({ "season": season })),
            ("forest", json!({ "season": season })),
            ("lgbm", json!({ "season": season })),
            ("mstl", json!({ "seasons": [season] })),
            ("seasonal-naive", json!({ "season": season })),
            ("xgb", json!({ "season": season })),
        ] {
            let model = native(name, &settings).expect("valid settings");
            let Err(error) = model.fit(&history, &known, Seed::derive(["season"])) else { panic!("{name} takes {season}") };
            assert!(matches!(error, ForecastError::Unsupported { .. }), "{name}: {error}");
            let error = error.to_string();
            assert!(error.contains(&format!("got {season}:")) && error.contains("takes seasons "), "{error}");
        }
    }
}
