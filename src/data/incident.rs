//! An incident: what can be observed, and the truth behind it. Only the runner and the scorer hold both.

use super::observation::{Observation, Watched};
use super::truth::GroundTruth;
use crate::name::IncidentId;

/// One replicate of a scenario, or one imported case.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// What models see.
    pub observed: Observation,
    /// The watched series without the faults, with the same noise: thresholds are set on these. Empty for imported data.
    pub twin: Vec<Watched>,
    /// What was injected.
    pub truth: GroundTruth,
}

impl Incident {
    /// The incident whose noise it has, and from which triggers and the draws of agents derive: its own id, or that of its base.
    #[must_use]
    pub fn drawn_as(&self) -> &IncidentId {
        self.truth.variant_of.as_ref().map_or(&self.observed.id, |base| &base.incident)
    }
}
