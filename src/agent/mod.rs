//! Agents: look with tools, conclude with a report. A blind room.
//!
//! An agent is one file and one row of [`REGISTRY`]; its settings are the fields of its struct. Most are deterministic:
//! the same desk and the same case give the same calls and the same report, byte for byte. Those that ask a language model do it on the line
//! of their desk, and know neither network nor key.

mod abstain;
mod advice;
mod constant;
mod culprit;
mod days;
mod dialogue;
mod largest_change;
mod latest_deploy;
mod likelihood;
#[cfg(feature = "llm")]
pub mod llm;
mod look;
mod random;
mod react;
pub mod report;
mod segment_scan;
pub mod sentiment;
mod trajectory;
mod two_stage;
pub mod words;
mod writing;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chat::{Endpoint, LineError};
use crate::name::known_names;
use crate::tool::Desk;
use report::IncidentReport;

pub use look::Withheld;
pub use trajectory::{Trajectory, investigate};

/// A group of pages that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Names of the paged series, for example `tickets`, `tickets{platform=android}` or `dau`.
    pub series: Vec<String>,
    /// The first paged bucket: a day, `2023-10-05`, or below that a time, `2023-10-05T14:00:00+02`.
    pub since: String,
}

/// An earlier question of a conversation, and what was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// What was asked.
    pub question: String,
    /// What was concluded.
    pub report: IncidentReport,
}

/// What an agent is asked. The time and the data come from the desk.
#[derive(Debug, Clone, Copy, Default)]
pub struct Case<'a> {
    /// A person's question.
    pub question: Option<&'a str>,
    /// What a detector paged.
    pub alert: Option<&'a Alert>,
    /// The conversation so far, oldest first.
    pub earlier: &'a [Turn],
}

/// Why an investigation ended without a report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// No more calls, answers, tokens or dollars.
    #[error("budget used up before a conclusion")]
    Budget,
    /// Out of time.
    #[error("deadline passed before a conclusion")]
    Deadline,
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The model declined.
    #[error("refused: {why}")]
    Refused {
        /// What it says.
        why: String,
    },
    /// The model's answer was cut off, twice.
    #[error("the answer was cut off at its greatest length")]
    Truncated,
    /// The model made the same step again and again.
    #[error("the same step again and again")]
    StuckLoop,
    /// What the model handed in is no report, after all repairs.
    #[error("no report was handed in: {why}")]
    InvalidOutput {
        /// What is wrong with it.
        why: String,
    },
    /// No answer came from the model, or none could be kept.
    #[error(transparent)]
    Line(LineError),
    /// The agent cannot go on.
    #[error("agent failed: {why}")]
    Failed {
        /// What went wrong.
        why: String,
    },
}

/// Something that investigates. Its fields are its settings.
pub trait Agent: Send + Sync {
    /// Looks with the tools of the desk and concludes.
    ///
    /// # Errors
    /// [`Halt`] when it could not come to a conclusion; not having found anything is a conclusion.
    fn investigate(&self, case: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt>;

    /// Every setting that can change an answer, defaults included.
    fn settings(&self) -> Value;

    /// How its model is reached; agents that ask none have no way to.
    fn ways(&self) -> Option<Ways> {
        None
    }
}

/// What whoever sends an agent needs to know of its model. No part of its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    /// The model.
    pub model: String,
    /// Where it is.
    pub endpoint: Endpoint,
    /// How often every investigation is made.
    pub epochs: u32,
    /// The most US dollars one investigation can cost; absent without prices.
    pub ceiling_usd: Option<f64>,
    /// US dollars per million tokens of requests and of answers; absent without prices.
    pub prices: Option<(f64, f64)>,
}

/// A row of the registry.
pub struct Entry {
    /// What `--agents` calls it.
    pub name: &'static str,
    /// One line for `harness list agents`.
    pub about: &'static str,
    /// Builds it from settings; `{}` means defaults.
    pub build: fn(&Value) -> Result<Box<dyn Agent>, serde_json::Error>,
    /// Whether it asks a language model: such agents take part only where they are named.
    pub asks_model: bool,
}

/// Variables that hold the keys of the providers that are known by name.
pub fn provider_keys() -> impl Iterator<Item = &'static str> {
    dialogue::settings::PROVIDERS.iter().map(|provider| provider.key)
}

/// Every agent that asks no model, by name.
pub fn deterministic() -> impl Iterator<Item = &'static Entry> {
    REGISTRY.iter().filter(|entry| !entry.asks_model)
}

/// Agents that look at nothing, or at one thing: what every other must beat.
pub const FLOORS: &[&str] = &["abstain", "constant", "largest-change", "latest-deploy", "random"];

/// Every agent, by name.
pub const REGISTRY: &[Entry] = &[
    Entry {
        name: "abstain",
        about: "Says that nothing is wrong, whatever happens.",
        build: from_settings::<abstain::Abstain>,
        asks_model: false,
    },
    Entry {
        name: "changes-only",
        about: "segment-scan that sees the change log and nothing else.",
        build: |settings| ablation(settings, &["metrics", "fetch_ticket_stats", "fetch_ticket_samples", "analyze_retention"]),
        asks_model: false,
    },
    Entry { name: "constant", about: "Names the same cause every time.", build: from_settings::<constant::Constant>, asks_model: false },
    Entry {
        name: "largest-change",
        about: "Blames the segment that moved most, and the change nearest to it.",
        build: from_settings::<largest_change::LargestChange>,
        asks_model: false,
    },
    Entry {
        name: "latest-deploy",
        about: "Blames the latest change before now.",
        build: from_settings::<latest_deploy::LatestDeploy>,
        asks_model: false,
    },
    Entry {
        name: "metrics-only",
        about: "segment-scan that sees product metrics, but neither tickets nor changes.",
        build: |settings| ablation(settings, &["tickets", "fetch_ticket_stats", "fetch_ticket_samples", "check_deployments"]),
        asks_model: false,
    },
    Entry { name: "react", about: "A language model looks with all tools and hands in a report.", build: react::react, asks_model: true },
    Entry { name: "random", about: "Names a random cause, change and scope.", build: from_settings::<random::Random>, asks_model: false },
    Entry {
        name: "segment-scan",
        about: "Searches scopes by likelihood ratio, holds changes against the onset, knows harmless explanations.",
        build: from_settings::<segment_scan::SegmentScan>,
        asks_model: false,
    },
    Entry { name: "ticket-analyst", about: "A language model with the two ticket tools.", build: react::ticket_analyst, asks_model: true },
    Entry {
        name: "tickets-only",
        about: "segment-scan that sees tickets, but neither product metrics nor changes.",
        build: |settings| ablation(settings, &["dau", "wau", "events_per_user", "analyze_retention", "check_deployments"]),
        asks_model: false,
    },
    Entry {
        name: "two-stage",
        about: "A language model decides one typed step at a time; a second one writes the report.",
        build: two_stage::two_stage,
        asks_model: true,
    },
];

/// An agent's struct filled from settings, absent ones at their defaults.
fn from_settings<A>(settings: &Value) -> Result<Box<dyn Agent>, serde_json::Error>
where
    A: Agent + DeserializeOwned + 'static,
{
    Ok(Box::new(serde_json::from_value::<A>(settings.clone())?))
}

/// The scan without some of its tools; other settings stay as given.
fn ablation(settings: &Value, withhold: &[&str]) -> Result<Box<dyn Agent>, serde_json::Error> {
    let mut settings = settings.clone();
    if let Some(fields) = settings.as_object_mut() {
        fields.entry("withhold").or_insert_with(|| json!(withhold));
    }
    from_settings::<segment_scan::SegmentScan>(&settings)
}

/// A name or setting that no agent has.
#[derive(Debug, thiserror::Error)]
pub enum UnknownAgent {
    /// No row has this name.
    #[error("unknown agent `{name}` {known}")]
    Name {
        /// What was asked for.
        name: String,
        /// Known names and the nearest one.
        known: String,
    },
    /// The settings do not fit the agent.
    #[error("settings of `{name}`: {source}")]
    Settings {
        /// The agent.
        name: String,
        /// What serde says.
        source: serde_json::Error,
    },
}

/// Builds an agent by name.
///
/// # Errors
/// [`UnknownAgent`] with the known names and the nearest one, or with the setting that is wrong.
pub fn build(name: &str, settings: &Value) -> Result<Box<dyn Agent>, UnknownAgent> {
    let entry = REGISTRY
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| UnknownAgent::Name { name: name.to_owned(), known: known_names(name, REGISTRY.iter().map(|entry| entry.name)) })?;
    (entry.build)(settings).map_err(|source| UnknownAgent::Settings { name: name.to_owned(), source })
}
