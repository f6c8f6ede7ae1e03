//! Abstain: nothing is wrong, whatever happens. Full specificity, no recall: what every other agent must beat on both.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::days::Days;
use super::look::Look;
use super::report::IncidentReport;
use super::writing::{self, Finding};
use super::{Agent, Case, Halt};
use crate::tool::Desk;

/// The agent that never blames.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Abstain {}

impl Agent for Abstain {
    fn investigate(&self, _: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &[]);
        let window = Days::ending(look.today(), 1);
        writing::write(&mut look, Finding::quiet(window, 0.5))
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}
