//! An archive made ready for questions: made once per incident, shared by every agent that looks into it.
//!
//! Tickets, and sessions joined with the attributes of their users, become frames of codes in order of time, cut by civil days of the grid's
//! zone. Holds the whole incident: only [`AsOf`](super::AsOf) may hand any of it out.

use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::query::Frame;
use crate::data::activity::ActivityTable;
use crate::data::archive::Archive;
use crate::data::ticket::{Column, TicketTable};
use crate::time::Grid;

/// An instant in seconds since 1970.
pub(super) type Second = i64;

/// An archive with its frames.
pub struct Prepared {
    pub(super) archive: Archive,
    pub(super) calendar: Calendar,
    pub(super) tickets: Option<Source>,
    pub(super) sessions: Option<Source>,
}

/// The civil days of the archive.
pub(super) struct Calendar {
    pub(super) zone: TimeZone,
    pub(super) first: Date,
    /// Midnight of each day, and of the day after the last.
    pub(super) midnights: Vec<Second>,
}

/// A table as a frame: the day in column 0, the measures of the table, then its dimensions.
pub(super) struct Source {
    pub(super) frame: Frame,
    pub(super) dimensions: Vec<Dimension>,
    /// When each row was created, ascending.
    pub(super) at: Vec<Second>,
    /// Rows before each midnight.
    pub(super) before: Vec<usize>,
    /// Per day, the start of the first recorded bucket that touches it.
    pub(super) recorded: Vec<Option<Second>>,
}

/// A dimension of a table.
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) values: Vec<String>,
    /// Per value, the first row that carries it; beyond the last row for a value that never occurs.
    pub(super) first_row: Vec<usize>,
    /// Its column in the frame.
    pub(super) column: usize,
    /// Whether it can differ between sessions of one user.
    pub(super) of_sessions: bool,
}

/// Columns of the frame of sessions before its dimensions.
pub(super) const USER: usize = 1;
/// Events of a session.
pub(super) const EVENTS: usize = 2;
/// The day of a row, in every frame.
pub(super) const DAY: usize = 0;

impl Prepared {
    /// Makes the frames of an archive.
    #[must_use]
    pub fn new(archive: Archive) -> Self {
        let calendar = Calendar::new(&archive.grid);
        let tickets = archive.tickets.as_deref().map(|table| tickets(table, &calendar));
        let sessions = archive.activity.as_deref().map(|table| sessions(table, &calendar));
        Self { archive, calendar, tickets, sessions }
    }

    /// The table behind a metric of tickets or of sessions.
    pub(super) fn source(&self, of_tickets: bool) -> Option<&Source> {
        if of_tickets { self.tickets.as_ref() } else { self.sessions.as_ref() }
    }
}

impl Calendar {
    fn new(grid: &Grid) -> Self {
        let zone = grid.stamp(0).time_zone().clone();
        let first = grid.stamp(0).date();
        let end = grid.stamp(grid.len()).timestamp().as_second();
        let mut midnights = Vec::new();
        for date in first.series(jiff::Span::new().days(1)) {
            let midnight = date.to_zoned(zone.clone()).expect("a day of the grid lies in the years jiff knows").timestamp().as_second();
            midnights.push(midnight);
            if midnight >= end {
                break;
            }
        }
        Self { zone, first, midnights }
    }

    /// Number of days.
    pub(super) fn days(&self) -> usize {
        self.midnights.len().saturating_sub(1)
    }

    /// A day by number.
    pub(super) fn date(&self, day: usize) -> Date {
        let days = i64::try_from(day).expect("a day number fits in 63 bits");
        self.first.saturating_add(jiff::Span::new().days(days))
    }

    /// Days from the first day to a date, negative before it.
    pub(super) fn offset(&self, date: Date) -> i64 {
        i64::from(date.duration_since(self.first).as_hours() as i32 / 24)
    }

    fn days_of(&self, at: &[Second]) -> Vec<u32> {
        let mut day = 0;
        let day_of = |&at: &Second| {
            while day + 1 < self.midnights.len() && self.midnights[day + 1] <= at {
                day += 1;
            }
            u32::try_from(day).expect("an archive has fewer than four billion days")
        };
        at.iter().map(day_of).collect()
    }

    /// Per day, the start of the first recorded bucket that touches it.
    fn recorded(&self, starts: &[Second], recorded: &[bool]) -> Vec<Option<Second>> {
        let mut days = vec![None; self.days()];
        for (bucket, _) in recorded.iter().enumerate().filter(|(_, recorded)| **recorded) {
            for day in touched(&self.midnights, starts[bucket]..starts[bucket + 1]) {
                days[day] = days[day].or(Some(starts[bucket].max(self.midnights[day])));
            }
        }
        days
    }
}

/// The days that a span of time touches.
fn touched(midnights: &[Second], span: Range<Second>) -> Range<usize> {
    let days = midnights.len().saturating_sub(1);
    let first = midnights.partition_point(|&midnight| midnight <= span.start).saturating_sub(1);
    let end = midnights.partition_point(|&midnight| midnight < span.end).min(days);
    first..end.max(first)
}

/// A dimension before it has a place in a frame.
struct Attribute {
    name: String,
    values: Vec<String>,
    codes: Vec<u32>,
    of_sessions: bool,
}

impl Source {
    fn new(
        measures: Vec<Vec<u32>>,
        columns: Vec<Attribute>,
        at: Vec<Second>,
        starts: &[Second],
        recorded: &[bool],
        calendar: &Calendar,
    ) -> Self {
        let mut frame = vec![calendar.days_of(&at)];
        frame.extend(measures);
        let mut dimensions = Vec::with_capacity(columns.len());
        for Attribute { name, values, codes, of_sessions } in columns {
            dimensions.push(Dimension { name, first_row: first_rows(&codes, values.len()), values, column: frame.len(), of_sessions });
            frame.push(codes);
        }
        Self {
            frame: Frame::new(frame),
            dimensions,
            before: calendar.midnights.iter().map(|midnight| at.partition_point(|at| at < midnight)).collect(),
            recorded: calendar.recorded(starts, recorded),
            at,
        }
    }

    /// The rows of a run of days.
    pub(super) fn rows(&self, days: &Range<usize>) -> Range<usize> {
        self.before[days.start]..self.before[days.end]
    }

    /// A dimension by name.
    pub(super) fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|dimension| dimension.name == name)
    }
}

impl Dimension {
    /// The values that some row before a row carries, with their codes, by name.
    pub(super) fn visible(&self, rows: usize) -> Vec<(&str, u32)> {
        let mut visible: Vec<(&str, u32)> = self
            .values
            .iter()
            .zip(&self.first_row)
            .zip(0..)
            .filter(|((_, first), _)| **first < rows)
            .map(|((value, _), code)| (value.as_str(), code))
            .collect();
        visible.sort_unstable();
        visible
    }
}

fn first_rows(codes: &[u32], values: usize) -> Vec<usize> {
    let mut first = vec![usize::MAX; values];
    for (row, &code) in codes.iter().enumerate() {
        first[code as usize] = first[code as usize].min(row);
    }
    first
}

fn starts(grid: &Grid) -> Vec<Second> {
    (0..=grid.len()).map(|bucket| grid.stamp(bucket).timestamp().as_second()).collect()
}

fn instants(starts: &[Second], buckets: &[u32], seconds: &[u32]) -> Vec<Second> {
    buckets.iter().zip(seconds).map(|(&bucket, &second)| starts[bucket as usize] + Second::from(second)).collect()
}

fn tickets(table: &TicketTable, calendar: &Calendar) -> Source {
    let starts = starts(&table.grid);
    let columns = table.columns.iter().map(|column| widened(column, column.codes.iter().copied(), false)).collect();
    let at = instants(&starts, &table.buckets, &table.seconds);
    Source::new(Vec::new(), columns, at, &starts, &table.recorded, calendar)
}

fn sessions(table: &ActivityTable, calendar: &Calendar) -> Source {
    let starts = starts(&table.grid);
    let of_users =
        table.users.columns.iter().map(|column| widened(column, table.user.iter().map(|&user| column.codes[user as usize]), false));
    let columns = of_users.chain([widened(&table.version, table.version.codes.iter().copied(), true)]).collect();
    let at = instants(&starts, &table.day, &table.second);
    let events = table.events.iter().map(|&events| u32::from(events)).collect();
    Source::new(vec![table.user.clone(), events], columns, at, &starts, &table.recorded, calendar)
}

fn widened(column: &Column, codes: impl Iterator<Item = u16>, of_sessions: bool) -> Attribute {
    Attribute { name: column.name.clone(), values: column.values.clone(), codes: codes.map(u32::from).collect(), of_sessions }
}
