//! A reply as a stream of server-sent events, whole or as sloppily as servers have been seen to send it.

use serde_json::{Map, Value, json};

use super::completion::{Completion, SpokenCall};
use super::failure;
use super::script::Field;

/// Pieces of a text or of arguments unless the script says otherwise.
const PIECES: usize = 3;

/// The events of a reply, each with its empty line; `include_usage` as the request's `stream_options` say.
pub(super) fn events(completion: &Completion<'_>, include_usage: bool) -> Vec<String> {
    let chunk = |delta: Map<String, Value>, end: bool| {
        let mut choice = Map::new();
        choice.insert("index".to_owned(), json!(0));
        choice.insert("delta".to_owned(), delta.into());
        choice.insert("logprobs".to_owned(), Value::Null);
        let reason = if end { json!(completion.finish_reason) } else { Value::Null };
        completion.put(&mut choice, Field::FinishReason, "finish_reason", reason);
        let mut chunk = completion.envelope("chat.completion.chunk");
        chunk.insert("choices".to_owned(), json!([choice]));
        if include_usage {
            completion.put(&mut chunk, Field::Usage, "usage", Value::Null);
        }
        Value::from(chunk)
    };
    let mut chunks: Vec<Value> = deltas(completion).into_iter().map(|delta| chunk(delta, false)).collect();
    chunks.push(chunk(Map::new(), true));
    if include_usage && completion.has(Field::Usage) {
        let mut last = completion.envelope("chat.completion.chunk");
        last.insert("choices".to_owned(), json!([]));
        last.insert("usage".to_owned(), completion.usage());
        chunks.push(last.into());
    }
    if let Some(error) = &completion.stream.error {
        chunks.truncate((chunks.len() / 2).max(1));
        chunks.push(failure::body(500, Some(error)));
    }
    let comment = if completion.stream.comments { ": still working\n\n" } else { "" };
    let mut events: Vec<String> = chunks.iter().map(|chunk| format!("{comment}data: {chunk}\n\n")).collect();
    if !completion.stream.no_done && completion.stream.error.is_none() {
        events.push("data: [DONE]\n\n".to_owned());
    }
    events
}

/// Who speaks, what is said piece by piece, then every call: its name, and its arguments piece by piece.
fn deltas(completion: &Completion<'_>) -> Vec<Map<String, Value>> {
    let count = completion.stream.pieces.unwrap_or(PIECES);
    let mut first = Map::new();
    completion.put(&mut first, Field::Role, "role", json!("assistant"));
    let empty = if completion.text.is_some() { json!("") } else { Value::Null };
    completion.put(&mut first, Field::Content, "content", empty);
    let mut deltas = vec![first];
    let texts = [("content", &completion.text), ("refusal", &completion.refusal)];
    for (field, text) in texts.iter().filter_map(|(field, text)| text.as_deref().map(|text| (*field, text))) {
        deltas.extend(pieces(text, count).into_iter().map(|piece| Map::from_iter([(field.to_owned(), json!(piece))])));
    }
    for (at, call) in completion.calls.iter().enumerate() {
        deltas.push(call_delta(completion, at, call, "", true));
        let repeat = completion.stream.repeat_names;
        deltas.extend(pieces(&call.arguments, count).into_iter().map(|piece| call_delta(completion, at, call, piece, repeat)));
    }
    deltas
}

fn call_delta(completion: &Completion<'_>, at: usize, call: &SpokenCall, arguments: &str, named: bool) -> Map<String, Value> {
    let mut body = if named { completion.named(call) } else { Map::new() };
    body.insert("index".to_owned(), json!(at));
    let function = if named { json!({"name": call.name, "arguments": arguments}) } else { json!({"arguments": arguments}) };
    body.insert("function".to_owned(), function);
    let mut delta = Map::from_iter([("tool_calls".to_owned(), json!([body]))]);
    if completion.stream.repeat_names {
        completion.put(&mut delta, Field::Role, "role", Value::Null);
        completion.put(&mut delta, Field::Content, "content", Value::Null);
    }
    delta
}

/// A text in about equal pieces, none of them empty.
fn pieces(text: &str, count: usize) -> Vec<&str> {
    let length = text.chars().count().div_ceil(count.max(1)).max(1);
    let starts: Vec<usize> = text.char_indices().step_by(length).map(|(at, _)| at).chain([text.len()]).collect();
    starts.windows(2).map(|range| &text[range[0]..range[1]]).collect()
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_put_together_are_the_text_and_none_splits_a_character() {
        assert_eq!(pieces("Überfällig", 3), ["Über", "fäll", "ig"]);
        assert_eq!(pieces("ab", 5), ["a", "b"]);
        assert!(pieces("", 3).is_empty());
    }
}
