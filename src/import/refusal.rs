//! Why a file is refused: where, what was found, what was expected and the way out.

use std::fmt;
use std::io;

use crate::time::Step;

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
    #[error("{path}: column `{name}` cannot be both {one} and {other}: {out}")]
    TwoRoles {
        /// The file.
        path: String,
        /// The column.
        name: String,
        /// A role.
        one: &'static str,
        /// Another role.
        other: &'static str,
        /// The way out.
        out: &'static str,
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
    /// No column is a series.
    #[error(
        "{path}: no column beside {beside} is left to be a series (columns: {columns}), expected one column of numbers per series; take a \
         series out of --regressors, or if each row is one ticket, use --by and --tickets instead of --wide"
    )]
    NoSeriesColumn {
        /// The file.
        path: String,
        /// The time column and the regressors.
        beside: String,
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
    /// Nearly every row is a series of its own.
    #[error(
        "{path}: {keys} different values of {columns} in {rows} rows, expected several rows of each series; name the column that tells the \
         series apart, or use --wide if each column is one"
    )]
    KeyPerRow {
        /// The file.
        path: String,
        /// The columns that were to tell series apart.
        columns: String,
        /// Different keys.
        keys: usize,
        /// Rows read.
        rows: usize,
    },
    /// A series needs a name.
    #[error("{path}: column {column} has no name in row 1, expected one name per series")]
    UnnamedColumn {
        /// The file.
        path: String,
        /// The column, from 1.
        column: usize,
    },
    /// A column of text where each column is a series.
    #[error(
        "{path}: column `{name}` holds text, expected numbers, because --wide makes each column beside the time a series; use `--by {name}` \
         instead if it tells series apart, or leave the column out of the file"
    )]
    SeriesOfText {
        /// The file.
        path: String,
        /// The column.
        name: String,
    },
    /// A series without a value.
    #[error("{path}: column `{column}` has no value in any row")]
    NoValues {
        /// The file.
        path: String,
        /// The column.
        column: String,
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
