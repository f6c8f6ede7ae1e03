//! A trajectory: everything an investigation asked, was told and concluded.

use serde::{Deserialize, Serialize};

use super::report::IncidentReport;
use super::{Agent, Case, Halt};
use crate::chat::{Effort, Turn};
use crate::tool::{Call, Desk};

/// One investigation from the first call to the conclusion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// All calls, in order.
    pub calls: Vec<Call>,
    /// What was concluded; absent if the investigation halted.
    pub report: Option<IncidentReport>,
    /// Why it halted, in words.
    pub halted: Option<String>,
    /// Turns with a model, in order; agents that ask none have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// What these came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
}

/// Lets an agent investigate at a desk and keeps what it did. What it says of its own calls is replaced by what was recorded.
pub fn investigate(agent: &dyn Agent, case: &Case<'_>, desk: &mut Desk<'_>) -> (Trajectory, Result<(), Halt>) {
    let outcome = agent.investigate(case, desk);
    let calls = desk.calls().to_vec();
    let turns = desk.turns().to_vec();
    let effort = (!turns.is_empty()).then(|| desk.effort().clone());
    match outcome {
        Ok(mut report) => {
            report.supporting_data = super::writing::supporting(&calls, &report.evidence);
            (Trajectory { calls, report: Some(report), halted: None, turns, effort }, Ok(()))
        }
        Err(halt) => (Trajectory { calls, report: None, halted: Some(halt.to_string()), turns, effort }, Err(halt)),
    }
}
