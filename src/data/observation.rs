//! What can be observed of an incident: series, what is known in advance, changes. No truth.

use serde::{Deserialize, Serialize};

use super::known::Columns;
use super::{Change, Known, Series};
use crate::name::IncidentId;
use crate::time::Step;

/// A series that detectors watch, for example `tickets` or `tickets{queue=billing}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// Train and test together.
    pub series: Series,
}

/// The observable part of an incident. Carries an opaque id and no path, family, difficulty or seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Opaque.
    pub id: IncidentId,
    /// Number of buckets in train; test follows.
    pub train: usize,
    /// Stamps, holidays and regressors over train and test.
    pub known: Columns,
    /// The watched series.
    pub watched: Vec<Watched>,
    /// The change log, oldest first.
    pub changes: Vec<Change>,
}

impl Observation {
    /// Number of buckets in test.
    #[must_use]
    pub fn test_len(&self) -> usize {
        self.known.grid.len() - self.train
    }
    /// Width of a bucket.
    #[must_use]
    pub fn step(&self) -> Step {
        self.known.grid.step()
    }
    /// The watched series of a name.
    #[must_use]
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.watched.iter().find(|watched| watched.name == name).map(|watched| &watched.series)
    }
    /// What forecasters may know.
    #[must_use]
    pub fn known(&self) -> Known {
        Known::new(self.known.clone())
    }
}
