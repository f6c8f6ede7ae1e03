//! The data contract: what must hold of every incident before any model is fitted.
//!
//! A generator that breaks its word makes every score meaningless, so `run` checks the cheap part of it each time and `harness check` all.

use std::collections::BTreeSet;

use crate::data::incident::Incident;
use crate::data::series::Series;
use crate::scenario::Scenario;
use crate::synth::{self, SynthError};

/// A realised total may differ from the configured one by this share.
const TOLERANCE: f64 = 0.2;

/// A breach of the contract, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The scenario file.
    pub file: String,
    /// Number of the seed within its role.
    pub replicate: u32,
    /// What was found and what was expected.
    pub problem: String,
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, seed {}: {}", self.file, self.replicate, self.problem)
    }
}

/// Checks what can be seen without making every ticket: schema, order, split, fault-free training, realised totals.
///
/// # Errors
/// [`SynthError`] when the scenario cannot be planned.
pub fn check(scenario: &Scenario, incident: &Incident) -> Result<Vec<Breach>, SynthError> {
    let mut problems = Vec::new();
    schema(incident, &mut problems);
    truth(incident, &mut problems);
    training(incident, &mut problems);
    totals(scenario, incident, &mut problems)?;
    Ok(breaches(incident, problems))
}

/// Checks every ticket: unique ids in order, attributes of the dictionary, counts equal to the series, causes only while a fault acts.
///
/// # Errors
/// [`SynthError`] when the tickets cannot be made.
pub fn check_tickets(scenario: &Scenario, incident: &Incident) -> Result<Vec<Breach>, SynthError> {
    let (table, causes) = synth::tickets_with_causes(scenario, incident.truth.role, incident.truth.replicate)?;
    let mut problems = Vec::new();
    if !table.ids.is_sorted_by(|a, b| a < b) {
        problems.push("ticket ids are not unique and rising".to_owned());
    }
    let created = || table.buckets.iter().zip(&table.seconds);
    if !created().is_sorted() {
        problems.push("tickets are not in order of creation".to_owned());
    }
    for column in &table.columns {
        if column.codes.iter().any(|code| usize::from(*code) >= column.values.len()) {
            problems.push(format!("column `{}` holds values that are not in its dictionary", column.name));
        }
    }
    for (row, cause) in causes.iter().enumerate() {
        let Some(fault) = cause.and_then(|number| incident.truth.faults.get(number)) else { continue };
        if !fault.active.contains(table.buckets[row] as usize) {
            problems.push(format!("ticket {} is caused by a fault that does not act when it is created", table.ids[row]));
            break;
        }
    }
    if let Some(watched) = incident.observed.watched.iter().find(|watched| watched.name == "tickets") {
        let counted: Vec<Option<f64>> = table.count(|_| true).into_iter().map(|count| count.map(|count| count as f64)).collect();
        if counted != watched.series.values() {
            problems.push("the tickets of some bucket are not as many as the series says".to_owned());
        }
    }
    Ok(breaches(incident, problems))
}

fn breaches(incident: &Incident, problems: Vec<String>) -> Vec<Breach> {
    let breach = |problem| Breach { file: incident.truth.file.clone(), replicate: incident.truth.replicate, problem };
    problems.into_iter().map(breach).collect()
}

fn schema(incident: &Incident, problems: &mut Vec<String>) {
    let observed = &incident.observed;
    let grid = &observed.known.grid;
    if observed.train == 0 || observed.train >= grid.len() {
        problems.push(format!("train has {} of {} buckets: both train and test need some", observed.train, grid.len()));
    }
    if (1..grid.len()).any(|bucket| grid.stamp(bucket - 1) >= grid.stamp(bucket)) {
        problems.push("stamps do not rise".to_owned());
    }
    let mut names = BTreeSet::new();
    for watched in observed.watched.iter() {
        if !names.insert(&watched.name) {
            problems.push(format!("series `{}` is watched twice", watched.name));
        }
        if watched.series.grid() != grid {
            problems.push(format!("series `{}` does not lie on the calendar", watched.name));
        }
    }
    let ids: BTreeSet<&str> = observed.changes.iter().map(|change| change.id.as_str()).collect();
    if ids.len() != observed.changes.len() {
        problems.push("two changes of the log share an id".to_owned());
    }
    if !observed.changes.is_sorted_by(|a, b| a.at <= b.at) {
        problems.push("the change log is not in order".to_owned());
    }
}

fn truth(incident: &Incident, problems: &mut Vec<String>) {
    let observed = &incident.observed;
    for fault in &incident.truth.faults {
        if fault.active.first < observed.train || fault.active.last >= observed.known.grid.len() || fault.active.last < fault.active.first {
            problems.push(format!("fault `{}` acts outside the test window", fault.kind));
        }
        if let Some(id) = &fault.change {
            match observed.changes.iter().find(|change| change.id == *id) {
                None => problems.push(format!("fault `{}` is caused by change `{id}`, which is not in the log", fault.kind)),
                Some(change) if change.at > observed.known.grid.end(fault.active.first) => {
                    problems.push(format!("fault `{}` acts before the change `{id}` that causes it", fault.kind));
                }
                Some(_) => {}
            }
        }
        for window in fault.effects.iter().filter_map(|effect| effect.window) {
            if window.first < observed.train {
                problems.push(format!("fault `{}` shows before the test window", fault.kind));
            }
        }
    }
}

/// Training is fault-free: there the series is its twin.
fn training(incident: &Incident, problems: &mut Vec<String>) {
    let train = incident.observed.train;
    for (observed, twin) in incident.observed.watched.iter().zip(&incident.twin) {
        if observed.series.values()[..train] != twin.series.values()[..train] {
            problems.push(format!("series `{}` differs from its fault-free twin in train", observed.name));
        }
    }
}

fn totals(scenario: &Scenario, incident: &Incident, problems: &mut Vec<String>) -> Result<(), SynthError> {
    let expected = synth::expected_totals(scenario, incident.truth.role, incident.truth.replicate)?;
    for ((name, expected), twin) in expected.iter().zip(&incident.twin) {
        let realised = total(&twin.series);
        if (realised - expected).abs() > (TOLERANCE * expected).max(4.0 * expected.sqrt()) {
            problems
                .push(format!("series `{name}` adds up to {realised:.0} without the fault, configured are {expected:.0} (20 % allowed)"));
        }
    }
    Ok(())
}

fn total(series: &Series) -> f64 {
    series.values().iter().flatten().sum()
}
