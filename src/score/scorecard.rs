//! The scorecard: every number of a run with its interval, and the counts per file behind it.
//!
//! Reports and the gate read this and nothing else. Maps are sorted and sums do not depend on order, so equal runs give equal bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::sample::{Estimate, FileCounts, Files, estimates};
use super::{HEADLINE, METRICS, Metric};
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
    /// File id → digest of its content.
    pub files: BTreeMap<String, String>,
}

/// What one model's jobs added up to.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCounts {
    /// The model.
    pub config: ConfigId,
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

/// One model of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// The model.
    pub config: ConfigId,
    /// What it stands for.
    pub role: Role,
    /// Over all files.
    pub total: Counts,
    /// By name, one per row of [`METRICS`].
    pub metrics: BTreeMap<String, Cell>,
    /// The headline if the failed jobs had found nothing, and if they had found everything; none without failures.
    pub bracket: Option<Interval>,
    /// Per file.
    pub files: Files,
}

impl ModelRow {
    /// A number of this row.
    #[must_use]
    pub fn metric(&self, name: &str) -> Measured {
        self.metrics.get(name).map_or(Measured::Missing(Why::NotApplicable), |cell| cell.value)
    }
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
        let mut models: Vec<ModelRow> = models.into_iter().map(row).collect();
        models.sort_by(|a, b| (a.role, &a.config).cmp(&(b.role, &b.config)));
        Self { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), basis, models }
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

fn row(model: ModelCounts) -> ModelRow {
    let ModelCounts { config, role, files } = model;
    let total: Counts = files.values().map(|file: &FileCounts| &file.counts).sum();
    let cell = |(metric, estimate): (&Metric, Estimate)| {
        let Estimate { interval, files, .. } = estimate;
        (metric.name.to_owned(), Cell { value: metric.of(&total), interval, flagged: estimate.is_flagged(), files })
    };
    let metrics = METRICS.iter().zip(estimates(&files, METRICS)).map(cell).collect();
    ModelRow { bracket: bracket(&total), config, role, metrics, files, total }
}

/// The headline with failed jobs at their worst and at their best.
fn bracket(total: &Counts) -> Option<Interval> {
    let headline = Metric::named(HEADLINE)?;
    let with = |detected: u64, missed: u64| {
        let mut counts = total.clone();
        counts.tally.jobs += counts.tally.failed;
        counts.tally.detected += detected;
        counts.tally.missed += missed;
        headline.of(&counts).value()
    };
    let lost = total.tally.lost;
    if lost == 0 { None } else { Some(Interval { lower: with(0, lost)?, upper: with(lost, 0)? }) }
}
