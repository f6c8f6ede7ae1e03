//! Data of other people becomes series like any other.
//!
//! [`read_series`] and [`read_pair`] read counts from CSV, [`read_truth`] the buckets said to be anomalous, [`train_len`] where train
//! ends, [`read_tickets`] whole tickets with their texts, [`read_changes`] a change log; [`read_long`], [`read_wide`] and [`count_tickets`]
//! read thousands of series at once. What a file does not say is an error that names the row, never a guess: duplicate and backward
//! stamps, stamps off the grid, text for numbers. What it leaves out becomes `None`: missing is not zero.

mod changes;
mod clock;
mod csv;
mod cut_short;
mod many;
mod refusal;
mod regular;
mod resample;
mod split;
mod stamp;
mod table;
mod ticket_columns;
mod tickets;
mod truth;

use std::path::Path;

use jiff::ToSpan;
use jiff::tz::TimeZone;

pub use self::changes::read_changes;
pub use self::cut_short::cut_short;
pub use self::many::{Key, Many, count_tickets, read_long, read_wide};
pub use self::refusal::{ImportError, Place};
pub use self::split::{check_train_until, train_len};
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
