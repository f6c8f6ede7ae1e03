//! Tools: every number of a small archive checked by hand, what is refused and how, and that nothing after `now` can be seen.

use std::sync::Arc;

use incident_harness::data::activity::{ActivityTable, Users};
use incident_harness::data::archive::{Archive, Texts, TicketText};
use incident_harness::data::ticket::{Column, TicketTable};
use incident_harness::data::{Change, ChangeKind};
use incident_harness::name::IncidentId;
use incident_harness::seed::Seed;
use incident_harness::time::{Grid, Step};
use incident_harness::tool::reply::{
    AnalyzeRetention, CheckDeployments, QueryMetric, SegmentByDimension, StatisticalTest, TicketSamples, TicketStats,
};
use incident_harness::tool::{AsOf, AskError, Desk, Limits, Prepared, REGISTRY, Rejection, ToolReply};
use jiff::Zoned;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Day, second, queue, platform, tags.
#[derive(Debug, Clone)]
struct Ticket(u32, u32, &'static str, &'static str, u64);

/// User, day, second, events, version.
#[derive(Debug, Clone)]
struct Session(u32, u32, u32, u16, &'static str);

/// Platform and day of signup.
#[derive(Debug, Clone)]
struct User(&'static str, i32);

#[derive(Debug, Clone)]
struct Records {
    days: usize,
    tickets: Vec<Ticket>,
    users: Vec<User>,
    sessions: Vec<Session>,
    changes: Vec<Change>,
    /// Days without any record.
    silent: Vec<u32>,
    /// Whether dictionaries stand in reverse order.
    reversed: bool,
}

struct Numbered;

impl Texts for Numbered {
    fn text(&self, row: usize) -> TicketText {
        TicketText { subject: format!("subject {row}"), body: format!("body {row}") }
    }
}

fn column(name: &str, cells: Vec<&str>, reversed: bool) -> Column {
    let mut values: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
    values.sort_unstable();
    values.dedup();
    if reversed {
        values.reverse();
    }
    let code = |cell: &&str| u16::try_from(values.iter().position(|value| value == cell).expect("it was collected")).expect("few values");
    Column { name: name.to_owned(), codes: cells.iter().map(code).collect(), values }
}

impl Records {
    fn archive(mut self) -> Archive {
        let silent = self.silent.clone();
        self.tickets.retain(|ticket| !silent.contains(&ticket.0));
        self.sessions.retain(|session| !silent.contains(&session.1));
        self.tickets.sort_by_key(|ticket| (ticket.0, ticket.1));
        self.sessions.sort_by_key(|session| (session.1, session.2));
        let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, self.days);
        let recorded: Vec<bool> = (0..self.days).map(|day| !silent.iter().any(|silent| *silent as usize == day)).collect();
        let tickets = TicketTable {
            grid: grid.clone(),
            recorded: recorded.clone(),
            ids: (0..self.tickets.len() as u64).map(|row| 1000 + row).collect(),
            buckets: self.tickets.iter().map(|ticket| ticket.0).collect(),
            seconds: self.tickets.iter().map(|ticket| ticket.1).collect(),
            columns: vec![
                column("queue", self.tickets.iter().map(|ticket| ticket.2).collect(), self.reversed),
                column("platform", self.tickets.iter().map(|ticket| ticket.3).collect(), self.reversed),
            ],
            tag_names: vec!["crash".to_owned(), "refund".to_owned()],
            tags: self.tickets.iter().map(|ticket| ticket.4).collect(),
        };
        let activity = ActivityTable {
            grid: grid.clone(),
            recorded,
            users: Users {
                ids: (0..self.users.len() as u64).collect(),
                columns: vec![column("platform", self.users.iter().map(|user| user.0).collect(), self.reversed)],
                signup: self.users.iter().map(|user| user.1).collect(),
            },
            user: self.sessions.iter().map(|session| session.0).collect(),
            day: self.sessions.iter().map(|session| session.1).collect(),
            second: self.sessions.iter().map(|session| session.2).collect(),
            events: self.sessions.iter().map(|session| session.3).collect(),
            version: column("app_version", self.sessions.iter().map(|session| session.4).collect(), self.reversed),
        };
        Archive {
            id: IncidentId::new("i1").expect("a good id"),
            grid,
            tickets: Some(Arc::new(tickets)),
            texts: Some(Arc::new(Numbered)),
            activity: Some(Arc::new(activity)),
            changes: self.changes,
        }
    }
}

fn at(text: &str) -> Zoned {
    format!("{text}[UTC]").parse().expect("a valid instant")
}

fn change(id: &str, began: &str, until: Option<&str>, platform: Option<&str>) -> Change {
    Change {
        id: id.to_owned(),
        kind: ChangeKind::Deployment,
        at: at(began),
        until: until.map(at),
        title: format!("change {id}"),
        platform: platform.map(str::to_owned),
        version: None,
        regions: Vec::new(),
        rollout: 1.0,
    }
}

/// Twelve days. Two billing tickets and one login ticket a day; on day 10 six more billing tickets from Android. Day 3 has no records.
/// User 0 comes daily with two sessions, user 1 on days 0 and 7 only, user 2 (iOS) from day 5 on; 2.0 exists from day 9.
fn small() -> Archive {
    let mut tickets = Vec::new();
    let mut sessions = Vec::new();
    for day in 0..12 {
        tickets.push(Ticket(day, 3600, "billing", "ios", 0));
        tickets.push(Ticket(day, 7200, "billing", "android", 1));
        tickets.push(Ticket(day, 7300, "login", "web", 2));
        let version = if day < 9 { "1.0" } else { "2.0" };
        sessions.push(Session(0, day, 100, 3, version));
        sessions.push(Session(0, day, 50_000, 1, version));
        if day == 0 || day == 7 {
            sessions.push(Session(1, day, 200, 10, "1.0"));
        }
        if day >= 5 {
            sessions.push(Session(2, day, 300, 2, "1.0"));
        }
    }
    tickets.extend((0..6).map(|i| Ticket(10, 20_000 + i, "billing", "android", 1)));
    Records {
        days: 12,
        tickets,
        users: vec![User("android", -20), User("android", 0), User("ios", 5)],
        sessions,
        changes: vec![
            change("chg-a", "2024-01-02T10:00", Some("2024-01-03T10:00"), None),
            change("chg-b", "2024-01-10T09:00", Some("2024-01-20T00:00"), Some("android")),
            change("chg-c", "2024-01-10T12:00", None, Some("ios")),
            change("chg-d", "2024-01-12T00:00", None, Some("tv")),
        ],
        silent: vec![3],
        reversed: false,
    }
    .archive()
}

/// The end of day 10, in whose last hours nothing more happens.
const NOW: &str = "2024-01-12T00:00";

fn reply(archive: Archive, now: &str, tool: &str, arguments: Value) -> ToolReply {
    let prepared = Prepared::new(archive);
    let seen = AsOf::new(&prepared, at(now));
    Desk::new(&seen, REGISTRY, Limits { calls: 10 }, Seed::derive(["test"])).call(tool, arguments)
}

fn ask<T: DeserializeOwned>(tool: &str, arguments: Value) -> T {
    match reply(small(), NOW, tool, arguments) {
        ToolReply::Data(data) => serde_json::from_value(data).expect("the reply has its shape"),
        ToolReply::Rejected { why, hint } => panic!("{why} {hint:?}"),
    }
}

fn refused(tool: &str, arguments: Value) -> (String, Option<String>) {
    match reply(small(), NOW, tool, arguments) {
        ToolReply::Data(data) => panic!("{data}"),
        ToolReply::Rejected { why, hint } => (why, hint),
    }
}

fn range(from: u32, to: u32) -> Value {
    json!({"from": format!("2024-01-{:02}", from + 1), "to": format!("2024-01-{:02}", to + 1)})
}

#[test]
fn a_series_has_a_value_per_day_and_none_where_nothing_was_recorded() {
    let reply: QueryMetric = ask("query_metric", json!({"metric": "tickets", "range": range(2, 30)}));
    let values: Vec<Option<f64>> = reply.by_day.iter().map(|day| day.value).collect();
    assert_eq!(values, [3.0, -1.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 9.0].map(|n| (n >= 0.0).then_some(n)));
    assert_eq!((reply.range.from.as_str(), reply.range.to.as_str()), ("2024-01-03", "2024-01-11"));
    assert_eq!((reply.days, reply.value), (8, Some(30.0)));
}

/// Hours of January 2024.
fn hours(from: &str, to: &str) -> Value {
    json!({"from": format!("2024-01-{from}"), "to": format!("2024-01-{to}")})
}

#[test]
fn a_count_within_hours_is_the_number_of_its_rows() {
    let table = small().tickets.expect("it has tickets");
    let second = |stamp: &str| at(&format!("2024-01-{stamp}")).timestamp().as_second() - at("2024-01-01T00:00").timestamp().as_second();
    for (from, to) in [
        ("01T00:00", "01T01:00"),
        ("01T01:00", "01T02:00"),
        ("02T02:00", "02T02:01"),
        ("01T01:30", "06T02:01"),
        ("10T12:00", "11T05:34"),
        ("11T05:00", "11T06:00"),
        ("11T06:00", "11T23:59"),
    ] {
        let wanted = second(from)..second(to);
        let of = |queue: Option<&str>| {
            let inside = |row: &usize| wanted.contains(&(i64::from(table.buckets[*row]) * 86_400 + i64::from(table.seconds[*row])));
            let rows = (0..table.len()).filter(inside);
            rows.filter(|row| queue.is_none_or(|queue| table.columns[0].value(*row) == queue)).count() as f64
        };
        let reply: QueryMetric = ask("query_metric", json!({"metric": "tickets", "range": hours(from, to)}));
        assert_eq!(reply.value, Some(of(None)), "{from} to {to}");
        assert_eq!(reply.by_day.iter().filter_map(|day| day.value).sum::<f64>(), of(None), "{from} to {to}");
        assert_eq!((reply.range.from, reply.range.to), (format!("2024-01-{from}"), format!("2024-01-{to}")));
        let grouped: QueryMetric = ask("query_metric", json!({"metric": "tickets", "range": hours(from, to), "group_by": ["queue"]}));
        for group in &grouped.groups {
            assert_eq!(group.value, Some(of(Some(&group.group["queue"]))), "{from} to {to}");
        }
        assert_eq!(grouped.groups.iter().filter_map(|group| group.value).sum::<f64>(), of(None), "{from} to {to}");
    }
}

#[test]
fn the_end_of_a_range_with_times_is_left_out_and_a_date_is_a_whole_day() {
    let count = |from: &str, to: &str| {
        let reply: QueryMetric = ask("query_metric", json!({"metric": "tickets", "range": hours(from, to)}));
        reply.value
    };
    // Tickets of a day come at 1:00, 2:00 and 2:01:40.
    assert_eq!(count("05T01:00", "05T02:00"), Some(1.0));
    assert_eq!(count("05T01:00", "05T02:01"), Some(2.0));
    assert_eq!(count("05T02:01", "05T03:00"), Some(1.0));
    assert_eq!(count("05T01:30", "05"), Some(2.0));
    assert_eq!(count("05", "06T01:30"), Some(4.0));
    // Hours that end at midnight ask nothing of the day that begins then, recorded or not.
    assert_eq!(count("03T02:00", "04T00:00"), Some(2.0));
    assert_eq!(count("04T00:00", "04T12:00"), None, "nothing was recorded on that day");
}

#[test]
fn segments_within_hours_are_compared_with_hours() {
    let arguments = json!({
        "metric": "tickets", "dimension": "platform", "range": hours("11T05:00", "11T06:00"), "baseline_range": hours("10T02:00", "10T03:00")
    });
    let reply: SegmentByDimension = ask("segment_by_dimension", arguments);
    assert_eq!((reply.total.baseline, reply.total.current), (Some(2.0), Some(6.0)));
    let moved: Vec<(&str, Option<f64>, Option<f64>)> =
        reply.segments.iter().map(|segment| (segment.value.as_str(), segment.baseline, segment.current)).collect();
    assert_eq!(moved, [("android", Some(1.0), Some(6.0)), ("web", Some(1.0), Some(0.0))]);
    assert_eq!((reply.range.to.as_str(), reply.baseline_range.from.as_str()), ("2024-01-11T06:00", "2024-01-10T02:00"));
}

#[test]
fn hours_are_cut_at_now_and_at_the_ends_of_the_archive() {
    let asked = |now: &str, range: Value| match reply(small(), now, "query_metric", json!({"metric": "tickets", "range": range})) {
        ToolReply::Data(data) => serde_json::from_value::<QueryMetric>(data).expect("the reply has its shape"),
        ToolReply::Rejected { why, hint } => panic!("{why} {hint:?}"),
    };
    let now = asked("2024-01-11T02:01", hours("11T01:00", "11T12:00"));
    assert_eq!((now.value, now.range.to.as_str()), (Some(2.0), "2024-01-11T02:01"));
    let first = asked("2024-01-11T02:01", json!({"from": "2023-12-30T12:00", "to": "2024-01-01T02:00"}));
    assert_eq!((first.value, first.days, first.range.from.as_str()), (Some(1.0), 1, "2024-01-01T00:00"));
    let last = asked("2024-02-01T00:00", hours("12T02:00", "20T00:00"));
    assert_eq!((last.value, last.days, last.range.to.as_str()), (Some(2.0), 1, "2024-01-13T00:00"));
}

#[test]
fn times_that_cannot_be_answered_are_refused_with_the_way_out() {
    let days = Some("give dates, for example 2023-10-01");
    let swap = Some("swap `from` and `to`");
    let form = Some("write 2023-10-01, or 2023-10-01T14:00 in the time of the archive");
    let seen = Some("days from 2024-01-01 to 2024-01-11 can be seen");
    for (metric, range, why, hint) in [
        ("dau", hours("05T01:00", "05T02:00"), "`dau` is counted by the day, the range 2024-01-05T01:00..2024-01-05T02:00 has times", days),
        ("wau", hours("05", "05T02:00"), "`wau` is counted by the day, the range 2024-01-05..2024-01-05T02:00 has times", days),
        ("tickets", hours("05T02:00", "05T01:00"), "range ends before it begins: from 2024-01-05T02:00:00, to 2024-01-05T01:00:00", swap),
        ("tickets", hours("05T02:00", "05T02:00"), "range ends before it begins: from 2024-01-05T02:00:00, to 2024-01-05T02:00:00", swap),
        ("tickets", hours("05T02", "05T03:00"), "`from` is `2024-01-05T02`, which is neither a date nor a time of day", form),
        ("tickets", hours("05T02:00", "05T25:00"), "`to` is `2024-01-05T25:00`, which is neither a date nor a time of day", form),
        (
            "tickets",
            hours("12T00:00", "12T05:00"),
            "range 2024-01-12T00:00..2024-01-12T05:00 lies wholly after now, 2024-01-12T00:00:00",
            seen,
        ),
    ] {
        assert_eq!(refused("query_metric", json!({"metric": metric, "range": range})), (why.to_owned(), hint.map(str::to_owned)));
        let arguments = json!({"metric": metric, "dimension": "platform", "range": range, "baseline_range": hours("01", "02")});
        assert_eq!(refused("segment_by_dimension", arguments), (why.to_owned(), hint.map(str::to_owned)));
    }
}

#[test]
fn groups_are_sums_of_tickets_largest_first() {
    let reply: QueryMetric = ask(
        "query_metric",
        json!({"metric": "tickets", "range": range(9, 10), "group_by": ["queue", "platform"], "filters": {"queue": ["billing", "login"], "platform": ["ios", "android"]}}),
    );
    let groups: Vec<(String, f64)> = reply
        .groups
        .iter()
        .map(|group| (format!("{} {}", group.group["queue"], group.group["platform"]), group.value.expect("recorded")))
        .collect();
    assert_eq!(groups, [("billing android".to_owned(), 8.0), ("billing ios".to_owned(), 2.0)]);
    assert_eq!((reply.value, reply.by_day.len(), reply.omitted), (Some(10.0), 0, 0));
}

#[test]
fn users_are_counted_once_a_day_and_once_a_week() {
    let days = |metric: &str, filters: Value| -> Vec<Option<f64>> {
        let reply: QueryMetric = ask("query_metric", json!({"metric": metric, "range": range(0, 10), "filters": filters}));
        reply.by_day.iter().map(|day| day.value).collect()
    };
    let some = |values: [f64; 11]| values.map(|n| (n >= 0.0).then_some(n)).to_vec();
    assert_eq!(days("dau", json!({})), some([2.0, 1.0, 1.0, -1.0, 1.0, 2.0, 2.0, 3.0, 2.0, 2.0, 2.0]));
    // Weeks that hold the silent day 3, or begin before the archive, have no value: only day 10 looks back on days 4 to 10.
    assert_eq!(days("wau", json!({})), some([-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 3.0]));
    assert_eq!(days("events_per_user", json!({}))[7], Some((4.0 + 10.0 + 2.0) / 3.0));
    // One user with both versions over a week is one user, and one in each version's week.
    assert_eq!(days("wau", json!({"app_version": ["1.0", "2.0"], "platform": "android"}))[10], Some(2.0));
    assert_eq!(days("wau", json!({"app_version": "2.0"}))[10], Some(1.0));
    let grouped: QueryMetric = ask("query_metric", json!({"metric": "wau", "range": range(10, 10), "group_by": ["app_version"]}));
    let versions: Vec<(&str, Option<f64>)> =
        grouped.groups.iter().map(|group| (group.group["app_version"].as_str(), group.value)).collect();
    assert_eq!(versions, [("1.0", Some(3.0)), ("2.0", Some(1.0))]);
}

#[test]
fn the_value_that_moved_carries_the_whole_change() {
    let arguments = json!({"metric": "tickets", "dimension": "platform", "range": range(10, 10), "baseline_range": range(2, 9)});
    let reply: SegmentByDimension = ask("segment_by_dimension", arguments);
    assert_eq!((reply.total.baseline, reply.total.current, reply.total.change), (Some(3.0), Some(9.0), Some(2.0)));
    let [android] = reply.segments.as_slice() else { panic!("{:?}", reply.segments) };
    assert_eq!((android.value.as_str(), android.baseline, android.current), ("android", Some(1.0), Some(7.0)));
    assert_eq!((android.change, android.contribution), (Some(6.0), Some(1.0)));
    assert_eq!(reply.unchanged.iter().map(|segment| segment.value.as_str()).collect::<Vec<_>>(), ["ios", "web"]);
}

#[test]
fn a_new_version_rose_without_bound_and_contributions_of_a_ratio_add_up() {
    let arguments = json!({"metric": "events_per_user", "dimension": "app_version", "range": range(9, 10), "baseline_range": range(5, 6)});
    let reply: SegmentByDimension = ask("segment_by_dimension", arguments);
    assert_eq!((reply.total.baseline, reply.total.current), (Some(3.0), Some(3.0)));
    let of = |value: &str| reply.segments.iter().find(|segment| segment.value == value).expect("it moved");
    assert_eq!((of("2.0").baseline, of("2.0").current, of("2.0").change), (Some(0.0), Some(4.0), None));
    assert_eq!((of("1.0").baseline, of("1.0").current), (Some(3.0), Some(2.0)));
    let up: SegmentByDimension = ask(
        "segment_by_dimension",
        json!({"metric": "dau", "dimension": "app_version", "range": range(9, 10), "baseline_range": range(7, 8), "direction": "up"}),
    );
    assert_eq!(up.segments.iter().map(|segment| segment.value.as_str()).collect::<Vec<_>>(), ["2.0"]);
    let all = up.segments.iter().chain(&up.unchanged).filter_map(|segment| segment.contribution).sum::<f64>();
    assert!((all - 1.0).abs() < 1e-12);
}

#[test]
fn changes_are_listed_from_before_now_and_their_ends_too() {
    let all: CheckDeployments = ask("check_deployments", json!({"range": range(0, 29)}));
    let listed: Vec<(&str, Option<&str>)> = all.changes.iter().map(|change| (change.id.as_str(), change.until.as_deref())).collect();
    assert_eq!(listed, [("chg-a", Some("2024-01-03T10:00:00")), ("chg-b", None), ("chg-c", None)]);
    let android: CheckDeployments = ask("check_deployments", json!({"range": range(0, 29), "platform": "android"}));
    assert_eq!(android.changes.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ["chg-a", "chg-b"]);
}

#[test]
fn retention_counts_the_cohort_on_days_that_are_over() {
    let reply: AnalyzeRetention = ask("analyze_retention", json!({"cohort_date": "2024-01-06", "days": [1, 5, 6]}));
    let retained: Vec<(u32, Option<u64>, Option<f64>)> = reply.retention.iter().map(|day| (day.day, day.active, day.share)).collect();
    assert_eq!(reply.cohort_size, 1);
    assert_eq!(retained, [(1, Some(1), Some(1.0)), (5, Some(1), Some(1.0)), (6, None, None)]);
    let reply: AnalyzeRetention = ask("analyze_retention", json!({"cohort_date": "2024-01-01", "filters": {"platform": "android"}}));
    let retained: Vec<(u32, Option<u64>)> = reply.retention.iter().map(|day| (day.day, day.active)).collect();
    assert_eq!(retained, [(1, Some(0)), (7, Some(1)), (30, None)]);
    // Day 3 was not recorded: missing, not zero.
    let silent: AnalyzeRetention = ask("analyze_retention", json!({"cohort_date": "2024-01-01", "days": [3]}));
    assert_eq!(silent.retention[0].active, None);
}

#[test]
fn a_test_compares_daily_values_of_two_groups() {
    let arguments = json!({"metric": "tickets", "control_filters": {"queue": "login"}, "treatment_filters": {"queue": "billing"}, "range": range(8, 10)});
    let reply: StatisticalTest = ask("statistical_test", arguments);
    // Treatment 2, 2, 8 against control 1, 1, 1: t = (4 − 1) / √(12/3).
    assert_eq!((reply.control.n, reply.control.mean, reply.control.sd), (3, Some(1.0), Some(0.0)));
    assert_eq!((reply.treatment.n, reply.treatment.mean, reply.treatment.sd), (3, Some(4.0), Some(12.0_f64.sqrt())));
    assert_eq!((reply.test.as_str(), reply.statistic, reply.relative_difference), ("welch", Some(1.5), Some(3.0)));
    // With two degrees of freedom P(|T| > t) = 1 − t/√(2 + t²).
    assert!((reply.p_value.expect("there is spread") - (1.0 - 1.5 / 4.25_f64.sqrt())).abs() < 1e-12);
}

#[test]
fn the_stats_of_a_day_compare_it_with_recorded_days_before() {
    let reply: TicketStats = ask("fetch_ticket_stats", json!({"date": "2024-01-11"}));
    // Days 3 to 9, of which day 3 was not recorded.
    assert_eq!((reply.count, reply.baseline_mean, reply.baseline_sd), (Some(9), Some(3.0), Some(0.0)));
    assert_eq!(reply.volume_increase_pct, Some(200.0));
    let queue: Vec<(&str, u64, f64, Option<f64>)> =
        reply.by["queue"].iter().map(|value| (value.value.as_str(), value.count, value.share, value.baseline_share)).collect();
    assert_eq!(queue, [("billing", 8, 8.0 / 9.0, Some(12.0 / 18.0)), ("login", 1, 1.0 / 9.0, Some(6.0 / 18.0))]);
    assert_eq!(reply.tags.iter().map(|tag| (tag.value.as_str(), tag.count)).collect::<Vec<_>>(), [("crash", 7), ("refund", 1)]);
    let silent: TicketStats = ask("fetch_ticket_stats", json!({"date": "2024-01-04"}));
    assert_eq!((silent.count, silent.tags.len()), (None, 0));
}

#[test]
fn samples_are_tickets_of_the_day() {
    let day = json!({"date": "2024-01-11", "limit": 3, "strategy": "recent"});
    let recent: TicketSamples = ask("fetch_ticket_samples", day);
    assert_eq!((recent.of, recent.tickets.len()), (9, 3));
    let last = &recent.tickets[2];
    assert_eq!((last.created_at.as_str(), last.attributes["queue"].as_str()), ("2024-01-11T05:33:25", "billing"));
    assert_eq!((last.subject.clone(), last.tags.clone()), (Some(format!("subject {}", last.id - 1000)), vec!["crash".to_owned()]));
    // Seven of nine are alike; a spread of three takes one of each kind.
    let diverse: TicketSamples = ask("fetch_ticket_samples", json!({"date": "2024-01-11", "limit": 3, "strategy": "diverse"}));
    let mut platforms: Vec<&str> = diverse.tickets.iter().map(|ticket| ticket.attributes["platform"].as_str()).collect();
    platforms.sort_unstable();
    assert_eq!(platforms, ["android", "ios", "web"]);
    let all: TicketSamples = ask("fetch_ticket_samples", json!({"date": "2024-01-11"}));
    assert!(all.tickets.len() == 9 && all.tickets.is_sorted_by_key(|ticket| ticket.id));
}

#[test]
fn a_version_that_nobody_has_yet_is_not_listed() {
    let prepared = Prepared::new(small());
    let versions = |now: &str| AsOf::new(&prepared, at(now)).dimensions("dau")[1].clone();
    assert_eq!(versions("2024-01-10T00:01:40"), ("app_version".to_owned(), vec!["1.0".to_owned()]));
    assert_eq!(versions("2024-01-10T00:01:41"), ("app_version".to_owned(), vec!["1.0".to_owned(), "2.0".to_owned()]));
    assert_eq!(AsOf::new(&prepared, at(NOW)).metrics(), ["dau", "events_per_user", "tickets", "wau"]);
}

#[test]
fn civil_days_of_the_zone_hold_hours() {
    // Midnight in Berlin is 23:00 in UTC; the last Sunday of March has 23 hours.
    let grid = Grid::new("2024-03-30T00:00[Europe/Berlin]".parse().expect("an instant"), Step::HOUR, 24 + 23 + 24);
    let buckets: Vec<u32> = (0..71).collect();
    let table = TicketTable {
        recorded: buckets.iter().map(|bucket| *bucket != 30).collect(),
        ids: buckets.iter().map(|bucket| u64::from(*bucket)).collect(),
        seconds: vec![0; 71],
        columns: Vec::new(),
        tag_names: Vec::new(),
        tags: vec![0; 71],
        grid: grid.clone(),
        buckets,
    };
    let archive = Archive { grid, tickets: Some(Arc::new(table)), texts: None, activity: None, ..small() };
    let arguments = json!({"metric": "tickets", "range": {"from": "2024-03-01", "to": "2024-04-30"}});
    let ToolReply::Data(data) = reply(archive, "2024-03-31T12:00", "query_metric", arguments) else { panic!("refused") };
    let reply: QueryMetric = serde_json::from_value(data).expect("the reply has its shape");
    // 12:00 UTC is 14:00 in Berlin, thirteen hours into a day without its third.
    let days: Vec<(&str, Option<f64>)> = reply.by_day.iter().map(|day| (day.date.as_str(), day.value)).collect();
    assert_eq!(days, [("2024-03-30", Some(24.0)), ("2024-03-31", Some(13.0))]);
}

#[test]
fn bad_arguments_are_answered_with_the_way_out() {
    let metric = |metric: &str| json!({"metric": metric, "range": range(0, 5)});
    let cases: Vec<(&str, Value, &str, Option<&str>)> = vec![
        (
            "query_metrics",
            json!({}),
            "unknown tool `query_metrics` (known: analyze_retention, check_deployments, fetch_ticket_samples, \
          fetch_ticket_stats, query_metric, segment_by_dimension, statistical_test)",
            Some("did you mean `query_metric`?"),
        ),
        (
            "query_metric",
            metric("ticket"),
            "unknown metric `ticket` (known: dau, events_per_user, tickets, wau)",
            Some("did you mean `tickets`?"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets"}),
            "bad arguments: missing field `range`",
            Some("arguments: metric, range, filters?, group_by?"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "group": []}),
            "bad arguments: unknown field `group`, expected one of `metric`, `range`, `group_by`, `filters`",
            Some("arguments: metric, range, filters?, group_by?"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "filters": {"queue": 7}}),
            "bad arguments: a filter is a value or a list of values, as strings",
            Some("arguments: metric, range, filters?, group_by?"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "group_by": ["queues"]}),
            "unknown dimension of `tickets` `queues` (known: queue, platform)",
            Some("did you mean `queue`?"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "filters": {"queue": "biling"}}),
            "unknown value of `queue` `biling` (known: billing, login)",
            Some("did you mean `billing`?"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": {"from": "2024-1-5", "to": "2024-01-06"}}),
            "`from` is `2024-1-5`, which is neither a date nor a time of day",
            Some("write 2023-10-01, or 2023-10-01T14:00 in the time of the archive"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(5, 4)}),
            "range ends before it begins: from 2024-01-06, to 2024-01-05",
            Some("swap `from` and `to`"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(11, 12)}),
            "range 2024-01-12..2024-01-13 lies wholly after now, 2024-01-12T00:00:00",
            Some("days from 2024-01-01 to 2024-01-11 can be seen"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": {"from": "2023-01-01", "to": "2023-12-31"}}),
            "range 2023-01-01..2023-12-31 lies wholly before the first day, 2024-01-01",
            Some("days from 2024-01-01 to 2024-01-11 can be seen"),
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "group_by": ["queue", "queue"]}),
            "`group_by` names `queue` twice",
            None,
        ),
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "filters": {"queue": []}}),
            "the filter on `queue` lists no value",
            Some("leave it out, or name a value"),
        ),
        (
            "segment_by_dimension",
            json!({"metric": "tickets", "dimension": "queue", "range": range(0, 1), "baseline_range": range(2, 3), "min_change": -0.5}),
            "`min_change` is -0.5, it must not be negative",
            Some("0.10 means ten percent"),
        ),
        ("check_deployments", json!({"range": range(0, 11), "platform": "tv"}), "unknown platform `tv` (known: android, ios, web)", None),
        (
            "check_deployments",
            json!({"range": range(11, 15)}),
            "range 2024-01-12..2024-01-16 lies wholly after now, 2024-01-12T00:00:00",
            Some("days from 2024-01-01 to 2024-01-11 can be seen"),
        ),
        (
            "analyze_retention",
            json!({"cohort_date": "2024-01-12"}),
            "`cohort_date` is 2024-01-12, a day that is not over at now, 2024-01-12T00:00:00",
            Some("choose an earlier day"),
        ),
        (
            "analyze_retention",
            json!({"cohort_date": "2024-01-02", "days": [0]}),
            "`days` holds 0, allowed are 1 to 730",
            Some("days count from the day after signup"),
        ),
        (
            "analyze_retention",
            json!({"cohort_date": "2024-01-02", "filters": {"app_version": "1.0"}}),
            "unknown attribute of users `app_version` (known: platform)",
            None,
        ),
        (
            "fetch_ticket_stats",
            json!({"date": "2024-01-11", "baseline_days": 0}),
            "`baseline_days` is 0, allowed are 1 to 366",
            Some("a week is 7"),
        ),
        ("fetch_ticket_stats", json!({"date": "2024-01-12"}), "`date` is 2024-01-12, not yet begun", Some("the last day is 2024-01-11")),
        ("fetch_ticket_samples", json!({"date": "2024-01-11", "limit": 101}), "`limit` is 101, allowed are 1 to 100", Some("20 is usual")),
    ];
    for (tool, arguments, why, hint) in cases {
        assert_eq!(refused(tool, arguments), (why.to_owned(), hint.map(str::to_owned)));
    }
}

#[test]
fn a_desk_records_every_call_and_ends_at_its_limit() {
    let prepared = Prepared::new(small());
    let seen = AsOf::new(&prepared, at(NOW));
    let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 2 }, Seed::derive(["test"]));
    let (id, stats): (String, TicketStats) = desk.ask("fetch_ticket_stats", json!({"date": "2024-01-11"})).expect("a good call");
    assert_eq!((id.as_str(), stats.count), ("c1", Some(9)));
    let unknown = desk.ask::<TicketStats>("nothing", json!({})).expect_err("no such tool");
    assert!(matches!(unknown, AskError::Rejected(Rejection { hint: None, .. })), "{unknown:?}");
    let refused = desk.call("fetch_ticket_stats", json!({"date": "2024-01-11"}));
    let expected = ToolReply::Rejected { why: "all 2 calls are used up".to_owned(), hint: Some("conclude from what was found".to_owned()) };
    assert_eq!(refused, expected);
    let used_up = desk.ask::<TicketStats>("fetch_ticket_stats", json!({"date": "2024-01-11"}));
    assert_eq!(used_up.expect_err("nothing is left"), AskError::Budget { calls: 2 }, "which is not a bad argument");
    assert_eq!(desk.calls().iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["c1", "c2", "c3", "c4"]);
}

/// Whether a value satisfies the part of JSON Schema that the tools use; every keyword must be one of those known here.
fn satisfies(schema: &Value, value: &Value) -> Result<(), String> {
    let schema = schema.as_object().ok_or("a schema is an object")?;
    let of_type = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64(),
        "null" => value.is_null(),
        _ => false,
    };
    for (keyword, rule) in schema {
        let good = match keyword.as_str() {
            "description" | "default" | "format" => true,
            "type" => {
                rule.as_str().map_or_else(|| rule.as_array().is_some_and(|any| any.iter().filter_map(Value::as_str).any(of_type)), of_type)
            }
            "required" => rule.as_array().into_iter().flatten().filter_map(Value::as_str).all(|name| value.get(name).is_some()),
            "properties" => {
                for (name, rule) in rule.as_object().into_iter().flatten() {
                    value.get(name).map_or(Ok(()), |value| satisfies(rule, value))?;
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others =
                    value.as_object().into_iter().flatten().filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)));
                others.into_iter().all(|(_, value)| rule.is_object() && satisfies(rule, value).is_ok())
            }
            "items" => value.as_array().into_iter().flatten().all(|item| satisfies(rule, item).is_ok()),
            "anyOf" | "oneOf" => rule.as_array().into_iter().flatten().any(|rule| satisfies(rule, value).is_ok()),
            "enum" => rule.as_array().is_some_and(|any| any.contains(value)),
            "const" => rule == value,
            other => return Err(format!("unknown keyword `{other}`")),
        };
        if !good {
            return Err(format!("{value} breaks `{keyword}`: {rule}"));
        }
    }
    Ok(())
}

fn examples() -> Vec<(&'static str, Value)> {
    vec![
        (
            "query_metric",
            json!({"metric": "tickets", "range": range(0, 5), "group_by": ["queue"], "filters": {"queue": "billing", "platform": ["ios", "web"]}}),
        ),
        ("query_metric", json!({"metric": "dau", "range": range(0, 5)})),
        ("query_metric", json!({"metric": "tickets", "range": hours("02T01:00", "06T02:01"), "group_by": ["queue"]})),
        (
            "segment_by_dimension",
            json!({"metric": "tickets", "dimension": "queue", "range": range(8, 9), "baseline_range": range(1, 7), "min_change": 0.2, "direction": "down"}),
        ),
        ("check_deployments", json!({"range": range(0, 5)})),
        ("check_deployments", json!({"range": range(0, 5), "platform": "ios"})),
        ("analyze_retention", json!({"cohort_date": "2024-01-02", "days": [1, 2], "filters": {"platform": "ios"}})),
        (
            "statistical_test",
            json!({"metric": "dau", "control_filters": {}, "treatment_filters": {"platform": "ios"}, "range": range(0, 5), "test": "mann_whitney"}),
        ),
        ("fetch_ticket_stats", json!({"date": "2024-01-09", "baseline_days": 5})),
        ("fetch_ticket_samples", json!({"date": "2024-01-09", "limit": 2, "strategy": "diverse"})),
    ]
}

#[test]
fn every_schema_admits_what_its_tool_takes_and_refuses_the_rest() {
    let schema = |name: &str| REGISTRY.iter().find(|tool| tool.name() == name).expect("it is registered").schema();
    for (tool, arguments) in examples() {
        assert_eq!(satisfies(&schema(tool), &arguments), Ok(()), "{tool}");
        assert!(matches!(reply(small(), NOW, tool, arguments.clone()), ToolReply::Data(_)), "{tool}");
        let mut more = arguments.clone();
        more["surprise"] = json!(1);
        assert!(
            satisfies(&schema(tool), &more).is_err() && matches!(reply(small(), NOW, tool, more), ToolReply::Rejected { .. }),
            "{tool}"
        );
        assert!(
            satisfies(&schema(tool), &json!({})).is_err() && matches!(reply(small(), NOW, tool, json!({})), ToolReply::Rejected { .. }),
            "{tool}"
        );
    }
    assert!(
        REGISTRY.is_sorted_by_key(|tool| tool.name())
            && REGISTRY.iter().all(|tool| examples().iter().any(|(name, _)| *name == tool.name()))
    );
}

const QUEUES: [&str; 4] = ["billing", "login", "refunds", "a-new-one"];
const PLATFORMS: [&str; 3] = ["android", "ios", "web"];
const VERSIONS: [&str; 3] = ["1.0", "1.1", "2.0"];
const DAYS: u32 = 14;

fn tickets() -> impl Strategy<Value = Vec<Ticket>> {
    let ticket = (0..DAYS, 0_u32..86_400, prop::sample::select(&QUEUES[..]), prop::sample::select(&PLATFORMS[..]), 0_u64..4);
    prop::collection::vec(ticket.prop_map(|(day, second, queue, platform, tags)| Ticket(day, second, queue, platform, tags)), 0..80)
}

fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let session = (0_u32..8, 0..DAYS, 0_u32..86_400, 0_u16..9, prop::sample::select(&VERSIONS[..]));
    prop::collection::vec(session.prop_map(|(user, day, second, events, version)| Session(user, day, second, events, version)), 0..80)
}

fn log() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..i64::from(DAYS) * 24, prop::option::of(1_i64..200), prop::option::of(prop::sample::select(&PLATFORMS[..])));
    let made = |(hour, length, platform): (i64, Option<i64>, Option<&'static str>)| {
        let began = at("2024-01-01T00:00") + jiff::Span::new().hours(hour);
        let until = length.map(|length| &began + jiff::Span::new().hours(length));
        Change { at: began, until, ..change_like(&format!("chg-{hour}"), platform) }
    };
    prop::collection::vec(change.prop_map(made), 0..6)
}

fn change_like(id: &str, platform: Option<&str>) -> Change {
    change(id, "2024-01-01T00:00", None, platform)
}

/// An archive, and the same with another future: records of both from before `now` are those of the first.
fn futures() -> impl Strategy<Value = (Records, Records, Zoned)> {
    let part = || (tickets(), sessions(), log(), prop::collection::vec(0..DAYS, 0..3));
    (part(), part(), 0_u32..DAYS, prop_oneof![Just(0_u32), 0_u32..86_400]).prop_map(|(one, other, day, second)| {
        let now = at("2024-01-01T00:00") + jiff::Span::new().seconds(i64::from(day) * 86_400 + i64::from(second));
        let past = |at: (u32, u32)| at < (day, second);
        let begun = |silent: u32| (silent, 0) < (day, second);
        // Users 0 to 3 are of the past; 4 to 7 sign up on the day of `now` or later and differ, so their sessions of the past are dropped.
        let users = |of: usize| {
            (0_i32..8).map(|user| User(PLATFORMS[(user as usize * of) % 3], if user < 4 { user } else { day as i32 + user - 4 })).collect()
        };
        let records = |future: &(Vec<Ticket>, Vec<Session>, Vec<Change>, Vec<u32>), of: usize| {
            let platforms: Vec<User> = (0..4).map(|user| User(PLATFORMS[user % 3], user as i32)).collect();
            let mut users: Vec<User> = users(of);
            users[..4].clone_from_slice(&platforms);
            let tickets = one.0.iter().filter(|row| past((row.0, row.1))).chain(future.0.iter().filter(|row| !past((row.0, row.1))));
            let sessions = one.1.iter().filter(|row| past((row.1, row.2)) && row.0 < 4);
            let sessions = sessions.chain(future.1.iter().filter(|row| !past((row.1, row.2))));
            let mut changes: Vec<Change> = one.2.iter().filter(|change| change.at < now).cloned().collect();
            // An end that lies ahead may come to lie elsewhere ahead, or nowhere.
            for change in changes.iter_mut().filter(|_| of == 2) {
                change.until = change.until.take().filter(|until| *until < now);
            }
            changes.extend(future.2.iter().filter(|change| change.at >= now).cloned());
            let silent = one.3.iter().filter(|silent| begun(**silent)).chain(future.3.iter().filter(|silent| !begun(**silent)));
            Records {
                days: DAYS as usize,
                tickets: tickets.cloned().collect(),
                users,
                sessions: sessions.cloned().collect(),
                changes,
                silent: silent.copied().collect(),
                reversed: of == 2,
            }
        };
        (records(&one, 1), records(&other, 2), now)
    })
}

fn any_range() -> impl Strategy<Value = Value> {
    (0..DAYS, 0..DAYS).prop_map(|(a, b)| range(a.min(b), a.max(b)))
}

/// A range that may have times of day.
fn any_times() -> impl Strategy<Value = Value> {
    let time = (0..DAYS * 24, 0..60_u32);
    let timed = (time.clone(), time).prop_map(|(a, b)| {
        let write = |(hour, minute): (u32, u32)| format!("2024-01-{:02}T{:02}:{minute:02}", hour / 24 + 1, hour % 24);
        json!({"from": write(a.min(b)), "to": write(a.max(b))})
    });
    prop_oneof![any_range(), timed]
}

fn any_filters() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({})),
        prop::sample::select(&PLATFORMS[..]).prop_map(|platform| json!({"platform": platform})),
        prop::sample::select(&QUEUES[..]).prop_map(|queue| json!({"queue": [queue, "billing"]})),
        prop::sample::select(&VERSIONS[..]).prop_map(|version| json!({"app_version": [version, "1.0"]})),
    ]
}

fn any_call() -> impl Strategy<Value = (&'static str, Value)> {
    let metric = || prop::sample::select(&["tickets", "dau", "wau", "events_per_user"][..]);
    let dimension = || prop::sample::select(&["queue", "platform", "app_version"][..]);
    let date = || (0..DAYS).prop_map(|day| format!("2024-01-{:02}", day + 1));
    prop_oneof![
        (metric(), any_times(), prop::collection::vec(dimension(), 0..3), any_filters()).prop_map(|(metric, range, group_by, filters)| (
            "query_metric",
            json!({"metric": metric, "range": range, "group_by": group_by, "filters": filters})
        )),
        (metric(), dimension(), any_times(), any_times()).prop_map(|(metric, dimension, range, baseline)| (
            "segment_by_dimension",
            json!({"metric": metric, "dimension": dimension, "range": range, "baseline_range": baseline})
        )),
        (any_range(), prop::sample::select(&PLATFORMS[..]))
            .prop_map(|(range, platform)| ("check_deployments", json!({"range": range, "platform": platform}))),
        any_range().prop_map(|range| ("check_deployments", json!({"range": range}))),
        (date(), any_filters())
            .prop_map(|(date, filters)| ("analyze_retention", json!({"cohort_date": date, "days": [1, 2, 5], "filters": filters}))),
        (metric(), any_range(), any_filters(), any_filters(), prop::sample::select(&["welch", "mann_whitney"][..])).prop_map(
            |(metric, range, control, treatment, test)| (
                "statistical_test",
                json!({"metric": metric, "control_filters": control, "treatment_filters": treatment, "range": range, "test": test})
            )
        ),
        date().prop_map(|date| ("fetch_ticket_stats", json!({"date": date}))),
        (date(), prop::sample::select(&["random", "recent", "diverse"][..]))
            .prop_map(|(date, strategy)| ("fetch_ticket_samples", json!({"date": date, "limit": 3, "strategy": strategy}))),
    ]
}

proptest! {
    #[test]
    fn nothing_that_arrives_after_now_changes_a_byte((one, other, now) in futures(), calls in prop::collection::vec(any_call(), 12)) {
        let (one, other) = (Prepared::new(one.archive()), Prepared::new(other.archive()));
        let (one, other) = (AsOf::new(&one, now.clone()), AsOf::new(&other, now));
        let desk = |seen| Desk::new(seen, REGISTRY, Limits { calls: 40 }, Seed::derive(["test"]));
        let (mut one, mut other) = (desk(&one), desk(&other));
        // Every tool has an example, so that none is left out.
        for (tool, arguments) in calls.into_iter().chain(examples()) {
            let (left, right) = (one.call(tool, arguments.clone()), other.call(tool, arguments.clone()));
            let bytes = |reply: &ToolReply| serde_json::to_string(reply).expect("a reply prints");
            prop_assert_eq!(bytes(&left), bytes(&right), "{} {}", tool, arguments);
        }
        for metric in one.metrics() {
            prop_assert_eq!(one.dimensions(&metric), other.dimensions(&metric));
        }
    }

    #[test]
    fn weeks_and_days_are_counts_of_distinct_users((records, _, now) in futures(), filters in any_filters()) {
        let archive = records.archive();
        let table = archive.activity.clone().expect("it has sessions");
        let prepared = Prepared::new(archive);
        let seen = AsOf::new(&prepared, now);
        let arguments = |metric: &str| json!({"metric": metric, "range": range(0, 13), "filters": filters});
        let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 20 }, Seed::derive(["test"]));
        for (metric, width) in [("dau", 1), ("wau", 7)] {
            let Ok((_, reply)) = desk.ask::<QueryMetric>("query_metric", arguments(metric)) else { continue };
            for (day, value) in reply.by_day.iter().enumerate().filter_map(|(day, cell)| Some((day, cell.value?))) {
                let visible = |row: &usize| {
                    let created = table.grid.stamp(table.day[*row] as usize) + jiff::Span::new().seconds(i64::from(table.second[*row]));
                    let wanted = |name: &str, got: &str| match &filters[name] {
                        Value::Null => true,
                        Value::Array(any) => any.iter().any(|value| value == got),
                        one => one == got,
                    };
                    created < *seen.now()
                        && (day + 1 - width..=day).contains(&(table.day[*row] as usize))
                        && wanted("app_version", table.version.value(*row))
                        && wanted("platform", table.users.columns[0].value(table.user[*row] as usize))
                };
                let users: std::collections::BTreeSet<u32> = (0..table.len()).filter(visible).map(|row| table.user[row]).collect();
                prop_assert_eq!(value, users.len() as f64);
            }
        }
    }
}
