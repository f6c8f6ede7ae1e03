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
