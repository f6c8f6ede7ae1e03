//! Random: a cause, change and scope by lot. The floor of every score of causes.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::days::Days;
use super::look::Look;
use super::report::{CAUSE_KINDS, Cause, IncidentReport};
use super::writing::{self, Finding};
use super::{Agent, Case, Halt};
use crate::seed::Seed;
use crate::tool::Desk;
use crate::tool::reply::{Deployment, Scope};

/// The agent that draws lots, from its setting and from what it sees, so that two incidents differ and two runs do not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Random {
    seed: u64,
}

impl Agent for Random {
    fn investigate(&self, _: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &[]);
        let today = look.today();
        let log = look.changes(Days::ending(today, 14))?.map(|seen| seen.reply.changes).unwrap_or_default();
        let ids: Vec<&str> = log.iter().map(|change| change.id.as_str()).collect();
        let mut rng = Seed::derive(["agent/random", &self.seed.to_string(), &today.to_string(), &ids.join(",")]).rng();
        let kind = CAUSE_KINDS[below(&mut rng, CAUSE_KINDS.len())];
        let change = change(&mut rng, kind, &log);
        let scope = scope(&mut rng, &look);
        let confidence = rng.random::<f64>();
        let window = Days::ending(today, 1);
        let cause = Cause { kind: kind.to_owned(), change, scope, onset: Some(today.to_string()), confidence };
        writing::write(&mut look, Finding { events: log, ..Finding::blame(window, cause) })
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}

fn below(rng: &mut ChaCha8Rng, limit: usize) -> usize {
    ((rng.random::<f64>() * limit as f64) as usize).min(limit.saturating_sub(1))
}

fn change(rng: &mut ChaCha8Rng, kind: &str, log: &[Deployment]) -> Option<String> {
    let changed = matches!(kind, "deployment" | "config_change" | "policy_change");
    if !changed || log.is_empty() { None } else { Some(log[below(rng, log.len())].id.clone()) }
}

/// No, one or two conditions.
fn scope(rng: &mut ChaCha8Rng, look: &Look<'_, '_>) -> Scope {
    let dimensions: Vec<(String, Vec<String>)> = look
        .metrics()
        .first()
        .map(|metric| look.desk().dimensions(metric).into_iter().filter(|(_, values)| !values.is_empty()).collect())
        .unwrap_or_default();
    let mut scope = Scope::new();
    for _ in 0..below(rng, 3).min(dimensions.len()) {
        let (name, values) = &dimensions[below(rng, dimensions.len())];
        scope.insert(name.clone(), values[below(rng, values.len())].clone());
    }
    scope
}
