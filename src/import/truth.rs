//! Which buckets of a user's series are said to be anomalous.
//!
//! A column `time`: each row marks the bucket that holds it, and neighbours join to one window. Columns `start` and `end`, both
//! inclusive: each row is a window, and only windows that overlap join. A date is its whole day. Other columns are ignored.

use std::ops::Range;
use std::path::Path;

use super::csv::Sheet;
use super::split::{covered, started_before};
use super::stamp::{self, Stamp};
use super::{ImportError, Place};
use crate::data::truth::Window;
use crate::time::Grid;

/// The windows of truth inside the test range.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Truth {
    /// Counted from the first bucket of the grid; in order, without overlap.
    pub windows: Vec<Window>,
    /// Rows that lie outside the test range and are not scored.
    pub notes: Vec<String>,
}

/// Reads a truth file. `test` is the range of test buckets within `grid`; truth outside it is not scored, and noted.
///
/// A file with a header and no rows says that nothing is anomalous.
///
/// # Errors
/// [`ImportError`] when columns or cells cannot be read, or when rows exist and none of them lies in test.
pub fn read_truth(path: &Path, grid: &Grid, test: Range<usize>) -> Result<Truth, ImportError> {
    let sheet = Sheet::open(path, "time")?;
    let columns = Columns::pick(&sheet)?;
    let mut truth = Truth::default();
    let mut outside: Vec<(usize, String)> = Vec::new();
    let mut rows = sheet.rows()?;
    while let Some((row, cells)) = rows.next()? {
        let read = |column: usize| read(&sheet, grid, row, column, &cells[column]);
        let (first, last) = (read(columns.start)?, read(columns.end)?);
        if last.span.end <= first.span.start {
            let place: Place = sheet.place(row);
            return Err(ImportError::EndsBeforeStart { place, start: first.text, end: last.text });
        }
        let window = clip(grid, &first, &last, &test);
        if window.is_none_or(|(_, cut)| cut) {
            outside.push((row, first.text));
        }
        truth.windows.extend(window.map(|(window, _)| window));
    }
    if let (true, Some((row, got))) = (truth.windows.is_empty(), outside.first()) {
        let (first, last) = (grid.label(test.start), grid.label(test.end.saturating_sub(1)));
        return Err(ImportError::TruthOutside { path: sheet.path().to_owned(), first, last, row: *row, got: got.clone() });
    }
    truth.windows = join(truth.windows, usize::from(columns.start == columns.end));
    truth.notes.extend(note(sheet.path(), &outside));
    Ok(truth)
}

struct Columns {
    start: usize,
    end: usize,
}

impl Columns {
    fn pick(sheet: &Sheet) -> Result<Self, ImportError> {
        let named = |name: &str| sheet.header().iter().position(|column| column.eq_ignore_ascii_case(name));
        if let (Some(start), Some(end)) = (named("start"), named("end")) {
            return Ok(Self { start, end });
        }
        let time = ["time", "timestamp", "datetime", "date", "ds"].iter().find_map(|name| named(name));
        if let Some(time) = time {
            return Ok(Self { start: time, end: time });
        }
        if let Some(got) = sheet.header().iter().find(|name| Stamp::parse(name).is_some()) {
            return Err(ImportError::NoHeader { path: sheet.path().to_owned(), got: got.clone(), header: "time" });
        }
        Err(ImportError::TruthColumns { path: sheet.path().to_owned(), columns: sheet.names(0..sheet.header().len()) })
    }
}

/// A cell and what it covers.
struct Read {
    text: String,
    span: Range<jiff::Timestamp>,
}

fn read(sheet: &Sheet, grid: &Grid, row: usize, column: usize, text: &str) -> Result<Read, ImportError> {
    let wrong = |expected| sheet.cell_error(row, column, text, expected);
    let stamp = Stamp::parse(text).ok_or_else(|| wrong(stamp::EXPECTED))?;
    Ok(Read { text: text.trim().to_owned(), span: covered(grid, stamp).map_err(wrong)? })
}

/// The part of a window that lies in test, and whether something was cut off; `None` when nothing is left.
fn clip(grid: &Grid, first: &Read, last: &Read, test: &Range<usize>) -> Option<(Window, bool)> {
    // The buckets that start inside, else the one that holds the beginning.
    let end = started_before(grid, last.span.end);
    let inside = started_before(grid, first.span.start);
    let instant = first.span.end.duration_since(first.span.start).as_nanos() == 1;
    let holds = started_before(grid, first.span.end);
    let start = if instant || inside == holds { holds.checked_sub(1) } else { Some(inside) };
    let beyond = first.span.start >= grid.end(grid.len() - 1).timestamp();
    if end == 0 || beyond {
        return None;
    }
    let (low, high) = (start.unwrap_or(0).max(test.start), end.min(test.end));
    let cut = start.is_none_or(|start| start < test.start) || end > test.end || last.span.start >= grid.end(grid.len() - 1).timestamp();
    (low < high).then(|| (Window { first: low, last: high - 1 }, cut))
}

/// Joins windows that overlap, or that are `reach` buckets apart or less.
fn join(mut windows: Vec<Window>, reach: usize) -> Vec<Window> {
    windows.sort_unstable();
    let mut joined: Vec<Window> = Vec::new();
    for window in windows {
        match joined.last_mut() {
            Some(before) if window.first <= before.last + reach => before.last = before.last.max(window.last),
            _ => joined.push(window),
        }
    }
    joined
}

fn note(path: &str, outside: &[(usize, String)]) -> Option<String> {
    const SHOWN: usize = 5;
    if outside.is_empty() {
        return None;
    }
    let mut rows: Vec<String> = outside.iter().take(SHOWN).map(|(row, text)| format!("row {row} (`{text}`)")).collect();
    if outside.len() > SHOWN {
        rows.push(format!("{} more", outside.len() - SHOWN));
    }
    Some(format!("{path}: outside the test range, and not scored there: {}", rows.join(", ")))
}
