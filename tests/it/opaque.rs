//! What agents see names no scenario: over the whole library, no reply, alert, text or trajectory holds a path, a file's name, an id, a title
//! or a seed of the scenario it was made from.

use std::collections::BTreeSet;
use std::path::Path;

use incident_harness::agent::{self, Alert, Case};
use incident_harness::data::archive::Archive;
use incident_harness::run::trigger;
use incident_harness::scenario::{Scenario, load_folder};
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth;
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY};
use jiff::Zoned;
use serde_json::{Value, json};

/// Texts of tickets that are read besides those that tools show.
const TEXTS: usize = 500;
/// Words of whoever made the data and knows the truth; an agent's own conclusion may use them.
const MARKERS: [&str; 8] = ["twin", "decoy", "placebo", "oracle", "truth", "synthetic", "scenario", "replicate"];

/// What would tell an agent where the data comes from, in lower case.
fn names(scenario: &Scenario) -> BTreeSet<String> {
    let below = scenario.file.trim_end_matches(".yaml");
    let slug = below.rsplit('/').next().expect("a last part");
    let seed = SeedRole::Dev.seed(0);
    let bytes = seed.to_be_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let reversed = seed.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut names = vec![
        scenario.file.clone(),
        below.to_owned(),
        format!("{slug}.yaml"),
        scenario.id.as_str().to_owned(),
        scenario.title.clone(),
        seed.to_string(),
        format!("{seed:x}"),
        bytes,
        reversed,
        SeedRole::Dev.to_string() + "/0",
        format!("scenarios/{}", scenario.family()),
    ];
    // A file's name of one word, such as `users`, is a word of the data too.
    names.extend(slug.contains('-').then(|| slug.to_owned()));
    names.into_iter().map(|name| name.to_lowercase()).collect()
}

/// A broad set of calls: every metric by every dimension, every kind of question about the last days.
fn calls(seen: &AsOf<'_>) -> Vec<(&'static str, Value)> {
    let Some((first, last)) = seen.days() else { return Vec::new() };
    let back = |days: i64| last.saturating_sub(jiff::Span::new().days(days)).max(first);
    let range = |from: i64, to: i64| json!({"from": back(from).to_string(), "to": back(to).to_string()});
    let mut calls = vec![("check_deployments", json!({"range": {"from": first.to_string(), "to": last.to_string()}}))];
    for metric in seen.metrics() {
        calls.push(("query_metric", json!({"metric": metric, "range": range(30, 0)})));
        // A name that does not exist is answered with those that do.
        calls.push(("query_metric", json!({"metric": metric, "range": range(3, 0), "filters": {"platform": "nothing"}})));
        for (dimension, values) in seen.dimensions(&metric) {
            calls.push(("query_metric", json!({"metric": metric, "range": range(9, 0), "group_by": [dimension]})));
            let baseline = range(20, 4);
            let arguments = json!({"metric": metric, "dimension": dimension, "range": range(3, 0), "baseline_range": baseline});
            calls.push(("segment_by_dimension", arguments));
            let treatment = json!({&dimension: values.first()});
            let arguments = json!({"metric": metric, "control_filters": {}, "treatment_filters": treatment, "range": range(9, 0)});
            calls.push(("statistical_test", arguments));
        }
    }
    calls.push(("analyze_retention", json!({"cohort_date": back(8).to_string()})));
    for days in [0, 1, 7, 20] {
        calls.push(("fetch_ticket_stats", json!({"date": back(days).to_string()})));
        calls.push(("fetch_ticket_samples", json!({"date": back(days).to_string(), "limit": 50, "strategy": "diverse"})));
    }
    calls.push(("no_such_tool", json!({})));
    calls
}

fn told(prepared: &Prepared, now: Zoned) -> String {
    let seen = AsOf::new(prepared, now);
    let calls = calls(&seen);
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: calls.len() }, Seed::derive(["desk"]));
    calls.into_iter().for_each(|(tool, arguments)| drop(desk.call(tool, arguments)));
    serde_json::to_string(desk.calls()).expect("calls are plain data")
}

fn concluded(prepared: &Prepared, now: Zoned, name: &str, alert: Option<&Alert>, question: Option<&str>) -> [String; 2] {
    let seen = AsOf::new(prepared, now);
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 200 }, Seed::derive(["desk"]));
    let agent = agent::build(name, &json!({})).expect("a known agent");
    let (trajectory, _) = agent::investigate(agent.as_ref(), &Case { question, alert, earlier: &[] }, &mut desk);
    let told = serde_json::to_string(&(alert, question, &trajectory.calls)).expect("calls are plain data");
    [told, serde_json::to_string(&trajectory.report).expect("a report is plain data")]
}

/// Texts of tickets across the whole calendar.
fn texts(archive: &Archive) -> String {
    let (Some(table), Some(texts)) = (&archive.tickets, &archive.texts) else { return String::new() };
    let stride = (table.len() / TEXTS).max(1);
    (0..table.len()).step_by(stride).map(|row| texts.text(row)).map(|text| format!("{} {}\n", text.subject, text.body)).collect()
}

/// What an agent is told, or says itself.
#[derive(PartialEq)]
enum By {
    World,
    Agent,
}

/// Everything an agent can see of a scenario, and what it says, piece by piece.
fn everything(scenario: &Scenario) -> Vec<(By, String, String)> {
    let incident = synth::generate(scenario, SeedRole::Dev, 0).expect("the library is good");
    let archive = synth::archive(scenario, SeedRole::Dev, 0).expect("the library is good");
    let grid = archive.grid.clone();
    let mut pieces = vec![(By::World, "texts".to_owned(), texts(&archive)), (By::World, "id".to_owned(), archive.id.as_str().to_owned())];
    let prepared = Prepared::new(archive);
    let end = grid.end(grid.len() - 1);
    pieces.push((By::World, "replies at the end".to_owned(), told(&prepared, end.clone())));
    let mut sent = trigger::oracle(&incident);
    sent.extend(trigger::placebo(&incident, Seed::derive(["placebo"])));
    for sent in &sent {
        let [told, said] = concluded(&prepared, grid.end(sent.bucket), "segment-scan", sent.alert.as_ref(), None);
        pieces.push((By::World, format!("calls of {:?}", sent.trigger), told));
        pieces.push((By::Agent, format!("report of {:?}", sent.trigger), said));
    }
    for agent in agent::deterministic() {
        let [told, said] = concluded(&prepared, end.clone(), agent.name, None, Some("What happened?"));
        pieces.push((By::World, format!("calls of {}", agent.name), told));
        pieces.push((By::Agent, format!("report of {}", agent.name), said));
    }
    for sent in trigger::questions(&incident, &scenario.questions) {
        pieces.push((By::World, format!("{:?}", sent.trigger), sent.question.unwrap_or_default()));
    }
    pieces
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric()).collect()
}

fn leaks(scenario: &Scenario) -> Vec<String> {
    let names = names(scenario);
    let found = |(by, what, text): (By, String, String)| {
        let text = text.to_lowercase();
        let words = words(&text);
        let named = names.iter().filter(|name| text.contains(name.as_str())).map(String::as_str);
        let marked = MARKERS.into_iter().filter(|marker| by == By::World && words.contains(marker));
        named.chain(marked).map(|leak| format!("{}: `{leak}` in {what}", scenario.file)).collect::<Vec<_>>()
    };
    everything(scenario).into_iter().flat_map(found).collect()
}

#[test]
fn nothing_an_agent_sees_names_the_scenario_or_its_seed() {
    let library = load_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).expect("the library is good");
    let halves = [0, 1].map(|half| library.iter().skip(half).step_by(2));
    let leaks: Vec<String> = std::thread::scope(|scope| {
        let running = halves.map(|half| scope.spawn(move || half.flat_map(leaks).collect::<Vec<_>>()));
        running.into_iter().flat_map(|half| half.join().expect("no scenario panics")).collect()
    });
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn a_leak_would_be_noticed() {
    let library = load_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml")).expect("good");
    let names = names(&library[0]);
    for leak in ["deployment.android-crash", "android-crash.yaml", "a release crashes the app on one mobile platform", "android-crash"] {
        assert!(names.contains(leak), "{leak}: {names:?}");
    }
    assert!(names.contains(&SeedRole::Dev.seed(0).to_string()));
    assert!(words("the fault-free twin").contains("twin"));
}
