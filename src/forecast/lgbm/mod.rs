//! Gradient-boosted trees on lags and the calendar, by LightGBM's rules: the same predictions, bit for bit, as LightGBM 4.7 with
//! `deterministic`, `force_col_wise` and one thread.
//!
//! The bound of an interval is the forecast ± a normal quantile of the sd of out-of-sample errors: five folds train on everything before
//! them, the first on half of the rows. Ke et al., *LightGBM: A Highly Efficient Gradient Boosting Decision Tree* (NIPS 2017).
//!
//! Out of scope: categorical features (the calendar enters as numbers), bagging, the quantile objective, and LightGBM's lossy merging of
//! nearly exclusive columns above 10,000 rows.

mod bins;
mod boost;
mod split;
mod tree;

use std::cell::Cell;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use boost::Booster;

use super::features::{Features, Recent, Rows};
use super::season::season_length;
use super::{Fitted, ForecastError, Forecaster, Predictive};
use crate::data::{Known, Series};
use crate::seed::Seed;
use crate::time::Grid;

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
        let within = |what: &str, got: usize, range: Range<usize>| {
            if range.contains(&got) {
                return Ok(());
            }
            Err(unsupported(format!("takes `{what}` from {} to {}, got {got}", range.start, range.end - 1)))
        };
        within("season", self.season.unwrap_or(2), 2..100_001)?;
        within("folds", self.folds, 1..101)?;
        within("trees", self.trees, 1..100_001)?;
        within("leaves", self.leaves, 2..tree::MOST_LEAVES + 1)?;
        within("min_data_in_leaf", self.min_data_in_leaf, 1..1_000_001)?;
        within("max_bin", self.max_bin, 2..256)?;
        within("min_data_in_bin", self.min_data_in_bin, 1..1_000_001)?;
        if self.learning_rate > 0.0 && self.learning_rate <= 1.0 {
            return Ok(());
        }
        Err(unsupported(format!("takes `learning_rate` above 0 up to 1, got {}", self.learning_rate)))
    }

    /// Fewest rows: one split must be possible, and every fold needs a row to test and one to train.
    fn fewest_rows(&self) -> usize {
        2 * self.min_data_in_leaf.max(self.folds)
    }

    fn rows(&self, features: &Features, history: &Series, known: &Known) -> Result<Rows, ForecastError> {
        let rows = features.rows(history, known);
        let fewest = self.fewest_rows();
        if rows.len() < fewest {
            return Err(ForecastError::TooShort {
                model: NAME,
                got: history.observed(),
                needed: 2 * features.season() + fewest,
                why: format!("two seasons of {} for the lags and {fewest} rows for one split and {} folds", features.season(), self.folds),
            });
        }
        if let Some(at) = rows.values.iter().position(|value| !value.is_finite()) {
            return Err(unsupported(format!("takes finite regressors only: `{}` is not", features.names()[at % rows.width])));
        }
        if rows.targets.iter().any(|target| !(*target as f32).is_finite()) {
            return Err(unsupported("takes values up to 3.4e38: rescale the series".to_owned()));
        }
        // Cells of all columns are numbered in 16 bits.
        if rows.width * self.max_bin > usize::from(u16::MAX) || u32::try_from(rows.len()).is_err() {
            return Err(unsupported(format!("takes {} columns at most, got {}", usize::from(u16::MAX) / self.max_bin, rows.width)));
        }
        Ok(rows)
    }

    /// The sd (denominator n) of the pooled out-of-sample errors.
    fn out_of_sample_sd(&self, rows: &Rows) -> f64 {
        let errors: Vec<f64> = expanding_folds(rows.len(), self.folds)
            .flat_map(|test| {
                let model = Booster::train(&rows.values[..test.start * rows.width], rows.width, &rows.targets[..test.start], self);
                test.map(move |i| rows.targets[i] - model.predict(&rows.values[i * rows.width..][..rows.width]))
            })
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        (errors.iter().map(|error| (error - mean) * (error - mean)).sum::<f64>() / errors.len() as f64).sqrt()
    }

    fn fitted(&self, season: usize, sd: Option<f64>, history: &Series, known: &Known) -> Result<Box<dyn Fitted>, ForecastError> {
        let features = Features::new(season, history.step(), known);
        let rows = self.rows(&features, history, known)?;
        let sd = sd.unwrap_or_else(|| self.out_of_sample_sd(&rows));
        let model = Booster::train(&rows.values, rows.width, &rows.targets, self);
        let recent = features.recent(history, known, |row| model.predict(row));
        let regressors = known.window(0..0);
        let own = Cell::new(None);
        Ok(Box::new(FittedLgbm {
            settings: self.clone(),
            features,
            model,
            sd,
            recent,
            grid: history.grid().clone(),
            next: history.len(),
            nothing: regressors,
            own,
        }))
    }
}

fn unsupported(problem: String) -> ForecastError {
    ForecastError::Unsupported { model: NAME, problem }
}

/// Test ranges of folds that train on all rows before them: equal parts of the second half, the last one taking the remainder.
fn expanding_folds(rows: usize, folds: usize) -> impl Iterator<Item = Range<usize>> {
    let start = rows / 2;
    let size = (rows - start) / folds;
    (0..folds).map(move |fold| {
        let begin = start + fold * size;
        begin..if fold + 1 == folds { rows } else { begin + size }
    })
}

impl Forecaster for Lgbm {
    fn fit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.check()?;
        self.fitted(self.season.unwrap_or_else(|| season_length(history)), None, history, known)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

struct FittedLgbm {
    settings: Lgbm,
    features: Features,
    model: Booster,
    sd: f64,
    recent: Recent,
    /// The grid of the history; `next` counts its buckets and those observed since.
    grid: Grid,
    next: usize,
    /// A view of no bucket, for a bucket nobody asked a forecast of.
    nothing: Known,
    /// The forecast of the next bucket, once made: what lags see if the bucket turns out to be missing.
    own: Cell<Option<f64>>,
}

impl FittedLgbm {
    /// The forecast of the next bucket from its stamp alone.
    fn forecast_unasked(&self) -> f64 {
        let mut row = Vec::with_capacity(self.features.names().len());
        self.features.write(self.grid.datetime(self.next), &self.recent, &self.nothing, None, &mut row);
        self.model.predict(&row)
    }
}

impl Fitted for FittedLgbm {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let grid = ahead.grid();
        let mut recent = self.recent.clone();
        let mut row = Vec::with_capacity(self.features.names().len());
        let mut forecasts = Vec::with_capacity(ahead.len());
        for at in 0..ahead.len() {
            row.clear();
            self.features.write(grid.datetime(at), &recent, ahead, Some(at), &mut row);
            let mean = self.model.predict(&row);
            recent.push(mean);
            forecasts.push(Predictive::Normal { mean, sd: self.sd });
        }
        if let Some(first) = forecasts.first() {
            self.own.set(Some(first.mean()));
        }
        Ok(forecasts)
    }

    /// A missing value enters the lags as its own forecast: the one made last, or one from the stamp alone if none was asked for.
    fn observe(&mut self, value: Option<f64>) {
        let value = value.or(self.own.take()).unwrap_or_else(|| self.forecast_unasked());
        self.recent.push(value);
        self.own.set(None);
        self.next += 1;
    }

    /// Trains again on the longer history; the season and the sd of the folds stay.
    fn refit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.settings.fitted(self.features.season(), Some(self.sd), history, known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_cover_the_second_half_once_and_in_order() {
        let folds: Vec<_> = expanding_folds(259, 5).collect();
        assert_eq!(folds, [129..155, 155..181, 181..207, 207..233, 233..259]);
        assert_eq!(expanding_folds(43, 5).last(), Some(37..43));
    }

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
