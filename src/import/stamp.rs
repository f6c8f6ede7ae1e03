//! One time cell: ISO dates and date-times, slashes for dashes, epoch seconds or milliseconds.
//!
//! Written by hand because a general parser would take more than the files should hold: `01/02/2023` is two different days to two
//! readers, so day-first and month-first dates are refused.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// What a time cell should have held.
pub(super) const EXPECTED: &str =
    "a time such as `2023-09-30`, `2023-09-30 14:00:00`, `2023-09-30T14:00:00+02:00` or epoch seconds or milliseconds";

/// A time as it stands in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// A date alone.
    Date(Date),
    /// A wall clock without an offset.
    Wall(DateTime),
    /// An instant; epoch numbers count as UTC.
    Instant(Timestamp, Offset),
}

impl Stamp {
    /// Reads a cell.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(instant) = epoch(text) {
            return Some(Self::Instant(instant, Offset::UTC));
        }
        let (date, rest) = date(text)?;
        if rest.is_empty() {
            return Some(Self::Date(date));
        }
        let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
        let (time, rest) = clock(rest)?;
        let wall = date.to_datetime(time);
        match rest.trim_start() {
            "" => Some(Self::Wall(wall)),
            zone => {
                let offset = offset(zone)?;
                Some(Self::Instant(offset.to_timestamp(wall).ok()?, offset))
            }
        }
    }

    /// Whether the cell is a bare number, which another column could hold by chance.
    pub(super) fn is_number(text: &str) -> bool {
        let text = text.trim();
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The instant it names in a zone; of an hour that occurs twice, the second one if the first is not after `previous`.
    ///
    /// # Errors
    /// What is wrong, when the clocks skip the time.
    pub(super) fn resolve(self, zone: &TimeZone, previous: Option<Timestamp>) -> Result<Timestamp, &'static str> {
        const RANGE: &str = "a time within the years 1 to 9000";
        let wall = match self {
            Self::Instant(instant, _) => return Ok(instant),
            Self::Date(date) => return date.to_zoned(zone.clone()).map(|start| start.timestamp()).map_err(|_| RANGE),
            Self::Wall(wall) => wall,
        };
        let offset = match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { .. } => return Err("a time that exists: the clocks of the zone skip this one"),
            AmbiguousOffset::Fold { before, after } => match (before.to_timestamp(wall), previous) {
                (Ok(first), Some(previous)) if first <= previous => after,
                _ => before,
            },
        };
        offset.to_timestamp(wall).map_err(|_| RANGE)
    }
}

/// 9 or 10 digits are seconds and 12 or 13 milliseconds: from 1973 to 2286.
fn epoch(text: &str) -> Option<Timestamp> {
    if !Stamp::is_number(text) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9 | 10 => Timestamp::from_second(number).ok(),
        12 | 13 => Timestamp::from_millisecond(number).ok(),
        _ => None,
    }
}

/// `YYYY-MM-DD` or `YYYY/MM/DD`, and what follows.
fn date(text: &str) -> Option<(Date, &str)> {
    let (year, rest) = number(text, 4, 4)?;
    // A grid must be able to name the end of its last bucket.
    if !(1..=9000).contains(&year) {
        return None;
    }
    let dash = rest.chars().next().filter(|c| matches!(c, '-' | '/'))?;
    let (month, rest) = number(&rest[1..], 1, 2)?;
    let (day, rest) = number(rest.strip_prefix(dash)?, 1, 2)?;
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some((date, rest))
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.fraction`, and what follows.
fn clock(text: &str) -> Option<(Time, &str)> {
    let (hour, rest) = number(text, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    let (second, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 2, 2)?,
        None => (0, rest),
    };
    let (nanosecond, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, _) = number(rest, 1, 9)?;
            (fraction * 10_i64.pow(9 - u32::try_from(digits.min(9)).ok()?), &rest[digits..])
        }
        None => (0, rest),
    };
    let part = |value: i64| i8::try_from(value).ok();
    let time = Time::new(part(hour)?, part(minute)?, part(second)?, i32::try_from(nanosecond).ok()?).ok()?;
    Some((time, rest))
}

/// `Z`, `UTC`, `+02`, `+0200` or `+02:00`.
fn offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z" | "UTC") {
        return Some(Offset::UTC);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2, 2)?;
    let minutes = match rest.strip_prefix(':').unwrap_or(rest) {
        "" => 0,
        rest => number(rest, 2, 2).filter(|(minutes, end)| end.is_empty() && *minutes < 60)?.0,
    };
    Offset::from_seconds(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?).ok()
}

/// A number of `least` to `most` digits (further ones stay in the rest), and what follows.
fn number(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if digits < least {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_names_the_same_instant() {
        let zone = TimeZone::UTC;
        let expected: Timestamp = "2023-09-30T14:00:00Z".parse().expect("a valid instant");
        for text in [
            "2023-09-30 14:00",
            "2023-09-30T14:00:00",
            "2023/09/30 14:00:00.000",
            "2023/9/30 14:00",
            "2023-09-30T16:00:00+02:00",
            "2023-09-30 16:00:00 +0200",
            "2023-09-30T16:00:00+02",
            "2023-09-30T14:00:00Z",
            "2023-09-30 14:00:00 UTC",
            "1696082400",
            "1696082400000",
        ] {
            let stamp = Stamp::parse(text).unwrap_or_else(|| panic!("{text} is a time"));
            assert_eq!(stamp.resolve(&zone, None), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_two_readers_read_differently_is_not_a_time() {
        for text in
            ["01/02/2023", "2023-13-01", "2023-02-29", "20230930", "2023-09-30x", "2023-09-30 25:00", "12", "", "2023-09", "2023-09/30"]
        {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_hour_that_occurs_twice_is_told_apart_by_the_row_before() {
        let zone = TimeZone::get("Europe/Berlin").expect("the zone is compiled in");
        let twice = Stamp::parse("2023-10-29 02:00").expect("a time");
        let first = twice.resolve(&zone, None).expect("it exists");
        let second = twice.resolve(&zone, Some(first)).expect("it exists");
        assert_eq!(second.as_second() - first.as_second(), 3600);
        assert!(Stamp::parse("2023-03-26 02:30").expect("a time").resolve(&zone, None).is_err());
    }
}
