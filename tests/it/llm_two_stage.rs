//! `two-stage` against a real local server: typed steps, at most ten, a hand-over, and a writer that sees what was found.

use incident_harness::agent::Halt;
use incident_harness::mock_llm::{Received, Server};
use incident_harness::tool::ToolReply;
use serde_json::{Value, json};

use crate::llm::{crash, forced, last, replies, report, script};

/// The call that decides a step.
fn step(action: &str, parameters: &Value) -> String {
    let step =
        json!({"action": action, "reasoning": "because", "parameters": parameters, "key_findings": ["a finding"], "confidence": 0.4});
    format!("{{name: next_step, arguments: {step}}}")
}

fn stats() -> String {
    step("fetch_ticket_stats", &json!({"date": "{{user.date - 1d}}"}))
}

fn over() -> String {
    step("generate_insights", &json!({"preliminary_hypothesis": "it was the release"}))
}

/// A server whose investigator makes these answers in turn, and whose writer hands in a report.
fn investigator(answers: &[String]) -> Server {
    let rules: String = answers
        .iter()
        .enumerate()
        .map(|(turn, calls)| format!("- when: {{forced: next_step, turn: {turn}}}\n  then: {{tool_calls: [{calls}]}}\n"))
        .collect();
    script(&format!("rules:\n{rules}forced:\n  submit_report: {{tool_calls: [$REPORT]}}"))
}

/// What the writer was shown.
fn shown(server: &Server) -> Value {
    let requests = server.requests();
    let writes = |request: &&Received| forced(request) == Some("submit_report");
    replies(requests.iter().find(writes).expect("a writer")).remove(0)
}

#[test]
fn steps_are_made_and_the_writer_cites_what_they_found() {
    let mut cites = report();
    cites["evidence"] = json!([{"call": "c1", "field": "count", "value": "{{call.investigation.steps.0.reply.reply.count}}"}]);
    let writer = format!("{{tool_calls: [{{name: submit_report, arguments: {cites}}}]}}");
    let look = format!("- when: {{forced: next_step, turn: 0}}\n  then: {{tool_calls: [{}]}}", stats());
    let hand = format!("- when: {{forced: next_step, turn: 1}}\n  then: {{tool_calls: [{}]}}", over());
    let server = script(&format!("rules:\n{look}\n{hand}\nforced:\n  submit_report: {writer}"));
    for stream in [false, true] {
        let (trajectory, ended) = crash().send(&server, "two-stage", json!({"transport": {"stream": stream}}));
        assert_eq!(ended, Ok(()));
        assert!(matches!(&trajectory.calls[..], [call] if matches!(call.reply, ToolReply::Data(_))), "{:?}", trajectory.calls);
        assert_eq!(trajectory.report.map(|report| report.evidence.len()), Some(1));
        let threads: Vec<&str> = trajectory.turns.iter().map(|turn| turn.thread.as_str()).collect();
        assert_eq!(threads, ["investigator", "investigator", "writer"]);
    }
}

#[test]
fn the_writer_sees_every_step_with_its_reply_the_findings_and_the_hypothesis() {
    let server = investigator(&[stats(), over()]);
    let (_, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!(ended, Ok(()));
    let shown = shown(&server);
    assert_eq!((&shown["steps"][0]["action"], &shown["steps"][0]["reply"]["call"]), (&json!("fetch_ticket_stats"), &json!("c1")));
    assert_eq!((&shown["key_findings"][0], &shown["preliminary_hypothesis"]), (&json!("a finding"), &json!("it was the release")));
}

#[test]
fn no_more_than_ten_steps_are_made() {
    let look = |days: usize| step("fetch_ticket_stats", &json!({"date": format!("{{{{user.date - {days}d}}}}")}));
    let server = investigator(&(1..=15).map(look).collect::<Vec<_>>());
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, trajectory.calls.len(), trajectory.turns.len()), (Ok(()), 10, 11));
}

#[test]
fn of_several_steps_at_once_the_first_is_made_and_all_are_answered() {
    let server = investigator(&[format!("{}, {}", stats(), over()), over()]);
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, trajectory.calls.len()), (Ok(()), 1));
    let told = replies(&server.requests()[1]);
    assert_eq!((&told[0]["ok"], &told[1]["ok"]), (&json!(true), &json!(false)));
    assert!(told[1]["errors"][0]["message"].as_str().is_some_and(|text| text.starts_with("one step at a time")));
}

#[test]
fn an_action_that_does_not_exist_is_told_with_the_nearest() {
    let server = investigator(&[step("fetch_ticket_stat", &json!({})), over()]);
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, trajectory.calls.len(), trajectory.effort.map(|effort| effort.malformed)), (Ok(()), 0, Some(1)));
    let error = &replies(&server.requests()[1])[0]["errors"][0];
    assert_eq!((&error["path"], &error["hint"]), (&json!("/action"), &json!("did you mean `fetch_ticket_stats`?")));
}

#[test]
fn a_step_with_parameters_that_do_not_fit_is_told_where() {
    let server =
        investigator(&[step("query_metric", &json!({"metric": "tikets", "range": {"from": "2024-01-01", "to": "2024-01-02"}})), over()]);
    let (_, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!(ended, Ok(()));
    let told = &replies(&server.requests()[1])[0];
    assert_eq!((&told["ok"], &told["errors"][0]["path"]), (&json!(false), &json!("/metric")), "{told}");
    assert_eq!(shown(&server)["steps"][0]["reply"]["ok"], false, "the writer sees it too");
}

#[test]
fn an_investigator_that_only_talks_hands_over_with_nothing() {
    let server = script(
        "turns:\n- text: hello\nrules:\n- when: {forced: submit_report}\n  then: {tool_calls: [$REPORT]}\n- when: {system_contains: You write}\n  then: {tool_calls: [$REPORT]}",
    );
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.nudges)), (Ok(()), Some(2)));
    let given = replies(server.requests().last().expect("a writer"));
    assert_eq!(given[0]["steps"], json!([]));
}

#[test]
fn a_writer_repairs_its_report_twice_and_no_more() {
    let bad = "{tool_calls: [{name: submit_report, arguments: {verdict: falt}}]}";
    let hand = format!("- when: {{forced: next_step}}\n  then: {{tool_calls: [{}]}}", over());
    let mends = "- when: {forced: submit_report, turn: 2}\n  then: {tool_calls: [$REPORT]}";
    let server = script(&format!("rules:\n{hand}\n{mends}\nforced:\n  submit_report: {bad}"));
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.repairs)), (Ok(()), Some(1)));
    let server = script(&format!("rules:\n{hand}\nforced:\n  submit_report: {bad}"));
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert!(matches!(ended, Err(Halt::InvalidOutput { .. })), "{ended:?}");
    assert_eq!(trajectory.effort.map(|effort| effort.repairs), Some(2));
}

#[test]
fn a_writer_that_wants_to_look_is_told_that_it_cannot() {
    let hand = format!("- when: {{forced: next_step}}\n  then: {{tool_calls: [{}]}}", over());
    let looks = "- when: {forced: submit_report, turn: 1}\n  then: {tool_calls: [$STATS]}";
    let server = script(&format!("rules:\n{hand}\n{looks}\nforced:\n  submit_report: {{tool_calls: [$REPORT]}}"));
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, trajectory.calls.len(), trajectory.effort.map(|effort| effort.unknown_tools)), (Ok(()), 0, Some(1)));
}

#[test]
fn both_stages_work_where_calls_are_text() {
    let print = |name: &str, arguments: &Value| format!("{{text: '{}'}}", json!({"tool": name, "arguments": arguments}));
    let decide = |action: &str, parameters: Value| {
        print("next_step", &json!({"action": action, "reasoning": "r", "parameters": parameters, "key_findings": [], "confidence": 0.1}))
    };
    let look = decide("fetch_ticket_stats", json!({"date": crash().day()}));
    let hand = decide("generate_insights", json!({"preliminary_hypothesis": "h"}));
    let rules = format!(
        "- when: {{system_contains: You write}}\n  then: {}\n- when: {{turn: 0}}\n  then: {look}\n- when: {{turn: 1}}\n  then: {hand}",
        print("submit_report", &report())
    );
    let server = script(&format!("rules:\n{rules}"));
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({"tool_mode": "prompted"}));
    assert_eq!((ended, trajectory.calls.len()), (Ok(()), 1));
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.body["tools"].is_null()));
    assert!(last(&requests[2]).starts_with("Call `submit_report` now"));
    assert!(requests[2].body["messages"][3]["content"].as_str().is_some_and(|text| text.starts_with("Result of `investigation`:")));
}

#[test]
fn a_server_that_rejects_named_choices_is_asked_once_for_both_stages() {
    let print = |name: &str, arguments: &Value| format!("{{text: '{}'}}", json!({"tool": name, "arguments": arguments}));
    let hand = json!({"action": "generate_insights", "reasoning": "r", "parameters": {"preliminary_hypothesis": "h"}, "key_findings": [], "confidence": 0.1});
    let rules = format!(
        "- when: {{contains: 'Call `next_step` now'}}\n  then: {}\n- when: {{contains: 'Call `submit_report` now'}}\n  then: {}",
        print("next_step", &hand),
        print("submit_report", &report())
    );
    let server = script(&format!("reject_forced: true\nrules:\n{rules}"));
    let (trajectory, ended) = crash().send(&server, "two-stage", json!({}));
    assert_eq!((ended, server.requests().len()), (Ok(()), 3));
    assert_eq!(trajectory.effort.and_then(|effort| effort.forced).as_deref(), Some("prompted"));
}

#[test]
fn what_the_investigator_used_up_counts_for_the_writer() {
    let look = format!("{{tool_calls: [{}], usage: null}}", stats());
    let server =
        script(&format!("rules:\n- when: {{forced: next_step}}\n  then: {look}\nforced:\n  submit_report: {{tool_calls: [$REPORT]}}"));
    let (_, ended) = crash().send(&server, "two-stage", json!({"budget_tokens": 1000}));
    assert_eq!(ended, Err(Halt::Budget));
    assert!(server.requests().iter().all(|request| forced(request) == Some("next_step")), "the writer is not asked");
}
