//! The sum of squared residuals of a Prophet mean, and its gradient: row by row, or from cross products computed once.
//!
//! mean = trend · (1 + multiplicative features) + additive features, trend = k·t + m + Σ δⱼ·(t − sⱼ)₊. Without multiplicative features
//! the mean is linear in all parameters, so that one matrix of cross products replaces the rows: an evaluation then costs the square
//! of the number of parameters, however long the history. Taylor & Letham, "Forecasting at scale" (2018), §3.

use std::ops::Range;

use augurs::prophet::TrendIndicator;
use augurs::prophet::optimizer::Data;

/// The regression behind a posterior. Parameters stand as `[k, m, δ…, β…]`, β in the order of `order`.
pub(super) struct Rows {
    y: Vec<f64>,
    t: Vec<f64>,
    /// Changepoints in order, with the first row at or after each.
    changes: Vec<(f64, usize)>,
    /// Features, one column after the other.
    columns: Vec<f64>,
    additive: Vec<f64>,
    multiplicative: Vec<f64>,
    trend: Trend,
    /// Per column here, its number in the data it came from.
    pub(super) order: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Trend {
    Linear,
    Flat,
}

impl Rows {
    /// The rows of augurs' data, columns sorted by content: augurs keeps features in hash maps, whose order differs between runs, and
    /// the order of a sum decides its last digits.
    pub(super) fn new(data: &Data) -> Self {
        let (n, width) = (data.y.len(), data.sigmas.len());
        let column = |j: usize| (0..n).map(move |i| data.X[i * width + j]);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| {
            let by_content = column(a).zip(column(b)).map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne());
            by_content.unwrap_or_else(|| data.sigmas[a].total_cmp(&data.sigmas[b]))
        });
        Self {
            y: data.y.clone(),
            t: data.t.clone(),
            changes: data.t_change.iter().map(|&at| (at, data.t.partition_point(|t| *t < at))).collect(),
            columns: order.iter().flat_map(|&j| column(j)).collect(),
            additive: order.iter().map(|&j| f64::from(data.s_a[j])).collect(),
            multiplicative: order.iter().map(|&j| f64::from(data.s_m[j])).collect(),
            trend: if data.trend_indicator == TrendIndicator::Flat { Trend::Flat } else { Trend::Linear },
            order,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.y.len()
    }

    /// Number of parameters: rate, level, changes and features.
    pub(super) fn width(&self) -> usize {
        2 + self.changes.len() + self.order.len()
    }

    fn column(&self, j: usize) -> &[f64] {
        &self.columns[j * self.len()..(j + 1) * self.len()]
    }

    /// Writes the trend of every row.
    pub(super) fn trend(&self, parameters: &[f64], trend: &mut [f64]) {
        let (mut rate, mut level) = (parameters[0], parameters[1]);
        if self.trend == Trend::Flat {
            trend.fill(level);
            return;
        }
        let mut straight = |rows: Range<usize>, rate: f64, level: f64| {
            for (slot, t) in trend[rows.clone()].iter_mut().zip(&self.t[rows]) {
                *slot = rate * t + level;
            }
        };
        let mut row = 0;
        for ((at, first), delta) in self.changes.iter().zip(&parameters[2..]) {
            straight(row..*first, rate, level);
            row = *first;
            rate += delta;
            level -= at * delta;
        }
        straight(row..self.len(), rate, level);
    }
}

/// The sum of squares as a function of the parameters.
pub(super) enum SumOfSquares {
    /// Any mix of features.
    ByRow(Box<ByRow>),
    /// Additive features only.
    Quadratic(Quadratic),
}

impl SumOfSquares {
    /// The cheaper form that fits the features.
    pub(super) fn new(rows: &Rows) -> Self {
        if rows.multiplicative.iter().any(|share| *share != 0.0) {
            let zeros = vec![0.0; rows.len()];
            return Self::ByRow(Box::new(ByRow { trend: zeros.clone(), residual: zeros.clone(), factor: zeros.clone(), slope: zeros }));
        }
        Self::Quadratic(Quadratic::new(rows))
    }

    /// The sum of squared residuals; writes its gradient.
    pub(super) fn evaluate(&mut self, rows: &Rows, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::ByRow(by_row) => by_row.evaluate(rows, parameters, gradient),
            Self::Quadratic(quadratic) => quadratic.evaluate(parameters, gradient),
        }
    }
}

/// Scratch columns of the row-by-row form.
pub(super) struct ByRow {
    trend: Vec<f64>,
    residual: Vec<f64>,
    /// 1 + multiplicative features.
    factor: Vec<f64>,
    /// Derivative of the sum of squares by the trend of each row.
    slope: Vec<f64>,
}

impl ByRow {
    fn evaluate(&mut self, rows: &Rows, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let changes = rows.changes.len();
        let beta = &parameters[2 + changes..];
        rows.trend(parameters, &mut self.trend);
        self.factor.fill(1.0);
        self.residual.copy_from_slice(&rows.y);
        for (j, beta) in beta.iter().enumerate() {
            if rows.multiplicative[j] != 0.0 {
                add(&mut self.factor, beta * rows.multiplicative[j], rows.column(j));
            }
            if rows.additive[j] != 0.0 {
                add(&mut self.residual, -beta * rows.additive[j], rows.column(j));
            }
        }
        for (i, residual) in self.residual.iter_mut().enumerate() {
            *residual -= self.trend[i] * self.factor[i];
            self.slope[i] = -2.0 * *residual * self.factor[i];
        }
        self.trend_gradient(rows, &mut gradient[..2 + changes]);
        // From here on, `trend` holds residual · trend: what a multiplicative feature is weighed with.
        for (trend, residual) in self.trend.iter_mut().zip(&self.residual) {
            *trend *= residual;
        }
        for (j, slot) in gradient[2 + changes..].iter_mut().enumerate() {
            let by_level = if rows.additive[j] != 0.0 { rows.additive[j] * dot(&self.residual, rows.column(j)) } else { 0.0 };
            let by_trend = if rows.multiplicative[j] != 0.0 { rows.multiplicative[j] * dot(&self.trend, rows.column(j)) } else { 0.0 };
            *slot = -2.0 * (by_level + by_trend);
        }
        dot(&self.residual, &self.residual)
    }

    /// Derivatives by rate, level and changes, from sums over the rows after each change.
    fn trend_gradient(&self, rows: &Rows, gradient: &mut [f64]) {
        gradient.fill(0.0);
        if rows.trend == Trend::Flat {
            gradient[1] = self.slope.iter().sum();
            return;
        }
        let (mut sum, mut moment, mut end) = (0.0, 0.0, rows.len());
        for (j, (at, first)) in rows.changes.iter().enumerate().rev() {
            for i in *first..end {
                sum += self.slope[i];
                moment += self.slope[i] * rows.t[i];
            }
            end = *first;
            gradient[2 + j] = moment - at * sum;
        }
        for i in 0..end {
            sum += self.slope[i];
            moment += self.slope[i] * rows.t[i];
        }
        (gradient[0], gradient[1]) = (moment, sum);
    }
}

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
    fn new(rows: &Rows) -> Self {
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

    fn evaluate(&mut self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
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

/// Dot product in four running sums, which the compiler can keep in one register.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (whole_a, whole_b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in whole_a.zip(whole_b) {
        for lane in 0..4 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (slot, x) in to.iter_mut().zip(what) {
        *slot += factor * x;
    }
}

#[cfg(test)]
impl Rows {
    /// A regression of any shape, for tests.
    pub(super) fn example(multiplicative: bool, flat: bool) -> Self {
        let n = 40;
        let t: Vec<f64> = (0..n).map(|i| i as f64 / (n - 1) as f64).collect();
        let wave = |i: usize, j: usize| libm::sin(0.7 * (i * (j + 1)) as f64 + j as f64);
        Self {
            y: (0..n).map(|i| 0.5 + 0.3 * t[i] + 0.1 * wave(i, 0) + 0.05 * wave(i, 5)).collect(),
            changes: [0.2, 0.5, 0.7].iter().map(|&at| (at, t.partition_point(|t| *t < at))).collect(),
            columns: (0..3).flat_map(|j| (0..n).map(move |i| wave(i, j))).collect(),
            additive: vec![1.0, if multiplicative { 0.0 } else { 1.0 }, 1.0],
            multiplicative: vec![0.0, if multiplicative { 1.0 } else { 0.0 }, 0.0],
            trend: if flat { Trend::Flat } else { Trend::Linear },
            order: vec![0, 1, 2],
            t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: [f64; 8] = [0.3, 0.4, 0.2, -0.5, 0.1, 0.07, -0.2, 0.03];

    #[test]
    fn gradients_are_the_slopes_of_the_values() {
        for (multiplicative, flat) in [(false, false), (true, false), (false, true), (true, true)] {
            let rows = Rows::example(multiplicative, flat);
            let mut squares = SumOfSquares::new(&rows);
            let (mut gradient, mut scratch) = ([0.0; 8], [0.0; 8]);
            squares.evaluate(&rows, &POINT, &mut gradient);
            for j in 0..POINT.len() {
                let mut shifted = POINT;
                shifted[j] += 1e-5;
                let above = squares.evaluate(&rows, &shifted, &mut scratch);
                shifted[j] -= 2e-5;
                let below = squares.evaluate(&rows, &shifted, &mut scratch);
                let slope = (above - below) / 2e-5;
                assert!((slope - gradient[j]).abs() < 1e-7 * (1.0 + slope.abs()), "{multiplicative} {flat} {j}: {slope} {}", gradient[j]);
            }
        }
    }

    #[test]
    fn cross_products_and_rows_agree() {
        for flat in [false, true] {
            let rows = Rows::example(false, flat);
            let zeros = vec![0.0; rows.len()];
            let mut by_row = ByRow { trend: zeros.clone(), residual: zeros.clone(), factor: zeros.clone(), slope: zeros };
            let (mut a, mut b) = ([0.0; 8], [0.0; 8]);
            let one = by_row.evaluate(&rows, &POINT, &mut a);
            let other = Quadratic::new(&rows).evaluate(&POINT, &mut b);
            assert!((one - other).abs() < 1e-12 * one, "{one} {other}");
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-11), "{a:?} {b:?}");
        }
    }
}
