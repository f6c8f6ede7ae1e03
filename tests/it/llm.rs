//! Agents that ask a model, against a real local server that speaks chat completions from a script.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use incident_harness::agent::llm::Http;
use incident_harness::agent::report::Verdict;
use incident_harness::agent::{self, Alert, Case, Halt, Trajectory};
use incident_harness::mock_llm::{Script, Server};
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY};
use incident_harness::{run, scenario, synth};
use serde_json::{Value, json};

/// A release crash as it first shows: what every agent here is sent to.
pub(crate) struct Crash {
    prepared: Prepared,
    now: jiff::Zoned,
    alert: Alert,
}

impl Crash {
    pub(crate) fn new() -> Self {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml");
        let scenario = scenario::load_folder(&path).expect("a scenario").remove(0);
        let incident = synth::generate(&scenario, SeedRole::Dev, 0).expect("an incident");
        let archive = synth::archive(&scenario, SeedRole::Dev, 0).expect("an archive");
        let sent = run::trigger::oracle(&incident).remove(0);
        let now = archive.grid.end(sent.bucket);
        Self { prepared: Prepared::new(archive), now, alert: sent.alert.expect("an alert") }
    }

    /// Sends an agent whose model stands behind a server.
    pub(crate) fn send(&self, server: &Server, kind: &str, mut settings: Value) -> (Trajectory, Result<(), Halt>) {
        settings["model"] = "m".into();
        settings["base_url"] = server.base_url().into();
        let agent = agent::build(kind, &settings).expect("settings");
        let line = Http::new(4, Arc::new(AtomicBool::new(false)));
        let seen = AsOf::new(&self.prepared, self.now.clone());
        let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 50 }, Seed::derive(["test"])).with_line(&line, 0);
        agent::investigate(agent.as_ref(), &Case { alert: Some(&self.alert), ..Case::default() }, &mut desk)
    }
}

/// A server with a script.
pub(crate) fn serve(script: &str) -> Server {
    Server::start(Script::parse(script, "script.yaml").expect("a script"), "127.0.0.1:0".parse().expect("an address")).expect("a server")
}

pub(crate) fn helpful() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("evals/scripts/helpful.yaml");
    std::fs::read_to_string(path).expect("the script")
}

#[test]
fn a_model_that_does_its_job_hands_in_a_grounded_report() {
    for stream in [false, true] {
        let server = serve(&helpful());
        let (trajectory, ended) = Crash::new().send(&server, "react", json!({"transport": {"stream": stream}}));
        assert_eq!(ended, Ok(()));
        let report = trajectory.report.expect("a report");
        assert_eq!((report.verdict, report.supporting_data.grounded), (Verdict::Fault, 1));
        let tools: Vec<&str> = trajectory.calls.iter().map(|call| call.tool.as_str()).collect();
        assert_eq!(tools, ["fetch_ticket_stats", "check_deployments", "fetch_ticket_samples"]);
        let effort = trajectory.effort.expect("a model was asked");
        assert_eq!((effort.turns, effort.valid_at_first, effort.scripted), (4, Some(true), true));
        assert!(effort.prompt_tokens.is_some_and(|tokens| tokens > 1000), "{effort:?}");
        assert_eq!(trajectory.turns[1].calls, ["c2"]);
    }
}
