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
