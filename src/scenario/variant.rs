//! Variants: a scenario of which some tickets say something else.
//!
//! Only texts differ. All streams of a variant derive from the id of its base, so that tickets, activity, changes and truth are the same and
//! a difference between two investigations is the injected text alone.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Scenario;
use super::check::variant::injected;
use super::dimension::Filter;
use super::spec::{Place, VariantSpec, When};
use crate::name::ScenarioId;
use crate::seed::digest;
use crate::yaml::{self, YamlError};

/// What makes a scenario a variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// The id of its base.
    pub of: ScenarioId,
    /// Which tickets say what; the first that takes a ticket has it.
    pub injected: Vec<Injected>,
}

/// Words put into some tickets.
#[derive(Debug, Clone, PartialEq)]
pub struct Injected {
    /// Subject line; absent: that of the base.
    pub subject: Option<String>,
    /// Body, or what follows it.
    pub body: String,
    /// Whether that is all they say.
    pub place: Place,
    /// Share of the tickets of `when` and `scope`.
    pub share: f64,
    /// Tickets of which time.
    pub when: When,
    /// Which tickets.
    pub scope: Filter,
}

/// Stands for the id that the change log shows of the first decoy deployment.
pub const DECOY: &str = "{decoy}";

/// A file that names a base and has not met it yet.
#[derive(Debug)]
pub struct Unbased<'a> {
    spec: VariantSpec,
    text: &'a str,
    name: &'a str,
}

/// Whether the text of a file names a base.
#[must_use]
pub fn is_variant(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Named {
        variant_of: Option<IgnoredAny>,
    }
    // Whatever else is wrong with the file is told by whoever reads all of it.
    yaml::parse::<Named>(text, "").is_ok_and(|named| named.variant_of.is_some())
}

impl<'a> Unbased<'a> {
    /// Reads the text of a variant; `name` is how errors name it.
    ///
    /// # Errors
    /// The first thing that is wrong with the text, with its place.
    pub fn parse(text: &'a str, name: &'a str) -> Result<Self, YamlError> {
        let spec: VariantSpec = yaml::parse(text, name).map_err(|mut error| {
            if error.message.starts_with("unknown field") {
                error.message += "; a variant takes all else from its base";
            }
            error
        })?;
        Ok(Self { spec, text, name })
    }

    /// The file of the base, relative to the variant's.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.spec.variant_of.value
    }

    /// An error at the place that names the base.
    #[must_use]
    pub fn refused(&self, message: impl Into<String>) -> YamlError {
        YamlError::at(self.spec.variant_of.referenced, self.text, self.name, message)
    }

    /// The variant of its base; `file` is its path below the folder loaded.
    ///
    /// # Errors
    /// Everything that does not fit the base, each with its place.
    pub fn of(self, base: Scenario, file: &str) -> Result<Scenario, Vec<YamlError>> {
        if base.id == self.spec.id.value {
            let message = format!("`{}` is the id of the base: a variant needs one of its own", base.id);
            return Err(vec![YamlError::at(self.spec.id.referenced, self.text, self.name, message)]);
        }
        let injected = injected(&self.spec, &base.case, self.text, self.name)?;
        let content = serde_json::to_vec(&(base.digest(), &self.spec)).expect("a specification is plain data");
        Ok(Scenario {
            id: self.spec.id.value,
            title: self.spec.title,
            file: file.to_owned(),
            variant: Some(Variant { of: base.id, injected }),
            digest: digest(&content, 12),
            ..base
        })
    }
}
