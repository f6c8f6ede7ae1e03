//! The truth of an incident: what was injected, and where it can be seen. Computed from the plan, never written by hand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{IncidentId, ScenarioId};
use crate::seed::SeedRole;
use crate::time::Span;

/// A run of buckets, both ends included, counted from the first bucket of train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// First bucket.
    pub first: usize,
    /// Last bucket.
    pub last: usize,
}

impl Window {
    /// Whether a bucket lies inside.
    #[must_use]
    pub const fn contains(self, bucket: usize) -> bool {
        self.first <= bucket && bucket <= self.last
    }
}

/// Where one fault shows on one watched series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Name of the watched series.
    pub series: String,
    /// First to last bucket where the expected value differs from the twin's by at least one sd of the twin's bucket, or the sd by a
    /// factor of at least 1.5; absent when there is none: the fault is undetectable on this series.
    pub window: Option<Window>,
    /// The largest difference of expected values, in sds of the twin's bucket.
    pub peak_sd: f64,
}

/// One injected fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultTruth {
    /// Its kind, for example `deployment`.
    pub kind: String,
    /// The change that caused it, if one did.
    pub change: Option<String>,
    /// Dimension → values; empty: everything.
    pub scope: BTreeMap<String, Vec<String>>,
    /// The buckets in which it acts.
    pub active: Window,
    /// A page later than this after the start of an effect is late.
    pub deadline: Span,
    /// Where it shows, one entry per watched series.
    pub effects: Vec<Effect>,
}

/// Something that happened and must not be blamed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenignTruth {
    /// Its kind, for example `holiday`.
    pub kind: String,
    /// The change that stands in the log for it, if one does.
    pub change: Option<String>,
    /// The buckets in which it acts.
    pub active: Window,
}

/// The incident that another one repeats but for the texts of some tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantOf {
    /// Its scenario.
    pub scenario: ScenarioId,
    /// Its id, whether it is part of a run or not.
    pub incident: IncidentId,
}

/// Everything an evaluation may know and a model may not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroundTruth {
    /// The scenario.
    pub scenario: ScenarioId,
    /// The incident it repeats with other texts; absent for one that stands for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_of: Option<VariantOf>,
    /// Its title.
    pub title: String,
    /// Path of its file below the folder given, with `/`.
    pub file: String,
    /// The role of the seed.
    pub role: SeedRole,
    /// The number of the seed within its role.
    pub replicate: u32,
    /// Whether the file declares a fault: the stratum of the file.
    pub faulted: bool,
    /// Injected faults.
    pub faults: Vec<FaultTruth>,
    /// Harmless events.
    pub benign: Vec<BenignTruth>,
    /// Combinations of the dimensions that faults, harmless events, changes and watched series name, as far as tickets or activity are
    /// expected there.
    pub leaves: Vec<BTreeMap<String, String>>,
    /// All dimensions and their values.
    pub dimensions: BTreeMap<String, Vec<String>>,
}
