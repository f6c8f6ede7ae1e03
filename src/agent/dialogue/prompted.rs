//! Tool calls in text, for models and servers without tool calls: how they are asked for, and how they are read.

use std::fmt::Write;

use serde_json::Value;

use crate::chat::{Offer, ToolCall};

/// How tools are described, and how they are called, to a model that has no tool calls.
pub(in crate::agent) fn instructions(tools: &[Offer]) -> String {
    let mut text =
        "To call a tool, answer with one JSON object and nothing else:\n{\"tool\": \"<name>\", \"arguments\": {…}}\n\nTools:\n".to_owned();
    for tool in tools {
        let _ = writeln!(text, "- {}: {}\n  arguments: {}", tool.name, tool.about, tool.schema);
    }
    text
}

/// The calls in a text: objects with `tool` (or `name`) and `arguments` (or `parameters`), wherever they stand.
pub(in crate::agent) fn calls(text: &str) -> Vec<ToolCall> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let mut values = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = at + values.byte_offset();
                found.extend(call(&value, found.len()));
                rest = &rest[end..];
            }
            _ => rest = &rest[at + 1..],
        }
    }
    found
}

fn call(value: &Value, number: usize) -> Option<ToolCall> {
    let name = value.get("tool").or(value.get("name"))?.as_str()?;
    let arguments = value.get("arguments").or(value.get("parameters"))?;
    let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
    Some(ToolCall { id: format!("text-{}", number + 1), name: name.to_owned(), arguments })
}

/// The object of a report that stands bare in a text.
pub(in crate::agent) fn bare(text: &str) -> Option<Value> {
    let at = text.find('{')?;
    let value = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>().next()?.ok()?;
    value.get("verdict").is_some().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_in_prose_fences_and_tags() {
        for text in [
            r#"{"tool": "check", "arguments": {"a": {"b": 1}}}"#,
            "Let me look {first}.\n```json\n{\"tool\": \"check\", \"arguments\": {\"a\": {\"b\": 1}}}\n```",
            r#"<tool_call>{"name": "check", "arguments": "{\"a\":{\"b\":1}}"}</tool_call>"#,
        ] {
            let calls = calls(text);
            assert_eq!(calls.len(), 1, "{text}");
            assert_eq!((calls[0].name.as_str(), calls[0].arguments.as_str()), ("check", r#"{"a":{"b":1}}"#), "{text}");
        }
        assert_eq!(calls("no call { here"), []);
    }
}
