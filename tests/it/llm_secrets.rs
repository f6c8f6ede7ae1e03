//! What must not be said and what must not be kept: keys, the truth, and tickets where orders stand.

use std::process::Command;

use incident_harness::scenario;
use incident_harness::seed::SeedRole;
use incident_harness::synth;
use serde_json::{Value, json};

use crate::llm::{crash, report, script};

/// The variable of [`inner`].
const KEY: &str = "HARNESS_TEST_CANARY";
const CANARY: &str = "canary-5f0c-not-a-real-key";

/// A test runs in this process, whose environment is not its own to change: the key is set for a child that runs [`inner`] alone.
#[test]
fn a_key_that_a_server_echoes_is_in_nothing_that_is_kept_or_said() {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "llm_secrets::inner", "--ignored", "--nocapture"])
        .env(KEY, CANARY)
        .output()
        .expect("this program runs");
    let said = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "needs a key in its environment: run by the test above"]
fn inner() {
    assert_eq!(std::env::var(KEY).as_deref(), Ok(CANARY), "the key is set");
    let call = format!("{{name: {CANARY}, id: {CANARY}, raw_arguments: '{{\"why\": \"{CANARY}\"}}'}}");
    let far = "x ".repeat(190);
    let speaks = format!("{{text: 'your key is {CANARY}', tool_calls: [{call}], finish_reason: {CANARY}}}");
    let replies = [
        speaks,
        format!("{{refusal: 'not for {CANARY}'}}"),
        format!("{{status: 401, error: {{message: 'Incorrect API key provided: {CANARY}'}}}}"),
        format!("{{status: 400, error: {{message: '{CANARY}', code: {CANARY}}}}}"),
        format!("{{status: 503, body: '<html>{CANARY}</html>'}}"),
        // Where a long text is cut, half of the key must not be left.
        format!("{{status: 503, body: '{far}{CANARY}'}}"),
        format!("{{status: 200, body: '{CANARY}'}}"),
        format!("{{status: 200, body: '{{\"error\": \"{CANARY}\"}}'}}"),
        format!("{{text: a long way to go, stream: {{error: {{message: {CANARY}}}}}}}"),
    ];
    for reply in &replies {
        for stream in [false, true] {
            let server = script(&format!("turns:\n- {reply}\n- tool_calls: [$REPORT]"));
            let settings = json!({"api_key_env": KEY, "transport": {"stream": stream}});
            let (trajectory, ended) = crash().send(&server, "react", settings);
            let bearer = server.requests()[0].header("authorization").map(str::to_owned);
            assert_eq!(bearer, Some(format!("Bearer {CANARY}")), "the key reaches its provider");
            let kept = serde_json::to_string(&trajectory).expect("JSON");
            for text in
                [kept, format!("{trajectory:?}"), format!("{ended:?}"), ended.map_or_else(|halt| halt.to_string(), |()| String::new())]
            {
                assert!(!text.contains("canary"), "{reply}, stream: {stream}: {text}");
            }
        }
    }
}

#[test]
fn no_key_is_sent_where_none_is_named() {
    let server = script("turns:\n- tool_calls: [$REPORT]");
    crash().send(&server, "react", json!({})).1.expect("a report");
    assert_eq!(server.requests()[0].header("authorization"), None);
}

/// The texts of tickets in a reply.
fn texts(reply: &Value) -> Vec<String> {
    let tickets = reply["data"]["tickets"].as_array().expect("tickets");
    let fields = tickets.iter().flat_map(|ticket| [&ticket["subject"], &ticket["body"]]);
    fields.filter_map(Value::as_str).filter(|text| text.len() > 20).map(str::to_owned).collect()
}

/// Messages of all requests that hold one of some texts, as they are or escaped.
fn holding(messages: &[Value], texts: &[String]) -> Vec<Value> {
    let holds = |message: &&Value| {
        let said = message.to_string();
        texts.iter().any(|text| {
            let once = Value::from(text.as_str()).to_string();
            let twice = Value::from(once.trim_matches('"')).to_string();
            [once.trim_matches('"'), twice.trim_matches('"')].iter().any(|text| said.contains(text))
        })
    };
    messages.iter().filter(holds).cloned().collect()
}

#[test]
fn what_customers_wrote_reaches_a_model_as_replies_of_tools_and_nowhere_else() {
    let samples = json!({"date": crash().day(), "limit": 5});
    let step = json!({"action": "fetch_ticket_samples", "reasoning": "r", "parameters": samples, "key_findings": [], "confidence": 0.1});
    let over = json!({"action": "generate_insights", "reasoning": "r", "parameters": {}, "key_findings": [], "confidence": 0.1});
    let print = |name: &str, arguments: &Value| format!("{{text: '{}'}}", json!({"tool": name, "arguments": arguments}));
    let call = |name: &str, arguments: &Value| format!("{{tool_calls: [{{name: {name}, arguments: {arguments}}}]}}");
    for mode in ["native", "prompted"] {
        let say = |name: &str, arguments: &Value| if mode == "native" { call(name, arguments) } else { print(name, arguments) };
        let writer = format!("- when: {{system_contains: You write}}\n  then: {}", say("submit_report", &report()));
        let investigator = format!("turns:\n- {}\n- {}", say("next_step", &step), say("next_step", &over));
        let react = format!("turns:\n- {}\n- {}", say("fetch_ticket_samples", &samples), say("submit_report", &report()));
        for (kind, text) in [("two-stage", format!("rules:\n{writer}\n{investigator}")), ("react", react)] {
            let server = script(&text);
            let (trajectory, ended) = crash().send(&server, kind, json!({"tool_mode": mode}));
            assert_eq!(ended, Ok(()), "{kind}, {mode}");
            let texts = texts(&serde_json::to_value(&trajectory.calls[0].reply).expect("JSON"));
            assert!(texts.len() >= 5, "{texts:?}");
            let requests = server.requests();
            let messages: Vec<Value> =
                requests.iter().flat_map(|request| request.body["messages"].as_array().cloned().unwrap_or_default()).collect();
            let holding = holding(&messages, &texts);
            // Of two-stage the writer's request alone holds them a second time.
            assert!(holding.len() >= if kind == "react" { 1 } else { 2 }, "{kind}, {mode}: {}", holding.len());
            for message in holding {
                let said = message["content"].as_str().unwrap_or_default();
                let result = message["role"] == "user" && said.starts_with("Result of `");
                assert!(if mode == "native" { message["role"] == "tool" } else { result }, "{kind}, {mode}: {message}");
            }
        }
    }
}

#[test]
fn a_model_is_told_nothing_that_gives_the_truth_away() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml");
    let scenario = scenario::load_folder(&path).expect("a scenario").remove(0);
    let incident = synth::generate(&scenario, SeedRole::Dev, 0).expect("an incident");
    let changes = &incident.observed.changes;
    let named: Vec<&str> = changes.iter().flat_map(|change| [change.id.as_str(), change.title.as_str()]).collect();
    assert!(named.len() >= 4, "a cause and a decoy at least: {named:?}");
    for kind in ["react", "ticket-analyst", "two-stage"] {
        let server = script("rules:\n- when: {offers: next_step}\n  then: {refusal: no}\nturns:\n- tool_calls: [$REPORT]");
        let _ = crash().send(&server, kind, json!({}));
        let first = server.requests()[0].body["messages"].to_string();
        for given in ["android-crash", "deployment/", "deployment.android", "crashes the app", "scenarios", "seed", "dev/0"] {
            assert!(!first.contains(given), "{kind}: `{given}` in {first}");
        }
        for given in &named {
            assert!(!first.contains(given), "{kind}: `{given}` in {first}");
        }
        assert!(!first.contains(&incident.observed.id.to_string()), "{kind}: the incident's id");
    }
}
