//! Long files: rows of many series below each other, told apart by key columns.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use ::csv::StringRecord;
use jiff::Timestamp;

use super::super::clock::{Clock, Offsets};
use super::super::csv::Sheet;
use super::super::table::{Columns, HEADER, Row, Table, regressor, value};
use super::super::{ImportError, Imported, Options, regular};
use super::{Held, Keys, Many, TIME_OUT, key_columns, two_roles};

pub(super) fn read(path: &Path, by: &[String], options: &Options) -> Result<Many, ImportError> {
    let sheet = Sheet::open(path, HEADER)?;
    let by = key_columns(&sheet, by, |name| sheet.column(name))?;
    let columns = Columns::pick(&sheet, options, None, &by)?;
    check_roles(&sheet, &by, &columns)?;
    let mut reading = Reading { sheet: &sheet, columns: &columns, options, stamps: Stamps::default() };
    let mut keys = Keys::new(by);
    let mut open: Vec<Open> = Vec::new();
    let mut rows = sheet.rows()?;
    while let Some((row, cells)) = rows.next()? {
        let number = keys.number(&sheet, cells)?;
        if number == open.len() {
            open.push(Open::new(columns.regressors.len()));
        }
        reading.take(&mut open[number], row, cells);
    }
    let name = |column: &usize| sheet.header()[*column].clone();
    let key_columns = keys.columns.iter().map(name).collect();
    let long = Long {
        path: sheet.path().to_owned(),
        time_column: name(&columns.time),
        value_column: name(&columns.value),
        regressors: columns.regressors.iter().map(name).collect(),
        options: options.clone(),
        stamps: reading.stamps.all,
        series: open.into_iter().map(Open::close).collect(),
    };
    Ok(Many::new(key_columns, keys.finish(&sheet)?, Box::new(long)))
}

fn check_roles(sheet: &Sheet, by: &[usize], columns: &Columns) -> Result<(), ImportError> {
    let role = |column: usize| match column {
        _ if column == columns.time => Some(("the time", TIME_OUT)),
        _ if column == columns.value => Some(("the value", "name another column with --by, or another value with --value-column")),
        _ if columns.regressors.contains(&column) => Some(("a regressor", "leave it out of --by or out of --regressors")),
        _ => None,
    };
    match by.iter().find_map(|&column| Some((column, role(column)?))) {
        Some((column, (other, out))) => Err(two_roles(sheet, column, ["the key", other], out)),
        None => Ok(()),
    }
}

/// What is needed to read a row.
struct Reading<'a> {
    sheet: &'a Sheet,
    columns: &'a Columns,
    options: &'a Options,
    stamps: Stamps,
}

impl Reading<'_> {
    /// Takes a row into its series; the first that is wrong is the end of the series.
    fn take(&mut self, open: &mut Open, row: usize, cells: &StringRecord) {
        let Ok(points) = &mut open.points else { return };
        if let Err(error) = self.point(points, &mut open.clock, row, cells) {
            open.points = Err(error);
        }
    }

    fn point(&mut self, points: &mut Points, clock: &mut Clock, row: usize, cells: &StringRecord) -> Result<(), ImportError> {
        let Self { sheet, columns, options, stamps } = self;
        let at = clock.next(sheet, columns.time, row, &cells[columns.time], options.zone.as_ref())?;
        points.values.push(value(sheet, row, columns.value, &cells[columns.value])?.unwrap_or(f64::NAN));
        for (&column, values) in columns.regressors.iter().zip(&mut points.regressors) {
            values.push(regressor(sheet, row, column, &cells[column])?);
        }
        let guess = points.stamps.last().map_or(0, |last| *last as usize + 1);
        points.stamps.push(stamps.number(at, guess));
        points.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        Ok(())
    }
}

/// Every stamp of the file once: many series share most of theirs.
#[derive(Default)]
struct Stamps {
    numbers: HashMap<Timestamp, u32>,
    all: Vec<Timestamp>,
}

impl Stamps {
    /// The number of a stamp, which `guess` may be.
    fn number(&mut self, at: Timestamp, guess: usize) -> u32 {
        let new = u32::try_from(self.all.len()).expect("so many different stamps do not fit in the memory");
        if self.all.get(guess) == Some(&at) {
            return u32::try_from(guess).unwrap_or(new);
        }
        let number = *self.numbers.entry(at).or_insert(new);
        if number == new {
            self.all.push(at);
        }
        number
    }
}

/// The rows of one series.
#[derive(Default)]
struct Points {
    /// NaN where a cell is empty.
    values: Vec<f64>,
    stamps: Vec<u32>,
    rows: Vec<u32>,
    regressors: Vec<Vec<f64>>,
}

/// A series that is being read.
struct Open {
    clock: Clock,
    points: Result<Points, ImportError>,
}

impl Open {
    fn new(regressors: usize) -> Self {
        Self { clock: Clock::default(), points: Ok(Points { regressors: vec![Vec::new(); regressors], ..Points::default() }) }
    }

    fn close(self) -> Closed {
        let shrunk = |mut points: Points| {
            points.values.shrink_to_fit();
            points.stamps.shrink_to_fit();
            points.rows.shrink_to_fit();
            points
        };
        Closed { offsets: self.clock.offsets, points: self.points.map(shrunk).map_err(Arc::new) }
    }
}

/// A series that has been read.
struct Closed {
    offsets: Offsets,
    points: Result<Points, Arc<ImportError>>,
}

struct Long {
    path: String,
    time_column: String,
    value_column: String,
    regressors: Vec<String>,
    options: Options,
    stamps: Vec<Timestamp>,
    series: Vec<Closed>,
}

impl Held for Long {
    fn series(&self, number: usize) -> Result<Imported, Arc<ImportError>> {
        let Closed { offsets, points } = &self.series[number];
        let points = points.as_ref().map_err(Arc::clone)?;
        let row = |i: usize| Row {
            at: self.stamps[points.stamps[i] as usize],
            value: Some(points.values[i]).filter(|value| !value.is_nan()),
            row: points.rows[i] as usize,
        };
        let table = Table {
            files: vec![(self.path.clone(), 0)],
            rows: (0..points.values.len()).map(row).collect(),
            regressors: self.regressors.iter().cloned().zip(points.regressors.iter().cloned()).collect(),
            time_column: self.time_column.clone(),
            value_column: self.value_column.clone(),
            offsets: *offsets,
        };
        regular::build(table, &self.options).map(|(imported, _)| imported).map_err(Arc::new)
    }
}
