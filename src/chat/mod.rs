//! Conversations with language models: what is said, what comes back, and the line it is said on. Knows no network and no incident.
//!
//! The words are those of chat completions, the protocol that every provider speaks. [`Line`] is the border: behind it stand a provider, a
//! recording or a script, and nobody before it can tell.

pub mod secret;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::seed::digest;

/// Where a model is reached. Transport only: it decides whether an answer comes, not which one, and is no part of any identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Up to and including `/v1`.
    pub base_url: String,
    /// The environment variable that holds the key; absent: no key is sent.
    pub api_key_env: Option<String>,
    /// Whether answers are streamed, so that silence can be told from slowness.
    pub stream: bool,
    /// Seconds until a connection stands.
    pub connect_seconds: f64,
    /// Seconds until the first byte of a streamed answer.
    pub first_byte_seconds: f64,
    /// Seconds of silence within a streamed answer.
    pub idle_seconds: f64,
    /// Seconds for one answer.
    pub total_seconds: f64,
    /// Times a request is repeated after 429, 5xx and broken connections.
    pub retries: u32,
    /// Seconds that are left for the whole request, waits and repetitions included; absent: as many as it takes.
    pub deadline_seconds: Option<f64>,
}

/// What is said where no address is known.
pub const NO_PROVIDER: &str =
    "no provider: set OPENROUTER_API_KEY, OPENAI_API_KEY or ANTHROPIC_API_KEY, or give an address with base_url (--base-url)";

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            api_key_env: None,
            stream: false,
            connect_seconds: 10.0,
            first_byte_seconds: 60.0,
            idle_seconds: 60.0,
            total_seconds: 300.0,
            retries: 6,
            deadline_seconds: None,
        }
    }
}

/// One thing said in a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Instructions.
    System(String),
    /// The person asking.
    User(String),
    /// The model.
    Assistant {
        /// Its text; empty where it only calls.
        text: String,
        /// What it calls.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
    },
    /// A tool, answering a call.
    Tool {
        /// The call's id.
        id: String,
        /// What it answers, as JSON text.
        text: String,
    },
}

/// A call as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Its id; made up where the provider sent none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as text: JSON, if the model keeps its word.
    pub arguments: String,
}

/// A tool that is offered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// What calls name it.
    pub name: String,
    /// What it does.
    pub about: String,
    /// JSON Schema of its arguments.
    pub schema: Value,
    /// Whether the provider is to hold arguments to the schema while they are written.
    pub strict: bool,
}

/// Whether the model may choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// A tool, several, or none.
    Auto,
    /// This one.
    Forced(String),
}

/// Everything that decides an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Name of the model.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Tools on offer; empty: none.
    pub tools: Vec<Offer>,
    /// Whether one of them must be called.
    pub choice: Choice,
    /// Sampling temperature; absent: the provider's default.
    pub temperature: Option<f64>,
    /// The provider's seed, where it has one.
    pub seed: Option<u64>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Whether several calls may be made at once; absent: the provider's default.
    pub parallel_tool_calls: Option<bool>,
    /// Number of the repetition: recordings of different epochs are different.
    pub epoch: u32,
}

impl Request {
    /// The content as JSON with call ids by order of appearance, so that ids made up by providers do not matter.
    #[must_use]
    pub fn canonical(&self) -> Value {
        let mut request = self.clone();
        let mut known: Vec<String> = Vec::new();
        let mut number = |id: &mut String| {
            let at = known.iter().position(|seen| seen == id).unwrap_or_else(|| {
                known.push(id.clone());
                known.len() - 1
            });
            *id = format!("t{at}");
        };
        for message in &mut request.messages {
            match message {
                Message::Assistant { calls, .. } => calls.iter_mut().for_each(|call| number(&mut call.id)),
                Message::Tool { id, .. } => number(id),
                Message::System(_) | Message::User(_) => {}
            }
        }
        serde_json::to_value(request).expect("a request is plain data")
    }

    /// What recordings are found by: the digest of [`canonical`](Self::canonical).
    #[must_use]
    pub fn key(&self) -> String {
        digest(self.canonical().to_string().as_bytes(), 16)
    }
}

/// Tokens used; a provider may say nothing, and nothing is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Of the request.
    pub prompt: u64,
    /// Of the answer.
    pub completion: u64,
    /// Of the request, read from the provider's cache.
    #[serde(default)]
    pub cached: u64,
}

/// What a model answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Completion {
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Why it declines, where the provider says so apart from the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What it calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Why it ended, in the provider's word. Never decides whether tools are called: their presence does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// Tokens used, if the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The model that answered, if the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Where an answer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// By a model.
    Model,
    /// By a script: never to be ranked.
    Scripted,
}

/// An answer, and how it was come by.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What the model says.
    pub completion: Completion,
    /// Who said it.
    pub source: Source,
    /// Whether it was read from a recording.
    pub replayed: bool,
    /// Requests that failed before this one did not.
    pub retries: u32,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The provider takes this request for a bad one; another may do.
    #[error("the provider rejects the request ({status}): {why}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// What it says.
        why: String,
    },
    /// The conversation is longer than the model can read.
    #[error("the conversation is longer than the model can read: {why}")]
    TooLong {
        /// What the provider says.
        why: String,
    },
    /// No request will be answered: no key, no right, no such model.
    #[error("{why}")]
    Blocked {
        /// What is missing, and the way out.
        why: String,
    },
    /// Retries did not help.
    #[error("{why} (after {attempts} {})", if *attempts == 1 { "attempt" } else { "attempts" })]
    Down {
        /// `connect`, `first byte`, `idle`, `total`, `429`, `5xx`, `broken` or `not chat`.
        stage: &'static str,
        /// What happened last.
        why: String,
        /// Requests made.
        attempts: u32,
    },
    /// The deadline passed while the model was at work, and nothing had failed before.
    #[error("no answer before the deadline")]
    Deadline,
    /// No recording holds this request.
    #[error("{why}")]
    NotRecorded {
        /// The nearest recording, and where it differs.
        why: String,
    },
    /// The answer holds a secret, so that it is not recorded.
    #[error("{why}")]
    Secret {
        /// Where.
        why: String,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// What stands between an agent and a model. Answers to the same request may differ; a recording's do not.
pub trait Line: Send + Sync {
    /// Waits for the answer to a request.
    ///
    /// # Errors
    /// [`LineError`] when there is none.
    fn complete(&self, to: &Endpoint, request: &Request) -> Result<Answer, LineError>;
}

/// A line that leads nowhere: for programs built without feature `llm`, and where recordings alone may answer.
pub struct Nobody;

impl Line for Nobody {
    fn complete(&self, _: &Endpoint, _: &Request) -> Result<Answer, LineError> {
        Err(LineError::Blocked { why: "no line to a model: this program was built without feature `llm`".to_owned() })
    }
}

/// One exchange as it is kept: what was new in the request, and what came back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Which conversation of the investigation; most have one.
    pub thread: String,
    /// The model asked.
    pub model: String,
    /// Digest of the prompt file.
    pub prompt: String,
    /// Messages that were not in the request before.
    pub said: Vec<Message>,
    /// Names of the tools on offer.
    pub offered: Vec<String>,
    /// Whether one had to be called.
    pub choice: Choice,
    /// Temperature, seed and limit, as sent.
    pub parameters: Value,
    /// The answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Completion>,
    /// Why none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Requests that failed first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
    /// Ids of the desk's calls that followed from the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How an investigation by a model went: sums over its turns, and what the protocol had to do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effort {
    /// Answers asked for.
    pub turns: u32,
    /// Answers whose provider did not say how many tokens they took.
    #[serde(skip_serializing_if = "is_zero")]
    pub unmeasured: u32,
    /// Requests that failed and were repeated.
    pub retries: u32,
    /// Tokens of all answers; where a provider does not say, a fourth of the characters.
    pub estimated_tokens: u64,
    /// Prompt tokens; absent if any answer did not say.
    pub prompt_tokens: Option<u64>,
    /// Completion tokens; absent if any answer did not say.
    pub completion_tokens: Option<u64>,
    /// US dollars; absent without prices or tokens.
    pub usd: Option<f64>,
    /// Calls whose arguments were no JSON.
    pub malformed: u32,
    /// Calls of tools that do not exist.
    pub unknown_tools: u32,
    /// Reports that were sent back.
    pub repairs: u32,
    /// Text where a call was due.
    pub nudges: u32,
    /// Same calls over again that were pointed out.
    pub steered: u32,
    /// Whether the report had to be forced, and how: `named`, or `prompted` where the provider rejects a named choice.
    pub forced: Option<String>,
    /// Whether the first report handed in was valid; absent if none was.
    pub valid_at_first: Option<bool>,
    /// Whether any answer came from a script.
    pub scripted: bool,
}

impl Effort {
    /// Adds a turn. A provider that says nothing of tokens once leaves the sums unknown; a request without an answer takes none.
    pub fn add(&mut self, turn: &Turn) {
        self.turns += 1;
        self.retries += turn.retries;
        let Some(answer) = &turn.answer else { return };
        self.scripted |= turn.source == Some(Source::Scripted);
        self.unmeasured += u32::from(answer.usage.is_none());
        let sum = |before: Option<u64>, more: fn(Usage) -> u64| {
            answer.usage.filter(|_| self.unmeasured == 0).map(|usage| before.unwrap_or(0) + more(usage))
        };
        self.prompt_tokens = sum(self.prompt_tokens, |usage| usage.prompt);
        self.completion_tokens = sum(self.completion_tokens, |usage| usage.completion);
    }

    /// All tokens; absent if any answer did not say.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        Some(self.prompt_tokens? + self.completion_tokens?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, epoch: u32) -> Request {
        let call = ToolCall { id: id.to_owned(), name: "check".to_owned(), arguments: "{}".to_owned() };
        Request {
            model: "m".to_owned(),
            messages: vec![
                Message::User("why".to_owned()),
                Message::Assistant { text: String::new(), calls: vec![call] },
                Message::Tool { id: id.to_owned(), text: "{}".to_owned() },
            ],
            tools: Vec::new(),
            choice: Choice::Auto,
            temperature: Some(0.0),
            seed: None,
            max_tokens: 10,
            parallel_tool_calls: None,
            epoch,
        }
    }

    #[test]
    fn ids_that_a_provider_made_up_do_not_change_the_key_and_the_epoch_does() {
        assert_eq!(request("call_a", 0).key(), request("chatcmpl-tool-7", 0).key());
        assert_ne!(request("call_a", 0).key(), request("call_a", 1).key());
    }
}
