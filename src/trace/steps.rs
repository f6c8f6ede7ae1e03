//! What an agent did: its own span, those of its turns with a model below it, and one per call of a tool.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::span::{Exception, Ids, JSON, Kind, Span, SpanId, TEXT, nanos};
use super::turn;
use crate::agent::report::{IncidentReport, Verdict};
use crate::agent::{Alert, Trajectory};
use crate::chat::{Message, ToolCall};
use crate::record::Clock;
use crate::tool::{Call, ToolReply};

/// An investigation to be told.
pub(super) struct Told<'a> {
    pub(super) agent: &'a str,
    pub(super) asked: &'a str,
    /// Absent where the agent broke before there was one.
    pub(super) trajectory: Option<&'a Trajectory>,
    pub(super) clock: &'a Clock,
    pub(super) error: Option<Exception>,
    /// Where its model is reached, if that is known.
    pub(super) base_url: Option<&'a str>,
    pub(super) ids: &'a Ids,
    pub(super) parent: SpanId,
}

/// What an agent was asked or told, in a line.
#[must_use]
pub fn asked(question: Option<&str>, alert: Option<&Alert>) -> String {
    match (question, alert) {
        (Some(question), _) => question.to_owned(),
        (None, Some(alert)) if !alert.series.is_empty() => format!("{} paged on {}", alert.series.join(", "), alert.since),
        (None, Some(alert)) => format!("look at {}", alert.since),
        (None, None) => "look".to_owned(),
    }
}

/// The verdict in a line.
pub(super) fn verdict(report: &IncidentReport) -> String {
    let word = match report.verdict {
        Verdict::Fault => "fault",
        Verdict::NoFault => "no fault",
        Verdict::Unsure => "unsure",
    };
    format!("{word}: {}", report.title)
}

/// The agent's span and those below it, in the order of the trajectory.
pub(super) fn spans(told: &Told<'_>) -> Vec<Span> {
    let mut agent = Span::new(told.ids, "agent", told.agent.to_owned(), Kind::Agent);
    agent.parent = Some(told.parent);
    (agent.from, agent.to) = (nanos(told.clock, 0.0), nanos(told.clock, told.clock.seconds));
    agent.text("agent.name", told.agent);
    agent.text("graph.node.id", told.agent);
    agent.text("graph.node.name", told.agent);
    agent.input(told.asked, TEXT);
    agent.error.clone_from(&told.error);
    let Some(trajectory) = told.trajectory else { return vec![agent] };
    if let Some(report) = &trajectory.report {
        agent.output(&serde_json::to_string(report).expect("a report is plain data"), JSON);
    }
    if let Some(effort) = &trajectory.effort {
        agent.text("metadata", json!({ "effort": effort }).to_string());
    }
    let mut threads: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    let mut turns = Vec::new();
    // Which turn a call followed from, and what the model called it.
    let mut origin: BTreeMap<&str, (SpanId, Option<&str>)> = BTreeMap::new();
    for (number, turn) in trajectory.turns.iter().enumerate() {
        let said = threads.entry(&turn.thread).or_default();
        said.extend(&turn.said);
        let span = turn::span(told, agent.id, number, turn, said);
        let mut asked: Vec<&ToolCall> = turn.answer.iter().flat_map(|answer| &answer.calls).collect();
        for id in &turn.calls {
            let made = trajectory.calls.iter().find(|call| call.id == *id);
            let found = made.and_then(|made| written(&asked, made)).map(|at| asked.remove(at).id.as_str());
            origin.insert(id, (span.id, found));
        }
        turns.push(span);
    }
    let tools = trajectory.calls.iter().enumerate().map(|(number, call)| {
        let (parent, asked_as) = origin.get(call.id.as_str()).copied().unwrap_or((agent.id, None));
        tool(told, parent, number, call, asked_as)
    });
    let tools: Vec<Span> = tools.collect();
    std::iter::once(agent).chain(turns).chain(tools).collect()
}

/// Which of a model's calls became a call of the desk, which numbers its own: the same tool with the same arguments, or a step that has them as
/// action and parameters. Of equal ones the first, as they are made in the order in which the model wrote them.
fn written(asked: &[&ToolCall], made: &Call) -> Option<usize> {
    asked.iter().position(|call| {
        let text = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
        let Ok(arguments) = serde_json::from_str::<Json>(text) else { return false };
        let as_step = arguments["action"] == made.tool.as_str() && arguments["parameters"] == made.arguments;
        (call.name == made.tool && arguments == made.arguments) || as_step
    })
}

/// Steps whose times were not kept stand at the beginning of their job.
pub(super) fn step_times(clock: &Clock, times: &[(f64, f64)], number: usize) -> (u64, u64) {
    let (from, to) = times.get(number).copied().unwrap_or_default();
    (nanos(clock, from), nanos(clock, to))
}

fn tool(told: &Told<'_>, parent: SpanId, number: usize, call: &Call, asked_as: Option<&str>) -> Span {
    let mut span = Span::new(told.ids, &format!("call {number}"), call.tool.clone(), Kind::Tool);
    span.parent = Some(parent);
    (span.from, span.to) = step_times(told.clock, &told.clock.calls, number);
    span.text("tool.name", &call.tool);
    span.text("tool.id", asked_as.unwrap_or(&call.id));
    // Evidence cites the desk's number of a call.
    span.text("metadata", json!({ "call": call.id }).to_string());
    span.input(&call.arguments.to_string(), JSON);
    match &call.reply {
        ToolReply::Data(data) => span.output(&data.to_string(), JSON),
        ToolReply::Rejected { why, hint } => {
            span.output(&json!(call.reply).to_string(), JSON);
            let message = hint.as_ref().map_or_else(|| why.clone(), |hint| format!("{why}; {hint}"));
            span.error = Some(Exception { kind: "rejected".to_owned(), message });
        }
    }
    span
}
