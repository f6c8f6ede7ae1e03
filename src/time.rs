//! Time: steps, spans, and the regular grid of buckets every series lives on.
//!
//! A bucket is named by its start. Steps of whole days are civil days in the grid's zone (23 or 25 hours long when the clocks change);
//! shorter steps are exact durations.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

const DAY: i64 = 86_400;

/// A length of time that is not one, or a grid that cannot be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TimeError {
    /// The text is not a number and a unit.
    #[error("`{got}` is not a length of time: expected a whole number and a unit (s, min, h, d, w), for example `15min`, `1h` or `7d`")]
    Malformed {
        /// The text.
        got: String,
    },
    /// A step must be positive.
    #[error("a step must be longer than zero")]
    ZeroStep,
    /// A step over a day must be whole days.
    #[error("a step of {got} is neither whole days nor a whole part of a day")]
    OddStep {
        /// The step.
        got: Span,
    },
}

/// A length of time in whole seconds, written `15min`, `12h`, `2d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    seconds: i64,
}

impl Span {
    /// A span of seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self { seconds }
    }
    /// A span of hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self { seconds: hours * 3600 }
    }
    /// A span of days of 24 hours.
    #[must_use]
    pub const fn days(days: i64) -> Self {
        Self { seconds: days * DAY }
    }
    /// Its length in seconds.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.seconds
    }
    /// Its length in days.
    #[must_use]
    pub fn as_days(self) -> f64 {
        self.seconds as f64 / DAY as f64
    }
    /// How many buckets of a step it covers, rounded up.
    #[must_use]
    pub fn buckets(self, step: Step) -> usize {
        usize::try_from(self.seconds.max(0).div_euclid(step.seconds()) + i64::from(self.seconds.rem_euclid(step.seconds()) > 0))
            .unwrap_or(0)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.seconds;
        let text = match s {
            0 => "0d".to_owned(),
            _ if s % DAY == 0 => format!("{}d", s / DAY),
            _ if s % 3600 == 0 => format!("{}h", s / 3600),
            _ if s % 60 == 0 => format!("{}min", s / 60),
            _ => format!("{s}s"),
        };
        f.pad(&text)
    }
}

impl FromStr for Span {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let malformed = || TimeError::Malformed { got: text.to_owned() };
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let number: i64 = trimmed[..split].parse().map_err(|_| malformed())?;
        let unit = match trimmed[split..].trim() {
            "s" | "sec" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => DAY,
            "w" => 7 * DAY,
            _ => return Err(malformed()),
        };
        number.checked_mul(unit).map(Self::seconds).ok_or_else(malformed)
    }
}

impl TryFrom<String> for Span {
    type Error = TimeError;
    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// The width of a bucket: whole days, or a whole part of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Span", into = "Span")]
pub struct Step(Span);

impl Step {
    /// One civil day.
    pub const DAY: Self = Self(Span::days(1));
    /// One hour.
    pub const HOUR: Self = Self(Span::hours(1));

    /// A step of a span.
    ///
    /// # Errors
    /// [`TimeError`] when it is not positive, or neither whole days nor a whole part of a day.
    pub fn new(span: Span) -> Result<Self, TimeError> {
        match span.seconds {
            ..=0 => Err(TimeError::ZeroStep),
            s if s % DAY == 0 || DAY % s == 0 => Ok(Self(span)),
            _ => Err(TimeError::OddStep { got: span }),
        }
    }
    /// Its length in seconds (a day counts 86,400).
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.seconds
    }
    /// Its length as a span.
    #[must_use]
    pub const fn span(self) -> Span {
        self.0
    }
    /// Whether buckets are whole civil days.
    #[must_use]
    pub const fn is_daily(self) -> bool {
        self.0.seconds % DAY == 0
    }
    /// Buckets in a day; 0 when a bucket is longer than a day.
    #[must_use]
    pub fn per_day(self) -> usize {
        usize::try_from(DAY / self.0.seconds).unwrap_or(0)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Step {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::new(text.parse()?)
    }
}

impl TryFrom<Span> for Step {
    type Error = TimeError;
    fn try_from(span: Span) -> Result<Self, TimeError> {
        Self::new(span)
    }
}

impl From<Step> for Span {
    fn from(step: Step) -> Self {
        step.0
    }
}

/// A run of equal buckets in a zone.
///
/// ```
/// use incident_harness::time::{Grid, Step};
/// let grid = Grid::civil("2023-01-01".parse()?, Step::DAY, 273);
/// assert_eq!(grid.label(272), "2023-09-30");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    origin: Zoned,
    step: Step,
    /// Buckets from `origin` to the first of this grid, so that slices of a grid agree with it to the second.
    offset: usize,
    len: usize,
}

impl Grid {
    /// A grid whose first bucket starts at `start`.
    #[must_use]
    pub fn new(start: Zoned, step: Step, len: usize) -> Self {
        Self { origin: start, step, offset: 0, len }
    }

    /// A grid on a clock without a zone (kept as UTC), starting at midnight of a date.
    #[must_use]
    pub fn civil(start: Date, step: Step, len: usize) -> Self {
        let start = start.to_zoned(jiff::tz::TimeZone::UTC).expect("every civil date exists in UTC within jiff's range");
        Self::new(start, step, len)
    }

    /// Width of a bucket.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }
    /// Number of buckets.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }
    /// Whether there is no bucket.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Start of bucket `i`; `i` may lie beyond the end of the grid.
    #[must_use]
    pub fn stamp(&self, i: usize) -> Zoned {
        let n = i64::try_from(i + self.offset).expect("a bucket number fits in 63 bits");
        let moved = if self.step.is_daily() {
            self.origin.checked_add((n * (self.step.seconds() / DAY)).days())
        } else {
            self.origin.checked_add(SignedDuration::from_secs(n * self.step.seconds()))
        };
        moved.expect("a grid stays within the years jiff knows")
    }

    /// End of bucket `i`, which is the start of the next.
    #[must_use]
    pub fn end(&self, i: usize) -> Zoned {
        self.stamp(i + 1)
    }

    /// Wall-clock start of bucket `i`.
    #[must_use]
    pub fn datetime(&self, i: usize) -> DateTime {
        self.stamp(i).datetime()
    }

    /// Start of bucket `i` as people read it: a date for daily buckets, date and time below, with the offset outside UTC.
    #[must_use]
    pub fn label(&self, i: usize) -> String {
        label(&self.stamp(i), self.step)
    }

    /// The bucket that holds an instant, if it lies on this grid.
    #[must_use]
    pub fn index_of(&self, at: &Zoned) -> Option<usize> {
        let estimate = (at.timestamp().as_second() - self.stamp(0).timestamp().as_second()).div_euclid(self.step.seconds());
        // Clock changes move civil days by at most an hour, so the bucket is the estimate or a neighbour.
        (estimate - 1..=estimate + 1)
            .filter_map(|i| usize::try_from(i).ok())
            .find(|&i| i < self.len && self.stamp(i) <= *at && *at < self.stamp(i + 1))
    }

    /// A run of buckets of this grid, as a grid.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        debug_assert!(range.start <= range.end && range.end <= self.len);
        Self { origin: self.origin.clone(), step: self.step, offset: self.offset + range.start, len: range.len() }
    }
}

/// An instant as people read it at a step: a date for daily buckets, date and time below, with the offset outside UTC.
#[must_use]
pub fn label(at: &Zoned, step: Step) -> String {
    let datetime = at.datetime();
    if step.is_daily() && datetime.time() == jiff::civil::Time::midnight() {
        return datetime.date().to_string();
    }
    if at.offset().is_zero() { datetime.to_string() } else { format!("{datetime}{}", at.offset()) }
}

#[derive(Serialize, Deserialize)]
struct GridParts {
    start: Zoned,
    step: Step,
    len: usize,
}

impl Serialize for Grid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        GridParts { start: self.stamp(0), step: self.step, len: self.len }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Grid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = GridParts::deserialize(deserializer)?;
        Ok(Self::new(parts.start, parts.step, parts.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_as_they_are_read() {
        for text in ["15min", "1h", "7d", "90s"] {
            assert_eq!(text.parse::<Span>().map(|span| span.to_string()), Ok(text.to_owned()));
        }
        assert!("7".parse::<Span>().is_err());
        assert!("d".parse::<Span>().is_err());
        assert_eq!("7h".parse::<Step>(), Err(TimeError::OddStep { got: Span::hours(7) }));
    }

    #[test]
    fn a_day_stays_a_civil_day_when_the_clocks_change() {
        let start: Zoned = "2024-03-30T00:00[Europe/Berlin]".parse().expect("a valid instant");
        let grid = Grid::new(start, Step::DAY, 4);
        assert_eq!(grid.label(1), "2024-03-31T00:00:00+01".replace("T00:00:00+01", ""));
        assert_eq!(grid.stamp(2).timestamp().as_second() - grid.stamp(1).timestamp().as_second(), 23 * 3600);
        assert_eq!(grid.index_of(&"2024-03-31T23:30[Europe/Berlin]".parse().expect("a valid instant")), Some(1));
        assert_eq!(grid.slice(1..3).stamp(1), grid.stamp(2));
    }

    #[test]
    fn a_span_covers_whole_buckets() {
        assert_eq!(Span::days(2).buckets(Step::DAY), 2);
        assert_eq!(Span::hours(2).buckets(Step::DAY), 1);
        assert_eq!(Span::hours(2).buckets(Step::HOUR), 2);
        assert_eq!(Span::seconds(0).buckets(Step::HOUR), 0);
    }
}
