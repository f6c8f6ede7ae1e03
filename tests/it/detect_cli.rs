//! `harness detect`: on real files, what the historical set-ups found must be found; on tickets, rows are counted and pages investigated.

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
                let arguments = [
                    "detect",
                    "--train",
                    train,
                    "--test",
                    test,
                    "--model",
                    model,
                    "--protocol",
                    protocol,
                    "--refit",
                    refit,
                    "--interval-method",
                    "native",
                ];
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
    let report = json(
        folder.path(),
        &["detect", "--train", train, "--test", test, "--model", "lgbm", "--refit", "never", "--interval-method", "native", "--json"],
    );
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

/// A folder with `tickets.csv` and `changes.csv` of a release that breaks an app, the release's id and the day it shows.
fn exported() -> (tempfile::TempDir, String, String) {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml");
    let made = output(folder.path(), &["generate", scenario.to_str().expect("text"), "--out", "."]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let truth = fs::read_to_string(folder.path().join("truth.json")).expect("a file");
    let truth: serde_json::Value = serde_json::from_str(&truth).expect("JSON");
    let fault = &truth["truth"]["faults"][0];
    let counts = fs::read_to_string(folder.path().join("counts.csv")).expect("a file");
    let bucket = usize::try_from(fault["effects"][0]["window"]["first"].as_u64().expect("a bucket")).expect("small");
    let day = counts.lines().nth(1 + bucket).expect("a row").split(',').next().expect("a date").to_owned();
    (folder, fault["change"].as_str().expect("an id").to_owned(), day)
}

const TRAIN_UNTIL: [&str; 2] = ["--train-until", "2024-03-18"];
const INVESTIGATE: [&str; 6] = ["detect", "tickets.csv", "--investigate", "segment-scan", "--changes", "changes.csv"];

#[test]
fn the_release_is_named_from_tickets_and_a_change_log() {
    let (folder, change, day) = exported();
    let ran = output(folder.path(), &[&INVESTIGATE[..], &TRAIN_UNTIL].concat());
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let said = stdout(&ran);
    assert!(said.starts_with("lgbm on 63 buckets of 1d"), "{said}");
    assert!(said.contains(&format!(": paged {day}, as of ")), "{said}");
    assert!(said.contains("FAULT") && said.contains(&format!("deployment {change} on")), "{said}");
    let report = json(folder.path(), &[&INVESTIGATE[..], &TRAIN_UNTIL, &["--json"]].concat());
    let found = report["investigations"].as_array().expect("a list");
    let paged = found.iter().find(|found| found["pages"][0] == day.as_str()).expect("the day of the effect is paged");
    assert_eq!(paged["trajectory"]["report"]["ranking"][0]["change"], change.as_str());
    assert_eq!(paged["alert"], serde_json::json!({"series": ["tickets"], "since": day}));
    // Alarms with too short a silence between them share a page, so that there can be fewer pages than alarms.
    let alarms = report["alarms"].as_array().expect("a list");
    let begins_an_alarm = |page: &serde_json::Value| alarms.iter().any(|alarm| alarm["first"] == page["pages"][0]);
    assert!(found.len() <= alarms.len() && found.iter().all(begins_an_alarm), "{alarms:?} {} investigations", found.len());
}

#[test]
fn rows_of_tickets_are_counted_as_the_export_counts_them() {
    let (folder, ..) = exported();
    let of_tickets = json(folder.path(), &[&["detect", "tickets.csv", "--json"][..], &TRAIN_UNTIL].concat());
    let of_counts = json(folder.path(), &[&["detect", "counts.csv", "--value-column", "tickets", "--json"][..], &TRAIN_UNTIL].concat());
    assert_eq!(of_tickets, of_counts);
}

#[test]
fn what_comes_after_the_page_changes_nothing_in_its_investigation() {
    let (folder, _, day) = exported();
    let arguments = [&INVESTIGATE[..], &TRAIN_UNTIL, &["--date", &day, "--json"]].concat();
    let whole = json(folder.path(), &arguments);
    let tickets = fs::read_to_string(folder.path().join("tickets.csv")).expect("a file");
    let kept = tickets.lines().filter(|line| line.split(',').nth(1).is_some_and(|at| at == "created_at" || &at[..10] <= day.as_str()));
    let kept: String = kept.map(|line| format!("{line}\n")).collect();
    fs::write(folder.path().join("tickets.csv"), kept).expect("a file");
    assert_eq!(whole["investigations"], json(folder.path(), &arguments)["investigations"]);
    assert_eq!(whole["investigations"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_day_without_a_page_matches_nothing_and_the_last_page_can_be_asked_for() {
    let (folder, ..) = exported();
    let none = output(folder.path(), &[&INVESTIGATE[..], &TRAIN_UNTIL, &["--date", "2023-12-01"]].concat());
    assert_eq!(code(&none), 4, "{}", stderr(&none));
    assert!(stderr(&none).contains("no page belongs to 2023-12-01 (pages begin on "), "{}", stderr(&none));
    let all = json(folder.path(), &[&INVESTIGATE[..], &["--interval", "0.8", "--json"], &TRAIN_UNTIL].concat());
    let last = json(folder.path(), &[&INVESTIGATE[..], &["--interval", "0.8", "--last", "1", "--json"], &TRAIN_UNTIL].concat());
    let all = all["investigations"].as_array().expect("a list").clone();
    assert!(all.len() > 1, "a wider net has more pages");
    assert_eq!(last["investigations"].as_array().map(Vec::as_slice), Some(&all[all.len() - 1..]));
}

#[test]
fn an_agent_cannot_be_sent_to_a_series_of_counts() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let rows: String = (1..=28).map(|day| format!("2024-02-{day:02},{},mon\n", 100 + day % 7)).collect();
    fs::write(folder.path().join("counts.csv"), format!("date,count,weekday\n{rows}")).expect("a file");
    let refused = output(folder.path(), &["detect", "counts.csv", "--investigate", "segment-scan"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("--investigate needs one row per ticket"), "{}", stderr(&refused));
    assert_eq!(stdout(&refused), "");
}

#[test]
fn tickets_without_texts_are_told_the_way_out() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let rows: String = (0..2000).map(|row| format!("2024-{:02}-{:02},{}\n", 1 + row % 4, 1 + row % 28, 1 + row % 3)).collect();
    fs::write(folder.path().join("t.csv"), format!("created_at,Priority\n{rows}")).expect("a file");
    let refused = output(folder.path(), &["detect", "t.csv"]);
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("if each row is one ticket, add --tickets"), "{}", stderr(&refused));
    let counted = output(folder.path(), &["detect", "t.csv", "--tickets", "--model", "seasonal-naive"]);
    assert_eq!(code(&counted), 0, "{}", stderr(&counted));
}

#[test]
fn a_file_that_ends_within_a_day_is_noted() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let row = |day: i32, hour: i32| format!("2024-02-{day:02} {hour:02}:30,a\n");
    let rows: String = (1..=28).flat_map(|day| (0..if day == 28 { 9 } else { 24 }).map(move |hour| row(day, hour))).collect();
    fs::write(folder.path().join("t.csv"), format!("time,body\n{rows}2024-02-03 01:00,b\n")).expect("a file");
    let ran = output(folder.path(), &["detect", "t.csv", "--model", "seasonal-naive"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let note = "the last ticket of 2024-02-28 came at 08:30:00, earlier than in the buckets before it (23:30:00 or later)";
    assert!(stderr(&ran).contains(note), "{}", stderr(&ran));
}
