//! Tickets of one's own: a CSV with one row per ticket becomes a ticket table and its texts.
//!
//! Columns, in any order and case: `created_at` (or `created`, `time`, `timestamp`, `datetime`, `date`); if there, `id` (or `ticket_id`),
//! `subject` (or `title`), `body` (or `text`, `description`, `message`), and `tags` (separated by `;`, `,` or `|` in one cell) or `tag_1` to
//! `tag_8`. Every other column of text with at most 200 different values becomes a dimension; columns of numbers and those with more values
//! are ignored with a note. The attributes agents know by name ([`ATTRIBUTES`](super::ATTRIBUTES)) may hold numbers, such as priority 1 to 4, and are found in
//! any spelling, such as `App Version`. A list of tickets cannot tell a day without any from a day that was not recorded, so every bucket
//! between the first and the last ticket counts as recorded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ::csv::StringRecord;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ImportError;
use super::clock::{Offsets, has_offset};
use super::csv::Sheet;
use super::stamp::{self, Stamp};
use super::table::read_out;
use super::ticket_columns::{HEADER, Roles, attribute};
use crate::data::Series;
use crate::data::archive::{Texts, TicketText};
use crate::data::ticket::{Column, MAX_TAGS, TicketTable};
use crate::time::{Grid, Step};

/// A column of text with more different values than this is no dimension.
const MAX_VALUES: usize = 200;
/// What an empty cell of a dimension counts as.
const NOTHING: &str = "(none)";
/// A grid may have this many buckets, and this many more per ticket: a mistyped year must not fill the memory.
const BUCKETS: (u64, u64) = (100_000, 100);

/// How to read a file of tickets.
#[derive(Debug, Clone, Default)]
pub struct TicketOptions {
    /// The time column; absent: found by its name.
    pub time_column: Option<String>,
    /// Width of a bucket; absent: a day.
    pub step: Option<Step>,
    /// The zone of stamps without an offset, and of days; absent: UTC, or the one offset that all stamps have.
    pub zone: Option<TimeZone>,
}

/// Tickets read from a file.
#[derive(Clone)]
pub struct ImportedTickets {
    /// The tickets, oldest first, on a grid from the bucket of the first to that of the last.
    pub table: Arc<TicketTable>,
    /// Their texts, if the file has a column `subject` or `body`.
    pub texts: Option<Arc<dyn Texts>>,
    /// The column the times came from.
    pub time_column: String,
    /// What the user should know of how the file was read.
    pub notes: Vec<String>,
}

impl fmt::Debug for ImportedTickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, texts, time_column, notes } = self;
        let mut shown = f.debug_struct("ImportedTickets");
        shown.field("tickets", &table.len()).field("texts", &texts.is_some());
        shown.field("time_column", time_column).field("notes", notes).finish()
    }
}

/// Texts as they stood in a file.
struct RowTexts {
    subjects: Vec<Box<str>>,
    bodies: Vec<Box<str>>,
}

impl Texts for RowTexts {
    fn text(&self, row: usize) -> TicketText {
        let cell = |cells: &[Box<str>]| cells.get(row).map_or_else(String::new, |cell| cell.to_string());
        TicketText { subject: cell(&self.subjects), body: cell(&self.bodies) }
    }
}

impl ImportedTickets {
    /// Tickets per bucket.
    #[must_use]
    pub fn counts(&self) -> Series {
        let counts = self.table.count(|_| true);
        Series::new(self.table.grid.clone(), counts.into_iter().map(|count| count.map(|count| count as f64)).collect())
    }

    /// Whether the file may be one row per bucket, a series of counts, and not one row per ticket: no bucket holds two rows, or nothing is
    /// said of any ticket.
    #[must_use]
    pub fn may_be_counts(&self) -> bool {
        let bare = self.texts.is_none() && self.table.columns.is_empty() && self.table.tag_names.is_empty();
        bare || self.table.buckets.is_sorted_by(|a, b| a < b)
    }
}

/// Reads a CSV file of tickets; its rows may stand in any order.
///
/// # Errors
/// [`ImportError`] naming file, row and column, what was found and what was expected.
pub fn read_tickets(path: &Path, options: &TicketOptions) -> Result<ImportedTickets, ImportError> {
    let sheet = Sheet::open(path, HEADER)?;
    let roles = Roles::pick(&sheet, options)?;
    let read = Read::rows(&sheet, &roles, options)?;
    let zone = options.zone.clone().unwrap_or_else(|| read.offsets.zone());
    let order = read.order();
    let end = |at: usize| (read.at[order[at]], read.rows[order[at]]);
    let grid = grid(&sheet, [end(0), end(order.len() - 1)], order.len(), options.step.unwrap_or(Step::DAY), &zone)?;
    let mut notes = read.notes(&sheet, &roles);
    let (buckets, seconds) = places(&grid, &read, &order);
    let empty = grid.len() - buckets.iter().collect::<BTreeSet<_>>().len();
    if empty > 0 {
        let (of, step) = (grid.len(), grid.step());
        notes.push(format!("{}: {empty} of {of} buckets of {step} hold no ticket and count as zero", sheet.path()));
    }
    let ids = read.ids(&sheet, &roles, &order, &mut notes)?;
    let (tag_names, tags) = read.tags(&sheet, &order, &mut notes);
    let columns = read.dimensions(&roles, &order);
    let table = TicketTable { recorded: vec![true; grid.len()], grid, ids, buckets, seconds, columns, tag_names, tags };
    let texts = (roles.subject.is_some() || roles.body.is_some()).then(|| {
        let cells = |cells: &[Box<str>]| if cells.is_empty() { Vec::new() } else { order.iter().map(|&row| cells[row].clone()).collect() };
        Arc::new(RowTexts { subjects: cells(&read.subjects), bodies: cells(&read.bodies) }) as Arc<dyn Texts>
    });
    let time_column = sheet.header()[roles.time].clone();
    Ok(ImportedTickets { table: Arc::new(table), texts, time_column, notes })
}

/// The times of tickets, in any order: all with an offset or all without.
pub(super) struct Stamps<'a> {
    options: &'a TicketOptions,
    has_offset: Option<bool>,
    pub(super) offsets: Offsets,
}

impl<'a> Stamps<'a> {
    pub(super) const fn new(options: &'a TicketOptions) -> Self {
        Self { options, has_offset: None, offsets: Offsets::None }
    }

    /// The time of a row.
    pub(super) fn read(&mut self, sheet: &Sheet, column: usize, row: usize, text: &str) -> Result<Timestamp, ImportError> {
        let wrong = |expected: &str| sheet.cell_error(row, column, text, expected);
        let stamp = Stamp::parse(text).ok_or_else(|| wrong(stamp::EXPECTED))?;
        let zone = self.options.zone.as_ref();
        if zone.is_none() && self.has_offset.is_some_and(|before| before != has_offset(stamp)) {
            return Err(wrong("an offset in every row or in none, or a zone given with --zone"));
        }
        self.has_offset = Some(has_offset(stamp));
        if matches!(stamp, Stamp::Date(_)) && self.options.step.is_some_and(|step| !step.is_daily()) {
            return Err(wrong("a date and a time of day, because --step is shorter than a day"));
        }
        if let Stamp::Instant(_, offset) = stamp {
            self.offsets = self.offsets.and(Offsets::One(offset));
        }
        stamp.resolve(zone.unwrap_or(&TimeZone::UTC), None).map_err(wrong)
    }
}

/// A column that may become a dimension.
struct Candidate {
    column: usize,
    /// What the dimension is called.
    name: String,
    /// Whether it is an attribute that agents know by name, which may hold numbers.
    known: bool,
    /// Different values and their numbers in order of appearance, up to one more than a dimension may have.
    values: BTreeMap<Box<str>, u16>,
    /// Per row, its value; no longer kept once there are too many.
    codes: Vec<u16>,
    /// Whether every cell so far is a number or empty.
    numeric: bool,
}

impl Candidate {
    /// The columns that are for nothing else; of two spellings of an attribute the exact one has its name, else the first.
    fn all(sheet: &Sheet, roles: &Roles) -> Vec<Self> {
        let exact = |name: &str| sheet.header().iter().position(|header| header == name);
        let mut taken = BTreeSet::new();
        let new = |&column: &usize| {
            let known = attribute(&sheet.header()[column]);
            let known = known.filter(|name| exact(name).is_none_or(|at| at == column) && taken.insert(*name));
            let name = known.map_or_else(|| sheet.header()[column].clone(), str::to_owned);
            Self { column, name, known: known.is_some(), values: BTreeMap::new(), codes: Vec::new(), numeric: true }
        };
        roles.rest.iter().map(new).collect()
    }

    fn add(&mut self, cell: &str) {
        let cell = cell.trim();
        self.numeric &= cell.is_empty() || cell.parse::<f64>().is_ok();
        if self.values.len() > MAX_VALUES {
            return;
        }
        let next = u16::try_from(self.values.len()).unwrap_or(u16::MAX);
        let code = match self.values.get(cell) {
            Some(code) => *code,
            None => *self.values.entry(cell.into()).or_insert(next),
        };
        self.codes.push(code);
    }

    /// Why it is no dimension, if it is none.
    fn refused(&self) -> Option<&'static str> {
        match self {
            _ if self.values.keys().all(|value| value.is_empty()) => Some("is empty"),
            _ if self.numeric && !self.known => Some("holds numbers"),
            _ if self.values.len() > MAX_VALUES => Some("has more than 200 different values"),
            _ => None,
        }
    }
}

/// The cells of a file, in file order.
struct Read {
    at: Vec<Timestamp>,
    rows: Vec<usize>,
    ids: Vec<Box<str>>,
    subjects: Vec<Box<str>>,
    bodies: Vec<Box<str>>,
    tag_lists: Vec<Vec<u32>>,
    tag_names: BTreeMap<String, u32>,
    candidates: Vec<Candidate>,
    offsets: Offsets,
}

impl Read {
    fn rows(sheet: &Sheet, roles: &Roles, options: &TicketOptions) -> Result<Self, ImportError> {
        let mut read = Self {
            at: Vec::new(),
            rows: Vec::new(),
            ids: Vec::new(),
            subjects: Vec::new(),
            bodies: Vec::new(),
            tag_lists: Vec::new(),
            tag_names: BTreeMap::new(),
            candidates: Candidate::all(sheet, roles),
            offsets: Offsets::None,
        };
        let mut stamps = Stamps::new(options);
        let mut rows = sheet.rows()?;
        while let Some((row, cells)) = rows.next()? {
            read.at.push(stamps.read(sheet, roles.time, row, &cells[roles.time])?);
            read.rows.push(row);
            read.cells(roles, cells);
        }
        read.offsets = stamps.offsets;
        if read.rows.is_empty() { Err(ImportError::HeaderOnly { path: sheet.path().to_owned() }) } else { Ok(read) }
    }

    fn cells(&mut self, roles: &Roles, cells: &StringRecord) {
        let kept = [(roles.id, &mut self.ids), (roles.subject, &mut self.subjects), (roles.body, &mut self.bodies)];
        for (column, kept) in kept {
            kept.extend(column.map(|column| cells[column].trim().into()));
        }
        let mut tags = Vec::new();
        for name in
            roles.tags.iter().flat_map(|&column| cells[column].split([';', ',', '|'])).map(str::trim).filter(|name| !name.is_empty())
        {
            let next = u32::try_from(self.tag_names.len()).unwrap_or(u32::MAX);
            let code = match self.tag_names.get(name) {
                Some(code) => *code,
                None => *self.tag_names.entry(name.to_owned()).or_insert(next),
            };
            tags.push(code);
        }
        self.tag_lists.push(tags);
        for candidate in &mut self.candidates {
            candidate.add(&cells[candidate.column]);
        }
    }

    /// Rows by time; rows of one time stay in file order.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.at.len()).collect();
        order.sort_by_key(|&row| self.at[row]);
        order
    }

    fn notes(&self, sheet: &Sheet, roles: &Roles) -> Vec<String> {
        let mut notes = Vec::new();
        for candidate in &self.candidates {
            if let Some(why) = candidate.refused() {
                notes.push(format!("{}: column `{}` {why} and is ignored", sheet.path(), sheet.header()[candidate.column]));
            }
        }
        if self.at.windows(2).any(|pair| pair[1] < pair[0]) {
            notes.push(format!("{}: rows were sorted by `{}`", sheet.path(), sheet.header()[roles.time]));
        }
        notes
    }

    /// Numbers that rise with the row: the file's own where they do, else the place in time.
    fn ids(&self, sheet: &Sheet, roles: &Roles, order: &[usize], notes: &mut Vec<String>) -> Result<Vec<u64>, ImportError> {
        let numbered = || (1..=order.len() as u64).collect();
        let Some(column) = roles.id else { return Ok(numbered()) };
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for (id, &row) in self.ids.iter().zip(&self.rows) {
            if id.is_empty() {
                return Err(sheet.cell_error(row, column, id, "an id in every row, or no column `id`"));
            }
            if let Some(before_row) = seen.insert(id, row) {
                return Err(ImportError::SameId { place: sheet.place(row), id: id.to_string(), before_row });
            }
        }
        let own: Option<Vec<u64>> = order.iter().map(|&row| self.ids[row].parse().ok()).collect();
        if let Some(own) = own.filter(|own| own.windows(2).all(|pair| pair[0] < pair[1])) {
            return Ok(own);
        }
        notes.push(format!(
            "{}: ids are not whole numbers that rise with time; tickets are numbered from 1 in order of creation",
            sheet.path()
        ));
        Ok(numbered())
    }

    /// Names of the tags in alphabetical order, and one bit per name and row.
    fn tags(&self, sheet: &Sheet, order: &[usize], notes: &mut Vec<String>) -> (Vec<String>, Vec<u64>) {
        let mut uses = vec![0_u64; self.tag_names.len()];
        for code in self.tag_lists.iter().flatten() {
            uses[*code as usize] += 1;
        }
        // The commonest tags, and of equally common ones the first of the alphabet.
        let mut kept: Vec<(&String, u32)> = self.tag_names.iter().map(|(name, code)| (name, *code)).collect();
        kept.sort_by_key(|(name, code)| (std::cmp::Reverse(uses[*code as usize]), *name));
        if kept.len() > MAX_TAGS {
            notes.push(format!("{}: {} different tags, of which the {MAX_TAGS} commonest are kept", sheet.path(), kept.len()));
            kept.truncate(MAX_TAGS);
        }
        kept.sort();
        let mut bits = vec![0_u64; uses.len()];
        for (bit, (_, code)) in kept.iter().enumerate() {
            bits[*code as usize] = 1 << bit;
        }
        let row_bits = |&row: &usize| self.tag_lists[row].iter().fold(0, |all, code| all | bits[*code as usize]);
        (kept.into_iter().map(|(name, _)| name.clone()).collect(), order.iter().map(row_bits).collect())
    }

    /// Columns in file order, values in alphabetical order.
    fn dimensions(&self, roles: &Roles, order: &[usize]) -> Vec<Column> {
        debug_assert_eq!(roles.rest.len(), self.candidates.len());
        let kept = self.candidates.iter().filter(|candidate| candidate.refused().is_none());
        let column = |candidate: &Candidate| {
            let mut codes = vec![0; candidate.values.len()];
            for (new, old) in (0_u16..).zip(candidate.values.values()) {
                codes[usize::from(*old)] = new;
            }
            let read = |value: &str| if value.is_empty() { NOTHING.to_owned() } else { value.to_owned() };
            Column {
                name: candidate.name.clone(),
                values: candidate.values.keys().map(|value| read(value)).collect(),
                codes: order.iter().map(|&row| codes[usize::from(candidate.codes[row])]).collect(),
            }
        };
        kept.map(column).collect()
    }
}

/// The grid from the bucket of the first to that of the last of some tickets, each told by its time and row; buckets shorter than a day are
/// counted from midnight.
pub(super) fn grid(
    sheet: &Sheet,
    [(first, row), (last, _)]: [(Timestamp, usize); 2],
    tickets: usize,
    step: Step,
    zone: &TimeZone,
) -> Result<Grid, ImportError> {
    let midnight = first.to_zoned(zone.clone()).start_of_day();
    let range = |_| sheet.cell_error(row, 0, &first.to_string(), "a time within the years 1 to 9000");
    let midnight = midnight.map_err(range)?;
    let days = Grid::new(midnight.clone(), step, 0);
    let from_midnight = first.as_second() - midnight.timestamp().as_second();
    let skipped = if step.is_daily() { 0 } else { usize::try_from(from_midnight / step.seconds()).unwrap_or(0) };
    let start = days.stamp(skipped);
    let span = u64::try_from(last.as_second() - start.timestamp().as_second()).unwrap_or(0);
    let width = u64::try_from(step.seconds()).unwrap_or(1);
    let buckets = span / width + 1;
    if buckets > BUCKETS.0 + BUCKETS.1 * tickets as u64 {
        return Err(ImportError::Sparse {
            path: sheet.path().to_owned(),
            rows: tickets,
            first: read_out(first, zone),
            last: read_out(last, zone),
            buckets,
            step,
        });
    }
    // A day on which the clocks change is longer or shorter: one bucket more is enough, and cut off where it is not needed.
    let longest = Grid::new(start.clone(), step, usize::try_from(buckets).unwrap_or(0) + 1);
    let len = longest.index_of(&last.to_zoned(zone.clone())).map_or(1, |at| at + 1);
    Ok(Grid::new(start, step, len))
}

/// Bucket of each row and seconds from its start.
fn places(grid: &Grid, read: &Read, order: &[usize]) -> (Vec<u32>, Vec<u32>) {
    let (mut buckets, mut seconds) = (Vec::with_capacity(order.len()), Vec::with_capacity(order.len()));
    let (mut bucket, mut start, mut end) = (0, grid.stamp(0).timestamp(), grid.end(0).timestamp());
    for &row in order {
        let at = read.at[row];
        while at >= end && bucket + 1 < grid.len() {
            bucket += 1;
            (start, end) = (end, grid.end(bucket).timestamp());
        }
        buckets.push(u32::try_from(bucket).unwrap_or(u32::MAX));
        seconds.push(u32::try_from(at.as_second() - start.as_second()).unwrap_or(0));
    }
    (buckets, seconds)
}
