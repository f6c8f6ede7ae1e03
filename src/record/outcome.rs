//! What came of a job.

use serde::{Deserialize, Serialize};

use super::keys::{CalibrationKey, DetectionKey, InvestigationKey, Trigger};
use crate::agent::report::IncidentReport;
use crate::detect::{Band, Detection};
use crate::name::{ConfigId, IncidentId};

/// How a job ended. A failure is never a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model answered.
    Answered,
    /// The model cannot take this series: too short, constant, a season too long.
    ModelRejected {
        /// What the model says.
        why: String,
    },
    /// Something broke: a panic, a value that is not a number.
    Infra {
        /// Where.
        stage: String,
        /// What.
        why: String,
    },
}

/// An operating point applied to one detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flagged {
    /// Scores strictly above it are flagged.
    pub threshold: f64,
    /// Flagged buckets, counted from the start of test.
    pub flags: Vec<usize>,
    /// Buckets that page, counted from the start of test.
    pub pages: Vec<usize>,
}

/// The record of one detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was computed.
    pub key: DetectionKey,
    /// How it ended.
    pub outcome: Outcome,
    /// How often parameters were estimated.
    pub fits: usize,
    /// At the interval level; absent for floors and failures.
    pub native: Option<Flagged>,
    /// At the alert budget; absent for failures.
    pub budget: Option<Flagged>,
}

/// What a detection said of each test bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Score; `null` where the bucket is missing.
    pub scores: Vec<Option<f64>>,
    /// Expected value, lower and upper end of the interval; empty for floors.
    pub bands: Vec<Band>,
}

impl From<Detection> for Points {
    fn from(detection: Detection) -> Self {
        Self { scores: detection.scores, bands: detection.bands }
    }
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Scores on a fault-free twin, from which thresholds are set.
    Calibration {
        /// What was computed.
        key: CalibrationKey,
        /// How it ended.
        outcome: Outcome,
        /// Score per bucket; empty for failures.
        scores: Vec<Option<f64>>,
        /// Wall-clock seconds it took.
        seconds: f64,
    },
    /// A detection. Its operating points are applied at the end, when thresholds are known.
    Detection {
        /// What was computed.
        key: DetectionKey,
        /// How it ended.
        outcome: Outcome,
        /// How often parameters were estimated.
        fits: usize,
        /// Wall-clock seconds it took.
        seconds: f64,
    },
    /// An investigation. What the agent did and concluded stands in its trajectory.
    Investigation {
        /// What was computed.
        key: InvestigationKey,
        /// How it ended.
        outcome: Outcome,
        /// Wall-clock seconds it took.
        seconds: f64,
    },
}

/// The record of one investigation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Investigation {
    /// What was computed.
    pub key: InvestigationKey,
    /// The name of its file below `trajectories/`, and what `harness explain` takes.
    pub id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The last bucket the agent could see, counted from the first of train.
    pub bucket: usize,
    /// Calls made.
    pub calls: usize,
    /// What it concluded; absent for failures.
    pub report: Option<IncidentReport>,
}

/// Pages of one model on one incident that belong together: one investigation per agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PageGroup {
    /// The incident.
    pub incident: IncidentId,
    /// The detector.
    pub model: ConfigId,
    /// What its investigations are keyed by.
    pub trigger: Trigger,
    /// The pages: test bucket and series, by time.
    pub pages: Vec<(usize, String)>,
}
