//! What an agent did: its own span, one per turn with a model and one per call of a tool.

use std::collections::BTreeMap;

use serde_json::json;

use super::span::{Exception, Ids, JSON, Kind, Span, SpanId, TEXT, Value, nanos};
use crate::agent::report::{IncidentReport, Verdict};
use crate::agent::{Alert, Trajectory};
use crate::chat::{Message, ToolCall, Turn};
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
        let span = llm(told, agent.id, number, turn, said);
        let mut asked: Vec<&ToolCall> = turn.answer.iter().flat_map(|answer| &answer.calls).collect();
        for id in &turn.calls {
            let tool = trajectory.calls.iter().find(|call| call.id == *id).map(|call| call.tool.as_str());
            // The desk numbers its calls itself; in a turn they stand in the order in which the model wrote them.
            let found = asked.iter().position(|call| Some(call.name.as_str()) == tool).map(|at| asked.remove(at).id.as_str());
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

/// Steps whose times were not kept stand at the beginning of their job.
fn step_times(clock: &Clock, times: &[(f64, f64)], number: usize) -> (u64, u64) {
    let (from, to) = times.get(number).copied().unwrap_or_default();
    (nanos(clock, from), nanos(clock, to))
}

fn llm(told: &Told<'_>, parent: SpanId, number: usize, turn: &Turn, said: &[&Message]) -> Span {
    let mut span = Span::new(told.ids, &format!("turn {number}"), format!("{} turn {}", turn.thread, number + 1), Kind::Llm);
    span.parent = Some(parent);
    (span.from, span.to) = step_times(told.clock, &told.clock.turns, number);
    let answered = turn.answer.as_ref().and_then(|answer| answer.model.as_deref());
    // The protocol that is spoken: chat completions, whoever serves them.
    span.text("llm.system", "openai");
    span.text("llm.model_name", answered.unwrap_or(&turn.model));
    span.text("llm.request.model_name", &turn.model);
    span.text("llm.invocation_parameters", with_choice(turn).to_string());
    span.text("llm.prompt_template.version", &turn.prompt);
    // The record has the names of tools, not their schemas.
    for (at, name) in turn.offered.iter().enumerate() {
        let schema = json!({ "type": "function", "function": { "name": name } });
        span.text(format!("llm.tools.{at}.tool.json_schema"), schema.to_string());
    }
    for (at, message) in said.iter().enumerate() {
        tell(&mut span, &format!("llm.input_messages.{at}.message"), message);
    }
    span.input(said.last().map_or("", |message| content(message)), TEXT);
    if let Some(answer) = &turn.answer {
        let text = answer.text.clone().or_else(|| answer.refusal.clone()).unwrap_or_default();
        if text.is_empty() {
            span.output(&json!(answer.calls).to_string(), JSON);
        } else {
            span.output(&text, TEXT);
        }
        tell(&mut span, "llm.output_messages.0.message", &Message::Assistant { text, calls: answer.calls.clone() });
        for (name, value) in [("llm.response.model_name", &answer.model), ("llm.finish_reason", &answer.finish)] {
            if let Some(value) = value {
                span.text(name, value);
            }
        }
        if let Some(usage) = &answer.usage {
            let mut count = |name: &str, tokens: u64| {
                span.set(format!("llm.token_count.{name}"), Value::Count(i64::try_from(tokens).unwrap_or(i64::MAX)));
            };
            count("prompt", usage.prompt);
            count("completion", usage.completion);
            count("total", usage.prompt + usage.completion);
            count("prompt_details.cache_read", usage.cached);
        }
    }
    span.text("metadata", json!({ "thread": turn.thread, "source": turn.source, "retries": turn.retries }).to_string());
    span.error = turn.failed.as_ref().map(|why| Exception { kind: "no answer".to_owned(), message: why.clone() });
    span
}

fn with_choice(turn: &Turn) -> serde_json::Value {
    let mut parameters = turn.parameters.clone();
    if let Some(fields) = parameters.as_object_mut() {
        fields.insert("tool_choice".to_owned(), json!(turn.choice));
    }
    parameters
}

fn content(message: &Message) -> &str {
    match message {
        Message::System(text) | Message::User(text) | Message::Assistant { text, .. } | Message::Tool { text, .. } => text,
    }
}

fn tell(span: &mut Span, at: &str, message: &Message) {
    let role = match message {
        Message::System(_) => "system",
        Message::User(_) => "user",
        Message::Assistant { .. } => "assistant",
        Message::Tool { .. } => "tool",
    };
    span.text(format!("{at}.role"), role);
    if !content(message).is_empty() {
        span.text(format!("{at}.content"), content(message));
    }
    match message {
        Message::Assistant { calls, .. } => {
            for (number, call) in calls.iter().enumerate() {
                let at = format!("{at}.tool_calls.{number}.tool_call");
                span.text(format!("{at}.id"), &call.id);
                span.text(format!("{at}.function.name"), &call.name);
                span.text(format!("{at}.function.arguments"), &call.arguments);
            }
        }
        Message::Tool { id, .. } => span.text(format!("{at}.tool_call_id"), id),
        Message::System(_) | Message::User(_) => {}
    }
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
