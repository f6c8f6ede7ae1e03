//! Runs on disk: the same bytes every time, nothing lost to a kill, and exit codes that say what happened.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

/// The program, with a clean environment, in a folder of its own.
pub(crate) fn harness(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").env_remove("HARNESS_RESULTS").env_remove("HARNESS_JOBS");
    // A collector of the developer's own is not to hear of tests.
    command.env_remove("PHOENIX_COLLECTOR_ENDPOINT");
    command
}

pub(crate) fn output(folder: &Path, arguments: &[&str]) -> Output {
    harness(folder, arguments).output().expect("the program starts")
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().expect("the program ends by itself")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder with a few files of the library below `scenarios/`.
pub(crate) fn small_library(files: &[&str]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for file in files {
        let target = folder.path().join("scenarios").join(file);
        fs::create_dir_all(target.parent().expect("below scenarios")).expect("a folder");
        fs::copy(library.join(file), target).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    folder
}

const FILES: &[&str] = &["quiet/small-poisson.yaml", "dependency_failure/outage-x3-small.yaml", "segment_outage/one-queue-billing.yaml"];
const RUN: &[&str] = &["run", "scenarios", "--models", "arima,lgbm", "--seeds", "1"];

/// Every file of a run that equal runs must share, by path.
fn records(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).expect("below the run").to_path_buf();
                found.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(run, run, &mut found);
    // Clock and durations stand in these, and the journal is in finishing order.
    for file in ["manifest.json", "timings.jsonl", "journal.jsonl"] {
        assert!(found.remove(Path::new(file)).is_some(), "{file} is written");
    }
    found
}

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (records(a), records(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (file, bytes) in &a {
        assert!(*bytes == b[file], "{} differs", file.display());
    }
    assert!(a.len() > 10, "there is something to compare");
}

fn run_with(folder: &Path, out: &str, jobs: &str) -> Output {
    let arguments: Vec<&str> = RUN.iter().copied().chain(["--out", out, "--jobs", jobs]).collect();
    output(folder, &arguments)
}

/// Waits until a run in progress has written some records.
fn wait_for_records(results: &Path, at_least: usize) {
    for _ in 0..600 {
        let journal = fs::read_dir(results)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("journal.jsonl")))
            .find_map(|path| fs::read_to_string(path).ok());
        if journal.is_some_and(|text| text.lines().count() >= at_least) {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("no records appear in {}", results.display());
}

fn begin(folder: &Path, out: &str) -> Child {
    let arguments: Vec<&str> = RUN.iter().copied().chain(["--out", out, "--jobs", "1"]).collect();
    harness(folder, &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn only_run(results: &Path) -> PathBuf {
    let mut runs: Vec<PathBuf> = fs::read_dir(results)
        .expect("results")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.is_symlink() && path.join("manifest.json").exists())
        .collect();
    assert_eq!(runs.len(), 1, "one run folder");
    runs.remove(0)
}

#[test]
fn two_runs_with_one_and_two_threads_and_a_killed_one_resumed_give_the_same_bytes() {
    let folder = small_library(FILES);
    let root = folder.path();
    assert_eq!(code(&run_with(root, "one", "1")), 0);
    assert_eq!(code(&run_with(root, "two", "2")), 0);

    let mut child = begin(root, "killed");
    wait_for_records(&root.join("killed"), 12);
    child.kill().expect("the program is running");
    child.wait().expect("it ends");
    let killed = only_run(&root.join("killed"));
    let resumed = output(root, &["run", "--resume", killed.to_str().expect("text"), "--out", "killed"]);
    assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("done before"), "{}", stderr(&resumed));

    assert_same(&only_run(&root.join("one")), &only_run(&root.join("two")));
    assert_same(&only_run(&root.join("one")), &killed);
}

#[test]
fn cached_thresholds_change_nothing() {
    let folder = small_library(&FILES[..2]);
    let arguments = ["run", "scenarios", "--models", "arima", "--seeds", "1"];
    let first = output(folder.path(), &arguments);
    let first_run = folder.path().join("results/latest").canonicalize().expect("a run");
    let second = output(folder.path(), &arguments);
    let second_run = folder.path().join("results/latest").canonicalize().expect("a run");
    assert!(!stderr(&first).contains(" 0 calibration jobs"), "{}", stderr(&first));
    assert!(stderr(&second).contains(" 0 calibration jobs"), "{}", stderr(&second));
    assert_ne!(first_run, second_run);
    assert_same(&first_run, &second_run);
}

#[test]
fn a_truncated_last_record_costs_one_job_on_resume() {
    let folder = small_library(&FILES[..1]);
    let root = folder.path();
    let mut child = begin(root, "results");
    wait_for_records(&root.join("results"), 5);
    child.kill().expect("the program is running");
    child.wait().expect("it ends");
    let run = only_run(&root.join("results"));
    let journal = run.join("journal.jsonl");
    let text = fs::read_to_string(&journal).expect("a journal");
    let complete = text.lines().count();
    fs::write(&journal, &text[..text.trim_end().len() - 7]).expect("a writable journal");

    let resumed = output(root, &["run", "--resume", run.to_str().expect("text")]);
    assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains("the last record was cut short; its job runs again"), "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains(&format!("{} done before", complete - 1)), "{}", stderr(&resumed));
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_what_is_done_and_says_how_to_go_on() {
    let folder = small_library(FILES);
    let root = folder.path();
    let child = begin(root, "results");
    wait_for_records(&root.join("results"), 5);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
    let ended = child.wait_with_output().expect("it ends");
    let run = only_run(&root.join("results"));
    assert_eq!(code(&ended), 5, "{}", stderr(&ended));
    assert!(stderr(&ended).contains("go on with: harness run --resume results/"), "{}", stderr(&ended));

    let report = output(root, &["report", run.to_str().expect("text")]);
    assert_eq!(code(&report), 5, "reading a run with jobs missing: {}", stderr(&report));
    assert!(stderr(&report).contains("jobs are missing"), "{}", stderr(&report));
}

#[test]
fn a_report_is_rendered_again_without_running_models() {
    let folder = small_library(&FILES[..2]);
    let root = folder.path();
    let ran = output(root, &["run", "scenarios", "--models", "arima", "--seeds", "1"]);
    let run = root.join("results/latest");
    let report = fs::read(run.join("report.md")).expect("a report");
    for file in ["report.md", "summary.csv", "scorecard.json"] {
        fs::remove_file(run.join(file)).expect("a report file");
    }
    // Without scenarios nothing could be computed again.
    fs::remove_dir_all(root.join("scenarios")).expect("scenarios");
    let again = output(root, &["report", "results/latest"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(stdout(&ran).lines().take(12).collect::<Vec<_>>(), stdout(&again).lines().take(12).collect::<Vec<_>>());
    assert_eq!(report, fs::read(run.join("report.md")).expect("a report"));
    assert!(run.join("summary.csv").exists() && run.join("scorecard.json").exists());
}

#[test]
fn a_model_that_cannot_take_a_series_is_refused_and_never_scored_as_zero() {
    let folder = small_library(&["quiet/hourly.yaml"]);
    let root = folder.path();
    fs::write(
        root.join("suite.yaml"),
        "format: 1\nid: long-season\nscenarios: [scenarios]\nseeds: {role: dev, count: 1}\nmodels:\n  - arima: {season: 168}\n",
    )
    .expect("a suite");
    let ran = output(root, &["run", "suite.yaml"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    assert!(stdout(&ran).contains("arima: refused"), "{}", stdout(&ran));
    let report = fs::read_to_string(root.join("results/latest/report.md")).expect("a report");
    assert!(report.contains("--step"), "the reason and the way out stand in the report");
    let summary = fs::read_to_string(root.join("results/latest/summary.csv")).expect("a summary");
    let row = summary.lines().find(|line| line.starts_with("arima") && line.contains("false_pages")).expect("a row");
    assert_eq!(row.split(',').nth(4), Some(""), "a missing number is an empty cell: {row}");
}

#[test]
fn files_of_one_name_in_two_folders_stay_two_files() {
    let folder = small_library(&["quiet/hourly.yaml", "logging_outage/hourly.yaml"]);
    let root = folder.path();
    let files = |arguments: &[&str]| -> Vec<String> {
        let ran = output(root, &[&["run"], arguments, &["--models", "arima", "--seeds", "1", "--json"]].concat());
        assert_eq!(code(&ran), 0, "{}", stderr(&ran));
        let card: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        card["basis"]["files"].as_object().expect("files").keys().cloned().collect()
    };
    let as_in_the_library = ["logging_outage/hourly.yaml", "quiet/hourly.yaml"];
    assert_eq!(files(&["scenarios"]), as_in_the_library);
    assert_eq!(files(&["scenarios/quiet", "scenarios/logging_outage"]), as_in_the_library);

    // Where the folders are called the same too, files go by the paths given.
    for (from, to) in [("quiet", "a/x"), ("logging_outage", "b/x")] {
        fs::create_dir_all(root.join(to)).expect("a folder");
        fs::rename(root.join("scenarios").join(from).join("hourly.yaml"), root.join(to).join("hourly.yaml")).expect("a file");
    }
    assert_eq!(files(&["a/x", "b/x"]), ["a/x/hourly.yaml", "b/x/hourly.yaml"]);
}

#[test]
fn two_configurations_of_one_model_are_two_rows() {
    let folder = small_library(&FILES[..2]);
    let suite = "format: 1\nid: two\nscenarios: [scenarios]\nseeds: {role: dev, count: 1}\nmodels:\n  \
        - arima\n  - arima: {as: arima-plain, seasonal: [0, 0, 0]}\n";
    fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    let ran = output(folder.path(), &["run", "suite.yaml", "--json"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let card: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let row = |name: &str| {
        let models = card["models"].as_array().expect("models");
        models.iter().find(|row| row["config"]["name"] == name).unwrap_or_else(|| panic!("{name} is a row")).clone()
    };
    assert_ne!(row("arima")["config"]["digest"], row("arima-plain")["config"]["digest"]);
    assert_ne!(row("arima")["files"], row("arima-plain")["files"]);
}

/// A finished run of one model on two files.
fn finished() -> (TempDir, PathBuf) {
    let folder = small_library(&FILES[..2]);
    let ran = output(folder.path(), &["run", "scenarios", "--models", "arima", "--seeds", "1"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let run = only_run(&folder.path().join("results"));
    (folder, run)
}

fn first_in(folder: &Path) -> PathBuf {
    let mut all: Vec<PathBuf> = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    all.sort();
    all.remove(0)
}

#[test]
fn a_run_with_a_record_removed_is_not_scored_as_if_it_were_whole() {
    let (folder, run) = finished();
    let file = run.join("detections.jsonl");
    let text = fs::read_to_string(&file).expect("detections");
    let (_, rest) = text.split_once('\n').expect("many lines");
    fs::write(&file, rest).expect("a writable file");
    let report = output(folder.path(), &["report", "results/latest"]);
    assert_eq!(code(&report), 5, "{}", stderr(&report));
    assert!(stderr(&report).contains("jobs are missing"), "{}", stderr(&report));

    let resumed = output(folder.path(), &["run", "--resume", "results/latest"]);
    assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    assert_eq!(fs::read_to_string(&file).expect("detections"), text);
}

#[test]
fn points_that_are_lost_or_damaged_are_told_and_computed_again() {
    let (folder, run) = finished();
    let points = first_in(&run.join("points"));
    let bytes = fs::read(&points).expect("points");
    let damages: [(&str, &dyn Fn()); 2] = [
        ("missing from the run; `harness run --resume", &|| fs::remove_file(&points).expect("a file")),
        ("1 scores and 0 bands, expected", &|| fs::write(&points, r#"{"scores":[1.0],"bands":[]}"#).expect("a writable file")),
    ];
    for (told, damage) in damages {
        damage();
        let report = output(folder.path(), &["report", "results/latest"]);
        assert_eq!(code(&report), 2, "{}", stderr(&report));
        assert!(stderr(&report).contains(told), "{}", stderr(&report));
        let resumed = output(folder.path(), &["run", "--resume", "results/latest"]);
        assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
        assert_eq!(fs::read(&points).expect("points"), bytes);
    }
}

#[test]
fn an_observation_that_was_changed_is_told_and_does_not_crash() {
    let (folder, run) = finished();
    let file = first_in(&run.join("incidents")).join("observed.json");
    let text = fs::read_to_string(&file).expect("an observation");
    let from = text.find("\"train\":").expect("train") + "\"train\":".len();
    let to = from + text[from..].find(',').expect("a number ends");
    fs::write(&file, format!("{}9999{}", &text[..from], &text[to..])).expect("a writable file");
    let report = output(folder.path(), &["report", "results/latest"]);
    assert_eq!(code(&report), 2, "{}", stderr(&report));
    assert!(stderr(&report).contains("9999 buckets of train, expected fewer than"), "{}", stderr(&report));
}

#[test]
fn a_run_of_another_format_is_told() {
    let (folder, run) = finished();
    let file = run.join("manifest.json");
    let text = fs::read_to_string(&file).expect("a manifest").replacen("\"format\": 1", "\"format\": 2", 1);
    fs::write(&file, text).expect("a writable file");
    for verb in [&["report", "results/latest"][..], &["run", "--resume", "results/latest"]] {
        let ended = output(folder.path(), verb);
        assert_eq!(code(&ended), 2, "{}", stderr(&ended));
        assert!(stderr(&ended).contains("record format 2, this harness reads format 1"), "{}", stderr(&ended));
    }
}

#[cfg(unix)]
#[test]
fn a_run_resumed_from_elsewhere_finds_its_thresholds_beside_it() {
    let (folder, run) = finished();
    let elsewhere = TempDir::new().expect("a temporary folder");
    fs::write(run.join("journal.jsonl"), "").expect("a writable journal");
    // Scenario paths are kept as they were given.
    std::os::unix::fs::symlink(folder.path().join("scenarios"), elsewhere.path().join("scenarios")).expect("a link");
    let resumed = output(elsewhere.path(), &["run", "--resume", run.to_str().expect("text")]);
    assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    assert!(stderr(&resumed).contains(" 0 calibration jobs"), "{}", stderr(&resumed));
    assert!(!elsewhere.path().join("results").exists(), "nothing is written elsewhere");
}

#[cfg(unix)]
#[test]
fn readers_that_have_gone_away_do_not_crash_the_program() {
    let folder = small_library(&FILES[..1]);
    let program = env!("CARGO_BIN_EXE_harness");
    // Both streams end in a pipe that nobody reads.
    let script = format!("(sleep 0.2; {program} run scenarios --models arima --seeds 1; echo $? > code) 2>&1 | true");
    let shell = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).status().expect("bash");
    assert!(shell.success());
    assert_eq!(fs::read_to_string(folder.path().join("code")).expect("an exit code").trim(), "0");
}
