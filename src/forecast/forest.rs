//! A random forest on lags and the calendar: the mean of many deep trees, each grown on rows drawn with replacement and shown a random third
//! of the columns at every split.
//!
//! Breiman, *Random Forests* (Machine Learning 45, 2001); trees by the `smartcore` crate. A forest never forecasts beyond the values it has
//! seen, so it follows no trend.

use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};

use super::regression::{Common, Regression, Table, Trained, within};
use super::{ForecastError, dense};
use crate::seed::Seed;

const NAME: &str = "forest";

/// Settings. The defaults are Breiman's for regression (a third of the columns, leaves of five rows), with 100 trees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forest {
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
    /// Expanding-window folds behind the error estimate.
    pub folds: usize,
    /// Number of trees.
    pub trees: usize,
    /// Fewest rows of a leaf; a row drawn twice counts twice.
    pub min_data_in_leaf: usize,
    /// Columns tried at a split; absent: a third of them. More than there are means all.
    pub columns: Option<usize>,
}

impl Default for Forest {
    fn default() -> Self {
        Self { season: None, folds: 5, trees: 100, min_data_in_leaf: 5, columns: None }
    }
}

impl Regression for Forest {
    fn check(&self) -> Result<(), ForecastError> {
        within(NAME, "trees", self.trees, 1..10_001)?;
        within(NAME, "columns", self.columns.unwrap_or(1), 1..10_001)
    }

    fn common(&self) -> Common {
        Common { name: NAME, season: self.season, folds: self.folds, min_data_in_leaf: self.min_data_in_leaf }
    }

    fn train(&self, table: Table<'_>, seed: Seed) -> Result<Box<dyn Trained>, ForecastError> {
        let settings = RandomForestRegressorParameters::default()
            .with_n_trees(self.trees)
            .with_min_samples_leaf(self.min_data_in_leaf)
            .with_min_samples_split(2 * self.min_data_in_leaf)
            .with_m(self.columns.unwrap_or(table.width / 3).clamp(1, table.width))
            .with_seed(seed.as_u64());
        dense::train(NAME, table, |x, y| RandomForestRegressor::fit(x, y, settings), RandomForestRegressor::predict)
    }
}
