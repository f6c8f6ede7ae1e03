//! Where train ends and test begins.

use jiff::{Timestamp, ToSpan};

use super::ImportError;
use super::stamp::{self, Stamp};
use crate::time::Grid;

/// The number of buckets in train: up to and including the one that holds `until` (a date includes its whole day), else the first half.
///
/// # Errors
/// [`ImportError`] when `until` is no time, or leaves train or test empty.
pub fn train_len(grid: &Grid, until: Option<&str>) -> Result<usize, ImportError> {
    if grid.len() < 2 {
        return Err(ImportError::TooShort { got: grid.len() });
    }
    let Some(text) = until else {
        return Ok(grid.len() / 2);
    };
    let wrong = |expected: String| ImportError::TrainUntil { got: text.to_owned(), expected };
    let stamp = until_stamp(text)?;
    let span = covered(grid, stamp).map_err(|expected| wrong(expected.to_owned()))?;
    let n = started_before(grid, span.end);
    if n == 0 || n >= grid.len() || span.start >= grid.end(grid.len() - 1).timestamp() {
        let (first, last) = (grid.label(0), grid.label(grid.len() - 1));
        return Err(wrong(format!("a time before the last of the data, which run from {first} to {last}")));
    }
    Ok(n)
}

/// Refuses a `--train-until` that is no time, whatever the data.
///
/// # Errors
/// [`ImportError::TrainUntil`].
pub fn check_train_until(text: &str) -> Result<(), ImportError> {
    until_stamp(text).map(|_| ())
}

fn until_stamp(text: &str) -> Result<Stamp, ImportError> {
    let wrong = || ImportError::TrainUntil { got: text.to_owned(), expected: stamp::EXPECTED.to_owned() };
    Stamp::parse(text).ok_or_else(wrong)
}

/// What a stamp covers: a date its whole day, an instant itself.
pub(super) fn covered(grid: &Grid, stamp: Stamp) -> Result<std::ops::Range<Timestamp>, &'static str> {
    let zone = grid.stamp(0).time_zone().clone();
    let start = stamp.resolve(&zone, None)?;
    let end = match stamp {
        Stamp::Date(date) => match date.checked_add(1.day()) {
            Ok(next) => Stamp::Date(next).resolve(&zone, None)?,
            Err(_) => start,
        },
        Stamp::Wall(_) | Stamp::Instant(..) => start + 1.nanosecond(),
    };
    Ok(start..end)
}

/// How many buckets start before an instant.
pub(super) fn started_before(grid: &Grid, at: Timestamp) -> usize {
    let (mut low, mut high) = (0, grid.len());
    while low < high {
        let middle = low.midpoint(high);
        if grid.stamp(middle).timestamp() < at { low = middle + 1 } else { high = middle }
    }
    low
}
