//! Data of other people becomes series like any other.
//!
//! [`read_series`] and [`read_pair`] read counts from CSV, [`read_truth`] the buckets said to be anomalous, [`train_len`] where train
//! ends, [`read_tickets`] whole tickets with their texts, [`read_changes`] a change log. What a file does not say is an error that names the row, never a guess: duplicate and backward stamps, stamps off the grid,
//! text for numbers. What it leaves out becomes `None`: missing is not zero.

mod changes;
mod csv;
mod regular;
mod resample;
mod split;
mod stamp;
mod table;
mod ticket_columns;
mod tickets;
mod truth;

use std::fmt;
use std::io;
use std::path::Path;

use jiff::ToSpan;
use jiff::tz::TimeZone;

pub use self::changes::read_changes;
pub use self::split::train_len;
use self::table::Table;
pub use self::ticket_columns::{ATTRIBUTES, has_ticket_texts};
pub use self::tickets::{ImportedTickets, TicketOptions, read_tickets};
pub use self::truth::{Truth, read_truth};
use crate::data::Series;
use crate::data::known::Columns;
use crate::time::Step;

/// How to read a CSV file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The time column; absent: found by its name, else the first column that holds times.
    pub time_column: Option<String>,
    /// The value column; absent: the only other column with numbers.
    pub value_column: Option<String>,
    /// Columns known in advance for every row, test included, for example a promotion or an opening day.
    pub regressors: Vec<String>,
    /// Width of a bucket; absent: the most common difference of stamps. A coarser one sums.
    pub step: Option<Step>,
    /// The zone of stamps without an offset, and of civil days; absent: UTC, or the one offset that all stamps have.
    pub zone: Option<TimeZone>,
}

/// A series read from files.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Every bucket from the first to the last stamp.
    pub series: Series,
    /// The regressor columns, one value per bucket.
    pub regressors: Vec<(String, Vec<f64>)>,
    /// The column the times came from.
    pub time_column: String,
    /// The column the values came from.
    pub value_column: String,
    /// What the user should know of how the file was read.
    pub notes: Vec<String>,
}

impl Imported {
    /// What forecasters may know in advance: the stamps and the regressors; no holidays yet.
    #[must_use]
    pub fn known(&self) -> Columns {
        let grid = self.series.grid().clone();
        let holidays = vec![None; grid.len()];
        Columns { grid, holiday_names: Vec::new(), holidays, regressors: self.regressors.clone() }
    }
}

/// Reads one CSV file into a series.
///
/// Rows missing on the grid, empty cells and `NaN`, `null`, `NA`, `N/A` or `None` become missing buckets. With a step coarser than the
/// rows, buckets are sums (means for regressors): days start at midnight of the zone, shorter buckets at multiples of the step from
/// midnight, longer ones on the first whole day. A sum with any part missing would look like a drop, so it is missing; buckets that the
/// file only begins or ends in are left out.
///
/// ```
/// use incident_harness::import::{Options, read_series};
/// let file = std::env::temp_dir().join("incident-harness-example.csv");
/// std::fs::write(&file, "date,tickets\n2023-09-28,210\n2023-09-29,198\n2023-10-01,87\n")?;
/// let imported = read_series(&file, &Options::default())?;
/// assert_eq!(imported.series.values(), [Some(210.0), Some(198.0), None, Some(87.0)]);
/// assert_eq!(imported.value_column, "tickets");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ImportError`] naming file, row and column, what was found and what was expected.
pub fn read_series(path: &Path, options: &Options) -> Result<Imported, ImportError> {
    let table = Table::read(path, options, None)?;
    regular::build(table, options).map(|(imported, _)| imported)
}

/// Reads a train and a test file onto one grid, and returns the number of buckets in train. A hole between them belongs to train.
///
/// # Errors
/// As [`read_series`]; and when test does not follow train.
pub fn read_pair(train: &Path, test: &Path, options: &Options) -> Result<(Imported, usize), ImportError> {
    let mut table = Table::read(train, options, None)?;
    let later = Table::read(test, options, Some(&table))?;
    table.append(later)?;
    let (imported, boundary) = regular::build(table, options)?;
    let grid = imported.series.grid();
    let none = |path: &Path, part| ImportError::NoWholePart { path: path.display().to_string(), step: grid.step(), part };
    // The bucket that holds the first time of test belongs to test.
    let n = match boundary {
        Some(at) if at >= grid.end(grid.len() - 1).timestamp() => return Err(none(test, "test on")),
        Some(at) => split::started_before(grid, at + 1.nanosecond()).saturating_sub(1),
        None => 0,
    };
    if n == 0 { Err(none(train, "train on")) } else { Ok((imported, n)) }
}

/// Where in which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub path: String,
    /// The row; the header is row 1.
    pub row: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: row {}", self.path, self.row)
    }
}

/// Why a file could not be read as a series or as truth.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not UTF-8.
    #[error("{path}: not UTF-8 text (it looks like {got}): save it as CSV in UTF-8")]
    Encoding {
        /// The file.
        path: String,
        /// What it looks like.
        got: &'static str,
    },
    /// Nothing in it.
    #[error("{path}: the file is empty, expected a header row such as `{header}` and one row per time")]
    Empty {
        /// The file.
        path: String,
        /// A header it could have.
        header: &'static str,
    },
    /// Nothing below the header.
    #[error("{path}: there is a header row and nothing below it, expected one row per time")]
    HeaderOnly {
        /// The file.
        path: String,
    },
    /// One row has no step.
    #[error("{path}: only one row of data (row {row}), expected at least two: a single time has no step")]
    OneRow {
        /// The file.
        path: String,
        /// The row.
        row: usize,
    },
    /// The first row is data.
    #[error("{path}: row 1 holds the time `{got}`, expected a header row such as `{header}`")]
    NoHeader {
        /// The file.
        path: String,
        /// The cell.
        got: String,
        /// A header it could have.
        header: &'static str,
    },
    /// A column that does not exist.
    #[error("{path}: no column `{name}` {known}")]
    UnknownColumn {
        /// The file.
        path: String,
        /// What was asked for.
        name: String,
        /// The columns there are and the nearest one.
        known: String,
    },
    /// A column that exists twice.
    #[error("{path}: row 1 names the column `{name}` more than once: rename one of them")]
    RepeatedColumn {
        /// The file.
        path: String,
        /// The name.
        name: String,
    },
    /// A column asked for in two roles.
    #[error("{path}: column `{name}` cannot be both {one} and {other}")]
    TwoRoles {
        /// The file.
        path: String,
        /// The column.
        name: String,
        /// A role.
        one: &'static str,
        /// Another role.
        other: &'static str,
    },
    /// No column holds times.
    #[error("{path}: no column holds times (columns: {columns}); name one `time`, or name it with --time-column; expected {expected}")]
    NoTimeColumn {
        /// The file.
        path: String,
        /// The columns there are.
        columns: String,
        /// What a time looks like.
        expected: &'static str,
    },
    /// No column of a ticket file is named as one of times.
    #[error("{path}: no column `created_at`, `time`, `timestamp` or `date` (columns: {columns}); name the one with --time-column")]
    NoTicketTime {
        /// The file.
        path: String,
        /// The columns there are.
        columns: String,
    },
    /// An optional column that looks mistyped, and would be ignored.
    #[error("{path}: unknown column `{name}` {known}")]
    MistypedColumn {
        /// The file.
        path: String,
        /// Its name.
        name: String,
        /// The columns that are read and the nearest one.
        known: String,
    },
    /// An id twice.
    #[error("{place}: id `{id}` stands in row {before_row} already, expected a different one in every row")]
    SameId {
        /// The later row.
        place: Place,
        /// The id.
        id: String,
        /// The earlier row.
        before_row: usize,
    },
    /// No column holds numbers.
    #[error("{path}: no column beside `{time}` holds numbers (columns: {columns}); name one with --value-column")]
    NoValueColumn {
        /// The file.
        path: String,
        /// The time column.
        time: String,
        /// The columns there are.
        columns: String,
    },
    /// More than one column could be meant.
    #[error("{path}: several columns hold numbers ({columns}); name one with --value-column")]
    SeveralValueColumns {
        /// The file.
        path: String,
        /// The columns that hold numbers.
        columns: String,
    },
    /// A truth file with other columns.
    #[error("{path}: expected a column `time`, or columns `start` and `end` (columns: {columns})")]
    TruthColumns {
        /// The file.
        path: String,
        /// The columns there are.
        columns: String,
    },
    /// A row with more or fewer cells than the header.
    #[error("{place}: {got} cells, expected {expected} as in the header (columns are separated by {delimiter})")]
    Ragged {
        /// The row.
        place: Place,
        /// Its cells.
        got: usize,
        /// Cells of the header.
        expected: usize,
        /// The separator in use.
        delimiter: &'static str,
    },
    /// A cell that cannot be read.
    #[error("{place}, column `{column}`: got `{got}`, expected {expected}")]
    Cell {
        /// The row.
        place: Place,
        /// The column.
        column: String,
        /// The cell.
        got: String,
        /// What was expected.
        expected: String,
    },
    /// A stamp twice.
    #[error("{place}: `{got}` is the time of row {before_row} (`{before}`) again, expected one row per time{hint}")]
    Duplicate {
        /// The later row.
        place: Place,
        /// Its time.
        got: String,
        /// The earlier row.
        before_row: usize,
        /// Its time.
        before: String,
        /// A way out, when there is one.
        hint: &'static str,
    },
    /// A stamp before the one above it.
    #[error("{place}: `{got}` comes before row {before_row} (`{before}`), expected times in rising order{hint}")]
    Backward {
        /// The later row.
        place: Place,
        /// Its time.
        got: String,
        /// The row above.
        before_row: usize,
        /// Its time.
        before: String,
        /// A way out, when there is one.
        hint: &'static str,
    },
    /// Test does not follow train.
    #[error("{place}: test starts at {got}, expected a time after the last of train, {last} ({train})")]
    Overlap {
        /// The first row of test.
        place: Place,
        /// Its time.
        got: String,
        /// The last time of train.
        last: String,
        /// Where that stands.
        train: Place,
    },
    /// No bucket of train or of test is left.
    #[error("{path}: holds no whole bucket of {step} to {part}; give a finer --step")]
    NoWholePart {
        /// The file.
        path: String,
        /// The step.
        step: Step,
        /// `train on` or `test on`.
        part: &'static str,
    },
    /// Months, quarters or years.
    #[error(
        "{place}: rows are {unit} apart, and {unit} is not always the same number of days; expected equal steps, for example daily or \
         weekly counts"
    )]
    Calendar {
        /// The second row.
        place: Place,
        /// `a month`, `a quarter` or `a year`.
        unit: &'static str,
    },
    /// A stamp between two buckets.
    #[error("{place}: `{got}` is off the grid, expected {expected}; `--step {way_out}` sums to a coarser step")]
    OffGrid {
        /// The row.
        place: Place,
        /// Its time.
        got: String,
        /// The grid points around it.
        expected: String,
        /// A coarser step.
        way_out: &'static str,
    },
    /// The common difference is no step.
    #[error("{path}: rows are mostly {got} apart, expected whole days or a whole part of a day; `--step {way_out}` sums to a coarser step")]
    OddStep {
        /// The file.
        path: String,
        /// The most common difference.
        got: String,
        /// A coarser step.
        way_out: &'static str,
    },
    /// The step asked for is shorter than the data's.
    #[error("{path}: --step {asked} is finer than the data, whose rows are {got} apart; leave it out or give a coarser one")]
    FinerStep {
        /// The file.
        path: String,
        /// The step asked for.
        asked: Step,
        /// The step of the data.
        got: String,
    },
    /// The step asked for does not hold whole rows.
    #[error("{path}: --step {asked} is not a multiple of the step of the data, {got}")]
    UnevenStep {
        /// The file.
        path: String,
        /// The step asked for.
        asked: Step,
        /// The step of the data.
        got: Step,
    },
    /// A grid far longer than the file.
    #[error(
        "{path}: {rows} rows from {first} to {last} would make {buckets} buckets of {step}, nearly all of them missing; is a year mistyped, or \
         a row missing its neighbours?"
    )]
    Sparse {
        /// The file.
        path: String,
        /// Its rows.
        rows: usize,
        /// First time.
        first: String,
        /// Last time.
        last: String,
        /// Buckets between them.
        buckets: u64,
        /// The step.
        step: Step,
    },
    /// No coarse bucket is whole.
    #[error("{path}: no whole bucket of {step} between {first} and {last}; give a finer --step")]
    NoWholeBucket {
        /// The file.
        path: String,
        /// The step.
        step: Step,
        /// First time.
        first: String,
        /// Last time.
        last: String,
    },
    /// A regressor is needed in every bucket.
    #[error("{path}: no row for {bucket}, so regressor `{column}` has no value there; add the row (its value may stay empty)")]
    RegressorGap {
        /// The file.
        path: String,
        /// The bucket.
        bucket: String,
        /// The regressor.
        column: String,
    },
    /// The end of train cannot be read or lies outside the data.
    #[error("--train-until `{got}`: expected {expected}")]
    TrainUntil {
        /// What was asked for.
        got: String,
        /// What was expected.
        expected: String,
    },
    /// Too few buckets to divide.
    #[error("{got} bucket of data, expected at least two: one to train on and one to test")]
    TooShort {
        /// Buckets.
        got: usize,
    },
    /// A span of truth that ends before it starts.
    #[error("{place}: end `{end}` is before start `{start}`")]
    EndsBeforeStart {
        /// The row.
        place: Place,
        /// Its start.
        start: String,
        /// Its end.
        end: String,
    },
    /// No row of truth lies in test.
    #[error("{path}: no row lies in the test range, {first} to {last} (row {row} is `{got}`)")]
    TruthOutside {
        /// The file.
        path: String,
        /// First bucket of test.
        first: String,
        /// Last bucket of test.
        last: String,
        /// The first row.
        row: usize,
        /// Its time.
        got: String,
    },
}
