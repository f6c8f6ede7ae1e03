//! Days of the calendar, and hours of them: the units of time in tool arguments and replies.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan};

use crate::tool::reply::Range;

/// Days, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Days {
    pub(super) from: Date,
    pub(super) to: Date,
}

impl Days {
    /// As many days as asked for, the last one given.
    pub(super) fn ending(to: Date, len: i64) -> Self {
        Self { from: shift(to, 1 - len), to }
    }

    /// Number of days.
    pub(super) fn len(self) -> i64 {
        between(self.from, self.to) + 1
    }

    /// As many days as asked for, right before these.
    pub(super) fn before(self, len: i64) -> Self {
        Self::ending(shift(self.from, -1), len)
    }

    /// As tools take it.
    pub(super) fn range(self) -> Range {
        Range { from: self.from.to_string(), to: self.to.to_string() }
    }
}

impl From<Days> for Range {
    fn from(days: Days) -> Self {
        days.range()
    }
}

/// A part of a day or two, the end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) from: DateTime,
    pub(super) to: DateTime,
}

impl Hours {
    /// The days it touches.
    pub(super) fn days(self) -> Days {
        let last = self.to.checked_sub(SignedDuration::from_secs(1)).unwrap_or(self.to);
        Days { from: self.from.date(), to: last.date() }
    }

    /// The same hours some days earlier.
    pub(super) fn days_before(self, days: i64) -> Self {
        let back = |at: DateTime| at.checked_sub(days.days()).unwrap_or(at);
        Self { from: back(self.from), to: back(self.to) }
    }
}

impl From<Hours> for Range {
    fn from(hours: Hours) -> Self {
        let write = |at: DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
        Self { from: write(hours.from), to: write(hours.to) }
    }
}

/// Some days later, or earlier. At the ends of the calendar it stays there.
pub(super) fn shift(day: Date, days: i64) -> Date {
    day.checked_add(days.days()).unwrap_or(day)
}

/// Days from one date to another.
pub(super) fn between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// The day that a label begins with: `2023-10-05` and `2023-10-05T14:00:00+02` alike.
pub(super) fn day_of(label: &str) -> Option<Date> {
    label.get(..10).and_then(|date| date.parse().ok())
}

/// The time that a label begins with, if it has one: `2023-10-05T14:00:00+02`.
pub(super) fn time_of(label: &str) -> Option<DateTime> {
    label.get(..19).and_then(|time| time.parse().ok())
}

/// The first date written in a text, year first.
pub(super) fn date_in(text: &str) -> Option<Date> {
    text.char_indices().filter(|(_, c)| c.is_ascii_digit()).find_map(|(at, _)| text.get(at..at + 10).and_then(|part| part.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn ranges_include_both_ends() {
        let week = Days::ending(day("2024-03-03"), 7);
        assert_eq!((week.from, week.len()), (day("2024-02-26"), 7));
        assert_eq!(week.before(28).to, day("2024-02-25"));
    }

    #[test]
    fn a_date_is_found_in_a_question() {
        assert_eq!(date_in("what happened on 2023-10-05, and why?"), Some(day("2023-10-05")));
        assert_eq!(date_in("why did 1000 tickets arrive?"), None);
    }
}
