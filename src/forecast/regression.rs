//! A regression model as a forecaster: rows of features in, one forecast after another out.
//!
//! What learns from rows says how to train and how to predict one ([`Regression`], [`Trained`]); everything else is here, once. Several
//! steps ahead are one step each, with the forecast as the value. A missing value enters the lags as its own forecast. The spread is the sd
//! of out-of-sample errors: folds train on everything before them, the first on half of the rows. A refit keeps the season and these errors.
//!
//! A history of one value is forecast as that value without spread, whatever the model.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use serde::Serialize;

use super::features::{Features, Recent, Rows};
use super::season::{self, season_length};
use super::{Fitted, FoldError, ForecastError, Forecaster, Predictive};
use crate::data::{Known, Series};
use crate::seed::Seed;
use crate::time::Grid;

/// Settings of a model that learns rows.
pub(super) trait Regression: Send + Sync {
    /// What every one of them has.
    fn common(&self) -> Common;

    /// Checks the settings that are its own.
    ///
    /// # Errors
    /// [`ForecastError::Unsupported`] with the setting and its range.
    fn check(&self) -> Result<(), ForecastError>;

    /// Learns a table, whose numbers are all finite.
    ///
    /// # Errors
    /// What the model cannot take.
    fn train(&self, table: Table<'_>, seed: Seed) -> Result<Box<dyn Trained>, ForecastError>;
}

impl<M: Regression + Clone + Serialize + 'static> Forecaster for M {
    fn fit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        check(self)?;
        self.check()?;
        let season = self.common().season.unwrap_or_else(|| season_length(history));
        fitted(Arc::new(self.clone()), season, None, history, known, seed)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

/// The name and the settings that every model of rows has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    /// What `--models` calls it.
    pub name: &'static str,
    /// Season in buckets; `None`: from the data.
    pub season: Option<usize>,
    /// Expanding-window folds behind the error estimate.
    pub folds: usize,
    /// Fewest rows of a leaf.
    pub min_data_in_leaf: usize,
}

/// A model that has learnt rows.
pub(super) trait Trained: Send {
    /// The prediction for one row of as many columns as the table had.
    fn predict(&self, row: &[f64]) -> f64;
}

/// Rows and what they explain; at least one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    /// Columns per row.
    pub width: usize,
    /// Features, row-major.
    pub values: &'a [f64],
    /// What each row explains.
    pub targets: &'a [f64],
}

impl<'a> Table<'a> {
    /// The first rows of some.
    fn first(rows: &'a Rows, len: usize) -> Self {
        Self { width: rows.width, values: &rows.values[..len * rows.width], targets: &rows.targets[..len] }
    }

    /// The one value that every row explains, if they all explain the same.
    pub(super) fn constant(&self) -> Option<f64> {
        let first = *self.targets.first()?;
        self.targets.iter().all(|target| *target == first).then_some(first)
    }
}

/// Always the same value.
pub(super) struct Constant(pub(super) f64);

impl Trained for Constant {
    fn predict(&self, _row: &[f64]) -> f64 {
        self.0
    }
}

/// An error about a setting or an input.
pub(super) fn unsupported(model: &'static str, problem: String) -> ForecastError {
    ForecastError::Unsupported { model, problem }
}

/// The same error of another model, which uses the one that made it.
pub(super) fn renamed(model: &'static str, error: ForecastError) -> ForecastError {
    match error {
        ForecastError::TooShort { got, needed, why, .. } => ForecastError::TooShort { model, got, needed, why },
        ForecastError::Unsupported { problem, .. } => ForecastError::Unsupported { model, problem },
        ForecastError::Failed { problem, .. } => ForecastError::Failed { model, problem },
    }
}

/// Checks that a setting lies in its range.
///
/// # Errors
/// [`ForecastError::Unsupported`] with the setting and its range.
pub(super) fn within(model: &'static str, what: &str, got: usize, range: Range<usize>) -> Result<(), ForecastError> {
    if range.contains(&got) {
        return Ok(());
    }
    Err(unsupported(model, format!("takes `{what}` from {} to {}, got {got}", range.start, range.end - 1)))
}

/// Checks that a setting is a share: above 0, up to 1.
///
/// # Errors
/// [`ForecastError::Unsupported`] with the setting and its range.
pub(super) fn share(model: &'static str, what: &str, got: f64) -> Result<(), ForecastError> {
    if got > 0.0 && got <= 1.0 {
        return Ok(());
    }
    Err(unsupported(model, format!("takes `{what}` above 0 up to 1, got {got}")))
}

/// Checks the settings that every regression model has.
///
/// # Errors
/// [`ForecastError::Unsupported`] with the setting and its range.
pub(super) fn check(model: &impl Regression) -> Result<(), ForecastError> {
    let Common { name, season, folds, min_data_in_leaf } = model.common();
    season::check(name, season)?;
    within(name, "folds", folds, 1..101)?;
    within(name, "min_data_in_leaf", min_data_in_leaf, 1..1_000_001)
}

fn fitted(
    model: Arc<dyn Regression>,
    season: usize,
    errors: Option<Arc<FoldErrors>>,
    history: &Series,
    known: &Known,
    seed: Seed,
) -> Result<Box<dyn Fitted>, ForecastError> {
    let features = Features::new(season, history.step(), known);
    let rows = rows(&*model, &features, history, known)?;
    let all = Table::first(&rows, rows.len());
    let constant = all.constant();
    let errors = match (errors, constant) {
        (Some(errors), _) => errors,
        (None, Some(value)) => Arc::new(FoldErrors::none(value, rows.len())),
        (None, None) => Arc::new(FoldErrors::of(&*model, &rows, seed)?),
    };
    let trained = match constant {
        Some(value) => Box::new(Constant(value)),
        None => model.train(all, seed.child("all"))?,
    };
    let recent = features.recent(history, known, |row| trained.predict(row));
    Ok(Box::new(FittedRegression {
        model,
        features,
        trained,
        errors,
        recent,
        grid: history.grid().clone(),
        next: history.len(),
        nothing: known.window(0..0),
        own: Cell::new(None),
    }))
}

/// The rows of a history, if they are enough and of numbers that trees can take.
fn rows(model: &dyn Regression, features: &Features, history: &Series, known: &Known) -> Result<Rows, ForecastError> {
    let rows = features.rows(history, known);
    // One split must be possible, and every fold needs a row to test and one to train.
    let Common { name, folds, min_data_in_leaf, .. } = model.common();
    let fewest = 2 * min_data_in_leaf.max(folds);
    if rows.len() < fewest {
        let season = features.season();
        return Err(ForecastError::TooShort {
            model: name,
            got: history.observed(),
            needed: 2 * season + fewest,
            why: format!("two seasons of {season} for the lags and {fewest} rows for one split and {folds} folds"),
        });
    }
    // Sums of squares stay finite, and so do targets in 32 bits. Lags of such values come before any regressor.
    if history.values().iter().flatten().any(|value| !(*value as f32).is_finite()) {
        return Err(unsupported(name, "takes values up to 3.4e38: rescale the series".to_owned()));
    }
    if let Some(at) = rows.values.iter().position(|value| !value.is_finite()) {
        return Err(unsupported(name, format!("takes finite regressors only: `{}` is not", features.names()[at % rows.width])));
    }
    Ok(rows)
}

/// One-step forecasts of rows that a model had not learnt, in time order.
struct FoldErrors {
    errors: Vec<FoldError>,
    /// The sd of the errors, with their number as the denominator.
    sd: f64,
}

impl FoldErrors {
    fn of(model: &dyn Regression, rows: &Rows, seed: Seed) -> Result<Self, ForecastError> {
        let mut errors = Vec::with_capacity(rows.len() - rows.len() / 2);
        for (fold, test) in expanding_folds(rows.len(), model.common().folds).enumerate() {
            let trained = model.train(Table::first(rows, test.start), seed.child(&format!("fold {fold}")))?;
            errors.extend(test.map(|i| {
                let mean = trained.predict(&rows.values[i * rows.width..][..rows.width]);
                FoldError { mean, sd: 0.0, error: rows.targets[i] - mean }
            }));
        }
        let n = errors.len() as f64;
        let mean = errors.iter().map(|e| e.error).sum::<f64>() / n;
        let sd = (errors.iter().map(|e| (e.error - mean) * (e.error - mean)).sum::<f64>() / n).sqrt();
        errors.iter_mut().for_each(|e| e.sd = sd);
        Ok(Self { errors, sd })
    }

    /// Those of a constant on rows that are constant.
    fn none(value: f64, rows: usize) -> Self {
        Self { errors: vec![FoldError { mean: value, sd: 0.0, error: 0.0 }; rows - rows / 2], sd: 0.0 }
    }
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

struct FittedRegression {
    model: Arc<dyn Regression>,
    features: Features,
    trained: Box<dyn Trained>,
    errors: Arc<FoldErrors>,
    recent: Recent,
    /// The grid of the history; `next` counts its buckets and those observed since.
    grid: Grid,
    next: usize,
    /// A view of no bucket, for a bucket nobody asked a forecast of.
    nothing: Known,
    /// The forecast of the next bucket, once made: what lags see if the bucket turns out to be missing.
    own: Cell<Option<f64>>,
}

impl FittedRegression {
    /// The forecast of the next bucket from its stamp alone.
    fn forecast_unasked(&self) -> f64 {
        let mut row = Vec::with_capacity(self.features.names().len());
        self.features.write(self.grid.datetime(self.next), &self.recent, &self.nothing, None, &mut row);
        self.trained.predict(&row)
    }
}

impl Fitted for FittedRegression {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let grid = ahead.grid();
        let mut recent = self.recent.clone();
        let mut row = Vec::with_capacity(self.features.names().len());
        let mut forecasts = Vec::with_capacity(ahead.len());
        for at in 0..ahead.len() {
            row.clear();
            self.features.write(grid.datetime(at), &recent, ahead, Some(at), &mut row);
            let mean = self.trained.predict(&row);
            recent.push(mean);
            forecasts.push(Predictive::Normal { mean, sd: self.errors.sd });
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

    /// Trains again on the longer history; the season and the errors of the folds stay, unless they had no spread: then the history was
    /// constant, which says nothing of one that no longer is.
    fn refit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        let errors = (self.errors.sd > 0.0).then(|| Arc::clone(&self.errors));
        fitted(Arc::clone(&self.model), self.features.season(), errors, history, known, seed)
    }

    fn fold_errors(&self) -> Option<&[FoldError]> {
        Some(&self.errors.errors)
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
}
