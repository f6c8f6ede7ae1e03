//! Names: identifiers validated once, and the "did you mean" every unknown name gets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A name that breaks the rules of its kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty or holds a character that identifiers do not allow.
    #[error("`{got}` is not a valid {kind}: use lower-case letters, digits, `-`, `_` and `.`, starting with a letter or digit")]
    Malformed {
        /// What the text was meant to name.
        kind: &'static str,
        /// The text.
        got: String,
    },
}

fn is_slug(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Validates a text as an identifier.
            ///
            /// # Errors
            /// [`NameError::Malformed`] when it is empty or holds other characters.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                if is_slug(&text) { Ok(Self(text)) } else { Err(NameError::Malformed { kind: $kind, got: text }) }
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

identifier!(
    /// The `id:` of a scenario file, unique in a run.
    ScenarioId, "scenario id");
identifier!(
    /// The opaque name of one incident: tells nothing of its scenario, family or seed.
    IncidentId, "incident id");

/// A configuration: the name people typed and a digest of every setting that can change an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConfigId {
    /// The label in tables, for example `lgbm`.
    pub name: String,
    /// Twelve hexadecimal digits over the settings.
    pub digest: String,
}

impl fmt::Display for ConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}

/// The known name nearest to a mistyped one, if any is near enough to suggest.
///
/// ```
/// use incident_harness::name::nearest;
/// assert_eq!(nearest("lgmb", ["arima", "lgbm"]), Some("lgbm"));
/// assert_eq!(nearest("banana", ["arima", "lgbm"]), None);
/// ```
pub fn nearest<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let got = got.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&got, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.chars().count().max(got.chars().count()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The tail of an error about an unknown name: `(known: a, b; did you mean `b`?)`.
pub fn known_names<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let list = known.join(", ");
    match nearest(got, known.iter().copied()) {
        Some(name) => format!("(known: {list}; did you mean `{name}`?)"),
        None => format!("(known: {list})"),
    }
}
