//! The desk: an agent's tools, its line to a model, its limits, and the record of everything asked at it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use jiff::Zoned;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rejection::Rejection;
use super::{AsOf, Call, Tool, ToolReply};
use crate::chat::{Answer, Effort, Endpoint, Line, LineError, Request, Turn};
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

/// What happens at a desk, for those who watch.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A model is asked.
    Asking(&'a Request),
    /// It answered, or did not.
    Answered(&'a Turn),
    /// A tool answered.
    Called(&'a Call),
}

/// When something happened, in seconds since the desk was opened. Not part of any record that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stamp {
    /// What: a turn or a call, by number from 0.
    pub of: Step,
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

/// A step of an investigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A turn with a model.
    Turn(usize),
    /// A call of a tool.
    Call(usize),
}

/// Where an agent sits: everything it learns comes from calls made here.
pub struct Desk<'a> {
    seen: &'a AsOf<'a>,
    tools: &'static [&'static dyn Tool],
    limits: Limits,
    seed: Seed,
    calls: Vec<Call>,
    line: Option<&'a dyn Line>,
    epoch: u32,
    turns: Vec<Turn>,
    /// Messages of each thread that stand in an earlier turn.
    told: BTreeMap<String, usize>,
    effort: Effort,
    /// Turns that were read from recordings, by number: paid for once, and not again.
    replayed: Vec<bool>,
    watch: Option<&'a dyn Fn(Event<'_>)>,
    stop: Option<&'a AtomicBool>,
    opened: Instant,
    stamps: Vec<Stamp>,
}

impl<'a> Desk<'a> {
    /// A desk with no call made yet.
    #[must_use]
    pub fn new(seen: &'a AsOf<'a>, tools: &'static [&'static dyn Tool], limits: Limits, seed: Seed) -> Self {
        Self {
            seen,
            tools,
            limits,
            seed,
            calls: Vec::new(),
            line: None,
            epoch: 0,
            turns: Vec::new(),
            told: BTreeMap::new(),
            effort: Effort::default(),
            replayed: Vec::new(),
            watch: None,
            stop: None,
            opened: Instant::now(),
            stamps: Vec::new(),
        }
    }

    /// With a line to a model; `epoch` is the number of the repetition.
    #[must_use]
    pub fn with_line(self, line: &'a dyn Line, epoch: u32) -> Self {
        Self { line: Some(line), epoch, ..self }
    }

    /// With somebody who watches.
    #[must_use]
    pub fn watched(self, watch: &'a dyn Fn(Event<'_>)) -> Self {
        Self { watch: Some(watch), ..self }
    }

    /// With somebody who may ask to stop.
    #[must_use]
    pub fn stopped_by(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Asks a model and records the turn. Of the messages it keeps those that its
    /// thread has not recorded before.
    ///
    /// # Errors
    /// [`LineError`] when no answer came, or where the desk has no line.
    pub fn complete(&mut self, thread: &str, prompt: &str, to: &Endpoint, request: &mut Request) -> Result<Answer, LineError> {
        let Some(line) = self.line else {
            return Err(LineError::Blocked { why: "no line to a model here: this program was built without feature `llm`".to_owned() });
        };
        if self.is_stopped() {
            return Err(LineError::Cancelled);
        }
        request.epoch = self.epoch;
        self.tell(Event::Asking(request));
        let from = self.opened.elapsed().as_secs_f64();
        let result = line.complete(to, request);
        let told = self.told.insert(thread.to_owned(), request.messages.len()).unwrap_or(0).min(request.messages.len());
        let mut turn = Turn {
            thread: thread.to_owned(),
            model: request.model.clone(),
            prompt: prompt.to_owned(),
            said: request.messages[told..].to_vec(),
            offered: request.tools.iter().map(|offer| offer.name.clone()).collect(),
            choice: request.choice.clone(),
            parameters: serde_json::json!({
                "temperature": request.temperature, "seed": request.seed, "max_tokens": request.max_tokens, "epoch": request.epoch,
            }),
            answer: None,
            failed: None,
            source: None,
            retries: 0,
            calls: Vec::new(),
        };
        match &result {
            Ok(answer) => {
                turn.answer = Some(answer.completion.clone());
                turn.source = Some(answer.source);
                turn.retries = answer.retries;
            }
            Err(error) => {
                turn.failed = Some(error.to_string());
                if let LineError::Down { attempts, .. } = error {
                    turn.retries = attempts.saturating_sub(1);
                }
            }
        }
        self.effort.add(&turn);
        self.stamp(Step::Turn(self.turns.len()), from);
        self.tell(Event::Answered(&turn));
        self.replayed.push(result.as_ref().is_ok_and(|answer| answer.replayed));
        self.turns.push(turn);
        result
    }

    fn stamp(&mut self, of: Step, from: f64) {
        self.stamps.push(Stamp { of, from, to: self.opened.elapsed().as_secs_f64() });
    }

    fn tell(&self, event: Event<'_>) {
        if let Some(watch) = self.watch {
            watch(event);
        }
    }

    /// Seconds since the desk was opened.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.opened.elapsed().as_secs_f64()
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Calls a tool and records the call. A bad argument, an unknown tool and a used-up limit are answers.
    pub fn call(&mut self, tool: &str, arguments: Value) -> ToolReply {
        let from = self.opened.elapsed().as_secs_f64();
        let reply = self.reply(tool, &arguments);
        self.stamp(Step::Call(self.calls.len()), from);
        let call = Call { id: format!("c{}", self.calls.len() + 1), tool: tool.to_owned(), arguments, reply: reply.clone() };
        if let Some(turn) = self.turns.last_mut() {
            turn.calls.push(call.id.clone());
        }
        self.tell(Event::Called(&call));
        self.calls.push(call);
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
    /// The turns with a model so far.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }
    /// The turns that were not read from recordings.
    pub fn live_turns(&self) -> impl Iterator<Item = &Turn> {
        std::iter::zip(&self.turns, &self.replayed).filter(|(_, replayed)| !**replayed).map(|(turn, _)| turn)
    }
    /// What the turns came to.
    #[must_use]
    pub fn effort(&self) -> &Effort {
        &self.effort
    }
    /// The same, for the protocol to count what it had to do.
    pub fn effort_mut(&mut self) -> &mut Effort {
        &mut self.effort
    }
    /// When everything happened.
    #[must_use]
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
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
