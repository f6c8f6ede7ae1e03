//! Why a call is refused: what was got, what is allowed, and the way out.

use serde::Serialize;

use super::ToolReply;
use crate::name::nearest;

/// A refused call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}{}", hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct Rejection {
    /// What was got and what is allowed.
    pub why: String,
    /// The nearest name or a call that would work.
    pub hint: Option<String>,
}

/// How many known names a refusal lists.
const LISTED: usize = 30;

impl Rejection {
    /// A refusal with no better advice.
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: None }
    }

    /// The same refusal with advice.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// An unknown name: `what` says of which kind, for example ``metric`` or ``value of `queue```.
    pub(super) fn unknown<'a>(what: &str, got: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        let more = if known.len() > LISTED { format!(", and {} more", known.len() - LISTED) } else { String::new() };
        let list = if known.is_empty() { "none".to_owned() } else { known[..known.len().min(LISTED)].join(", ") };
        Self {
            why: format!("unknown {what} `{got}` (known: {list}{more})"),
            hint: nearest(got, known.iter().copied()).map(|name| format!("did you mean `{name}`?")),
        }
    }
}

impl From<Rejection> for ToolReply {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected { why: rejection.why, hint: rejection.hint }
    }
}

/// The reply of a finished call.
pub(super) fn answer<T: Serialize>(result: Result<T, Rejection>) -> ToolReply {
    match result {
        Ok(reply) => ToolReply::Data(serde_json::to_value(reply).expect("a reply holds only strings, finite numbers and lists")),
        Err(rejection) => rejection.into(),
    }
}
