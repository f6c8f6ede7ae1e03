//! Time of one call of each tool: over the classic incident of 1.4 million events (50,000 users, eight days), over as many sessions of one
//! event each, which is the worst case, and over a desk of 20,000 tickets in nine months.
//!
//! `cargo bench --bench tools`

use std::path::Path;
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use incident_harness::data::activity::{ActivityTable, Users};
use incident_harness::data::archive::Archive;
use incident_harness::data::ticket::{Column, TicketTable};
use incident_harness::name::IncidentId;
use incident_harness::scenario::load_folder;
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth;
use incident_harness::time::{Grid, Step};
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY, ToolReply};
use rand::{Rng, RngExt};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

const USERS: u32 = 50_000;
const WEEK: u32 = 8;
const TICKETS: u32 = 20_000;
const MONTHS: u32 = 273;

static EVENTS: LazyLock<Prepared> = LazyLock::new(|| Prepared::new(archive(None, Some(activity()))));
static DESK: LazyLock<Prepared> = LazyLock::new(|| Prepared::new(archive(Some(tickets()), None)));

static CLASSIC: LazyLock<Prepared> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/classic/android-crash-2026.yaml");
    let scenarios = load_folder(&file).expect("a good file");
    Prepared::new(synth::archive(&scenarios[0], SeedRole::Dev, 0).expect("it can be generated"))
});

/// A call by its number in [`CALLS`], so that one function times them all and the table has a row for each.
struct Named {
    name: &'static str,
    tool: &'static str,
    arguments: fn(&Days) -> Value,
}

/// The days of the classic incident, as tools take them.
struct Days {
    all: Value,
    before: Value,
    last: Value,
    first_day: String,
    last_day: String,
}

impl Days {
    fn of(prepared: &Prepared) -> Self {
        let end = prepared_end(prepared);
        let seen = AsOf::new(prepared, end);
        let (first, last) = seen.days().expect("there are days");
        let before = last.yesterday().expect("in range");
        let range = |from: jiff::civil::Date, to: jiff::civil::Date| json!({"from": from.to_string(), "to": to.to_string()});
        Self {
            all: range(first, last),
            before: range(first, before),
            last: range(last, last),
            first_day: first.to_string(),
            last_day: last.to_string(),
        }
    }
}

macro_rules! calls {
    ($($name:literal: $tool:literal, |$days:ident| $arguments:tt;)*) => {
        &[$(Named { name: $name, tool: $tool, arguments: |$days| json!($arguments) }),*]
    };
}

/// Every tool in every way it can be slow.
const CALLS: &[Named] = calls! {
    "query tickets": "query_metric", |d| {"metric": "tickets", "range": d.all};
    "query tickets by 2": "query_metric", |d| {"metric": "tickets", "range": d.all, "group_by": ["platform", "country"]};
    "query dau": "query_metric", |d| {"metric": "dau", "range": d.all};
    "query dau filtered": "query_metric", |d| {"metric": "dau", "range": d.all, "filters": {"platform": "android", "country": ["US", "DE"]}};
    "query dau by 2": "query_metric", |d| {"metric": "dau", "range": d.all, "group_by": ["platform", "country"]};
    "query dau by version": "query_metric", |d| {"metric": "dau", "range": d.all, "group_by": ["platform", "app_version"]};
    "query dau by 2 filtered": "query_metric", |d| {"metric": "dau", "range": d.all, "group_by": ["country", "app_version"], "filters": {"platform": "android"}};
    "query wau": "query_metric", |d| {"metric": "wau", "range": d.all};
    "query wau filtered": "query_metric", |d| {"metric": "wau", "range": d.all, "filters": {"platform": "android", "country": ["US", "DE"]}};
    "query wau by 2": "query_metric", |d| {"metric": "wau", "range": d.all, "group_by": ["platform", "country"]};
    "query wau by version": "query_metric", |d| {"metric": "wau", "range": d.all, "group_by": ["platform", "app_version"]};
    "query wau by 2 filtered": "query_metric", |d| {"metric": "wau", "range": d.all, "group_by": ["country", "app_version"], "filters": {"platform": "android"}};
    "query events": "query_metric", |d| {"metric": "events_per_user", "range": d.all};
    "query events filtered": "query_metric", |d| {"metric": "events_per_user", "range": d.all, "filters": {"platform": "android", "country": ["US", "DE"]}};
    "query events by 2": "query_metric", |d| {"metric": "events_per_user", "range": d.all, "group_by": ["platform", "country"]};
    "query events by version": "query_metric", |d| {"metric": "events_per_user", "range": d.all, "group_by": ["platform", "app_version"]};
    "segment tickets": "segment_by_dimension", |d| {"metric": "tickets", "dimension": "platform", "range": d.last, "baseline_range": d.before};
    "segment dau": "segment_by_dimension", |d| {"metric": "dau", "dimension": "app_version", "range": d.last, "baseline_range": d.before};
    "segment wau": "segment_by_dimension", |d| {"metric": "wau", "dimension": "app_version", "range": d.last, "baseline_range": d.before};
    "segment events": "segment_by_dimension", |d| {"metric": "events_per_user", "dimension": "app_version", "range": d.last, "baseline_range": d.before};
    "retention": "analyze_retention", |d| {"cohort_date": d.first_day};
    "retention filtered": "analyze_retention", |d| {"cohort_date": d.first_day, "filters": {"platform": "android", "country": "IN"}};
    "welch dau": "statistical_test", |d| {"metric": "dau", "control_filters": {"platform": "ios"}, "treatment_filters": {"platform": "android"}, "range": d.all, "test": "welch"};
    "mann-whitney dau": "statistical_test", |d| {"metric": "dau", "control_filters": {"platform": "ios"}, "treatment_filters": {"platform": "android"}, "range": d.all, "test": "mann_whitney"};
    "welch wau": "statistical_test", |d| {"metric": "wau", "control_filters": {"platform": "ios"}, "treatment_filters": {"platform": "android"}, "range": d.all, "test": "welch"};
    "welch events": "statistical_test", |d| {"metric": "events_per_user", "control_filters": {}, "treatment_filters": {"platform": "android"}, "range": d.all, "test": "welch"};
    "mann-whitney events": "statistical_test", |d| {"metric": "events_per_user", "control_filters": {}, "treatment_filters": {"platform": "android"}, "range": d.all, "test": "mann_whitney"};
    "changes": "check_deployments", |d| {"range": d.all};
    "stats": "fetch_ticket_stats", |d| {"date": d.last_day};
    "samples random": "fetch_ticket_samples", |d| {"date": d.last_day, "strategy": "random"};
    "samples diverse": "fetch_ticket_samples", |d| {"date": d.last_day, "strategy": "diverse"};
};

#[divan::bench(args = CALLS.iter().map(|call| call.name))]
fn classic(bencher: Bencher<'_, '_>, name: &str) {
    let named = CALLS.iter().find(|call| call.name == name).expect("a name of the list");
    call(bencher, &CLASSIC, named.tool, &(named.arguments)(&Days::of(&CLASSIC)));
}

fn archive(tickets: Option<TicketTable>, activity: Option<ActivityTable>) -> Archive {
    let grid = tickets.as_ref().map(|table| table.grid.clone()).or(activity.as_ref().map(|table| table.grid.clone()));
    Archive {
        id: IncidentId::new("bench").expect("a good id"),
        grid: grid.expect("one of the tables"),
        tickets: tickets.map(Arc::new),
        texts: None,
        activity: activity.map(Arc::new),
        changes: Vec::new(),
    }
}

fn days(len: u32) -> Grid {
    Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, len as usize)
}

fn column(name: &str, values: u16, rows: u32, rng: &mut impl Rng) -> Column {
    let names = (0..values).map(|value| format!("{name}-{value}")).collect();
    Column { name: name.to_owned(), values: names, codes: (0..rows).map(|_| rng.random_range(0..values)).collect() }
}

/// Every user has three or four sessions of one event a day: 1.4 million rows, each an event.
fn activity() -> ActivityTable {
    let rng = &mut Seed::derive(["bench", "activity"]).rng();
    let mut rows: Vec<(u32, u32, u32)> = Vec::new();
    for day in 0..WEEK {
        for user in 0..USERS {
            rows.extend((0..3 + (user + day) % 2).map(|_| (day, rng.random_range(0..86_400), user)));
        }
    }
    rows.sort_unstable();
    let len = u32::try_from(rows.len()).expect("1.4 million");
    ActivityTable {
        grid: days(WEEK),
        recorded: vec![true; WEEK as usize],
        users: Users {
            ids: (0..u64::from(USERS)).collect(),
            columns: vec![column("platform", 3, USERS, rng), column("country", 12, USERS, rng), column("tier", 3, USERS, rng)],
            signup: (0..USERS).map(|user| -((user % 90) as i32) + 3).collect(),
        },
        user: rows.iter().map(|row| row.2).collect(),
        day: rows.iter().map(|row| row.0).collect(),
        second: rows.iter().map(|row| row.1).collect(),
        events: vec![1; rows.len()],
        version: column("app_version", 6, len, rng),
    }
}

fn tickets() -> TicketTable {
    let rng = &mut Seed::derive(["bench", "tickets"]).rng();
    let mut at: Vec<(u32, u32)> = (0..TICKETS).map(|_| (rng.random_range(0..MONTHS), rng.random_range(0..86_400))).collect();
    at.sort_unstable();
    let columns =
        [("queue", 6), ("priority", 4), ("type", 4), ("language", 2), ("product", 5), ("platform", 3), ("country", 12), ("app_version", 9)];
    TicketTable {
        grid: days(MONTHS),
        recorded: vec![true; MONTHS as usize],
        ids: (0..u64::from(TICKETS)).collect(),
        buckets: at.iter().map(|at| at.0).collect(),
        seconds: at.iter().map(|at| at.1).collect(),
        columns: columns.into_iter().map(|(name, values)| column(name, values, TICKETS, rng)).collect(),
        tag_names: (0..8).map(|tag| format!("tag-{tag}")).collect(),
        tags: (0..TICKETS).map(|_| rng.random_range(0..256)).collect(),
    }
}

fn call(bencher: Bencher<'_, '_>, prepared: &Prepared, tool: &str, arguments: &Value) {
    let seen = AsOf::new(prepared, prepared_end(prepared));
    bencher.bench_local(|| {
        let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 1 }, Seed::derive(["bench"]));
        let reply = desk.call(tool, arguments.clone());
        assert!(matches!(reply, ToolReply::Data(_)), "{reply:?}");
        reply
    });
}

fn prepared_end(prepared: &Prepared) -> jiff::Zoned {
    let far = AsOf::new(prepared, "2030-01-01T00:00[UTC]".parse().expect("an instant"));
    far.grid().end(far.grid().len() - 1)
}

fn week() -> Value {
    json!({"from": "2024-01-01", "to": "2024-01-08"})
}

#[divan::bench(args = ["dau", "wau", "events_per_user"])]
fn events_query(bencher: Bencher<'_, '_>, metric: &str) {
    call(bencher, &EVENTS, "query_metric", &json!({"metric": metric, "range": week(), "filters": {"platform": "platform-1"}}));
}

#[divan::bench(args = ["dau", "wau", "events_per_user"])]
fn events_query_all(bencher: Bencher<'_, '_>, metric: &str) {
    call(bencher, &EVENTS, "query_metric", &json!({"metric": metric, "range": week()}));
}

#[divan::bench(args = ["country", "app_version"])]
fn events_segment(bencher: Bencher<'_, '_>, dimension: &str) {
    let baseline = json!({"from": "2024-01-01", "to": "2024-01-07"});
    let range = json!({"from": "2024-01-08", "to": "2024-01-08"});
    let arguments = json!({"metric": "dau", "dimension": dimension, "range": range, "baseline_range": baseline});
    call(bencher, &EVENTS, "segment_by_dimension", &arguments);
}

#[divan::bench]
fn events_test(bencher: Bencher<'_, '_>) {
    let arguments = json!({"metric": "dau", "control_filters": {"platform": "platform-0"}, "treatment_filters": {"platform": "platform-1"}, "range": week()});
    call(bencher, &EVENTS, "statistical_test", &arguments);
}

#[divan::bench]
fn events_retention(bencher: Bencher<'_, '_>) {
    call(bencher, &EVENTS, "analyze_retention", &json!({"cohort_date": "2024-01-01", "filters": {"platform": "platform-1"}}));
}

#[divan::bench]
fn tickets_query_year(bencher: Bencher<'_, '_>) {
    let range = json!({"from": "2024-01-01", "to": "2024-09-29"});
    call(bencher, &DESK, "query_metric", &json!({"metric": "tickets", "range": range, "filters": {"queue": "queue-1"}}));
}

#[divan::bench]
fn tickets_query_groups(bencher: Bencher<'_, '_>) {
    let range = json!({"from": "2024-09-01", "to": "2024-09-29"});
    call(bencher, &DESK, "query_metric", &json!({"metric": "tickets", "range": range, "group_by": ["queue", "platform"]}));
}

#[divan::bench]
fn tickets_segment(bencher: Bencher<'_, '_>) {
    let baseline = json!({"from": "2024-08-26", "to": "2024-09-22"});
    let range = json!({"from": "2024-09-23", "to": "2024-09-29"});
    call(
        bencher,
        &DESK,
        "segment_by_dimension",
        &json!({"metric": "tickets", "dimension": "country", "range": range, "baseline_range": baseline}),
    );
}

#[divan::bench]
fn tickets_stats(bencher: Bencher<'_, '_>) {
    call(bencher, &DESK, "fetch_ticket_stats", &json!({"date": "2024-09-29"}));
}

#[divan::bench(args = ["random", "recent", "diverse"])]
fn tickets_samples(bencher: Bencher<'_, '_>, strategy: &str) {
    call(bencher, &DESK, "fetch_ticket_samples", &json!({"date": "2024-09-29", "strategy": strategy}));
}

#[divan::bench]
fn tickets_changes(bencher: Bencher<'_, '_>) {
    call(bencher, &DESK, "check_deployments", &json!({"range": {"from": "2024-09-01", "to": "2024-09-29"}}));
}

#[divan::bench]
fn tickets_test(bencher: Bencher<'_, '_>) {
    let range = json!({"from": "2024-09-01", "to": "2024-09-29"});
    let arguments =
        json!({"metric": "tickets", "control_filters": {"queue": "queue-0"}, "treatment_filters": {"queue": "queue-1"}, "range": range});
    call(bencher, &DESK, "statistical_test", &arguments);
}

#[divan::bench]
fn prepare_events(bencher: Bencher<'_, '_>) {
    let archive = archive(None, Some(activity()));
    bencher.bench_local(|| Prepared::new(archive.clone()));
}

#[divan::bench]
fn prepare_tickets(bencher: Bencher<'_, '_>) {
    let archive = archive(Some(tickets()), None);
    bencher.bench_local(|| Prepared::new(archive.clone()));
}
