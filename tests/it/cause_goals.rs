//! What explanations must reach over the library, on twenty evaluation seeds: release crashes found to the leaf, decoys that fool rules of
//! thumb, and nobody blamed for nothing.

use std::collections::BTreeMap;
use std::path::Path;

use incident_harness::agent::report::{IncidentReport, Verdict};
use incident_harness::agent::{self, Case};
use incident_harness::data::incident::Incident;
use incident_harness::data::truth::BenignTruth;
use incident_harness::run::trigger::{self, Sent};
use incident_harness::scenario::{Scenario, load_folder};
use incident_harness::score::scope::{Universe, selector};
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth;
use incident_harness::tool::{AsOf, Desk, Limits, Prepared, REGISTRY};
use serde_json::json;

const SEEDS: u32 = 20;
/// Seeds of tests over every file.
const FEW_SEEDS: u32 = 4;
/// The release crashes.
const CRASHES: [&str; 2] = ["deployment/", "classic/android-crash-2026.yaml"];
/// Rules of thumb that a decoy is made for.
const RULES_OF_THUMB: [&str; 2] = ["latest-deploy", "largest-change"];

/// Of so many, so many hold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Share {
    holds: usize,
    of: usize,
}

impl Share {
    fn add(&mut self, holds: bool) {
        self.holds += usize::from(holds);
        self.of += 1;
    }

    fn value(self) -> f64 {
        assert!(self.of > 0, "nothing was asked");
        self.holds as f64 / self.of as f64
    }
}

type PerFile = BTreeMap<String, Share>;

fn total(files: &PerFile) -> Share {
    files.values().fold(Share::default(), |all, share| Share { holds: all.holds + share.holds, of: all.of + share.of })
}

fn lines(files: &PerFile) -> String {
    files.iter().map(|(file, share)| format!("\n{file} {}/{}", share.holds, share.of)).collect()
}

fn library(wanted: impl Fn(&Scenario) -> bool) -> Vec<Scenario> {
    let all = load_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).expect("the library is good");
    // A variant repeats its base: it would count twice.
    all.into_iter().filter(|scenario| scenario.variant.is_none() && wanted(scenario)).collect()
}

/// An incident and a report of it by an agent at a trigger.
struct Bench {
    incident: Incident,
    prepared: Prepared,
}

impl Bench {
    fn new(scenario: &Scenario, replicate: u32) -> Self {
        let incident = synth::generate(scenario, SeedRole::Eval, replicate).expect("the library is good");
        let archive = synth::archive(scenario, SeedRole::Eval, replicate).expect("the library is good");
        Self { incident, prepared: Prepared::new(archive) }
    }

    /// Those of a run.
    fn placebo(&self) -> Vec<Sent> {
        trigger::placebo(&self.incident, Seed::derive(["trigger", self.incident.observed.id.as_str()]))
    }

    fn report(&self, agent: &str, sent: &Sent) -> IncidentReport {
        let seen = AsOf::new(&self.prepared, self.incident.observed.known.grid.end(sent.bucket));
        let mut desk = Desk::new(&seen, REGISTRY, Limits { calls: 300 }, Seed::derive(["desk"]));
        let agent = agent::build(agent, &json!({})).expect("a known agent");
        let case = Case { question: None, alert: sent.alert.as_ref(), earlier: &[] };
        let (trajectory, ended) = agent::investigate(agent.as_ref(), &case, &mut desk);
        ended.expect("enough calls");
        trajectory.report.expect("a report")
    }

    /// Whether the leaves that a report selects are those of the fault, all of them and no other.
    fn exact(&self, report: &IncidentReport, fault: usize) -> bool {
        let truth = &self.incident.truth;
        let universe = Universe { leaves: &truth.leaves, dimensions: &truth.dimensions };
        let named = report.ranking.first().filter(|_| report.verdict == Verdict::Fault);
        named.is_some_and(|cause| universe.overlap(&[selector(&cause.scope)], &[truth.faults[fault].scope.clone()]).jaccard() == 1.0)
    }
}

/// Counts over files and seeds, on two threads.
fn over(library: &[Scenario], seeds: u32, count: impl Fn(&Bench, &mut Share) + Sync) -> PerFile {
    let jobs: Vec<(&Scenario, u32)> = library.iter().flat_map(|scenario| (0..seeds).map(move |seed| (scenario, seed))).collect();
    let half = |offset: usize| {
        let mut files = PerFile::new();
        for (scenario, seed) in jobs.iter().skip(offset).step_by(2) {
            count(&Bench::new(scenario, *seed), files.entry(scenario.file.clone()).or_default());
        }
        files
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut files = half(0);
        for (file, share) in other.join().expect("no scenario panics") {
            let known = files.entry(file).or_default();
            *known = Share { holds: known.holds + share.holds, of: known.of + share.of };
        }
        files
    })
}

#[test]
fn nine_of_ten_release_crashes_are_found_to_the_leaf() {
    let crashes = library(|scenario| CRASHES.iter().any(|file| scenario.file.starts_with(file)));
    let found = over(&crashes, SEEDS, |bench, share| {
        for (fault, sent) in trigger::oracle(&bench.incident).iter().enumerate() {
            share.add(bench.exact(&bench.report("segment-scan", sent), fault));
        }
    });
    // The split by file, for `-- --nocapture`.
    println!("{}", lines(&found));
    assert!(total(&found).value() >= 0.9, "{}", lines(&found));
}

/// The decoys of an incident.
fn decoys(incident: &Incident) -> impl Iterator<Item = &BenignTruth> {
    incident.truth.benign.iter().filter(|event| event.kind == "decoy_deployment")
}

#[test]
fn every_decoy_is_named_by_a_rule_of_thumb_in_half_of_the_seeds() {
    let with_decoy = library(|scenario| scenario.case.benign.iter().any(|event| event.kind == "decoy_deployment"));
    assert!(!with_decoy.is_empty());
    let fooled = over(&with_decoy, SEEDS, |bench, share| {
        // Where there is a fault its oracle trigger meets the decoy; elsewhere the placebo does.
        let sent = if bench.incident.truth.faulted { trigger::oracle(&bench.incident) } else { bench.placebo() };
        for decoy in decoys(&bench.incident) {
            let names = |report: IncidentReport| report.ranking.iter().any(|cause| cause.change.is_some() && cause.change == decoy.change);
            share.add(sent.iter().any(|sent| RULES_OF_THUMB.iter().any(|rule| names(bench.report(rule, sent)))));
        }
    });
    println!("{}", lines(&fooled));
    let weak: PerFile = fooled.into_iter().filter(|(_, share)| share.value() < 0.5).collect();
    assert!(weak.is_empty(), "decoys that fool nobody:{}", lines(&weak));
}

#[test]
fn segment_scan_blames_nobody_in_nine_of_ten_placebos() {
    let blamed = over(&library(|_| true), FEW_SEEDS, |bench, share| {
        bench.placebo().iter().for_each(|sent| share.add(bench.report("segment-scan", sent).verdict == Verdict::Fault));
    });
    println!("{}", lines(&blamed));
    assert!(total(&blamed).value() <= 0.1, "{}", lines(&blamed));
}
