//! Investigations: every agent sent to every trigger, after detection and without seeing its truth.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::done::Done;
use super::job::infra;
use super::models::{self, Models};
use super::plan::Plan;
use super::pool::{self, caught};
use super::trigger::{self, Sent};
use super::{Progress, Sitting};
use crate::agent::{self, Case, Halt, Trajectory};
use crate::chat::LineError;
use crate::data::incident::Incident;
use crate::record::{
    Clock, Entry, Investigation, InvestigationKey, JournalWriter, Limit, Outcome, PageGroup, Paid, Record, Store, StoreError, Trigger,
    Watch,
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
        for epoch in 0..plan.agents[agent].epochs() {
            let key = InvestigationKey {
                incident: plan.incidents[incident].observed.id.clone(),
                trigger: sent.trigger.clone(),
                agent: plan.agents[agent].config.clone(),
                epoch,
            };
            // Detectors that page alike share an investigation.
            jobs.entry(key.clone()).or_insert_with(|| Job { key, incident, agent, sent: sent.clone() });
        }
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

/// Why no more agents were sent, although nobody asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The budget of the run is used up.
    Budget(String),
    /// A provider will not answer.
    Blocked(String),
}

/// Sends every agent that is still missing; returns whether all came back, and if nobody asked to stop, why not.
pub(super) fn all(
    plan: &Plan,
    store: &Store,
    records: &[Record],
    writer: &mut JournalWriter,
    done: &mut Done,
    sitting: &mut Sitting<'_>,
) -> Result<(bool, Option<Stop>), StoreError> {
    let groups = groups(plan, records);
    let all = plan_jobs(plan, &groups);
    let jobs: Vec<Job> = all.iter().filter(|job| !done.investigations.contains_key(&job.key)).cloned().collect();
    (sitting.progress)(Progress::Grouped { groups: groups.len(), investigations: all.len(), done: all.len() - jobs.len() });
    let (asking, own): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| plan.agents[job.agent].asks_model());
    let mut stopped = None;
    let mut complete = true;
    // Those that need no model first: they cost nothing and wait for nobody.
    for (jobs, threads) in [(own, sitting.jobs), (asking, sitting.models.as_ref().map_or(1, |models| models.in_flight))] {
        if !complete || jobs.is_empty() {
            continue;
        }
        let shelf = Shelf::new(plan, &jobs);
        let budget = sitting.models.as_ref().map(|models| models.budget).unwrap_or_default();
        let asks_models = plan.agents[jobs[0].agent].asks_model();
        if let Some(why) = budget.used_up(&done.paid).filter(|_| asks_models) {
            return Ok((false, Some(Stop::Budget(why))));
        }
        let enough = AtomicBool::new(false);
        let (stop, models) = (sitting.stop, sitting.models.as_ref());
        let progress = &mut *sitting.progress;
        complete = pool::run(
            &jobs,
            threads,
            &|| stop.load(Ordering::Relaxed) || enough.load(Ordering::Relaxed),
            |job| work(&shelf, job, models, stop),
            |job, Worked { mut outcome, trajectory, clock, paid, blocked }| {
                if let Some(why) = blocked {
                    // Nothing is wrong with the agent, and nothing was concluded: a resumed run does the job.
                    stopped.get_or_insert(Stop::Blocked(why));
                    enough.store(true, Ordering::Relaxed);
                    outcome = Outcome::Cancelled;
                }
                if let Some(trajectory) = &trajectory {
                    store.write_trajectory(&job.key.digest(), trajectory)?;
                }
                let entry = Entry::Investigation { key: job.key.clone(), outcome, paid, clock };
                writer.append(&entry)?;
                done.add(entry);
                progress(Progress::JobDone);
                if let Some(why) = budget.used_up(&done.paid).filter(|_| asks_models) {
                    stopped.get_or_insert(Stop::Budget(why));
                    enough.store(true, Ordering::Relaxed);
                }
                Ok::<(), StoreError>(())
            },
        )?;
        complete &= all_recorded(&jobs, done);
    }
    if complete {
        finish(store, &groups, &all, done)?;
        store.write_lines("timings.jsonl", &done.timings())?;
    }
    // A budget that was used up by the last job stopped nothing.
    Ok((complete, stopped.filter(|_| !complete)))
}

/// Whether every job has come to an outcome that stands.
fn all_recorded(jobs: &[Job], done: &Done) -> bool {
    jobs.iter().all(|job| done.investigations.get(&job.key).is_some_and(|(outcome, _)| *outcome != Outcome::Cancelled))
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
        let (calls, report, effort) =
            trajectory.map_or((0, None, None), |trajectory| (trajectory.calls.len(), trajectory.report, trajectory.effort));
        investigations.push(Investigation {
            key: job.key.clone(),
            id,
            outcome: outcome.clone(),
            bucket: job.sent.bucket,
            question: job.sent.question.clone(),
            alert: job.sent.alert.clone(),
            calls,
            effort,
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
    /// What models were paid for it.
    pub paid: Paid,
    /// Why no request will be answered, if that is so.
    pub blocked: Option<String>,
}

/// Makes one investigation; whatever goes wrong becomes its outcome.
pub fn work(shelf: &Shelf<'_>, job: &Job, models: Option<&Models<'_>>, stop: &AtomicBool) -> Worked {
    let watch = Watch::start();
    let result = caught(|| shelf.take(job.incident).map(|prepared| investigate(shelf.plan, &prepared, job, &watch, models, stop)));
    shelf.done(job.incident);
    let failed = |outcome| Worked { outcome, trajectory: None, clock: watch.stop(), paid: Paid::default(), blocked: None };
    match result {
        Ok(Ok(worked)) => worked,
        Ok(Err(error)) => failed(infra("generator", &error.to_string())),
        Err(panic) => failed(infra("agent", &panic)),
    }
}

fn investigate(plan: &Plan, prepared: &Prepared, job: &Job, watch: &Watch, models: Option<&Models<'_>>, stop: &AtomicBool) -> Worked {
    let column: &AgentColumn = &plan.agents[job.agent];
    let grid = &plan.incidents[job.incident].observed.known.grid;
    let seen = AsOf::new(prepared, grid.end(job.sent.bucket));
    // Like detectors, agents never see the seed of the scenario: theirs derives from opaque names, for a variant from those of its base, so
    // that the same tickets are drawn from the same days.
    let key = InvestigationKey { incident: plan.incidents[job.incident].drawn_as().clone(), ..job.key.clone() };
    // Those that ask a model have it from incident and trigger alone: a price or a name that is corrected makes no recording stale.
    let seed = match column.asks_model() {
        true => Seed::derive(["investigate", key.incident.as_str(), &serde_json::to_string(&key.trigger).unwrap_or_default()]),
        false => Seed::derive(["investigate", key.incident.as_str(), &key.digest()]),
    };
    let opened = watch.seconds();
    let mut desk = Desk::new(&seen, tool::REGISTRY, Limits { calls: plan.suite.investigation.calls }, seed).stopped_by(stop);
    let line = match models.filter(|_| column.asks_model()) {
        None => None,
        Some(models) => match models.cassettes.line(plan.scenario_of(job.incident).id.as_str(), models.line) {
            Ok(line) => Some(line),
            Err(error) => {
                let outcome = infra("recording", &error.to_string());
                return Worked { outcome, trajectory: None, clock: watch.stop(), paid: Paid::default(), blocked: None };
            }
        },
    };
    if let Some(line) = &line {
        desk = desk.with_line(line, job.key.epoch);
    }
    let case = Case { question: job.sent.question.as_deref(), alert: job.sent.alert.as_ref(), earlier: &[] };
    let (trajectory, result) = agent::investigate(column.agent.as_ref(), &case, &mut desk);
    let blocked = match &result {
        Err(Halt::Line(LineError::Blocked { why })) => Some(why.clone()),
        _ => None,
    };
    let paid = models::paid(&desk, column.agent.ways().and_then(|ways| ways.prices));
    Worked { outcome: ended(result), trajectory: Some(trajectory), clock: watch.stop().with_steps(opened, desk.stamps()), paid, blocked }
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
        Err(Halt::Line(LineError::Deadline)) => Outcome::Halted(Limit::Deadline),
        Err(Halt::Line(LineError::Rejected { status, why })) => infra("model", &format!("rejected the request ({status}): {why}")),
        Err(Halt::Line(error @ LineError::NotRecorded { .. })) => infra("recording", &error.to_string()),
        Err(Halt::Line(error)) => infra("model", &error.to_string()),
        Err(halt @ Halt::Failed { .. }) => infra("agent", &halt.to_string()),
    }
}

/// The jobs that there are before pages are known.
pub(super) fn known_in_advance_of(jobs: &[Job]) -> impl Iterator<Item = &Job> {
    jobs.iter().filter(|job| !matches!(job.key.trigger, Trigger::Page(_)))
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
