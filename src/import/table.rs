//! Times and values of a CSV file, in file order: which columns are meant, and what each cell says.

use std::path::Path;

use ::csv::StringRecord;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use super::csv::Sheet;
use super::stamp::{self, Stamp};
use super::{ImportError, Options, Place};

/// Names that time columns have, in lower case.
const TIME_NAMES: &[&str] = &["time", "timestamp", "datetime", "date_time", "date", "ds", "ts", "day", "hour"];
/// Cells for "nothing was recorded", in lower case.
const MISSING: &[&str] = &["", "nan", "null", "na", "n/a", "none"];
/// Rows that are looked at to tell what a column holds.
const SAMPLE: usize = 20;
const NUMBER: &str = "a number such as `12.5`, or an empty cell";
const HEADER: &str = "time,value";

/// One row of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) at: Timestamp,
    pub(super) value: Option<f64>,
    row: usize,
}

/// The offsets that stamps were written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offsets {
    None,
    One(Offset),
    Mixed,
}

impl Offsets {
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, one) | (one, Self::None) => one,
            (one, other) if one == other => one,
            _ => Self::Mixed,
        }
    }
}

/// Rows of one file or of several that follow each other, with rising stamps.
pub(super) struct Table {
    /// Each file and the index of its first row.
    files: Vec<(String, usize)>,
    pub(super) rows: Vec<Row>,
    /// Name and one value per row.
    pub(super) regressors: Vec<(String, Vec<f64>)>,
    pub(super) time_column: String,
    pub(super) value_column: String,
    offsets: Offsets,
}

impl Table {
    /// Reads a file; `like` is the file before it, whose column names are tried first.
    pub(super) fn read(path: &Path, options: &Options, like: Option<&Self>) -> Result<Self, ImportError> {
        let sheet = Sheet::open(path, HEADER)?;
        let columns = Columns::pick(&sheet, options, like)?;
        let mut table = Self {
            files: vec![(sheet.path().to_owned(), 0)],
            rows: Vec::new(),
            regressors: columns.regressors.iter().map(|&column| (sheet.header()[column].clone(), Vec::new())).collect(),
            time_column: sheet.header()[columns.time].clone(),
            value_column: sheet.header()[columns.value].clone(),
            offsets: Offsets::None,
        };
        let zone = options.zone.clone().unwrap_or(TimeZone::UTC);
        let mut above = Above::default();
        let mut rows = sheet.rows();
        while let Some((row, cells)) = rows.next()? {
            let text = &cells[columns.time];
            let stamp = Stamp::parse(text).ok_or_else(|| sheet.cell_error(row, columns.time, text, stamp::EXPECTED))?;
            if options.zone.is_none() && above.kind.is_some_and(|kind| kind != has_offset(stamp)) {
                return Err(sheet.cell_error(row, columns.time, text, "an offset in every row or in none, or a zone given with --zone"));
            }
            let at = stamp
                .resolve(&zone, table.rows.last().map(|row| row.at))
                .map_err(|expected| sheet.cell_error(row, columns.time, text, expected))?;
            if let Some(before) = table.rows.last() {
                let unzoned = options.zone.is_none() && !has_offset(stamp);
                above.check(sheet.place(row), text, at, before, unzoned)?;
            }
            table.offsets = table.offsets.and(match stamp {
                Stamp::Instant(_, offset) => Offsets::One(offset),
                Stamp::Date(_) | Stamp::Wall(_) => Offsets::None,
            });
            let value =
                number(&cells[columns.value]).map_err(|expected| sheet.cell_error(row, columns.value, &cells[columns.value], expected))?;
            table.rows.push(Row { at, value, row });
            for (&column, (_, values)) in columns.regressors.iter().zip(&mut table.regressors) {
                values.push(regressor(&sheet, row, column, &cells[column])?);
            }
            above.kind = Some(has_offset(stamp));
            above.text.clear();
            above.text.push_str(text.trim());
        }
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

impl Offsets {
    pub(super) fn zone(self) -> TimeZone {
        match self {
            Self::One(offset) if !offset.is_zero() => TimeZone::fixed(offset),
            _ => TimeZone::UTC,
        }
    }
}

/// A time in a message.
pub(super) fn read_out(at: Timestamp, zone: &TimeZone) -> String {
    let zoned = at.to_zoned(zone.clone());
    let midnight = zoned.time() == jiff::civil::Time::midnight();
    crate::time::label(&zoned, if midnight { crate::time::Step::DAY } else { crate::time::Step::HOUR })
}

/// What the row above said.
#[derive(Default)]
struct Above {
    text: String,
    /// Whether it had an offset.
    kind: Option<bool>,
}

impl Above {
    fn check(&self, place: Place, got: &str, at: Timestamp, before: &Row, unzoned: bool) -> Result<(), ImportError> {
        let (got, before_row) = (got.trim().to_owned(), before.row);
        if at > before.at {
            return Ok(());
        }
        let before_text = self.text.clone();
        // Clocks go back by an hour at night: local stamps without a zone then repeat an hour.
        let night = unzoned && before.at.as_second() - at.as_second() < 3600 && at.as_second().rem_euclid(86_400) < 4 * 3600;
        let hourly = night && got.contains(':');
        let hint = if hourly { "; if the clocks went back here, name the zone, for example `--zone Europe/Berlin`" } else { "" };
        Err(if at == before.at {
            ImportError::Duplicate { place, got, before_row, before: before_text, hint }
        } else {
            ImportError::Backward { place, got, before_row, before: before_text, hint }
        })
    }
}

pub(super) const fn has_offset(stamp: Stamp) -> bool {
    matches!(stamp, Stamp::Instant(..))
}

/// A value cell: a finite number, or nothing.
fn number(text: &str) -> Result<Option<f64>, &'static str> {
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

fn regressor(sheet: &Sheet, row: usize, column: usize, text: &str) -> Result<f64, ImportError> {
    let needed = || sheet.cell_error(row, column, text, "a number in every row, because it is a regressor");
    number(text).ok().flatten().ok_or_else(needed)
}

/// Which columns are meant.
struct Columns {
    time: usize,
    value: usize,
    regressors: Vec<usize>,
}

impl Columns {
    fn pick(sheet: &Sheet, options: &Options, like: Option<&Table>) -> Result<Self, ImportError> {
        let sample = sample(sheet)?;
        let time = match (&options.time_column, like.and_then(|like| sheet.has(&like.time_column))) {
            (Some(name), _) => sheet.column(name)?,
            (None, Some(column)) => column,
            (None, None) => time_column(sheet, &sample)?,
        };
        let regressors = options.regressors.iter().map(|name| sheet.column(name)).collect::<Result<Vec<_>, _>>()?;
        let value = match (&options.value_column, like.and_then(|like| sheet.has(&like.value_column))) {
            (Some(name), _) => sheet.column(name)?,
            (None, Some(column)) => column,
            (None, None) => value_column(sheet, &sample, time, &regressors)?,
        };
        let columns = Self { time, value, regressors };
        columns.check_roles(sheet)?;
        Ok(columns)
    }

    /// No column plays two roles.
    fn check_roles(&self, sheet: &Sheet) -> Result<(), ImportError> {
        let two = |column: usize, one, other| {
            Err(ImportError::TwoRoles { path: sheet.path().to_owned(), name: sheet.header()[column].clone(), one, other })
        };
        if self.time == self.value {
            return two(self.time, "time", "value");
        }
        for (i, column) in self.regressors.iter().enumerate() {
            if *column == self.time {
                return two(*column, "time", "regressor");
            }
            if *column == self.value {
                return two(*column, "value", "regressor");
            }
            if self.regressors[..i].contains(column) {
                return two(*column, "one regressor", "another");
            }
        }
        Ok(())
    }
}

/// The first rows; an error when there is none, or when the header is one of them.
fn sample(sheet: &Sheet) -> Result<Vec<StringRecord>, ImportError> {
    if let Some(got) = sheet.header().iter().find(|name| Stamp::parse(name).is_some()) {
        return Err(ImportError::NoHeader { path: sheet.path().to_owned(), got: got.clone(), header: HEADER });
    }
    let mut sample = Vec::new();
    let mut rows = sheet.rows();
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
fn all(sample: &[StringRecord], column: usize, test: impl Fn(&str) -> bool) -> bool {
    let mut cells = sample.iter().map(|cells| &cells[column]).filter(|cell| !cell.trim().is_empty()).peekable();
    cells.peek().is_some() && cells.all(test)
}

/// The column by its name, then by what it holds; bare numbers last, because values can look like epoch seconds.
fn time_column(sheet: &Sheet, sample: &[StringRecord]) -> Result<usize, ImportError> {
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
fn value_column(sheet: &Sheet, sample: &[StringRecord], time: usize, regressors: &[usize]) -> Result<usize, ImportError> {
    let others: Vec<usize> = (0..sheet.header().len()).filter(|column| *column != time && !regressors.contains(column)).collect();
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
