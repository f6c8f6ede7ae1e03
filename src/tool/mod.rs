//! Tools: how agents look at an incident. A blind room; [`AsOf`] is the only door to data.
//!
//! A tool is one file and one row of [`REGISTRY`]. A bad argument is an answer that says why, with the nearest name, and never a crash.

mod analyze_retention;
mod arguments;
mod as_of;
mod check_deployments;
mod desk;
mod fetch_ticket_samples;
mod fetch_ticket_stats;
mod metric;
mod prepared;
mod query;
mod query_metric;
mod rejection;
pub mod reply;
mod segment_by_dimension;
mod statistical_test;
mod summary;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::seed::Seed;

pub use as_of::AsOf;
pub use desk::{AskError, Desk, Event, Limits, Stamp, Step};
pub use prepared::Prepared;
pub use rejection::Rejection;

/// A question that can be asked of an archive.
pub trait Tool: Send + Sync {
    /// What calls name it.
    fn name(&self) -> &'static str;

    /// One line for agents and for `harness list tools`.
    fn about(&self) -> &'static str;

    /// JSON Schema of the arguments, without references.
    fn schema(&self) -> Value;

    /// Answers from what can be seen; the same arguments and seed get the same answer.
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, seed: Seed) -> ToolReply;
}

/// Every tool, by name.
pub const REGISTRY: &[&dyn Tool] = &[
    &analyze_retention::AnalyzeRetention,
    &check_deployments::CheckDeployments,
    &fetch_ticket_samples::FetchTicketSamples,
    &fetch_ticket_stats::FetchTicketStats,
    &query_metric::QueryMetric,
    &segment_by_dimension::SegmentByDimension,
    &statistical_test::StatisticalTest,
];

/// What a tool answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolReply {
    /// What was asked for: one of the shapes of [`reply`].
    Data(Value),
    /// A bad argument.
    Rejected {
        /// What was got and what is allowed.
        why: String,
        /// The nearest name or a call that would work.
        hint: Option<String>,
    },
}

/// One recorded call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// `c1`, `c2`, … in order: what evidence cites.
    pub id: String,
    /// Name of the tool.
    pub tool: String,
    /// Arguments as given.
    pub arguments: Value,
    /// The answer.
    pub reply: ToolReply,
}
