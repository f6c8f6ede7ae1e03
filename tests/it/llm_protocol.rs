//! What models do wrong, each against a real local server: it is answered with what was got and what is allowed, so often and no more.

use incident_harness::agent::Halt;
use incident_harness::chat::LineError;
use incident_harness::mock_llm::Received;
use serde_json::{Value, json};

use crate::llm::{crash, forced, last, replies, report, script};

#[test]
fn arguments_that_are_no_json_are_answered_with_the_schema() {
    let server = script("turns:\n- tool_calls: [{name: fetch_ticket_stats, raw_arguments: '{\"date\": '}]\n- tool_calls: [$REPORT]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let told = &replies(&server.requests()[1])[0];
    assert_eq!((&told["ok"], &told["errors"][0]["path"]), (&json!(false), &json!("")));
    assert!(told["errors"][0]["message"].as_str().is_some_and(|text| text.starts_with("arguments are no JSON: EOF")), "{told}");
    assert!(told["schema"]["properties"]["date"].is_object(), "{told}");
    assert_eq!(trajectory.effort.map(|effort| effort.malformed), Some(1));
}

#[test]
fn arguments_that_are_no_json_are_recorded_as_they_came_and_sent_back_as_json() {
    let server = script("turns:\n- tool_calls: [{name: fetch_ticket_stats, raw_arguments: '{\"date\": '}]\n- tool_calls: [$REPORT]");
    let (trajectory, _) = crash().send(&server, "react", json!({}));
    let answer = trajectory.turns[0].answer.as_ref().expect("an answer");
    assert_eq!(answer.calls[0].arguments, "{\"date\": ");
    let sent = server.requests()[1].body["messages"][2]["tool_calls"][0]["function"]["arguments"].clone();
    let sent: Value = serde_json::from_str(sent.as_str().expect("a text")).expect("servers read the JSON of a history");
    assert_eq!(sent, json!({"no_json": "{\"date\": "}));
}

#[test]
fn a_report_that_is_no_json_is_sent_back_twice_and_then_the_investigation_ends() {
    let server = script("turns:\n- tool_calls: [{name: submit_report, raw_arguments: '{\"verdict\": '}]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert!(matches!(ended, Err(Halt::InvalidOutput { ref why }) if why.contains("after 2 repairs")), "{ended:?}");
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.turns, effort.repairs, effort.malformed, effort.valid_at_first), (3, 2, 3, Some(false)));
    let told = &replies(&server.requests()[1])[0];
    assert!(told["schema"]["required"].as_array().is_some_and(|names| names.contains(&json!("verdict"))), "{told}");
}

#[test]
fn a_report_that_is_repaired_counts_and_its_repair_is_forced() {
    let server = script("turns:\n- tool_calls: [{name: submit_report, arguments: {verdict: falt}}]\n- tool_calls: [$REPORT]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.repairs, effort.valid_at_first), (1, Some(false)));
    assert_eq!(forced(&server.requests()[1]), Some("submit_report"));
}

#[test]
fn a_tool_that_does_not_exist_is_answered_with_those_that_do() {
    let server = script("turns:\n- tool_calls: [{name: fetch_ticket_stat}]\n- tool_calls: [$REPORT]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let error = &replies(&server.requests()[1])[0]["errors"][0];
    assert!(error["message"].as_str().is_some_and(|text| text.contains("analyze_retention") && text.contains("submit_report")), "{error}");
    assert_eq!(error["hint"], "did you mean `fetch_ticket_stats`?");
    assert_eq!(trajectory.effort.map(|effort| effort.unknown_tools), Some(1));
}

#[test]
fn one_budget_for_all_invented_names_ends_in_a_forced_report() {
    let names: String = (0..12).map(|at| format!("- tool_calls: [{{name: invented_{at}}}]\n")).collect();
    let server = script(&format!("turns:\n{names}forced:\n  submit_report: {{tool_calls: [$REPORT]}}"));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let effort = trajectory.effort.expect("a model was asked");
    assert_eq!((effort.unknown_tools, effort.turns, effort.forced.as_deref()), (8, 9, Some("named")));
}

#[test]
fn an_invented_name_goes_back_in_letters_that_providers_accept() {
    // The server refuses a history with other names, as OpenAI does.
    let server = script("turns:\n- tool_calls: [{name: 'functions.look around!'}]\n- tool_calls: [$REPORT]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    assert_eq!(trajectory.turns[0].answer.as_ref().map(|answer| answer.calls[0].name.as_str()), Some("functions.look around!"));
}

/// What a tool answers to arguments of a model.
fn told_by_tool(name: &str, arguments: &Value) -> Value {
    let server = script(&format!("turns:\n- tool_calls: [{{name: {name}, arguments: {arguments}}}]\n- tool_calls: [$REPORT]"));
    let (_, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let told = replies(&server.requests()[1]).remove(0);
    assert_eq!(told["ok"], false, "{told}");
    told["errors"][0].clone()
}

#[test]
fn an_argument_of_another_type_is_told_where_it_stands() {
    let error = told_by_tool("fetch_ticket_stats", &json!({"date": "2024-02-01", "baseline_days": "7"}));
    assert_eq!((&error["path"], &error["hint"]), (&json!("/baseline_days"), &json!("write 7 without quotes")), "{error}");
}

#[test]
fn an_argument_with_a_wrong_name_of_a_thing_is_told_where_it_stands_and_what_is_near() {
    let day = crash().day();
    let range = json!({"from": day, "to": day});
    let error = told_by_tool("query_metric", &json!({"metric": "tikets", "range": range}));
    assert_eq!((&error["path"], &error["hint"]), (&json!("/metric"), &json!("did you mean `tickets`?")), "{error}");
    let error = told_by_tool("query_metric", &json!({"metric": "tickets", "range": range, "filters": {"platform": "andriod"}}));
    assert_eq!((&error["path"], &error["hint"]), (&json!("/filters/platform"), &json!("did you mean `android`?")), "{error}");
}

/// The first error of a report, after a look at the tickets: path, message, hint.
fn told_of_report(change: impl FnOnce(&mut Value)) -> [String; 3] {
    let mut wrong = report();
    wrong["verdict"] = "fault".into();
    wrong["causes"] = json!([{"kind": "deployment", "change": null, "scope": [], "onset": "2024-01-01", "confidence": 0.5, "acts": true}]);
    change(&mut wrong);
    let call = format!("{{name: submit_report, arguments: {wrong}}}");
    let server = script(&format!("turns:\n- tool_calls: [$STATS]\n- tool_calls: [{call}]\n- tool_calls: [$REPORT]"));
    let (_, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let told = replies(&server.requests()[2]).remove(1);
    ["path", "message", "hint"].map(|field| told["errors"][0][field].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_wrong_name_in_a_report_is_told_with_the_nearest() {
    let [path, _, hint] = told_of_report(|report| report["causes"][0]["kind"] = "deploymnt".into());
    assert_eq!((path.as_str(), hint.as_str()), ("/causes/0/kind", "did you mean `deployment`?"));
    let [path, _, hint] = told_of_report(|report| report["causes"][0]["scope"] = json!([{"dimension": "platfrm", "value": "android"}]));
    assert_eq!((path.as_str(), hint.as_str()), ("/causes/0/scope/0/dimension", "did you mean `platform`?"));
}

#[test]
fn a_number_in_quotes_is_not_taken_for_a_number() {
    let [path, message, hint] = told_of_report(|report| report["confidence"] = "0.8".into());
    assert_eq!((path.as_str(), hint.as_str()), ("/confidence", "write 0.8 without quotes"), "{message}");
}

#[test]
fn a_value_of_another_dimension_is_told_whose_it_is() {
    let [path, _, hint] = told_of_report(|report| report["causes"][0]["scope"] = json!([{"dimension": "priority", "value": "android"}]));
    assert_eq!((path.as_str(), hint.as_str()), ("/causes/0/scope/0/value", "it is a value of `platform`"));
}

#[test]
fn a_change_that_is_not_in_the_log_is_told_with_the_way_to_find_one() {
    let [path, message, hint] = told_of_report(|report| report["causes"][0]["change"] = "the update".into());
    assert_eq!((path.as_str(), message.as_str()), ("/causes/0/change", "no change `the update` in the log up to now"));
    assert!(hint.contains("check_deployments"), "{hint}");
}

#[test]
fn evidence_with_another_number_than_the_reply_is_told_the_number() {
    let [path, message, _] = told_of_report(|report| report["evidence"] = json!([{"call": "c1", "field": "count", "value": -1}]));
    assert_eq!(path, "/evidence/0/value");
    assert!(message.starts_with("c1 says ") && message.ends_with("at `count`, not -1"), "{message}");
}

#[test]
fn evidence_at_a_wrong_path_is_told_the_right_one() {
    let count = "{{call.fetch_ticket_stats.reply.count}}";
    let [path, _, hint] = told_of_report(|report| report["evidence"] = json!([{"call": "c1", "field": "tickets.count", "value": count}]));
    assert_eq!(path, "/evidence/0/field");
    assert!(hint.ends_with("stands at `count`"), "{hint}");
}

#[test]
fn evidence_from_a_call_that_was_not_made_is_told_the_calls_there_were() {
    let [path, message, _] = told_of_report(|report| report["evidence"] = json!([{"call": "c9", "field": "count", "value": 1}]));
    assert_eq!((path.as_str(), message.as_str()), ("/evidence/0/call", "no call `c9`, there were: c1"));
}

#[test]
fn the_same_call_again_is_pointed_out_and_ends_at_five_whatever_the_order_of_its_arguments() {
    let day = crash().day();
    let one = format!("- tool_calls: [{{name: fetch_ticket_stats, raw_arguments: '{{\"date\": \"{day}\", \"baseline_days\": 7}}'}}]\n");
    let other = format!("- tool_calls: [{{name: fetch_ticket_stats, raw_arguments: '{{\"baseline_days\":7,\"date\":\"{day}\"}}'}}]\n");
    let server = script(&format!("turns:\n{one}{other}{one}{other}{one}"));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Err(Halt::StuckLoop));
    assert_eq!((trajectory.calls.len(), trajectory.effort.map(|effort| effort.steered)), (4, Some(2)));
    let told = replies(&server.requests()[4]);
    assert!(told[1]["note"].is_null() && told[2]["note"].as_str().is_some_and(|note| note.contains("3 times")), "{}", told[2]["note"]);
}

#[test]
fn a_refusal_ends_the_investigation_as_one() {
    let filtered = "{text: '', finish_reason: content_filter}";
    let rejected = "{status: 400, error: {code: content_filter}}";
    let flagged = "{status: 403, error: {message: your input was flagged}}";
    for (reply, said) in
        [("{refusal: I cannot help.}", "I cannot help."), (filtered, "content filter"), (rejected, "filtered"), (flagged, "flagged")]
    {
        let server = script(&format!("turns:\n- {reply}"));
        let (trajectory, ended) = crash().send(&server, "react", json!({}));
        assert!(matches!(ended, Err(Halt::Refused { ref why }) if why.contains(said)), "{ended:?}");
        assert_eq!((trajectory.report, trajectory.turns.len()), (None, 1), "{reply}");
    }
}

#[test]
fn parallel_calls_are_made_in_order_before_the_report_beside_them_and_all_are_answered() {
    let log = "{name: check_deployments, arguments: {range: {from: '{{user.date - 9d}}', to: '{{user.date}}'}}}";
    let bad = "{name: submit_report, arguments: {}}";
    let server = script(&format!("turns:\n- tool_calls: [{log}, {bad}, {{name: invented}}, $STATS]\n- tool_calls: [$REPORT]"));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    let made: Vec<&str> = trajectory.calls.iter().map(|call| call.tool.as_str()).collect();
    assert_eq!(made, ["check_deployments", "fetch_ticket_stats"]);
    let asked: Vec<String> = trajectory.turns[0].answer.iter().flat_map(|answer| &answer.calls).map(|call| call.id.clone()).collect();
    let answered: Vec<String> = tool_ids(&server.requests()[1]);
    assert_eq!(answered, [0, 2, 3, 1].map(|at| asked[at].clone()), "the report last");
}

#[test]
fn a_report_may_cite_a_call_that_was_made_beside_it() {
    // The number is not known before the call: the server is asked for it first.
    let look = script("turns:\n- tool_calls: [$STATS]\n- tool_calls: [$REPORT]");
    let (trajectory, _) = crash().send(&look, "react", json!({}));
    let count = serde_json::to_value(&trajectory.calls[0].reply).expect("JSON")["data"]["count"].clone();
    let mut cites = report();
    cites["evidence"] = json!([{"call": "c1", "field": "count", "value": count}]);
    let server = script(&format!("turns:\n- tool_calls: [{{name: submit_report, arguments: {cites}}}, $STATS]"));
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!((ended, trajectory.turns.len()), (Ok(()), 1));
}

fn tool_ids(request: &Received) -> Vec<String> {
    let messages = request.body["messages"].as_array().expect("messages");
    messages.iter().filter_map(|message| message["tool_call_id"].as_str()).map(str::to_owned).collect()
}

#[test]
fn calls_decide_and_not_the_reason_for_ending() {
    let server =
        script("turns:\n- {tool_calls: [$STATS], finish_reason: stop}\n- {text: well, finish_reason: tool_calls}\n- tool_calls: [$REPORT]");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    assert_eq!(ended, Ok(()));
    assert_eq!((trajectory.calls.len(), trajectory.effort.map(|effort| effort.nudges)), (1, Some(1)));
    assert!(last(&server.requests()[2]).starts_with("That was text"));
}

#[test]
fn a_request_that_is_rejected_for_good_says_so() {
    let server = script("turns:\n- {status: 422, error: {message: no such parameter}}");
    let (trajectory, ended) = crash().send(&server, "react", json!({}));
    let why = "no such parameter".to_owned();
    assert_eq!(ended, Err(Halt::Line(LineError::Rejected { status: 422, why })));
    assert_eq!(server.requests().len(), 1);
    assert!(trajectory.turns[0].failed.as_ref().is_some_and(|text| text.contains("422")));
}
