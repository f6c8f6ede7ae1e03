//! Times and values of a CSV file, in file order: which columns are meant, and what each cell says.

use std::path::Path;

use ::csv::StringRecord;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::clock::{Clock, Offsets};
use super::csv::Sheet;
use super::stamp::{self, Stamp};
use super::{ImportError, Options, Place};

/// Names that time columns have, in lower case.
const TIME_NAMES: &[&str] = &["time", "timestamp", "datetime", "date_time", "date", "ds", "ts", "day", "hour"];
/// Cells for "nothing was recorded", in lower case.
const MISSING: &[&str] = &["", "nan", "null", "na", "n/a", "none"];
/// Rows that are looked at to tell what a column holds.
const SAMPLE: usize = 20;
pub(super) const NUMBER: &str = "a number such as `12.5`, or an empty cell";
pub(super) const HEADER: &str = "time,value";

/// One row of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) value: Option<f64>,
    pub(super) row: usize,
}

/// Rows of one file or of several that follow each other, with rising stamps.
pub(super) struct Table {
    /// Each file and the index of its first row.
    pub(super) files: Vec<(String, usize)>,
    pub(super) rows: Vec<Row>,
    /// Name and one value per row.
    pub(super) regressors: Vec<(String, Vec<f64>)>,
    pub(super) time_column: String,
    pub(super) value_column: String,
    pub(super) offsets: Offsets,
}

impl Table {
    /// Reads a file; `like` is the file before it, whose column names are tried first.
    pub(super) fn read(path: &Path, options: &Options, like: Option<&Self>) -> Result<Self, ImportError> {
        let sheet = Sheet::open(path, HEADER)?;
        let columns = Columns::pick(&sheet, options, like, &[])?;
        let mut table = Self {
            files: vec![(sheet.path().to_owned(), 0)],
            rows: Vec::new(),
            regressors: columns.regressors.iter().map(|&column| (sheet.header()[column].clone(), Vec::new())).collect(),
            time_column: sheet.header()[columns.time].clone(),
            value_column: sheet.header()[columns.value].clone(),
            offsets: Offsets::None,
        };
        let mut clock = Clock::default();
        let mut rows = sheet.rows()?;
        while let Some((row, cells)) = rows.next()? {
            let at = clock.next(&sheet, columns.time, row, &cells[columns.time], options.zone.as_ref())?;
            let value = value(&sheet, row, columns.value, &cells[columns.value])?;
            table.rows.push(Row { at, value, row });
            for (&column, (_, values)) in columns.regressors.iter().zip(&mut table.regressors) {
                values.push(regressor(&sheet, row, column, &cells[column])?);
            }
        }
        table.offsets = clock.offsets;
        Ok(table)
    }

    /// Puts a later file behind this one.
    pub(super) fn append(&mut self, later: Self) -> Result<(), ImportError> {
        let zone = self.offsets.and(later.offsets).zone();
        let (last, first) = (self.rows.len() - 1, &later.rows[0]);
        if first.at <= self.rows[last].at {
            return Err(ImportError::Overlap {
                place: later.place(0),
                got: read_out(first.at, &zone),
                last: read_out(self.rows[last].at, &zone),
                train: self.place(last),
            });
        }
        self.files.extend(later.files.into_iter().map(|(path, start)| (path, start + self.rows.len())));
        self.rows.extend(later.rows);
        for ((_, values), (_, more)) in self.regressors.iter_mut().zip(later.regressors) {
            values.extend(more);
        }
        self.offsets = self.offsets.and(later.offsets);
        Ok(())
    }

    /// The first time of the second file.
    pub(super) fn boundary(&self) -> Option<Timestamp> {
        self.files.get(1).map(|(_, start)| self.rows[*start].at)
    }

    /// The first file as the user named it.
    pub(super) fn path(&self) -> String {
        self.files[0].0.clone()
    }

    /// Where a row stands.
    pub(super) fn place(&self, index: usize) -> Place {
        let file = self.files.iter().rfind(|(_, start)| *start <= index).unwrap_or(&self.files[0]);
        Place { path: file.0.clone(), row: self.rows[index].row }
    }

    /// The zone of the stamps where none was asked for.
    pub(super) fn zone(&self) -> TimeZone {
        self.offsets.zone()
    }
}

/// A time in a message.
pub(super) fn read_out(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_zoned(zone.clone());
    let midnight = zoned.time() == jiff::civil::Time::midnight();
    crate::time::label(&zoned, if midnight { crate::time::Step::DAY } else { crate::time::Step::HOUR })
}

/// A value cell: a finite number, or nothing.
pub(super) fn number(text: &str) -> Result<Option<f64>, &'static str> {
    let text = text.trim();
    if MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)) {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        Ok(_) => Err("a finite number, or an empty cell"),
        Err(_) => Err(NUMBER),
    }
}

/// A cell of a value column.
pub(super) fn value(sheet: &Sheet, row: usize, column: usize, text: &str) -> Result<Option<f64>, ImportError> {
    number(text).map_err(|expected| sheet.cell_error(row, column, text, expected))
}

/// A cell of a regressor.
pub(super) fn regressor(sheet: &Sheet, row: usize, column: usize, text: &str) -> Result<f64, ImportError> {
    let needed = || sheet.cell_error(row, column, text, "a number in every row, because it is a regressor");
    number(text).ok().flatten().ok_or_else(needed)
}

/// Which columns are meant.
pub(super) struct Columns {
    pub(super) time: usize,
    pub(super) value: usize,
    pub(super) regressors: Vec<usize>,
}

impl Columns {
    /// Picks them; `taken` are for something else.
    pub(super) fn pick(sheet: &Sheet, options: &Options, like: Option<&Table>, taken: &[usize]) -> Result<Self, ImportError> {
        let sample = sample(sheet)?;
        let time = match (&options.time_column, like.and_then(|like| sheet.has(&like.time_column))) {
            (Some(name), _) => sheet.column(name)?,
            (None, Some(column)) => column,
            (None, None) => time_column(sheet, &sample)?,
        };
        let regressors = options.regressors.iter().map(|name| sheet.column(name)).collect::<Result<Vec<_>, _>>()?;
        let others = |column: &usize| *column != time && !regressors.contains(column) && !taken.contains(column);
        let value = match (&options.value_column, like.and_then(|like| sheet.has(&like.value_column))) {
            (Some(name), _) => sheet.column(name)?,
            (None, Some(column)) => column,
            (None, None) => value_column(sheet, &sample, time, others)?,
        };
        let columns = Self { time, value, regressors };
        columns.check_roles(sheet)?;
        Ok(columns)
    }

    /// No column plays two roles.
    fn check_roles(&self, sheet: &Sheet) -> Result<(), ImportError> {
        let two = |column: usize, one, other, out| {
            Err(ImportError::TwoRoles { path: sheet.path().to_owned(), name: sheet.header()[column].clone(), one, other, out })
        };
        if self.time == self.value {
            return two(self.time, "time", "value", "name another one with --time-column or --value-column");
        }
        for (i, column) in self.regressors.iter().enumerate() {
            if *column == self.time {
                return two(*column, "time", "regressor", "leave it out of --regressors, or name another one with --time-column");
            }
            if *column == self.value {
                return two(*column, "value", "regressor", "leave it out of --regressors, or name another one with --value-column");
            }
            if self.regressors[..i].contains(column) {
                return two(*column, "one regressor", "another", "name it once in --regressors");
            }
        }
        Ok(())
    }
}

/// The first rows; an error when there is none, or when the header is one of them.
pub(super) fn sample(sheet: &Sheet) -> Result<Vec<StringRecord>, ImportError> {
    if let Some(got) = sheet.header().iter().find(|name| Stamp::parse(name).is_some()) {
        return Err(ImportError::NoHeader { path: sheet.path().to_owned(), got: got.clone(), header: HEADER });
    }
    let mut sample = Vec::new();
    let mut rows = sheet.rows()?;
    while sample.len() < SAMPLE {
        match rows.next()? {
            Some((_, cells)) => sample.push(cells.clone()),
            None => break,
        }
    }
    if sample.is_empty() {
        return Err(ImportError::HeaderOnly { path: sheet.path().to_owned() });
    }
    Ok(sample)
}

/// Whether a column has cells in the sample, and all of them pass a test; empty ones say nothing.
pub(super) fn all(sample: &[StringRecord], column: usize, test: impl Fn(&str) -> bool) -> bool {
    let mut cells = sample.iter().map(|cells| &cells[column]).filter(|cell| !cell.trim().is_empty()).peekable();
    cells.peek().is_some() && cells.all(test)
}

/// The column by its name, then by what it holds; bare numbers last, because values can look like epoch seconds.
pub(super) fn time_column(sheet: &Sheet, sample: &[StringRecord]) -> Result<usize, ImportError> {
    let columns = || 0..sheet.header().len();
    let named = |column: &usize| TIME_NAMES.contains(&sheet.header()[*column].to_lowercase().as_str());
    let times = |column: &usize| all(sample, *column, |cell| Stamp::parse(cell).is_some());
    let bare = |column: &usize| all(sample, *column, Stamp::is_number);
    // A file of one column holds either times or values, and lacks the other.
    columns()
        .find(|column| named(column) && times(column))
        .or_else(|| columns().find(|column| times(column) && !bare(column)))
        .or_else(|| columns().find(times))
        .or_else(|| columns().find(named))
        .ok_or_else(|| ImportError::NoTimeColumn {
            path: sheet.path().to_owned(),
            columns: sheet.names(columns()),
            expected: stamp::EXPECTED,
        })
}

/// The only other column, else the only other one that holds numbers.
fn value_column(sheet: &Sheet, sample: &[StringRecord], time: usize, may: impl Fn(&usize) -> bool) -> Result<usize, ImportError> {
    let others: Vec<usize> = (0..sheet.header().len()).filter(may).collect();
    let numeric: Vec<usize> =
        others.iter().copied().filter(|&column| all(sample, column, |cell| !matches!(number(cell), Err(NUMBER)))).collect();
    match (others.as_slice(), numeric.as_slice()) {
        // Its cells are read as numbers, so that text among them is named by its row.
        ([only], _) | (_, [only]) => Ok(*only),
        (_, []) => Err(ImportError::NoValueColumn {
            path: sheet.path().to_owned(),
            time: sheet.header()[time].clone(),
            columns: sheet.names(0..sheet.header().len()),
        }),
        (_, several) => {
            Err(ImportError::SeveralValueColumns { path: sheet.path().to_owned(), columns: sheet.names(several.iter().copied()) })
        }
    }
}
