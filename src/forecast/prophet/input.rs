//! A history as Prophet sees it: the buckets with a value, on the clock on the wall, with the effects known there.

use super::effects::{self, Effect};
use super::not_finite;
use crate::data::{Known, Series};
use crate::forecast::ForecastError;
use crate::time::Grid;

/// A history as the model sees it: buckets with a value.
pub(super) struct Input {
    /// Wall-clock seconds.
    pub(super) stamps: Vec<i64>,
    pub(super) y: Vec<f64>,
    /// Their numbers in `known`.
    pub(super) rows: Vec<usize>,
    pub(super) known: Known,
    pub(super) effects: Vec<Effect>,
}

impl Input {
    pub(super) fn new(history: &Series, known: &Known) -> Result<Self, ForecastError> {
        let (rows, y): (Vec<usize>, Vec<f64>) =
            history.values().iter().enumerate().filter_map(|(row, value)| value.map(|value| (row, value))).unzip();
        let stamps = rows.iter().map(|&row| wall_clock(history.grid(), row)).collect();
        let effects = effects::of_history(known, &rows).map_err(|name| not_finite(&name))?;
        Ok(Self { stamps, y, rows, known: known.clone(), effects })
    }

    /// First and last stamp. The clock can go back for an hour, so they are looked for.
    pub(super) fn ends(&self) -> (i64, i64) {
        let fold = |start, pick: fn(i64, i64) -> i64| self.stamps.iter().copied().fold(start, pick);
        (fold(i64::MAX, i64::min), fold(i64::MIN, i64::max))
    }

    /// Seconds from the first to the last value.
    pub(super) fn length(&self) -> i64 {
        let (first, last) = self.ends();
        last.saturating_sub(first)
    }

    /// The smallest distance of two stamps in a row, in seconds.
    pub(super) fn smallest_gap(&self) -> i64 {
        self.stamps.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0).min().unwrap_or(i64::MAX)
    }

    /// What augurs divides values by.
    pub(super) fn scale(&self) -> f64 {
        let largest = self.y.iter().fold(0.0_f64, |largest, y| largest.max(y.abs()));
        if largest > 0.0 { largest } else { 1.0 }
    }
}

/// Wall-clock seconds of a bucket: the count a clock on the wall would give, without a zone.
pub(super) fn wall_clock(grid: &Grid, bucket: usize) -> i64 {
    let stamp = grid.stamp(bucket);
    stamp.timestamp().as_second() + i64::from(stamp.offset().seconds())
}
