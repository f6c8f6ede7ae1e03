//! What arrives after *now* changes no byte of anything an agent asks, is told or concludes: every tool, every agent, tickets, activity and
//! changes.

use std::sync::{Arc, LazyLock};

use incident_harness::agent::{self, Alert, Case};
use incident_harness::data::Change;
use incident_harness::data::activity::ActivityTable;
use incident_harness::data::archive::Archive;
use incident_harness::data::ticket::{Column, TicketTable};
use incident_harness::scenario::Scenario;
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth;
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, Zoned};
use proptest::prelude::*;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// A crash in users and tickets, a harmless release, a campaign that ends, and days without records.
const INCIDENT: &str = "
format: 1
id: future
title: Future
calendar: {start: 2024-01-08, length: 56d, train: 40d, step: 1d}
tickets: {rate: 40, dispersion: poisson}
activity: {users: 150, signups: 3, retention: {day_1: 0.6, day_7: 0.5, day_30: 0.4}, sessions: 1.5, events: 6}
faults:
  - deployment:
      onset: 6
      shape: shift
      scope: {platform: android, app_version: 5.2.0}
      multiplier: 8
      version: 5.2.0
      activity: {sessions: 0.2}
benign:
  - decoy_deployment: {onset: 4, platform: ios, version: 5.1.5}
  - campaign: {onset: 2, duration: 7d, multiplier: 1.2}
  - logging_outage: {onset: 1, duration: 1d}
watch: [tickets, dau]
";

static ARCHIVE: LazyLock<Archive> = LazyLock::new(|| {
    let scenario = Scenario::parse(INCIDENT, "future.yaml", "future.yaml").expect("good");
    synth::archive(&scenario, SeedRole::Dev, 0).expect("small")
});
static PREPARED: LazyLock<Prepared> = LazyLock::new(|| Prepared::new(ARCHIVE.clone()));

/// The days on which an agent may be sent: a quiet one, those around the faults, the last.
const DAYS: std::ops::Range<usize> = 38..56;

/// One draw in `of`.
fn one_in(rng: &mut ChaCha8Rng, of: u32) -> bool {
    rng.random_range(0..of) == 0
}

/// Another code, of the values there are and of one that nobody has yet.
fn recoded(column: &Column, rng: &mut ChaCha8Rng) -> u16 {
    rng.random_range(0..u16::try_from(column.values.len()).expect("few values"))
}

/// A column whose dictionary has one more value and stands in reverse: the order of a dictionary comes from the whole file.
fn widened(column: &mut Column) {
    column.values.push("arrives-later".to_owned());
    column.values.reverse();
    let last = u16::try_from(column.values.len() - 1).expect("few values");
    column.codes.iter_mut().for_each(|code| *code = last - *code);
}

/// Where a row stands: bucket and second.
type Place = (u32, u32);

/// Places from `now` on in buckets that are still recorded.
fn later(first: Place, recorded: &[bool], rng: &mut ChaCha8Rng) -> Vec<Place> {
    let buckets = u32::try_from(recorded.len()).expect("few buckets");
    let place = |rng: &mut ChaCha8Rng| (rng.random_range(first.0.min(buckets - 1)..buckets), rng.random_range(0..86_400));
    (0..60).map(|_| place(rng)).filter(|place| *place >= first && recorded[place.0 as usize]).collect()
}

/// Days that begin at `now` or later lose their records now and then.
fn silenced(recorded: &mut [bool], first: Place, rng: &mut ChaCha8Rng) {
    let begun = |bucket: usize| (u32::try_from(bucket).expect("few buckets"), 0) < first;
    for (_, recorded) in recorded.iter_mut().enumerate().filter(|(bucket, _)| !begun(*bucket)) {
        *recorded &= !one_in(rng, 5);
    }
}

fn other_tickets(table: &mut TicketTable, first: Place, rng: &mut ChaCha8Rng) {
    table.columns.iter_mut().for_each(widened);
    table.tag_names.insert(0, "arrives-later".to_owned());
    table.tags.iter_mut().for_each(|tags| *tags <<= 1);
    silenced(&mut table.recorded, first, rng);
    let mut rows: Vec<(Place, u64, u64, Vec<u16>)> = Vec::new();
    for row in 0..table.len() {
        let place = (table.buckets[row], table.seconds[row]);
        let mut codes: Vec<u16> = table.columns.iter().map(|column| column.codes[row]).collect();
        if place >= first {
            if one_in(rng, 3) || !table.recorded[place.0 as usize] {
                continue;
            }
            codes.iter_mut().zip(&table.columns).for_each(|(code, column)| *code = recoded(column, rng));
        }
        rows.push((place, table.ids[row], table.tags[row], codes));
    }
    for place in later(first, &table.recorded, rng) {
        rows.push((place, u64::MAX, 1, table.columns.iter().map(|column| recoded(column, rng)).collect()));
    }
    rows.sort_by_key(|row| (row.0, row.1));
    let seen = rows.iter().filter(|row| row.0 < first).map(|row| row.1).max().unwrap_or(0);
    table.ids = (0..).zip(&rows).map(|(at, row)| if row.0 < first { row.1 } else { seen + 1 + at }).collect();
    table.buckets = rows.iter().map(|row| row.0.0).collect();
    table.seconds = rows.iter().map(|row| row.0.1).collect();
    table.tags = rows.iter().map(|row| row.2).collect();
    for (at, column) in table.columns.iter_mut().enumerate() {
        column.codes = rows.iter().map(|row| row.3[at]).collect();
    }
}

fn other_activity(table: &mut ActivityTable, first: Place, rng: &mut ChaCha8Rng) {
    table.users.columns.iter_mut().for_each(widened);
    widened(&mut table.version);
    silenced(&mut table.recorded, first, rng);
    // Whoever signs up once the day of `now` has begun is not in any cohort yet.
    for user in 0..5 {
        table.users.ids.push(10_000_000 + user);
        table.users.signup.push(i32::try_from(first.0).expect("few days") + rng.random_range(0..3));
        for column in &mut table.users.columns {
            let code = recoded(column, rng);
            column.codes.push(code);
        }
    }
    let users = u32::try_from(table.users.ids.len()).expect("few users");
    let mut rows: Vec<(Place, u32, u16, u16)> = Vec::new();
    for row in 0..table.len() {
        let place = (table.day[row], table.second[row]);
        let mut kept = (place, table.user[row], table.events[row], table.version.codes[row]);
        if place >= first {
            if one_in(rng, 3) || !table.recorded[place.0 as usize] {
                continue;
            }
            kept = (place, rng.random_range(0..users), rng.random_range(0..50), recoded(&table.version, rng));
        }
        rows.push(kept);
    }
    for place in later(first, &table.recorded, rng) {
        rows.push((place, rng.random_range(0..users), 9, recoded(&table.version, rng)));
    }
    rows.sort_by_key(|row| row.0);
    table.day = rows.iter().map(|row| row.0.0).collect();
    table.second = rows.iter().map(|row| row.0.1).collect();
    table.user = rows.iter().map(|row| row.1).collect();
    table.events = rows.iter().map(|row| row.2).collect();
    table.version.codes = rows.iter().map(|row| row.3).collect();
}

fn other_changes(changes: &mut Vec<Change>, now: &Zoned, rng: &mut ChaCha8Rng) {
    let after = |rng: &mut ChaCha8Rng| now.saturating_add(SignedDuration::from_secs(rng.random_range(0..900_000)));
    changes.retain(|change| change.at < *now || !one_in(rng, 2));
    for change in changes.iter_mut() {
        if change.until.as_ref().is_none_or(|until| until >= now) {
            change.until = (!one_in(rng, 3)).then(|| after(rng));
        }
        if change.at >= *now {
            change.at = after(rng);
            change.title = "something else".to_owned();
            change.platform = Some("arrives-later".to_owned());
        }
    }
    if let Some(like) = changes.first().cloned() {
        changes.push(Change { id: "chg-later".to_owned(), at: after(rng), until: None, ..like });
    }
    changes.sort_by_key(|change| change.at.timestamp());
}

/// The same archive up to `now`, and anything after it.
fn other_future(archive: &Archive, now: &Zoned, first: Place, seed: u64) -> Archive {
    let rng = &mut Seed::derive(["future", &seed.to_string()]).rng();
    let mut other = archive.clone();
    other_tickets(Arc::make_mut(other.tickets.as_mut().expect("tickets")), first, rng);
    other_activity(Arc::make_mut(other.activity.as_mut().expect("activity")), first, rng);
    other_changes(&mut other.changes, now, rng);
    other
}

/// Every tool with several arguments, about the past, around *now* and after it.
fn calls(today: Date) -> Vec<(&'static str, Value)> {
    let day = |offset: i64| today.saturating_add(jiff::Span::new().days(offset)).to_string();
    let range = |from: i64, to: i64| json!({"from": day(from), "to": day(to)});
    let mut calls = Vec::new();
    for metric in ["tickets", "dau", "wau", "events_per_user"] {
        for (from, to) in [(-30, 0), (-8, 20), (0, 0), (1, 9)] {
            calls.push(("query_metric", json!({"metric": metric, "range": range(from, to)})));
        }
        let [filters, later] = [json!({"platform": "android"}), json!({"platform": "arrives-later"})];
        for filters in [filters.clone(), later] {
            calls.push(("query_metric", json!({"metric": metric, "range": range(-9, 3), "group_by": ["platform"], "filters": filters})));
        }
        calls.push(("query_metric", json!({"metric": metric, "range": range(-3, 1), "group_by": ["country", "app_version"]})));
        for dimension in ["platform", "app_version", "country", "queue"] {
            let arguments = json!({"metric": metric, "dimension": dimension, "range": range(-1, 5), "baseline_range": range(-15, -2)});
            calls.push(("segment_by_dimension", arguments));
        }
        for test in ["welch", "mann_whitney"] {
            let treatment = filters.clone();
            let arguments =
                json!({"metric": metric, "control_filters": {}, "treatment_filters": treatment, "range": range(-9, 4), "test": test});
            calls.push(("statistical_test", arguments));
        }
    }
    for (from, to) in [(-50, 50), (0, 0), (-2, 1)] {
        calls.push(("check_deployments", json!({"range": range(from, to)})));
        calls.push(("check_deployments", json!({"range": range(from, to), "platform": "android"})));
        calls.push(("check_deployments", json!({"range": range(from, to), "platform": "arrives-later"})));
    }
    for cohort in [-20, -8, -1, 0, 1] {
        calls.push(("analyze_retention", json!({"cohort_date": day(cohort), "days": [1, 7, 8, 19]})));
        calls.push(("analyze_retention", json!({"cohort_date": day(cohort), "filters": {"platform": "android"}})));
    }
    for date in [-8, -1, 0, 1] {
        calls.push(("fetch_ticket_stats", json!({"date": day(date)})));
        for strategy in ["random", "recent", "diverse"] {
            calls.push(("fetch_ticket_samples", json!({"date": day(date), "limit": 9, "strategy": strategy})));
        }
    }
    calls
}

fn told(prepared: &Prepared, now: &Zoned) -> Vec<String> {
    let seen = AsOf::new(prepared, now.clone());
    let calls = calls(now.date());
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: calls.len() }, Seed::derive(["desk"]));
    calls.into_iter().for_each(|(tool, arguments)| drop(desk.call(tool, arguments)));
    desk.calls().iter().map(|call| serde_json::to_string(call).expect("a call is plain data")).collect()
}

fn concluded(prepared: &Prepared, now: &Zoned, agent: &agent::Entry, reason: usize) -> String {
    let seen = AsOf::new(prepared, now.clone());
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 200 }, Seed::derive(["desk"]));
    let alert = |series: &str| Alert { series: vec![series.to_owned()], since: now.date().to_string() };
    let [tickets, users] = [alert("tickets"), alert("dau")];
    let case = match reason {
        0 => Case { alert: Some(&tickets), ..Case::default() },
        1 => Case { alert: Some(&users), ..Case::default() },
        _ => Case { question: Some("What happened to our users and their tickets?"), ..Case::default() },
    };
    let built = (agent.build)(&json!({})).expect("defaults are valid");
    let (trajectory, _) = agent::investigate(built.as_ref(), &case, &mut desk);
    serde_json::to_string(&trajectory).expect("a trajectory is plain data")
}

fn instant(day: usize, second: u32) -> (Zoned, Place) {
    let now = ARCHIVE.grid.stamp(day).saturating_add(SignedDuration::from_secs(second.into()));
    (now, (u32::try_from(day).expect("few days"), second))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_byte_of_any_trajectory_knows_the_future(
        day in DAYS, second in prop_oneof![Just(0_u32), 1_u32..86_400], seed in any::<u64>(), reason in 0_usize..3,
    ) {
        let (now, first) = instant(day, second);
        let other = Prepared::new(other_future(&ARCHIVE, &now, first, seed));
        for (one, other) in told(&PREPARED, &now).iter().zip(told(&other, &now)) {
            prop_assert_eq!(one, &other);
        }
        for agent in agent::deterministic() {
            let (one, other) = (concluded(&PREPARED, &now, agent, reason), concluded(&other, &now, agent, reason));
            prop_assert_eq!(one, other, "{}", agent.name);
        }
    }
}

#[test]
fn the_other_future_is_seen_by_every_tool_and_by_the_scan_once_it_has_come() {
    let (now, first) = instant(44, 0);
    let other = Prepared::new(other_future(&ARCHIVE, &now, first, 1));
    let end = ARCHIVE.grid.end(ARCHIVE.grid.len() - 1);
    let pairs: Vec<(String, String)> = told(&PREPARED, &end).into_iter().zip(told(&other, &end)).collect();
    for tool in REGISTRY {
        let name = format!("\"tool\":\"{}\"", tool.name());
        assert!(pairs.iter().any(|(one, other)| one.contains(&name) && one != other), "{} never sees it", tool.name());
    }
    let scan = agent::REGISTRY.iter().find(|agent| agent.name == "segment-scan").expect("it is registered");
    assert_ne!(concluded(&PREPARED, &end, scan, 0), concluded(&other, &end, scan, 0));
}

#[test]
fn a_record_of_the_very_instant_of_now_is_not_seen() {
    let table = ARCHIVE.tickets.as_ref().expect("tickets");
    let row = table.len() / 2;
    let at = ARCHIVE.grid.stamp(table.buckets[row] as usize).timestamp() + SignedDuration::from_secs(table.seconds[row].into());
    let count = |now: Timestamp| {
        let seen = AsOf::new(&PREPARED, now.to_zoned(ARCHIVE.grid.stamp(0).time_zone().clone()));
        let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 1 }, Seed::derive(["desk"]));
        let range = json!({"from": "2024-01-08", "to": "2024-03-03"});
        let (_, reply) = desk
            .ask::<incident_harness::tool::reply::QueryMetric>("query_metric", json!({"metric": "tickets", "range": range}))
            .expect("good");
        reply.value.expect("recorded") as usize
    };
    let before = |limit: Timestamp| {
        let at =
            |row: usize| ARCHIVE.grid.stamp(table.buckets[row] as usize).timestamp() + SignedDuration::from_secs(table.seconds[row].into());
        (0..table.len()).filter(|&row| at(row) < limit).count()
    };
    let next = at + SignedDuration::from_secs(1);
    assert_eq!((count(at), count(next)), (before(at), before(next)));
    assert!(count(at) < count(next));
}
