//! Many series of one file: each key has rows of its own (long), each column is one (wide), or tickets are counted per key.
//!
//! The file is read once and its text is never held. Of a long file 16 bytes are held per value (itself, its stamp and its row; stamps that
//! series share are held once) and 8 more per regressor, of a wide one 8 per cell, of tickets 8 each; a [`Series`](crate::data::Series) is
//! made when it is asked for. What is wrong with one series is its own error and no other's; what is wrong with the file, such as a row with
//! too few cells, is the error of all.

mod counted;
mod long;
mod wide;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ::csv::StringRecord;

use super::csv::Sheet;
use super::{ImportError, Imported, Options, TicketOptions};

/// Keys from which on most rows must not have one of their own.
const MANY_KEYS: usize = 100_000;
/// The way out where the time is a key.
const TIME_OUT: &str = "name another column with --by, or another time with --time-column";
/// What an empty cell of a key is called.
const NOTHING: &str = "(none)";

/// What tells a series from the others: one text per key column, or the name of its column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<String>);

impl Key {
    /// One text per key column, as it stands in the file without spaces around it; an empty cell is an empty text.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }
}

impl From<Vec<String>> for Key {
    fn from(parts: Vec<String>) -> Self {
        Self(parts)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<&str> = self.0.iter().map(|part| if part.is_empty() { NOTHING } else { part.as_str() }).collect();
        f.pad(&parts.join(" / "))
    }
}

/// The series of one file, sorted by key.
pub struct Many {
    /// Names of the key columns; `series` where each column is one.
    pub key_columns: Vec<String>,
    /// What the user should know of how the file was read.
    pub notes: Vec<String>,
    /// Keys in order, and where each one's values are held.
    keys: Vec<(Key, usize)>,
    held: Box<dyn Held>,
}

impl fmt::Debug for Many {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many").field("key_columns", &self.key_columns).field("series", &self.len()).field("notes", &self.notes).finish()
    }
}

/// What was read, in the order of the file.
trait Held: Send + Sync {
    /// The series with a number.
    fn series(&self, number: usize) -> Result<Imported, Arc<ImportError>>;
}

impl Many {
    fn new(key_columns: Vec<String>, keys: Vec<Key>, held: Box<dyn Held>) -> Self {
        let mut keys: Vec<(Key, usize)> = keys.into_iter().zip(0..).collect();
        keys.sort();
        Self { key_columns, notes: Vec::new(), keys, held }
    }

    /// Number of series.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key of a series.
    #[must_use]
    pub fn key(&self, at: usize) -> &Key {
        &self.keys[at].0
    }

    /// A series, made by the rules of [`read_series`](super::read_series).
    ///
    /// # Errors
    /// What is wrong with the rows of this series.
    pub fn series(&self, at: usize) -> Result<Imported, Arc<ImportError>> {
        self.held.series(self.keys[at].1)
    }
}

/// Reads a file in which each distinct value of the columns `by` is a series; rows of different series may stand in any order.
///
/// ```
/// use incident_harness::import::{Options, read_long};
/// let file = std::env::temp_dir().join("incident-harness-long-example.csv");
/// std::fs::write(&file, "date,service,errors\n2023-09-28,web,2\n2023-09-28,api,7\n2023-09-29,api,9\n2023-09-29,web,1\n")?;
/// let many = read_long(&file, &["service".to_owned()], &Options::default())?;
/// assert_eq!(many.key(0).to_string(), "api");
/// assert_eq!(many.series(0)?.series.values(), [Some(7.0), Some(9.0)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ImportError`] for what is wrong with the file and not with one series of it.
pub fn read_long(path: &Path, by: &[String], options: &Options) -> Result<Many, ImportError> {
    long::read(path, by, options)
}

/// Reads a file in which each column beside the time (and the regressors) is a series, from its first value to its last.
///
/// # Errors
/// As [`read_long`]; and when a column holds only text.
pub fn read_wide(path: &Path, options: &Options) -> Result<Many, ImportError> {
    wide::read(path, options)
}

/// Counts the tickets of a file for each distinct value of the columns `by`; all series have the buckets of the whole file, and a bucket
/// without a ticket counts zero.
///
/// # Errors
/// As [`read_tickets`](super::read_tickets).
pub fn count_tickets(path: &Path, by: &[String], options: &TicketOptions) -> Result<Many, ImportError> {
    counted::read(path, by, options)
}

/// Keys met so far, numbered as they came.
struct Keys {
    columns: Vec<usize>,
    numbers: HashMap<Vec<u8>, usize>,
    keys: Vec<Key>,
    rows: usize,
    /// The key of the row above and its number, because rows of one series often stand together.
    above: (Vec<u8>, usize),
    bytes: Vec<u8>,
}

impl Keys {
    fn new(columns: Vec<usize>) -> Self {
        Self { columns, numbers: HashMap::new(), keys: Vec::new(), rows: 0, above: (Vec::new(), 0), bytes: Vec::new() }
    }

    /// The number of the key of a row.
    fn number(&mut self, sheet: &Sheet, cells: &StringRecord) -> Result<usize, ImportError> {
        self.bytes.clear();
        for &column in &self.columns {
            self.bytes.extend_from_slice(cells[column].trim().as_bytes());
            // No character of UTF-8 holds this byte, so that no two keys are one.
            self.bytes.push(0xFF);
        }
        self.rows += 1;
        if self.bytes != self.above.0 {
            let number = match self.numbers.get(&self.bytes) {
                Some(number) => *number,
                None => self.add(sheet, cells)?,
            };
            self.above.0.clone_from(&self.bytes);
            self.above.1 = number;
        }
        Ok(self.above.1)
    }

    fn add(&mut self, sheet: &Sheet, cells: &StringRecord) -> Result<usize, ImportError> {
        let number = self.keys.len();
        if number >= MANY_KEYS && self.rows < 2 * number {
            return Err(self.none_repeats(sheet));
        }
        self.numbers.insert(self.bytes.clone(), number);
        self.keys.push(Key(self.columns.iter().map(|&column| cells[column].trim().to_owned()).collect()));
        Ok(number)
    }

    /// All keys, once the last row is read.
    fn finish(self, sheet: &Sheet) -> Result<Vec<Key>, ImportError> {
        match self.rows {
            0 => Err(ImportError::HeaderOnly { path: sheet.path().to_owned() }),
            rows if rows > 1 && rows == self.keys.len() => Err(self.none_repeats(sheet)),
            _ => Ok(self.keys),
        }
    }

    fn none_repeats(&self, sheet: &Sheet) -> ImportError {
        ImportError::KeyPerRow {
            path: sheet.path().to_owned(),
            columns: sheet.names(self.columns.iter().copied()),
            keys: self.keys.len(),
            rows: self.rows,
        }
    }
}

/// The columns of a key, each found by its name.
fn key_columns(sheet: &Sheet, by: &[String], find: impl Fn(&str) -> Result<usize, ImportError>) -> Result<Vec<usize>, ImportError> {
    let mut columns: Vec<usize> = Vec::new();
    for name in by {
        let column = find(name.trim())?;
        if columns.contains(&column) {
            return Err(two_roles(sheet, column, ["one part of the key", "another"], "name it once in --by"));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn two_roles(sheet: &Sheet, column: usize, [one, other]: [&'static str; 2], out: &'static str) -> ImportError {
    ImportError::TwoRoles { path: sheet.path().to_owned(), name: sheet.header()[column].clone(), one, other, out }
}
