//! The data contract: what must hold of every incident before any model is fitted.
//!
//! A generator that breaks its word makes every score meaningless, so `run` checks the cheap part of it each time and `harness check` all.

use std::collections::BTreeSet;

use crate::data::incident::Incident;
use crate::data::observation::Watched;
use crate::data::series::Series;
use crate::data::ticket::{Column, TicketTable};
use crate::scenario::Scenario;
use crate::scenario::value::Metric;
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
    metadata(scenario, incident, &mut problems);
    schema(incident, &mut problems);
    truth(incident, &mut problems);
    training(incident, &mut problems);
    totals(scenario, incident, &mut problems)?;
    Ok(breaches(incident, problems))
}

/// Makes every ticket and checks it with [`of_tickets`].
///
/// # Errors
/// [`SynthError`] when the tickets cannot be made.
pub fn check_tickets(scenario: &Scenario, incident: &Incident) -> Result<Vec<Breach>, SynthError> {
    let (table, causes) = synth::tickets_with_causes(scenario, incident.truth.role, incident.truth.replicate)?;
    Ok(of_tickets(scenario, incident, &table, &causes))
}

/// Checks tickets: unique ids in order, attributes of the dictionary, counts equal to every series of tickets, causes only while a fault
/// acts. `causes` holds per ticket the number of the fault that caused it.
#[must_use]
pub fn of_tickets(scenario: &Scenario, incident: &Incident, table: &TicketTable, causes: &[Option<usize>]) -> Vec<Breach> {
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
        let known = incident.truth.dimensions.get(&column.name);
        if let Some(value) = column.values.iter().find(|value| known.is_some_and(|known| !known.contains(value))) {
            problems.push(format!("column `{}` has the value `{value}`, which the truth does not know", column.name));
        }
    }
    for (row, cause) in causes.iter().enumerate() {
        let Some(fault) = cause.and_then(|number| incident.truth.faults.get(number)) else { continue };
        if !fault.active.contains(table.buckets[row] as usize) {
            problems.push(format!("ticket {} is caused by a fault that does not act when it is created", table.ids[row]));
            break;
        }
    }
    // What is not in a dictionary cannot be counted by value.
    if problems.is_empty() {
        counts(scenario, incident, table, &mut problems);
    }
    breaches(incident, problems)
}

fn counts(scenario: &Scenario, incident: &Incident, table: &TicketTable, problems: &mut Vec<String>) {
    let case = &scenario.case;
    for (name, watched) in case.watch.iter().filter(|(_, watched)| watched.metric == Metric::Tickets) {
        let Some(series) = incident.observed.series(name) else { continue };
        // Codes of the table are its own: the order of values is drawn per seed.
        let wanted: Vec<(&Column, Vec<Option<u16>>)> = watched
            .filter
            .iter()
            .filter_map(|(dim, codes)| {
                let dimension = &case.dimensions[*dim];
                let column = table.column(&dimension.name)?;
                Some((column, codes.iter().map(|code| column.code(&dimension.values[usize::from(*code)])).collect()))
            })
            .collect();
        let counted = table.count(|row| wanted.iter().all(|(column, codes)| codes.contains(&Some(column.codes[row]))));
        let differs = |bucket: &usize| counted[*bucket].map(|count| count as f64) != series.values()[*bucket];
        if let Some(bucket) = (0..counted.len().min(series.len())).find(differs) {
            let number = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), |value| value.to_string());
            problems.push(format!(
                "series `{name}` says {} at {}, the tickets are {}",
                number(series.values()[bucket]),
                table.grid.label(bucket),
                number(counted[bucket].map(|count| count as f64)),
            ));
        }
    }
}

fn breaches(incident: &Incident, problems: Vec<String>) -> Vec<Breach> {
    let breach = |problem| Breach { file: incident.truth.file.clone(), replicate: incident.truth.replicate, problem };
    problems.into_iter().map(breach).collect()
}

/// What stands beside the data says what the data are: calendar, split, watched series, stratum and faults as configured.
fn metadata(scenario: &Scenario, incident: &Incident, problems: &mut Vec<String>) {
    let (case, observed, truth) = (&scenario.case, &incident.observed, &incident.truth);
    if observed.known.grid != case.days.grid || observed.train != case.days.train {
        problems.push(format!(
            "the calendar has {} buckets of which {} are train, configured are {} and {}",
            observed.known.grid.len(),
            observed.train,
            case.days.grid.len(),
            case.days.train
        ));
    }
    let names = |watched: &[Watched]| watched.iter().map(|watched| watched.name.clone()).collect::<Vec<_>>().join(", ");
    let configured = case.watch.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
    for (what, watched) in [("series", &observed.watched), ("fault-free twins", &incident.twin)] {
        if names(watched) != configured {
            problems.push(format!("{what} are {}, configured are {configured}", names(watched)));
        }
    }
    if (truth.file.as_str(), &truth.scenario) != (scenario.file.as_str(), &scenario.id) {
        problems.push(format!("the truth is of {} ({})", truth.file, truth.scenario));
    }
    if truth.faulted != scenario.faulted() || truth.faults.len() != case.faults.len() {
        problems.push(format!("the truth tells of {} faults, configured are {}", truth.faults.len(), case.faults.len()));
    }
    // One entry of the file can stand for several events: every public holiday is one.
    if let Some(event) = case.benign.iter().find(|event| truth.benign.iter().all(|told| told.kind != event.kind)) {
        problems.push(format!("the truth tells of no harmless event `{}`, one is configured", event.kind));
    }
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
