//! YAML into typed values, with errors that name file, line and column, show the line, and suggest the name that was meant.
//!
//! The one file that knows the parser's error type. Semantic checks of other rooms report through [`YamlError::at`], so that a wrong
//! scope reads like a misspelt key.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_yaml::{Error, Location};

use crate::name::nearest;

/// A value and the place in the file where it stands.
pub use serde_yaml::Spanned;

/// What is wrong with a YAML file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}{snippet}")]
pub struct YamlError {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong, what was expected, and the nearest known name.
    pub message: String,
    /// The line with a marker below it.
    pub snippet: Snippet,
}

/// A line of a file with a marker below the place that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    line: u64,
    text: String,
    indent: usize,
    width: usize,
}

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.trim().is_empty() {
            return Ok(());
        }
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "\n{margin} |\n{number} | {}\n{margin} | {}{}", self.text, " ".repeat(self.indent), "^".repeat(self.width))
    }
}

impl YamlError {
    /// An error at a place of a text.
    #[must_use]
    pub fn at(location: Location, text: &str, file: &str, message: impl Into<String>) -> Self {
        let (line, column) = (location.line().max(1), location.column().max(1));
        let shown = usize::try_from(line - 1).ok().and_then(|skip| text.lines().nth(skip)).unwrap_or_default();
        let indent = usize::try_from(column - 1).unwrap_or_default();
        let rest = shown.chars().count().saturating_sub(indent);
        let width = usize::try_from(location.span().len()).unwrap_or_default().clamp(1, rest.max(1));
        let snippet = Snippet { line, text: shown.to_owned(), indent, width };
        Self { file: file.to_owned(), line, column, message: message.into(), snippet }
    }

    fn from_parser(error: &Error, text: &str, file: &str) -> Self {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        Self::at(location, text, file, message(error, location, text))
    }
}

/// Parses the one document of a text; `file_name` is how errors name it.
///
/// # Errors
/// [`YamlError`] with the place of the first thing that is wrong.
pub fn parse<T: DeserializeOwned>(text: &str, file_name: &str) -> Result<T, YamlError> {
    serde_yaml::from_str(text).map_err(|error| YamlError::from_parser(&error, text, file_name))
}

fn message(error: &Error, location: Location, text: &str) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("field", field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => unknown("name", variant, expected),
        Error::SerdeMissingField { field, .. } => format!("missing field `{field}`"),
        Error::InvalidScalar { ty, .. } => format!("expected {}, got `{}`", plain(ty), spanned_text(location, text)),
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("`{key}` is given twice"),
            None => "a key is given twice".to_owned(),
        },
        Error::Message { msg, .. } => msg.clone(),
        Error::Eof { .. } => "the file ends too early: nothing to read".to_owned(),
        Error::MultipleDocuments { .. } => "a second document starts here: one per file".to_owned(),
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => "only one name is allowed here: start a new list item with `-`".to_owned(),
        other => without_place(&other.to_string()),
    }
}

fn unknown(what: &str, got: &str, expected: &[&'static str]) -> String {
    let hint = nearest(got, expected.iter().copied()).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    format!("unknown {what} `{got}`, expected one of: {}{hint}", expected.join(", "))
}

fn plain(ty: &str) -> &str {
    match ty {
        "floating point" => "a number",
        "boolean" => "true or false",
        ty if ty.contains('i') && ty.ends_with(|c: char| c.is_ascii_digit()) => "a whole number",
        ty if ty.starts_with('u') && ty.ends_with(|c: char| c.is_ascii_digit()) => "a whole number, not negative",
        ty => ty,
    }
}

fn spanned_text(location: Location, text: &str) -> String {
    let span = location.span();
    let (start, len) = (usize::try_from(span.offset()).unwrap_or(0), usize::try_from(span.len()).unwrap_or(0));
    text.chars().skip(start).take(len).collect()
}

/// The parser ends its messages with the place, which stands in front here.
fn without_place(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |end| &message[..end]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Release {
        at: u32,
        service: String,
    }

    fn error(text: &str) -> String {
        parse::<Release>(text, "scenarios/x.yaml").expect_err("the text is wrong").to_string()
    }

    #[test]
    fn a_misspelt_key_is_shown_with_its_place_and_the_key_that_was_meant() {
        assert_eq!(
            error("at: 1\n\nservce: checkout\n"),
            "scenarios/x.yaml:3:1: unknown field `servce`, expected one of: at, service; did you mean `service`?\n  |\n3 | servce: checkout\n  | ^^^^^^"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_quoted() {
        assert_eq!(
            error("service: a\nat: soon"),
            "scenarios/x.yaml:2:5: expected a whole number, not negative, got `soon`\n  |\n2 | at: soon\n  |     ^^^^"
        );
    }

    #[test]
    fn an_empty_file_and_a_repeated_key_are_named() {
        assert!(error("").starts_with("scenarios/x.yaml:1:1: the file ends too early"), "{}", error(""));
        assert!(error("at: 1\nat: 2\n").starts_with("scenarios/x.yaml:2:1: `at` is given twice"));
    }
}
