//! Gradient-boosted trees on lags and the calendar, by LightGBM's rules: the same predictions, bit for bit, as LightGBM 4.7 with
//! `deterministic`, `force_col_wise` and one thread. Ke et al., *LightGBM: A Highly Efficient Gradient Boosting Decision Tree* (NIPS 2017).
//!
//! Out of scope: categorical features (the calendar enters as numbers), bagging and the quantile objective.
//!
//! DIFFERENCE: above 10,000 rows LightGBM may merge columns that are rarely non-zero together (and, above 200,000, bins a sample); here every
//! column stays its own, whatever the number of rows. Tables without such columns come out the same.

mod bins;
mod boost;
mod split;
mod tree;

use serde::{Deserialize, Serialize};

pub use boost::Booster;

use super::ForecastError;
use super::regression::{Common, Regression, Table, Trained, share, unsupported, within};
use crate::seed::Seed;

const NAME: &str = "lgbm";

/// Settings; all but `season` and `folds` are LightGBM's own, with its defaults except 1000 trees and a learning rate of 0.05.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lgbm {
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
    /// Expanding-window folds behind the error estimate.
    pub folds: usize,
    /// Most trees.
    pub trees: usize,
    /// Share of a tree's correction that is applied.
    pub learning_rate: f64,
    /// Most leaves of a tree, up to 64.
    pub leaves: usize,
    /// Fewest rows of a leaf.
    pub min_data_in_leaf: usize,
    /// Most bins of a column, up to 255.
    pub max_bin: usize,
    /// Fewest rows of a bin.
    pub min_data_in_bin: usize,
}

impl Default for Lgbm {
    fn default() -> Self {
        Self {
            season: None,
            folds: 5,
            trees: 1000,
            learning_rate: 0.05,
            leaves: 31,
            min_data_in_leaf: 20,
            max_bin: 255,
            min_data_in_bin: 3,
        }
    }
}

impl Lgbm {
    /// Checks that the settings can be used.
    ///
    /// # Errors
    /// [`ForecastError::Unsupported`] with the setting and its range.
    pub fn check(&self) -> Result<(), ForecastError> {
        within(NAME, "trees", self.trees, 1..100_001)?;
        within(NAME, "leaves", self.leaves, 2..tree::MOST_LEAVES + 1)?;
        within(NAME, "max_bin", self.max_bin, 2..256)?;
        within(NAME, "min_data_in_bin", self.min_data_in_bin, 1..1_000_001)?;
        share(NAME, "learning_rate", self.learning_rate)
    }
}

impl Regression for Lgbm {
    fn check(&self) -> Result<(), ForecastError> {
        Self::check(self)
    }

    fn common(&self) -> Common {
        Common { name: NAME, season: self.season, folds: self.folds, min_data_in_leaf: self.min_data_in_leaf }
    }

    fn train(&self, table: Table<'_>, _seed: Seed) -> Result<Box<dyn Trained>, ForecastError> {
        // Cells of all columns are numbered in 16 bits, rows in 32.
        if table.width * self.max_bin > usize::from(u16::MAX) || u32::try_from(table.targets.len()).is_err() {
            return Err(unsupported(NAME, format!("takes {} columns at most, got {}", usize::from(u16::MAX) / self.max_bin, table.width)));
        }
        Ok(Box::new(Booster::train(table.values, table.width, table.targets, self)))
    }
}

impl Trained for Booster {
    fn predict(&self, row: &[f64]) -> f64 {
        self.predict(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_out_of_range_is_an_error_that_names_it() {
        let error = Lgbm { max_bin: 300, ..Lgbm::default() }.check().expect_err("codes have eight bits");
        assert_eq!(error.to_string(), "`lgbm` takes `max_bin` from 2 to 255, got 300");
    }

    #[test]
    fn a_constant_target_and_tiny_tables_give_the_mean() {
        let settings = Lgbm::default();
        let table: Vec<f64> = (0..200).map(f64::from).collect();
        assert_eq!(Booster::train(&table, 1, &[7.0; 200], &settings).predict(&[500.0]), 7.0);
        assert_eq!(Booster::train(&[1.0, 2.0, 3.0], 1, &[1.0, 2.0, 6.0], &settings).predict(&[2.0]), 3.0);
        assert_eq!(Booster::train(&[1.0], 1, &[4.0], &settings).trees(), 1);
    }
}
