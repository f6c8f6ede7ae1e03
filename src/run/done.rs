//! What a run has finished: read from its journal, added to as jobs come back.

use std::collections::BTreeMap;

use super::detections::Job;
use super::plan::Plan;
use crate::record::{CalibrationKey, Clock, DetectionKey, Entry, InvestigationKey, Outcome, Paid, Store, Timing};

/// What is finished, by key.
#[derive(Default)]
pub(super) struct Done {
    pub(super) calibrations: BTreeMap<CalibrationKey, (Outcome, Vec<Option<f64>>)>,
    pub(super) detections: BTreeMap<DetectionKey, (Outcome, usize, Clock)>,
    pub(super) investigations: BTreeMap<InvestigationKey, (Outcome, Clock)>,
    /// What models were paid, those that were stopped included.
    pub(super) paid: Paid,
}

impl Done {
    /// What a journal holds; what somebody stopped, and what broke between an agent and its model, is to be done again.
    pub(super) fn from(entries: Vec<Entry>) -> Self {
        let mut done = Self::default();
        for entry in entries {
            match entry {
                Entry::Investigation { outcome, paid, .. } if is_to_be_done_again(&outcome) => done.paid.add(paid),
                entry => done.add(entry),
            }
        }
        done
    }

    pub(super) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Calibration { key, outcome, scores, .. } => {
                self.calibrations.insert(key, (outcome, scores));
            }
            Entry::Detection { key, outcome, fits, clock } => {
                self.detections.insert(key, (outcome, fits, clock));
            }
            Entry::Investigation { key, outcome, paid, clock } => {
                self.paid.add(paid);
                self.investigations.insert(key, (outcome, clock));
            }
        }
    }

    /// A detection whose points were deleted or damaged since is computed again.
    pub(super) fn forget_lost_points(&mut self, plan: &Plan, store: &Store) {
        for &cell in &plan.matrix.cells {
            let key = plan.key(cell);
            let answered = self.detections.get(&key).is_some_and(|(outcome, ..)| *outcome == Outcome::Answered);
            if answered && store.points(&key, plan.test_len(cell)).is_err() {
                self.detections.remove(&key);
            }
        }
    }

    pub(super) fn contains(&self, job: &Job<'_>) -> bool {
        match job {
            Job::Calibration { key, .. } => self.calibrations.contains_key(key),
            Job::Detection { key, .. } => self.detections.contains_key(key),
        }
    }

    /// When each job was done, sorted by key.
    pub(super) fn timings(&self) -> Vec<Timing> {
        let detections = self.detections.iter().map(|(key, (.., clock))| Timing::Detection { key: key.clone(), clock: clock.clone() });
        let investigations = self.investigations.iter();
        let investigations = investigations.map(|(key, (_, clock))| Timing::Investigation { key: key.clone(), clock: clock.clone() });
        detections.chain(investigations).collect()
    }
}

/// A provider that was down may be up again, and a recording that was missing may have been made.
fn is_to_be_done_again(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Cancelled => true,
        Outcome::Infra { stage, .. } => stage == "model" || stage == "recording",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{ConfigId, IncidentId};
    use crate::record::{Limit, Trigger};

    fn investigation(number: usize, outcome: Outcome) -> Entry {
        let incident = IncidentId::new("inc-1").expect("a name");
        let agent = ConfigId { name: "a".to_owned(), digest: "0".to_owned() };
        Entry::Investigation {
            key: InvestigationKey { incident, trigger: Trigger::Oracle(number), agent, epoch: 0 },
            outcome,
            paid: Paid::default(),
            clock: Clock::default(),
        }
    }

    #[test]
    fn what_was_cancelled_is_done_again_and_what_was_used_up_is_not() {
        let done = Done::from(vec![investigation(0, Outcome::Cancelled), investigation(1, Outcome::Halted(Limit::Budget))]);
        let numbers: Vec<&Trigger> = done.investigations.keys().map(|key| &key.trigger).collect();
        assert_eq!(numbers, [&Trigger::Oracle(1)]);
    }

    #[test]
    fn what_broke_before_a_model_is_done_again_and_what_an_agent_broke_is_not() {
        let broke = |stage: &str| Outcome::Infra { stage: stage.to_owned(), why: "no".to_owned() };
        let done =
            Done::from(vec![investigation(0, broke("model")), investigation(1, broke("recording")), investigation(2, broke("agent"))]);
        let numbers: Vec<&Trigger> = done.investigations.keys().map(|key| &key.trigger).collect();
        assert_eq!(numbers, [&Trigger::Oracle(2)]);
    }
}
