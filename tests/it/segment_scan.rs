//! What segment-scan takes for a fault, and what it does not: at real desks over archives made by hand.

use std::path::Path;
use std::sync::Arc;

use incident_harness::agent::report::{IncidentReport, Verdict};
use incident_harness::agent::{self, Alert, Case, Trajectory};
use incident_harness::data::archive::Archive;
use incident_harness::data::ticket::{Column, TicketTable};
use incident_harness::data::{Change, ChangeKind};
use incident_harness::name::IncidentId;
use incident_harness::scenario;
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth;
use incident_harness::time::{Grid, Step};
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY};
use rand::RngExt;
use serde_json::json;

const DAYS: usize = 70;
/// The day on which something changes.
const ONSET: usize = 63;
const PLATFORMS: [&str; 3] = ["web", "android", "ios"];
const COUNTRIES: [&str; 4] = ["US", "DE", "BR", "IN"];
const QUEUES: [&str; 4] = ["technical", "billing", "returns", "sales"];

/// Codes of a ticket's platform, country and queue.
type Ticket = [u16; 3];

/// Tickets at random, `a_bucket` of them on each bucket, as `edit` leaves them.
fn archive(step: Step, buckets: usize, a_bucket: usize, changes: Vec<Change>, edit: impl Fn(usize, &mut Vec<Ticket>)) -> Archive {
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), step, buckets);
    let mut rng = Seed::derive(["segment scan", "archive"]).rng();
    let column = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Column { name: name.to_owned(), values, codes: Vec::new() }
    };
    let mut table = TicketTable {
        grid: grid.clone(),
        recorded: vec![true; buckets],
        ids: Vec::new(),
        buckets: Vec::new(),
        seconds: Vec::new(),
        columns: vec![column("platform", &PLATFORMS), column("country", &COUNTRIES), column("queue", &QUEUES)],
        tag_names: Vec::new(),
        tags: Vec::new(),
    };
    for bucket in 0..buckets {
        let mut pick = |limit: usize| (rng.random::<f64>() * limit as f64) as u16;
        let count = a_bucket * 19 / 20 + usize::from(pick(a_bucket / 10 + 1));
        let mut rows: Vec<Ticket> = (0..count).map(|_| [pick(3), pick(4), pick(4)]).collect();
        edit(bucket, &mut rows);
        for (at, codes) in rows.iter().enumerate() {
            table.ids.push(table.ids.len() as u64 + 1);
            table.buckets.push(u32::try_from(bucket).expect("few buckets"));
            table.seconds.push(u32::try_from(at * 3_500 / rows.len()).expect("within an hour"));
            table.tags.push(0);
            table.columns.iter_mut().zip(codes).for_each(|(column, code)| column.codes.push(*code));
        }
    }
    let id = IncidentId::new("inc-1").expect("a name");
    Archive { id, grid, tickets: Some(Arc::new(table)), texts: None, activity: None, changes }
}

fn days(changes: Vec<Change>, edit: impl Fn(&mut Vec<Ticket>)) -> Archive {
    archive(Step::DAY, DAYS, 400, changes, |day, rows| {
        if day >= ONSET {
            edit(rows)
        }
    })
}

fn change(id: &str, kind: ChangeKind, platform: Option<&str>) -> Change {
    let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, DAYS);
    let at = grid.stamp(ONSET).checked_add(jiff::SignedDuration::from_hours(1)).expect("within the calendar");
    let platform = platform.map(str::to_owned);
    Change {
        id: id.to_owned(),
        kind,
        at,
        until: None,
        title: "A change".to_owned(),
        platform,
        version: None,
        regions: vec![],
        rollout: 1.0,
    }
}

fn investigate(archive: &Archive, since: usize, now: usize, calls: usize) -> Trajectory {
    let prepared = Prepared::new(archive.clone());
    let seen = AsOf::new(&prepared, archive.grid.end(now));
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls }, Seed::derive(["desk"]));
    let alert = Alert { series: vec!["tickets".to_owned()], since: archive.grid.label(since) };
    let case = Case { alert: Some(&alert), ..Case::default() };
    let agent = agent::build("segment-scan", &json!({})).expect("a known agent");
    agent::investigate(agent.as_ref(), &case, &mut desk).0
}

/// What is said three days after the onset.
fn report(archive: &Archive) -> IncidentReport {
    investigate(archive, ONSET, ONSET + 3, 300).report.expect("a report")
}

fn scope(report: &IncidentReport) -> Vec<(&str, &str)> {
    report.ranking[0].scope.iter().map(|(dimension, value)| (dimension.as_str(), value.as_str())).collect()
}

/// The kind and the change of the harmless explanation of a report without a fault.
fn harmless(report: &IncidentReport) -> (Verdict, &str, Option<&str>) {
    let benign = report.benign.as_ref();
    (report.verdict, benign.map_or("none", |benign| benign.kind.as_str()), benign.and_then(|benign| benign.change.as_deref()))
}

#[test]
fn a_queue_that_shows_the_trouble_of_a_platform_is_not_its_scope() {
    let crash = days(vec![], |rows| rows.extend((0..160).map(|at| [1, at % 4, if at % 5 == 0 { 1 + at % 3 } else { 0 }])));
    let report = report(&crash);
    assert_eq!(report.verdict, Verdict::Fault);
    assert_eq!(scope(&report), [("platform", "android")]);
}

#[test]
fn a_queue_that_alone_is_flooded_is_the_scope() {
    let flood = days(vec![], |rows| rows.extend((0..160).map(|at| [at % 3, at % 4, 0])));
    assert_eq!(scope(&report(&flood)), [("queue", "technical")]);
}

#[test]
fn trouble_of_everybody_has_no_scope() {
    let outage = days(vec![], |rows| rows.extend((0..300).map(|at| [at % 3, at / 3 % 4, at / 12 % 4])));
    let report = report(&outage);
    assert_eq!((report.verdict, report.ranking[0].kind.as_str()), (Verdict::Fault, "dependency_failure"));
    assert!(scope(&report).is_empty());
}

#[test]
fn tickets_filed_under_another_queue_are_no_fault() {
    let filed = |rows: &mut Vec<Ticket>| rows.iter_mut().filter(|row| row[2] == 0 && row[1] != 0).for_each(|row| row[2] = 1);
    let form = change("chg-form", ChangeKind::ConfigChange, None);
    assert_eq!(harmless(&report(&days(vec![form], filed))), (Verdict::NoFault, "taxonomy_change", Some("chg-form")));
    assert_eq!(harmless(&report(&days(vec![], filed))), (Verdict::NoFault, "taxonomy_change", None), "a form that nobody announced");
}

#[test]
fn users_who_change_their_platform_are_no_fault() {
    let moved = days(vec![], |rows| {
        let web = rows.iter_mut().filter(|row| row[0] == 0).enumerate();
        web.filter(|(at, _)| at % 2 == 0).for_each(|(at, row)| row[0] = if at % 4 == 0 { 1 } else { 2 });
    });
    assert_eq!(harmless(&report(&moved)), (Verdict::NoFault, "mix_shift", None));
}

#[test]
fn a_version_that_users_take_up_is_not_blamed_for_the_tickets_they_bring_along() {
    let scenarios = scenario::load_folder(Path::new("scenarios/decoy_deployment/version-without-effect.yaml")).expect("a scenario");
    for seed in 0..4 {
        let archive = synth::archive(&scenarios[0], SeedRole::Dev, seed).expect("an archive");
        let grid = archive.grid.clone();
        let release = archive.changes.iter().find(|change| change.kind == ChangeKind::Deployment).expect("a release");
        let day = (0..grid.len()).rfind(|day| grid.stamp(*day) <= release.at).expect("within the calendar");
        let trajectory = investigate(&archive, day + 1, day + 3, 300);
        let ranking = trajectory.report.expect("a report").ranking;
        assert!(ranking.first().is_none_or(|top| !top.scope.contains_key("app_version")), "seed {seed}: {ranking:?}");
    }
}

#[test]
fn a_release_after_which_nothing_moves_is_named_and_not_blamed() {
    let calm = days(vec![change("chg-calm", ChangeKind::Deployment, Some("android"))], |_| {});
    assert_eq!(harmless(&report(&calm)), (Verdict::NoFault, "decoy_deployment", Some("chg-calm")));
}

#[test]
fn a_campaign_explains_more_tickets_of_everybody_and_not_those_of_one_platform() {
    let campaign = || vec![change("chg-campaign", ChangeKind::Campaign, None)];
    let busy = days(campaign(), |rows| rows.extend((0..120).map(|at| [at % 3, at / 3 % 4, at / 12 % 4])));
    assert_eq!(harmless(&report(&busy)), (Verdict::NoFault, "campaign", Some("chg-campaign")));
    let crash = days(campaign(), |rows| rows.extend((0..120).map(|at| [1, at % 4, at / 4 % 4])));
    assert_eq!(report(&crash).verdict, Verdict::Fault);
}

#[test]
fn a_page_at_an_hour_is_held_against_the_same_hour_of_other_days() {
    let hour = (DAYS - 3) * 24 + 10;
    let busy_days = |bucket: usize, rows: &mut Vec<Ticket>| {
        // Nights are calm: an hour of the day says nothing held against whole days.
        if bucket % 24 < 8 {
            rows.truncate(5);
        }
        if bucket >= hour {
            rows.extend((0..60).map(|at| [at % 3, 2, at / 3 % 4]));
        }
    };
    let outage = archive(Step::HOUR, DAYS * 24, 60, vec![], busy_days);
    let trajectory = investigate(&outage, hour, hour, 300);
    let report = trajectory.report.expect("a report");
    assert_eq!(scope(&report), [("country", "BR")]);
    assert!(report.executive_summary.contains("on 2024-03-08 between 10:00 and 11:00"), "{}", report.executive_summary);
    let night = hour - 8;
    let calm = investigate(&outage, night, night, 300).report.expect("a report");
    assert_eq!(calm.verdict, Verdict::NoFault, "a calm night is like other nights");
}
