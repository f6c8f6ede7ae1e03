//! What the scripted model says: a filled reply, and the same as one JSON body.

use serde_json::{Map, Value, json};

use super::placeholder::{Unfilled, fill, fill_value};
use super::request::ChatRequest;
use super::script::{CallId, Field, Reply, ScriptedCall, Streamed, Usage};

/// Ids and stamps never change, so that the same request gets the same bytes.
pub(super) const CREATED: u64 = 1_700_000_000;
/// What tells scripted replies from those of models.
pub(super) const FINGERPRINT: &str = "scripted";

/// A reply with its placeholders filled.
#[derive(Debug)]
pub(super) struct Completion<'a> {
    pub(super) id: String,
    pub(super) model: &'a str,
    pub(super) text: Option<String>,
    pub(super) refusal: Option<String>,
    pub(super) calls: Vec<SpokenCall>,
    pub(super) finish_reason: Option<&'a str>,
    pub(super) usage: Option<Usage>,
    pub(super) omit: &'a [Field],
    pub(super) stream: &'a Streamed,
}

/// A call as it is sent.
#[derive(Debug)]
pub(super) struct SpokenCall {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl<'a> Completion<'a> {
    /// Fills a reply; `digest` of the request is what ids are made of.
    pub(super) fn new(reply: &'a Reply, model: &'a str, request: &ChatRequest, digest: &str) -> Result<Self, Unfilled> {
        let spoken = |text: &Option<String>| text.as_deref().map(|text| fill(text, request)).transpose();
        let (text, refusal) = (spoken(&reply.text)?, spoken(&reply.refusal)?);
        let calls =
            reply.tool_calls.iter().enumerate().map(|(at, call)| spoken_call(call, at, request, digest)).collect::<Result<Vec<_>, _>>()?;
        let usual = if calls.is_empty() { "stop" } else { "tool_calls" };
        let finish_reason = reply.finish_reason.as_ref().map_or(Some(usual), |given| given.as_deref());
        let usage = reply.usage.unwrap_or_else(|| Some(counted(request, text.as_deref().or(refusal.as_deref()), &calls)));
        let id = format!("chatcmpl-{digest}");
        Ok(Self { id, model, text, refusal, calls, finish_reason, usage, omit: &reply.omit, stream: &reply.stream })
    }

    pub(super) fn has(&self, field: Field) -> bool {
        !self.omit.contains(&field)
    }

    /// The body of an answer that is not streamed.
    pub(super) fn body(&self) -> Value {
        let mut message = Map::new();
        self.put(&mut message, Field::Role, "role", json!("assistant"));
        self.put(&mut message, Field::Content, "content", json!(self.text));
        message.insert("refusal".to_owned(), json!(self.refusal));
        if !self.calls.is_empty() {
            message.insert("tool_calls".to_owned(), self.calls.iter().map(|call| self.call(call)).collect());
        }
        let mut choice = Map::new();
        choice.insert("index".to_owned(), json!(0));
        choice.insert("message".to_owned(), message.into());
        choice.insert("logprobs".to_owned(), Value::Null);
        self.put(&mut choice, Field::FinishReason, "finish_reason", json!(self.finish_reason));
        let mut body = self.envelope("chat.completion");
        body.insert("choices".to_owned(), json!([choice]));
        self.put(&mut body, Field::Usage, "usage", self.usage());
        body.into()
    }

    /// What bodies and stream events have in common.
    pub(super) fn envelope(&self, object: &str) -> Map<String, Value> {
        let mut body = Map::new();
        self.put(&mut body, Field::Id, "id", json!(self.id));
        self.put(&mut body, Field::Object, "object", json!(object));
        self.put(&mut body, Field::Created, "created", json!(CREATED));
        self.put(&mut body, Field::Model, "model", json!(self.model));
        body.insert("system_fingerprint".to_owned(), json!(FINGERPRINT));
        body
    }

    pub(super) fn put(&self, body: &mut Map<String, Value>, field: Field, name: &str, value: Value) {
        if self.has(field) {
            body.insert(name.to_owned(), value);
        }
    }

    pub(super) fn usage(&self) -> Value {
        self.usage.map_or(Value::Null, |Usage { prompt_tokens, completion_tokens, total_tokens }| {
            let total = total_tokens.unwrap_or(prompt_tokens + completion_tokens);
            json!({"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total})
        })
    }

    fn call(&self, call: &SpokenCall) -> Value {
        let mut body = self.named(call);
        body.insert("function".to_owned(), json!({"name": call.name, "arguments": call.arguments}));
        body.into()
    }

    /// Id and type of a call.
    pub(super) fn named(&self, call: &SpokenCall) -> Map<String, Value> {
        let mut body = Map::new();
        if let Some(id) = &call.id {
            self.put(&mut body, Field::ToolCallIds, "id", json!(id));
        }
        self.put(&mut body, Field::ToolCallTypes, "type", json!("function"));
        body
    }
}

fn spoken_call(call: &ScriptedCall, at: usize, request: &ChatRequest, digest: &str) -> Result<SpokenCall, Unfilled> {
    let arguments = match (&call.raw_arguments, &call.arguments) {
        (Some(raw), _) => raw.clone(),
        (None, Some(arguments)) => fill_value(arguments, request)?.to_string(),
        (None, None) => "{}".to_owned(),
    };
    let id = match &call.id {
        CallId::Made => Some(format!("call_{digest}_{at}")),
        CallId::Omitted => None,
        CallId::Given(id) => Some(id.clone()),
    };
    Ok(SpokenCall { id, name: fill(&call.name, request)?, arguments })
}

/// Four characters to a token, as a rule of thumb.
fn counted(request: &ChatRequest, text: Option<&str>, calls: &[SpokenCall]) -> Usage {
    let tokens = |characters: usize| characters.div_ceil(4) as u64;
    let asked =
        ["messages", "tools"].iter().map(|field| request.body().get(*field).map_or(0, |value| value.to_string().chars().count())).sum();
    let called: usize = calls.iter().map(|call| call.name.chars().count() + call.arguments.chars().count()).sum();
    let completion_tokens = tokens(called + text.map_or(0, |text| text.chars().count()));
    Usage { prompt_tokens: tokens(asked), completion_tokens, total_tokens: None }
}
