//! What each metric counts, per day and group.
//!
//! `tickets` counts tickets; `dau` distinct users with a session on the day; `wau` distinct users over the seven days that end with the day;
//! `events_per_user` events of the day over its dau. A day on which nothing was recorded has no value, and `wau` none while one of its seven
//! days has none: a week with a hole would look like a loss of users.

use std::borrow::Cow;
use std::ops::Range;

use super::as_of::{AsOf, Visible};
use super::prepared::{DAY, Dimension, EVENTS, Second, USER};
use super::query::{Filter, Rows, tally};
use super::rejection::Rejection;
use super::reply::Scope;

/// A metric of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Tickets,
    Dau,
    Wau,
    EventsPerUser,
}

/// A group on a day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell {
    /// Whether the day has a value at all.
    pub(super) recorded: bool,
    /// Tickets, users, or events.
    pub(super) amount: u64,
    /// For a ratio, the users below.
    pub(super) users: u64,
}

/// Days of the window of `wau`.
const WEEK: usize = 7;

impl Metric {
    pub(super) const ALL: [Self; 4] = [Self::Dau, Self::EventsPerUser, Self::Tickets, Self::Wau];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Dau => "dau",
            Self::Wau => "wau",
            Self::EventsPerUser => "events_per_user",
        }
    }

    /// Whether it is counted from tickets; the others from sessions.
    pub(super) const fn of_tickets(self) -> bool {
        matches!(self, Self::Tickets)
    }

    /// The value of a cell.
    pub(super) fn value(self, cell: Cell) -> Option<f64> {
        match self {
            _ if !cell.recorded => None,
            Self::EventsPerUser => (cell.users > 0).then(|| cell.amount as f64 / cell.users as f64),
            _ => Some(cell.amount as f64),
        }
    }

    /// What a cell adds to the value of the total: its own count, or its events per user of the total.
    pub(super) fn share(self, cell: Cell, total: Cell) -> Option<f64> {
        self.value(if self == Self::EventsPerUser { Cell { users: total.users, ..cell } } else { cell })
    }
}

/// A metric, narrowed by filters and split by dimensions.
pub(super) struct Cut<'a> {
    pub(super) metric: Metric,
    table: Visible<'a>,
    filters: Vec<Filter>,
    by: Vec<&'a Dimension>,
    /// Rows of these seconds only.
    seconds: Option<Range<Second>>,
}

impl<'a> Cut<'a> {
    /// Checks every name.
    pub(super) fn new<'n>(
        seen: &AsOf<'a>,
        metric: &str,
        by: impl IntoIterator<Item = &'n str>,
        filters: impl IntoIterator<Item = (&'n String, Vec<String>)>,
    ) -> Result<Self, Rejection> {
        let metric = seen.metric(metric)?;
        let table = seen.table(metric).ok_or_else(|| Rejection::new("this archive has no such table"))?;
        let by = by.into_iter().map(|name| seen.dimension(metric, &table, name)).collect::<Result<Vec<_>, _>>()?;
        let filter = |(name, values): (&'n String, Vec<String>)| table.filter(seen.dimension(metric, &table, name)?, &values);
        let filters = filters.into_iter().map(filter).collect::<Result<Vec<_>, _>>()?;
        // Groups and days share one 64-bit key.
        let width: u64 = 1 << 20;
        let groups = by.iter().try_fold(width, |all, dimension| all.checked_mul(dimension.values.len().max(1) as u64));
        if groups.is_none() {
            return Err(Rejection::new("the dimensions have too many combinations").hint("group by fewer dimensions"));
        }
        Ok(Self { metric, table, filters, by, seconds: None })
    }

    /// The same within some seconds.
    pub(super) fn during(&self, seconds: Option<Range<Second>>) -> Self {
        Self { table: Visible { ..self.table }, filters: self.filters.clone(), by: self.by.clone(), seconds, metric: self.metric }
    }

    /// Per day, whether the metric has a value.
    fn recorded(&self, seen: &AsOf<'_>, days: &Range<usize>) -> Vec<bool> {
        let one = |day: usize| seen.recorded(&self.table, day);
        match self.metric {
            Metric::Wau => days.clone().map(|day| day + 1 >= WEEK && (day + 1 - WEEK..=day).all(one)).collect(),
            _ => days.clone().map(one).collect(),
        }
    }

    /// The days of the total of an ungrouped cut.
    pub(super) fn total(&self, seen: &AsOf<'_>, days: &Range<usize>) -> Vec<Cell> {
        let mut total = self.empty(seen, days);
        let whole = Self {
            metric: self.metric,
            table: Visible { ..self.table },
            filters: self.filters.clone(),
            by: Vec::new(),
            seconds: self.seconds.clone(),
        };
        whole.each_group(seen, days, |_, cells| total.copy_from_slice(cells));
        total
    }

    /// The total per day, and the codes and days of every group that has a row, in order of codes.
    pub(super) fn groups(&self, seen: &AsOf<'_>, days: &Range<usize>) -> (Vec<Cell>, Vec<Group>) {
        let mut groups = Vec::new();
        self.each_group(seen, days, |codes, cells| groups.push(Group { codes: codes.to_vec(), cells: cells.to_vec() }));
        // A user with sessions of two versions is in the group of each, and once in the total.
        if self.metric != Metric::Tickets && self.by.iter().any(|dimension| dimension.of_sessions) {
            return (self.total(seen, days), groups);
        }
        let mut total = self.empty(seen, days);
        for group in &groups {
            for (total, cell) in total.iter_mut().zip(&group.cells) {
                (total.amount, total.users) = (total.amount + cell.amount, total.users + cell.users);
            }
        }
        (total, groups)
    }

    /// Days without a row.
    fn empty(&self, seen: &AsOf<'_>, days: &Range<usize>) -> Vec<Cell> {
        self.recorded(seen, days).into_iter().map(|recorded| Cell { recorded, ..Cell::default() }).collect()
    }

    /// Calls `f` with the codes and the days of every group that has a row, in order of codes.
    fn each_group(&self, seen: &AsOf<'_>, days: &Range<usize>, mut f: impl FnMut(&[u32], &[Cell])) {
        let counts = self.counts(seen, days);
        let width = days.len() as u64;
        let mut cells = self.empty(seen, days);
        let mut codes = Vec::new();
        for group in counts.chunk_by(|a, b| a.0 / width == b.0 / width) {
            for cell in &mut cells {
                (cell.amount, cell.users) = (0, 0);
            }
            for &(key, amount, users) in group {
                let cell = &mut cells[usize::try_from(key % width).expect("a day number fits")];
                (cell.amount, cell.users) = (amount, users);
            }
            self.unpack(group[0].0 / width, &mut codes);
            f(&codes, &cells);
        }
    }

    /// `(group and day, amount, users)` of the cells with a row, sorted.
    fn counts(&self, seen: &AsOf<'_>, days: &Range<usize>) -> Vec<(u64, u64, u64)> {
        let amounts = |tally: Vec<(u64, u64)>| tally.into_iter().map(|(key, amount)| (key, amount, 0)).collect();
        if self.metric == Metric::Wau {
            return amounts(self.weeks(seen, days));
        }
        let rows = self.select(seen, days);
        let (day, groups) = (rows.take(DAY), self.codes(&rows));
        let (width, start) = (days.len() as u64, days.start as u64);
        let end = groups.end() * width;
        let key = |row: usize| groups.of(row) * width + (u64::from(day[row]) - start);
        if self.metric == Metric::Tickets {
            return amounts(tally(end, (0..day.len()).map(|row| (key(row), 1))));
        }
        let users = tally(end, self.visits(&rows, &day).map(|visit| (key(visit.row), 1)));
        if self.metric == Metric::Dau {
            return amounts(users);
        }
        // Every session has a user, so both tallies have the same keys.
        let events = tally(end, rows.take(EVENTS).iter().enumerate().map(|(row, &events)| (key(row), events)));
        events.into_iter().zip(users).map(|((key, events), (_, users))| (key, events, users)).collect()
    }

    /// Users of the last seven days. A visit covers the days that no earlier visit of the same user covers: it opens on the first of them and
    /// closes seven days after the visit, so that users of a day are openings less closings until then.
    fn weeks(&self, seen: &AsOf<'_>, days: &Range<usize>) -> Vec<(u64, u64)> {
        let rows = self.select(seen, &(days.start.saturating_sub(WEEK - 1)..days.end));
        let day = rows.take(DAY);
        let groups = self.codes(&rows);
        let (width, start) = (days.len() as u64, days.start as u64);
        let visits: Vec<Visit> = self.visits(&rows, &day).collect();
        let end = groups.end() * width;
        let place = |visit: &Visit, day: u64| (day < width).then(|| (groups.of(visit.row) * width + day, 1));
        let opened = visits.iter().filter_map(|visit| place(visit, u64::from(visit.opens).saturating_sub(start)));
        let closed = visits.iter().filter_map(|visit| place(visit, u64::from(day[visit.row]) + WEEK as u64 - start));
        running(&tally(end, opened), &tally(end, closed), width)
    }

    fn select(&self, seen: &AsOf<'_>, days: &Range<usize>) -> Rows<'a> {
        let mut rows = seen.rows(&self.table, days);
        if let Some(seconds) = &self.seconds {
            let before = |second: Second| self.table.source.at[rows.clone()].partition_point(|&at| at < second);
            rows = rows.start + before(seconds.start)..rows.start + before(seconds.end);
        }
        self.table.source.frame.select(rows, &self.filters)
    }

    /// The codes of the split in these rows.
    fn codes<'r>(&self, rows: &Rows<'r>) -> Codes<'r> {
        Codes::of_columns(self.by.iter().map(|dimension| (dimension.values.len() as u64, rows.take(dimension.column))))
    }

    /// The codes of a group.
    fn unpack(&self, mut group: u64, codes: &mut Vec<u32>) {
        codes.clear();
        for dimension in self.by.iter().rev() {
            let values = dimension.values.len() as u64;
            codes.push(u32::try_from(group % values).expect("a code has 32 bits"));
            group /= values;
        }
        codes.reverse();
    }

    /// The visible values of the first dimension of the split, with their codes, by name.
    pub(super) fn values(&self) -> Vec<(&'a str, u32)> {
        self.by.first().map(|dimension| dimension.visible(self.table.rows)).unwrap_or_default()
    }

    /// What a group has in common.
    pub(super) fn scope(&self, codes: &[u32]) -> Scope {
        let value = |(dimension, code): (&&Dimension, &u32)| (dimension.name.clone(), dimension.values[*code as usize].clone());
        self.by.iter().zip(codes).map(value).collect()
    }

    /// The first row of every user (in every group) on every day.
    fn visits<'r>(&self, rows: &Rows<'r>, day: &'r [u32]) -> impl Iterator<Item = Visit> + use<'r> {
        let users = rows.take(USER);
        // Attributes of users stay, so a user lies in one group; where an attribute of sessions splits them, he counts once in each.
        let split = self.by.iter().filter(|dimension| dimension.of_sessions);
        let split = Codes::of_columns(split.map(|dimension| (dimension.values.len() as u64, rows.take(dimension.column))));
        let each = usize::try_from(split.end()).expect("a column has at most 65,536 values");
        let mut covered = vec![0; users.iter().max().map_or(0, |&user| (user as usize + 1) * each)];
        day.iter().enumerate().filter_map(move |(row, &day)| {
            let id = usize::try_from(split.of(row)).expect("a code fits") + users[row] as usize * each;
            let until = std::mem::replace(&mut covered[id], day + WEEK as u32);
            (until != day + WEEK as u32).then(|| Visit { row, opens: day.max(until) })
        })
    }
}

/// The first session of a user on a day.
struct Visit {
    row: usize,
    /// The first day whose week holds this visit and no earlier one.
    opens: u32,
}

/// The days of a group.
pub(super) struct Group {
    /// One per dimension of the split.
    pub(super) codes: Vec<u32>,
    pub(super) cells: Vec<Cell>,
}

/// Per row, the codes of a split in one number.
enum Codes<'r> {
    Whole,
    One(u64, Cow<'r, [u32]>),
    Many(u64, Vec<u64>),
}

impl<'r> Codes<'r> {
    /// From the number of values and the codes of each dimension. Column by column: a fold per row takes several times as long.
    fn of_columns(columns: impl Iterator<Item = (u64, Cow<'r, [u32]>)>) -> Self {
        columns.fold(Self::Whole, |codes, (values, column)| match codes {
            Self::Whole => Self::One(values, column),
            Self::One(end, first) => {
                Self::Many(end * values, first.iter().zip(column.iter()).map(|(&a, &b)| u64::from(a) * values + u64::from(b)).collect())
            }
            Self::Many(end, mut all) => {
                all.iter_mut().zip(column.iter()).for_each(|(all, &code)| *all = *all * values + u64::from(code));
                Self::Many(end * values, all)
            }
        })
    }

    /// The number of a row.
    fn of(&self, row: usize) -> u64 {
        match self {
            Self::Whole => 0,
            Self::One(_, codes) => u64::from(codes[row]),
            Self::Many(_, codes) => codes[row],
        }
    }

    /// What every number lies below.
    const fn end(&self) -> u64 {
        match self {
            Self::Whole => 1,
            Self::One(end, _) | Self::Many(end, _) => *end,
        }
    }
}

/// Per group and day, openings less closings up to that day.
fn running(opened: &[(u64, u64)], closed: &[(u64, u64)], width: u64) -> Vec<(u64, u64)> {
    let mut counts = Vec::new();
    let mut closed = closed.iter().peekable();
    for group in opened.chunk_by(|a, b| a.0 / width == b.0 / width) {
        let mut opened = group.iter().peekable();
        let mut users = 0;
        for key in group[0].0 / width * width..(group[0].0 / width + 1) * width {
            users += opened.next_if(|(at, _)| *at == key).map_or(0, |(_, n)| *n);
            users -= closed.next_if(|(at, _)| *at == key).map_or(0, |(_, n)| *n);
            counts.push((key, users));
        }
    }
    counts
}
