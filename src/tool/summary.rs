//! Days of a metric in one number.

use super::metric::{Cell, Metric};
use crate::stats::two_samples::mean;

/// Over a range: the sum for tickets, the mean over recorded days for the others.
pub(super) fn over(metric: Metric, cells: &[Cell]) -> Option<f64> {
    match metric {
        Metric::Tickets => cells.iter().any(|cell| cell.recorded).then(|| values(metric, cells).sum()),
        _ => per_day(metric, cells),
    }
}

/// The mean per recorded day.
pub(super) fn per_day(metric: Metric, cells: &[Cell]) -> Option<f64> {
    mean(&values(metric, cells).collect::<Vec<_>>())
}

/// The values of the days that have one.
pub(super) fn values(metric: Metric, cells: &[Cell]) -> impl Iterator<Item = f64> {
    cells.iter().filter_map(move |&cell| metric.value(cell))
}
