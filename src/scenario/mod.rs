//! Scenarios: what a file says (`spec`), what it means (`check`, `case`), and where files come from (`load`). A `variant` is another scenario with words put into
//! some of its tickets.
//!
//! A scenario names a desk, its calendar and what goes wrong; it holds no drawn number. `synth` turns it and a seed into an incident.

pub mod case;
mod check;
pub mod dimension;
mod load;
pub mod spec;
pub mod value;
pub mod variant;

use crate::name::ScenarioId;
use crate::seed::digest;
use crate::time::{Span, Step};
use crate::yaml::{self, YamlError};

pub use load::{LoadError, load_folder, locate};
pub use variant::{Injected, Variant};

/// What people ask about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Unique in the file.
    pub id: String,
    /// How much it tells.
    pub kind: spec::QuestionKind,
    /// Its words.
    pub text: String,
    /// Whether it names the true scope or change: such a question stays out of headlines.
    pub leading: bool,
}

/// The family of a file: the first folder of its path, empty where there is none.
#[must_use]
pub fn family(file: &str) -> &str {
    file.split_once('/').map_or("", |(top, _)| top)
}

/// A scenario file that was read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its `id:`.
    pub id: ScenarioId,
    /// One line for people.
    pub title: String,
    /// Path below the folder that was loaded, with `/`; directly in it, that folder's name and its own.
    pub file: String,
    /// What it means.
    pub case: case::Case,
    /// What people ask about it.
    pub questions: Vec<Question>,
    /// What makes it a variant of another scenario, if it is one.
    pub variant: Option<Variant>,
    digest: String,
}

impl Scenario {
    /// Reads and checks the text of a file; `name` is how errors name it, `file` its path below the folder loaded.
    ///
    /// # Errors
    /// Everything that is wrong with the text, each with its place; only the first thing if it is not the right kind of YAML.
    pub fn parse(text: &str, name: &str, file: &str) -> Result<Self, Vec<YamlError>> {
        let spec: spec::Spec = yaml::parse(text, name).map_err(|error| vec![error])?;
        let (case, questions) = check::check(&spec, text, name)?;
        // Dimensions and tags carry what the built-in desk adds, so that a change to it shows in the digest.
        let mut content = serde_json::to_vec(&(&spec, &case.dimensions, &case.tags)).expect("a specification is plain data");
        if let Some(activity) = &case.activity {
            content.extend(serde_json::to_vec(&activity.dimensions).expect("dimensions are plain data"));
        }
        Ok(Self {
            id: spec.id.value,
            title: spec.title,
            file: file.to_owned(),
            case,
            questions,
            variant: None,
            digest: digest(&content, 12),
        })
    }

    /// The id from which all that is drawn derives: its own, or that of the base of a variant.
    #[must_use]
    pub fn stream(&self) -> &ScenarioId {
        self.variant.as_ref().map_or(&self.id, |variant| &variant.of)
    }

    /// The folder it lies in; empty where there is none.
    #[must_use]
    pub fn family(&self) -> &str {
        family(&self.file)
    }

    /// Whether the file declares a fault: its stratum.
    #[must_use]
    pub fn faulted(&self) -> bool {
        !self.case.faults.is_empty()
    }

    /// Width of a bucket.
    #[must_use]
    pub fn step(&self) -> Step {
        self.case.days.grid.step()
    }

    /// A page later than this after the start of an effect is late.
    #[must_use]
    pub const fn deadline(&self) -> Span {
        self.case.deadline
    }

    /// Twelve hexadecimal digits over what the file says; comments and layout do not count.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
