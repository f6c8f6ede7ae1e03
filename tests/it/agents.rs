//! Agents at real desks over archives made by hand.

use std::sync::Arc;

use incident_harness::agent::report::Verdict;
use incident_harness::agent::{self, Alert, Case, Halt, Trajectory};
use incident_harness::data::archive::Archive;
use incident_harness::data::ticket::{Column, TicketTable};
use incident_harness::data::{Change, ChangeKind};
use incident_harness::name::IncidentId;
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY};
use rand::RngExt;
use serde_json::json;

const DAYS: usize = 70;
/// The day on which the release breaks something.
const ONSET: usize = 63;
const PLATFORMS: [&str; 3] = ["web", "android", "ios"];
const COUNTRIES: [&str; 4] = ["US", "DE", "BR", "IN"];
const VERSIONS: [&str; 3] = ["5.0", "5.1", "5.2"];
const QUEUES: [&str; 3] = ["technical", "billing", "returns"];

fn grid() -> Grid {
    Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, DAYS)
}

fn column(name: &str, values: &[&str]) -> Column {
    Column { name: name.to_owned(), values: values.iter().map(|value| (*value).to_owned()).collect(), codes: Vec::new() }
}

/// A desk of about 300 tickets a day; from the onset on, `extra` more a day from android × BR × 5.2.
fn archive(extra: usize, changes: Vec<Change>) -> Archive {
    let mut rng = Seed::derive(["agents", "archive"]).rng();
    let mut table = TicketTable {
        grid: grid(),
        recorded: vec![true; DAYS],
        ids: Vec::new(),
        buckets: Vec::new(),
        seconds: Vec::new(),
        columns: vec![
            column("platform", &PLATFORMS),
            column("country", &COUNTRIES),
            column("app_version", &VERSIONS),
            column("queue", &QUEUES),
        ],
        tag_names: vec!["crash".to_owned()],
        tags: Vec::new(),
    };
    for day in 0..DAYS {
        let mut pick = |limit: usize| (rng.random::<f64>() * limit as f64) as u16;
        let normal = 285 + usize::from(pick(30));
        let mut rows: Vec<([u16; 4], u64)> = (0..normal).map(|_| ([pick(3), pick(4), pick(3), pick(3)], 0)).collect();
        if day >= ONSET {
            rows.extend((0..extra).map(|_| ([1, 2, 2, pick(3)], 1)));
        }
        for (at, (codes, tags)) in rows.iter().enumerate() {
            table.ids.push(table.ids.len() as u64 + 1);
            table.buckets.push(u32::try_from(day).expect("few days"));
            table.seconds.push(u32::try_from(at * 86_000 / rows.len()).expect("within a day"));
            table.tags.push(*tags);
            table.columns.iter_mut().zip(codes).for_each(|(column, code)| column.codes.push(*code));
        }
    }
    Archive {
        id: IncidentId::new("inc-1").expect("a name"),
        grid: grid(),
        tickets: Some(Arc::new(table)),
        texts: None,
        activity: None,
        changes,
    }
}

fn release(id: &str, day: usize, platform: &str, version: &str, regions: &[&str]) -> Change {
    let at = grid().stamp(day).checked_add(jiff::SignedDuration::from_hours(8)).expect("within the calendar");
    Change {
        id: id.to_owned(),
        kind: ChangeKind::Deployment,
        at,
        until: None,
        title: format!("Release {version} for {platform}"),
        platform: Some(platform.to_owned()),
        version: Some(version.to_owned()),
        regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        rollout: 1.0,
    }
}

fn culprit() -> Change {
    release("chg-culprit", ONSET, "android", "5.2", &["BR"])
}

fn run(name: &str, archive: &Archive, bucket: usize) -> Trajectory {
    let (trajectory, outcome) = within(200, name, archive, bucket);
    outcome.expect("a report");
    trajectory
}

fn within(calls: usize, name: &str, archive: &Archive, bucket: usize) -> (Trajectory, Result<(), Halt>) {
    let prepared = Prepared::new(archive.clone());
    let seen = AsOf::new(&prepared, archive.grid.end(bucket));
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls }, Seed::derive(["desk"]));
    let alert = Alert { series: vec!["tickets".to_owned()], since: archive.grid.label(bucket) };
    let case = Case { alert: Some(&alert), ..Case::default() };
    let agent = agent::build(name, &json!({})).expect("a known agent");
    agent::investigate(agent.as_ref(), &case, &mut desk)
}

fn report(trajectory: &Trajectory) -> &incident_harness::agent::report::IncidentReport {
    trajectory.report.as_ref().expect("a report")
}

#[test]
fn a_release_crash_is_found_with_its_exact_scope_and_change() {
    let trajectory = run("segment-scan", &archive(120, vec![culprit()]), ONSET + 1);
    let report = report(&trajectory);
    assert_eq!(report.verdict, Verdict::Fault);
    let top = &report.ranking[0];
    let scope: Vec<(&str, &str)> = top.scope.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(scope, [("app_version", "5.2"), ("country", "BR"), ("platform", "android")]);
    assert_eq!((top.kind.as_str(), top.change.as_deref()), ("deployment", Some("chg-culprit")));
    assert_eq!(top.onset.as_deref(), Some(grid().label(ONSET).as_str()));
}

#[test]
fn too_few_calls_end_an_investigation_without_a_report_and_enough_do_not() {
    let crash = archive(120, vec![culprit()]);
    let whole = run("segment-scan", &crash, ONSET + 1);
    let calls = whole.calls.len();
    let (short, ended) = within(calls - 1, "segment-scan", &crash, ONSET + 1);
    assert!(ended.is_ok() && short.report.is_some(), "the search leaves calls for the conclusion");
    let (halted, ended) = within(3, "segment-scan", &crash, ONSET + 1);
    assert_eq!(ended, Err(Halt::Budget));
    assert!(halted.report.is_none() && halted.halted.is_some(), "what was looked at is kept without a conclusion");
    assert_eq!(halted.calls[..2], whole.calls[..2]);
}

#[test]
fn every_number_of_the_evidence_stands_in_the_cited_reply() {
    let trajectory = run("segment-scan", &archive(120, vec![culprit()]), ONSET + 1);
    let report = report(&trajectory);
    assert!(!report.evidence.is_empty());
    assert_eq!(report.supporting_data.grounded, report.evidence.len());
    assert_eq!(report.supporting_data.calls, trajectory.calls.len());
}

#[test]
fn a_red_herring_before_the_onset_is_not_blamed() {
    let herring = release("chg-herring", ONSET - 1, "web", "5.1", &[]);
    let trajectory = run("segment-scan", &archive(120, vec![herring.clone(), culprit()]), ONSET + 1);
    assert_eq!(report(&trajectory).ranking[0].change.as_deref(), Some("chg-culprit"));
    let trajectory = run("segment-scan", &archive(120, vec![herring]), ONSET + 1);
    assert_eq!(report(&trajectory).ranking[0].change, None);
}

#[test]
fn noise_is_not_blamed_whatever_the_log_says() {
    let calm = archive(0, vec![culprit()]);
    for bucket in ONSET..DAYS {
        let trajectory = run("segment-scan", &calm, bucket);
        assert_eq!(report(&trajectory).verdict, Verdict::NoFault, "day {bucket}");
    }
}

#[test]
fn an_ablation_cannot_name_what_it_cannot_see() {
    let crash = archive(120, vec![culprit()]);
    let blind = run("tickets-only", &crash, ONSET + 1);
    assert!(!report(&blind).ranking[0].scope.is_empty());
    assert_eq!(report(&blind).ranking[0].change, None);
    assert!(blind.calls.iter().all(|call| call.tool != "check_deployments"));
    let metrics = run("metrics-only", &crash, ONSET + 1);
    assert!(report(&metrics).ranking.is_empty());
    let log = run("changes-only", &crash, ONSET + 1);
    assert!(log.calls.iter().all(|call| call.tool == "check_deployments"));
    assert_eq!(report(&log).ranking[0].change.as_deref(), Some("chg-culprit"));
}

fn bytes(trajectory: &Trajectory) -> String {
    serde_json::to_string(trajectory).expect("a trajectory is serialisable")
}

#[test]
fn what_arrives_after_now_changes_no_byte_and_the_same_case_gives_the_same_bytes() {
    let before = archive(120, vec![culprit()]);
    let mut after = before.clone();
    let table = Arc::make_mut(after.tickets.as_mut().expect("tickets"));
    for row in 0..table.len() {
        if table.buckets[row] as usize > ONSET + 1 {
            table.columns.iter_mut().for_each(|column| column.codes[row] = 0);
        }
    }
    after.changes.push(release("chg-later", ONSET + 3, "ios", "5.1", &[]));
    for entry in agent::deterministic() {
        let first = bytes(&run(entry.name, &before, ONSET + 1));
        assert_eq!(first, bytes(&run(entry.name, &before, ONSET + 1)), "{} twice", entry.name);
        assert_eq!(first, bytes(&run(entry.name, &after, ONSET + 1)), "{} and the future", entry.name);
    }
}

#[test]
fn no_agent_panics_on_an_archive_without_anything() {
    let empty = Archive { tickets: None, changes: Vec::new(), ..archive(0, Vec::new()) };
    let mut bare = archive(0, Vec::new());
    let table = Arc::make_mut(bare.tickets.as_mut().expect("tickets"));
    (table.ids, table.buckets, table.seconds, table.tags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    table.columns.iter_mut().for_each(|column| column.codes.clear());
    for entry in agent::deterministic() {
        for archive in [&empty, &bare] {
            for bucket in [0, ONSET] {
                run(entry.name, archive, bucket);
            }
        }
    }
}

#[test]
fn an_unknown_agent_is_told_the_nearest_name() {
    let error = agent::build("segmnt-scan", &json!({})).err().expect("no such agent").to_string();
    assert!(error.contains("did you mean `segment-scan`?"), "{error}");
    let error = agent::build("latest-deploy", &json!({"dayz": 3})).err().expect("no such setting").to_string();
    assert!(error.contains("settings of `latest-deploy`"), "{error}");
}
