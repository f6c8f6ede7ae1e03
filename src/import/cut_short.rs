//! A file of tickets that was written within its last bucket: at noon it shows half a day.

use crate::data::ticket::TicketTable;
use crate::time::Grid;

/// Buckets that say when the last ticket of a bucket usually comes.
const BEFORE: usize = 14;

/// What to know of a last bucket that ends earlier than those before it.
#[must_use]
pub fn cut_short(table: &TicketTable) -> Option<String> {
    note(&table.grid, |bucket| table.rows(bucket..bucket + 1).last().map(|row| table.seconds[row]))
}

/// The same of buckets whose last ticket came `last_of` seconds after their start.
pub(super) fn note(grid: &Grid, last_of: impl Fn(usize) -> Option<u32>) -> Option<String> {
    let end = grid.len().checked_sub(1)?;
    let usual = (end.saturating_sub(BEFORE)..end).filter_map(&last_of).min()?;
    let margin = u32::try_from(grid.step().seconds() / 20).unwrap_or(u32::MAX);
    let at = last_of(end).filter(|at| at.saturating_add(margin) < usual)?;
    let time = |second: u32| grid.stamp(end).saturating_add(jiff::SignedDuration::from_secs(second.into())).datetime().time();
    Some(format!(
        "the last ticket of {} came at {}, earlier than in the buckets before it ({} or later): if the file was written within that \
         bucket, its count is low",
        grid.label(end),
        time(at),
        time(usual),
    ))
}
