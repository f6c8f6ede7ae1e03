//! Records: what a run leaves on disk, and the only contract between running and reading.
//!
//! ```text
//! results/<utc>-<digest>/
//!   manifest.json      what was run: suite, columns, scenarios, seeds, versions, clock
//!   journal.jsonl      one entry per finished job, in finishing order
//!   detections.jsonl   the same, sorted by key, written at the end
//!   investigations.jsonl  one record per agent and trigger, sorted
//!   groups.jsonl       pages that belong together, per model and incident
//!   thresholds.jsonl   alert-budget thresholds per model and step
//!   timings.jsonl      when each detection and investigation was made, and the steps of the latter
//!   points/<digest>    scores and bands of one detection
//!   trajectories/<id>  every call and reply of one investigation, and its report
//!   incidents/<id>/    observed.json and truth.json
//! ```

pub mod cassette;
pub mod clock;
pub mod journal;
pub mod keys;
pub mod manifest;
pub mod outcome;
pub mod store;

pub use cassette::{CassetteError, Cassettes, Mode, Recorded, Replaying};
pub use clock::{Clock, Watch};
pub use journal::{Journal, JournalWriter};
pub use keys::{CalibrationKey, DetectionKey, InvestigationKey, Trigger};
pub use manifest::Manifest;
pub use outcome::{Entry, Flagged, Investigation, Limit, Outcome, PageGroup, Paid, Points, Record, ThresholdRecord, Timing};
pub use store::{Store, StoreError};
