//! Where conversations with models end: text instead of calls, turns, tokens, dollars, lengths. Each against a real local server.

use incident_harness::agent::Halt;
use serde_json::json;

use crate::llm::{crash, forced, last, report, script};

/// The report as a model prints it that has no tool calls, as YAML.
fn printed() -> String {
    format!("'{}'", json!({"tool": "submit_report", "arguments": report()}))
}

#[test]
fn a_model_that_talks_is_nudged_twice_and_then_forced_by_name() {
    let server = script("turns:\n- text: hello\nforced:\n  submit_report: {tool_calls: [$REPORT]}");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.nudges, effort.turns, effort.forced.as_deref()), (2, 3, Some("named")));
    let choices: Vec<Option<String>> = server.requests().iter().map(|request| forced(request).map(str::to_owned)).collect();
    assert_eq!(choices, [None, None, Some("submit_report".to_owned())]);
}

#[test]
fn a_call_that_is_printed_as_text_in_native_mode_is_text() {
    let server = script(&format!("turns:\n- text: {}\n- tool_calls: [$REPORT]", printed()));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.nudges)), (Ok(()), Some(1)));
}

#[test]
fn a_server_that_does_not_heed_a_forced_choice_is_told_in_words() {
    let then = format!("{{text: {}}}", printed());
    let server = script(&format!("rules:\n- when: {{contains: 'Call `submit_report` now'}}\n  then: {then}\nturns:\n- text: hello"));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.turns, effort.forced.as_deref()), (4, Some("prompted")));
}

#[test]
fn a_model_that_talks_even_where_the_report_is_forced_hands_in_none() {
    let server = script("turns:\n- text: hello");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert!(matches!(ended, Err(Halt::InvalidOutput { ref why }) if why.contains("text in place of `submit_report`")), "{ended:?}");
    assert_eq!(trajectory.effort.map(|effort| (effort.nudges, effort.turns)), Some((2, 5)));
}

#[test]
fn the_report_is_forced_at_the_last_turn_but_one() {
    let server = script("turns:\n- tool_calls: [$STATS]\nforced:\n  submit_report: {tool_calls: [$REPORT]}");
    let (trajectory, ended) = crash().send(&server, "react", json!({"max_turns": 4}));
    assert_eq!(ended, Ok(()));
    assert_eq!(trajectory.effort.map(|effort| (effort.turns, effort.forced)), Some((3, Some("named".to_owned()))));
}

#[test]
fn a_server_that_rejects_a_named_choice_is_asked_in_words_and_not_named_again() {
    let router = "{status: 404, error: {message: No endpoints found that support the provided 'tool_choice' value.}}";
    let wrong = "{text: '{\"tool\": \"submit_report\", \"arguments\": {}}'}";
    for rejects in ["reject_forced: true\nrules:".to_owned(), format!("rules:\n- when: {{forced: submit_report}}\n  then: {router}")] {
        let first = format!("- when: {{turn: 2, contains: 'Call `submit_report` now'}}\n  then: {wrong}");
        let then = format!("- when: {{turn: 3, contains: 'Call `submit_report` now'}}\n  then: {{text: {}}}", printed());
        let server = script(&format!("{rejects}\n{first}\n{then}\nturns:\n- text: hello"));
        let (trajectory, ended) = crash().send(&server, "react", json!({}));
        assert_eq!(ended, Ok(()), "{rejects}");
        let effort = trajectory.effort.expect("a model was asked");
        assert_eq!((effort.forced.as_deref(), effort.repairs), (Some("prompted"), 1));
        assert_eq!(server.requests().iter().filter(|request| forced(request).is_some()).count(), 1);
        assert!(effort.prompt_tokens.is_some(), "a request without an answer takes no tokens");
    }
}

#[test]
fn a_named_choice_that_is_rejected_takes_none_of_the_turns() {
    let then = format!("{{text: {}}}", printed());
    let server = script(&format!(
        "reject_forced: true\nrules:\n- when: {{turn: 1, last_role: user}}\n  then: {then}\nturns:\n- tool_calls: [{{name: submit_report}}]"
    ));
    let (_, ended) = crash().send(&server, "react", json!({"max_turns": 2}));
    assert_eq!(ended, Ok(()));
}

#[test]
fn the_report_is_forced_when_four_fifths_of_the_tokens_are_used_up() {
    let look = "{tool_calls: [$STATS], usage: {prompt_tokens: 790, completion_tokens: 10}}";
    let server = script(&format!("turns:\n- {look}\nforced:\n  submit_report: {{tool_calls: [$REPORT]}}"));
    let (trajectory, ended) = crash().send(&server, "react", json!({"budget_tokens": 1000}));
    assert_eq!((ended, trajectory.turns.len()), (Ok(()), 2));
    assert_eq!(trajectory.effort.and_then(|effort| effort.forced).as_deref(), Some("named"));
}

#[test]
fn tokens_that_are_used_up_end_the_investigation() {
    let server = script("turns:\n- {tool_calls: [$STATS], usage: {prompt_tokens: 1000, completion_tokens: 1}}");
    let (trajectory, ended) = crash().send(&server, "react", json!({"budget_tokens": 1000}));
    assert_eq!((ended, trajectory.turns.len()), (Err(Halt::Budget), 1));
}

#[test]
fn tokens_that_a_provider_does_not_tell_are_estimated_for_the_budget_alone() {
    let server = script("turns:\n- {tool_calls: [$STATS], usage: null}");
    let (trajectory, ended) = crash().send(&server, "react", json!({"budget_tokens": 1000}));
    assert_eq!((ended, trajectory.turns.len()), (Err(Halt::Budget), 1));
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.prompt_tokens, effort.usd, effort.unmeasured), (None, None, 1));
}

#[test]
fn dollars_that_are_used_up_end_the_investigation() {
    let server = script("turns:\n- {tool_calls: [$STATS], usage: {prompt_tokens: 1000, completion_tokens: 100}}");
    let prices = json!({"input": 1.0, "output": 10.0});
    let (trajectory, ended) = crash().send(&server, "react", json!({"prices": prices, "budget_usd": 0.002}));
    assert_eq!((ended, trajectory.turns.len()), (Err(Halt::Budget), 1));
    let usd = trajectory.effort.and_then(|effort| effort.usd).expect("prices and tokens are known");
    assert!((usd - 0.002).abs() < 1e-12, "{usd}");
}

#[test]
fn an_answer_that_is_cut_off_is_asked_for_once_more_at_twice_the_length() {
    for cut in
        ["{text: and so, finish_reason: length}", "{tool_calls: [{name: submit_report, raw_arguments: '{\"serv'}], finish_reason: length}"]
    {
        let server = script(&format!("turns:\n- {cut}"));
        let (trajectory, ended) = crash().send(&server, "react", json!({"max_tokens": 100}));
        assert_eq!(ended, Err(Halt::Truncated));
        let lengths: Vec<_> = server.requests().iter().map(|request| request.body["max_tokens"].clone()).collect();
        assert_eq!(lengths, [100, 200]);
        assert_eq!(trajectory.turns.len(), 2, "both are kept");
    }
}

#[test]
fn a_whole_call_stands_though_the_answer_was_cut_off_after_it() {
    let server = script("turns:\n- {tool_calls: [$REPORT], finish_reason: length}");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, trajectory.turns.len()), (Ok(()), 1));
    let server = script(&format!("turns:\n- {{text: {}, finish_reason: length}}", printed()));
    let (trajectory, ended) = crash().send(&server, "react", json!({"tool_mode": "prompted"}));
    assert_eq!((ended, trajectory.turns.len()), (Ok(()), 1));
}

#[test]
fn arguments_cut_off_without_a_word_are_repaired_like_any_that_are_no_json() {
    // As llama.cpp answers when `max_tokens` is reached within a call.
    let server = script(
        "turns:\n- {tool_calls: [{name: fetch_ticket_stats, raw_arguments: '{\"da'}], finish_reason: tool_calls}\n- tool_calls: [$REPORT]",
    );
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.malformed)), (Ok(()), Some(1)));
}

/// Four looks at the tickets, then something else.
fn four_looks() -> String {
    (1..=4)
        .map(|days| format!("- tool_calls: [{{name: fetch_ticket_stats, arguments: {{date: '{{{{user.date - {days}d}}}}'}}}}]\n"))
        .collect()
}

#[test]
fn a_conversation_that_is_too_long_goes_on_without_the_bulk_of_old_replies() {
    let short = "{turn: 4, tool_contains: 'left out: the conversation is too long'}";
    let long = "{status: 400, error: {code: context_length_exceeded}}";
    let rules = format!("- when: {short}\n  then: {{tool_calls: [$REPORT]}}\n- when: {{turn: 4}}\n  then: {long}");
    let server = script(&format!("rules:\n{rules}\nturns:\n{}", four_looks()));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, trajectory.turns.len()), (Ok(()), 6));
    assert!(!last(&server.requests()[5]).contains("left out"), "the last reply is whole");
}

#[test]
fn a_conversation_that_stays_too_long_is_out_of_budget() {
    let long = "{status: 400, error: {code: context_length_exceeded}}";
    let server = script(&format!("turns:\n{}- {long}", four_looks()));
    let (_, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, server.requests().len()), (Err(Halt::Budget), 6));
}

#[test]
fn an_investigation_that_is_out_of_time_ends_as_such() {
    let server = script("turns:\n- hang: before_headers");
    let (_, ended) = crash().send(&server, "react", json!({"budget_seconds": 0.3}));
    assert_eq!(ended, Err(Halt::Deadline));
}

#[test]
fn near_the_end_of_its_time_a_report_is_forced() {
    let look = "{delay: 450ms, tool_calls: [{name: fetch_ticket_stats, arguments: {date: '{{user.date - 1d}}'}}]}";
    let server = script(&format!("turns:\n- {look}\nforced:\n  submit_report: {{tool_calls: [$REPORT]}}"));
    let (trajectory, ended) = crash().send(&server, "react", json!({"budget_seconds": 0.55}));
    assert_eq!(ended, Ok(()));
    assert_eq!(trajectory.effort.expect("a model was asked").forced.as_deref(), Some("named"));
}
