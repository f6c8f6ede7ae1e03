//! Chat completions as they go over the wire: requests as every server takes them, answers with every field optional.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::chat::secret::Secrets;
use crate::chat::{Choice, Completion, Message, Request, Source, ToolCall, Usage};

/// An answer, and whether a script made it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Heard {
    pub(super) completion: Completion,
    pub(super) source: Source,
}

/// What answers of `harness mock-llm` are known by, through proxies too.
const SCRIPTED: &str = "scripted";

/// The body of a request.
pub(super) fn body(request: &Request, stream: bool, renamed: bool) -> Value {
    let mut body = json!({
        "model": request.model,
        "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
        "stream": stream,
    });
    // Models that reason know the limit by its newer name alone, most other servers by the older one.
    body[if renamed { "max_completion_tokens" } else { "max_tokens" }] = request.max_tokens.into();
    if stream {
        body["stream_options"] = json!({"include_usage": true});
    }
    if let Some(temperature) = request.temperature {
        body["temperature"] = temperature.into();
    }
    if let Some(seed) = request.seed {
        body["seed"] = (seed + u64::from(request.epoch)).into();
    }
    if request.tools.is_empty() {
        return body;
    }
    let tool = |offer: &crate::chat::Offer| {
        let mut function = json!({"name": offer.name, "description": offer.about, "parameters": offer.schema});
        if offer.strict {
            function["strict"] = true.into();
        }
        json!({"type": "function", "function": function})
    };
    body["tools"] = request.tools.iter().map(tool).collect();
    body["tool_choice"] = match &request.choice {
        Choice::Auto => "auto".into(),
        Choice::Forced(name) => json!({"type": "function", "function": {"name": name}}),
    };
    if let Some(parallel) = request.parallel_tool_calls {
        body["parallel_tool_calls"] = parallel.into();
    }
    body
}

fn message(message: &Message) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        // An empty text and not null: some servers answer null with 500.
        Message::Assistant { text, calls } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls } => {
            let call = |call: &ToolCall| {
                let function = json!({"name": speakable(&call.name), "arguments": readable(&call.arguments)});
                json!({"id": call.id, "type": "function", "function": function})
            };
            json!({"role": "assistant", "content": text, "tool_calls": calls.iter().map(call).collect::<Vec<_>>()})
        }
        Message::Tool { id, text } => json!({"role": "tool", "tool_call_id": id, "content": text}),
    }
}

/// A name that a model made up as providers accept it in a history: 1 to 64 letters, digits, `_` and `-`.
fn speakable(name: &str) -> String {
    let name: String = name.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

/// Arguments as they go back to the provider: some read the JSON of a history and fail where it is none.
fn readable(arguments: &str) -> String {
    match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(_)) => arguments.to_owned(),
        _ if arguments.trim().is_empty() => "{}".to_owned(),
        _ => json!({"no_json": arguments}).to_string(),
    }
}

/// Reads a whole answer.
pub(super) fn read(answer: &Value, request: &Request) -> Result<Heard, String> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        return Err(format!("an error in a successful answer: {}", said(&error.to_string())));
    }
    let Some(choice) = answer["choices"].as_array().and_then(|choices| choices.first()) else {
        return Err(format!("an answer without `choices`: {}", said(&answer.to_string())));
    };
    let said = &choice["message"];
    let mut calls: Vec<ToolCall> = said["tool_calls"].as_array().into_iter().flatten().filter_map(call).collect();
    if calls.is_empty() {
        calls.extend(call(&json!({"function": said["function_call"]})));
    }
    Ok(Heard {
        completion: Completion {
            text: text(&said["content"]),
            refusal: text(&said["refusal"]),
            calls: numbered(calls, request),
            finish: choice["finish_reason"].as_str().map(str::to_owned),
            usage: usage(&answer["usage"]),
            model: answer["model"].as_str().map(str::to_owned),
        },
        source: source(answer),
    })
}

fn source(answer: &Value) -> Source {
    if answer["system_fingerprint"] == SCRIPTED { Source::Scripted } else { Source::Model }
}

fn call(call: &Value) -> Option<ToolCall> {
    let function = &call["function"];
    let id = call["id"].as_str().unwrap_or_default().to_owned();
    Some(ToolCall { id, name: function["name"].as_str()?.to_owned(), arguments: quoted(&function["arguments"]) })
}

/// Arguments as text; some servers send what they should have quoted.
fn quoted(arguments: &Value) -> String {
    match arguments {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Ids for calls without one, and for those that share one: none of the conversation has it.
fn numbered(mut calls: Vec<ToolCall>, request: &Request) -> Vec<ToolCall> {
    for at in 0..calls.len() {
        let (before, rest) = calls.split_at_mut(at);
        let call = &mut rest[0];
        if call.id.is_empty() || before.iter().any(|other| other.id == call.id) {
            call.id = format!("call-{}-{at}", request.messages.len());
        }
    }
    calls
}

/// A text, or the texts of a list of parts.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            (!texts.is_empty()).then(|| texts.concat())
        }
        _ => None,
    }
}

/// Tokens; a prompt of none is a proxy that made the numbers up.
fn usage(usage: &Value) -> Option<Usage> {
    let prompt = usage["prompt_tokens"].as_u64().filter(|&tokens| tokens > 0)?;
    let completion = usage["completion_tokens"].as_u64()?;
    Some(Usage { prompt, completion, cached: usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0) })
}

/// A streamed answer, piece by piece.
#[derive(Default)]
pub(super) struct Pieces {
    text: Option<String>,
    refusal: Option<String>,
    /// By index, and within it by the order of ids: some servers number every call 0.
    calls: BTreeMap<(u64, usize), ToolCall>,
    finish: Option<String>,
    usage: Option<Usage>,
    model: Option<String>,
    scripted: bool,
    any: bool,
}

impl Pieces {
    pub(super) fn is_empty(&self) -> bool {
        !self.any
    }

    /// Whether the answer said how it ends.
    pub(super) fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// Adds a chunk. Names and ids are taken once, some servers repeat them; arguments are joined.
    pub(super) fn add(&mut self, chunk: &Value) -> Result<(), String> {
        self.any = true;
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            return Err(format!("the stream broke off with an error: {}", said(&error.to_string())));
        }
        self.scripted |= source(chunk) == Source::Scripted;
        self.usage = usage(&chunk["usage"]).or(self.usage);
        if let Some(model) = chunk["model"].as_str() {
            self.model = Some(model.to_owned());
        }
        let Some(choice) = chunk["choices"].as_array().and_then(|choices| choices.first()) else { return Ok(()) };
        if let Some(finish) = choice["finish_reason"].as_str() {
            self.finish = Some(finish.to_owned());
        }
        let delta = &choice["delta"];
        for (field, piece) in [(&mut self.text, &delta["content"]), (&mut self.refusal, &delta["refusal"])] {
            if let Some(piece) = text(piece) {
                field.get_or_insert_default().push_str(&piece);
            }
        }
        for (at, piece) in delta["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let index = piece["index"].as_u64().unwrap_or(at as u64);
            let id = piece["id"].as_str().unwrap_or_default();
            let (before, last) =
                self.calls.range((index, 0)..=(index, usize::MAX)).next_back().map_or((0, ""), |(key, call)| (key.1, &call.id));
            let number = if id.is_empty() || last.is_empty() || id == last { before } else { before + 1 };
            let call = self.calls.entry((index, number)).or_insert_with(|| ToolCall {
                id: String::new(),
                name: String::new(),
                arguments: String::new(),
            });
            for (field, said) in [(&mut call.id, &piece["id"]), (&mut call.name, &piece["function"]["name"])] {
                if field.is_empty() {
                    field.push_str(said.as_str().unwrap_or_default());
                }
            }
            call.arguments.push_str(&quoted(&piece["function"]["arguments"]));
        }
        Ok(())
    }

    pub(super) fn whole(self, request: &Request) -> Heard {
        let calls = self.calls.into_values().filter(|call| !call.name.is_empty()).collect();
        Heard {
            completion: Completion {
                text: self.text,
                refusal: self.refusal,
                calls: numbered(calls, request),
                finish: self.finish,
                usage: self.usage,
                model: self.model,
            },
            source: if self.scripted { Source::Scripted } else { Source::Model },
        }
    }
}

/// An answer without secrets.
pub(super) fn clean(heard: Heard, secrets: &Secrets) -> (Completion, Source) {
    let Heard { completion, source } = heard;
    let clean = |text: String| secrets.clean(&text);
    let call = |call: ToolCall| ToolCall { id: clean(call.id), name: clean(call.name), arguments: clean(call.arguments) };
    let completion = Completion {
        text: completion.text.map(clean),
        refusal: completion.refusal.map(clean),
        calls: completion.calls.into_iter().map(call).collect(),
        finish: completion.finish.map(clean),
        usage: completion.usage,
        model: completion.model.map(clean),
    };
    (completion, source)
}

/// Characters of a failure that are told.
const TOLD: usize = 400;

/// A failure as it is told. Only what has been cleaned of secrets may be cut: half a key is still one.
pub(super) fn short(text: String) -> String {
    if text.chars().count() <= TOLD { text } else { format!("{}…", text.chars().take(TOLD).collect::<String>()) }
}

/// What a body says, in one line: the message of an error object, or whatever it is.
pub(super) fn said(body: &str) -> String {
    let parsed: Option<Value> = serde_json::from_str(body).ok();
    let error = parsed.as_ref().map(|value| value.get("error").unwrap_or(value));
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = error.and_then(|error| error["message"].as_str().or(error.as_str())).map(one_line);
    let message = message.as_deref();
    // A code that is a number is the status once more.
    let code = error.and_then(|error| error["code"].as_str()).filter(|code| code.parse::<u16>().is_err());
    let code = code.filter(|code| !message.unwrap_or_default().contains(code));
    let text = match (message, code) {
        (Some(message), Some(code)) => format!("{message}, {code}"),
        (Some(message), None) => message.to_owned(),
        (None, _) => one_line(body),
    };
    match text.trim() {
        "" => "nothing said".to_owned(),
        text => text.to_owned(),
    }
}

#[cfg(test)]
mod said {
    use super::said;

    #[test]
    fn the_message_of_a_proxy_is_one_line_and_its_status_is_not_told_twice() {
        let body = r#"{"error": {"message": "no such key\n\nLiteLLM: no fallback.", "type": "auth_error", "code": "401"}}"#;
        assert_eq!(said(body), "no such key LiteLLM: no fallback.");
    }

    #[test]
    fn a_code_in_words_is_told() {
        let body = r#"{"error": {"message": "too long", "code": "context_length_exceeded"}}"#;
        assert_eq!(said(body), "too long, context_length_exceeded");
    }
}
