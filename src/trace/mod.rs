//! Traces: what a run or an investigation did, as spans for people to look at in Phoenix or any other OpenTelemetry collector.
//!
//! Spans are made from what was written (records, trajectories, timings, judgements) and never from what is running, so that a run of last
//! week is exported as one of today. Identifiers derive from the run and the job: exporting again changes nothing.
//!
//! ```text
//! trace of the run     CHAIN run ─ CHAIN one per detection
//! trace of each job    CHAIN job ─ AGENT ─┬ LLM turn ─ TOOL call       its root links to the run's span, `session.id` is the run
//!                                         └ TOOL call                  of agents that ask no model
//! ```
//!
//! A job has a trace of its own because the traces of Phoenix are what people list, compare and score, and a run has thousands of jobs.
//! Scores are annotations of the job's root. Source of the names: the OpenInference specification of semantic conventions.

mod export;
mod hide;
mod otlp;
mod run;
mod score;
mod span;
mod steps;
mod turn;

pub use export::{Collector, DEFAULT_ENDPOINT, Sent, TraceError};
pub use hide::{Hide, REDACTED};
pub use otlp::encode;
pub use run::RunTraces;
pub use score::Score;
pub use span::{Exception, Ids, Kind, Span, SpanId, TraceId, Value};
pub use steps::asked;

use crate::agent::Trajectory;
use crate::record::Clock;

/// Spans that belong together, and their scores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// Parents stand before their children.
    pub spans: Vec<Span>,
    /// Annotations of these spans.
    pub scores: Vec<Score>,
}

/// An investigation outside a run.
#[derive(Debug, Clone, Copy)]
pub struct Alone<'a> {
    /// Name of the agent.
    pub agent: &'a str,
    /// What it was asked or told.
    pub asked: &'a str,
    /// What the investigations of one conversation share; absent: a session of its own.
    pub session: Option<&'a str>,
    /// Where its model is reached, if it asks one.
    pub base_url: Option<&'a str>,
    /// What was done.
    pub trajectory: &'a Trajectory,
    /// When.
    pub clock: &'a Clock,
}

/// The spans of an investigation outside a run.
#[must_use]
pub fn of_investigation(alone: &Alone<'_>) -> Trace {
    let trajectory = serde_json::to_string(alone.trajectory).expect("a trajectory is plain data");
    let ids = Ids::new(&["investigation", alone.agent, &span::nanos(alone.clock, 0.0).to_string(), &trajectory]);
    let halted = alone.trajectory.halted.as_ref();
    let error = halted.map(|why| Exception { kind: "halted".to_owned(), message: why.clone() });
    let mut root = Span::new(&ids, "job", format!("investigate {}", alone.agent), Kind::Chain);
    (root.from, root.to) = (span::nanos(alone.clock, 0.0), span::nanos(alone.clock, alone.clock.seconds));
    root.input(alone.asked, span::TEXT);
    if let Some(report) = &alone.trajectory.report {
        root.output(&steps::verdict(report), span::TEXT);
    }
    let own = ids.trace_hex();
    root.text("session.id", alone.session.unwrap_or(&own));
    root.set("tag.tags", Value::Texts(vec![alone.agent.to_owned()]));
    root.error.clone_from(&error);
    let told = steps::Told {
        agent: alone.agent,
        asked: alone.asked,
        trajectory: Some(alone.trajectory),
        clock: alone.clock,
        error,
        base_url: alone.base_url,
        ids: &ids,
        parent: root.id,
    };
    let mut spans = vec![root];
    spans.extend(steps::spans(&told));
    Trace { spans, scores: Vec::new() }
}
