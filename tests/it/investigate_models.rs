//! `harness investigate` with agents that ask a model: whom it says it asks, how every end is told, and that no key is ever shown.

use std::path::{Path, PathBuf};
use std::process::Output;

use incident_harness::mock_llm::Server;

use crate::llm::{helpful, serve};
use crate::run::{code, harness, stderr, stdout};

fn crash() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml")
}

/// What a model at a server makes of the crash.
fn investigated(server: &Server, more: &[&str], environment: &[(&str, &str)]) -> Output {
    let url = server.base_url();
    let mut arguments = vec!["investigate", crash().to_str().expect("text"), "--agent", "react", "--base-url", &url]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    arguments.extend(more.iter().map(|&argument| argument.to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    alone(folder.path(), &arguments).envs(environment.iter().copied()).output().expect("the program starts")
}

/// The program without anything from this machine's environment that has to do with models.
fn alone(folder: &Path, arguments: &[&str]) -> std::process::Command {
    let mut command = harness(folder, arguments);
    for name in ["OPENROUTER_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HARNESS_BASE_URL", "HARNESS_IN_FLIGHT", "ALERT_WEBHOOK"] {
        command.env_remove(name);
    }
    command
}

#[test]
fn a_model_at_any_address_writes_a_report_and_it_is_told_who_is_asked() {
    let server = serve(&helpful());
    for more in [&["--llm", "any"][..], &["--llm", "any", "--stream"]] {
        let ran = investigated(&server, more, &[]);
        assert_eq!(code(&ran), 0, "{}", stderr(&ran));
        assert_eq!(stderr(&ran), format!("react asks any at {} (no key)\n", server.base_url()));
        let report = stdout(&ran);
        assert!(report.contains(" paged on 2024-04-27") && report.contains("Tickets on 2024-04-27 against the week before"), "{report}");
    }
    let body = &server.requests()[0].body;
    assert_eq!((&body["model"], &body["temperature"], &body["max_tokens"]), (&"any".into(), &0.0.into(), &4096.into()));
}

#[test]
fn flags_decide_what_is_sent() {
    let server = serve(&helpful());
    let more = ["--llm", "any", "--temperature", "default", "--llm-seed", "7", "--max-tokens", "900", "--api-key-env", "SOME_KEY"];
    let ran = investigated(&server, &more, &[("SOME_KEY", "canary-0123456789")]);
    assert!(stderr(&ran).contains("(key from SOME_KEY)"), "{}", stderr(&ran));
    let sent = &server.requests()[0];
    assert_eq!((&sent.body["temperature"], &sent.body["seed"], &sent.body["max_tokens"]), (&().into(), &7.into(), &900.into()));
    assert_eq!(sent.header("authorization"), Some("Bearer canary-0123456789"));
}

#[test]
fn every_end_without_a_report_is_one_line_and_a_code_that_says_whose_it_is() {
    let call = "{name: fetch_ticket_stats, arguments: {date: '2024-04-27'}}";
    let ends = [
        ("refused", "turns: [{refusal: I would rather not}]".to_owned(), 1, "refused: I would rather not"),
        ("cut off", "turns: [{text: and so, finish_reason: length}]".to_owned(), 1, "cut off at its greatest length"),
        ("in circles", format!("turns: [{{tool_calls: [{call}]}}]"), 1, "the same step again and again"),
        (
            "no report",
            "turns: [{tool_calls: [{name: submit_report, arguments: {verdict: perhaps}}]}]".to_owned(),
            1,
            "no report was handed in: after 2 repairs",
        ),
        ("key", "turns: [{status: 401, error: {message: who are you}}]".to_owned(), 3, "name the variable that holds its key"),
        ("down", "turns: [{status: 503}]".to_owned(), 3, "(after 1 attempt)"),
    ];
    for (what, script, exit, line) in ends {
        let server = serve(&format!("format: 1\n{script}\n"));
        let ran = investigated(&server, &["--llm", "m", "--settings", r#"{"transport": {"retries": 0}}"#], &[]);
        let told = stderr(&ran);
        assert_eq!((code(&ran), stdout(&ran).as_str()), (exit, ""), "{what}: {told}");
        let lines: Vec<&str> = told.lines().skip(1).collect();
        assert_eq!(lines.len(), 1, "{what}: {told}");
        assert!(lines[0].starts_with("no report from `react`: ") && lines[0].contains(line), "{what}: {told}");
    }
}

#[test]
fn a_budget_that_is_used_up_is_told_apart() {
    let server = serve("format: 1\nturns: [{text: hm}]\n");
    let ran = investigated(&server, &["--llm", "m", "--max-turns", "2"], &[]);
    assert_eq!(code(&ran), 6, "{}", stderr(&ran));
    assert!(stderr(&ran).contains("budget"), "{}", stderr(&ran));
}

#[test]
fn json_holds_what_was_done_where_there_is_no_report() {
    let server = serve("format: 1\nturns: [{refusal: no}]\n");
    let ran = investigated(&server, &["--llm", "m", "--json"], &[]);
    assert_eq!(code(&ran), 1, "{}", stderr(&ran));
    let trajectory: serde_json::Value = serde_json::from_str(&stdout(&ran)).expect("JSON");
    assert_eq!((&trajectory["report"], &trajectory["halted"]), (&().into(), &"refused: no".into()));
    assert_eq!(trajectory["turns"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_key_is_never_shown_even_where_the_provider_repeats_it() {
    const KEY: &str = "canary-7f3a9c51e2b84d06";
    let says = format!("Incorrect key provided: {KEY}");
    for script in [
        format!("turns: [{{status: 401, error: {{message: '{says}'}}}}]"),
        format!("turns: [{{status: 400, error: {{message: '{says}'}}}}]"),
        format!("turns: [{{status: 500, body: '{says}'}}]"),
        format!("turns: [{{refusal: '{says}'}}]"),
        format!("turns: [{{text: '{says}'}}]"),
        format!("turns: [{{tool_calls: [{{name: fetch_ticket_stats, arguments: {{date: '{KEY}'}}}}]}}]"),
    ] {
        let server = serve(&format!("format: 1\n{script}\n"));
        let settings = r#"{"transport": {"retries": 0}}"#;
        for more in [&["--json"][..], &[]] {
            let more = [&["--llm", "m", "--api-key-env", "CANARY", "--settings", settings], more].concat();
            let ran = investigated(&server, &more, &[("CANARY", KEY)]);
            assert_ne!(code(&ran), 0, "{script}");
            assert_eq!(server.requests()[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()), "{script}");
            assert!(!stdout(&ran).contains(KEY) && !stderr(&ran).contains(KEY), "{script}: {} {}", stdout(&ran), stderr(&ran));
        }
    }
}

#[test]
fn a_flag_that_reaches_nobody_and_a_model_that_nobody_names_are_told_the_way_out() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let crash = crash();
    let crash = crash.to_str().expect("text");
    let refused = |arguments: &[&str]| {
        let ran = alone(folder.path(), arguments).output().expect("the program starts");
        assert_eq!(code(&ran), 2, "{}", stderr(&ran));
        stderr(&ran)
    };
    let said = refused(&["investigate", crash, "--llm", "m"]);
    assert!(said.contains("--llm: no agent here asks a language model; name one that does: react"), "{said}");
    let said = refused(&["investigate", crash, "--agent", "react"]);
    assert!(said.contains("OPENAI_API_KEY") && said.contains("--llm"), "{said}");
    let said = refused(&["run", crash, "--models", "arima", "--max-turns", "3", "--epochs", "2"]);
    assert!(said.contains("--max-turns, --epochs: no agent here asks"), "{said}");
    let said = refused(&["detect", "counts.csv", "--llm", "m"]);
    assert!(said.contains("--llm: no agent here asks"), "{said}");
}

#[test]
fn an_address_in_the_environment_is_asked_where_no_other_is_named() {
    let server = serve(&helpful());
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let crash = crash();
    let arguments = ["investigate", crash.to_str().expect("text"), "--agent", "ticket-analyst", "--llm", "m"];
    let ran = alone(folder.path(), &arguments).env("HARNESS_BASE_URL", server.base_url()).output().expect("the program starts");
    assert!(stderr(&ran).starts_with(&format!("ticket-analyst asks m at {} (no key)\n", server.base_url())), "{}", stderr(&ran));
}
