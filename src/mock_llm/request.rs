//! A chat request as a script looks at it, and what OpenAI would refuse in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::script::{ErrorBody, Role};

/// A request that can be answered.
#[derive(Debug)]
pub(super) struct ChatRequest {
    body: Value,
    calls: Vec<PastCall>,
}

/// A call that an assistant message made, and its answer.
#[derive(Debug)]
pub(super) struct PastCall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: Value,
    pub(super) reply: Option<Value>,
}

impl ChatRequest {
    /// Reads a body; strictly, it must also be what OpenAI accepts.
    pub(super) fn read(body: Value, strict: bool) -> Result<Self, ErrorBody> {
        refuse(!body["model"].is_string(), "you must provide a model parameter", "model")?;
        let messages = body["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        refuse(messages.is_empty(), "`messages` must be a list with at least one message", "messages")?;
        if strict {
            check_messages(messages)?;
            check_tools(&body)?;
        }
        let calls = past_calls(messages);
        Ok(Self { body, calls })
    }

    pub(super) fn body(&self) -> &Value {
        &self.body
    }

    pub(super) fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn last(&self) -> &Value {
        self.messages().last().unwrap_or(&Value::Null)
    }

    /// Calls of all assistant messages, in order.
    pub(super) fn calls(&self) -> &[PastCall] {
        &self.calls
    }

    /// Number of assistant messages.
    pub(super) fn turn(&self) -> usize {
        self.messages().iter().filter(|message| role(message) == Some(Role::Assistant)).count()
    }

    /// Texts of the messages of some roles, in order.
    pub(super) fn texts<'a>(&'a self, roles: &'a [Role]) -> impl DoubleEndedIterator<Item = String> + 'a {
        self.messages().iter().filter(|message| role(message).is_some_and(|role| roles.contains(&role))).map(text)
    }

    /// What was said last: the last message, or all tool messages at the end, which answer parallel calls.
    pub(super) fn said_last(&self) -> impl Iterator<Item = &Value> {
        let messages = self.messages();
        let tools = messages.iter().rev().take_while(|message| role(message) == Some(Role::Tool)).count();
        messages[messages.len().saturating_sub(tools.max(1))..].iter()
    }

    /// The tool that a message answers for.
    pub(super) fn tool_of(&self, message: &Value) -> Option<&str> {
        let id = message["tool_call_id"].as_str().filter(|_| role(message) == Some(Role::Tool))?;
        self.calls.iter().rev().find(|call| call.id == id).map(|call| call.name.as_str())
    }

    /// Names of the functions on offer.
    pub(super) fn offered(&self) -> impl Iterator<Item = &str> {
        offered(&self.body)
    }

    /// The function that must be called, or `required`.
    pub(super) fn forced(&self) -> Option<&str> {
        let choice = &self.body["tool_choice"];
        choice["function"]["name"].as_str().or_else(|| choice.as_str().filter(|word| *word == "required"))
    }

    pub(super) fn streamed(&self) -> bool {
        self.body["stream"].as_bool().unwrap_or_default()
    }
}

/// The role of a message, if it is a known one.
pub(super) fn role(message: &Value) -> Option<Role> {
    Some(match message["role"].as_str()? {
        "developer" => Role::Developer,
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return None,
    })
}

/// The text of a message, its parts put together.
pub(super) fn text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// The JSON that a message holds, or its text.
pub(super) fn json(message: &Value) -> Value {
    let text = text(message);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn offered(body: &Value) -> impl Iterator<Item = &str> {
    body["tools"].as_array().into_iter().flatten().filter_map(|tool| tool["function"]["name"].as_str())
}

fn made(message: &Value) -> &[Value] {
    message["tool_calls"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn past_calls(messages: &[Value]) -> Vec<PastCall> {
    let mut calls: Vec<PastCall> = Vec::new();
    for message in messages {
        match role(message) {
            Some(Role::Assistant) => calls.extend(made(message).iter().map(|call| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let arguments = text(&call["function"]["arguments"]);
                let arguments = serde_json::from_str(&arguments).unwrap_or(Value::String(arguments));
                PastCall { id: text(&call["id"]), name: text(&call["function"]["name"]), arguments, reply: None }
            })),
            Some(Role::Tool) => {
                let id = message["tool_call_id"].as_str().unwrap_or_default();
                if let Some(call) = calls.iter_mut().rev().find(|call| call.id == id) {
                    call.reply = Some(json(message));
                }
            }
            _ => {}
        }
    }
    calls
}

fn refuse(wrong: bool, why: impl Into<String>, param: impl Into<String>) -> Result<(), ErrorBody> {
    if !wrong {
        return Ok(());
    }
    Err(ErrorBody { message: Some(why.into()), r#type: Some("invalid_request_error".to_owned()), code: None, param: Some(param.into()) })
}

/// Every call is answered before anybody else speaks, and nothing else is answered.
fn check_messages(messages: &[Value]) -> Result<(), ErrorBody> {
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        let place = |field: &str| format!("messages.[{at}].{field}");
        let role = role(message);
        refuse(role.is_none(), format!("`{}` is not one of developer, system, user, assistant, tool", message["role"]), place("role"))?;
        if role == Some(Role::Tool) {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let why = "messages with role `tool` must be a response to a preceding message with `tool_calls`";
            refuse(!open.remove(id), format!("{why}; no open call has the id `{id}`"), place("tool_call_id"))?;
            continue;
        }
        refuse_open(&open, &place("role"))?;
        let calls = made(message);
        let content = &message["content"];
        let spoken = content.is_string() || content.is_array() || message["refusal"].is_string();
        refuse(calls.is_empty() && !spoken, "a message without `tool_calls` needs content: a text or parts", place("content"))?;
        for (number, call) in calls.iter().enumerate() {
            let place = |field: &str| place(&format!("tool_calls[{number}].{field}"));
            let id = call["id"].as_str().unwrap_or_default();
            refuse(id.is_empty() || !open.insert(id), "an id that no other call of the message has is required", place("id"))?;
            refuse(call["type"] != "function", "a tool call has the type `function`", place("type"))?;
            refuse(!is_name(&call["function"]["name"]), "expected 1 to 64 letters, digits, `_` or `-`", place("function.name"))?;
            refuse(!call["function"]["arguments"].is_string(), "arguments are a string of JSON", place("function.arguments"))?;
        }
    }
    refuse_open(&open, "messages")
}

fn refuse_open(open: &BTreeSet<&str>, param: &str) -> Result<(), ErrorBody> {
    let ids: Vec<&str> = open.iter().copied().collect();
    let why = "an assistant message with `tool_calls` must be followed by tool messages responding to each `tool_call_id`";
    refuse(!open.is_empty(), format!("{why}; these have none: {}", ids.join(", ")), param)
}

fn check_tools(body: &Value) -> Result<(), ErrorBody> {
    for (at, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        let function = &tool["function"];
        let place = |field: &str| format!("tools[{at}].{field}");
        refuse(tool["type"] != "function", "a tool has the type `function`", place("type"))?;
        refuse(!is_name(&function["name"]), "expected 1 to 64 letters, digits, `_` or `-`", place("function.name"))?;
        let parameters = &function["parameters"];
        let typed = parameters.is_null() || parameters["type"] == "object";
        refuse(!typed, "the schema of a function has the type `object`", place("function.parameters"))?;
        if function["strict"] == true {
            check_strict(parameters, "").map_err(|why| {
                let why = format!("invalid schema for function {}: {why}", function["name"]);
                refuse(true, why, place("function.parameters")).expect_err("refused")
            })?;
        }
    }
    let named = body["tool_choice"]["function"]["name"].as_str();
    if let Some(name) = named {
        let why = format!("`tool_choice` forces `{name}`, which is not among `tools`");
        refuse(!offered(body).any(|offer| offer == name), why, "tool_choice")?;
    }
    let required = body["tool_choice"] == "required";
    refuse(required && offered(body).next().is_none(), "`tool_choice` is only allowed when `tools` are specified", "tool_choice")
}

fn is_name(name: &Value) -> bool {
    let fits = |name: &str| (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    name.as_str().is_some_and(fits)
}

/// With `strict: true` every object lists all its properties as required and allows no others.
fn check_strict(schema: &Value, place: &str) -> Result<(), String> {
    let place = if place.is_empty() { "/" } else { place };
    if let Some(properties) = schema["properties"].as_object() {
        if schema["additionalProperties"] != false {
            return Err(format!("at {place}: `additionalProperties` is required to be supplied and to be false"));
        }
        let required: BTreeSet<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(optional) = properties.keys().find(|name| !required.contains(name.as_str())) {
            return Err(format!("at {place}: `required` must name every property; `{optional}` is missing"));
        }
        for (name, property) in properties {
            check_strict(property, &format!("{}/{name}", place.trim_end_matches('/')))?;
        }
    } else if schema["type"] == "object" && schema["additionalProperties"] != false {
        return Err(format!("at {place}: `additionalProperties` is required to be supplied and to be false"));
    }
    let inner = schema["anyOf"].as_array().into_iter().flatten();
    let inner = inner.chain(schema.get("items")).chain(schema["$defs"].as_object().into_iter().flat_map(|defs| defs.values()));
    inner.into_iter().try_for_each(|inner| check_strict(inner, &format!("{}/*", place.trim_end_matches('/'))))
}
