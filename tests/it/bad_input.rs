//! Bad input: a clear error that says where, what was got, what was expected and the way out, with the right exit code.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::run::{code, output, small_library, stderr};

/// Runs the program in a folder and returns exit code and error text.
fn fails(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = output(folder, arguments);
    (code(&output), stderr(&output))
}

fn csv(text: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    fs::write(folder.path().join("counts.csv"), text).expect("a file");
    folder
}

/// Daily counts from 2023-01-01 with a weekday pattern.
fn daily(days: usize) -> String {
    let start: jiff::civil::Date = "2023-01-01".parse().expect("a date");
    let row = |day: usize| {
        let date = start.saturating_add(jiff::Span::new().days(i64::try_from(day).expect("small")));
        format!("{date},{}\n", 100 + 20 * (day % 7) + (day * day) % 13)
    };
    "time,count\n".to_owned() + &(0..days).map(row).collect::<String>()
}

#[test]
fn an_unknown_model_is_told_with_the_nearest_name_before_any_work() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    let (code, error) = fails(folder.path(), &["run", "scenarios", "--models", "lgmb"]);
    assert_eq!(code, 2);
    assert!(error.contains("unknown forecaster `lgmb`") && error.contains("did you mean `lgbm`?"), "{error}");
    assert!(!folder.path().join("results").exists(), "nothing was written");
}

#[test]
fn a_misspelt_setting_names_the_model_and_the_known_settings() {
    let folder = csv(&daily(60));
    let (code, error) = fails(folder.path(), &["detect", "counts.csv", "--model", "lgbm", "--settings", r#"{"tress": 10}"#]);
    assert_eq!(code, 2);
    assert!(error.contains("settings of `lgbm`") && error.contains("tress") && error.contains("trees"), "{error}");
}

#[test]
fn an_empty_scenarios_folder_matches_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    fs::create_dir(folder.path().join("scenarios")).expect("a folder");
    let (code, error) = fails(folder.path(), &["run", "scenarios", "--models", "arima"]);
    assert_eq!(code, 4, "{error}");
    assert_eq!(error, "error: no scenario (*.yaml, *.yml) in scenarios\n");
}

#[test]
fn a_missing_file_is_told_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let (code, error) = fails(folder.path(), &["detect", "nowhere.csv"]);
    assert_eq!((code, error.matches("os error 2").count()), (2, 1), "{error}");
    let (code, error) = fails(folder.path(), &["run", "nowhere", "--models", "arima"]);
    assert_eq!((code, error.matches("os error 2").count()), (2, 1), "{error}");
}

#[test]
fn a_suite_without_scenarios_and_a_suite_among_scenarios_are_refused() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    fs::write(folder.path().join("suite.yaml"), "format: 1\nid: s\nscenarios: []\nmodels: [arima]\n").expect("a suite");
    let (code, error) = fails(folder.path(), &["run", "suite.yaml"]);
    assert_eq!(code, 2);
    assert!(error.contains("suite.yaml: no scenarios: name at least one file or folder"), "{error}");
    let (code, error) = fails(folder.path(), &["run", "scenarios", "suite.yaml", "--models", "arima"]);
    assert_eq!(code, 2);
    assert!(error.contains("suite.yaml is a suite file") && error.contains("give it alone"), "{error}");
}

#[test]
fn a_model_may_not_be_called_like_a_floor_or_the_oracle() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    for label in ["random", "seasonal-naive", "oracle"] {
        let suite = format!("format: 1\nid: s\nscenarios: [scenarios]\nmodels:\n  - arima: {{as: {label}}}\n");
        fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
        let (code, error) = fails(folder.path(), &["run", "suite.yaml"]);
        assert_eq!(code, 2);
        assert!(error.contains(&format!("`arima` is called `{label}`, which is the name of another row")), "{error}");
    }
}

#[test]
fn one_scenario_given_twice_is_told() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    let (code, error) = fails(folder.path(), &["run", "scenarios", "scenarios/quiet", "--models", "arima"]);
    assert_eq!(code, 2);
    assert!(error.contains("have the same id `quiet.small-poisson`") && error.contains("given twice?"), "{error}");
}

#[test]
fn settings_are_an_object() {
    let folder = csv(&daily(60));
    let (code, error) = fails(folder.path(), &["detect", "counts.csv", "--settings", "[14]"]);
    assert_eq!(code, 2);
    assert!(error.contains("expected an object such as"), "{error}");
}

#[cfg(feature = "plot")]
#[test]
fn a_plot_that_cannot_be_written_does_not_cost_the_table() {
    let folder = csv(&daily(120));
    let output = output(folder.path(), &["detect", "counts.csv", "--model", "arima", "--plot", "nowhere/out.svg"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("nowhere/out.svg: cannot write the plot"), "{}", stderr(&output));
    assert!(crate::run::stdout(&output).starts_with("arima on 60 buckets"));
}

#[test]
fn a_misspelt_key_is_told_with_file_line_and_column() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    let file = folder.path().join("scenarios/quiet/small-poisson.yaml");
    let text = fs::read_to_string(&file).expect("a scenario").replace("  length:", "  lenght:");
    let line = text.lines().position(|line| line.contains("lenght")).expect("the key") + 1;
    fs::write(&file, text).expect("a writable file");
    let (code, error) = fails(folder.path(), &["run", "scenarios", "--models", "arima"]);
    assert_eq!(code, 2);
    assert!(error.contains(&format!("small-poisson.yaml:{line}:3")) && error.contains("`lenght`") && error.contains("`length`"), "{error}");
}

#[test]
fn a_misspelt_key_in_a_suite_is_told_with_file_line_and_column() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    let suite = "format: 1\nid: s\nscenarios: [scenarios]\nmodels: [arima]\ndetection:\n  budgett: 2\n";
    fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    let (code, error) = fails(folder.path(), &["run", "suite.yaml"]);
    assert_eq!(code, 2);
    assert!(error.contains("suite.yaml:6:3") && error.contains("`budget`"), "{error}");
}

#[test]
fn a_gate_rule_on_an_unknown_metric_is_told_before_the_run() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    let suite = "format: 1\nid: s\nscenarios: [scenarios]\nmodels: [arima]\ngate:\n  - {metric: event_f2, min: 0.5}\n";
    fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    let (code, error) = fails(folder.path(), &["run", "suite.yaml"]);
    assert_eq!(code, 2);
    assert!(error.contains("gate rule 1") && error.contains("did you mean `event_f1`?"), "{error}");
}

#[cfg(unix)]
#[test]
fn an_unwritable_results_folder_is_told_before_any_work() {
    let folder = small_library(&["quiet/small-poisson.yaml"]);
    // A file where the folder should be: also the superuser cannot make a folder there.
    fs::write(folder.path().join("taken"), "").expect("a file");
    let (code, error) = fails(folder.path(), &["run", "scenarios", "--models", "arima", "--out", "taken"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("taken: cannot write results here") && error.contains("--out"), "{error}");
}

#[test]
fn a_folder_without_a_run_is_told() {
    let folder = TempDir::new().expect("a temporary folder");
    let (code, error) = fails(folder.path(), &["report", "nowhere"]);
    assert_eq!(code, 2);
    assert!(error.contains("nowhere: no run here"), "{error}");
}

#[test]
fn a_series_too_short_says_how_many_points_each_model_needs() {
    let folder = csv(&daily(20));
    for model in ["lgbm", "prophet", "arima", "seasonal-naive"] {
        let (code, error) = fails(folder.path(), &["detect", "counts.csv", "--model", model, "--train-until", "2023-01-01"]);
        assert_eq!(code, 2, "{model}: {error}");
        assert!(error.contains("series has 1 points") && error.contains(&format!("`{model}` needs at least ")), "{model}: {error}");
    }
}

#[test]
fn a_constant_series_has_no_spread_to_judge_by() {
    let text = daily(60).lines().map(|line| line.split(',').next().expect("a time").to_owned()).collect::<Vec<_>>();
    let folder = csv(&format!("time,count\n{}", text[1..].iter().map(|time| format!("{time},5\n")).collect::<String>()));
    for model in ["lgbm", "prophet", "arima", "seasonal-naive"] {
        let (code, error) = fails(folder.path(), &["detect", "counts.csv", "--model", model]);
        assert_eq!(code, 2, "{model}: {error}");
        assert!(error.contains("train is constant (30 values, all 5)"), "{model}: {error}");
    }
}

#[test]
fn gaps_and_nan_are_missing_points_and_no_model_minds() {
    let lines: Vec<String> = daily(120).lines().map(str::to_owned).collect();
    let gappy = lines.iter().enumerate().filter(|(row, _)| *row != 40 && *row != 100).map(|(row, line)| {
        if row == 30 || row == 110 { format!("{},NaN\n", line.split(',').next().expect("a time")) } else { format!("{line}\n") }
    });
    let folder = csv(&gappy.collect::<String>());
    for model in ["lgbm", "prophet", "arima", "seasonal-naive"] {
        let output = output(folder.path(), &["detect", "counts.csv", "--model", model, "--train-until", "2023-03-20", "--json"]);
        assert_eq!(code(&output), 0, "{model}: {}", stderr(&output));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let points = json["points"].as_array().expect("points");
        assert_eq!(points.len(), 41, "{model}");
        let missing: Vec<&str> =
            points.iter().filter(|point| point["value"].is_null()).filter_map(|point| point["time"].as_str()).collect();
        assert_eq!(missing, ["2023-04-10", "2023-04-20"], "{model}");
        assert!(points.iter().all(|point| point["expected"].is_f64()), "{model}: a missing point still has a forecast");
    }
}

#[test]
fn duplicate_and_backward_stamps_name_their_row() {
    let lines: Vec<String> = daily(30).lines().map(str::to_owned).collect();
    let mut duplicate = lines.clone();
    duplicate.insert(11, lines[10].clone());
    let (code, error) = fails(csv(&duplicate.join("\n")).path(), &["detect", "counts.csv", "--model", "arima"]);
    assert_eq!(code, 2);
    assert!(error.contains("row 12") && error.contains("2023-01-10"), "{error}");

    let mut backward = lines.clone();
    backward.swap(10, 11);
    let (code, error) = fails(csv(&backward.join("\n")).path(), &["detect", "counts.csv", "--model", "arima"]);
    assert_eq!(code, 2);
    assert!(error.contains("row 12"), "{error}");
}

#[test]
fn a_floor_has_no_interval_to_detect_with() {
    let (code, error) = fails(csv(&daily(60)).path(), &["detect", "counts.csv", "--model", "ramp"]);
    assert_eq!(code, 2);
    assert!(error.contains("`ramp` is a floor and states no interval"), "{error}");
}
