//! A variant as written: another scenario with texts put into some of its tickets, and nothing else of its own.

use serde::{Deserialize, Serialize};

use crate::name::ScenarioId;
use crate::scenario::value::Scope;
use crate::yaml::Spanned;

/// A whole file that names its base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Version of the format: 1.
    pub format: Spanned<u32>,
    /// Unique in a run, and another one than that of the base.
    pub id: Spanned<ScenarioId>,
    /// One line for people.
    pub title: String,
    /// The file of the base, relative to this one.
    pub variant_of: Spanned<String>,
    /// Which tickets say what; where several items take a ticket, the first one has it.
    pub injected: Spanned<Vec<Spanned<InjectedSpec>>>,
}

/// One item of `injected:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InjectedSpec {
    /// What the tickets say.
    pub text: TextSpec,
    /// Whether that is all they say.
    #[serde(default)]
    pub place: Place,
    /// Share of the tickets of `when` and `scope`, above 0.
    pub share: Spanned<f64>,
    /// Tickets of which time.
    #[serde(default)]
    pub when: When,
    /// Which tickets; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// Words of a ticket. `{decoy}` stands for the id that the change log shows of the first decoy deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// Subject line; absent: that of the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Spanned<String>>,
    /// Body.
    pub body: Spanned<String>,
}

/// Where the words go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// They are the body.
    #[default]
    Replace,
    /// They follow what the ticket says anyway.
    Append,
}

/// When tickets carry the words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// While a fault acts on tickets.
    #[default]
    Incident,
    /// From the first bucket to the last.
    Always,
}
