//! Providers that fail, each against a real local server: what is tried again is counted, what is for good is told once, with the way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use incident_harness::agent::Halt;
use incident_harness::agent::llm::Http;
use incident_harness::chat::LineError;
use serde_json::json;

use crate::llm::{crash, script};

/// Stage, reason and number of attempts of a line that is down.
fn down(ended: Result<(), Halt>) -> (&'static str, String, u32) {
    match ended {
        Err(Halt::Line(LineError::Down { stage, why, attempts })) => (stage, why, attempts),
        other => panic!("not down: {other:?}"),
    }
}

/// Why a line is blocked.
fn blocked(ended: Result<(), Halt>) -> String {
    match ended {
        Err(Halt::Line(LineError::Blocked { why })) => why,
        other => panic!("not blocked: {other:?}"),
    }
}

#[test]
fn a_wait_longer_than_our_patience_is_read_in_every_form_and_not_waited_for() {
    for header in [
        "retry-after: '1000'",
        "retry-after: '999.5'",
        "retry-after: '{{date + 1000s}}'",
        "retry-after-ms: '1000000'",
        "x-ratelimit-reset-requests: 16m40s",
        "x-ratelimit-reset-tokens: 1000s",
        "llm_provider-retry-after: '1000'",
    ] {
        let server = script(&format!("turns:\n- {{status: 429, headers: {{{header}}}}}"));
        let (_, ended) = crash().send(&server, "react", json!({"transport": {"retries": 3}}));
        let (stage, why, attempts) = down(ended);
        assert_eq!((stage, attempts), ("429", 1), "{header}");
        assert!(why.contains("waiting 1000 s") || why.contains("waiting 999 s"), "{header}: {why}");
    }
}

#[test]
fn a_429_is_tried_again_after_the_wait_it_names_and_halves_what_goes_on_at_once() {
    let server = script("turns:\n- attempts: [{status: 429, headers: {retry-after: '0.05'}}, {tool_calls: [$REPORT]}]");
    let line = Http::new(4, Arc::new(AtomicBool::new(false)));
    let (trajectory, ended) = crash().send_on(&line, &server.base_url(), "react", json!({"transport": {"retries": 1}}));
    assert_eq!((ended, line.allowed()), (Ok(()), 2));
    assert_eq!((trajectory.turns[0].retries, trajectory.effort.map(|effort| effort.retries)), (1, Some(1)));
}

#[test]
fn a_quota_that_is_used_up_is_for_good() {
    let server = script("turns:\n- {status: 429, error: {code: insufficient_quota}}");
    let (_, ended) = crash().send(&server, "react", json!({"transport": {"retries": 3}}));
    let why = blocked(ended);
    assert!(why.contains("429") && why.contains("quota") && !why.contains('\n'), "{why}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn every_kind_of_5xx_is_tried_again() {
    let at_once = "headers: {retry-after: '0'}";
    let attempts = [
        format!("{{status: 500, {at_once}}}"),
        format!("{{status: 502, {at_once}, body: '<html><body>Bad Gateway</body></html>'}}"),
        format!("{{status: 503, {at_once}, body: ''}}"),
        "{tool_calls: [$REPORT]}".to_owned(),
    ];
    let server = script(&format!("turns:\n- attempts: [{}]", attempts.join(", ")));
    let (trajectory, ended) = crash().send(&server, "react", json!({"transport": {"retries": 3}}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.retries)), (Ok(()), Some(3)));
}

#[test]
fn retries_that_are_used_up_say_what_happened_last_and_how_often() {
    let server = script("turns:\n- {status: 503, headers: {retry-after: '0'}, error: {message: warming up}}");
    let (trajectory, ended) = crash().send(&server, "react", json!({"transport": {"retries": 2}}));
    let (stage, why, attempts) = down(ended);
    assert_eq!((stage, why.as_str(), attempts), ("5xx", "the provider answers 503 (warming up, overloaded)", 3));
    assert_eq!((server.requests().len(), trajectory.effort.map(|effort| effort.retries)), (3, Some(2)));
    assert!(trajectory.turns[0].failed.as_ref().is_some_and(|text| text.ends_with("(after 3 attempts)")));
}

#[test]
fn a_retry_without_a_named_wait_waits_and_goes_on() {
    let server = script("turns:\n- attempts: [{close: before_headers}, {tool_calls: [$REPORT]}]");
    let (trajectory, ended) = crash().send(&server, "react", json!({"transport": {"retries": 1}}));
    assert_eq!((ended, trajectory.effort.map(|effort| effort.retries)), (Ok(()), Some(1)));
}

#[test]
fn a_whole_answer_that_does_not_come_in_time_is_given_up() {
    let server = script("turns:\n- {delay: 30s, text: late}");
    let (_, ended) = crash().send(&server, "react", json!({"transport": {"total_seconds": 0.2}}));
    assert_eq!(down(ended), ("total", "no whole answer within 0.2 s".to_owned(), 1));
}

#[test]
fn a_port_where_nobody_listens_is_told_from_all_else() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (_, ended) = crash().send_to(&format!("http://{free}/v1"), "react", json!({}));
    let (stage, why, _) = down(ended);
    assert_eq!(stage, "connect");
    assert!(why.contains("refused"), "{why}");
}

#[test]
fn a_connection_that_ends_early_is_broken() {
    for close in ["{close: before_headers}", "{text: cut off, close: mid_body}"] {
        let (_, ended) = crash().send(&script(&format!("turns:\n- {close}")), "react", json!({}));
        assert_eq!(down(ended).0, "broken", "{close}");
    }
}

#[test]
fn a_success_that_is_no_answer_is_not_taken_for_one() {
    for (body, said) in [
        ("welcome", "welcome"),
        ("<html>Please log in</html>", "Please log in"),
        ("{\"choices\": []}", "without `choices`"),
        ("{\"object\": \"list\"}", "without `choices`"),
        ("{\"error\": {\"message\": \"upstream is down\", \"code\": 502}}", "upstream is down"),
    ] {
        let (_, ended) = crash().send(&script(&format!("turns:\n- {{status: 200, body: '{body}'}}")), "react", json!({}));
        let (stage, why, _) = down(ended);
        assert_eq!(stage, "not chat", "{body}");
        assert!(why.contains(said), "{why}");
    }
}

#[test]
fn a_provider_that_refuses_us_is_told_in_one_line_and_not_asked_again() {
    let no_tools = "error: {message: No endpoints found that support tool use.}";
    for (reply, way_out) in [
        ("status: 401".to_owned(), "name the variable that holds its key with api_key_env"),
        ("status: 403".to_owned(), "name the variable that holds its key with api_key_env"),
        ("status: 404".to_owned(), "check the address and the model `m`"),
        (format!("status: 404, {no_tools}"), "tool_mode: prompted"),
    ] {
        let server = script(&format!("turns:\n- {{{reply}}}"));
        let line = Http::new(4, Arc::new(AtomicBool::new(false)));
        let (_, ended) = crash().send_on(&line, &server.base_url(), "react", json!({"transport": {"retries": 3}}));
        let why = blocked(ended);
        assert!(why.contains(way_out) && why.contains(&server.base_url()) && !why.contains('\n'), "{why}");
        let (_, ended) = crash().send_on(&line, &server.base_url(), "react", json!({}));
        assert_eq!(blocked(ended), why);
        assert_eq!(server.requests().len(), 1, "{reply}");
    }
}

#[test]
fn a_key_that_is_not_set_is_named() {
    let server = script("turns:\n- {status: 401}");
    let (_, ended) = crash().send(&server, "react", json!({"api_key_env": "HARNESS_TEST_KEY_NOT_SET"}));
    let why = blocked(ended);
    assert!(why.ends_with("set HARNESS_TEST_KEY_NOT_SET"), "{why}");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = script("turns:\n- tool_calls: [$REPORT]");
    let to = format!("{}/chat/completions", elsewhere.base_url());
    let server = script(&format!("turns:\n- {{status: 307, headers: {{location: '{to}'}}}}"));
    let (_, ended) = crash().send(&server, "react", json!({}));
    assert!(matches!(ended, Err(Halt::Line(LineError::Rejected { status: 307, .. }))), "{ended:?}");
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn waiting_ends_when_somebody_asks_to_stop() {
    let hung = "{hang: before_headers}";
    let patient = "{status: 503, headers: {retry-after: '60'}}";
    for (reply, retries, stream) in [(hung, 0, false), (hung, 0, true), (patient, 3, false)] {
        let server = script(&format!("turns:\n- {reply}"));
        let stop = Arc::new(AtomicBool::new(false));
        let line = Http::new(4, Arc::clone(&stop));
        let asked = Instant::now();
        let ended = std::thread::scope(|scope| {
            let sent = scope.spawn(|| {
                let settings = json!({"transport": {"retries": retries, "stream": stream}});
                crash().send_on(&line, &server.base_url(), "react", settings).1
            });
            while server.requests().is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            stop.store(true, Ordering::Relaxed);
            sent.join().expect("no panic")
        });
        assert_eq!(ended, Err(Halt::Cancelled), "{reply}");
        assert!(asked.elapsed() < Duration::from_secs(10), "{reply}");
    }
}
