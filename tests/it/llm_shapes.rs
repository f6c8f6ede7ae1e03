//! Answers as sloppy as servers send them, and models without tool calls. Each against a real local server.

use incident_harness::agent::report::Verdict;
use incident_harness::tool::ToolReply;
use serde_json::{Value, json};

use crate::llm::{crash, forced, last, report, script};

/// A body sent as it is, as a reply of a script.
fn raw(body: &Value) -> String {
    format!("{{status: 200, body: '{body}'}}")
}

#[test]
fn an_answer_without_anything_that_can_be_missing_is_read_streamed_or_not() {
    let omit = "omit: [id, object, created, model, usage, finish_reason, role, content, tool_call_ids, tool_call_types]";
    let server = script(&format!("turns:\n- {{tool_calls: [$STATS, $STATS], {omit}}}\n- {{tool_calls: [$REPORT], {omit}}}"));
    for stream in [false, true] {
        let (trajectory, ended) = crash().send(&server, "react", json!({"transport": {"stream": stream}}));
        assert_eq!(ended, Ok(()), "stream: {stream}");
        assert_eq!(trajectory.calls.len(), 2);
        let ids: Vec<&str> = trajectory.turns[0].answer.iter().flat_map(|answer| &answer.calls).map(|call| call.id.as_str()).collect();
        assert!(!ids[0].is_empty() && ids[0] != ids[1], "{ids:?}");
    }
}

#[test]
fn tokens_that_nobody_counted_are_absent_and_not_zero() {
    let server =
        script("turns:\n- {tool_calls: [$STATS], usage: null}\n- {tool_calls: [$REPORT], usage: {prompt_tokens: 9, completion_tokens: 9}}");
    let (trajectory, _) = crash().send(&server, "react", json!({}));
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.prompt_tokens, effort.completion_tokens, effort.unmeasured), (None, None, 1));
    assert!(serde_json::to_value(&effort).expect("JSON")["prompt_tokens"].is_null());
}

#[test]
fn an_empty_reason_for_ending_is_one() {
    for reason in ["''", "null"] {
        let server = script(&format!("turns:\n- {{tool_calls: [$REPORT], finish_reason: {reason}}}"));
        for stream in [false, true] {
            let (_, ended) = crash().send(&server, "react", json!({"transport": {"stream": stream}}));
            assert_eq!(ended, Ok(()), "{reason}, stream: {stream}");
        }
    }
}

#[test]
fn arguments_that_were_not_quoted_are_read() {
    let call = json!({"id": "a", "type": "function", "function": {"name": "submit_report", "arguments": report()}});
    let body = json!({"choices": [{"message": {"tool_calls": [call]}}]});
    let (_, ended) = crash().send(&script(&format!("turns:\n- {}", raw(&body))), "react", json!({}));
    assert_eq!(ended, Ok(()));
}

#[test]
fn a_call_in_the_older_form_is_read() {
    let call = json!({"name": "submit_report", "arguments": report().to_string()});
    let body = json!({"choices": [{"message": {"content": null, "function_call": call}}]});
    let (_, ended) = crash().send(&script(&format!("turns:\n- {}", raw(&body))), "react", json!({}));
    assert_eq!(ended, Ok(()));
}

#[test]
fn a_text_in_parts_is_put_together() {
    let parts = json!([{"type": "text", "text": "so "}, {"type": "text", "text": "far"}]);
    let body = json!({"choices": [{"message": {"role": "assistant", "content": parts}}]});
    let (trajectory, ended) = crash().send(&script(&format!("turns:\n- {}\n- tool_calls: [$REPORT]", raw(&body))), "react", json!({}));
    assert_eq!(ended, Ok(()));
    assert_eq!(trajectory.turns[0].answer.as_ref().and_then(|answer| answer.text.as_deref()), Some("so far"));
}

#[test]
fn a_message_that_only_calls_goes_back_with_an_empty_text_and_never_null() {
    let crashes = "- when: {null_content: true}\n  then: {status: 500}";
    let server = script(&format!("rules:\n{crashes}\nturns:\n- tool_calls: [$STATS]\n- tool_calls: [$REPORT]"));
    let (_, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    assert_eq!(server.requests()[1].body["messages"][2]["content"], "");
}

#[test]
fn calls_that_share_an_id_are_told_apart() {
    let server = script("turns:\n- tool_calls: [{name: a, id: x}, {name: b, id: x}]\n- tool_calls: [$REPORT]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.unknown_tools)), (Ok(()), Some(2)));
}

/// A call as a model prints it.
fn printed(name: &str, arguments: &Value) -> String {
    format!("{{text: '<tool_call>{}</tool_call>'}}", json!({"name": name, "arguments": arguments}))
}

#[test]
fn a_model_without_tool_calls_looks_and_reports_in_text() {
    let look = printed("fetch_ticket_stats", &json!({"date": crash().day()}));
    let server = script(&format!("turns:\n- {look}\n- {}", printed("submit_report", &report())));
    let (trajectory, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!(ended, Ok(()));
    assert!(matches!(trajectory.calls[0].reply, ToolReply::Data(_)));
    assert_eq!(trajectory.report.map(|report| report.verdict), Some(Verdict::NoFault));
    let requests = server.requests();
    assert!(requests.iter().all(|request| request.body["tools"].is_null() && request.body["tool_choice"].is_null()));
    assert!(requests[0].body["messages"][0]["content"].as_str().is_some_and(|text| text.contains("- fetch_ticket_stats:")));
    assert!(last(&requests[1]).starts_with("Result of `fetch_ticket_stats`:\n{"), "{}", last(&requests[1]));
}

#[test]
fn several_calls_in_one_text_are_all_made() {
    let look = json!({"tool": "fetch_ticket_stats", "arguments": {"date": crash().day()}});
    let log = json!({"tool": "check_deployments", "arguments": {"range": {"from": crash().day(), "to": crash().day()}}});
    let server = script(&format!("turns:\n- text: 'First {look} and then {log}.'\n- {}", printed("submit_report", &report())));
    let (trajectory, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!((ended, trajectory.calls.len()), (Ok(()), 2));
}

#[test]
fn a_bare_report_in_text_is_a_report() {
    let server = script(&format!("turns:\n- text: 'Here it is: {}'", report()));
    let (_, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!(ended, Ok(()));
}

#[test]
fn the_report_of_a_model_without_tool_calls_is_forced_in_words() {
    let then = printed("submit_report", &report());
    let server = script(&format!("rules:\n- when: {{contains: 'Call `submit_report` now'}}\n  then: {then}\nturns:\n- text: hello"));
    let (trajectory, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!(ended, Ok(()));
    assert_eq!(trajectory.effort.and_then(|effort| effort.forced).as_deref(), Some("prompted"));
    assert!(server.requests().iter().all(|request| forced(request).is_none()));
}

#[test]
fn arguments_that_are_no_json_are_answered_in_text_too() {
    let broken = "{text: '{\"tool\": \"fetch_ticket_stats\", \"arguments\": \"{\\\"da\"}'}";
    let server = script(&format!("turns:\n- {broken}\n- {}", printed("submit_report", &report())));
    let (trajectory, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.malformed)), (Ok(()), Some(1)));
}

#[test]
fn a_long_conversation_without_tool_calls_is_shortened_as_well() {
    let look = |days: i64| printed("fetch_ticket_stats", &json!({"date": crash().day() - jiff::Span::new().days(days)}));
    let looks: String = (0..4).map(|days| format!("- {}\n", look(days))).collect();
    let short = "{turn: 4, user_contains: 'left out: the conversation is too long'}";
    let long = "{status: 400, error: {code: context_length_exceeded}}";
    let rules = format!("- when: {short}\n  then: {}\n- when: {{turn: 4}}\n  then: {long}", printed("submit_report", &report()));
    let server = script(&format!("rules:\n{rules}\nturns:\n{looks}"));
    let (_, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!(ended, Ok(()));
}

#[test]
fn a_streamed_call_whose_id_and_name_are_repeated_is_one_call() {
    // As llama.cpp streams.
    let server =
        script("turns:\n- {tool_calls: [$STATS], stream: {repeat_names: true}}\n- {tool_calls: [$REPORT], stream: {repeat_names: true}}");
    let (trajectory, ended) = crash().send(&server, "react", json!({"transport": {"stream": true}}));
    assert_eq!((ended, trajectory.calls.len()), (Ok(()), 1));
    assert_eq!(trajectory.calls[0].tool, "fetch_ticket_stats");
}

/// Events of a stream as they are, as a reply of a script.
fn events(deltas: &[Value]) -> String {
    let chunks: String = deltas.iter().map(|delta| format!("data: {}\n\n", json!({"choices": [{"delta": delta}]}))).collect();
    format!("{{status: 200, headers: {{content-type: text/event-stream}}, body: {}}}", Value::from(format!("{chunks}data: [DONE]\n\n")))
}

#[test]
fn streamed_calls_that_all_have_index_0_are_told_apart_by_their_ids() {
    let call = |id: &str| json!({"tool_calls": [{"index": 0, "id": id, "function": {"name": id, "arguments": "{}"}}]});
    let server = script(&format!("turns:\n- {}\n- tool_calls: [$REPORT]", events(&[call("one"), call("two")])));
    let (trajectory, ended) = crash().send(&server, "react", json!({"transport": {"stream": true}}));
    assert_eq!(ended, Ok(()));
    let names: Vec<&str> = trajectory.turns[0].answer.iter().flat_map(|answer| &answer.calls).map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn streamed_arguments_that_were_not_quoted_are_read() {
    let call = json!({"tool_calls": [{"id": "a", "function": {"name": "submit_report", "arguments": report()}}]});
    let (_, ended) = crash().send(&script(&format!("turns:\n- {}", events(&[call]))), "react", json!({"transport": {"stream": true}}));
    assert_eq!(ended, Ok(()));
}
