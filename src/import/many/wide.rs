//! Wide files: one time column, and a column for each series.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::clock::{Clock, Offsets};
use super::super::csv::Sheet;
use super::super::table::{self, HEADER, NUMBER, Row, Table, all, number, regressor, sample, value};
use super::super::{ImportError, Imported, Options, regular};
use super::{Held, Key, Many};

/// What the names of the columns are called in tables.
const SERIES: &str = "series";

pub(super) fn read(path: &Path, options: &Options) -> Result<Many, ImportError> {
    let sheet = Sheet::open(path, HEADER)?;
    let columns = Columns::pick(&sheet, options)?;
    let mut wide = Wide {
        path: sheet.path().to_owned(),
        time_column: sheet.header()[columns.time].clone(),
        names: columns.series.iter().map(|&column| sheet.header()[column].clone()).collect(),
        options: options.clone(),
        rows: Vec::new(),
        series: columns.series.iter().map(|_| Ok(Vec::new())).collect(),
        regressors: columns.regressors.iter().map(|&column| (sheet.header()[column].clone(), Vec::new())).collect(),
        offsets: Offsets::None,
    };
    let mut clock = Clock::default();
    let mut rows = sheet.rows()?;
    while let Some((row, cells)) = rows.next()? {
        let at = clock.next(&sheet, columns.time, row, &cells[columns.time], options.zone.as_ref())?;
        wide.rows.push((at, u32::try_from(row).unwrap_or(u32::MAX)));
        for (&column, (_, values)) in columns.regressors.iter().zip(&mut wide.regressors) {
            values.push(regressor(&sheet, row, column, &cells[column])?);
        }
        for (&column, series) in columns.series.iter().zip(&mut wide.series) {
            let Ok(values) = series else { continue };
            match value(&sheet, row, column, &cells[column]) {
                Ok(value) => values.push(value.unwrap_or(f64::NAN)),
                Err(error) => *series = Err(Arc::new(error)),
            }
        }
    }
    wide.offsets = clock.offsets;
    let keys = wide.names.iter().map(|name| Key::from(vec![name.clone()])).collect();
    Ok(Many::new(vec![SERIES.to_owned()], keys, Box::new(wide)))
}

struct Columns {
    time: usize,
    regressors: Vec<usize>,
    series: Vec<usize>,
}

impl Columns {
    fn pick(sheet: &Sheet, options: &Options) -> Result<Self, ImportError> {
        let sample = sample(sheet)?;
        let time = match &options.time_column {
            Some(name) => sheet.column(name)?,
            None => table::time_column(sheet, &sample)?,
        };
        let regressors = options.regressors.iter().map(|name| sheet.column(name)).collect::<Result<Vec<_>, _>>()?;
        let series: Vec<usize> = (0..sheet.header().len()).filter(|column| *column != time && !regressors.contains(column)).collect();
        let mut names = BTreeSet::new();
        for &column in &series {
            let name = sheet.header()[column].as_str();
            if name.is_empty() {
                return Err(ImportError::UnnamedColumn { path: sheet.path().to_owned(), column: column + 1 });
            }
            if !names.insert(name) {
                return Err(ImportError::RepeatedColumn { path: sheet.path().to_owned(), name: name.to_owned() });
            }
            if all(&sample, column, |cell| number(cell) == Err(NUMBER)) {
                return Err(ImportError::SeriesOfText { path: sheet.path().to_owned(), name: name.to_owned() });
            }
        }
        if series.is_empty() {
            let beside = match regressors.as_slice() {
                [] => format!("the time `{}`", sheet.header()[time]),
                some => format!("the time `{}` and regressors ({})", sheet.header()[time], sheet.names(some.iter().copied())),
            };
            let columns = sheet.names(0..sheet.header().len());
            return Err(ImportError::NoSeriesColumn { path: sheet.path().to_owned(), beside, columns });
        }
        Ok(Self { time, regressors, series })
    }
}

struct Wide {
    path: String,
    time_column: String,
    names: Vec<String>,
    options: Options,
    /// Stamp and number of each row.
    rows: Vec<(Timestamp, u32)>,
    /// Per series one value per row, NaN where a cell is empty.
    series: Vec<Result<Vec<f64>, Arc<ImportError>>>,
    regressors: Vec<(String, Vec<f64>)>,
    offsets: Offsets,
}

impl Held for Wide {
    fn series(&self, at: usize) -> Result<Imported, Arc<ImportError>> {
        let values = self.series[at].as_ref().map_err(Arc::clone)?;
        // Series of a wide file begin and end with their own values, and not where others do.
        let ends = values.iter().position(|value| !value.is_nan()).zip(values.iter().rposition(|value| !value.is_nan()));
        let Some((first, last)) = ends else {
            return Err(Arc::new(ImportError::NoValues { path: self.path.clone(), column: self.names[at].clone() }));
        };
        let own = first..last + 1;
        let row =
            |i: usize| Row { at: self.rows[i].0, value: Some(values[i]).filter(|value| !value.is_nan()), row: self.rows[i].1 as usize };
        let table = Table {
            files: vec![(self.path.clone(), 0)],
            rows: own.clone().map(row).collect(),
            regressors: self.regressors.iter().map(|(name, values)| (name.clone(), values[own.clone()].to_vec())).collect(),
            time_column: self.time_column.clone(),
            value_column: self.names[at].clone(),
            offsets: self.offsets,
        };
        regular::build(table, &self.options).map(|(imported, _)| imported).map_err(Arc::new)
    }
}
