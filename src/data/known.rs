//! What is known in advance at every stamp: public holidays and regressor columns, nothing else.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::Grid;

/// What a forecaster may know about the stamps of train and test before they happen.
///
/// A cheap view: [`Known::window`] narrows it without copying. `fit` gets the window of its history, `forecast` the window of the
/// buckets to predict, whose first bucket is the one after the last observed.
#[derive(Debug, Clone)]
pub struct Known {
    all: Arc<Columns>,
    range: Range<usize>,
}

/// The columns behind a [`Known`], over the whole of train and test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// The stamps.
    pub grid: Grid,
    /// Names of the public holidays that occur, sorted.
    pub holiday_names: Vec<String>,
    /// Per bucket, the holiday on its date as an index into `holiday_names`.
    pub holidays: Vec<Option<u16>>,
    /// Regressor columns: name, one value per bucket.
    pub regressors: Vec<(String, Vec<f64>)>,
}

impl Known {
    /// A view of all columns.
    ///
    /// # Panics
    /// When a column is not as long as the grid.
    #[must_use]
    pub fn new(columns: Columns) -> Self {
        let len = columns.grid.len();
        assert_eq!(columns.holidays.len(), len, "one holiday entry per bucket");
        assert!(columns.regressors.iter().all(|(_, values)| values.len() == len), "one regressor value per bucket");
        Self { all: Arc::new(columns), range: 0..len }
    }

    /// Nothing but the stamps.
    #[must_use]
    pub fn stamps(grid: Grid) -> Self {
        let holidays = vec![None; grid.len()];
        Self::new(Columns { grid, holiday_names: Vec::new(), holidays, regressors: Vec::new() })
    }

    /// Number of buckets in view.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }
    /// Whether no bucket is in view.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }
    /// The stamps in view.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.all.grid.slice(self.range.clone())
    }
    /// Names of all holidays, in view or not.
    #[must_use]
    pub fn holiday_names(&self) -> &[String] {
        &self.all.holiday_names
    }
    /// Per bucket in view, the holiday on its date as an index into [`Known::holiday_names`].
    #[must_use]
    pub fn holidays(&self) -> &[Option<u16>] {
        &self.all.holidays[self.range.clone()]
    }
    /// Regressor columns in view: name and one value per bucket.
    pub fn regressors(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.all.regressors.iter().map(|(name, values)| (name.as_str(), &values[self.range.clone()]))
    }
    /// A narrower view; `range` counts from the start of this one.
    ///
    /// # Panics
    /// When the range reaches beyond this view.
    #[must_use]
    pub fn window(&self, range: Range<usize>) -> Self {
        assert!(range.end <= self.range.len(), "a window lies inside its view");
        Self { all: Arc::clone(&self.all), range: self.range.start + range.start..self.range.start + range.end }
    }
}
