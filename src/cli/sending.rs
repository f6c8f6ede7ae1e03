//! Sending an agent from the command line: its settings from flags, its line to a model, who watches, and how an end without a report is told.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Zoned;
use serde_json::Value;

use super::exit::Exit;
use super::llm::{self, Llm};
use super::progress::Status;
use super::trace::trace_investigation;
use super::{causes, tell};
use crate::agent::{self, Agent, Case, Halt, Trajectory, Ways};
use crate::chat::{Line, LineError};
use crate::record::Watch;
use crate::seed::{Seed, digest};
use crate::tool::{self, AsOf, Desk, Event, Limits, Prepared};

/// Most calls of one investigation.
const CALLS: usize = 300;

/// An agent that is ready to go.
pub(super) struct Sender {
    name: String,
    agent: Box<dyn Agent>,
    line: Box<dyn Line>,
    /// What an interrupt sets, so that no model is asked any more.
    stop: Arc<AtomicBool>,
    /// What traces of one conversation share.
    session: Option<String>,
}

/// What an agent came back with.
pub(super) struct Back {
    /// What it did, and its report if it has one.
    pub(super) trajectory: Trajectory,
    /// Why there is no report.
    pub(super) halt: Option<Halt>,
}

impl Sender {
    /// Builds an agent; flags for language models stand over its settings. Whoever sets `stop` ends its questions to a model.
    pub(super) fn new(name: &str, mut settings: Value, llm: &Llm, stop: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let known = agent::REGISTRY.iter().any(|entry| entry.name == name);
        if known {
            llm.put_into([(name, &mut settings)], None)?;
        }
        Self::built(name, &settings, llm, stop)
    }

    /// Builds another agent at its defaults for the same conversation; flags for language models go to it only if it asks one.
    pub(super) fn another(&self, name: &str, llm: &Llm) -> anyhow::Result<Self> {
        let mut settings = serde_json::json!({});
        if llm::asks_model(name) {
            llm.put_into([(name, &mut settings)], None)?;
        }
        let built = Self::built(name, &settings, llm, Arc::clone(self.stop()))?;
        Ok(Self { session: self.session.clone(), ..built })
    }

    /// From now on all that it does belongs together.
    pub(super) fn in_session(self) -> Self {
        let now = jiff::Timestamp::now();
        let own = digest(format!("{} {}", now.as_nanosecond(), std::process::id()).as_bytes(), 8);
        Self { session: Some(format!("{}-{own}", now.strftime("%Y%m%dT%H%M%SZ"))), ..self }
    }

    fn built(name: &str, settings: &Value, llm: &Llm, stop: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let agent = agent::build(name, settings)?;
        Ok(Self { name: name.to_owned(), agent, line: llm::line(llm.in_flight(), &stop), stop, session: None })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How its model is reached, if it asks one.
    pub(super) fn ways(&self) -> Option<Ways> {
        self.agent.ways()
    }

    /// What an interrupt sets.
    pub(super) fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }

    /// Tells whom the agent will ask.
    pub(super) fn introduce(&self) {
        if let Some(whom) = self.ways().as_ref().map(whom) {
            tell(&format!("{} asks {whom}", self.name));
        }
    }

    /// Sends the agent, who sees everything before `now`, and then its trace if a collector is named.
    pub(super) fn send(&self, prepared: &Prepared, now: Zoned, case: &Case<'_>, status: &Status<'_>, seen_by: &dyn Fn(Event<'_>)) -> Back {
        let watch = Watch::start();
        let seen = AsOf::new(prepared, now);
        let opened = watch.seconds();
        let desk = Desk::new(&seen, tool::REGISTRY, Limits { calls: CALLS }, Seed::derive(["harness investigate"]));
        let mut desk = desk.with_line(self.line.as_ref(), 0).watched(seen_by).stopped_by(&self.stop);
        let (trajectory, result) = agent::investigate(self.agent.as_ref(), case, &mut desk);
        let clock = watch.stop().with_steps(opened, desk.stamps());
        status.say("sending the trace".to_owned());
        let base_url = self.ways().map(|ways| ways.endpoint.base_url);
        let traced = trace_investigation(&self.name, base_url.as_deref(), self.session.as_deref(), case, &trajectory, &clock);
        if let Err(error) = traced {
            status.tell(&causes(&error));
        }
        Back { trajectory, halt: result.err() }
    }
}

/// The model, where it is and where its key is from; never the key.
fn whom(ways: &Ways) -> String {
    if ways.endpoint.base_url.is_empty() {
        return ways.model.clone();
    }
    let key = ways.endpoint.api_key_env.as_ref().map_or_else(|| "no key".to_owned(), |name| format!("key from {name}"));
    format!("{} at {} ({key})", ways.model, ways.endpoint.base_url)
}

/// What a model is doing, as a line of progress.
pub(super) fn follow<'a>(status: &'a Status<'a>) -> impl Fn(Event<'_>) + 'a {
    let count = Mutex::new((0_usize, 0_usize));
    move |event| {
        let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Asking(request) => {
                count.0 += 1;
                status.say(format!("asking {}, answer {} after {} calls", request.model, count.0, count.1));
            }
            Event::Called(call) => {
                count.1 += 1;
                status.say(format!("looking: {}, call {}", call.tool, count.1));
            }
            Event::Answered(_) => {}
        }
    }
}

/// How the program ends when an agent had no report.
pub(super) const fn exit_of(halt: &Halt) -> Exit {
    match halt {
        Halt::Budget | Halt::Deadline => Exit::Budget,
        Halt::Cancelled | Halt::Line(LineError::Cancelled) => Exit::Interrupted,
        Halt::Line(_) | Halt::Failed { .. } => Exit::Infra,
        Halt::Refused { .. } | Halt::Truncated | Halt::StuckLoop | Halt::InvalidOutput { .. } => Exit::Failed,
    }
}

/// One line on why there is no report.
pub(super) fn no_report(name: &str, halt: &Halt) -> String {
    let why = halt.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    format!("no report from `{name}`: {why}")
}
