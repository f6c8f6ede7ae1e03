//! Tables as the matrices of the `smartcore` crate, and its models as ours. Everything runs on one thread.

use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::ForecastError;
use super::regression::{Constant, Table, Trained};

pub(super) type Matrix = DenseMatrix<f64>;

/// A trained model that answers row by row.
struct Model<M> {
    inner: M,
    predict: fn(&M, &Matrix) -> Result<Vec<f64>, Failed>,
}

impl<M: Send> Trained for Model<M> {
    fn predict(&self, row: &[f64]) -> f64 {
        let row = DenseMatrix::new(1, row.len(), row.to_vec(), false).expect("one row of its own length");
        (self.predict)(&self.inner, &row).expect("a trained model predicts every row")[0]
    }
}

/// Trains on a table. One of equal targets is told by their value, which sums in floats would miss.
///
/// # Errors
/// [`ForecastError::Failed`] with what the crate says.
pub(super) fn train<M: Send + 'static>(
    model: &'static str,
    table: Table<'_>,
    fit: impl FnOnce(&Matrix, &Vec<f64>) -> Result<M, Failed>,
    predict: fn(&M, &Matrix) -> Result<Vec<f64>, Failed>,
) -> Result<Box<dyn Trained>, ForecastError> {
    if let Some(value) = table.constant() {
        return Ok(Box::new(Constant(value)));
    }
    // Column after column, as splits are searched.
    let by_column = (0..table.width).flat_map(|i| table.values.iter().skip(i).step_by(table.width).copied()).collect();
    let trained = DenseMatrix::new(table.targets.len(), table.width, by_column, true).and_then(|x| fit(&x, &table.targets.to_vec()));
    match trained {
        Ok(inner) => Ok(Box::new(Model { inner, predict })),
        Err(error) => Err(ForecastError::Failed { model, problem: error.to_string() }),
    }
}
