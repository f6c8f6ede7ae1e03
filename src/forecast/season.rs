//! The season of a series, from its step and its data.

use crate::data::Series;

/// The season length in buckets: 7 on daily data, one day below.
#[must_use]
pub fn season_length(history: &Series) -> usize {
    match history.step().per_day() {
        0 | 1 => 7,
        per_day => per_day,
    }
}
