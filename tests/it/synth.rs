//! From scenario and seed to an incident: the library as a whole, and the promises of the generator on small files.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use incident_harness::data::incident::Incident;
use incident_harness::data::ticket::TicketTable;
use incident_harness::data::{ChangeKind, Series};
use incident_harness::scenario::spec::FaultSpec;
use incident_harness::scenario::{Scenario, load_folder};
use incident_harness::seed::SeedRole::{self, Dev, Eval, Gate};
use incident_harness::synth::{export, fault, generate, tickets, tickets_with_causes};
use proptest::prelude::*;

/// Seeds under which the library is checked.
const SEEDS: [(SeedRole, u32); 7] = [(Dev, 0), (Dev, 1), (Dev, 2), (Gate, 0), (Gate, 1), (Eval, 0), (Eval, 1)];

fn library() -> &'static [Scenario] {
    static LIBRARY: OnceLock<Vec<Scenario>> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        load_folder(&folder).unwrap_or_else(|error| panic!("{error}"))
    })
}

/// The files with watched series: one without is for questions alone.
fn watched() -> impl Iterator<Item = &'static Scenario> {
    library().iter().filter(|scenario| !scenario.case.watch.is_empty())
}

fn incidents() -> impl Iterator<Item = (&'static Scenario, Incident)> {
    watched().flat_map(|scenario| {
        SEEDS.into_iter().map(move |(role, k)| (scenario, generate(scenario, role, k).expect("the library is of ordinary size")))
    })
}

const CALENDAR: &str = "calendar: {start: 2024-01-01, length: 80d, train: 50d, step: 1d}\n";

/// A scenario of 50 + 30 days; `rest` holds tickets, faults, benign events and watched series.
fn scenario(rest: &str) -> Scenario {
    let text = format!("format: 1\nid: small\ntitle: small\n{CALENDAR}{rest}");
    Scenario::parse(&text, "small.yaml", "small.yaml").unwrap_or_else(|errors| panic!("{}", errors[0]))
}

const DESK: &str = "tickets: {rate: 120, dispersion: {negative_binomial: 0.01}}\n";
const SPIKE: &str = "faults:
  - deployment:
      onset: {between: [3, 20]}
      duration: {between: [2d, 5d]}
      shape: spike
      scope: {queue: billing}
      multiplier: {between: [2, 4]}
      attributes: {priority: {critical: 1}}
      tags: {payment: 1}
";
const WATCH: &str = "watch: [tickets, {tickets: {queue: billing}}]\n";

fn values(series: &Series) -> Vec<f64> {
    series.values().iter().map(|value| value.expect("nothing is missing here")).collect()
}

fn counts(table: &TicketTable, name: &str) -> Vec<Option<f64>> {
    let filter = name.strip_prefix("tickets{").and_then(|rest| rest.strip_suffix('}')).and_then(|rest| rest.split_once('='));
    let counts = table.count(|row| filter.is_none_or(|(dim, value)| table.column(dim).expect("a dimension").value(row) == value));
    counts.into_iter().map(|count| count.map(|count| count as f64)).collect()
}

// The library.

#[test]
fn the_library_has_enough_files_and_half_of_them_are_negatives_or_hold_a_decoy() {
    assert!(library().len() >= 26, "{} files", library().len());
    let hard = library().iter().filter(|scenario| !scenario.faulted() || scenario.case.benign.iter().any(|b| b.kind == "decoy_deployment"));
    assert!(2 * hard.count() >= library().len());
    assert!(library().iter().filter(|scenario| !scenario.step().is_daily()).count() <= 6, "hourly files are dear");
}

#[test]
fn every_file_begins_with_a_line_that_says_what_it_probes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for scenario in library() {
        let text = fs::read_to_string(folder.join(&scenario.file)).expect("it was loaded from there");
        assert!(text.starts_with("# Probes: "), "{}", scenario.file);
    }
}

#[test]
fn every_fault_of_the_library_shows_on_a_watched_series_under_every_seed() {
    for (scenario, incident) in incidents() {
        assert_eq!(incident.truth.faults.len(), scenario.case.faults.len(), "{}", scenario.file);
        for fault in &incident.truth.faults {
            assert!(fault.effects.iter().any(|effect| effect.window.is_some()), "{} {:?}", scenario.file, incident.truth.replicate);
        }
    }
}

#[test]
fn faults_of_the_library_act_in_test_only_and_effects_lie_where_they_act() {
    for (scenario, incident) in incidents() {
        for fault in &incident.truth.faults {
            assert!(fault.active.first >= incident.observed.train, "{}", scenario.file);
            assert!(fault.active.last < incident.observed.known.grid.len(), "{}", scenario.file);
            for (effect, window) in fault.effects.iter().filter_map(|effect| effect.window.map(|window| (effect, window))) {
                // Users of the week see a fault for six days more.
                let last = if effect.series.starts_with("wau") { window.last.min(fault.active.last) } else { window.last };
                assert!(fault.active.contains(window.first) && fault.active.contains(last), "{}", scenario.file);
            }
        }
    }
}

#[test]
fn the_twin_is_what_was_observed_wherever_no_fault_acts() {
    for (scenario, incident) in incidents() {
        let acts = |bucket: usize| incident.truth.faults.iter().any(|fault| fault.active.contains(bucket));
        let mut differs = false;
        for (observed, twin) in incident.observed.watched.iter().zip(&incident.twin) {
            assert_eq!(observed.name, twin.name);
            for (bucket, (observed, twin)) in observed.series.values().iter().zip(twin.series.values()).enumerate() {
                assert!(acts(bucket) || observed == twin, "{} bucket {bucket}", scenario.file);
                differs |= observed != twin;
            }
        }
        assert_eq!(differs, scenario.faulted(), "{}", scenario.file);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_another_incident() {
    for scenario in watched() {
        let incident = |role, k| generate(scenario, role, k).expect("ordinary size");
        let bytes = |incident: &Incident| serde_json::to_string(&(&incident.observed, &incident.truth)).expect("plain data");
        let one = incident(Dev, 0);
        assert_eq!(bytes(&one), bytes(&incident(Dev, 0)), "{}", scenario.file);
        assert_eq!(one.twin, incident(Dev, 0).twin);
        assert_eq!(tickets(scenario, Dev, 0).expect("ordinary size"), tickets(scenario, Dev, 0).expect("ordinary size"));
        assert_ne!(one.observed.watched, incident(Dev, 1).observed.watched, "{}", scenario.file);
        assert_ne!(one.observed.id, incident(Gate, 0).observed.id);
    }
}

/// Whoever changes a stream changes every result made before: then this test says so, and the change is worth a line in the notes.
#[test]
fn the_numbers_of_a_dev_seed_stay_what_they_were() {
    let scenario = library().iter().find(|scenario| scenario.id.as_str() == "classic.spike-2023").expect("it is in the library");
    let incident = generate(scenario, Dev, 0).expect("ordinary size");
    let around = &values(&incident.observed.watched[0].series)[274..281];
    let table = tickets(scenario, Dev, 0).expect("ordinary size");
    let first: Vec<&str> = table.columns.iter().map(|column| column.value(0)).collect();
    let row = (table.ids[0], table.seconds[0], first.join(" "));
    assert_eq!(incident.observed.id.as_str(), "inc-25c0c431fe1b");
    assert_eq!(around, [210.0, 200.0, 197.0, 358.0, 151.0, 95.0, 80.0]);
    assert_eq!(row, (205_960, 357, "problem accounts US en free high ios 5.1.4 mobile_app".to_owned()));
}

#[test]
fn incident_ids_are_unique_over_the_library_and_tell_nothing() {
    let ids: Vec<String> = incidents().map(|(_, incident)| incident.observed.id.to_string()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
    assert!(ids.iter().all(|id| id.len() == 16 && id.starts_with("inc-")));
}

#[test]
fn tickets_of_the_library_counted_by_bucket_are_its_series() {
    for scenario in watched() {
        let incident = generate(scenario, Dev, 0).expect("ordinary size");
        let table = tickets(scenario, Dev, 0).expect("ordinary size");
        for watched in incident.observed.watched.iter().filter(|watched| watched.name.starts_with("tickets")) {
            assert_eq!(counts(&table, &watched.name), watched.series.values(), "{} {}", scenario.file, watched.name);
        }
    }
}

#[test]
fn realised_totals_of_train_come_near_the_configured_rate() {
    for (scenario, incident) in incidents() {
        let desk = &scenario.case.desk;
        assert!(incident.twin[0].name.starts_with("tickets"), "{}: tickets come first", scenario.file);
        if incident.twin[0].name != "tickets" {
            continue;
        }
        let train = &values(&incident.twin[0].series.slice(0..incident.observed.train));
        let days = train.len() as f64 * scenario.step().seconds() as f64 / 86_400.0;
        let per_day = train.iter().sum::<f64>() / days / desk.rate;
        // Holidays, seasons and growth are part of what is configured; the library keeps them within these bounds.
        assert!((0.8..=1.2).contains(&per_day), "{}: {per_day}", scenario.file);
    }
}

#[test]
fn a_logging_outage_is_missing_in_the_series_and_maintenance_in_the_log() {
    let scenario = library().iter().find(|scenario| scenario.id.as_str() == "logging-outage.days").expect("it is in the library");
    for k in 0..5 {
        let incident = generate(scenario, Dev, k).expect("ordinary size");
        let outage = &incident.truth.benign[0];
        let missing: Vec<usize> =
            incident.observed.watched[0].series.values().iter().enumerate().filter(|(_, v)| v.is_none()).map(|(at, _)| at).collect();
        assert_eq!(missing, (outage.active.first..=outage.active.last).collect::<Vec<_>>());
        let entry = incident.observed.changes.iter().find(|change| Some(&change.id) == outage.change.as_ref()).expect("it is listed");
        assert_eq!(entry.kind, ChangeKind::Maintenance);
        let grid = &incident.observed.known.grid;
        assert_eq!((Some(&entry.at), entry.until.as_ref()), (Some(&grid.stamp(outage.active.first)), Some(&grid.end(outage.active.last))));
    }
}

#[test]
fn every_change_of_the_log_is_opaque_and_in_order() {
    for (scenario, incident) in incidents() {
        let changes = &incident.observed.changes;
        assert!(changes.iter().all(|change| change.id.len() == 10 && change.id.starts_with("chg-")), "{}", scenario.file);
        assert!(changes.is_sorted_by(|a, b| a.at <= b.at), "{}", scenario.file);
        for fault in &incident.truth.faults {
            let known = fault.change.iter().all(|id| changes.iter().any(|change| change.id == *id));
            assert!(known, "{}", scenario.file);
        }
    }
}

// The generator.

#[test]
fn every_kind_of_the_format_has_a_mechanism() {
    // The list of the format, from its own error message.
    let text = format!("format: 1\nid: x\ntitle: x\n{CALENDAR}{DESK}faults: [nothing: 1]\nwatch: [tickets]\n");
    let said = Scenario::parse(&text, "x", "x").expect_err("no such kind")[0].message.clone();
    let list = said.split_once(": ").expect("a list follows").1;
    let kinds: BTreeSet<&str> = list.split(", ").collect();
    let rows: BTreeSet<&str> = fault::REGISTRY.iter().map(|entry| entry.name).collect();
    assert_eq!(kinds, rows);
    let _: fn(&FaultSpec) -> &'static str = FaultSpec::kind;
}

#[test]
fn a_fault_does_not_change_the_noise_of_normal_tickets() {
    let with = scenario(&format!("{DESK}{SPIKE}{WATCH}"));
    let without = scenario(&format!("{DESK}{WATCH}"));
    for k in 0..5 {
        let with = generate(&with, Dev, k).expect("small");
        let without = generate(&without, Dev, k).expect("small");
        assert_eq!(with.twin, without.twin);
        assert_eq!(without.observed.watched, without.twin);
        assert!(!without.truth.faulted);
    }
}

#[test]
fn tickets_that_a_fault_caused_are_the_difference_to_the_twin() {
    let scenario = scenario(&format!("{DESK}{SPIKE}{WATCH}"));
    for k in 0..5 {
        let incident = generate(&scenario, Dev, k).expect("small");
        let (table, causes) = tickets_with_causes(&scenario, Dev, k).expect("small");
        let mut caused = vec![0.0; table.grid.len()];
        for (row, cause) in causes.iter().enumerate() {
            if cause.is_some() {
                caused[table.buckets[row] as usize] += 1.0;
                assert_eq!(table.column("queue").expect("a queue").value(row), "billing");
                assert_eq!(table.column("priority").expect("a priority").value(row), "critical");
                assert_eq!(table.tags_of(row).collect::<Vec<_>>(), ["payment"]);
            }
        }
        let difference: Vec<f64> =
            values(&incident.observed.watched[1].series).iter().zip(values(&incident.twin[1].series)).map(|(a, b)| a - b).collect();
        assert_eq!(caused, difference);
        assert!(caused.iter().sum::<f64>() > 0.0);
    }
}

#[test]
fn no_ticket_comes_before_the_change_that_caused_it() {
    let scenario = scenario(&format!("{DESK}{SPIKE}{WATCH}"));
    for k in 0..5 {
        let incident = generate(&scenario, Dev, k).expect("small");
        let (table, causes) = tickets_with_causes(&scenario, Dev, k).expect("small");
        let id = incident.truth.faults[0].change.as_ref().expect("a deployment is in the log");
        let at = &incident.observed.changes.iter().find(|change| change.id == *id).expect("listed").at;
        for row in (0..table.len()).filter(|&row| causes[row].is_some()) {
            let start = table.grid.stamp(table.buckets[row] as usize).timestamp().as_second();
            assert!(start + i64::from(table.seconds[row]) >= at.timestamp().as_second());
        }
    }
}

#[test]
fn a_pipeline_gap_of_everything_leaves_zeros_and_no_missing_bucket() {
    let gap = "faults: [{data_pipeline_gap: {onset: 5, duration: 4d, loss: 1}}]\n";
    let scenario = scenario(&format!("{DESK}{gap}watch: [tickets]\n"));
    let incident = generate(&scenario, Dev, 0).expect("small");
    let counts = values(&incident.observed.watched[0].series);
    assert!(counts[55..59].iter().all(|count| *count == 0.0));
    assert!(counts[..55].iter().chain(&counts[59..]).all(|count| *count > 0.0));
    let effect = &incident.truth.faults[0].effects[0];
    assert_eq!(effect.window.map(|window| (window.first, window.last)), Some((55, 58)));
}

#[test]
fn more_spread_keeps_the_mean_and_multiplies_the_sd() {
    let fault = "faults: [{config_change: {onset: 0, shape: {variance: 3}}}]\n";
    let scenario = scenario(&format!("{DESK}{fault}watch: [tickets]\n"));
    let mut test = Vec::new();
    for k in 0..60 {
        test.extend_from_slice(&values(&generate(&scenario, Dev, k).expect("small").observed.watched[0].series)[50..]);
    }
    let mean = test.iter().sum::<f64>() / test.len() as f64;
    let sd = (test.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / test.len() as f64).sqrt();
    // λ = 120, φ = 0.01: sd = √(120 + 144) = 16.2, three times as much 48.7; 1,800 values put four standard errors at 4 % and 10 %.
    assert!((mean / 120.0 - 1.0).abs() < 0.04, "{mean}");
    assert!((sd / 48.74 - 1.0).abs() < 0.10, "{sd}");
    let effect = &generate(&scenario, Dev, 0).expect("small").truth.faults[0].effects[0];
    assert_eq!((effect.window.map(|window| (window.first, window.last)), effect.peak_sd), (Some((50, 79)), 0.0));
}

#[test]
fn the_effect_window_is_where_the_expectation_leaves_one_sd() {
    // Poisson, λ = 100 every day, sd 10: a ramp to twice the normal over ten days is one sd up from its first day on (+10),
    // and to one and a half from its second (+5, +10, …).
    let window = |multiplier: f64| {
        let fault = format!("faults: [{{policy_change: {{onset: 5, duration: 10d, shape: ramp, multiplier: {multiplier}}}}}]\n");
        let scenario = scenario(&format!("tickets: {{rate: 100, dispersion: poisson}}\n{fault}watch: [tickets]\n"));
        let effect = generate(&scenario, Dev, 0).expect("small").truth.faults.remove(0).effects.remove(0);
        (effect.window.map(|window| (window.first, window.last)), effect.peak_sd)
    };
    assert_eq!(window(1.51).0, Some((56, 64)));
    assert_eq!(window(2.01).0, Some((55, 64)));
    let (none, peak) = window(1.05);
    assert_eq!(none, None);
    assert!((peak - 0.5).abs() < 1e-9, "{peak}");
}

#[test]
fn a_fault_in_one_queue_is_invisible_on_another() {
    let watch = "watch: [{tickets: {queue: billing}}, {tickets: {queue: returns}}]\n";
    let scenario = scenario(&format!("{DESK}{SPIKE}{watch}"));
    let incident = generate(&scenario, Dev, 0).expect("small");
    let effects = &incident.truth.faults[0].effects;
    assert!(effects[0].window.is_some());
    assert_eq!((effects[1].window, effects[1].peak_sd), (None, 0.0));
    assert_eq!(incident.observed.watched[1], incident.twin[1]);
}

#[test]
fn a_mix_shift_moves_segments_and_leaves_the_total() {
    let shift = "benign: [{mix_shift: {onset: 0, dimension: platform, shares: {web: 0.2, android: 0.4, ios: 0.4}}}]\n";
    let watch = "watch: [tickets, {tickets: {platform: web}}]\n";
    let scenario = scenario(&format!("tickets: {{rate: 900, dispersion: poisson}}\n{shift}{watch}"));
    let incident = generate(&scenario, Dev, 0).expect("small");
    let mean = |series: usize| {
        let values = values(&incident.observed.watched[series].series);
        let of = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        of(&values[50..]) / of(&values[..50])
    };
    assert!((mean(0) - 1.0).abs() < 0.03, "{}", mean(0));
    assert!((mean(1) - 0.4).abs() < 0.03, "{}", mean(1));
}

#[test]
fn a_taxonomy_change_empties_one_queue_into_another() {
    let change = "benign: [{taxonomy_change: {onset: 10, dimension: queue, from: returns, to: billing}}]\n";
    let watch = "watch: [{tickets: {queue: returns}}, {tickets: {queue: billing}}]\n";
    let scenario = scenario(&format!("tickets: {{rate: 900, dispersion: poisson}}\n{change}{watch}"));
    let incident = generate(&scenario, Dev, 0).expect("small");
    let (returns, billing) = (values(&incident.observed.watched[0].series), values(&incident.observed.watched[1].series));
    assert!(returns[60..].iter().all(|count| *count == 0.0) && returns[..60].iter().all(|count| *count > 0.0));
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!((mean(&billing[60..]) / 288.0 - 1.0).abs() < 0.05, "0.20 + 0.12 of 900: {}", mean(&billing[60..]));
}

#[test]
fn a_seed_replicates_the_case_and_not_only_the_noise() {
    let scenario = scenario(&format!("{DESK}{SPIKE}{WATCH}"));
    let onsets: BTreeSet<usize> = (0..40).map(|k| generate(&scenario, Dev, k).expect("small").truth.faults[0].active.first).collect();
    assert!(onsets.len() > 8, "{onsets:?}");
    assert!(onsets.iter().all(|onset| (53..=70).contains(onset)), "{onsets:?}");
}

#[test]
fn the_order_of_values_and_columns_differs_between_seeds() {
    let scenario = scenario(&format!("{DESK}{WATCH}"));
    let orders = |k| {
        let table = tickets(&scenario, Dev, k).expect("small");
        let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        (names, table.column("queue").expect("a queue").values.clone())
    };
    let all: Vec<_> = (0..6).map(orders).collect();
    assert!(all.iter().map(|(names, _)| names).collect::<BTreeSet<_>>().len() > 1);
    assert!(all.iter().map(|(_, values)| values).collect::<BTreeSet<_>>().len() > 1);
}

#[test]
fn an_attribute_has_the_shares_it_was_given() {
    let text = "tickets:
  rate: 2000
  dispersion: poisson
  attributes:
    plan: {given: {platform: {web: {free: 1}, android: {free: 0.25, pro: 0.75}, ios: {pro: 1}}}}
watch: [tickets]
";
    let table = tickets(&scenario(text), Dev, 0).expect("small");
    let (plan, platform) = (table.column("plan").expect("a plan"), table.column("platform").expect("a platform"));
    let share = |of: &str| {
        let rows: Vec<usize> = (0..table.len()).filter(|&row| platform.value(row) == of).collect();
        rows.iter().filter(|&&row| plan.value(row) == "free").count() as f64 / rows.len() as f64
    };
    assert_eq!((share("web"), share("ios")), (1.0, 0.0));
    assert!((share("android") - 0.25).abs() < 0.01, "{}", share("android"));
}

#[test]
fn tickets_of_a_day_stay_within_it_when_the_clocks_change() {
    let text = "format: 1\nid: dst\ntitle: dst\ncalendar: {start: 2024-03-25, length: 14d, train: 7d, step: 1d, zone: Europe/Berlin}\n\
                tickets: {rate: 500, dispersion: poisson}\nwatch: [tickets]\n";
    let scenario = Scenario::parse(text, "dst.yaml", "dst.yaml").expect("good");
    let table = tickets(&scenario, Dev, 0).expect("small");
    let sunday = table.rows(6..7);
    assert!(sunday.len() > 300);
    assert!(sunday.into_iter().all(|row| table.seconds[row] < 23 * 3600));
}

#[test]
fn an_export_can_be_read_back_and_agrees_with_the_incident() {
    let fault = "faults: [{data_pipeline_gap: {onset: 5, duration: 4d, loss: 0.5}}, {bot_burst: {onset: 20, duration: 2d, per_day: 90}}]\n";
    let hole = "benign: [{logging_outage: {onset: 12, duration: 2d}}]\n";
    let scenario = scenario(&format!("{DESK}{fault}{hole}{WATCH}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("out");
    let written = export(&scenario, Dev, 3, &out).expect("it can be written");
    assert_eq!(written.len(), 5);
    let incident = generate(&scenario, Dev, 3).expect("small");
    let rows = |name: &str| -> Vec<Vec<String>> {
        let mut csv = csv::Reader::from_path(out.join(name)).expect("it was written");
        csv.records().map(|row| row.expect("well-formed").iter().map(str::to_owned).collect()).collect()
    };
    let counts = rows("counts.csv");
    let series: Vec<Option<f64>> = counts.iter().map(|row| row[1].parse().ok()).collect();
    assert_eq!(series, incident.observed.watched[0].series.values());
    assert_eq!((counts[62][0].as_str(), counts[62][1].as_str()), ("2024-03-03", ""));
    let tickets = rows("tickets.csv");
    assert_eq!(tickets.len() as f64, series.iter().flatten().sum::<f64>());
    let truth: serde_json::Value = serde_json::from_reader(fs::File::open(out.join("truth.json")).expect("written")).expect("JSON");
    let ids: BTreeSet<&str> = tickets.iter().map(|row| row[0].as_str()).collect();
    let bots = truth["faults"][1]["tickets"].as_array().expect("a list of ids");
    assert!(!bots.is_empty() && bots.iter().all(|id| ids.contains(id.to_string().as_str())));
    assert_eq!(truth["faults"][1]["active"], serde_json::json!(["2024-03-11", "2024-03-12"]));
    assert!(truth["faults"][0]["lost"].as_u64().expect("a number") > 50);
    assert_eq!(rows("changes.csv").len(), 1);
    let twin: f64 = rows("twin_counts.csv").iter().filter_map(|row| row[1].parse::<f64>().ok()).sum();
    let (added, lost) = (bots.len() as f64, truth["faults"][0]["lost"].as_f64().expect("a number"));
    assert_eq!(twin + added - lost, tickets.len() as f64);
}

#[test]
fn more_tickets_than_a_count_holds_are_refused() {
    let fault = "faults: [{dependency_failure: {onset: 5, duration: 4d, shape: spike, multiplier: 1000}}]\n";
    let scenario = scenario(&format!("tickets: {{rate: 1000000, dispersion: poisson}}\n{fault}watch: [tickets]\n"));
    let said = generate(&scenario, Dev, 0).expect_err("four thousand million").to_string();
    assert!(said.starts_with("scenario `small` expects"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn thinning_takes_the_share_it_was_given(loss in 0.05_f64..0.95, k in 0_u32..1000) {
        let gap = format!("faults: [{{data_pipeline_gap: {{onset: 0, loss: {loss}}}}}]\n");
        let scenario = scenario(&format!("tickets: {{rate: 400, dispersion: poisson}}\n{gap}watch: [tickets]\n"));
        let incident = generate(&scenario, Dev, k).expect("small");
        let sum = |series: &Series| values(series)[50..].iter().sum::<f64>();
        let (before, after) = (sum(&incident.twin[0].series), sum(&incident.observed.watched[0].series));
        // A binomial share of about 12,000 tickets: five standard errors.
        let error = 5.0 * (loss * (1.0 - loss) / before).sqrt();
        prop_assert!((after / before - (1.0 - loss)).abs() < error, "{after} of {before}");
    }

    #[test]
    fn leaves_share_out_all_tickets_whatever_is_watched(split in 0.05_f64..0.95, k in 0_u32..1000) {
        let attributes = format!("attributes: {{queue: {{shares: {{a: {split}, b: {}}}}}}}", 1.0 - split);
        let watch = "watch: [tickets, {tickets: {queue: a}}, {tickets: {queue: b}}]\n";
        let scenario = scenario(&format!("tickets: {{rate: 300, dispersion: {{negative_binomial: 0.02}}, {attributes}}}\n{watch}"));
        let watched = generate(&scenario, Dev, k).expect("small").observed.watched;
        let (total, a, b) = (values(&watched[0].series), values(&watched[1].series), values(&watched[2].series));
        prop_assert!(total.iter().zip(a.iter().zip(&b)).all(|(total, (a, b))| *total == a + b));
        // 24,000 tickets: five standard errors of the share.
        let share = a.iter().sum::<f64>() / total.iter().sum::<f64>();
        prop_assert!((share - split).abs() < 5.0 * (split * (1.0 - split) / 24_000.0).sqrt(), "{share}");
    }
}

/// Scenario `file` of the library under 40 development seeds.
fn forty(file: &str) -> Vec<Incident> {
    let scenario = library().iter().find(|scenario| scenario.file == file).expect("it is in the library");
    (0..40).map(|seed| generate(scenario, Dev, seed).expect("the library is good")).collect()
}

#[test]
fn a_decoy_lies_its_lag_before_the_first_tickets_of_the_fault() {
    for incident in forty("deployment/android-crash.yaml") {
        let (fault, decoy) = (&incident.truth.faults[0], &incident.truth.benign[0]);
        assert!((0..=1).contains(&(fault.active.first - decoy.active.first)), "{:?} {:?}", fault.active, decoy.active);
    }
}

#[test]
fn of_two_releases_of_a_day_the_decoy_is_mostly_but_not_always_the_second() {
    let second = |incident: &Incident| {
        let at = |id: &Option<String>| {
            &incident.observed.changes.iter().find(|change| Some(&change.id) == id.as_ref()).expect("it is logged").at
        };
        let (culprit, decoy) = (at(&incident.truth.faults[0].change), at(&incident.truth.benign[0].change));
        assert_eq!(culprit.date(), decoy.date());
        decoy > culprit
    };
    let count = forty("classic/android-crash-2026.yaml").iter().filter(|incident| second(incident)).count();
    // Three draws against one: thirty are expected.
    assert!((22..=38).contains(&count), "{count} of 40");
}
