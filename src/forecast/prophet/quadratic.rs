//! The sum of squares of an additive model from cross products computed once.
//!
//! Without multiplicative features the mean is linear in all parameters, so that one matrix of cross products replaces the rows: an
//! evaluation costs the square of the number of parameters, however long the history.

use super::residuals::{Rows, Trend, add, dot};

/// ‖y − Zθ‖² as a parabola around a near-solution, so that no digits cancel where the residuals are small.
pub(super) struct Quadratic {
    /// Zᵀ·Z, full.
    products: Vec<f64>,
    centre: Vec<f64>,
    /// ‖y − Z·centre‖².
    least: f64,
    /// −2·Zᵀ(y − Z·centre).
    slope: Vec<f64>,
    offset: Vec<f64>,
}

impl Quadratic {
    pub(super) fn new(rows: &Rows) -> Self {
        let (n, width) = (rows.len(), rows.width());
        let design = design(rows);
        let column = |j: usize| &design[j * n..(j + 1) * n];
        let mut products = vec![0.0; width * width];
        for a in 0..width {
            for b in 0..=a {
                let product = dot(column(a), column(b));
                (products[a * width + b], products[b * width + a]) = (product, product);
            }
        }
        let right: Vec<f64> = (0..width).map(|j| dot(column(j), &rows.y)).collect();
        let centre = solve_ridge(&products, &right);
        let mut residual = rows.y.clone();
        for (j, value) in centre.iter().enumerate() {
            add(&mut residual, -value, column(j));
        }
        let slope = (0..width).map(|j| -2.0 * dot(column(j), &residual)).collect();
        Self { products, centre, least: dot(&residual, &residual), slope, offset: vec![0.0; width] }
    }

    /// The sum of squared residuals; writes its gradient.
    pub(super) fn evaluate(&mut self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let width = self.centre.len();
        gradient.fill(0.0);
        for (j, (offset, (value, centre))) in self.offset.iter_mut().zip(parameters.iter().zip(&self.centre)).enumerate() {
            *offset = value - centre;
            add(gradient, *offset, &self.products[j * width..(j + 1) * width]);
        }
        let curved = dot(&self.offset, gradient);
        for (slot, slope) in gradient.iter_mut().zip(&self.slope) {
            *slot = 2.0 * *slot + slope;
        }
        (self.least + dot(&self.slope, &self.offset) + curved).max(0.0)
    }
}

/// The columns that k, m, δ and β multiply in an additive model, one after the other.
fn design(rows: &Rows) -> Vec<f64> {
    let n = rows.len();
    let mut design = vec![0.0; n * rows.width()];
    let (trend, features) = design.split_at_mut(n * (2 + rows.changes.len()));
    if rows.trend == Trend::Linear {
        trend[..n].copy_from_slice(&rows.t);
        for ((at, first), ramp) in rows.changes.iter().zip(trend[2 * n..].chunks_exact_mut(n)) {
            for (slot, t) in ramp[*first..].iter_mut().zip(&rows.t[*first..]) {
                *slot = t - at;
            }
        }
    }
    trend[n..2 * n].fill(1.0);
    for (j, column) in features.chunks_exact_mut(n).enumerate() {
        if rows.additive[j] != 0.0 {
            column.copy_from_slice(rows.column(j));
        }
    }
    design
}

/// Solves (A + ridge)·x = b by Cholesky; the ridge only keeps collinear columns from dividing by zero.
fn solve_ridge(matrix: &[f64], right: &[f64]) -> Vec<f64> {
    let width = right.len();
    let mut factor = matrix.to_vec();
    let size = (0..width).map(|j| matrix[j * width + j]).fold(f64::MIN_POSITIVE, f64::max);
    for j in 0..width {
        factor[j * width + j] += 1e-9 * size;
        for i in j..width {
            let known: f64 = (0..j).map(|k| factor[i * width + k] * factor[j * width + k]).sum();
            let rest = factor[i * width + j] - known;
            factor[i * width + j] = if i == j { rest.max(1e-12 * size).sqrt() } else { rest / factor[j * width + j] };
        }
    }
    let mut x = right.to_vec();
    for i in 0..width {
        let known: f64 = (0..i).map(|k| factor[i * width + k] * x[k]).sum();
        x[i] = (x[i] - known) / factor[i * width + i];
    }
    for i in (0..width).rev() {
        let known: f64 = (i + 1..width).map(|k| factor[k * width + i] * x[k]).sum();
        x[i] = (x[i] - known) / factor[i * width + i];
    }
    x
}
