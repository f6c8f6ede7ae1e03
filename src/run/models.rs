//! Agents that ask a model within a run: the line they are given, what they may spend, and what is told before anything is paid.

use std::collections::BTreeSet;

use super::done::Done;
use super::investigate::{Job, known_in_advance_of};
use super::plan::Plan;
use crate::chat::{Effort, Line};
use crate::record::{Cassettes, Store, StoreError};

/// What a sitting has for agents that ask a model.
pub struct Models<'a> {
    /// The line to the providers.
    pub line: &'a dyn Line,
    /// Recordings before it.
    pub cassettes: &'a Cassettes,
    /// Investigations by models at once.
    pub in_flight: usize,
    /// What the run may spend, over all sittings.
    pub budget: Budget,
    /// Asked before anything that may cost is sent; what it returns instead of consent ends the run.
    pub approve: &'a (dyn Fn(&Quote) -> Result<(), String> + Sync),
}

/// What a run may spend on models.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// US dollars, by the prices of the agents.
    pub usd: Option<f64>,
    /// Tokens of requests and answers.
    pub tokens: Option<u64>,
}

/// What a run is about to spend.
#[derive(Debug, Clone, PartialEq)]
pub struct Quote {
    /// Investigations that may be paid for, besides those of pages.
    pub investigations: usize,
    /// Whether pages will add to them.
    pub pages: bool,
    /// The models and where they are, sorted.
    pub models: Vec<String>,
    /// The most they can cost in US dollars; absent where an agent has no prices.
    pub ceiling_usd: Option<f64>,
}

/// What is about to be spent; nothing where no request can leave the machine.
pub(super) fn quote(plan: &Plan, jobs: &[Job], done: &Done, models: &Models<'_>) -> Option<Quote> {
    if !models.cassettes.mode().asks() {
        return None;
    }
    let away = |agent: usize| plan.agents[agent].agent.ways().filter(|ways| !is_local(&ways.endpoint.base_url));
    let missing: Vec<&Job> = known_in_advance_of(jobs).filter(|job| !done.investigations.contains_key(&job.key)).collect();
    let paid: Vec<_> = missing.iter().filter_map(|job| away(job.agent)).collect();
    let pages = plan.end_to_end().any(|agent| away(agent).is_some());
    if paid.is_empty() && !pages {
        return None;
    }
    let names: BTreeSet<String> = paid.iter().map(|ways| format!("{} at {}", ways.model, ways.endpoint.base_url)).collect();
    Some(Quote {
        investigations: paid.len(),
        pages,
        models: names.into_iter().collect(),
        ceiling_usd: paid.iter().map(|ways| ways.ceiling_usd).sum(),
    })
}

/// Whether an address is this machine, where nobody is paid.
fn is_local(base_url: &str) -> bool {
    let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = if host.starts_with('[') { host.split(']').next().unwrap_or_default() } else { host.split(':').next().unwrap_or_default() };
    host == "localhost" || host == "[::1" || host.strip_prefix("127.").is_some_and(|rest| rest.split('.').count() == 3)
}

/// What has been spent on models.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Spent {
    usd: f64,
    tokens: u64,
}

impl Spent {
    /// What investigations that are done have cost, whichever sitting did them.
    pub(super) fn before(plan: &Plan, store: &Store, jobs: &[Job], done: &Done) -> Result<Self, StoreError> {
        let mut spent = Self::default();
        for job in jobs.iter().filter(|job| plan.agents[job.agent].agent.ways().is_some()) {
            if !done.investigations.contains_key(&job.key) {
                continue;
            }
            match store.trajectory(&job.key.digest()) {
                Ok(trajectory) => spent.add(trajectory.effort.as_ref()),
                Err(StoreError::Gone { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(spent)
    }

    pub(super) fn add(&mut self, effort: Option<&Effort>) {
        let Some(effort) = effort else { return };
        self.usd += effort.usd.unwrap_or(0.0);
        self.tokens += effort.tokens().unwrap_or(0);
    }

    /// The limit that is reached, in words.
    pub(super) fn over(&self, budget: &Budget) -> Option<String> {
        match budget {
            Budget { usd: Some(usd), .. } if self.usd >= *usd => Some(format!("${:.4} of ${usd:.4} are spent", self.usd)),
            Budget { tokens: Some(tokens), .. } if self.tokens >= *tokens => Some(format!("{} of {tokens} tokens are spent", self.tokens)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_this_machine_is_local() {
        for url in ["http://127.0.0.1:8080/v1", "http://localhost/v1", "https://[::1]:1/v1"] {
            assert!(is_local(url), "{url}");
        }
        for url in
            ["https://api.openai.com/v1", "http://localhost.example.com/v1", "http://127.0.0.1.example.com/v1", "http://10.0.0.1/v1", ""]
        {
            assert!(!is_local(url), "{url}");
        }
    }
}
