//! `questions:` as written.

use serde::{Deserialize, Serialize};

use crate::yaml::Spanned;

/// How much a question tells of what is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Names metric and day.
    Clear,
    /// Names neither.
    Vague,
    /// Suggests a cause that is not one.
    Misleading,
}

/// One item of `questions:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuestionSpec {
    /// Unique in the file.
    pub id: Spanned<String>,
    /// How much it tells.
    pub kind: QuestionKind,
    /// The question.
    pub text: Spanned<String>,
    /// Whether it names the true scope or change in words that cannot be compared; absent: found from the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leading: Option<bool>,
}
