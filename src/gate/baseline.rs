//! Baselines: the counts of an earlier run, kept beside the suite, that later runs are held against.
//!
//! Counts per file and not just numbers, so that a drop has an interval and the files behind it have names.

use serde::{Deserialize, Serialize};

use crate::name::ConfigId;
use crate::score::Section;
use crate::score::sample::Files;
use crate::score::scorecard::{Basis, FORMAT, ModelRow, Role, Scorecard};

/// A baseline that cannot be read, or a run that cannot be held against it.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Not JSON, or not of this shape.
    #[error("baseline: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("baseline: format {got}, this version reads {FORMAT}: bless it again")]
    Format {
        /// The format of the file.
        got: u32,
    },
}

/// What is kept of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRow {
    /// The model; in the cause section the agent.
    pub config: ConfigId,
    /// The agent sent to the model's pages; end to end only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<ConfigId>,
    /// The kind of trigger; absent: all, and outside the cause section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// What it stands for.
    pub role: Role,
    /// Its counts per file.
    pub files: Files,
}

/// A scorecard without what can be computed from its counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of the shape.
    pub format: u32,
    /// Version of the harness that made it.
    pub version: String,
    /// What a run must share to be held against it.
    pub basis: Basis,
    /// One row per model.
    pub models: Vec<BaselineRow>,
    /// One row per agent and kind of trigger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<BaselineRow>,
    /// One row per model and agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_to_end: Vec<BaselineRow>,
    /// One row per agent sent to variants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub injections: Vec<BaselineRow>,
}

impl From<&Scorecard> for Baseline {
    fn from(card: &Scorecard) -> Self {
        let row = |row: &ModelRow| BaselineRow {
            config: row.config.clone(),
            agent: row.agent.clone(),
            trigger: row.trigger.clone(),
            role: row.role,
            files: row.files.clone(),
        };
        let rows = |section: Section| card.rows(section).iter().map(row).collect();
        Self {
            format: FORMAT,
            version: card.version.clone(),
            basis: card.basis.clone(),
            models: rows(Section::Detection),
            causes: rows(Section::Cause),
            end_to_end: rows(Section::EndToEnd),
            injections: rows(Section::Injection),
        }
    }
}

impl Baseline {
    /// Reads what [`Baseline::to_json`] wrote.
    ///
    /// # Errors
    /// [`BaselineError`] when it is not a baseline of this format.
    pub fn from_json(text: &str) -> Result<Self, BaselineError> {
        let baseline: Self = serde_json::from_str(text)?;
        if baseline.format == FORMAT { Ok(baseline) } else { Err(BaselineError::Format { got: baseline.format }) }
    }

    /// The baseline as JSON, with a final line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("maps have text keys and numbers are finite") + "\n"
    }

    /// The row of the same model, agent and trigger: the same configurations, or else the only ones of those names, whose settings have
    /// changed since.
    #[must_use]
    pub fn row(&self, section: Section, like: &ModelRow) -> Option<&BaselineRow> {
        let rows = match section {
            Section::Detection => &self.models,
            Section::Cause => &self.causes,
            Section::EndToEnd => &self.end_to_end,
            Section::Injection => &self.injections,
        };
        let same = rows.iter().find(|row| row.config == like.config && row.agent == like.agent && row.trigger == like.trigger);
        same.or_else(|| {
            let name = |agent: &Option<ConfigId>| agent.as_ref().map(|agent| agent.name.clone());
            let mut named = rows
                .iter()
                .filter(|row| row.config.name == like.config.name && name(&row.agent) == name(&like.agent) && row.trigger == like.trigger);
            named.next().filter(|_| named.next().is_none())
        })
    }
}

/// What differs between two runs so that their numbers cannot be compared; nothing when they can.
#[must_use]
pub fn differences(before: &Basis, after: &Basis) -> Vec<String> {
    let mut found: Vec<String> =
        [("suite", &before.suite, &after.suite), ("protocol", &before.protocol, &after.protocol), ("seeds", &before.seeds, &after.seeds)]
            .iter()
            .filter(|(_, before, after)| before != after)
            .map(|(what, before, after)| format!("{what} `{after}`, the baseline has `{before}`"))
            .collect();
    let mut files = |what: &str, ids: Vec<&String>| {
        if let Some((first, rest)) = ids.split_first() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            found.push(format!("{what}: {first}{more}"));
        }
    };
    files("new files", after.files.keys().filter(|id| !before.files.contains_key(*id)).collect());
    files("files gone", before.files.keys().filter(|id| !after.files.contains_key(*id)).collect());
    let changed = |(id, digest): &(&String, &String)| before.files.get(*id).is_some_and(|old| old != *digest);
    files("files changed", after.files.iter().filter(changed).map(|(id, _)| id).collect());
    // New variants, and some that are gone, leave every other number where it was.
    let other = |id: &String| before.variants.get(id).is_some_and(|old| old.digest != after.variants[id].digest);
    files("variants changed", after.variants.keys().filter(|id| other(id)).collect());
    found
}
