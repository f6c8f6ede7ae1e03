//! The steps of an investigation as they happen, one line each: tool, arguments, and what came of it.

use serde_json::Value;

use crate::chat;
use crate::report::paragraph::{WIDTH, cut};
use crate::tool::{Call, ToolReply};

/// Columns of the arguments.
const ARGUMENTS: usize = 56;
/// Arguments that say most, in this order and without their names; others follow with theirs.
const PLAIN: [&str; 6] = ["metric", "dimension", "date", "cohort_date", "range", "filters"];

/// A call: `  query_metric tickets 2024-04-11..2024-04-25 → 15 by_day, days 15`.
pub(super) fn call(call: &Call) -> String {
    let arguments = cut(&arguments(&call.arguments), ARGUMENTS);
    let came = match &call.reply {
        ToolReply::Data(data) => outcome(data),
        ToolReply::Rejected { why, .. } => format!("refused, {why}"),
    };
    line(&format!("{} {arguments} → {came}", call.tool))
}

/// What a model said besides its calls, or why it said nothing; nothing to tell otherwise.
pub(super) fn turn(turn: &chat::Turn) -> Option<String> {
    if let Some(why) = &turn.failed {
        return Some(line(&format!("{}: {why}", turn.model)));
    }
    let text = turn.answer.as_ref()?.text.as_ref().filter(|text| !text.trim().is_empty())?;
    Some(line(&format!("\u{201c}{text}\u{201d}")))
}

fn line(text: &str) -> String {
    format!("  {}\n", cut(text, WIDTH - 2))
}

/// What is asked for; what is not given is left out.
fn arguments(arguments: &Value) -> String {
    let Some(fields) = arguments.as_object() else { return arguments.to_string() };
    let given = |name: &&str| fields.get(*name).filter(|value| !is_empty(value));
    let plain = PLAIN.iter().filter_map(|name| given(name).map(short));
    let others = fields.iter().filter(|(name, value)| !PLAIN.contains(&name.as_str()) && !is_empty(value));
    plain.chain(others.map(|(name, value)| format!("{name}={}", short(value)))).collect::<Vec<_>>().join(" ")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(short).collect::<Vec<_>>().join(","),
        Value::Object(fields) => match (fields.get("from"), fields.get("to")) {
            (Some(from), Some(to)) if fields.len() == 2 => format!("{}..{}", short(from), short(to)),
            _ => fields.iter().map(|(name, value)| format!("{name}:{}", short(value))).collect::<Vec<_>>().join(","),
        },
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), digits),
        other => other.to_string(),
    }
}

fn digits(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { format!("{number:.3}") }
}

/// How many rows a reply has, and its numbers, as far as there are any.
fn outcome(reply: &Value) -> String {
    let Some(fields) = reply.as_object() else { return short(reply) };
    let mut parts: Vec<String> = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Array(items) if !items.is_empty() => parts.push(format!("{} {name}", items.len())),
            Value::Number(number) if number.as_f64() != Some(0.0) => parts.push(format!("{name} {}", short(value))),
            _ => {}
        }
    }
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(reply: ToolReply) -> Call {
        let arguments = json!({
            "metric": "tickets", "range": {"from": "2024-04-11", "to": "2024-04-25"}, "group_by": null, "filters": {"platform": "android"},
        });
        Call { id: "c1".to_owned(), tool: "query_metric".to_owned(), arguments, reply }
    }

    #[test]
    fn a_call_is_one_line_with_its_arguments_and_what_came_of_it() {
        let reply = ToolReply::Data(json!({"rows": [1, 2], "none": [], "total": 84, "mean": 5.6, "omitted": 0, "metric": "tickets"}));
        let expected = "  query_metric tickets 2024-04-11..2024-04-25 platform:android → mean 5.600, 2 rows, total 84\n";
        assert_eq!(call(&made(reply)), expected);
    }

    #[test]
    fn a_refused_call_says_why_on_one_line_of_the_width() {
        let reply = ToolReply::Rejected { why: "no metric\n".repeat(30), hint: None };
        let text = call(&made(reply));
        assert!(text.contains("→ refused, no metric no metric") && text.trim_end().chars().count() <= WIDTH, "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
