//! Reports: a judged run as text for people and files for programs. A format is one file and one row of [`FORMATS`].

pub mod cause_table;
pub mod console;
pub mod detect;
pub mod explain;
pub mod incident;
pub mod injection;
pub mod many;
mod markdown;
mod models;
pub mod paragraph;
#[cfg(feature = "plot")]
pub mod plot;
mod summary;
pub mod table;
#[cfg(feature = "plot")]
mod ticks;

use crate::record::{Store, StoreError};
use crate::score::judge::Judgement;

/// A file that a report consists of.
pub struct Format {
    /// Its name in the run folder.
    pub file: &'static str,
    /// Renders it.
    pub render: fn(&Judgement) -> String,
}

/// Every file of a report.
pub const FORMATS: &[Format] = &[
    Format { file: "scorecard.json", render: |judgement| judgement.scorecard.to_json() },
    Format { file: "report.md", render: markdown::render },
    Format { file: "summary.csv", render: summary::render },
];

/// Writes every format into the run folder.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write(store: &Store, judgement: &Judgement) -> Result<(), StoreError> {
    FORMATS.iter().try_for_each(|format| store.write(format.file, (format.render)(judgement).as_bytes()))
}
