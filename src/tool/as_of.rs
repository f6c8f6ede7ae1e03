//! The only door to data: an archive as it stood at `now`.
//!
//! A row is visible if it was created before `now`; a value of a dimension, if a visible row carries it, so that a version nobody has yet is
//! not in any list; a change, if it began before `now`, and its end only if that lies before `now` too.

use std::ops::Range;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, Zoned};

use super::metric::Metric;
use super::prepared::{Dimension, Prepared, Second, Source};
use super::query::Filter;
use super::rejection::Rejection;
use super::reply;
use crate::data::Change;
use crate::time::{Grid, Step, label};

/// An archive as it stood at an instant.
pub struct AsOf<'a> {
    prepared: &'a Prepared,
    now: Zoned,
    /// What was created before this second is visible.
    limit: Second,
    /// Days that began before `now`.
    days: usize,
}

/// A visible row's table with its limits.
pub(super) struct Visible<'a> {
    pub(super) source: &'a Source,
    /// Rows created before `now`.
    pub(super) rows: usize,
}

/// The days of a range, and the seconds where it has times of day.
pub(super) struct Span {
    pub(super) days: Range<usize>,
    pub(super) seconds: Option<Range<Second>>,
    /// As the reply states it.
    pub(super) range: reply::Range,
}

impl<'a> AsOf<'a> {
    /// Opens an archive at an instant.
    #[must_use]
    pub fn new(prepared: &'a Prepared, now: Zoned) -> Self {
        let at = now.timestamp();
        // Rows have whole seconds: one within the second that is running was created before `now`.
        let limit = at.as_second() + Second::from(at.subsec_nanosecond() > 0);
        let calendar = &prepared.calendar;
        let days = calendar.midnights[..calendar.days()].partition_point(|&midnight| midnight < limit);
        let now = now.with_time_zone(calendar.zone.clone());
        Self { prepared, now, limit, days }
    }

    /// The instant before which everything lies.
    #[must_use]
    pub fn now(&self) -> &Zoned {
        &self.now
    }

    /// The buckets that began before `now`.
    #[must_use]
    pub fn grid(&self) -> Grid {
        let grid = &self.prepared.archive.grid;
        let (mut begun, mut end) = (0, grid.len());
        while begun < end {
            let middle = usize::midpoint(begun, end);
            if grid.stamp(middle).timestamp() < self.now.timestamp() { begun = middle + 1 } else { end = middle }
        }
        grid.slice(0..begun)
    }

    /// First and last day with something to see, if any day has begun.
    #[must_use]
    pub fn days(&self) -> Option<(Date, Date)> {
        let last = self.days.checked_sub(1)?;
        Some((self.prepared.calendar.first, self.date(last)))
    }

    /// Names of the metrics the archive has.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        self.known_metrics().map(|metric| metric.name().to_owned()).collect()
    }

    /// Dimensions of a metric with their visible values by name; empty for a metric that the archive does not have.
    #[must_use]
    pub fn dimensions(&self, metric: &str) -> Vec<(String, Vec<String>)> {
        let Ok(metric) = self.metric(metric) else { return Vec::new() };
        let Some(table) = self.table(metric) else { return Vec::new() };
        let values = |dimension: &Dimension| dimension.visible(table.rows).into_iter().map(|(value, _)| value.to_owned()).collect();
        table.source.dimensions.iter().map(|dimension| (dimension.name.clone(), values(dimension))).collect()
    }

    /// The changes that began before `now`, oldest first; ends that lie after it are hidden.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let began = self.prepared.archive.changes.iter().filter(|change| change.at.timestamp() < self.now.timestamp());
        let hide = |change: &Change| {
            let until = change.until.clone().filter(|until| until.timestamp() < self.now.timestamp());
            Change { until, ..change.clone() }
        };
        let mut changes: Vec<Change> = began.map(hide).collect();
        changes.sort_by_key(|change| change.at.timestamp());
        changes
    }

    fn known_metrics(&self) -> impl Iterator<Item = Metric> {
        Metric::ALL.into_iter().filter(|metric| self.prepared.source(metric.of_tickets()).is_some())
    }

    /// A metric of the archive by name.
    pub(super) fn metric(&self, name: &str) -> Result<Metric, Rejection> {
        let found = self.known_metrics().find(|metric| metric.name() == name);
        found.ok_or_else(|| Rejection::unknown("metric", name, self.known_metrics().map(Metric::name)))
    }

    /// The table a metric is counted from.
    pub(super) fn table(&self, metric: Metric) -> Option<Visible<'a>> {
        self.prepared.source(metric.of_tickets()).map(|source| self.visible(source))
    }

    fn visible(&self, source: &'a Source) -> Visible<'a> {
        Visible { source, rows: source.at.partition_point(|&at| at < self.limit) }
    }

    pub(super) fn prepared(&self) -> &'a Prepared {
        self.prepared
    }

    /// The visible rows of a table in a run of days.
    pub(super) fn rows(&self, table: &Visible<'_>, days: &Range<usize>) -> Range<usize> {
        let rows = table.source.rows(days);
        rows.start.min(table.rows)..rows.end.min(table.rows)
    }

    /// Whether anything was recorded on a day before `now`.
    pub(super) fn recorded(&self, table: &Visible<'_>, day: usize) -> bool {
        table.source.recorded[day].is_some_and(|start| start < self.limit)
    }

    /// Whether a day is over.
    pub(super) fn is_over(&self, day: usize) -> bool {
        day < self.prepared.calendar.days() && self.prepared.calendar.midnights[day + 1] <= self.now.timestamp().as_second()
    }

    /// A day by number.
    pub(super) fn date(&self, day: usize) -> Date {
        self.prepared.calendar.date(day)
    }

    /// The days of a range that can be seen, as numbers and as the reply states them.
    pub(super) fn range(&self, range: &reply::Range) -> Result<(Range<usize>, reply::Range), Rejection> {
        let (from, to) = self.dates(range)?;
        let (first, last) = self.days().ok_or_else(|| self.nothing_yet())?;
        if to < first {
            return Err(self.outside(range, &format!("lies wholly before the first day, {first}")));
        }
        if from > last {
            return Err(self.outside(range, &self.after()));
        }
        let number = |date: Date| usize::try_from(self.prepared.calendar.offset(date)).unwrap_or(0);
        let (from, to) = (from.max(first), to.min(last));
        Ok((number(from)..number(to) + 1, reply::Range { from: from.to_string(), to: to.to_string() }))
    }

    /// The same for a range whose ends may have a time of day, with the seconds it then covers: rows from the first up to, not including,
    /// the second. Only tickets have times; what users do is counted by the day.
    pub(super) fn span(&self, range: &reply::Range, metric: Metric) -> Result<Span, Rejection> {
        if range.from.len() == DATE && range.to.len() == DATE {
            let (days, range) = self.range(range)?;
            return Ok(Span { days, seconds: None, range });
        }
        if !metric.of_tickets() {
            let why = format!("`{}` is counted by the day, the range {}..{} has times", metric.name(), range.from, range.to);
            return Err(Rejection::new(why).hint("give dates, for example 2023-10-01"));
        }
        let (from, to) = (time("from", &range.from, false)?, time("to", &range.to, true)?);
        if from >= to {
            return Err(Rejection::new(format!("range ends before it begins: from {from}, to {to}")).hint("swap `from` and `to`"));
        }
        let second = |at: DateTime| at.to_zoned(self.prepared.calendar.zone.clone()).map_or(self.limit, |at| at.timestamp().as_second());
        let seconds = second(from)..second(to).min(self.limit);
        if seconds.is_empty() {
            return Err(self.outside(range, &self.after()));
        }
        let last = to.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(to).date();
        let (days, _) = self.range(&reply::Range { from: from.date().to_string(), to: last.to_string() })?;
        let write = |at: DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string();
        let end = if seconds.end < second(to) { self.now.datetime() } else { to };
        // As with dates, what lies outside of the archive is not said to have been looked at.
        let (first, end_of_last) = (self.date(days.start).at(0, 0, 0, 0), self.date(days.end).at(0, 0, 0, 0));
        let range = reply::Range { from: write(from.max(first)), to: write(end.min(end_of_last)) };
        Ok(Span { days, seconds: Some(seconds), range })
    }

    /// The dates of a range, checked and with its end before `now`; it may begin before the archive.
    pub(super) fn dates(&self, range: &reply::Range) -> Result<(Date, Date), Rejection> {
        let (from, to) = (date("from", &range.from)?, date("to", &range.to)?);
        if from > to {
            return Err(Rejection::new(format!("range ends before it begins: from {from}, to {to}")).hint("swap `from` and `to`"));
        }
        if from >= self.now.date() && from.to_zoned(self.prepared.calendar.zone.clone()).is_ok_and(|start| start >= self.now) {
            return Err(self.outside(range, &self.after()));
        }
        Ok((from, to.min(self.now.date())))
    }

    /// A day of the archive that has begun.
    pub(super) fn day(&self, name: &str, text: &str) -> Result<usize, Rejection> {
        let date = date(name, text)?;
        let (first, last) = self.days().ok_or_else(|| self.nothing_yet())?;
        if date < first {
            return Err(Rejection::new(format!("`{name}` is {date}, before the first day")).hint(format!("the first day is {first}")));
        }
        if date > last {
            let why = format!("`{name}` is {date}, {}", if date >= self.now.date() { "not yet begun" } else { "after the last day" });
            return Err(Rejection::new(why).hint(format!("the last day is {last}")));
        }
        Ok(usize::try_from(self.prepared.calendar.offset(date)).unwrap_or(0))
    }

    fn outside(&self, range: &reply::Range, how: &str) -> Rejection {
        let rejection = Rejection::new(format!("range {}..{} {how}", range.from, range.to));
        match self.days() {
            Some((first, last)) => rejection.hint(format!("days from {first} to {last} can be seen")),
            None => rejection,
        }
    }

    fn after(&self) -> String {
        format!("lies wholly after now, {}", self.instant(&self.now))
    }

    fn nothing_yet(&self) -> Rejection {
        Rejection::new(format!("nothing was recorded before now, {}", self.instant(&self.now)))
    }

    /// An instant as replies print it: in the zone of the archive.
    pub(super) fn instant(&self, at: &Zoned) -> String {
        label(&at.with_time_zone(self.prepared.calendar.zone.clone()), Step::HOUR)
    }

    /// A second as replies print it.
    pub(super) fn second(&self, at: Second) -> String {
        Timestamp::from_second(at).map_or_else(|_| String::new(), |at| self.instant(&at.to_zoned(self.prepared.calendar.zone.clone())))
    }

    /// A dimension of a metric by name.
    pub(super) fn dimension(&self, metric: Metric, table: &Visible<'a>, name: &str) -> Result<&'a Dimension, Rejection> {
        let known = || table.source.dimensions.iter().map(|dimension| dimension.name.as_str());
        table.source.dimension(name).ok_or_else(|| Rejection::unknown(&format!("dimension of `{}`", metric.name()), name, known()))
    }

    /// A change's entry in a reply.
    pub(super) fn entry(&self, change: Change) -> reply::Deployment {
        reply::Deployment {
            id: change.id,
            kind: change.kind.to_string(),
            at: self.instant(&change.at),
            until: change.until.map(|until| self.instant(&until)),
            title: change.title,
            platform: change.platform,
            version: change.version,
            regions: change.regions,
            rollout: change.rollout,
        }
    }
}

impl Visible<'_> {
    /// The codes that some visible row of a dimension carries for the names asked for.
    pub(super) fn filter(&self, dimension: &Dimension, wanted: &[String]) -> Result<Filter, Rejection> {
        let visible = dimension.visible(self.rows);
        let code = |name: &String| {
            let found = visible.iter().find(|(value, _)| value == name).map(|(_, code)| *code);
            found
                .ok_or_else(|| Rejection::unknown(&format!("value of `{}`", dimension.name), name, visible.iter().map(|(value, _)| *value)))
        };
        if wanted.is_empty() {
            return Err(Rejection::new(format!("the filter on `{}` lists no value", dimension.name)).hint("leave it out, or name a value"));
        }
        Ok((dimension.column, wanted.iter().map(code).collect::<Result<_, _>>()?))
    }
}

/// Length of a date as it is written.
const DATE: usize = 10;

/// A time in the one form that is accepted, or a date: its first instant, or for an end the one after its last.
fn time(name: &str, text: &str, end: bool) -> Result<DateTime, Rejection> {
    if text.len() == DATE {
        let date = date(name, text)?;
        let day = if end { date.tomorrow().unwrap_or(date) } else { date };
        return Ok(day.at(0, 0, 0, 0));
    }
    let parsed = if text.len() == DATE + 6 { text.parse().ok() } else { None };
    parsed.ok_or_else(|| {
        let why = format!("`{name}` is `{text}`, which is neither a date nor a time of day");
        Rejection::new(why).hint("write 2023-10-01, or 2023-10-01T14:00 in the time of the archive")
    })
}

/// A date in the one form that is accepted.
pub(super) fn date(name: &str, text: &str) -> Result<Date, Rejection> {
    let parsed = if text.len() == 10 { text.parse().ok() } else { None };
    parsed.ok_or_else(|| {
        Rejection::new(format!("`{name}` is `{text}`, which is not a date")).hint("write dates as YYYY-MM-DD, for example 2023-10-01")
    })
}
