//! From a picked reply to what is sent: status, headers, body or events, and how far it gets.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::body::{End, Scripted};
use super::completion::{CREATED, Completion};
use super::failure;
use super::pick::{Form, Picked, pick};
use super::placeholder::{Unfilled, fill};
use super::request::ChatRequest;
use super::script::{ErrorBody, Reply, Script, Stage};
use super::stream;

/// Everything about an answer but the connection it goes through.
pub(super) struct Answer {
    /// Where the script says it, for logs.
    pub(super) by: String,
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) delay: Duration,
    pub(super) before_headers: End,
    pub(super) body: Scripted,
}

/// The answer to a chat request; `attempt` counts sendings of the same body, `digest` is made of it.
pub(super) fn to_chat(script: &Script, body: Value, attempt: u32, digest: &str) -> Answer {
    let request = match ChatRequest::read(body, script.strict) {
        Ok(request) => request,
        Err(error) => return failed("request refused", 400, &error),
    };
    match pick(script, &request, attempt) {
        Picked::Reply(reply, form) => {
            scripted(script, reply, &form, &request, digest).unwrap_or_else(|unfilled| of_script(&form.to_string(), &unfilled.to_string()))
        }
        Picked::ForcedRejected => {
            let why = format!("`tool_choice` of {} is not supported by this model", request.body()["tool_choice"]);
            failed("reject_forced", 400, &failure::invalid(why))
        }
        Picked::Nothing => of_script("nothing", "no rule and no turn of the script answers this request"),
    }
}

/// `/v1/models`.
pub(super) fn models(script: &Script) -> Answer {
    let model = json!({"id": script.model, "object": "model", "created": CREATED, "owned_by": "scripted"});
    json_body("models", 200, &json!({"object": "list", "data": [model]}))
}

/// One JSON body.
pub(super) fn json_body(by: &str, status: u16, body: &Value) -> Answer {
    let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]);
    let body = Scripted::whole(body.to_string(), End::Whole);
    Answer { by: by.to_owned(), status, headers, delay: Duration::ZERO, before_headers: End::Whole, body }
}

/// One error body.
pub(super) fn failed(by: &str, status: u16, error: &ErrorBody) -> Answer {
    json_body(by, status, &failure::body(status, Some(error)))
}

/// The script is at fault: sending the request again does not help, and clients that know the header do not try.
fn of_script(by: &str, why: &str) -> Answer {
    let mut answer = failed(by, 500, &failure::of_script(why));
    answer.headers.insert("x-should-retry".to_owned(), "false".to_owned());
    answer
}

fn scripted(script: &Script, reply: &Reply, form: &Form, request: &ChatRequest, digest: &str) -> Result<Answer, Unfilled> {
    let status = reply.status.unwrap_or(200);
    let (before_headers, end) = ends(reply);
    let (kind, body) = match &reply.body {
        Some(raw) => (kind_of(raw), Scripted::whole(raw.clone(), end)),
        None if !reply.is_completion() => {
            ("application/json", Scripted::whole(failure::body(status, reply.error.as_ref()).to_string(), end))
        }
        None => spoken(script, reply, request, digest, end)?,
    };
    let filled = reply.headers.iter().map(|(name, value)| Ok((name.to_ascii_lowercase(), fill(value, request)?)));
    let mut headers: BTreeMap<String, String> = filled.collect::<Result<_, _>>()?;
    headers.entry("content-type".to_owned()).or_insert_with(|| kind.to_owned());
    let delay = reply.delay.map_or(Duration::ZERO, |pause| pause.0);
    Ok(Answer { by: form.to_string(), status, headers, delay, before_headers, body })
}

/// What a model says, as one body or as a stream.
fn spoken(script: &Script, reply: &Reply, request: &ChatRequest, digest: &str, end: End) -> Result<(&'static str, Scripted), Unfilled> {
    let completion = Completion::new(reply, &script.model, request, digest)?;
    if !request.streamed() {
        return Ok(("application/json", Scripted::whole(completion.body().to_string(), end)));
    }
    let include_usage = request.body()["stream_options"]["include_usage"] == true;
    let gap = reply.stream.chunk_delay.map_or(Duration::ZERO, |pause| pause.0);
    Ok(("text/event-stream", Scripted::events(stream::events(&completion, include_usage), gap, end)))
}

/// How it ends before headers, and within the body.
fn ends(reply: &Reply) -> (End, End) {
    match (reply.close, reply.hang) {
        (Some(Stage::BeforeHeaders), _) => (End::Closed, End::Closed),
        (Some(Stage::MidBody), _) => (End::Whole, End::Closed),
        (None, Some(Stage::BeforeHeaders)) => (End::Hangs, End::Hangs),
        (None, Some(Stage::MidBody)) => (End::Whole, End::Hangs),
        (None, None) => (End::Whole, End::Whole),
    }
}

/// The content type that a raw body looks like.
fn kind_of(raw: &str) -> &'static str {
    match raw.trim_start().chars().next() {
        Some('{' | '[') => "application/json",
        Some('<') => "text/html",
        _ => "text/plain",
    }
}
