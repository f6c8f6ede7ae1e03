//! Alerts: each report posted to a webhook, and a webhook's address kept a secret.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::thread::JoinHandle;

use serde_json::Value;

use crate::llm::{helpful, serve};
use crate::run::{code, harness, output, stderr, stdout};

const TOKEN: &str = "canary-T0-B0-x9f3";

/// A server that takes so many posts, answers each with a status, and gives back path and body of each.
fn webhook(status: u16, posts: usize) -> (String, JoinHandle<Vec<(String, Value)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/services/{TOKEN}", listener.local_addr().expect("an address"));
    let taken = std::thread::spawn(move || {
        let take = |_| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_lowercase());
            }
            let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")).expect("a length").parse().expect("a number");
            assert!(lines.contains(&"content-type: application/json".to_owned()), "{lines:?}");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            write!(stream, "HTTP/1.1 {status} So\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok").expect("an answer");
            (lines[0].clone(), serde_json::from_slice(&body).expect("JSON"))
        };
        (0..posts).map(take).collect()
    });
    (address, taken)
}

fn crash() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml").to_str().expect("text").to_owned()
}

fn alerted(address: Option<&str>, arguments: &[&str]) -> Output {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let mut command = harness(folder.path(), arguments);
    command.env_remove("ALERT_WEBHOOK").envs(address.map(|address| ("ALERT_WEBHOOK", address)));
    command.output().expect("the program starts")
}

#[test]
fn a_report_is_posted_as_json() {
    let (address, taken) = webhook(200, 1);
    let ran = alerted(Some(&address), &["investigate", &crash(), "--alert"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let (line, body) = taken.join().expect("a post").remove(0);
    assert_eq!(line, format!("post /services/{} http/1.1", TOKEN.to_lowercase()));
    assert_eq!((&body["agent"], &body["as_of"]), (&"segment-scan".into(), &"2024-04-28T00:00:00".into()));
    assert_eq!((&body["report"]["verdict"], &body["report"]["ranking"][0]["kind"]), (&"fault".into(), &"deployment".into()));
    assert!(body["text"].as_str().is_some_and(|text| text.starts_with("Fault: ")), "{body}");
    assert!(body["why"].as_str().is_some_and(|why| why.contains("paged on 2024-04-27")), "{body}");
    assert!(stdout(&ran).contains("FAULT"), "the report is printed as well");
    let host = address.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a host");
    assert_eq!(stderr(&ran), format!("alert posted to {host}\n"));
}

#[test]
fn a_report_is_posted_as_blocks() {
    let (address, taken) = webhook(200, 1);
    let ran = alerted(Some(&address), &["investigate", &crash(), "--alert", "--alert-format", "slack"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let (_, body) = taken.join().expect("a post").remove(0);
    let blocks = body["blocks"].as_array().expect("blocks");
    let kinds: Vec<&str> = blocks.iter().filter_map(|block| block["type"].as_str()).collect();
    assert_eq!(kinds, ["header", "section", "section", "section", "context"]);
    assert!(blocks[0]["text"]["text"].as_str().is_some_and(|text| text.starts_with("Fault: ") && text.chars().count() <= 150), "{body}");
    assert!(blocks[2]["text"]["text"].as_str().is_some_and(|text| text.starts_with("*Cause*\ndeployment chg-")), "{body}");
    assert!(body["text"].as_str().is_some_and(|text| text.starts_with("Fault: ")), "{body}");
}

#[test]
fn an_alert_that_is_not_taken_costs_no_report_and_is_told_by_host_alone() {
    let (failing, taken) = webhook(500, 1);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let nobody = format!("http://user:{TOKEN}@{closed}/services/{TOKEN}?{TOKEN}");
    for (address, why) in [(failing, "the answer is 500"), (nobody, "refused")] {
        for json in [&[][..], &["--json"]] {
            if json == ["--json"] && why == "the answer is 500" {
                continue;
            }
            let ran = alerted(Some(&address), &[&["investigate", &crash(), "--alert"], json].concat());
            let told = stderr(&ran);
            assert_eq!(code(&ran), 3, "{told}");
            assert!(stdout(&ran).contains("FAULT") || stdout(&ran).contains("\"fault\""), "{}", stdout(&ran));
            assert!(told.starts_with("error: alert to 127.0.0.1:") && told.contains(why) && told.lines().count() == 1, "{told}");
            assert!(!told.contains(TOKEN) && !stdout(&ran).contains(TOKEN), "{told}");
        }
    }
    taken.join().expect("a post");
}

#[test]
fn an_alert_without_an_address_is_refused_before_anything_is_done() {
    let ran = alerted(None, &["investigate", &crash(), "--alert"]);
    assert_eq!((code(&ran), stdout(&ran).as_str()), (2, ""));
    assert!(stderr(&ran).contains("--alert needs ALERT_WEBHOOK"), "{}", stderr(&ran));
    let ran = alerted(Some(TOKEN), &["investigate", &crash(), "--alert"]);
    assert_eq!(code(&ran), 2);
    assert!(stderr(&ran).contains("ALERT_WEBHOOK is no address") && !stderr(&ran).contains(TOKEN), "{}", stderr(&ran));
}

#[test]
fn detect_takes_its_data_from_the_environment_and_posts_what_a_model_reports() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    assert_eq!(code(&output(folder.path(), &["generate", &crash(), "--out", "."])), 0);
    let server = serve(&helpful());
    let (address, taken) = webhook(200, 1);
    let url = server.base_url();
    let arguments = ["detect", "--investigate", "react", "--llm", "m", "--base-url", &url, "--changes", "changes.csv"];
    let arguments = [&arguments[..], &["--train-until", "2024-03-18", "--last", "1", "--alert"]].concat();
    let mut command = harness(folder.path(), &arguments);
    let ran = command.envs([("ALERT_WEBHOOK", address.as_str()), ("DATA_PATH", "tickets.csv"), ("ANOMALY_THRESHOLD", "0.8")]);
    let ran = ran.output().expect("the program starts");
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let (_, body) = taken.join().expect("a post").remove(0);
    assert_eq!((&body["agent"], &body["input"]), (&"react".into(), &"tickets.csv".into()));
    assert!(stdout(&ran).contains("Investigation 1 of 1: paged "), "{}", stdout(&ran));
    let said = format!("react asks m at {url} (no key)");
    assert!(stderr(&ran).contains(&said), "{}", stderr(&ran));
    let narrow = harness(folder.path(), &["detect", "--train-until", "2024-03-18", "--json"]).env("DATA_PATH", "tickets.csv").output();
    let wide = harness(folder.path(), &["detect", "--train-until", "2024-03-18", "--json"])
        .envs([("DATA_PATH", "tickets.csv"), ("ANOMALY_THRESHOLD", "0.8")])
        .output();
    let alarms = |ran: Output| serde_json::from_str::<Value>(&stdout(&ran)).expect("JSON")["alarms"].as_array().map_or(0, Vec::len);
    assert!(alarms(wide.expect("it starts")) > alarms(narrow.expect("it starts")), "a wider net has more alarms");
}

#[test]
fn an_alert_of_detect_needs_an_investigation() {
    let ran = alerted(Some("http://127.0.0.1:1/x"), &["detect", "counts.csv", "--alert"]);
    assert_eq!(code(&ran), 2);
    assert!(stderr(&ran).contains("add --investigate AGENT"), "{}", stderr(&ran));
}
