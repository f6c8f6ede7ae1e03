//! Agents that ask a model within a run: the line they are given, what they may spend, and what is told before anything is paid.

use std::collections::BTreeSet;

use super::RunError;
use super::done::Done;
use super::investigate::{Job, known_in_advance_of};
use super::plan::Plan;
use crate::agent::Ways;
use crate::chat::{Line, NO_PROVIDER};
use crate::record::{Cassettes, Mode, Paid};
use crate::tool::Desk;

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
    /// Whether all of them have prices.
    pub priced: bool,
    /// About the most that those known can cost in US dollars; absent where an agent has no prices.
    pub ceiling_usd: Option<f64>,
}

/// What is about to be spent; nothing where no request can leave the machine.
pub(super) fn quote(plan: &Plan, jobs: &[Job], done: &Done, models: &Models<'_>) -> Option<Quote> {
    if !models.cassettes.mode().asks() {
        return None;
    }
    let paid = |agent: usize| plan.agents[agent].agent.ways().filter(costs);
    let missing = known_in_advance_of(jobs).filter(|job| !done.investigations.contains_key(&job.key));
    let known: Vec<Ways> = missing.filter_map(|job| paid(job.agent)).collect();
    let of_pages: Vec<Ways> = plan.end_to_end().filter_map(paid).collect();
    if known.is_empty() && of_pages.is_empty() {
        return None;
    }
    let names: BTreeSet<String> =
        known.iter().chain(&of_pages).map(|ways| format!("{} at {}", ways.model, ways.endpoint.base_url)).collect();
    Some(Quote {
        investigations: known.len(),
        pages: !of_pages.is_empty(),
        models: names.into_iter().collect(),
        priced: known.iter().chain(&of_pages).all(|ways| ways.prices.is_some()),
        ceiling_usd: known.iter().map(|ways| ways.ceiling_usd).sum(),
    })
}

/// What can be known to be missing before any work is.
pub(super) fn reachable(plan: &Plan, models: &Models<'_>) -> Result<(), RunError> {
    // Recordings may have every answer.
    if matches!(models.cassettes.mode(), Mode::Replay | Mode::Auto) {
        return Ok(());
    }
    for (column, ways) in plan.agents.iter().filter_map(|column| Some((column, column.agent.ways()?))) {
        let why = match &ways.endpoint.api_key_env {
            _ if ways.endpoint.base_url.is_empty() => NO_PROVIDER.to_owned(),
            Some(name) if std::env::var(name).is_err() => format!("{} needs a key: set {name}", ways.endpoint.base_url),
            _ => continue,
        };
        return Err(RunError::NotApproved(format!("`{}`: {why}", column.config.name)));
    }
    Ok(())
}

/// Whether asking there may cost: anywhere but on this machine, and there too if prices are given, for a proxy may stand behind it.
#[must_use]
pub fn costs(ways: &Ways) -> bool {
    !is_local(&ways.endpoint.base_url) || ways.prices.is_some()
}

/// Whether an address is this machine, where nobody is paid.
fn is_local(base_url: &str) -> bool {
    let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let host = if host.starts_with('[') { host.split(']').next().unwrap_or_default() } else { host.split(':').next().unwrap_or_default() };
    host == "localhost" || host == "[::1" || host.strip_prefix("127.").is_some_and(|rest| rest.split('.').count() == 3)
}

impl Budget {
    /// The limit that is reached, in words.
    pub(super) fn used_up(&self, paid: &Paid) -> Option<String> {
        match self {
            Self { usd: Some(usd), .. } if paid.usd >= *usd => Some(format!("${:.4} of ${usd:.4} are spent", paid.usd)),
            Self { tokens: Some(tokens), .. } if paid.tokens >= *tokens => Some(format!("{} of {tokens} tokens are spent", paid.tokens)),
            _ => None,
        }
    }
}

/// What an investigation was paid for: its turns but for those that were read from recordings.
pub(super) fn paid(desk: &Desk<'_>, prices: Option<(f64, f64)>) -> Paid {
    let answers = || desk.live_turns().filter_map(|turn| turn.answer.as_ref());
    let live = answers().count() as u64;
    let all = desk.turns().iter().filter(|turn| turn.answer.is_some()).count() as u64;
    if live == 0 {
        return Paid::default();
    }
    let (prompt, completion) = if answers().all(|answer| answer.usage.is_some()) {
        let usage = || answers().filter_map(|answer| answer.usage);
        (usage().map(|usage| usage.prompt).sum(), usage().map(|usage| usage.completion).sum())
    } else {
        // Requests are by far the longer part.
        let tokens = desk.effort().estimated_tokens * live / all;
        (tokens - tokens / 8, tokens / 8)
    };
    let by_price = prices.map_or(0.0, |(input, output)| (prompt as f64 * input + completion as f64 * output) / 1e6);
    let usd = desk.effort().usd.filter(|_| live == all).unwrap_or(by_price);
    Paid { usd, tokens: prompt + completion }
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
