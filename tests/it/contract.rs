//! The data contract: an incident as it is generated keeps it, and each rule is broken by one thing put wrong.

use std::fs;

use incident_harness::data::Series;
use incident_harness::data::incident::Incident;
use incident_harness::data::ticket::{Column, TicketTable};
use incident_harness::run::contract::{check, check_tickets, of_tickets};
use incident_harness::scenario::Scenario;
use incident_harness::seed::SeedRole::Dev;
use incident_harness::synth::{generate, tickets_with_causes};
use incident_harness::time::{Grid, Step};

use crate::run::{code, output, small_library, stderr, stdout};

const SCENARIO: &str = "format: 1
id: small
title: small
calendar: {start: 2024-01-01, length: 80d, train: 50d, step: 1d}
tickets: {rate: 120, dispersion: {negative_binomial: 0.01}}
changes:
  - deployment: {id: early, at: 3}
  - deployment: {id: late, at: 10}
faults:
  - deployment:
      change: late
      duration: 4d
      shape: spike
      scope: {queue: billing}
      multiplier: 3
benign:
  - slow_growth: {onset: 16, per_week: 0.02}
watch: [tickets, {tickets: {queue: billing}}]
";

fn scenario() -> Scenario {
    Scenario::parse(SCENARIO, "small.yaml", "small.yaml").unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// What is found in the incident once something is put wrong.
fn found(wrong: impl FnOnce(&mut Incident)) -> Vec<String> {
    let scenario = scenario();
    let mut incident = generate(&scenario, Dev, 0).expect("an ordinary size");
    wrong(&mut incident);
    check(&scenario, &incident).expect("it is planned").into_iter().map(|breach| breach.problem).collect()
}

fn found_in_tickets(wrong: impl FnOnce(&mut TicketTable, &mut Vec<Option<usize>>)) -> Vec<String> {
    let scenario = scenario();
    let incident = generate(&scenario, Dev, 0).expect("an ordinary size");
    let (mut table, mut causes) = tickets_with_causes(&scenario, Dev, 0).expect("an ordinary size");
    wrong(&mut table, &mut causes);
    of_tickets(&scenario, &incident, &table, &causes).into_iter().map(|breach| breach.problem).collect()
}

fn with(series: &Series, change: impl Fn(usize, f64) -> f64) -> Series {
    let values = series.values().iter().enumerate().map(|(bucket, value)| value.map(|value| change(bucket, value))).collect();
    Series::new(series.grid().clone(), values)
}

#[test]
fn an_incident_as_generated_keeps_the_contract() {
    let scenario = scenario();
    let incident = generate(&scenario, Dev, 0).expect("an ordinary size");
    assert_eq!(check(&scenario, &incident).expect("it is planned"), []);
    assert_eq!(check_tickets(&scenario, &incident).expect("an ordinary size"), []);
    assert_eq!(incident.truth.faults[0].change.as_ref(), Some(&incident.observed.changes[1].id), "the fault of these tests has a change");
}

type Wrong = fn(&mut Incident);

#[test]
fn every_rule_on_an_incident_is_broken_by_one_thing_put_wrong() {
    let cases: [(&str, Wrong); 16] = [
        ("the calendar has 80 buckets of which 49 are train, configured are 80 and 50", |it| it.observed.train = 49),
        ("train has 0 of 80 buckets", |it| it.observed.train = 0),
        ("series `tickets` is watched twice", |it| it.observed.watched[1].name = "tickets".to_owned()),
        ("series are tickets, configured are tickets, tickets{queue=billing}", |it| it.observed.watched.truncate(1)),
        ("series `tickets` does not lie on the calendar", |it| {
            let elsewhere = Grid::civil("2024-01-02".parse().expect("a date"), Step::DAY, 80);
            let watched = &mut it.observed.watched[0];
            watched.series = Series::new(elsewhere, watched.series.values().to_vec());
        }),
        ("two changes of the log share an id", |it| it.observed.changes[0].id = it.observed.changes[1].id.clone()),
        ("the change log is not in order", |it| it.observed.changes.reverse()),
        ("fault `deployment` acts outside the test window", |it| it.truth.faults[0].active.first = 49),
        ("caused by change `chg-none`, which is not in the log", |it| it.truth.faults[0].change = Some("chg-none".to_owned())),
        ("fault `deployment` acts before the change", |it| it.observed.changes[1].at = it.observed.known.grid.end(70)),
        ("fault `deployment` shows before the test window", |it| {
            it.truth.faults[0].effects[0].window.as_mut().expect("it shows").first = 49;
        }),
        ("series `tickets` differs from its fault-free twin in train", |it| {
            let watched = &mut it.observed.watched[0];
            watched.series = with(&watched.series, |bucket, value| value + f64::from(u8::from(bucket == 49)));
        }),
        ("series `tickets` adds up to", |it| {
            for watched in it.twin.iter_mut().chain(&mut it.observed.watched) {
                watched.series = with(&watched.series, |_, value| 1.3 * value);
            }
        }),
        ("the truth is of other.yaml (small)", |it| it.truth.file = "other.yaml".to_owned()),
        ("the truth tells of no harmless event `slow_growth`, one is configured", |it| it.truth.benign.clear()),
        ("the truth tells of 0 faults, configured are 1", |it| it.truth.faults.clear()),
    ];
    for (expected, wrong) in cases {
        let problems = found(wrong);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
    }
}

type WrongTickets = fn(&mut TicketTable, &mut Vec<Option<usize>>);

#[test]
fn every_rule_on_tickets_is_broken_by_one_thing_put_wrong() {
    let cases: [(&str, WrongTickets); 7] = [
        ("ticket ids are not unique and rising", |table, _| table.ids[1] = table.ids[0]),
        ("tickets are not in order of creation", |table, _| table.buckets.swap(0, 5000)),
        ("column `queue` holds values that are not in its dictionary", |table, _| column(table, "queue").codes[7] = 99),
        ("column `queue` has the value `returned`, which the truth does not know", |table, _| {
            column(table, "queue").values[0] = "returned".to_owned();
        }),
        ("is caused by a fault that does not act when it is created", |_, causes| causes[0] = Some(0)),
        ("series `tickets` says", |table, _| table.recorded[79] = false),
        ("series `tickets{queue=billing}` says", |table, _| {
            let queue = column(table, "queue");
            let billing = queue.code("billing").expect("a queue");
            let other = queue.codes.iter().position(|code| *code != billing).expect("another queue");
            queue.codes[other] = billing;
        }),
    ];
    assert_eq!(found_in_tickets(|_, _| {}), [""; 0]);
    for (expected, wrong) in cases {
        let problems = found_in_tickets(wrong);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        let of_series = problems.iter().all(|problem| problem.starts_with("series"));
        assert!(
            problems.len() == 1 || of_series,
            "a day that is gone is missing in every series, nothing else is wrong twice: {problems:?}"
        );
    }
}

fn column<'a>(table: &'a mut TicketTable, name: &str) -> &'a mut Column {
    table.columns.iter_mut().find(|column| column.name == name).expect("a column")
}

const FILES: [&str; 2] = ["quiet/small-poisson.yaml", "segment_outage/one-queue-billing.yaml"];

#[test]
fn check_tells_of_every_file_and_run_fits_nothing_on_a_breach() {
    let folder = small_library(&FILES);
    let root = folder.path();
    let whole = output(root, &["check", "scenarios"]);
    assert_eq!(code(&whole), 0, "{}", stderr(&whole));
    assert_eq!(
        stdout(&whole),
        "quiet/small-poisson.yaml: ok\nsegment_outage/one-queue-billing.yaml: ok\n2 scenarios, 2 incidents, 0 breaches\n"
    );

    // So few days and so wild a spread that what is drawn is not what is configured.
    let file = root.join("scenarios").join(FILES[0]);
    let text = fs::read_to_string(&file).expect("a scenario");
    let wild = text.replace("270d", "40d").replace("200d", "30d").replace("poisson\n  weekday", "{negative_binomial: 10}\n  weekday");
    fs::write(&file, wild).expect("a writable file");
    let broken = output(root, &["check", "scenarios"]);
    assert_eq!(code(&broken), 2, "{}", stdout(&broken));
    let told = stdout(&broken);
    assert!(told.starts_with("quiet/small-poisson.yaml: 1 breach\n  seed 0: series `tickets` adds up to "), "{told}");
    assert!(told.contains("(20 % allowed)\nsegment_outage/one-queue-billing.yaml: ok\n2 scenarios, 2 incidents, 1 breaches\n"), "{told}");
    let json = output(root, &["check", &format!("scenarios/{}", FILES[0]), "--json"]);
    let files: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((code(&json), &files[0]["file"]), (2, &"quiet/small-poisson.yaml".into()));

    let run = output(root, &["run", "scenarios", "--models", "arima", "--seeds", "1", "--role", "dev"]);
    assert_eq!(code(&run), 2, "{}", stderr(&run));
    assert!(stderr(&run).contains("nothing was run:\nquiet/small-poisson.yaml, seed 0: series `tickets`"), "{}", stderr(&run));
    assert!(!root.join("results").exists(), "nothing was written");
}

#[test]
fn check_names_every_file_that_cannot_be_read() {
    let folder = small_library(&FILES);
    let root = folder.path();
    let [first, second] = FILES.map(|file| root.join("scenarios").join(file));
    let text = fs::read_to_string(&first).expect("a scenario");
    fs::write(first.with_file_name("twice.yaml"), &text).expect("a writable file");
    fs::write(&second, fs::read_to_string(&second).expect("a scenario").replace("title:", "titel:")).expect("a writable file");
    let broken = output(root, &["check", "scenarios"]);
    assert_eq!(code(&broken), 2);
    let told = stderr(&broken);
    assert!(told.contains("twice.yaml: id `quiet.small-poisson` is taken by"), "{told}");
    assert!(told.contains("one-queue-billing.yaml:") && told.contains("`titel`"), "{told}");
}
