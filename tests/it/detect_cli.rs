//! `harness detect` on real files: what the historical set-ups found must be found.

use std::fs;
use std::path::Path;

use crate::run::{code, output, stderr, stdout};
use crate::support::{column, data};

fn json(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = output(folder, arguments);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_model_flags_exactly_the_incident_of_the_ticket_counts() {
    let (Some(train), Some(test)) = (data("ticket-counts/train.csv"), data("ticket-counts/test.csv")) else { return };
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("truth.csv"), "time\n2023-10-05\n").expect("a file");
    for model in ["lgbm", "prophet", "arima"] {
        for protocol in ["rolling", "fixed-origin"] {
            for refit in ["7d", "never"] {
                let (train, test) = (train.to_str().expect("text"), test.to_str().expect("text"));
                let arguments = ["detect", "--train", train, "--test", test, "--model", model, "--protocol", protocol, "--refit", refit];
                let report = json(folder.path(), &[&arguments[..], &["--truth", "truth.csv", "--json"]].concat());
                let alarms = serde_json::json!([{ "first": "2023-10-05", "last": "2023-10-05" }]);
                assert_eq!(report["alarms"], alarms, "{model}, {protocol}, refit {refit}");
                for score in ["precision", "recall", "f1"] {
                    assert_eq!(report["scores"][score], 1.0, "{model}, {protocol}, refit {refit}: {score}");
                }
                assert_eq!(report["points"].as_array().map(Vec::len), Some(92));
            }
        }
    }
}

#[test]
fn lgbm_without_refit_forecasts_what_the_original_forecasts() {
    let (Some(train), Some(test)) = (data("ticket-counts/train.csv"), data("ticket-counts/test.csv")) else { return };
    let Some(reference) = data("ticket-counts/python-reference/lgbm_forecast.csv") else { return };
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (train, test) = (train.to_str().expect("text"), test.to_str().expect("text"));
    let report = json(folder.path(), &["detect", "--train", train, "--test", test, "--model", "lgbm", "--refit", "never", "--json"]);
    for (field, name) in [("expected", "yhat"), ("lower", "yhat_lower"), ("upper", "yhat_upper")] {
        let original = column(&reference, name);
        for (point, original) in report["points"].as_array().expect("points").iter().zip(original) {
            let (ours, original) = (point[field].as_f64().expect("a number"), original.expect("a number"));
            assert!((ours - original).abs() < 1e-6, "{name} on {}: {ours}, original {original}", point["time"]);
        }
    }
}

#[test]
fn one_file_with_a_split_gives_what_two_files_give() {
    let (Some(train), Some(test)) = (data("ticket-counts/train.csv"), data("ticket-counts/test.csv")) else { return };
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let joined =
        fs::read_to_string(&train).expect("train") + fs::read_to_string(&test).expect("test").split_once('\n').expect("a header").1;
    fs::write(folder.path().join("counts.csv"), joined).expect("a file");
    let one = json(folder.path(), &["detect", "counts.csv", "--model", "arima", "--train-until", "2023-09-30", "--json"]);
    let (train, test) = (train.to_str().expect("text"), test.to_str().expect("text"));
    let two = json(folder.path(), &["detect", "--train", train, "--test", test, "--model", "arima", "--json"]);
    assert_eq!(one, two);
}

#[test]
fn a_season_too_long_for_arima_is_told_with_the_way_out_and_works_hourly() {
    let Some(taxi) = data("nab/data/realTweets/Twitter_volume_AAPL.csv") else { return };
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let taxi = taxi.to_str().expect("text");
    let refused = output(folder.path(), &["detect", taxi, "--model", "arima"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("--step"), "{}", stderr(&refused));
    let hourly = output(folder.path(), &["detect", taxi, "--model", "arima", "--step", "1h", "--refit", "never"]);
    assert_eq!(code(&hourly), 0, "{}", stderr(&hourly));
    assert!(stdout(&hourly).contains("buckets of 1h"), "{}", stdout(&hourly));
}

#[cfg(feature = "plot")]
#[test]
fn a_plot_is_written_beside_the_table() {
    let (Some(train), Some(test)) = (data("ticket-counts/train.csv"), data("ticket-counts/test.csv")) else { return };
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (train, test) = (train.to_str().expect("text"), test.to_str().expect("text"));
    let ran = output(folder.path(), &["detect", "--train", train, "--test", test, "--model", "arima", "--plot", "out.svg"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let svg = fs::read_to_string(folder.path().join("out.svg")).expect("a plot");
    assert!(svg.starts_with("<svg") && svg.contains("flagged"), "{}", &svg[..200]);
}
