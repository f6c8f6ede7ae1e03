//! Users and sessions: what a scenario says about them happens, and series, table and truth agree.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use incident_harness::data::activity::ActivityTable;
use incident_harness::scenario::spec::QuestionKind;
use incident_harness::scenario::{Scenario, load_folder};
use incident_harness::seed::SeedRole::{self, Dev, Eval, Gate};
use incident_harness::synth::{activity, archive, export, generate, tickets};
use proptest::prelude::*;

const SEEDS: [(SeedRole, u32); 7] = [(Dev, 0), (Dev, 1), (Dev, 2), (Gate, 0), (Gate, 1), (Eval, 0), (Eval, 1)];

fn library() -> &'static [Scenario] {
    static LIBRARY: OnceLock<Vec<Scenario>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let all = load_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap_or_else(|error| panic!("{error}"));
        all.into_iter().filter(|scenario| scenario.case.activity.is_some()).collect()
    })
}

fn classic() -> &'static Scenario {
    library().iter().find(|scenario| scenario.id.as_str() == "classic.android-crash-2026").expect("it is in the library")
}

const HEAD: &str = "format: 1\nid: small\ntitle: small\ncalendar: {start: 2024-01-01, length: 80d, train: 50d, step: 1d}\n\
                    tickets: {rate: 60, dispersion: poisson}\n";
const USERS: &str = "activity: {users: 3000, signups: 20, retention: {day_1: 0.6, day_7: 0.5, day_30: 0.4}, sessions: 1.5, events: 5}\n";
const WATCH: &str = "watch: [tickets, dau, wau, events_per_user, {dau: {platform: android}}, {events_per_user: {platform: web}}]\n";
const CRASH: &str = "faults:
  - deployment:
      onset: 10
      lag: 1d
      shape: shift
      scope: {platform: android, app_version: 6.0.0}
      multiplier: 4
      version: 6.0.0
      activity: {sessions: 0.4}
";

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, "x.yaml", "x.yaml").map_err(|errors| errors[0].to_string().lines().next().unwrap_or_default().to_owned())
}

fn scenario(rest: &str) -> Scenario {
    parse(&format!("{HEAD}{rest}")).unwrap_or_else(|error| panic!("{error}"))
}

fn table(scenario: &Scenario, k: u32) -> ActivityTable {
    activity(scenario, Dev, k).expect("ordinary size").expect("it has users")
}

fn column<'a>(table: &'a ActivityTable, name: &str, row: usize) -> &'a str {
    if name == table.version.name {
        return table.version.value(row);
    }
    let column = table.users.columns.iter().find(|column| column.name == name).expect("a dimension of users");
    column.value(table.user[row] as usize)
}

/// A watched series counted from the table, by its name.
fn counted(table: &ActivityTable, name: &str) -> Vec<Option<f64>> {
    let (metric, filter) = name.split_once('{').map_or((name, ""), |(metric, rest)| (metric, rest.trim_end_matches('}')));
    let filter: Vec<(&str, &str)> = filter.split(',').filter_map(|part| part.split_once('=')).collect();
    let days = table.grid.len();
    let (mut users, mut events) = (vec![BTreeSet::new(); days], vec![0_u64; days]);
    for row in (0..table.len()).filter(|&row| filter.iter().all(|(dim, value)| column(table, dim, row) == *value)) {
        users[table.day[row] as usize].insert(table.users.ids[table.user[row] as usize]);
        events[table.day[row] as usize] += u64::from(table.events[row]);
    }
    let week = |day: usize| users[day - 6..=day].iter().flatten().collect::<BTreeSet<_>>().len() as f64;
    (0..days)
        .map(|day| match metric {
            "dau" => Some(users[day].len() as f64),
            "wau" => (day >= 6).then(|| week(day)),
            _ => (!users[day].is_empty()).then(|| events[day] as f64 / users[day].len() as f64),
        })
        .collect()
}

fn mean(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().sum::<f64>() / values.iter().flatten().count() as f64
}

// The library.

#[test]
fn files_that_watch_users_are_small_and_have_eight_weeks_of_train() {
    assert!(library().len() >= 13, "{}", library().len());
    for scenario in library().iter().filter(|scenario| !scenario.case.watch.is_empty()) {
        let users = scenario.case.activity.as_ref().expect("it has users").users;
        assert!(scenario.case.days.train >= 56 && users <= 2000, "{}", scenario.file);
        assert!(scenario.case.watch.iter().any(|(name, _)| !name.starts_with("tickets")), "{}", scenario.file);
    }
}

#[test]
fn every_fault_on_users_shows_on_a_series_of_users_under_every_seed() {
    for scenario in library().iter().filter(|scenario| !scenario.case.watch.is_empty()) {
        for (role, k) in SEEDS {
            for fault in generate(scenario, role, k).expect("ordinary size").truth.faults {
                let seen = fault.effects.iter().any(|effect| !effect.series.starts_with("tickets") && effect.window.is_some());
                assert!(seen, "{} {role}/{k}: {:?}", scenario.file, fault.effects);
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_sessions() {
    for scenario in library().iter().filter(|scenario| !scenario.case.watch.is_empty()) {
        assert_eq!(table(scenario, 0), table(scenario, 0), "{}", scenario.file);
        assert_ne!(table(scenario, 0).day.len(), table(scenario, 1).day.len(), "{}", scenario.file);
    }
}

#[test]
fn series_of_the_library_are_counts_of_its_sessions() {
    for scenario in library() {
        let incident = generate(scenario, Dev, 1).expect("ordinary size");
        for watched in incident.observed.watched.iter().filter(|watched| !watched.name.starts_with("tickets")) {
            assert_eq!(counted(&table(scenario, 1), &watched.name), watched.series.values(), "{} {}", scenario.file, watched.name);
        }
    }
}

#[test]
fn the_classic_crash_costs_six_in_ten_sessions_of_those_who_run_the_release() {
    let scenario = classic();
    let table = table(scenario, 0);
    assert!(table.users.ids.len() >= 50_000 && table.grid.len() == 8);
    assert_eq!(table.grid.label(0), "2026-01-25");
    let per_day = |day: usize, hit: bool| {
        let rows = (0..table.len()).filter(|&row| table.day[row] as usize == day);
        let inside = |row: &usize| (column(&table, "platform", *row), column(&table, "country", *row)) == ("android", "IN");
        rows.filter(|row| inside(row) == hit).count() as f64
    };
    // Until the last day 95 % have the release: 0.05 + 0.95 · 0.4 · 0.85 of the sessions are left.
    let left = per_day(7, true) / per_day(2, true);
    let others = per_day(7, false) / per_day(2, false);
    assert!((left / others - (0.05 + 0.95 * 0.4 * 0.85)).abs() < 0.04, "{left} against {others}");
    assert_eq!(generate(scenario, Dev, 0).expect("ordinary size").observed.watched.len(), 0);
}

#[test]
fn questions_of_the_classic_crash_are_of_three_kinds_and_one_tells_the_answer() {
    let kinds: Vec<(QuestionKind, bool)> = classic().questions.iter().map(|question| (question.kind, question.leading)).collect();
    use QuestionKind::{Clear, Misleading, Vague};
    assert_eq!(kinds, [(Clear, false), (Vague, false), (Misleading, false), (Clear, true)]);
}

// The generator.

#[test]
fn a_fault_does_not_change_the_noise_of_normal_sessions() {
    let with = scenario(&format!("{USERS}{CRASH}{WATCH}"));
    let log = "benign: [{decoy_deployment: {onset: 10, platform: android, version: 6.0.0}}]\n";
    let without = scenario(&format!("{USERS}{log}{WATCH}"));
    for k in 0..3 {
        let (with, without) = (generate(&with, Dev, k).expect("small"), generate(&without, Dev, k).expect("small"));
        // Tickets apart: what a release does to them has its own leaves.
        assert_eq!(with.twin[1..], without.twin[1..]);
        assert_eq!(without.observed.watched, without.twin);
    }
}

#[test]
fn series_leave_their_twins_only_where_the_fault_acts() {
    let scenario = scenario(&format!("{USERS}{CRASH}{WATCH}"));
    let incident = generate(&scenario, Dev, 0).expect("small");
    let active = incident.truth.faults[0].active;
    assert_eq!(active.first, 60, "sessions are lost from the release on, tickets follow a day later");
    for (observed, twin) in incident.observed.watched.iter().zip(&incident.twin).skip(1) {
        let (observed, twin) = (observed.series.values(), twin.series.values());
        assert_eq!(observed[..60], twin[..60]);
    }
    let dau = &incident.observed.watched[1].series.values()[70..];
    assert!(mean(dau) < mean(&incident.twin[1].series.values()[70..]));
    assert_eq!(incident.observed.watched[5], incident.twin[5], "nothing happens on the web");
}

#[test]
fn a_version_appears_with_its_release_and_nowhere_else() {
    let scenario = scenario(&format!("{USERS}{CRASH}{WATCH}"));
    let (sessions, tickets) = (table(&scenario, 0), tickets(&scenario, Dev, 0).expect("small"));
    let release = &generate(&scenario, Dev, 0).expect("small").observed.changes[0];
    let seconds = |day: u32, second: u32| sessions.grid.stamp(day as usize).timestamp().as_second() + i64::from(second);
    let at = release.at.timestamp().as_second();
    let mut seen = 0;
    for row in (0..sessions.len()).filter(|&row| sessions.version.value(row) == "6.0.0") {
        assert_eq!(column(&sessions, "platform", row), "android");
        assert!(seconds(sessions.day[row], sessions.second[row]) >= at);
        seen += 1;
    }
    let version = tickets.column("app_version").expect("tickets carry the version of their user");
    let platform = tickets.column("platform").expect("a platform");
    let with_release: Vec<usize> = (0..tickets.len()).filter(|&row| version.value(row) == "6.0.0").collect();
    assert!(seen > 500 && with_release.len() > 20, "{seen} {}", with_release.len());
    for row in with_release {
        assert_eq!(platform.value(row), "android");
        assert!(seconds(tickets.buckets[row], tickets.seconds[row]) >= at);
    }
}

#[test]
fn a_rollout_reaches_the_shares_it_was_given() {
    let log = "benign: [{decoy_deployment: {onset: 10, version: 6.0.0}}]\n";
    let users = USERS.replace("events: 5", "events: 5, rollout: [0.1, 0.5, 0.8]");
    let scenario = scenario(&format!("{users}{log}{WATCH}"));
    let table = table(&scenario, 0);
    let share = |day: u32| {
        let rows: Vec<usize> = (0..table.len()).filter(|&row| table.day[row] == day).collect();
        rows.iter().filter(|&&row| table.version.value(row) == "6.0.0").count() as f64 / rows.len() as f64
    };
    for (day, expected) in [(59, 0.0), (60, 0.1), (61, 0.5), (62, 0.8), (79, 0.8)] {
        assert!((share(day) - expected).abs() < 0.04, "day {day}: {}", share(day));
    }
}

#[test]
fn retention_meets_the_curve_and_is_lower_in_the_scope_of_a_decline() {
    let users = USERS.replace("signups: 20", "signups: 200");
    let decline = "faults: [{retention_decline: {onset: 0, scope: {platform: web}, activity: {retention: 0.5}}}]\n";
    let scenario = scenario(&format!("{users}{decline}{WATCH}"));
    let table = table(&scenario, 0);
    let platform = table.users.columns.iter().find(|column| column.name == "platform").expect("a platform");
    let active: BTreeSet<(u32, u32)> = table.user.iter().copied().zip(table.day.iter().copied()).collect();
    let back = |cohorts: std::ops::Range<i32>, web: bool| {
        let users = (0..table.users.ids.len())
            .filter(|&user| cohorts.contains(&table.users.signup[user]) && (platform.value(user) == "web") == web);
        let users: Vec<usize> = users.collect();
        let back = users.iter().filter(|&&user| active.contains(&(user as u32, (table.users.signup[user] + 7) as u32)));
        back.count() as f64 / users.len() as f64
    };
    // Five standard errors of thousands of users.
    assert!((back(0..40, true) - 0.5).abs() < 0.04 && (back(0..40, false) - 0.5).abs() < 0.04);
    assert!((back(50..70, false) - 0.5).abs() < 0.05, "{}", back(50..70, false));
    assert!((back(50..70, true) - 0.25).abs() < 0.05, "{}", back(50..70, true));
    let everyone_comes_on_the_first_day = table.users.signup.iter().enumerate().filter(|(_, day)| **day >= 0);
    assert!(everyone_comes_on_the_first_day.into_iter().all(|(user, &day)| active.contains(&(user as u32, day as u32))));
}

#[test]
fn a_mix_shift_moves_events_per_user_in_total_and_in_no_platform() {
    let users = "activity: {users: 6000, signups: 40, retention: {day_1: 0.6, day_7: 0.5, day_30: 0.4}, sessions: 1.5, \
                 events: {given: {platform: {web: 3, android: 9, ios: 9}}}}\n";
    let shift = "benign: [{mix_shift: {onset: 0, dimension: platform, shares: {web: 0.7, android: 0.2, ios: 0.1}}}]\n";
    let watch = "watch: [tickets, events_per_user, {events_per_user: {platform: web}}, {events_per_user: {platform: android}}, \
                 {events_per_user: {platform: ios}}]\n";
    let incident = generate(&scenario(&format!("{users}{shift}{watch}")), Dev, 0).expect("small");
    let ratio = |series: usize| {
        let values = incident.observed.watched[series].series.values();
        mean(&values[50..]) / mean(&values[..50])
    };
    assert!(ratio(1) < 0.85, "{}", ratio(1));
    for series in 2..5 {
        assert!((ratio(series) - 1.0).abs() < 0.02, "{}", ratio(series));
    }
    assert_eq!(incident.observed.watched, incident.twin);
}

#[test]
fn bots_raise_events_per_user_and_hardly_users() {
    let burst = "faults: [{bot_burst: {onset: 5, duration: 5d, per_day: 30, scope: {platform: web}, \
                 activity: {users: 30, sessions: 8, events: 40}}}]\n";
    let incident = generate(&scenario(&format!("{USERS}{burst}{WATCH}")), Dev, 0).expect("small");
    let part = |series: usize, twin: bool| {
        let of = if twin { &incident.twin } else { &incident.observed.watched };
        mean(&of[series].series.values()[55..60])
    };
    assert!(part(3, false) > 1.5 * part(3, true));
    assert!((part(1, false) - part(1, true) - 30.0).abs() < 1.0, "nearly every account every day");
    assert!(part(5, false) > 2.0 * part(5, true), "the web has them all");
    assert_eq!(part(4, false), part(4, true));
}

#[test]
fn a_campaign_brings_signups_and_is_the_same_in_the_twin() {
    let campaign = "benign: [{campaign: {onset: 5, duration: 10d, multiplier: 1.5, scope: {country: DE}, activity: {signups: 10}}}]\n";
    let scenario = scenario(&format!("{USERS}{campaign}{WATCH}"));
    let incident = generate(&scenario, Dev, 0).expect("small");
    assert_eq!(incident.observed.watched, incident.twin);
    let table = table(&scenario, 0);
    let country = table.users.columns.iter().find(|column| column.name == "country").expect("a country");
    let signups = |days: std::ops::Range<i32>, german: bool| {
        let of = |user: &usize| days.contains(&table.users.signup[*user]) && (country.value(*user) == "DE") == german;
        (0..table.users.ids.len()).filter(of).count() as f64
    };
    assert!(signups(55..65, true) > 6.0 * signups(40..50, true), "0.22 · 20 · 10 a day");
    assert!(signups(55..65, false) < 1.4 * signups(40..50, false));
}

#[test]
fn users_of_the_week_need_a_whole_week() {
    let hole = "benign: [{logging_outage: {onset: 10, duration: 2d}}]\n";
    let incident = generate(&scenario(&format!("{USERS}{hole}{WATCH}")), Dev, 0).expect("small");
    let missing = |series: usize| {
        let values = incident.observed.watched[series].series.values();
        values.iter().enumerate().filter(|(_, value)| value.is_none()).map(|(day, _)| day).collect::<Vec<_>>()
    };
    assert_eq!(missing(1), [60, 61]);
    assert_eq!(missing(2), (0..6).chain(60..68).collect::<Vec<_>>());
}

#[test]
fn truth_lists_the_leaves_and_dimensions_a_scorer_compares() {
    let truth = generate(&scenario(&format!("{USERS}{CRASH}{WATCH}")), Dev, 0).expect("small").truth;
    assert!(truth.dimensions["app_version"].contains(&"6.0.0".to_owned()));
    assert!(truth.dimensions.contains_key("tier") && truth.dimensions.contains_key("queue") && !truth.dimensions.contains_key("plan"));
    let with =
        |platform: &str, version: &str| truth.leaves.iter().any(|leaf| leaf["platform"] == platform && leaf["app_version"] == version);
    assert!(with("android", "6.0.0") && with("ios", "5.1.4"));
    assert!(!with("ios", "6.0.0"), "the release is one of android");
    assert_eq!(truth.leaves[0].len(), 3, "country, platform and version");
}

#[test]
fn an_archive_keeps_the_tickets_of_thirteen_weeks_and_says_what_it_did_not_keep() {
    let hole = "benign: [{logging_outage: {onset: 4, duration: 2d}}]\n";
    let text = format!("{HEAD}{USERS}{CRASH}{hole}{WATCH}").replace("length: 80d, train: 50d", "length: 150d, train: 120d");
    let hourly = "format: 1\nid: hourly\ntitle: hourly\ncalendar: {start: 2024-01-01, length: 120d, train: 110d, step: 1h}\n\
                  tickets: {rate: 90, dispersion: poisson}\nwatch: [tickets]\n";
    for (text, first) in [(text.as_str(), 29), (hourly, 19 * 24)] {
        let scenario = parse(text).expect("good");
        let all = tickets(&scenario, Dev, 0).expect("small");
        let archive = archive(&scenario, Dev, 0).expect("small");
        let kept = archive.tickets.expect("it has tickets");
        let rows = all.rows(first..all.grid.len());
        assert!(rows.start > 500 && kept.len() == rows.len());
        assert!(kept.recorded[..first].iter().all(|recorded| !recorded), "missing, not zero");
        assert_eq!(kept.recorded[first..], all.recorded[first..]);
        assert_eq!((kept.ids.as_slice(), kept.seconds.as_slice()), (&all.ids[rows.clone()], &all.seconds[rows.clone()]));
        assert_eq!((kept.buckets.as_slice(), kept.tags.as_slice()), (&all.buckets[rows.clone()], &all.tags[rows.clone()]));
        for (kept, all) in kept.columns.iter().zip(&all.columns) {
            assert_eq!((&kept.name, &kept.values, kept.codes.as_slice()), (&all.name, &all.values, &all.codes[rows.clone()]));
        }
        assert_eq!(archive.activity.as_deref().cloned(), activity(&scenario, Dev, 0).expect("small"));
        assert_eq!(archive.id, generate(&scenario, Dev, 0).expect("small").observed.id);
    }
}

#[test]
fn an_export_of_users_gives_back_their_series_and_retention() {
    let scenario = scenario(&format!("{USERS}{CRASH}{WATCH}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = export(&scenario, Dev, 0, folder.path()).expect("it can be written");
    assert_eq!(written.len(), 7);
    let mut csv = csv::Reader::from_path(folder.path().join("sessions.csv")).expect("written");
    let header: Vec<String> = csv.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header, ["user", "started_at", "day", "cohort", "age", "events", "app_version"]);
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in csv.records() {
        let row = row.expect("well-formed");
        assert!(row[1].starts_with(&row[2]) && row[4].parse::<i64>().is_ok_and(|age| age >= 0));
        users.entry(row[2].to_owned()).or_default().insert(row[0].to_owned());
    }
    let dau: Vec<Option<f64>> = users.values().map(|users| Some(users.len() as f64)).collect();
    assert_eq!(dau, generate(&scenario, Dev, 0).expect("small").observed.watched[1].series.values());
}

#[test]
fn a_file_that_watches_nothing_is_exported_with_empty_counts() {
    let scenario = scenario(&format!("{USERS}watch: []\n"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    export(&scenario, Dev, 0, folder.path()).expect("it can be written");
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("written");
    assert_eq!(text("counts.csv"), "time\n");
    assert_eq!(text("users.csv").lines().count(), 1 + table(&scenario, 0).users.ids.len());
}

// What a file may say.

#[test]
fn users_are_counted_by_day() {
    let hourly = format!("{HEAD}{USERS}watch: [tickets]\n").replace("step: 1d", "step: 1h");
    assert_eq!(parse(&hourly).expect_err("hourly"), "x.yaml:6:11: `activity` is counted by day: needs `step: 1d`");
}

#[test]
fn a_series_of_users_needs_users_and_their_dimensions() {
    let said = |rest: &str| parse(&format!("{HEAD}{rest}")).expect_err("wrong");
    assert_eq!(said("watch: [dau]\n"), "x.yaml:6:9: `dau` needs users: give the section `activity:`");
    let queue = said(&format!("{USERS}watch: [{{dau: {{queue: billing}}}}]\n"));
    assert!(queue.contains("`queue` is an attribute of tickets, not of users (known: "), "{queue}");
    let crash = CRASH
        .replace("version: 6.0.0", "version: 6.0.0, queue: billing")
        .replace("      version: 6.0.0, queue: billing\n", "      version: 6.0.0\n");
    assert!(said(&format!("{USERS}{crash}{WATCH}")).contains("`queue` is an attribute of tickets"));
    let nobody = CRASH.replace(", app_version: 6.0.0", "");
    assert!(said(&format!("{nobody}watch: [tickets]\n")).contains("there are no users here: give the section `activity:`"));
}

#[test]
fn a_release_to_users_names_its_version() {
    let crash = CRASH.replace("      version: 6.0.0\n", "").replace("app_version: 6.0.0", "app_version: 5.1.4");
    let said = parse(&format!("{HEAD}{USERS}{crash}{WATCH}")).expect_err("no version");
    assert!(said.contains("with `activity` a deployment names the `version` that users get"), "{said}");
}

#[test]
fn nothing_is_watched_only_where_there_is_something_else_to_look_at() {
    assert!(parse(&format!("{HEAD}{USERS}watch: []\n")).is_ok());
    assert!(parse(&format!("{HEAD}questions: [{{id: a, kind: vague, text: What is wrong?}}]\nwatch: []\n")).is_ok());
    assert!(parse(&format!("{HEAD}watch: []\n")).expect_err("nothing").contains("`watch` is empty"));
}

#[test]
fn a_file_without_users_has_no_sessions_and_its_attributes_stay() {
    let scenario = scenario("watch: [tickets]\n");
    assert_eq!(activity(&scenario, Dev, 0).expect("small"), None);
    assert!(archive(&scenario, Dev, 0).expect("small").activity.is_none());
    assert!(tickets(&scenario, Dev, 0).expect("small").column("plan").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn thinning_of_sessions_takes_the_share_it_was_given(kept in 0.1_f64..0.9, k in 0_u32..1000) {
        let gap = format!("faults: [{{data_pipeline_gap: {{onset: 0, loss: 0.5, activity: {{sessions: {kept}}}}}}}]\n");
        let with = table(&scenario(&format!("{USERS}{gap}{WATCH}")), k);
        let without = table(&scenario(&format!("{USERS}{WATCH}")), k);
        let after = |table: &ActivityTable| table.day.iter().filter(|day| **day >= 50).count() as f64;
        // A binomial share of about 60,000 sessions: five standard errors.
        let error = 5.0 * (kept * (1.0 - kept) / after(&without)).sqrt();
        prop_assert!((after(&with) / after(&without) - kept).abs() < error);
        let days = |table: &ActivityTable| -> BTreeSet<(u64, u32)> {
            (0..table.len()).map(|row| (table.users.ids[table.user[row] as usize], table.day[row])).collect()
        };
        prop_assert!(days(&with).is_subset(&days(&without)), "thinning adds no one");
    }
}
