//! Constant: the same plausible cause every time. What can be had without looking (OpenRCA's published agents barely beat it).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::days::Days;
use super::look::Look;
use super::report::{Cause, IncidentReport};
use super::writing::{self, Finding};
use super::{Agent, Case, Halt};
use crate::tool::Desk;
use crate::tool::reply::Scope;

/// The agent that always names one cause. The defaults are a plausible guess, not fitted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Constant {
    kind: String,
    scope: Scope,
    confidence: f64,
}

impl Default for Constant {
    fn default() -> Self {
        Self { kind: "dependency_failure".to_owned(), scope: Scope::new(), confidence: 0.2 }
    }
}

impl Agent for Constant {
    fn investigate(&self, _: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &[]);
        let window = Days::ending(look.today(), 1);
        let onset = Some(window.to.to_string());
        let cause = Cause { kind: self.kind.clone(), change: None, scope: self.scope.clone(), onset, confidence: self.confidence };
        writing::write(&mut look, Finding::blame(window, cause))
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}
