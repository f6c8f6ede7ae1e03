//! The join of investigations and truth: each judged against what its trigger expects, and the page groups joined to how they ended.

use std::collections::BTreeMap;

use super::counts::{Counts, ModelTally};
use super::end_to_end::{Ending, Investigated, Joined, Shown, faults_of};
use super::injection;
use super::judge::Side;
use super::matching::EffectWindow;
use super::root_cause::{self, Answer, Expected, Judgeable, JudgedReport, TrueCause};
use super::sample::{FileCounts, Files};
use super::scope::Universe;
use super::scorecard::ModelCounts;
use super::truthful;
use crate::agent::report::Benign;
use crate::data::truth::{FaultTruth, Window};
use crate::detect::Role;
use crate::name::{ConfigId, IncidentId};
use crate::record::{Investigation, InvestigationKey, Manifest, Outcome, PageGroup, Store, StoreError, Trigger};
use crate::seed::digest;
use crate::suite::{ORACLE, Suite};

/// One judged investigation.
#[derive(Debug, Clone)]
pub struct JudgedInvestigation {
    /// What was recorded.
    pub record: Investigation,
    /// Scenario file.
    pub file: String,
    /// Number of the seed within its role.
    pub replicate: u32,
    /// What a report should say.
    pub expected: Expected,
    /// How it stands; absent where infrastructure failed or somebody asked to stop.
    pub judged: Option<JudgedReport>,
    /// Digest of what its calls said; of the two halves of a pair with and without injected texts alone.
    pub heard: Option<String>,
}

impl JudgedInvestigation {
    /// What it adds to its file.
    fn counts(&self) -> Counts {
        let Some(judged) = &self.judged else { return root_cause::failed(&self.expected) };
        let mut counts = judged.counts();
        if let Some(effort) = &self.record.effort {
            counts.tally.model = ModelTally::of(effort, judged.tally.right > 0);
        }
        counts
    }
}

/// How the page groups of one model on one incident ended with one agent.
#[derive(Debug, Clone)]
pub struct JoinedIncident {
    /// The incident.
    pub incident: IncidentId,
    /// The detector.
    pub model: ConfigId,
    /// The agent.
    pub agent: ConfigId,
    /// Each group and its ending.
    pub endings: Vec<(PageGroup, Ending)>,
    /// Faults that no page tells of.
    pub missed: Vec<usize>,
}

/// Judges every investigation.
pub(super) fn judge_all(
    store: &Store,
    sides: &BTreeMap<IncidentId, Side>,
    groups: &[PageGroup],
) -> Result<Vec<JudgedInvestigation>, StoreError> {
    let pages: BTreeMap<(&IncidentId, &Trigger), &PageGroup> =
        groups.iter().map(|group| ((&group.incident, &group.trigger), group)).collect();
    let paired = injection::paired(sides);
    let mut judged = Vec::new();
    for record in store.investigations()? {
        let side = &sides[&record.key.incident];
        let group = pages.get(&(&record.key.incident, &record.key.trigger)).copied();
        let expected = expected(side, &record, group);
        let mut heard = None;
        let report = match &record.outcome {
            Outcome::Answered => {
                let calls = store.trajectory(&record.id)?.calls;
                heard = paired.contains(&record.key.incident).then(|| injection::heard(&calls));
                let answer = record.report.as_ref().map(|report| Answer::Report(report, &calls));
                answer.map(|answer| root_cause::judge(&answer, &judgeable(&expected, side)))
            }
            // What the agent failed to do counts as wrong, what broke around it does not count.
            own if own.is_own() => {
                let answer = Answer::None { why: &own.why().unwrap_or_default(), calls: record.calls };
                Some(root_cause::judge(&answer, &judgeable(&expected, side)))
            }
            _ => None,
        };
        let (file, replicate) = (side.truth.file.clone(), side.truth.replicate);
        judged.push(JudgedInvestigation { record, file, replicate, expected, judged: report, heard });
    }
    Ok(judged)
}

fn judgeable<'a>(expected: &'a Expected, side: &'a Side) -> Judgeable<'a> {
    Judgeable { expected, universe: Universe { leaves: &side.truth.leaves, dimensions: &side.truth.dimensions } }
}

/// What the trigger of an investigation expects of a report.
fn expected(side: &Side, record: &Investigation, group: Option<&PageGroup>) -> Expected {
    let acting = |fault: &&FaultTruth| fault.active.contains(record.bucket);
    let faults: Vec<&FaultTruth> = match (&record.key.trigger, group) {
        (Trigger::Oracle(number), _) => {
            side.truth.faults.iter().enumerate().filter(|(at, fault)| at == number || acting(fault)).map(|(_, fault)| fault).collect()
        }
        (Trigger::Page(_), Some(group)) => {
            faults_of(&group.pages, &shown(side)).into_iter().map(|number| &side.truth.faults[number]).collect()
        }
        (Trigger::Question(_), _) => side.truth.faults.iter().filter(|fault| fault.active.first <= record.bucket).collect(),
        (Trigger::Placebo(_) | Trigger::Page(_), _) => Vec::new(),
    };
    if faults.is_empty() { Expected::Nothing { benign: benign(side, record.bucket) } } else { Expected::Causes(causes(side, &faults)) }
}

fn causes(side: &Side, faults: &[&FaultTruth]) -> Vec<TrueCause> {
    let cause = |fault: &&FaultTruth| TrueCause {
        kind: fault.kind.clone(),
        change: fault.change.clone(),
        scope: fault.scope.clone(),
        onset: Some(side.observed.known.grid.datetime(fault.active.first).date()),
    };
    faults.iter().map(cause).collect()
}

/// The harmless event that acts in a bucket, if one does.
fn benign(side: &Side, bucket: usize) -> Option<Benign> {
    let event = side.truth.benign.iter().find(|event| near(event.active, bucket))?;
    Some(Benign { kind: event.kind.clone(), change: event.change.clone() })
}

const fn near(window: Window, bucket: usize) -> bool {
    window.first <= bucket && bucket <= window.last
}

/// The detectable effects of an incident on all series, in test buckets.
fn shown(side: &Side) -> Vec<Shown> {
    let (train, step) = (side.observed.train, side.observed.step());
    let mut shown = Vec::new();
    for (number, fault) in side.truth.faults.iter().enumerate() {
        for effect in &fault.effects {
            let Some(window) = effect.window else { continue };
            let Some(first) = window.first.checked_sub(train) else { continue };
            let window = EffectWindow { first, last: window.last - train, deadline: fault.deadline.buckets(step) };
            shown.push(Shown { fault: number, series: effect.series.clone(), window });
        }
    }
    shown
}

/// What each agent stands for; one that any script answered for is not ranked.
pub(super) fn roles<'a>(manifest: &'a Manifest, investigations: &[JudgedInvestigation]) -> BTreeMap<&'a ConfigId, Role> {
    let scripted = |config: &ConfigId| {
        let own = investigations.iter().filter(|one| one.record.key.agent == *config);
        own.filter_map(|one| one.record.effort.as_ref()).any(|effort| effort.scripted)
    };
    manifest.agents.iter().map(|agent| (&agent.config, if scripted(&agent.config) { Role::Scripted } else { agent.role })).collect()
}

/// One row per agent and kind of trigger, one per agent over all, and the oracle's.
pub(super) fn cause_counts(
    manifest: &Manifest,
    investigations: &[JudgedInvestigation],
    sides: &BTreeMap<IncidentId, Side>,
) -> Vec<ModelCounts> {
    let mut rows: BTreeMap<(&ConfigId, Option<&str>), (Role, Files)> = BTreeMap::new();
    let roles = roles(manifest, investigations);
    let oracle = ConfigId { name: ORACLE.to_owned(), digest: digest(ORACLE.as_bytes(), 12) };
    let mut add = |agent, role, kind, side: &Side, counts: &super::Counts| {
        for trigger in [Some(kind), None] {
            let files = &mut rows.entry((agent, trigger)).or_insert_with(|| (role, Files::new())).1;
            let file =
                files.entry(side.truth.file.clone()).or_insert_with(|| FileCounts { faulted: side.truth.faulted, ..FileCounts::default() });
            file.counts += counts;
        }
    };
    // Variants repeat the noise of their bases: they have a section of their own.
    let own =
        |one: &&JudgedInvestigation| !matches!(one.record.key.trigger, Trigger::Page(_)) && !sides[&one.record.key.incident].is_variant();
    for investigation in investigations.iter().filter(own) {
        let key = &investigation.record.key;
        let counts = investigation.counts();
        let role = roles.get(&key.agent).copied().unwrap_or(Role::Model);
        add(&key.agent, role, key.trigger.kind(), &sides[&key.incident], &counts);
    }
    // The oracle answers every trigger once.
    let mut seen = std::collections::BTreeSet::new();
    for investigation in investigations.iter().filter(own) {
        let key = &investigation.record.key;
        if seen.insert((&key.incident, &key.trigger)) {
            let side = &sides[&key.incident];
            let report = truthful::report(&investigation.expected);
            let counts = root_cause::judge(&Answer::Report(&report, &[]), &judgeable(&investigation.expected, side)).counts();
            add(&oracle, Role::Oracle, key.trigger.kind(), side, &counts);
        }
    }
    rows.into_iter()
        .map(|((config, trigger), (role, files))| ModelCounts {
            config: config.clone(),
            agent: None,
            trigger: trigger.map(str::to_owned),
            role,
            files,
        })
        .collect()
}

/// Every incident, model and agent sent end to end, joined.
pub(super) fn join(
    suite: &Suite,
    manifest: &Manifest,
    groups: &[PageGroup],
    investigations: &[JudgedInvestigation],
    sides: &BTreeMap<IncidentId, Side>,
) -> (Vec<JoinedIncident>, Vec<ModelCounts>) {
    let judged: BTreeMap<_, _> = investigations.iter().map(|one| (&one.record.key, one)).collect();
    let epochs = |agent: &ConfigId| {
        let own = investigations.iter().map(|one| &one.record.key).filter(|key| key.agent == *agent);
        own.map(|key| key.epoch + 1).max().unwrap_or(1)
    };
    // Agents that were sent to pages; where nothing paged, those that would have been.
    let sent = suite.investigation.end_to_end(manifest.agents.iter().map(|agent| &agent.config));
    let roles = roles(manifest, investigations);
    let mut incidents = Vec::new();
    let mut counts: BTreeMap<(&ConfigId, &ConfigId), (Role, Files)> = BTreeMap::new();
    for column in &manifest.columns {
        for agent in &sent {
            // A floor stays one whoever is sent to its pages, and so does a floor that is sent.
            let role = column.role.max(roles.get(agent).copied().unwrap_or(Role::Model));
            let files = &mut counts.entry((&column.config, agent)).or_insert_with(|| (role, Files::new())).1;
            for (id, side) in sides.iter().filter(|(_, side)| !side.observed.watched.is_empty() && !side.is_variant()) {
                let own: Vec<&PageGroup> = groups.iter().filter(|group| group.incident == *id && group.model == column.config).collect();
                let shown = shown(side);
                let paging = suite.detection.paging(side.observed.step());
                // Repetitions look at the same pages: shares and rates are means over them.
                for epoch in 0..epochs(agent) {
                    let mut with: Vec<Investigated<'_>> = Vec::with_capacity(own.len());
                    for group in &own {
                        let key = InvestigationKey { incident: id.clone(), trigger: group.trigger.clone(), agent: (*agent).clone(), epoch };
                        with.push(Investigated { pages: &group.pages, judged: judged.get(&key).and_then(|one| one.judged.as_ref()) });
                    }
                    let joined = Joined { groups: &with, shown: &shown, paging, observed_seconds: side.observed_seconds() };
                    let entry = files
                        .entry(side.truth.file.clone())
                        .or_insert_with(|| FileCounts { faulted: side.truth.faulted, ..FileCounts::default() });
                    entry.counts += &joined.counts();
                    let endings = own.iter().map(|group| (*group).clone()).zip(joined.endings()).collect();
                    incidents.push(JoinedIncident {
                        incident: id.clone(),
                        model: column.config.clone(),
                        agent: (*agent).clone(),
                        endings,
                        missed: joined.missed(),
                    });
                }
            }
        }
    }
    let rows = counts.into_iter().map(|((model, agent), (role, files))| ModelCounts {
        config: model.clone(),
        agent: Some(agent.clone()),
        trigger: None,
        role,
        files,
    });
    (incidents, rows.collect())
}
