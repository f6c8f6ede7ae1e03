//! Traces of agents that ask a model: a real local server on one side, a collector on the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use incident_harness::mock_llm::Server;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::conversation::{Terminal, crash};
use crate::llm::{helpful, serve};
use crate::run::{code, harness, stderr, stdout};
use crate::trace::{Collector, Request, attribute, kind, said, spans, text};

/// A key that never may leave in a trace.
const KEY: &str = "canary-7f3a9c51e2b84d06";

fn collected(collector: &Collector) -> [(&'static str, &str); 2] {
    [("PHOENIX_COLLECTOR_ENDPOINT", &collector.endpoint), ("MODEL_KEY", KEY)]
}

/// A run of agents that ask a server, sent to a collector as it ends.
fn traced(server: &Server, agents: &[&str], collector: &Collector) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let url = server.base_url();
    let agents: Vec<String> =
        agents.iter().map(|name| format!("{{{name}: {{model: m, base_url: '{url}', api_key_env: MODEL_KEY}}}}")).collect();
    let suite = format!(
        "format: 1\nid: s\nscenarios: ['{}']\nseeds: {{role: dev, count: 1}}\nmodels: [seasonal-naive]\nagents: [{}]\n",
        crash(),
        agents.join(", ")
    );
    fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    let ran = said(folder.path(), &["run", "suite.yaml", "--trace"], &collected(collector));
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    folder
}

fn parent<'a>(all: &'a [Span], span: &Span) -> &'a Span {
    let is_parent = |other: &&Span| other.trace_id == span.trace_id && other.span_id == span.parent_span_id;
    all.iter().find(is_parent).unwrap_or_else(|| panic!("{} has no parent", span.name))
}

/// Ids of the calls in a turn's answer.
fn asked(turn: &Span) -> BTreeSet<&str> {
    let is_id = |name: &str| name.starts_with("llm.output_messages.0.message.tool_calls.") && name.ends_with(".tool_call.id");
    turn.attributes.iter().filter(|pair| is_id(&pair.key)).filter_map(|pair| text(turn, &pair.key)).collect()
}

#[test]
fn calls_stand_below_the_turn_that_asked_for_them_by_the_name_the_model_gave_them() {
    let server = serve(&helpful());
    let collector = Collector::usual();
    traced(&server, &["react", "two-stage", "ticket-analyst"], &collector);
    let spans = spans(&collector.take());
    let of = |what: &str| spans.iter().filter(|span| kind(span) == what).collect::<Vec<_>>();
    let asked_for = server.requests().iter().filter(|request| request.path.ends_with("/chat/completions")).count();
    assert_eq!(of("LLM").len(), asked_for, "a span for each request");
    let agents: BTreeSet<&str> = of("LLM")
        .iter()
        .map(|turn| {
            let above = parent(&spans, turn);
            assert_eq!(kind(above), "AGENT");
            above.name.as_str()
        })
        .collect();
    assert_eq!(agents, BTreeSet::from(["react", "ticket-analyst", "two-stage"]));
    assert!(!of("TOOL").is_empty());
    for call in of("TOOL") {
        let turn = parent(&spans, call);
        assert_eq!(kind(turn), "LLM", "{}", call.name);
        let id = text(call, "tool.id").expect("an id");
        assert!(asked(turn).contains(id), "{} `{id}` of {:?}", call.name, asked(turn));
        assert!(turn.end_time_unix_nano <= call.start_time_unix_nano, "asked for before it was made");
    }
    let threads: BTreeSet<&str> = of("LLM").iter().filter_map(|turn| turn.name.split(' ').next()).collect();
    assert_eq!(threads, BTreeSet::from(["agent", "investigator", "writer"]));
}

#[test]
fn a_turn_says_what_was_on_offer_which_prompt_which_model_and_how_many_tokens() {
    let server = serve(&helpful());
    let collector = Collector::usual();
    traced(&server, &["react"], &collector);
    let spans = spans(&collector.take());
    let turns: Vec<&Span> = spans.iter().filter(|span| kind(span) == "LLM").collect();
    let sent: Vec<Json> = server.requests().into_iter().map(|request| request.body).collect();
    let offered: BTreeMap<&str, &Json> =
        sent[0]["tools"].as_array().expect("tools").iter().map(|tool| (tool["function"]["name"].as_str().expect("a name"), tool)).collect();
    let mut seen = BTreeSet::new();
    for turn in turns {
        let of = |name: &str| text(turn, name).unwrap_or_else(|| panic!("{} without {name}", turn.name)).to_owned();
        let count = |name: &str| match attribute(turn, &format!("llm.token_count.{name}")) {
            Some(Value::IntValue(count)) => *count,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(
            (of("llm.model_name"), of("llm.request.model_name"), of("llm.system")),
            ("scripted-helpful".into(), "m".into(), "openai".into())
        );
        assert_eq!(text(turn, "llm.provider"), None, "an address of one's own");
        assert_eq!(of("llm.prompt_template.version").len(), 12, "a digest");
        assert!(count("prompt") > 100 && count("total") == count("prompt") + count("completion"));
        let parameters: Json = serde_json::from_str(&of("llm.invocation_parameters")).expect("JSON");
        assert_eq!((&parameters["max_tokens"], &parameters["temperature"]), (&4096.into(), &0.0.into()));
        for at in 0..offered.len() {
            let schema: Json = serde_json::from_str(&of(&format!("llm.tools.{at}.tool.json_schema"))).expect("JSON");
            let name = schema["function"]["name"].as_str().expect("a name").to_owned();
            if name == "submit_report" {
                assert_eq!(schema["function"]["parameters"], Json::Null, "it depends on the data");
            } else {
                for part in ["description", "parameters"] {
                    assert_eq!(schema["function"][part], offered[name.as_str()]["function"][part], "{name} as it was sent");
                }
            }
            seen.insert(name);
        }
    }
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), offered.keys().copied().collect::<Vec<_>>());
}

/// Everything a collector was sent, as text; there is no compression.
fn sent(requests: &[Request]) -> String {
    requests.iter().map(|request| String::from_utf8_lossy(&request.body)).collect()
}

#[test]
fn a_key_that_a_model_repeats_is_in_no_trace_of_its_run_sent_then_or_later() {
    let script = helpful().replace("Look at the latest change first.", &format!("My key is {KEY}."));
    let server = serve(&script);
    let collector = Collector::usual();
    let folder = traced(&server, &["react"], &collector);
    let first = sent(&collector.take());
    let ran = said(folder.path(), &["trace", "results/latest"], &collected(&collector));
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let heard = format!("Bearer {KEY}");
    assert!(server.requests().iter().any(|request| request.header("authorization") == Some(heard.as_str())), "the key is in use");
    for sent in [first, sent(&collector.take())] {
        assert!(sent.contains("My key is [redacted]") && !sent.contains("canary"));
    }
}

#[test]
fn a_key_is_in_no_trace_of_an_investigation_wherever_the_provider_repeats_it() {
    let says = format!("Incorrect key provided: {KEY}");
    let folder = TempDir::new().expect("a temporary folder");
    for script in [
        format!("turns: [{{status: 401, error: {{message: '{says}'}}}}]"),
        format!("turns: [{{status: 400, error: {{message: '{says}'}}}}]"),
        format!("turns: [{{status: 500, body: '{says}'}}]"),
        format!("turns: [{{refusal: '{says}'}}]"),
        format!("turns: [{{text: '{says}'}}]"),
        format!("turns: [{{tool_calls: [{{name: fetch_ticket_stats, arguments: {{date: '{KEY}'}}}}]}}]"),
        format!("turns: [{{tool_calls: [{{name: '{KEY}', raw_arguments: '{KEY}'}}]}}]"),
    ] {
        let server = serve(&format!("format: 1\n{script}\n"));
        let collector = Collector::usual();
        let url = server.base_url();
        let arguments =
            ["investigate", &crash(), "--agent", "react", "--llm", "m", "--base-url", &url, "--api-key-env", "MODEL_KEY", "--json"];
        let arguments = [&arguments[..], &["--settings", r#"{"transport": {"retries": 0}}"#]].concat();
        let ran = said(folder.path(), &arguments, &collected(&collector));
        assert!(code(&ran) != 0, "{script}: there is no report");
        let requests = collector.take();
        let turns = spans(&requests).iter().filter(|span| kind(span) == "LLM").count();
        let sent = sent(&requests);
        assert!(turns > 0 && sent.contains("[redacted]") && !sent.contains("canary"), "{script}: {turns} turns");
    }
}

fn sessions(roots: &[&Span]) -> BTreeSet<String> {
    roots.iter().map(|root| text(root, "session.id").expect("a session").to_owned()).collect()
}

#[test]
fn a_conversation_is_one_session_whoever_answers() {
    let folder = TempDir::new().expect("a temporary folder");
    let server = serve(&helpful());
    let url = server.base_url();
    let talk = || {
        let collector = Collector::usual();
        let arguments = ["investigate", &crash(), "--agent", "react", "--llm", "m", "--base-url", &url];
        let mut terminal = Terminal::open_with(folder.path(), &arguments, &collected(&collector));
        terminal.sees("> ");
        for (line, answer) in [
            ("", "evidence items stand"),
            ("and on 2024-04-20?", "asked: and on 2024-04-20?"),
            ("/agent latest-deploy", "latest-deploy answers"),
            ("what about yesterday?", "asked: what about yesterday?"),
            ("exit", ""),
        ] {
            terminal.types(line);
            terminal.sees(answer);
            if line != "exit" {
                terminal.sees("> ");
            }
        }
        assert_eq!(terminal.ends(), 0);
        spans(&collector.take())
    };
    let (first, second) = (talk(), talk());
    let roots = |spans: &[Span]| spans.iter().filter(|span| span.parent_span_id.is_empty()).cloned().collect::<Vec<_>>();
    let (one, other) = (roots(&first), roots(&second));
    let names: Vec<&str> = one.iter().map(|root| root.name.as_str()).collect();
    assert_eq!(names, ["investigate react", "investigate react", "investigate latest-deploy"]);
    assert_eq!(text(&one[1], "input.value"), Some("and on 2024-04-20?"));
    assert!(first.iter().any(|span| kind(span) == "LLM"));
    let (one, other) = (sessions(&one.iter().collect::<Vec<_>>()), sessions(&other.iter().collect::<Vec<_>>()));
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_ne!(one, other, "the next conversation is another");
}

#[test]
fn a_conversation_goes_on_where_no_collector_is_there() {
    let folder = TempDir::new().expect("a temporary folder");
    let nowhere = [("PHOENIX_COLLECTOR_ENDPOINT", "http://127.0.0.1:1")];
    let mut terminal = Terminal::open_with(folder.path(), &["investigate", &crash(), "--agent", "latest-deploy"], &nowhere);
    terminal.sees("> ");
    for question in ["", "and on 2024-04-20?"] {
        terminal.types(question);
        terminal.sees("trace not sent: http://127.0.0.1:1: ");
        terminal.sees("evidence items stand");
        terminal.sees("> ");
    }
    terminal.types("exit");
    assert_eq!(terminal.ends(), 0);
}

#[test]
fn investigations_of_pages_are_traces_of_one_session() {
    let folder = TempDir::new().expect("a temporary folder");
    assert_eq!(code(&harness(folder.path(), &["generate", &crash(), "--out", "."]).output().expect("it starts")), 0);
    let server = serve(&helpful());
    let collector = Collector::usual();
    let url = server.base_url();
    let arguments = ["detect", "tickets.csv", "--investigate", "react", "--llm", "m", "--base-url", &url, "--changes", "changes.csv"];
    let arguments = [&arguments[..], &["--train-until", "2024-03-18", "--interval", "0.8", "--last", "2", "--json"]].concat();
    let ran = said(folder.path(), &arguments, &collected(&collector));
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let document: Json = serde_json::from_str(&stdout(&ran)).expect("JSON");
    let spans = spans(&collector.take());
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!((roots.len(), document["investigations"].as_array().map(Vec::len)), (2, Some(2)));
    assert_eq!(sessions(&roots).len(), 1);
    for (root, investigation) in roots.iter().zip(document["investigations"].as_array().expect("a list")) {
        let since = investigation["alert"]["since"].as_str().expect("a day");
        assert_eq!(text(root, "input.value"), Some(format!("tickets paged on {since}").as_str()));
        let turns = spans.iter().filter(|span| span.trace_id == root.trace_id && kind(span) == "LLM").count();
        assert_eq!(turns, investigation["trajectory"]["turns"].as_array().map_or(0, Vec::len));
    }
}
