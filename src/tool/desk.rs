//! The desk: an agent's tools, its limits, and the record of every call.

use jiff::Zoned;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::rejection::Rejection;
use super::{AsOf, Call, Tool, ToolReply};
use crate::seed::Seed;

/// What an agent may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls, refused ones included.
    pub calls: usize,
}

/// Why a question to the desk has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The tool refused the call; another one may be answered.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// No call is answered any more.
    #[error("all {calls} calls are used up")]
    Budget {
        /// How many there were.
        calls: usize,
    },
}

/// Where an agent sits: everything it learns comes from calls made here.
pub struct Desk<'a> {
    seen: &'a AsOf<'a>,
    tools: &'static [&'static dyn Tool],
    limits: Limits,
    seed: Seed,
    calls: Vec<Call>,
}

impl<'a> Desk<'a> {
    /// A desk with no call made yet.
    #[must_use]
    pub fn new(seen: &'a AsOf<'a>, tools: &'static [&'static dyn Tool], limits: Limits, seed: Seed) -> Self {
        Self { seen, tools, limits, seed, calls: Vec::new() }
    }

    /// Calls a tool and records the call. A bad argument, an unknown tool and a used-up limit are answers.
    pub fn call(&mut self, tool: &str, arguments: Value) -> ToolReply {
        let reply = self.reply(tool, &arguments);
        let id = format!("c{}", self.calls.len() + 1);
        self.calls.push(Call { id, tool: tool.to_owned(), arguments, reply: reply.clone() });
        reply
    }

    /// Calls a tool and reads its reply as one of the shapes of [`reply`](super::reply), with the id of the call.
    ///
    /// # Errors
    /// [`AskError`]: what the tool refused, or that nothing is answered any more.
    pub fn ask<T: DeserializeOwned>(&mut self, tool: &str, arguments: Value) -> Result<(String, T), AskError> {
        let used_up = self.left() == 0;
        match self.call(tool, arguments) {
            ToolReply::Rejected { .. } if used_up => Err(AskError::Budget { calls: self.limits.calls }),
            ToolReply::Data(data) => {
                let reply =
                    T::deserialize(data).map_err(|error| Rejection::new(format!("the reply of `{tool}` has another shape: {error}")))?;
                Ok((format!("c{}", self.calls.len()), reply))
            }
            ToolReply::Rejected { why, hint } => Err(Rejection { why, hint }.into()),
        }
    }

    /// The same call gets the same seed wherever it stands in the conversation.
    fn reply(&self, tool: &str, arguments: &Value) -> ToolReply {
        if self.calls.len() >= self.limits.calls {
            return Rejection::new(format!("all {} calls are used up", self.limits.calls)).hint("conclude from what was found").into();
        }
        let Some(found) = self.tools.iter().find(|known| known.name() == tool) else {
            return Rejection::unknown("tool", tool, self.tools.iter().map(|known| known.name())).into();
        };
        found.call(self.seen, arguments, self.seed.child(tool).child(&arguments.to_string()))
    }

    /// The tools on the desk.
    #[must_use]
    pub fn tools(&self) -> &'static [&'static dyn Tool] {
        self.tools
    }
    /// How many calls are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.limits.calls.saturating_sub(self.calls.len())
    }
    /// The calls made so far.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
    /// The record of a finished investigation.
    #[must_use]
    pub fn into_calls(self) -> Vec<Call> {
        self.calls
    }
    /// The archive as it stands.
    #[must_use]
    pub fn seen(&self) -> &'a AsOf<'a> {
        self.seen
    }
    /// Names of the metrics the archive has.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        self.seen.metrics()
    }
    /// Dimensions of a metric with their visible values.
    #[must_use]
    pub fn dimensions(&self, metric: &str) -> Vec<(String, Vec<String>)> {
        self.seen.dimensions(metric)
    }
    /// The instant before which everything lies.
    #[must_use]
    pub fn now(&self) -> &Zoned {
        self.seen.now()
    }
}
