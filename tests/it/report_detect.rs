//! The answer of `harness detect`: points, alarms, scores and the printed table.

use incident_harness::data::Series;
use incident_harness::data::truth::Window;
use incident_harness::detect::native_threshold as threshold;
use incident_harness::detect::{Band, Detection};
use incident_harness::report::detect::{Answer, DetectReport};
use incident_harness::time::{Grid, Step};

const TRAIN: usize = 4;

fn series(values: &[Option<f64>]) -> Series {
    let grid = Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, values.len());
    Series::new(grid, values.to_vec())
}

/// Four train buckets, then test buckets with their scores; everything is expected to be 10, from 5 to 15.
fn report(test: &[(Option<f64>, f64)], truth: Option<&[Window]>, bands: bool) -> DetectReport {
    let values: Vec<Option<f64>> = [Some(10.0); TRAIN].into_iter().chain(test.iter().map(|(value, _)| *value)).collect();
    let all = series(&values);
    let band = Band { expected: 10.0, lower: 5.0, upper: 15.0 };
    let detection = Detection {
        scores: test.iter().map(|(value, score)| value.map(|_| *score)).collect(),
        bands: if bands { vec![band; test.len()] } else { Vec::new() },
        fits: 2,
    };
    let (train, test) = (all.slice(0..TRAIN), all.slice(TRAIN..all.len()));
    let level = 0.99;
    let answer =
        Answer { model: "ets", interval: level, threshold: threshold(level), train: &train, test: &test, detection: &detection, truth };
    DetectReport::new(&answer)
}

fn alarms(report: &DetectReport) -> Vec<(&str, &str)> {
    report.alarms.iter().map(|alarm| (alarm.first.as_str(), alarm.last.as_str())).collect()
}

#[test]
fn a_bucket_on_the_edge_of_the_interval_is_not_flagged() {
    assert!((threshold(0.99) - 2.0).abs() < 1e-12);
    let report = report(&[(Some(15.0), threshold(0.99)), (Some(15.1), 2.01)], None, true);
    assert_eq!(report.points.iter().map(|point| point.flagged).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn an_alarm_runs_over_missing_buckets_and_ends_at_an_observed_one() {
    let (high, low, gap) = ((Some(30.0), 9.0), (Some(10.0), 0.0), (None, 0.0));
    let report = report(&[high, gap, high, low, high, gap, low, high], None, true);
    assert_eq!(alarms(&report), [("2023-01-05", "2023-01-07"), ("2023-01-09", "2023-01-09"), ("2023-01-12", "2023-01-12")]);
}

#[test]
fn the_json_is_the_contract() {
    let report = report(&[(Some(30.0), 9.0), (None, 0.0)], Some(&[Window { first: 4, last: 5 }]), true);
    let json = serde_json::to_value(&report).expect("plain data");
    assert_eq!(
        json,
        serde_json::json!({
            "model": "ets", "interval": 0.99, "step": "1d",
            "train": {"first": "2023-01-01", "last": "2023-01-04", "n": 4, "missing": 0},
            "test": {"first": "2023-01-05", "last": "2023-01-06", "n": 2, "missing": 1},
            "fits": 2,
            "points": [
                {"time": "2023-01-05", "value": 30.0, "expected": 10.0, "lower": 5.0, "upper": 15.0, "score": 9.0, "flagged": true},
                {"time": "2023-01-06", "value": null, "expected": 10.0, "lower": 5.0, "upper": 15.0, "score": null, "flagged": false},
            ],
            "alarms": [{"first": "2023-01-05", "last": "2023-01-05"}],
            "scores": {
                "precision": 1.0, "recall": 1.0, "f1": 1.0, "true_positives": 1, "false_positives": 0, "false_negatives": 0,
                "windows": 1, "windows_found": 1,
            },
        })
    );
    assert_eq!(serde_json::from_value::<DetectReport>(json).expect("it reads back"), report);
}

#[test]
fn a_model_without_forecasts_has_nulls_and_no_truth_no_scores() {
    let report = report(&[(Some(30.0), 9.0)], None, false);
    let json = serde_json::to_value(&report).expect("plain data");
    assert_eq!(json["points"][0]["expected"], serde_json::Value::Null);
    assert_eq!(json.get("scores"), None);
    assert!(report.table().contains("1 bucket flagged, 1 alarm"), "{}", report.table());
}

#[test]
fn scores_without_a_denominator_are_null_and_not_zero() {
    let quiet = (Some(10.0), 0.0);
    let nothing = report(&[quiet, quiet], Some(&[]), true).scores.expect("truth was given");
    assert_eq!((nothing.precision, nothing.recall, nothing.f1), (None, None, None));
    let missed = report(&[quiet, quiet], Some(&[Window { first: 5, last: 5 }]), true).scores.expect("truth was given");
    assert_eq!((missed.precision, missed.recall, missed.f1), (None, Some(0.0), Some(0.0)));
    let unseen = report(&[quiet, (None, 0.0)], Some(&[Window { first: 5, last: 5 }]), true).scores.expect("truth was given");
    assert_eq!((unseen.recall, unseen.false_negatives, unseen.windows), (None, 0, 0), "a missing bucket cannot be found");
}

#[test]
fn the_table_shows_alarms_and_no_quiet_buckets() {
    let (high, low) = ((Some(1234.5), 9.0), (Some(10.0), 0.0));
    let report = report(&[low, high, (Some(-20.0), 3.0), low, low, (Some(16.0), 2.5)], Some(&[Window { first: 5, last: 6 }]), true);
    insta::assert_snapshot!(report.table(), @r"
    ets on 6 buckets of 1d (2023-01-05 to 2023-01-10), trained on 4 (2023-01-01 to 2023-01-04), 2 fits
    3 buckets outside the 99 % interval, 2 alarms

    first       last        flagged  worst at    value  expected  interval
    2023-01-06  2023-01-07        2  2023-01-06   1234        10   5 to 15
    2023-01-10  2023-01-10        1  2023-01-10     16        10   5 to 15

    against the truth, bucket by bucket: precision 0.67, recall 1.00, F1 0.80 (2 right, 1 false, 0 missed); 1 of 1 window found
    ");
}

#[test]
fn the_table_stays_short() {
    let test: Vec<(Option<f64>, f64)> = (0..5000).map(|i| if i % 2 == 0 { (Some(30.0), 9.0) } else { (Some(10.0), 0.0) }).collect();
    let table = report(&test, None, true).table();
    assert!(table.lines().count() < 30, "{table}");
    assert!(table.contains("… and 2480 more alarms (--json has all)"), "{table}");
}
