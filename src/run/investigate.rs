//! Investigations: every agent sent to every trigger, after detection and without seeing its truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::done::Done;
use super::job::infra;
use super::plan::Plan;
use super::pool::{self, caught};
use super::trigger::{self, Sent};
use super::{Progress, Sitting};
use crate::agent::{self, Case, Halt, Trajectory};
use crate::chat::LineError;
use crate::data::incident::Incident;
use crate::record::{
    Clock, Entry, Investigation, InvestigationKey, JournalWriter, Limit, Outcome, PageGroup, Record, Store, StoreError, Trigger, Watch,
};
use crate::seed::Seed;
use crate::suite::matrix::AgentColumn;
use crate::synth::{self, SynthError};
use crate::tool::{self, AsOf, Desk, Limits, Prepared};

/// One investigation to make.
#[derive(Debug, Clone)]
pub struct Job {
    /// What records call it.
    pub key: InvestigationKey,
    /// Index of the incident.
    pub incident: usize,
    /// Index of the agent.
    pub agent: usize,
    /// What the agent meets.
    pub sent: Sent,
}

/// Everything to investigate: oracle, placebo and questions by every agent, page groups by those sent end to end.
#[must_use]
pub fn plan_jobs(plan: &Plan, groups: &[PageGroup]) -> Vec<Job> {
    let by_id: BTreeMap<_, usize> = plan.incidents.iter().enumerate().map(|(at, incident)| (&incident.observed.id, at)).collect();
    let mut jobs: BTreeMap<InvestigationKey, Job> = BTreeMap::new();
    let mut add = |incident: usize, agent: usize, sent: Sent| {
        let key = InvestigationKey {
            incident: plan.incidents[incident].observed.id.clone(),
            trigger: sent.trigger.clone(),
            agent: plan.agents[agent].config.clone(),
            epoch: 0,
        };
        // Detectors that page alike share an investigation.
        jobs.entry(key.clone()).or_insert(Job { key, incident, agent, sent });
    };
    for (at, incident) in plan.incidents.iter().enumerate() {
        for sent in alone(plan, at, incident) {
            (0..plan.agents.len()).for_each(|agent| add(at, agent, sent.clone()));
        }
    }
    for group in groups {
        let Some(&at) = by_id.get(&group.incident) else { continue };
        let Some(sent) = trigger::of_group(&plan.incidents[at], group) else { continue };
        plan.end_to_end().for_each(|agent| add(at, agent, sent.clone()));
    }
    // By incident, so that what is prepared for one is used by all its jobs and then let go.
    let mut jobs: Vec<Job> = jobs.into_values().collect();
    jobs.sort_by_key(|job| job.incident);
    jobs
}

/// Triggers that need no detector.
fn alone(plan: &Plan, at: usize, incident: &Incident) -> Vec<Sent> {
    // A variant is looked at when its base is.
    let seed = Seed::derive(["trigger", incident.drawn_as().as_str()]);
    let mut sent = trigger::oracle(incident);
    sent.extend(trigger::placebo(incident, seed));
    sent.extend(trigger::questions(incident, &plan.scenario_of(at).questions));
    sent
}

/// The page groups of finished detections.
#[must_use]
pub fn groups(plan: &Plan, records: &[Record]) -> Vec<PageGroup> {
    trigger::groups(&plan.incidents, records, plan.suite.investigation.correlate)
}

/// Sends every agent that is still missing; returns whether all came back.
pub(super) fn all(
    plan: &Plan,
    store: &Store,
    records: &[Record],
    writer: &mut JournalWriter,
    done: &mut Done,
    sitting: &mut Sitting<'_>,
) -> Result<bool, StoreError> {
    let groups = groups(plan, records);
    let all = plan_jobs(plan, &groups);
    let jobs: Vec<Job> = all.iter().filter(|job| !done.investigations.contains_key(&job.key)).cloned().collect();
    (sitting.progress)(Progress::Grouped { groups: groups.len(), investigations: all.len(), done: all.len() - jobs.len() });
    let shelf = Shelf::new(plan, &jobs);
    let complete = pool::run(
        &jobs,
        sitting.jobs,
        sitting.stop,
        |job| work(&shelf, job),
        |job, Worked { outcome, trajectory, clock }| {
            if let Some(trajectory) = &trajectory {
                store.write_trajectory(&job.key.digest(), trajectory)?;
            }
            let entry = Entry::Investigation { key: job.key.clone(), outcome, clock };
            writer.append(&entry)?;
            done.add(entry);
            (sitting.progress)(Progress::JobDone);
            Ok::<(), StoreError>(())
        },
    )?;
    if complete {
        finish(store, &groups, &all, done)?;
        store.write_lines("timings.jsonl", &done.timings())?;
    }
    Ok(complete)
}

/// Writes the sorted files of the explanation half.
fn finish(store: &Store, groups: &[PageGroup], jobs: &[Job], done: &Done) -> Result<(), StoreError> {
    let mut investigations = Vec::with_capacity(jobs.len());
    for job in jobs {
        let Some((outcome, _)) = done.investigations.get(&job.key) else { continue };
        let id = job.key.digest();
        let trajectory = match store.trajectory(&id) {
            Ok(trajectory) => Some(trajectory),
            // Where the generator failed or the agent panicked there is none.
            Err(StoreError::Gone { .. }) if *outcome != Outcome::Answered => None,
            Err(error) => return Err(error),
        };
        let (calls, report) = trajectory.map_or((0, None), |trajectory| (trajectory.calls.len(), trajectory.report));
        investigations.push(Investigation {
            key: job.key.clone(),
            id,
            outcome: outcome.clone(),
            bucket: job.sent.bucket,
            question: job.sent.question.clone(),
            alert: job.sent.alert.clone(),
            calls,
            report,
        });
    }
    investigations.sort_by(|a, b| a.key.cmp(&b.key));
    store.write_lines("investigations.jsonl", &investigations)?;
    store.write_lines("groups.jsonl", groups)
}

/// What tools can look into, made once per incident and let go when its last job is done.
pub struct Shelf<'a> {
    plan: &'a Plan,
    slots: Vec<Mutex<Slot>>,
}

#[derive(Default)]
struct Slot {
    left: usize,
    prepared: Option<Arc<Prepared>>,
}

impl<'a> Shelf<'a> {
    /// A shelf for these jobs.
    #[must_use]
    pub fn new(plan: &'a Plan, jobs: &[Job]) -> Self {
        let mut left = vec![0; plan.incidents.len()];
        jobs.iter().for_each(|job| left[job.incident] += 1);
        Self { plan, slots: left.into_iter().map(|left| Mutex::new(Slot { left, prepared: None })).collect() }
    }

    fn take(&self, incident: usize) -> Result<Arc<Prepared>, SynthError> {
        let mut slot = self.slots[incident].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(prepared) = &slot.prepared {
            return Ok(Arc::clone(prepared));
        }
        let truth = &self.plan.incidents[incident].truth;
        let archive = synth::archive(self.plan.scenario_of(incident), truth.role, truth.replicate)?;
        let prepared = Arc::new(Prepared::new(archive));
        slot.prepared = Some(Arc::clone(&prepared));
        Ok(prepared)
    }

    fn done(&self, incident: usize) {
        let mut slot = self.slots[incident].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.left = slot.left.saturating_sub(1);
        if slot.left == 0 {
            slot.prepared = None;
        }
    }
}

/// What came of an investigation.
#[derive(Debug)]
pub struct Worked {
    /// How it ended.
    pub outcome: Outcome,
    /// What was done; absent where the generator failed or the agent panicked.
    pub trajectory: Option<Trajectory>,
    /// When.
    pub clock: Clock,
}

/// Makes one investigation; whatever goes wrong becomes its outcome.
pub fn work(shelf: &Shelf<'_>, job: &Job) -> Worked {
    let watch = Watch::start();
    let result = caught(|| shelf.take(job.incident).map(|prepared| investigate(shelf.plan, &prepared, job, &watch)));
    shelf.done(job.incident);
    let failed = |outcome| Worked { outcome, trajectory: None, clock: watch.stop() };
    match result {
        Ok(Ok(worked)) => worked,
        Ok(Err(error)) => failed(infra("generator", &error.to_string())),
        Err(panic) => failed(infra("agent", &panic)),
    }
}

fn investigate(plan: &Plan, prepared: &Prepared, job: &Job, watch: &Watch) -> Worked {
    let column: &AgentColumn = &plan.agents[job.agent];
    let grid = &plan.incidents[job.incident].observed.known.grid;
    let seen = AsOf::new(prepared, grid.end(job.sent.bucket));
    // Like detectors, agents never see the seed of the scenario: theirs derives from opaque names, for a variant from those of its base, so
    // that the same tickets are drawn from the same days.
    let key = InvestigationKey { incident: plan.incidents[job.incident].drawn_as().clone(), ..job.key.clone() };
    let seed = Seed::derive(["investigate", key.incident.as_str(), &key.digest()]);
    let opened = watch.seconds();
    let mut desk = Desk::new(&seen, tool::REGISTRY, Limits { calls: plan.suite.investigation.calls }, seed);
    let case = Case { question: job.sent.question.as_deref(), alert: job.sent.alert.as_ref(), earlier: &[] };
    let (trajectory, result) = agent::investigate(column.agent.as_ref(), &case, &mut desk);
    Worked { outcome: ended(result), trajectory: Some(trajectory), clock: watch.stop().with_steps(opened, desk.stamps()) }
}

/// What an agent uses up is its own doing; only what breaks is infrastructure.
fn ended(result: Result<(), Halt>) -> Outcome {
    match result {
        Ok(()) => Outcome::Answered,
        Err(Halt::Budget) => Outcome::Halted(Limit::Budget),
        Err(Halt::Deadline) => Outcome::Halted(Limit::Deadline),
        Err(Halt::Cancelled) => Outcome::Cancelled,
        Err(Halt::Refused { why }) => Outcome::Refused { why },
        Err(Halt::Truncated) => Outcome::Truncated,
        Err(Halt::StuckLoop) => Outcome::StuckLoop,
        Err(Halt::InvalidOutput { why }) => Outcome::InvalidOutput { why },
        Err(Halt::Line(LineError::Cancelled)) => Outcome::Cancelled,
        Err(Halt::Line(LineError::Rejected { status, why })) => infra("model", &format!("rejected the request ({status}): {why}")),
        Err(Halt::Line(error @ LineError::NotRecorded { .. })) => infra("recording", &error.to_string()),
        Err(Halt::Line(error)) => infra("model", &error.to_string()),
        Err(halt @ Halt::Failed { .. }) => infra("agent", &halt.to_string()),
    }
}

/// How many jobs there are before pages are known.
#[must_use]
pub fn known_in_advance(jobs: &[Job]) -> usize {
    jobs.iter().filter(|job| !matches!(job.key.trigger, Trigger::Page(_))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_limit_is_the_agents_own_and_a_failure_is_not() {
        assert_eq!(ended(Ok(())), Outcome::Answered);
        assert_eq!(ended(Err(Halt::Budget)), Outcome::Halted(Limit::Budget));
        assert_eq!(ended(Err(Halt::Deadline)), Outcome::Halted(Limit::Deadline));
        assert_eq!(ended(Err(Halt::Cancelled)), Outcome::Cancelled);
        assert!(matches!(ended(Err(Halt::Failed { why: "no".to_owned() })), Outcome::Infra { stage, .. } if stage == "agent"));
    }
}
