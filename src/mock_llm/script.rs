//! The script: what is answered, and when. `format: 1`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{MockError, check};
use crate::yaml::{self, Spanned};

/// A script.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Version of the format: 1.
    pub format: Spanned<u32>,
    /// What `/v1/models` and replies call the model.
    #[serde(default = "scripted")]
    pub model: String,
    /// Whether requests are held to what OpenAI refuses: call ids without an answer, answers without a call, forced functions that are not offered.
    #[serde(default = "yes")]
    pub strict: bool,
    /// Whether a forced function, or `required`, is refused with 400 where no rule answers.
    #[serde(default)]
    pub reject_forced: bool,
    /// Tried first, in order; the first that matches answers.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// By forced function, where no rule matches.
    #[serde(default)]
    pub forced: BTreeMap<String, Spanned<Reply>>,
    /// By number of assistant messages in the request; the last one repeats.
    #[serde(default)]
    pub turns: Vec<Spanned<Reply>>,
}

/// A condition and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// All of it must hold.
    #[serde(default)]
    pub when: When,
    /// The answer.
    pub then: Spanned<Reply>,
}

/// What a request looks like; what is left out does not matter.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct When {
    /// Number of assistant messages in the request.
    pub turn: Option<usize>,
    /// How often this very body has come, this time included.
    pub attempt: Option<u32>,
    /// Whose message is the last one.
    pub last_role: Option<Role>,
    /// A text in the last message, or in one of the tool messages at the end.
    pub contains: Option<String>,
    /// A text in a system or developer message.
    pub system_contains: Option<String>,
    /// A text in a user message.
    pub user_contains: Option<String>,
    /// A text in any tool message.
    pub tool_contains: Option<String>,
    /// The tool that the last message, or one of the tool messages at the end, answers for; with `contains` both hold for one message.
    pub tool: Option<String>,
    /// A tool that has been called anywhere in the request.
    pub called: Option<String>,
    /// A tool that the request offers.
    pub offers: Option<String>,
    /// The function that `tool_choice` forces, or `required`.
    pub forced: Option<String>,
    /// The model that is asked for.
    pub model: Option<String>,
    /// Whether a stream is asked for.
    pub stream: Option<bool>,
    /// Whether an assistant message has null content, or none.
    pub null_content: Option<bool>,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The newer name of `system`.
    Developer,
    /// Instructions.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// The answer to a call.
    Tool,
}

/// An answer, or a failure to answer. Texts may hold placeholders, save those that are sent raw.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// Answers to the same body sent again: the first, the second, …; the last one repeats. Stands alone.
    pub attempts: Vec<Spanned<Reply>>,
    /// For how many sendings of the same body it answers, before the next of `attempts`, or the rules below, take over.
    pub times: Option<u32>,
    /// Waits before anything is sent.
    pub delay: Option<Pause>,

    /// The content; without it `null`.
    pub text: Option<String>,
    /// Functions to call, in order.
    pub tool_calls: Vec<ScriptedCall>,
    /// A refusal in place of content.
    pub refusal: Option<String>,
    /// Other than `tool_calls` or `stop`.
    #[serde(deserialize_with = "given")]
    pub finish_reason: Option<Option<String>>,
    /// Other than what follows from lengths.
    #[serde(deserialize_with = "given")]
    pub usage: Option<Option<Usage>>,
    /// Fields that are left out of the body.
    pub omit: Vec<Field>,
    /// How it looks as a stream.
    pub stream: Streamed,

    /// HTTP status; from 300 on there is an error body unless `body` is given.
    pub status: Option<u16>,
    /// More headers, or others.
    pub headers: BTreeMap<String, String>,
    /// What the error body says, where it differs from what the status usually means.
    pub error: Option<ErrorBody>,
    /// Sent raw in place of JSON.
    pub body: Option<String>,
    /// Ends the connection early.
    pub close: Option<Stage>,
    /// Sends no more, until the client gives up.
    pub hang: Option<Stage>,
}

/// A function to call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedCall {
    /// The function.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Option<Value>,
    /// Its arguments as sent, valid JSON or not.
    #[serde(default)]
    pub raw_arguments: Option<String>,
    /// Its id.
    #[serde(default, deserialize_with = "call_id")]
    pub id: CallId,
}

/// The id of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CallId {
    /// Made from the request: `id` is not in the script.
    #[default]
    Made,
    /// Left out: `id: null`.
    Omitted,
    /// As given.
    Given(String),
}

/// Counted tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Of the request.
    pub prompt_tokens: u64,
    /// Of the answer.
    pub completion_tokens: u64,
    /// Of both; their sum when left out.
    #[serde(default)]
    pub total_tokens: Option<u64>,
}

/// A field that a body can be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// `id` of the completion.
    Id,
    /// `object`.
    Object,
    /// `created`.
    Created,
    /// `model`.
    Model,
    /// `usage`.
    Usage,
    /// `finish_reason` of the choice.
    FinishReason,
    /// `role` of the message.
    Role,
    /// `content` of the message.
    Content,
    /// `id` of every tool call.
    ToolCallIds,
    /// `type` of every tool call.
    ToolCallTypes,
}

/// How a reply looks as a stream of server-sent events.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Streamed {
    /// Into how many pieces a text, or the arguments of a call, is cut; 3 when left out.
    pub pieces: Option<usize>,
    /// Waits before every event but the first.
    pub chunk_delay: Option<Pause>,
    /// Repeats id and name of a call in every delta, with null role and content, as llama.cpp does.
    pub repeat_names: bool,
    /// Ends without `[DONE]`.
    pub no_done: bool,
    /// A comment line before every event, as routers send to keep a connection open.
    pub comments: bool,
    /// Half of the events, then this error as an event, then the end.
    pub error: Option<ErrorBody>,
}

/// The `error` object of a failure.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorBody {
    /// What people read.
    pub message: Option<String>,
    /// Its kind, `invalid_request_error` for example.
    pub r#type: Option<String>,
    /// A code for programs, `context_length_exceeded` for example.
    pub code: Option<String>,
    /// The parameter at fault.
    pub param: Option<String>,
}

/// How far an answer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing is sent.
    BeforeHeaders,
    /// Half of the body, or of the events of a stream.
    #[serde(alias = "mid_stream")]
    MidBody,
}

/// A waiting time: `200ms`, `2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Pause(pub Duration);

impl TryFrom<String> for Pause {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text.parse::<SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        parsed.map(Self).ok_or_else(|| format!("expected a waiting time such as `200ms` or `2s`, got `{text}`"))
    }
}

impl Script {
    /// Reads a script; `file` is how errors name it.
    ///
    /// # Errors
    /// [`MockError::Script`] with file, line and column of the first thing that is wrong.
    pub fn parse(text: &str, file: &str) -> Result<Self, MockError> {
        let script: Self = yaml::parse(text, file)?;
        check::script(&script, text, file)?;
        Ok(script)
    }

    /// Reads a script from a file.
    ///
    /// # Errors
    /// [`MockError::Read`], or [`MockError::Script`] with the place of what is wrong.
    pub fn load(file: &Path) -> Result<Self, MockError> {
        let text = std::fs::read_to_string(file).map_err(|source| MockError::Read { file: file.to_owned(), source })?;
        Self::parse(&text, &file.display().to_string())
    }
}

impl Reply {
    /// Whether it answers as a model does, and not with a failure of the transport.
    #[must_use]
    pub fn is_completion(&self) -> bool {
        self.body.is_none() && self.status.is_none_or(|status| status < 300)
    }
}

fn scripted() -> String {
    "scripted".to_owned()
}

const fn yes() -> bool {
    true
}

/// Tells a field that is `null` from one that is not there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn call_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CallId, D::Error> {
    Ok(Option::deserialize(deserializer)?.map_or(CallId::Omitted, CallId::Given))
}
