//! The scorecard: every number of a run with its interval, and the counts per file behind it.
//!
//! Reports and the gate read this and nothing else. Maps are sorted and sums do not depend on order, so equal runs give equal bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::sample::{Estimate, FileCounts, Files, estimates};
use super::skill::skill;
use super::{Metric, Section};
pub use crate::detect::Role;
use crate::measured::{Measured, Why};
use crate::name::ConfigId;
use crate::stats::bootstrap::Interval;

/// The version of the file's shape.
pub const FORMAT: u32 = 1;

/// What two runs must share to be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// The suite, or the folder that was run.
    pub suite: String,
    /// Digest of every setting of the protocol.
    pub protocol: String,
    /// The seeds, for example `gate/0..3`.
    pub seeds: String,
    /// File id → digest of its content; variants stand apart.
    pub files: BTreeMap<String, String>,
    /// File id of each variant → what it is a variant of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, VariantBasis>,
}

/// A variant with injected texts, which counts for the section of injections alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantBasis {
    /// Digest of its content, that of its base included.
    pub digest: String,
    /// The id of its base.
    pub base: String,
    /// Whether that is part of the run: without it there is nothing to compare with.
    pub base_in_run: bool,
}

/// What one model's jobs added up to; in the cause section an agent's.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCounts {
    /// The model; in the cause section the agent.
    pub config: ConfigId,
    /// The agent sent to the model's pages; end to end only.
    pub agent: Option<ConfigId>,
    /// The kind of trigger; absent: all, and outside the cause section.
    pub trigger: Option<String>,
    /// What it stands for.
    pub role: Role,
    /// Per file; failed and rejected jobs are counted there.
    pub files: Files,
}

/// One number of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The number, or why there is none.
    pub value: Measured,
    /// Its 95 % interval; none below 20 files.
    pub interval: Option<Interval>,
    /// The interval rests on fewer than 40 files.
    pub flagged: bool,
    /// Files it rests on.
    pub files: usize,
}

/// One row of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
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
    /// Over all files.
    pub total: Counts,
    /// By name, one per metric of the section.
    pub metrics: BTreeMap<String, Cell>,
    /// The headline if the failed jobs had found nothing, and if they had found everything; none without failures.
    pub bracket: Option<Interval>,
    /// By the headline, the way gone from the best floor to perfection; none for floors and the oracle, and without a floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<f64>,
    /// Per file.
    pub files: Files,
}

impl ModelRow {
    /// A number of this row.
    #[must_use]
    pub fn metric(&self, name: &str) -> Measured {
        self.metrics.get(name).map_or(Measured::Missing(Why::NotApplicable), |cell| cell.value)
    }

    /// What tables call it: `lgbm`, or `lgbm + segment-scan` end to end.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.config, self.agent.as_ref())
    }
}

/// A model, or a model and an agent.
#[must_use]
pub fn label(config: &ConfigId, agent: Option<&ConfigId>) -> String {
    agent.map_or_else(|| config.name.clone(), |agent| format!("{} + {}", config.name, agent.name))
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorecard {
    /// Version of the shape.
    pub format: u32,
    /// Version of the harness.
    pub version: String,
    /// What another run must share to be compared with this one.
    pub basis: Basis,
    /// One row per model, by role and name.
    pub models: Vec<ModelRow>,
    /// One row per agent and kind of trigger, and one per agent over all its triggers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<ModelRow>,
    /// One row per model and agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_to_end: Vec<ModelRow>,
    /// One row per agent sent to variants with injected texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub injections: Vec<ModelRow>,
}

/// A scorecard that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScorecardError {
    /// Not JSON, or not of this shape.
    #[error("scorecard: {0}")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("scorecard: format {got}, this version reads {FORMAT}: score the run again")]
    Format {
        /// The format of the file.
        got: u32,
    },
}

impl Scorecard {
    /// Computes every number and interval.
    #[must_use]
    pub fn from_counts(basis: Basis, models: Vec<ModelCounts>) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, basis, models: Vec::new(), causes: Vec::new(), end_to_end: Vec::new(), injections: Vec::new() }
            .with(Section::Detection, models)
    }

    /// The same with the rows of a section computed from counts.
    #[must_use]
    pub fn with(mut self, section: Section, counts: Vec<ModelCounts>) -> Self {
        let mut rows: Vec<ModelRow> = counts.into_iter().map(|counts| row(section, counts)).collect();
        rows.sort_by(|a, b| (a.role, &a.config, &a.agent, &a.trigger).cmp(&(b.role, &b.config, &b.agent, &b.trigger)));
        // A drop is held against the base and not against floors.
        if let Some(headline) = Metric::named(section.headline()).filter(|_| section != Section::Injection) {
            let skill_of = |row: &ModelRow| if row.role == Role::Model { skill(&rows, row, headline) } else { None };
            let skills: Vec<Option<f64>> = rows.iter().map(skill_of).collect();
            rows.iter_mut().zip(skills).for_each(|(row, skill)| row.skill = skill);
        }
        match section {
            Section::Detection => self.models = rows,
            Section::Cause => self.causes = rows,
            Section::EndToEnd => self.end_to_end = rows,
            Section::Injection => self.injections = rows,
        }
        self
    }

    /// The rows of a section.
    #[must_use]
    pub fn rows(&self, section: Section) -> &[ModelRow] {
        match section {
            Section::Detection => &self.models,
            Section::Cause => &self.causes,
            Section::EndToEnd => &self.end_to_end,
            Section::Injection => &self.injections,
        }
    }

    /// Jobs that failed for infrastructure, detections and investigations, each counted once.
    #[must_use]
    pub fn failed(&self) -> u64 {
        let rows = |section| self.rows(section).iter().filter(|row| row.trigger.is_none());
        Section::ALL.into_iter().flat_map(rows).map(|row| row.total.tally.failed).sum()
    }

    /// Reads what [`Scorecard::to_json`] wrote.
    ///
    /// # Errors
    /// [`ScorecardError`] when it is not a scorecard of this format.
    pub fn from_json(text: &str) -> Result<Self, ScorecardError> {
        let card: Self = serde_json::from_str(text)?;
        if card.format == FORMAT { Ok(card) } else { Err(ScorecardError::Format { got: card.format }) }
    }

    /// The scorecard as JSON, with a final line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("maps have text keys and numbers are finite") + "\n"
    }
}

fn row(section: Section, counts: ModelCounts) -> ModelRow {
    let ModelCounts { config, agent, trigger, role, files } = counts;
    let total: Counts = files.values().map(|file: &FileCounts| &file.counts).sum();
    let cell = |(metric, estimate): (&Metric, Estimate)| {
        let Estimate { interval, files, .. } = estimate;
        (metric.name.to_owned(), Cell { value: metric.of(&total), interval, flagged: estimate.is_flagged(), files })
    };
    let metrics = section.metrics().iter().zip(estimates(&files, section.metrics())).map(cell).collect();
    ModelRow { bracket: bracket(section, &total), config, agent, trigger, role, metrics, skill: None, files, total }
}

/// The headline with failed jobs at their worst and at their best.
fn bracket(section: Section, total: &Counts) -> Option<Interval> {
    let headline = Metric::named(section.headline())?;
    let with = |won: u64, missed: u64| {
        let mut counts = total.clone();
        let tally = &mut counts.tally;
        tally.jobs += tally.failed;
        match section {
            Section::Detection => {
                tally.detected += won;
                tally.missed += missed;
            }
            Section::Cause => {
                tally.cause.causes += won + missed;
                tally.cause.right += won;
            }
            Section::EndToEnd => {
                tally.end.right += won;
                tally.end.abstained += missed;
            }
            // A pair with one half is none: what failed cannot be bracketed.
            Section::Injection => {}
        }
        headline.of(&counts).value()
    };
    let lost = total.tally.lost;
    if lost == 0 || section == Section::Injection { None } else { Some(Interval { lower: with(0, lost)?, upper: with(lost, 0)? }) }
}
