//! Keys: what identifies a job, so that it is computed once and found again.

use serde::{Deserialize, Serialize};

use crate::name::{ConfigId, IncidentId};
use crate::seed::digest;

/// One detector on one series of one incident; fitted once, shared by whoever needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DetectionKey {
    /// The incident.
    pub incident: IncidentId,
    /// The watched series.
    pub series: String,
    /// The detector.
    pub model: ConfigId,
}

impl DetectionKey {
    /// Sixteen hexadecimal digits: the name of its file below `points/`.
    #[must_use]
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).expect("a key is plain data");
        digest(text.as_bytes(), 16)
    }
}

/// One detector on the fault-free twin of a series of a development incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CalibrationKey {
    /// The development incident.
    pub incident: IncidentId,
    /// The watched series.
    pub series: String,
    /// The detector.
    pub model: ConfigId,
}

/// What sends an agent to look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Pages that belong together; a digest of series names and page times, so that detectors which page alike share an investigation.
    Page(String),
    /// The first bucket of a fault's effect, by the number of the fault: detection left out.
    Oracle(usize),
    /// A moment when nothing is wrong, worded as the oracle's.
    Placebo(usize),
    /// A question of the scenario, by its id.
    Question(String),
}

impl Trigger {
    /// What kind it is, in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Page(_) => "page",
            Self::Oracle(_) => "oracle",
            Self::Placebo(_) => "placebo",
            Self::Question(_) => "question",
        }
    }
}

/// One agent sent to one incident for one reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InvestigationKey {
    /// The incident.
    pub incident: IncidentId,
    /// The reason.
    pub trigger: Trigger,
    /// The agent.
    pub agent: ConfigId,
    /// Repetition; deterministic agents have one.
    pub epoch: u32,
}

impl InvestigationKey {
    /// Sixteen hexadecimal digits: the name of its file below `trajectories/`, and what `harness explain` takes.
    #[must_use]
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).expect("a key is plain data");
        digest(text.as_bytes(), 16)
    }
}
