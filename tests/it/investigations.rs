//! Investigations of a run: how they end, what is kept of them, and how they are explained.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use incident_harness::name::ConfigId;
use incident_harness::record::{Investigation, PageGroup, Store, Timing, Trigger};
use incident_harness::run::{Plan, investigate};
use incident_harness::suite::Suite;
use serde_json::Value;
use tempfile::TempDir;

use crate::run::{code, output, small_library, stderr, stdout};

const FILES: [&str; 2] = ["quiet/small-poisson.yaml", "segment_outage/one-queue-billing.yaml"];

/// A run of a suite of its own in a folder of its own.
fn run(agents: &str, investigation: &str) -> (TempDir, String) {
    let folder = small_library(&FILES);
    let suite = format!(
        "format: 1\nid: s\nscenarios: [scenarios]\nseeds: {{role: dev, count: 1}}\nmodels: [arima]\nagents: [{agents}]\ninvestigation: {{{investigation}}}\n"
    );
    fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    let ran = output(folder.path(), &["run", "suite.yaml", "--json"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    (folder, stdout(&ran))
}

/// One run with every call it needs, for all tests that only read.
fn usual() -> &'static (TempDir, String) {
    static RUN: OnceLock<(TempDir, String)> = OnceLock::new();
    RUN.get_or_init(|| run("segment-scan, abstain", "end_to_end: [segment-scan, abstain]"))
}

fn latest(folder: &TempDir) -> PathBuf {
    folder.path().join("results/latest")
}

fn store(folder: &TempDir) -> Store {
    Store::open(&latest(folder)).expect("a run")
}

fn row<'a>(card: &'a Value, section: &str, agent: &str) -> &'a Value {
    let is = |row: &&Value| row["trigger"].is_null() && (row["agent"]["name"] == agent || row["config"]["name"] == agent);
    card[section].as_array().expect("rows").iter().find(is).unwrap_or_else(|| panic!("{agent} is a row of {section}"))
}

#[test]
fn an_agent_with_too_few_calls_is_halted_by_its_budget_and_wrong_and_no_failure_of_infrastructure() {
    let (folder, card) = run("segment-scan, abstain", "calls: 3, end_to_end: [segment-scan]");
    let card: Value = serde_json::from_str(&card).expect("JSON");
    let halted = row(&card, "causes", "segment-scan");
    let tally = &halted["total"]["tally"];
    assert_eq!(tally["failed"], Value::Null, "{tally}");
    assert_eq!(tally["cause"]["no_report"], tally["jobs"], "{tally}");
    assert_eq!(halted["metrics"]["cause_right"]["value"]["value"], 0.0, "{}", halted["metrics"]);
    assert_eq!(halted["metrics"]["specificity"]["value"]["value"], 0.0, "no report clears nothing");
    assert_eq!(row(&card, "causes", "abstain")["total"]["tally"]["cause"]["no_report"], Value::Null, "it needs no call");
    let end = &row(&card, "end_to_end", "segment-scan")["total"]["tally"]["end"];
    assert_eq!((&end["right"], &end["dismissed"]), (&Value::Null, &Value::Null), "{end}");

    let records = fs::read_to_string(latest(&folder).join("investigations.jsonl")).expect("records");
    let of_scan = records.lines().filter(|line| line.contains("segment-scan"));
    assert!(of_scan.clone().count() > 1 && of_scan.clone().all(|line| line.contains(r#""outcome":{"halted":"budget"}"#)));
    let id = of_scan.clone().map(|line| serde_json::from_str::<Investigation>(line).expect("a record")).next().expect("a record").id;
    let explained = output(folder.path(), &["explain", "results/latest", &id]);
    let told = stdout(&explained);
    assert!(told.contains("budget used up before a conclusion") && told.contains("no report, counted as wrong"), "{told}");
    assert!(told.contains("✗ all 3 calls are used up"), "the steps are shown: {told}");
}

#[test]
fn every_job_has_its_seconds() {
    let (folder, _) = usual();
    let store = store(folder);
    let timings: Vec<Timing> = store.read_lines("timings.jsonl").expect("timings");
    let investigations = timings.iter().filter(|timing| matches!(timing, Timing::Investigation { .. })).count();
    assert_eq!(investigations, store.investigations().expect("records").len());
    assert_eq!(timings.len() - investigations, store.detections().expect("records").len());
}

#[test]
fn the_report_says_which_families_and_files_an_agent_fails() {
    let (folder, _) = usual();
    let report = fs::read_to_string(latest(folder).join("report.md")).expect("a report");
    let (_, causes) = report.split_once("### Causes by family").expect("a section");
    let (families, files) = causes.split_once("### Causes by scenario").expect("a section");
    let row = |text: &str, name: &str| text.lines().find(|line| line.starts_with(&format!("| {name} "))).expect("a row").to_owned();
    // Columns: segment-scan, then abstain as a floor. One trigger with a cause, one without.
    assert!(row(families, "segment_outage").ends_with("| 0/1, 1/1 |"), "{families}");
    assert!(row(families, "quiet").contains("–, "), "nothing is wrong there: {families}");
    assert!(row(files, FILES[1]).ends_with("| 0/1, 1/1 |"), "{files}");
    assert!(report.contains("### End to end by family") && report.contains("| skill of cause_right over the best floor"));
}

#[test]
fn skill_over_the_best_floor_stands_in_the_scorecard() {
    let card: Value = serde_json::from_str(&usual().1).expect("JSON");
    let score = row(&card, "causes", "segment-scan")["metrics"]["cause_right"]["value"]["value"].as_f64().expect("a number");
    assert_eq!(row(&card, "causes", "abstain")["metrics"]["cause_right"]["value"]["value"], 0.0);
    assert_eq!(row(&card, "causes", "segment-scan")["skill"].as_f64(), Some(score), "the floor is at zero");
    assert_eq!(row(&card, "causes", "abstain")["skill"], Value::Null, "a floor has none");
    assert!(card["models"].as_array().expect("rows").iter().any(|row| row["skill"].is_f64()));
}

#[test]
fn an_investigation_is_explained_with_series_pages_steps_truth_and_reasons() {
    let (folder, _) = usual();
    let records = store(folder).investigations().expect("records");
    let of = |kind: &str| {
        let is = |record: &&Investigation| record.key.trigger.kind() == kind && record.key.agent.name == "segment-scan";
        records.iter().find(is).unwrap_or_else(|| panic!("a {kind} trigger"))
    };
    let explain = |record: &Investigation| {
        let explained = output(folder.path(), &["explain", "results/latest", &record.id[..8]]);
        assert_eq!(code(&explained), 0, "{}", stderr(&explained));
        stdout(&explained)
    };
    let paged = explain(of("page"));
    for part in ["P", "  now", "Steps", "c1 ", "→ ", "\nReport\n", "Report and truth", "Scored: ", "; the page ends "] {
        assert!(paged.contains(part), "{part}: {paged}");
    }
    let oracle = explain(of("oracle"));
    assert!(oracle.contains("said to have paged on 20") && oracle.contains("effect\n") && oracle.contains("verdict"), "{oracle}");
    let unknown = output(folder.path(), &["explain", "results/latest", "zzzz"]);
    assert_eq!(code(&unknown), 2);
    assert!(
        stderr(&unknown).contains("no investigation `zzzz` in results/latest: ids stand in investigations.jsonl"),
        "{}",
        stderr(&unknown)
    );
}

#[test]
fn the_command_that_explains_the_worst_names_the_run_at_hand() {
    let folder = small_library(&FILES);
    let run = |out: &str| {
        let arguments = [
            "run",
            "scenarios",
            "--models",
            "arima",
            "--agents",
            "metrics-only",
            "--end-to-end",
            "metrics-only",
            "--seeds",
            "1",
            "--out",
            out,
        ];
        let ran = output(folder.path(), &arguments);
        assert_eq!(code(&ran), 0, "{}", stderr(&ran));
        stdout(&ran)
    };
    let told = run("elsewhere");
    let command = told.lines().find_map(|line| line.trim().strip_prefix("harness ")).unwrap_or_else(|| panic!("a command: {told}"));
    assert!(command.starts_with("explain elsewhere/latest "), "{command}");
    let arguments: Vec<&str> = command.split(' ').collect();
    let explained = output(folder.path(), &arguments);
    assert_eq!(code(&explained), 0, "{}", stderr(&explained));
    assert!(stdout(&explained).contains("metrics-only sent by pages"), "{}", stdout(&explained));
}

#[test]
fn detectors_that_page_alike_share_an_investigation_and_others_do_not() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(FILES[1]);
    let suite = format!("format: 1\nid: s\nscenarios: [{}]\nseeds: {{role: dev, count: 1}}\nmodels: [arima, lgbm]\n", library.display());
    let file = TempDir::new().expect("a temporary folder");
    let path = file.path().join("suite.yaml");
    fs::write(&path, suite).expect("a suite");
    let plan = Plan::new(Suite::load(&path).expect("a suite")).expect("a plan");
    let group = |model: usize, pages: &str| PageGroup {
        incident: plan.incidents[0].observed.id.clone(),
        model: plan.matrix.columns[model].config.clone(),
        trigger: Trigger::Page(pages.to_owned()),
        pages: vec![(5, "tickets".to_owned())],
    };
    let known = investigate::plan_jobs(&plan, &[]).len();
    let with = |groups: &[PageGroup]| investigate::plan_jobs(&plan, groups).len() - known;
    let models: Vec<&ConfigId> = plan.matrix.columns.iter().take(2).map(|column| &column.config).collect();
    assert_ne!(models[0], models[1]);
    assert_eq!(with(&[group(0, "a")]), 1, "segment-scan alone is sent to pages");
    assert_eq!(with(&[group(0, "a"), group(1, "a")]), 1, "the same pages");
    assert_eq!(with(&[group(0, "a"), group(1, "b")]), 2, "other pages");
}
