//! Latest deploy: “what did we change last?” A rule of thumb that many on call live by, and that decoys are made for.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::culprit::{kind_of, scope_of};
use super::days::{Days, day_of};
use super::look::Look;
use super::report::{Cause, IncidentReport};
use super::writing::{self, Finding};
use super::{Agent, Case, Halt};
use crate::tool::Desk;

/// The agent that blames the latest change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LatestDeploy {
    /// How many days it looks back.
    days: i64,
    confidence: f64,
}

impl Default for LatestDeploy {
    fn default() -> Self {
        Self { days: 14, confidence: 0.4 }
    }
}

impl Agent for LatestDeploy {
    fn investigate(&self, _: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &[]);
        let window = Days::ending(look.today(), 1);
        let seen = look.changes(Days::ending(window.to, self.days.clamp(1, 366)))?;
        let log = seen.map(|seen| seen.reply.changes).unwrap_or_default();
        let blamed = log.iter().enumerate().rev().find_map(|(at, change)| Some((at, kind_of(change)?)));
        let Some((at, kind)) = blamed else { return writing::write(&mut look, Finding::quiet(window, 1.0 - self.confidence)) };
        let cause = Cause {
            kind: kind.to_owned(),
            change: Some(log[at].id.clone()),
            scope: scope_of(&log[at]),
            onset: day_of(&log[at].at).map(|day| day.to_string()),
            confidence: self.confidence,
        };
        writing::write(&mut look, Finding { events: log, ..Finding::blame(window, cause) })
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}
