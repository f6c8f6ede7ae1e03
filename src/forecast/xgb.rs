//! Boosted trees on lags and the calendar by XGBoost's rule: a leaf's value and a split's gain are damped by an L2 penalty, and trees grow
//! level by level to a fixed depth, over exact thresholds instead of bins.
//!
//! Chen & Guestrin, *XGBoost: A Scalable Tree Boosting System* (KDD 2016); trees by the `smartcore` crate. Not compared with the XGBoost
//! package, whose thresholds come from bins.

use serde::{Deserialize, Serialize};
use smartcore::xgboost::{XGRegressor, XGRegressorParameters};

use super::regression::{Common, Regression, Table, Trained, share, unsupported, within};
use super::{ForecastError, dense};
use crate::seed::Seed;

const NAME: &str = "xgb";

/// Settings. XGBoost's own defaults (depth 6, rate 0.3, leaves of one row) learn the noise of a few hundred rows by heart; these are
/// smaller steps of shallower trees, which also cost half as much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xgb {
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
    /// Expanding-window folds behind the error estimate.
    pub folds: usize,
    /// Number of trees.
    pub trees: usize,
    /// Share of a tree's correction that is applied.
    pub learning_rate: f64,
    /// Most splits from the root of a tree to a leaf.
    pub depth: usize,
    /// Fewest rows of a leaf.
    pub min_data_in_leaf: usize,
    /// L2 penalty on the value of a leaf: as many rows without any error as would damp it alike.
    pub lambda: f64,
    /// Share of the rows, drawn without replacement, that a tree is grown on.
    pub subsample: f64,
}

impl Default for Xgb {
    fn default() -> Self {
        Self { season: None, folds: 5, trees: 100, learning_rate: 0.05, depth: 3, min_data_in_leaf: 10, lambda: 1.0, subsample: 1.0 }
    }
}

impl Regression for Xgb {
    fn check(&self) -> Result<(), ForecastError> {
        within(NAME, "trees", self.trees, 1..10_001)?;
        within(NAME, "depth", self.depth, 1..33)?;
        share(NAME, "learning_rate", self.learning_rate)?;
        share(NAME, "subsample", self.subsample)?;
        if (0.0..=1e6).contains(&self.lambda) {
            return Ok(());
        }
        Err(unsupported(NAME, format!("takes `lambda` from 0 to 1000000, got {}", self.lambda)))
    }

    fn common(&self) -> Common {
        Common { name: NAME, season: self.season, folds: self.folds, min_data_in_leaf: self.min_data_in_leaf }
    }

    fn train(&self, table: Table<'_>, seed: Seed) -> Result<Box<dyn Trained>, ForecastError> {
        let settings = XGRegressorParameters::default()
            .with_n_estimators(self.trees)
            .with_learning_rate(self.learning_rate)
            .with_max_depth(u16::try_from(self.depth).expect("the depth was checked"))
            .with_min_child_weight(self.min_data_in_leaf)
            .with_lambda(self.lambda)
            .with_subsample(self.subsample)
            .with_seed(seed.as_u64())
            // The mean instead of XGBoost's 0.5, so that the unit of a series does not matter.
            .with_base_score(table.targets.iter().sum::<f64>() / table.targets.len() as f64);
        dense::train(NAME, table, |x, y| XGRegressor::fit(x, y, settings), XGRegressor::predict)
    }
}
