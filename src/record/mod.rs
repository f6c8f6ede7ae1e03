//! Records: what a run leaves on disk, and the only contract between running and reading.
//!
//! ```text
//! results/<utc>-<digest>/
//!   manifest.json      what was run: suite, columns, scenarios, seeds, versions, clock
//!   journal.jsonl      one entry per finished job, in finishing order
//!   detections.jsonl   the same, sorted by key, written at the end
//!   thresholds.jsonl   alert-budget thresholds per model and step
//!   timings.jsonl      seconds per job
//!   points/<digest>    scores and bands of one detection
//!   incidents/<id>/    observed.json and truth.json
//! ```

pub mod keys;
pub mod manifest;
pub mod outcome;
pub mod store;

pub use keys::{CalibrationKey, DetectionKey};
pub use manifest::Manifest;
pub use outcome::{Entry, Flagged, Outcome, Points, Record};
pub use store::{Store, StoreError};
