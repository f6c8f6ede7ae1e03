//! The regression part: which columns explain a series, and how much of each.
//!
//! y_t = x_t′β + u_t with u a seasonal ARIMA process; the columns are differenced as the values are. For given ARMA coefficients the β of
//! largest likelihood is generalised least squares: the same filter runs over the values and over every column, and what it leaves is
//! regressed. Harvey & Phillips (1979), "Maximum likelihood estimation of regression models with autoregressive-moving average
//! disturbances", *Biometrika* 66. So the climb is over ARMA coefficients alone, whatever the number and the scales of the columns.

use super::difference::Differencing;
use super::polynomial::Orders;
use super::state_space::StateSpace;
use super::{NAME, unsupported};
use crate::data::Known;
use crate::forecast::ForecastError;
use crate::stats::dual::Dual;

/// What is left of a column after those before it, as a share of its differences, below which it says nothing of its own.
const COLLINEAR: f64 = 1e-7;
/// Differences of a column below this share of its largest magnitude are rounding.
const ROUNDING: f64 = 1e-10;
/// A pivot of the normal equations below this share of its column counts as zero.
const SINGULAR: f64 = 1e-13;
/// Columns filtered at a time.
const LANES: usize = 4;

/// The columns a model knows: `is_holiday` if it takes part, then the regressors by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Regressors {
    holidays: bool,
    names: Vec<String>,
}

impl Regressors {
    /// The columns of `known`; holidays take part where `holidays` says so and `known` has any.
    pub(super) fn new(known: &Known, holidays: bool) -> Self {
        let names = known.regressors().map(|(name, _)| name.to_owned()).collect();
        Self { holidays: holidays && !known.holiday_names().is_empty(), names }
    }

    /// Number of columns.
    pub(super) fn len(&self) -> usize {
        self.names.len() + usize::from(self.holidays)
    }

    /// The columns over the buckets in view.
    pub(super) fn columns(&self, known: &Known) -> Result<Vec<Vec<f64>>, ForecastError> {
        let holidays = self.holidays.then(|| known.holidays().iter().map(|holiday| f64::from(u8::from(holiday.is_some()))).collect());
        let named = self.names.iter().map(|name| {
            let (_, values) = known.regressors().find(|(known, _)| known == name).ok_or_else(|| {
                unsupported(format!("was fitted with the regressor `{name}`: its values must be known for the buckets ahead too"))
            })?;
            match values.iter().position(|value| !value.is_finite()) {
                Some(at) => {
                    Err(unsupported(format!("takes finite regressors only: `{name}` is {} at {}", values[at], known.grid().label(at))))
                }
                None => Ok(values.to_vec()),
            }
        });
        holidays.map(Ok).into_iter().chain(named).collect()
    }

    /// What the columns add to each bucket in view.
    pub(super) fn effects(&self, known: &Known, weights: &[f64]) -> Result<Vec<f64>, ForecastError> {
        if self.len() == 0 {
            return Ok(vec![0.0; known.len()]);
        }
        Ok(effects(&self.columns(known)?, weights, known.len()))
    }
}

/// Σ weight × column, per bucket.
pub(super) fn effects(columns: &[Vec<f64>], weights: &[f64], buckets: usize) -> Vec<f64> {
    (0..buckets).map(|t| columns.iter().zip(weights).map(|(column, weight)| column[t] * weight).sum()).collect()
}

/// The differenced columns as orthonormal ones, over the differences that are there.
///
/// A column that is, to rounding, a sum of the constant and the columns before it has no coefficient of its own and gets 0.
#[derive(Debug, Clone)]
pub(super) struct Design {
    /// Orthonormal columns, row-major: one row per difference, all 0 where it is missing.
    basis: Vec<f64>,
    width: usize,
    /// Per basis column its source (`None`: the constant), the source's scale, and its shares of the basis columns up to itself.
    sources: Vec<Source>,
    /// Number of columns, those without a coefficient included.
    declared: usize,
    with_mean: bool,
    /// Coefficients of ordinary least squares on the basis.
    ordinary: Vec<f64>,
    /// What they leave of the differences.
    pub(super) residuals: Vec<Option<f64>>,
}

#[derive(Debug, Clone)]
struct Source {
    column: Option<usize>,
    scale: f64,
    shares: Vec<f64>,
}

impl Design {
    pub(super) fn new(columns: &[Vec<f64>], differencing: &Differencing, differences: &[Option<f64>], with_mean: bool) -> Self {
        let mut basis: Vec<Vec<f64>> = Vec::new();
        let mut sources = Vec::new();
        let observed = |x: &dyn Fn(usize) -> f64| -> Vec<f64> {
            differences.iter().enumerate().map(|(t, w)| if w.is_some() { x(t) } else { 0.0 }).collect()
        };
        let constant = with_mean.then(|| (None, 1.0, observed(&|_| 1.0)));
        let scaled = columns.iter().enumerate().map(|(j, column)| {
            let largest = column.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
            let scale = if largest > 0.0 { largest } else { 1.0 };
            let column: Vec<Option<f64>> = column.iter().map(|x| Some(x / scale)).collect();
            let lost = differencing.lost();
            (Some(j), scale, observed(&|t| differencing.difference(&column, t + lost).unwrap_or(0.0)))
        });
        let rows = differences.iter().flatten().count() as f64;
        for (column, scale, mut x) in constant.into_iter().chain(scaled) {
            let whole = dot(&x, &x).sqrt();
            // Gram–Schmidt twice is enough: Giraud et al. (2005), "Rounding error analysis of the classical Gram–Schmidt process".
            let mut shares = vec![0.0; basis.len()];
            for _ in 0..2 {
                for (share, other) in shares.iter_mut().zip(&basis) {
                    let along = dot(&x, other);
                    *share += along;
                    x.iter_mut().zip(other).for_each(|(x, other)| *x -= along * other);
                }
            }
            let left = dot(&x, &x).sqrt();
            if left <= COLLINEAR * whole || whole <= ROUNDING * rows.sqrt() {
                continue;
            }
            x.iter_mut().for_each(|x| *x /= left);
            shares.push(left);
            basis.push(x);
            sources.push(Source { column, scale, shares });
        }
        let mut residuals = differences.to_vec();
        let mut ordinary = vec![0.0; basis.len()];
        for _ in 0..2 {
            for (coefficient, x) in ordinary.iter_mut().zip(&basis) {
                let along: f64 = residuals.iter().zip(x).map(|(w, x)| w.unwrap_or(0.0) * x).sum();
                *coefficient += along;
                residuals.iter_mut().zip(x).for_each(|(w, x)| *w = w.map(|w| w - along * x));
            }
        }
        let width = basis.len();
        let basis = (0..differences.len()).flat_map(|t| basis.iter().map(move |x| x[t])).collect();
        Self { basis, width, sources, declared: columns.len(), with_mean, ordinary, residuals }
    }

    /// Number of coefficients that the differences can tell.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// What ordinary least squares expects of every difference, missing ones included.
    pub(super) fn expected(&self, columns: &[Vec<f64>], differencing: &Differencing) -> Vec<f64> {
        let (mean, weights) = self.weights(&vec![0.0; self.width]);
        let effects: Vec<Option<f64>> =
            effects(columns, &weights, self.residuals.len() + differencing.lost()).into_iter().map(Some).collect();
        (differencing.lost()..effects.len()).map(|t| mean + differencing.difference(&effects, t).unwrap_or(0.0)).collect()
    }

    /// The mean of the differences and the weight of every column, from what is added to ordinary least squares on the basis.
    pub(super) fn weights(&self, added: &[f64]) -> (f64, Vec<f64>) {
        let mut left: Vec<f64> = self.ordinary.iter().zip(added).map(|(a, b)| a + b).collect();
        let (mut mean, mut weights) = (0.0, vec![0.0; self.declared]);
        for (k, source) in self.sources.iter().enumerate().rev() {
            let weight = left[k] / source.shares[k];
            left.iter_mut().zip(&source.shares).for_each(|(left, share)| *left -= weight * share);
            match source.column {
                Some(column) => weights[column] = weight / source.scale,
                None => mean = weight,
            }
        }
        (if self.with_mean { mean } else { 0.0 }, weights)
    }
}

/// Generalised least squares at any ARMA coefficients, with all its memory.
#[derive(Debug, Clone)]
pub(super) struct Profile<'a> {
    design: &'a Design,
    space: StateSpace<f64, Dual<LANES>>,
    /// Per observed difference: its standardised innovation, then those of the basis columns.
    filtered: Vec<f64>,
    normal: Vec<f64>,
    /// What generalised least squares adds to the coefficients of ordinary least squares.
    pub(super) added: Vec<f64>,
    /// What both leave of the differences.
    pub(super) residuals: Vec<Option<f64>>,
}

impl<'a> Profile<'a> {
    /// `residuals` are those of the design, or the same with gaps filled.
    pub(super) fn new(orders: Orders, design: &'a Design, residuals: &[Option<f64>]) -> Self {
        let k = design.width;
        Self {
            design,
            space: StateSpace::new(orders),
            filtered: vec![0.0; if k == 0 { 0 } else { residuals.len() * (k + 1) }],
            normal: vec![0.0; k * k],
            added: vec![0.0; k],
            residuals: residuals.to_vec(),
        }
    }

    /// Finds the regression coefficients at ARMA coefficients; `values` is what `new` was given.
    pub(super) fn solve(&mut self, coefficients: &[f64], values: &[Option<f64>], complete: bool) {
        let k = self.design.width;
        if k == 0 {
            return;
        }
        let rows = self.filter(coefficients, values, complete);
        self.normal.fill(0.0);
        self.added.fill(0.0);
        for row in self.filtered.chunks_exact(k + 1).take(rows) {
            let (y, x) = (row[0], &row[1..]);
            for i in 0..k {
                self.added[i] += x[i] * y;
                for j in 0..=i {
                    self.normal[i * k + j] += x[i] * x[j];
                }
            }
        }
        solve_positive(&mut self.normal, &mut self.added);
        self.subtract(values);
    }

    /// Takes what was added off the values.
    pub(super) fn subtract(&mut self, values: &[Option<f64>]) {
        let rows = self.design.basis.chunks_exact(self.design.width);
        for ((residual, value), row) in self.residuals.iter_mut().zip(values).zip(rows) {
            *residual = value.map(|value| value - dot(row, &self.added));
        }
    }

    /// Fills the standardised innovations and returns the number of their rows.
    fn filter(&mut self, coefficients: &[f64], values: &[Option<f64>], complete: bool) -> usize {
        let k = self.design.width;
        let mut rows = 0;
        for from in (0..k).step_by(LANES) {
            let lanes = LANES.min(k - from);
            let inputs = values.iter().zip(self.design.basis.chunks_exact(k)).map(|(value, row)| {
                value.map(|value| {
                    let mut input = Dual { value, slopes: [0.0; LANES] };
                    input.slopes[..lanes].copy_from_slice(&row[from..from + lanes]);
                    input
                })
            });
            let filtered = &mut self.filtered;
            let mut at = 0;
            self.space.filter(coefficients, inputs, complete, |innovation| {
                let weight = innovation.variance.map_or(1.0, |variance| 1.0 / variance.sqrt());
                let row = &mut filtered[at * (k + 1)..(at + 1) * (k + 1)];
                row[0] = innovation.error.value * weight;
                for (to, slope) in row[1 + from..].iter_mut().zip(&innovation.error.slopes[..lanes]) {
                    *to = slope * weight;
                }
                at += 1;
            });
            rows = at;
        }
        rows
    }
}

/// Solves A·x = b by Cholesky factors of A's lower triangle, in place; where A is singular, the later unknowns stay 0.
///
/// Not [`crate::stats::cholesky::Cholesky`], which refuses such a matrix and owns its factors: a climb solves one per likelihood, without
/// allocation.
fn solve_positive(matrix: &mut [f64], right: &mut [f64]) {
    let n = right.len();
    for i in 0..n {
        let whole = matrix[i * n + i];
        for j in 0..=i {
            let inner = dot(&matrix[i * n..i * n + j], &matrix[j * n..j * n + j]);
            let rest = matrix[i * n + j] - inner;
            matrix[i * n + j] = if j < i {
                if matrix[j * n + j] > 0.0 { rest / matrix[j * n + j] } else { 0.0 }
            } else if rest > SINGULAR * whole {
                rest.sqrt()
            } else {
                0.0
            };
        }
        let known = dot(&matrix[i * n..i * n + i], &right[..i]);
        right[i] = if matrix[i * n + i] > 0.0 { (right[i] - known) / matrix[i * n + i] } else { 0.0 };
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| matrix[j * n + i] * right[j]).sum();
        right[i] = if matrix[i * n + i] > 0.0 { (right[i] - known) / matrix[i * n + i] } else { 0.0 };
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The error for a number of parameters that does not fit the orders and columns.
pub(super) fn wrong_number(expected: usize, columns: usize, got: usize) -> ForecastError {
    let problem = format!("takes {expected} parameters with these orders and {columns} regressor columns, got {got}");
    ForecastError::Unsupported { model: NAME, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_squares_on_columns_of_any_scale_gives_their_weights() {
        let differencing = Differencing::new(1, 0, 1);
        let columns = [
            (0..40).map(|t| 1e9 * f64::from(t * t % 17)).collect::<Vec<f64>>(),
            vec![3.0; 40],
            (0..40).map(|t| 1e-9 * f64::from(t * 5 % 11)).collect(),
            (0..40).map(f64::from).collect(),
        ];
        let value = |t: usize| Some(5.0 + 2e-9 * columns[0][t] + 4e9 * columns[2][t] + 0.5 * t as f64);
        let values: Vec<Option<f64>> = (0..40).map(value).collect();
        let differences: Vec<Option<f64>> = (1..40).map(|t| differencing.difference(&values, t)).collect();
        let design = Design::new(&columns, &differencing, &differences, true);
        let (mean, weights) = design.weights(&[0.0; 3]);
        // The second column vanishes and the fourth becomes the constant: neither has a weight of its own.
        assert_eq!((design.width(), weights[1], weights[3]), (3, 0.0, 0.0));
        assert!((mean - 0.5).abs() < 1e-10, "{mean}");
        assert!((weights[0] / 2e-9 - 1.0).abs() < 1e-10 && (weights[2] / 4e9 - 1.0).abs() < 1e-10, "{weights:?}");
        assert!(design.residuals.iter().flatten().all(|w| w.abs() < 1e-10));
    }

    #[test]
    fn a_positive_system_is_solved_and_a_singular_one_has_zeros() {
        let (mut matrix, mut right) = ([4.0, 0.0, 2.0, 3.0], [10.0, 8.0]);
        solve_positive(&mut matrix, &mut right);
        assert!((right[0] - 1.75).abs() < 1e-14 && (right[1] - 1.5).abs() < 1e-14, "{right:?}");
        let (mut matrix, mut right) = ([4.0, 0.0, 4.0, 4.0], [8.0, 8.0]);
        solve_positive(&mut matrix, &mut right);
        assert_eq!(right, [2.0, 0.0]);
    }
}
