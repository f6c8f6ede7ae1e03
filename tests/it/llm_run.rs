//! Runs with agents that ask a model: the real program against a real local server, recorded, replayed, limited, stopped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use incident_harness::mock_llm::Server;
use incident_harness::record::{Investigation, Outcome, Store};
use serde_json::Value;

use crate::llm::{helpful, serve};

/// What never may be written.
const CANARY: &str = "sk-canary-0123456789abcdef0123";

/// A suite of one scenario with one agent that asks the model of a server.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(base_url: &str, agent: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml");
        let suite = format!(
            "format: 1\nid: small\nscenarios: ['{}']\nseeds: {{role: dev, count: 1}}\nmodels: [seasonal-naive]\nagents:\n  - latest-deploy\n  - react: {{model: m, base_url: '{base_url}', \
             api_key_env: HARNESS_TEST_KEY{agent}}}\n",
            scenario.display()
        );
        std::fs::write(folder.path().join("suite.yaml"), suite).expect("a file");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let suite = self.path("suite.yaml").display().to_string();
        let first: &[&str] = if arguments.contains(&"--resume") { &["run"] } else { &["run", &suite] };
        Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(first)
            .args(arguments)
            .args(["--cassette-dir", &self.path("cassettes").display().to_string(), "--out", &self.path("results").display().to_string()])
            .env("HARNESS_TEST_KEY", CANARY)
            .current_dir(self.folder.path())
            .output()
            .expect("the program runs")
    }

    fn latest(&self) -> Store {
        Store::open(&self.path("results/latest")).expect("a run")
    }

    fn of_model(&self) -> Vec<Investigation> {
        let all = self.latest().investigations().expect("investigations");
        all.into_iter().filter(|one| one.key.agent.name == "react").collect()
    }

    /// Every file below the folder that holds the canary.
    fn leaks(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.folder.path().to_path_buf()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_symlink() {
                    continue;
                }
                if path.is_dir() {
                    open.push(path);
                } else if String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).contains("canary") {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn requests(server: &Server) -> usize {
    server.requests().iter().filter(|request| request.path.ends_with("/chat/completions")).count()
}

#[test]
fn a_scripted_model_is_scored_beside_the_others_and_never_ranked() {
    let server = serve(&helpful());
    let bench = Bench::new(&server.base_url(), "");
    let output = bench.run(&[]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    let tables = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(tables.contains("scripted react") && tables.contains("such rows are not ranked"), "{tables}");
    let picks: Vec<&str> = tables.lines().filter(|line| line.starts_with("pick:")).collect();
    assert!(picks.iter().all(|pick| !pick.contains("react")), "{picks:?}");
    let effort = bench.of_model()[0].effort.clone().expect("a model was asked");
    assert_eq!((effort.turns, effort.scripted, effort.valid_at_first), (4, true, Some(true)));
}

#[test]
fn what_was_recorded_is_replayed_byte_by_byte_with_nobody_to_ask() {
    let server = serve(&helpful());
    let bench = Bench::new(&server.base_url(), "");
    assert_eq!(code(&bench.run(&["--cassettes", "record"])), 0);
    let asked = requests(&server);
    let recorded = bench.latest();
    let files = |store: &Store| {
        ["investigations.jsonl", "scorecard.json", "report.md"].map(|name| std::fs::read(store.folder().join(name)).expect("a file"))
    };
    let before = files(&recorded);
    let id = bench.of_model()[0].id.clone();
    let trajectory = recorded.trajectory(&id).expect("a trajectory");
    drop(server);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let output = bench.run(&["--cassettes", "replay"]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert!(asked > 0);
    assert_eq!(files(&bench.latest()), before);
    assert_eq!(bench.latest().trajectory(&id).expect("a trajectory"), trajectory);
}

#[test]
fn a_request_that_was_not_recorded_is_infrastructure_and_shows_the_nearest() {
    let server = serve(&helpful());
    let bench = Bench::new(&server.base_url(), "");
    assert_eq!(code(&bench.run(&["--cassettes", "record"])), 0);
    let suite = std::fs::read_to_string(bench.path("suite.yaml")).expect("a file").replace("model: m,", "model: m, temperature: 0.7,");
    std::fs::write(bench.path("suite.yaml"), suite).expect("a file");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let output = bench.run(&["--cassettes", "replay"]);
    assert_eq!(code(&output), 3, "no verdict");
    let why = bench.of_model()[0].outcome.why().expect("a failure").into_owned();
    assert!(why.contains("`temperature` is 0.7, in the nearest recording") && why.contains("0.0"), "{why}");
}

#[test]
fn a_used_up_budget_keeps_what_is_done_and_a_larger_one_goes_on() {
    let server = serve(&helpful());
    let bench = Bench::new(&server.base_url(), ", epochs: 6");
    let output = bench.run(&["--budget-tokens", "100"]);
    assert_eq!(code(&output), 6, "{}", told(&output));
    assert!(told(&output).contains("of 100 tokens are spent; go on with: harness run --resume"), "{}", told(&output));
    let latest = bench.path("results/latest").display().to_string();
    let output = bench.run(&["--resume", &latest, "--budget-tokens", "100"]);
    assert_eq!(code(&output), 6, "what was spent before counts");
    let output = bench.run(&["--resume", &latest]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert!(bench.of_model().iter().all(|one| one.outcome == Outcome::Answered));
}

#[test]
fn a_key_that_is_refused_stops_the_run_with_one_line_and_leaks_nowhere() {
    let script = format!("format: 1\nmodel: m\nturns:\n  - {{status: 401, error: {{message: 'Incorrect API key provided: {CANARY}'}}}}\n");
    let server = serve(&script);
    let bench = Bench::new(&server.base_url(), "");
    let output = bench.run(&["--cassettes", "record"]);
    assert_eq!(code(&output), 3, "{}", told(&output));
    let lines: Vec<String> = told(&output).lines().filter(|line| line.contains("401")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("check the key in HARNESS_TEST_KEY"), "{lines:?}");
    assert!(requests(&server) <= 4, "{} requests", requests(&server));
    assert!(!told(&output).contains("canary") && !String::from_utf8_lossy(&output.stdout).contains("canary"));
    assert_eq!(bench.leaks(), Vec::<PathBuf>::new());
}

#[test]
fn a_model_that_repeats_the_key_leaks_it_nowhere() {
    let script = helpful().replace("Look at the latest change first.", &format!("My key is {CANARY}."));
    let server = serve(&script);
    let bench = Bench::new(&server.base_url(), "");
    let output = bench.run(&["--cassettes", "record"]);
    assert_eq!(code(&output), 0, "{}", told(&output));
    assert_eq!(bench.leaks(), Vec::<PathBuf>::new());
    assert!(bench.of_model()[0].report.as_ref().is_some_and(|report| report.recommendations[0].contains("[redacted]")));
    assert!(server.requests().iter().any(|request| request.header("authorization").is_some_and(|value| value.contains(CANARY))));
}

#[test]
fn what_may_cost_money_is_told_and_needs_consent() {
    let bench = Bench::new("https://models.invalid/v1", ", prices: {input: 1, output: 4}, max_turns: 4, epochs: 2");
    let output = bench.run(&[]);
    assert_eq!(code(&output), 2);
    let text = told(&output);
    assert!(text.contains("investigations may be paid for") && text.contains("m at https://models.invalid/v1; at most about $"), "{text}");
    assert!(text.contains("--yes") && text.contains("--budget-usd"), "{text}");
    assert!(!bench.path("results").exists(), "nothing was begun");
    let output = bench.run(&["--cassettes", "replay"]);
    assert!(!told(&output).contains("may be paid"), "recordings cost nothing");
}

#[test]
fn every_epoch_is_an_investigation_of_its_own() {
    let server = serve(&helpful());
    let bench = Bench::new(&server.base_url(), ", epochs: 2");
    assert_eq!(code(&bench.run(&["--end-to-end", "react"])), 0);
    let of_model = bench.of_model();
    let epochs: Vec<u32> = of_model.iter().map(|one| one.key.epoch).collect();
    assert_eq!(epochs.iter().filter(|epoch| **epoch == 0).count(), epochs.iter().filter(|epoch| **epoch == 1).count());
    let seeds: Vec<Value> = server.requests().iter().filter_map(|request| request.body.get("seed").cloned()).collect();
    assert_eq!(seeds, Vec::<Value>::new(), "no seed was asked for");
}

#[test]
fn what_a_change_invalidates_is_told_with_what_recording_it_again_costs() {
    let server = serve(&helpful());
    let bench = Bench::new(&server.base_url(), ", prices: {input: 1, output: 4}");
    assert_eq!(code(&bench.run(&["--cassettes", "record", "--yes"])), 0);
    let asked = requests(&server);
    let stale = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        let folder = bench.path("cassettes").display().to_string();
        command.args(["stale", &bench.path("suite.yaml").display().to_string(), "--cassette-dir", &folder]).args(arguments);
        command.output().expect("the program runs")
    };
    let output = stale(&["--strict"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "react (m): 2 of 2 investigations as recorded\n");
    assert_eq!(code(&output), 0);
    let prompt = bench.path("prompt.md");
    std::fs::write(&prompt, "Look twice.").expect("a file");
    let output = stale(&["--prompt", &prompt.display().to_string(), "--strict"]);
    assert_eq!(code(&output), 1);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.starts_with("react (m): 0 of 2 investigations as recorded; 2 to record again, about ") && text.contains(" tokens, $"),
        "{text}"
    );
    assert!(text.contains("message 1 of 2 differs") && text.contains("now:      system: Look twice."), "{text}");
    assert_eq!(requests(&server), asked, "nobody was asked");
}

#[test]
fn the_recordings_of_the_library_are_those_of_its_agents() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
    let output = command.args(["stale", "evals/llm.yaml", "--strict"]).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("the program runs");
    assert_eq!(code(&output), 0, "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_key_that_is_missing_is_told_before_anything_is_computed() {
    let bench = Bench::new("https://models.invalid/v1", "");
    let suite = std::fs::read_to_string(bench.path("suite.yaml")).expect("a file").replace("HARNESS_TEST_KEY", "HARNESS_TEST_NO_KEY");
    std::fs::write(bench.path("suite.yaml"), suite).expect("a file");
    let output = bench.run(&["--yes"]);
    assert_eq!(code(&output), 2);
    assert!(told(&output).contains("`react`: https://models.invalid/v1 needs a key: set HARNESS_TEST_NO_KEY"), "{}", told(&output));
    assert!(!bench.path("results").exists(), "nothing was begun");
}

#[test]
fn several_groups_of_pages_that_a_model_may_be_paid_for_need_consent() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml").display().to_string();
    assert_eq!(code(&crate::run::output(folder.path(), &["generate", &scenario, "--out", "made"])), 0);
    let detect = ["detect", "made/tickets.csv", "--model", "seasonal-naive", "--train-until", "2024-03-18", "--investigate", "react"];
    let asked = [&detect[..], &["--llm", "m", "--base-url", "https://models.invalid/v1", "--prices", "1,4"]].concat();
    let output = crate::run::output(folder.path(), &asked);
    assert_eq!(code(&output), 2);
    let text = told(&output);
    assert!(
        text.contains("investigations may be paid for: m at https://models.invalid/v1; at most about $") && text.contains("--yes"),
        "{text}"
    );
}
