//! Agents that ask a model, against a real local server that speaks chat completions from a script.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use incident_harness::agent::llm::Http;
use incident_harness::agent::report::Verdict;
use incident_harness::agent::{self, Alert, Case, Halt, Trajectory};
use incident_harness::mock_llm::{Received, Script, Server};
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
    pub(crate) fn send(&self, server: &Server, kind: &str, settings: Value) -> (Trajectory, Result<(), Halt>) {
        self.send_to(&server.base_url(), kind, settings)
    }

    /// The same by address, on a line of its own.
    pub(crate) fn send_to(&self, base_url: &str, kind: &str, settings: Value) -> (Trajectory, Result<(), Halt>) {
        self.send_on(&Http::new(4, Arc::new(AtomicBool::new(false))), base_url, kind, settings)
    }

    /// The same on a line that others may use. Nothing is tried again unless the settings say so.
    pub(crate) fn send_on(&self, line: &Http, base_url: &str, kind: &str, mut settings: Value) -> (Trajectory, Result<(), Halt>) {
        settings["model"] = "m".into();
        settings["base_url"] = base_url.into();
        if settings["transport"]["retries"].is_null() {
            settings["transport"]["retries"] = 0.into();
        }
        let agent = agent::build(kind, &settings).expect("settings");
        let seen = AsOf::new(&self.prepared, self.now.clone());
        let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 50 }, Seed::derive(["test"])).with_line(line, 0);
        agent::investigate(agent.as_ref(), &Case { alert: Some(&self.alert), ..Case::default() }, &mut desk)
    }

    /// The last day that is over.
    pub(crate) fn day(&self) -> jiff::civil::Date {
        self.now.date().yesterday().expect("a day before")
    }
}

/// The crash, made once.
pub(crate) fn crash() -> &'static Crash {
    static CRASH: OnceLock<Crash> = OnceLock::new();
    CRASH.get_or_init(Crash::new)
}

/// Arguments of a report that says as little as can be.
pub(crate) fn report() -> Value {
    json!({
        "verdict": "no_fault", "causes": [], "benign": null, "confidence": 0.5, "evidence": [], "title": "t", "executive_summary": "s",
        "root_cause": "r", "affected_services": [], "correlated_events": [], "customer_sentiment": "unknown", "sample_complaints": [],
        "recommendations": [],
    })
}

/// A script, with `$REPORT` for a call that hands in [`report`] and `$STATS` for one that looks at tickets.
pub(crate) fn script(text: &str) -> Server {
    let report = format!("{{name: submit_report, arguments: {}}}", report());
    let stats = "{name: fetch_ticket_stats, arguments: {date: '{{user.date - 1d}}'}}";
    serve(&format!("format: 1\n{}", text.replace("$REPORT", &report).replace("$STATS", stats)))
}

/// What tools answered in the history of a request, in order.
pub(crate) fn replies(request: &Received) -> Vec<Value> {
    let messages = request.body["messages"].as_array().expect("messages");
    let texts = messages.iter().filter(|message| message["role"] == "tool").filter_map(|message| message["content"].as_str());
    texts.map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

/// The function that a request forces.
pub(crate) fn forced(request: &Received) -> Option<&str> {
    request.body["tool_choice"]["function"]["name"].as_str()
}

/// The last message of a request, as text.
pub(crate) fn last(request: &Received) -> &str {
    request.body["messages"].as_array().and_then(|messages| messages.last()?["content"].as_str()).expect("a last message")
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
