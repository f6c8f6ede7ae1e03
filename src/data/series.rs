//! A series: one optional value per bucket of a grid. `None` is missing, which is not zero.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::time::{Grid, Step};

/// One value per bucket of a regular grid; `None` where nothing was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    grid: Grid,
    values: Vec<Option<f64>>,
}

impl Series {
    /// A series over a grid.
    ///
    /// # Panics
    /// When the number of values is not the number of buckets, or a value is not finite: loaders turn those into `None` or errors.
    #[must_use]
    pub fn new(grid: Grid, values: Vec<Option<f64>>) -> Self {
        assert_eq!(grid.len(), values.len(), "one value per bucket");
        assert!(values.iter().flatten().all(|value| value.is_finite()), "values are finite or missing");
        Self { grid, values }
    }

    /// The grid of its buckets.
    #[must_use]
    pub const fn grid(&self) -> &Grid {
        &self.grid
    }
    /// Width of a bucket.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.grid.step()
    }
    /// One optional value per bucket.
    #[must_use]
    pub fn values(&self) -> &[Option<f64>] {
        &self.values
    }
    /// Number of buckets, missing ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }
    /// Whether there is no bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
    /// Number of buckets with a value.
    #[must_use]
    pub fn observed(&self) -> usize {
        self.values.iter().flatten().count()
    }
    /// The one value that every observed bucket has, if they all have the same.
    #[must_use]
    pub fn constant(&self) -> Option<f64> {
        let mut observed = self.values.iter().flatten();
        let first = *observed.next()?;
        observed.all(|value| *value == first).then_some(first)
    }
    /// A run of its buckets, as a series.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self { grid: self.grid.slice(range.clone()), values: self.values[range].to_vec() }
    }
}
