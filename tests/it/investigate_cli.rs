//! `harness investigate`: one report of a scenario or of a folder of own tickets, at the day and for the question asked.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{code, output, stderr, stdout};

fn crash() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml")
}

/// What a command prints in a folder of its own.
fn said(arguments: &[&str]) -> String {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let ran = output(folder.path(), arguments);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    stdout(&ran)
}

fn refused(arguments: &[&str]) -> String {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let ran = output(folder.path(), arguments);
    assert_eq!((code(&ran), stdout(&ran).as_str()), (2, ""));
    stderr(&ran)
}

#[test]
fn a_report_says_why_and_when_the_agent_was_sent_and_names_its_tools() {
    let report = said(&["investigate", crash().to_str().expect("text")]);
    assert!(report.lines().next().is_some_and(|line| line.contains(" paged on 2024-") && line.contains("(as of 2024-")), "{report}");
    assert!(report.lines().all(|line| line.chars().count() <= 100), "{report}");
    for part in ["FAULT", "\nCause\n", "\nSegments\n", "\nEvents near the onset\n", "\nRecommended\n", " query_metric by_day."] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[test]
fn a_folder_of_an_exported_incident_is_investigated_as_the_incident_is() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = crash();
    let file = file.to_str().expect("text");
    assert_eq!(code(&output(folder.path(), &["generate", file, "--out", "own"])), 0);
    let of = |input: &str| {
        let ran = output(folder.path(), &["investigate", input, "--date", "2024-04-26", "--json"]);
        assert_eq!(code(&ran), 0, "{}", stderr(&ran));
        let trajectory: serde_json::Value = serde_json::from_str(&stdout(&ran)).expect("JSON");
        trajectory["report"]["ranking"].clone()
    };
    assert_eq!(of("own"), of(file));
}

#[test]
fn a_question_is_asked_in_words_or_by_its_id_and_the_report_can_go_to_a_file() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/crash-android-in.yaml");
    let file = file.to_str().expect("text");
    let by_id = said(&["investigate", file, "--question", "vague"]);
    let in_words = said(&["investigate", file, "--question", "Is something wrong with the app?"]);
    assert_eq!(by_id, in_words);
    assert!(by_id.starts_with("asked: Is something wrong with the app? (as of 2024-04-29T00:00:00)"), "{by_id}");
    let written = output(folder.path(), &["investigate", file, "--question", "vague", "--output", "report.txt"]);
    assert_eq!((code(&written), stdout(&written).as_str()), (0, ""));
    assert_eq!(fs::read_to_string(folder.path().join("report.txt")).expect("a report"), by_id);
}

#[test]
fn what_cannot_be_investigated_is_told_the_way_out() {
    let file = crash();
    let file = file.to_str().expect("text");
    assert!(refused(&["investigate", file, "--date", "2031-01-01"]).contains("2031-01-01 is not in the data (2023-09-01 to 2024-05-20)"));
    assert!(refused(&["investigate", "."]).contains("no tickets.csv here"));
    assert!(refused(&["investigate", "tickets.csv"]).contains("`harness detect tickets.csv --investigate AGENT`"));
    assert!(refused(&["investigate", file, "--agent", "segmnt-scan"]).contains("did you mean `segment-scan`?"));
}
