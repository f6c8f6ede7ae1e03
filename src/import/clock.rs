//! The times of one series, row by row: rising, and either all with an offset or all without.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::csv::Sheet;
use super::stamp::{self, Stamp};
use super::{ImportError, Place};

/// The offsets that stamps were written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Offsets {
    #[default]
    None,
    One(Offset),
    Mixed,
}

impl Offsets {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            (one, other) if one == other => one,
            _ => Self::Mixed,
        }
    }

    /// The zone of stamps where none was asked for.
    pub(super) fn zone(self) -> TimeZone {
        match self {
            Self::One(offset) if !offset.is_zero() => TimeZone::fixed(offset),
            _ => TimeZone::UTC,
        }
    }
}

/// What the rows of a series so far say of where its next one may stand.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The last row and its time.
    last: Option<(Timestamp, usize)>,
    /// That time as it was written.
    text: String,
    /// Whether the last row had an offset.
    has_offset: Option<bool>,
    pub(super) offsets: Offsets,
}

impl Clock {
    /// The time of the next row, `zone` being that of stamps without an offset where one was asked for.
    pub(super) fn next(
        &mut self,
        sheet: &Sheet,
        column: usize,
        row: usize,
        text: &str,
        zone: Option<&TimeZone>,
    ) -> Result<Timestamp, ImportError> {
        let wrong = |expected: &str| sheet.cell_error(row, column, text, expected);
        let stamp = Stamp::parse(text).ok_or_else(|| wrong(stamp::EXPECTED))?;
        if zone.is_none() && self.has_offset.is_some_and(|before| before != has_offset(stamp)) {
            return Err(wrong("an offset in every row or in none, or a zone given with --zone"));
        }
        let at = stamp.resolve(zone.unwrap_or(&TimeZone::UTC), self.last.map(|(at, _)| at)).map_err(wrong)?;
        if let Some(before) = self.last.filter(|(before, _)| at <= *before) {
            let unzoned = zone.is_none() && !has_offset(stamp);
            return Err(self.refusal(sheet.place(row), text.trim(), at, before, unzoned));
        }
        if let Stamp::Instant(_, offset) = stamp {
            self.offsets = self.offsets.and(Offsets::One(offset));
        }
        self.last = Some((at, row));
        self.has_offset = Some(has_offset(stamp));
        self.text.clear();
        self.text.push_str(text.trim());
        Ok(at)
    }

    fn refusal(&self, place: Place, got: &str, at: Timestamp, (before, before_row): (Timestamp, usize), unzoned: bool) -> ImportError {
        let (got, before_text) = (got.to_owned(), self.text.clone());
        // Clocks go back by an hour at night: local stamps without a zone then repeat an hour.
        let night = unzoned && before.as_second() - at.as_second() < 3600 && at.as_second().rem_euclid(86_400) < 4 * 3600;
        let hourly = night && got.contains(':');
        let hint = if hourly { "; if the clocks went back here, name the zone, for example `--zone Europe/Berlin`" } else { "" };
        if at == before {
            ImportError::Duplicate { place, got, before_row, before: before_text, hint }
        } else {
            ImportError::Backward { place, got, before_row, before: before_text, hint }
        }
    }
}

pub(super) const fn has_offset(stamp: Stamp) -> bool {
    matches!(stamp, Stamp::Instant(..))
}
