//! What a change invalidates: every investigation by a model held against its recordings, with nobody to ask.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::investigate::{self, Job, Shelf, known_in_advance_of};
use super::models::{Budget, Models};
use super::{Plan, RunError};
use crate::chat::Nobody;
use crate::record::{CassetteError, Cassettes, Outcome};

/// One agent on its recordings.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its label.
    pub agent: String,
    /// Its model.
    pub model: String,
    /// Investigations besides those of pages.
    pub investigations: usize,
    /// Those that need a request which is not recorded: scenario file, trigger, and how it differs from the nearest.
    pub stale: Vec<(String, String, String)>,
    /// Tokens that recording these again will take, judged by what is recorded; absent where nothing is.
    pub tokens: Option<u64>,
    /// The same in US dollars; absent without prices.
    pub usd: Option<f64>,
}

/// Why recordings could not be held against a suite.
#[derive(Debug, thiserror::Error)]
pub enum StaleError {
    /// The suite cannot be planned.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A cassette cannot be read.
    #[error(transparent)]
    Cassette(#[from] CassetteError),
}

/// Holds every agent that asks a model against its recordings.
///
/// # Errors
/// [`StaleError`].
pub fn stale(plan: &Plan, cassettes: &Cassettes) -> Result<Vec<Standing>, StaleError> {
    let all = investigate::plan_jobs(plan, &[]);
    let jobs: Vec<Job> = known_in_advance_of(&all).filter(|job| plan.agents[job.agent].asks_model()).cloned().collect();
    let shelf = Shelf::new(plan, &jobs);
    let nobody = |_: &super::models::Quote| Ok(());
    let models = Models { line: &Nobody, cassettes, in_flight: 1, budget: Budget::default(), approve: &nobody };
    let mut standings: BTreeMap<usize, Standing> = BTreeMap::new();
    let mut costs: BTreeMap<usize, Option<(u64, u64)>> = BTreeMap::new();
    for job in &jobs {
        let scenario = plan.scenario_of(job.incident);
        let column = &plan.agents[job.agent];
        let standing = standings.entry(job.agent).or_insert_with(|| Standing {
            agent: column.config.name.clone(),
            model: column.agent.ways().map(|ways| ways.model).unwrap_or_default(),
            investigations: 0,
            stale: Vec::new(),
            tokens: None,
            usd: None,
        });
        standing.investigations += 1;
        let worked = investigate::work(&shelf, job, Some(&models), &AtomicBool::new(false));
        let Outcome::Infra { stage, why } = worked.outcome else { continue };
        if stage != "recording" {
            continue;
        }
        let trigger = serde_json::to_string(&job.key.trigger).unwrap_or_default();
        standing.stale.push((scenario.file.clone(), trigger, why));
        let recorded = cassettes.recorded(scenario.id.as_str())?;
        let each =
            recorded.prompt_tokens.checked_div(recorded.conversations).zip(recorded.completion_tokens.checked_div(recorded.conversations));
        let sum = costs.entry(job.agent).or_insert(Some((0, 0)));
        *sum = sum.zip(each).map(|((prompt, completion), each)| (prompt + each.0, completion + each.1));
    }
    for (agent, cost) in costs {
        let prices = plan.agents[agent].agent.ways().and_then(|ways| ways.prices);
        if let Some(standing) = standings.get_mut(&agent) {
            standing.tokens = cost.map(|(prompt, completion)| prompt + completion);
            standing.usd = cost.zip(prices).map(|(cost, prices)| (cost.0 as f64 * prices.0 + cost.1 as f64 * prices.1) / 1e6);
        }
    }
    Ok(standings.into_values().collect())
}
