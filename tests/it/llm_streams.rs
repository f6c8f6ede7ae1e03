//! Streams that are slow, silent, cut off or sloppy, each against a real local server: slowness is told from silence, and an end from a cut.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use incident_harness::agent::Halt;
use incident_harness::chat::LineError;
use serde_json::{Value, json};

use crate::llm::{crash, report, script};

/// Stage and reason of a streamed answer that failed.
fn stage(reply: &str, transport: Value) -> (&'static str, String) {
    let mut settings = json!({"transport": transport});
    settings["transport"]["stream"] = true.into();
    match crash().send(&script(&format!("turns:\n- {reply}")), "react", settings).1 {
        Err(Halt::Line(LineError::Down { stage, why, attempts: 1 })) => (stage, why),
        other => panic!("not down: {other:?}"),
    }
}

#[test]
fn a_stream_that_is_slow_but_never_silent_for_long_is_waited_for() {
    let server = script("turns:\n- {tool_calls: [$REPORT], stream: {chunk_delay: 100ms}}");
    let asked = Instant::now();
    let (_, ended) = crash().send(&server, "react", json!({"transport": {"stream": true, "idle_seconds": 0.4}}));
    assert_eq!(ended, Ok(()));
    assert!(asked.elapsed() > Duration::from_millis(400), "longer in all than any silence may be");
}

#[test]
fn a_stream_that_falls_silent_is_given_up() {
    let (stage, why) = stage("{text: a long way to go, hang: mid_stream}", json!({"idle_seconds": 0.15}));
    assert_eq!((stage, why.as_str()), ("idle", "the stream fell silent for 0.15 s"));
}

#[test]
fn a_stream_that_does_not_begin_is_given_up() {
    let (stage, why) = stage("{hang: before_headers}", json!({"first_byte_seconds": 0.15}));
    assert_eq!((stage, why.as_str()), ("first byte", "nothing came within 0.15 s"));
}

#[test]
fn a_stream_that_takes_too_long_in_all_is_given_up() {
    let (stage, _) = stage("{text: on and on and on, stream: {chunk_delay: 150ms, pieces: 20}}", json!({"total_seconds": 0.3}));
    assert_eq!(stage, "total");
}

#[test]
fn a_stream_that_is_cut_off_is_broken_and_one_that_merely_forgets_to_say_done_is_not() {
    let (stage, _) = stage("{tool_calls: [$REPORT], close: mid_stream}", json!({}));
    assert_eq!(stage, "broken");
    let server = script("turns:\n- {tool_calls: [$REPORT], stream: {no_done: true}}");
    let (_, ended) = crash().send(&server, "react", json!({"transport": {"stream": true}}));
    assert_eq!(ended, Ok(()));
}

#[test]
fn a_stream_that_neither_says_why_it_ends_nor_that_it_does_is_broken() {
    let (stage, why) = stage("{tool_calls: [$REPORT], omit: [finish_reason], stream: {no_done: true}}", json!({}));
    assert_eq!((stage, why.as_str()), ("broken", "the stream was cut off before its end"));
}

#[test]
fn an_error_within_a_stream_is_told() {
    let (stage, why) = stage("{text: a long way to go, stream: {error: {message: the model fell over}}}", json!({}));
    assert_eq!(stage, "broken");
    assert!(why.contains("the stream broke off with an error: the model fell over"), "{why}");
}

#[test]
fn a_stream_that_is_no_stream_is_not_taken_for_an_answer() {
    for body in ["<html>Please log in</html>", "{}", "data: no JSON"] {
        let (stage, _) = stage(&format!("{{status: 200, body: '{body}'}}"), json!({}));
        assert!(["broken", "not chat"].contains(&stage), "{body}: {stage}");
    }
}

#[test]
fn comments_of_a_router_keep_a_stream_alive() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        let _ = socket.read(&mut [0; 65536]).expect("a request");
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        socket.write_all(head.as_bytes()).expect("a client that listens");
        for _ in 0..6 {
            std::thread::sleep(Duration::from_millis(100));
            socket.write_all(b": still working\n\n").expect("a client that waits");
        }
        let function = json!({"name": "submit_report", "arguments": report().to_string()});
        let choice = json!({"delta": {"tool_calls": [{"index": 0, "id": "a", "function": function}]}, "finish_reason": "tool_calls"});
        socket.write_all(format!("data: {}\n\ndata: [DONE]\n\n", json!({"choices": [choice]})).as_bytes()).expect("a client that waits");
    });
    let transport = json!({"stream": true, "first_byte_seconds": 0.4, "idle_seconds": 0.4});
    let (_, ended) = crash().send_to(&format!("http://{address}/v1"), "react", json!({"transport": transport}));
    server.join().expect("all was sent");
    assert_eq!(ended, Ok(()));
}
