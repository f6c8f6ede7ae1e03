//! Triggers: when and why agents are sent to look.
//!
//! Oracle and placebo triggers leave detection out and are worded alike, so that an agent which always blames something gains nothing.

use std::collections::BTreeMap;

use rand::RngExt;

use crate::agent::Alert;
use crate::data::incident::Incident;
use crate::data::truth::Window;
use crate::name::ConfigId;
use crate::record::{PageGroup, Record, Trigger};
use crate::scenario::Question;
use crate::seed::{Seed, digest};
use crate::time::Span;

/// One reason to look, as the agent meets it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// What records call it.
    pub trigger: Trigger,
    /// The last bucket the agent can see, counted from the first of train.
    pub bucket: usize,
    /// What is said to have been paged.
    pub alert: Option<Alert>,
    /// What is asked.
    pub question: Option<String>,
}

/// One trigger per fault: the end of the first bucket where it shows on any watched series, or where it begins if nothing is watched.
#[must_use]
pub fn oracle(incident: &Incident) -> Vec<Sent> {
    let faults = incident.truth.faults.iter().enumerate();
    faults
        .filter_map(|(number, fault)| {
            let shown = fault.effects.iter().filter_map(|effect| Some((effect.window?.first, effect.series.as_str())));
            let (bucket, series) = match shown.clone().map(|(first, _)| first).min() {
                Some(first) => (first, shown.filter(|(at, _)| *at == first).map(|(_, series)| series.to_owned()).collect()),
                // A fault that nothing watched shows cannot page, so that nobody is sent; where nothing is watched, somebody asks.
                None if incident.observed.watched.is_empty() => (fault.active.first, default_series(incident)),
                None => return None,
            };
            Some(sent(incident, Trigger::Oracle(number), bucket, series))
        })
        .collect()
}

/// As many as the oracle's and at least one: benign events first, then quiet buckets, all before any fault begins.
#[must_use]
pub fn placebo(incident: &Incident, seed: Seed) -> Vec<Sent> {
    let observed = &incident.observed;
    let begin = observed.train + observed.step().per_day().max(1);
    let onset = incident.truth.faults.iter().map(|fault| fault.active.first).min().unwrap_or(observed.known.grid.len());
    let free = begin..onset.saturating_sub(1);
    let wanted = incident.truth.faults.len().max(1);
    let mut buckets: Vec<usize> = incident.truth.benign.iter().map(|event| event.active.first).filter(|at| free.contains(at)).collect();
    buckets.truncate(wanted);
    let recorded = |bucket: usize| observed.watched.iter().all(|watched| watched.series.values()[bucket].is_some());
    let quiet: Vec<usize> =
        free.clone().filter(|&bucket| recorded(bucket) && !incident.truth.benign.iter().any(|event| near(event.active, bucket))).collect();
    let mut rng = seed.child("placebo").rng();
    while buckets.len() < wanted && !quiet.is_empty() {
        buckets.push(quiet[rng.random_range(0..quiet.len())]);
    }
    let triggers = buckets.into_iter().enumerate();
    triggers.map(|(number, bucket)| sent(incident, Trigger::Placebo(number), bucket, default_series(incident))).collect()
}

/// Whether a bucket lies in a window.
const fn near(window: Window, bucket: usize) -> bool {
    window.first <= bucket && bucket <= window.last
}

/// The watched series that the file names first, or tickets where nothing is watched.
fn default_series(incident: &Incident) -> Vec<String> {
    let first = incident.observed.watched.first().map(|watched| watched.name.clone());
    first.into_iter().collect()
}

fn sent(incident: &Incident, trigger: Trigger, bucket: usize, series: Vec<String>) -> Sent {
    let since = incident.observed.known.grid.label(bucket);
    Sent { trigger, bucket, alert: Some(Alert { series, since }), question: None }
}

/// The questions of the scenario, asked at the end of the calendar; leading ones stay out of headlines and so out of runs.
#[must_use]
pub fn questions(incident: &Incident, questions: &[Question]) -> Vec<Sent> {
    let bucket = incident.observed.known.grid.len().saturating_sub(1);
    let ask = |question: &Question| Sent {
        trigger: Trigger::Question(question.id.clone()),
        bucket,
        alert: None,
        question: Some(question.text.clone()),
    };
    questions.iter().filter(|question| !question.leading).map(ask).collect()
}

/// The pages of each model on each incident, grouped: those within `correlate` of the first of a group belong to it.
#[must_use]
pub fn groups(incidents: &[Incident], records: &[Record], correlate: Span) -> Vec<PageGroup> {
    let by_id: BTreeMap<_, _> = incidents.iter().map(|incident| (&incident.observed.id, incident)).collect();
    let mut pages: BTreeMap<(&crate::name::IncidentId, &ConfigId), Vec<(usize, String)>> = BTreeMap::new();
    for record in records {
        let of_series = record.budget.iter().flat_map(|budget| &budget.pages).map(|&bucket| (bucket, record.key.series.clone()));
        pages.entry((&record.key.incident, &record.key.model)).or_default().extend(of_series);
    }
    let mut groups = Vec::new();
    for ((id, model), mut pages) in pages {
        let Some(incident) = by_id.get(id) else { continue };
        pages.sort();
        for group in correlated(&pages, correlate.buckets(incident.observed.step())) {
            let trigger = Trigger::Page(digest(serde_json::to_string(group).expect("pages are plain data").as_bytes(), 12));
            groups.push(PageGroup { incident: id.clone(), model: model.clone(), trigger, pages: group.to_vec() });
        }
    }
    groups
}

/// Sorted pages cut into groups: those at most `reach` buckets after the first of a group belong to it.
#[must_use]
pub fn correlated(pages: &[(usize, String)], reach: usize) -> Vec<&[(usize, String)]> {
    let mut groups = Vec::new();
    let mut rest = pages;
    while let Some((first, _)) = rest.first() {
        let (group, later) = rest.split_at(rest.partition_point(|(bucket, _)| *bucket <= first + reach));
        groups.push(group);
        rest = later;
    }
    groups
}

/// What the agent of a page group meets: its series, the day of its first page, and everything up to the end of its last.
#[must_use]
pub fn of_group(incident: &Incident, group: &PageGroup) -> Option<Sent> {
    let (first, last) = (group.pages.first()?.0, group.pages.last()?.0);
    let mut series: Vec<String> = group.pages.iter().map(|(_, series)| series.clone()).collect();
    series.sort();
    series.dedup();
    let since = incident.observed.known.grid.label(incident.observed.train + first);
    Some(Sent {
        trigger: group.trigger.clone(),
        bucket: incident.observed.train + last,
        alert: Some(Alert { series, since }),
        question: None,
    })
}
