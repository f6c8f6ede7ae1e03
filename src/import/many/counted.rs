//! Tickets counted per key: rows in any order, all series on the buckets of the whole file.

use std::path::Path;
use std::sync::Arc;

use super::super::csv::Sheet;
use super::super::cut_short;
use super::super::ticket_columns::{HEADER, Roles, attribute};
use super::super::tickets::{Stamps, grid};
use super::super::{ImportError, Imported, TicketOptions};
use super::{Held, Keys, Many, TIME_OUT, key_columns, two_roles};
use crate::data::Series;
use crate::time::{Grid, Step};

pub(super) fn read(path: &Path, by: &[String], options: &TicketOptions) -> Result<Many, ImportError> {
    let sheet = Sheet::open(path, HEADER)?;
    let roles = Roles::pick(&sheet, options)?;
    // An attribute is found in any spelling, as elsewhere.
    let spelled =
        |name: &str| sheet.header().iter().position(|header| attribute(header).is_some_and(|known| Some(known) == attribute(name)));
    let find = |name: &str| sheet.column(name).or_else(|error| spelled(name).ok_or(error));
    let by = key_columns(&sheet, by, find)?;
    if by.contains(&roles.time) {
        return Err(two_roles(&sheet, roles.time, ["the key", "the time"], TIME_OUT));
    }
    let mut keys = Keys::new(by);
    let mut stamps = Stamps::new(options);
    let mut seconds: Vec<Vec<i64>> = Vec::new();
    let mut ends = None;
    let mut rows = sheet.rows()?;
    while let Some((row, cells)) = rows.next()? {
        let at = stamps.read(&sheet, roles.time, row, &cells[roles.time])?;
        let number = keys.number(&sheet, cells)?;
        if number == seconds.len() {
            seconds.push(Vec::new());
        }
        // Buckets begin at whole seconds.
        seconds[number].push(at.as_second() - i64::from(at.subsec_nanosecond() < 0));
        let (first, last) = ends.get_or_insert(((at, row), (at, row)));
        *first = (*first).min((at, row));
        *last = (*last).max((at, row));
    }
    let tickets = keys.rows;
    let names = keys.columns.iter().map(|&column| sheet.header()[column].clone()).collect();
    let keys = keys.finish(&sheet)?;
    let zone = options.zone.clone().unwrap_or_else(|| stamps.offsets.zone());
    let Some((first, last)) = ends else { return Err(ImportError::HeaderOnly { path: sheet.path().to_owned() }) };
    let grid = grid(&sheet, [first, last], tickets, options.step.unwrap_or(Step::DAY), &zone)?;
    let starts = (0..=grid.len()).map(|bucket| grid.stamp(bucket).timestamp().as_second()).collect();
    let counted = Counted { grid, starts, seconds, time_column: sheet.header()[roles.time].clone() };
    let notes = counted.notes().into_iter().map(|note| format!("{}: {note}", sheet.path())).collect();
    Ok(Many { notes, ..Many::new(names, keys, Box::new(counted)) })
}

struct Counted {
    grid: Grid,
    /// Where each bucket begins, and where the last one ends.
    starts: Vec<i64>,
    /// Per series, the second of each ticket.
    seconds: Vec<Vec<i64>>,
    time_column: String,
}

impl Counted {
    fn bucket(&self, second: i64) -> usize {
        self.starts.partition_point(|start| *start <= second).saturating_sub(1).min(self.grid.len() - 1)
    }

    fn notes(&self) -> Vec<String> {
        let mut last: Vec<Option<u32>> = vec![None; self.grid.len()];
        for &second in self.seconds.iter().flatten() {
            let bucket = self.bucket(second);
            let within = u32::try_from(second - self.starts[bucket]).unwrap_or(0);
            last[bucket] = last[bucket].max(Some(within));
        }
        let (of, step) = (self.grid.len(), self.grid.step());
        let empty = last.iter().filter(|last| last.is_none()).count();
        let empty = (empty > 0).then(|| format!("{empty} of {of} buckets of {step} hold no ticket and count as zero"));
        empty.into_iter().chain(cut_short::note(&self.grid, |bucket| last[bucket])).collect()
    }
}

impl Held for Counted {
    fn series(&self, number: usize) -> Result<Imported, Arc<ImportError>> {
        let mut counts = vec![0_u32; self.grid.len()];
        for &second in &self.seconds[number] {
            counts[self.bucket(second)] += 1;
        }
        Ok(Imported {
            series: Series::new(self.grid.clone(), counts.into_iter().map(|count| Some(f64::from(count))).collect()),
            regressors: Vec::new(),
            time_column: self.time_column.clone(),
            value_column: "tickets".to_owned(),
            notes: Vec::new(),
        })
    }
}
