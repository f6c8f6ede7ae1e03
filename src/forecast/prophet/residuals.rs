//! The rows of a Prophet regression, and its sum of squared residuals row by row.
//!
//! mean = trend · (1 + multiplicative features) + additive features, trend = k·t + m + Σ δⱼ·(t − sⱼ)₊. Taylor & Letham, "Forecasting at
//! scale" (2018), §3.

use std::ops::Range;

use augurs::prophet::TrendIndicator;
use augurs::prophet::optimizer::Data;

/// The regression behind a posterior. Parameters stand as `[k, m, δ…, β…]`, β in the order of `order`.
pub(super) struct Rows {
    pub(super) y: Vec<f64>,
    pub(super) t: Vec<f64>,
    /// Changepoints in order, with the first row at or after each.
    pub(super) changes: Vec<(f64, usize)>,
    /// Features, one column after the other.
    columns: Vec<f64>,
    pub(super) additive: Vec<f64>,
    pub(super) multiplicative: Vec<f64>,
    pub(super) trend: Trend,
    /// Per column here, its number in the data it came from.
    pub(super) order: Vec<usize>,
}

/// Shape of the trend.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Trend {
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

    pub(super) fn column(&self, j: usize) -> &[f64] {
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
    pub(super) fn new(rows: &Rows) -> Self {
        let zeros = vec![0.0; rows.len()];
        Self { trend: zeros.clone(), residual: zeros.clone(), factor: zeros.clone(), slope: zeros }
    }

    /// The sum of squared residuals; writes its gradient.
    pub(super) fn evaluate(&mut self, rows: &Rows, parameters: &[f64], gradient: &mut [f64]) -> f64 {
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

/// Dot product in four running sums, which the compiler can keep in one register.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
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

/// Adds a multiple of a column.
pub(super) fn add(to: &mut [f64], factor: f64, what: &[f64]) {
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
