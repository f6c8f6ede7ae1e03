//! A CSV file as text: encoding, separator, header, cells by row. Knows nothing of times or values.
//!
//! The format is RFC 4180 with a sniffed separator (`,`, `;` or tab); a byte-order mark and Windows line ends are taken as they come.
//! The whole file is held in memory, so that an error can name its row at no cost to the rows that are right.

use std::fs;
use std::path::Path;

use ::csv::{Reader, ReaderBuilder, StringRecord};

use super::{ImportError, Place};
use crate::name::known_names;

/// A file whose header has been read.
pub(super) struct Sheet {
    path: String,
    text: String,
    delimiter: u8,
    header: Vec<String>,
}

impl Sheet {
    /// Reads a file and its header; `example` is a header it could have.
    pub(super) fn open(path: &Path, example: &'static str) -> Result<Self, ImportError> {
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|source| ImportError::Read { path: name.clone(), source })?;
        let text = decode(bytes).map_err(|got| ImportError::Encoding { path: name.clone(), got })?;
        let delimiter = sniff(&text);
        let mut sheet = Self { path: name, text, delimiter, header: Vec::new() };
        let mut header = StringRecord::new();
        if !sheet.reader().read_record(&mut header).map_err(|source| sheet.unreadable(source))? || header.iter().all(str::is_empty) {
            return Err(ImportError::Empty { path: sheet.path, header: example });
        }
        sheet.header = header.iter().map(|name| name.trim().to_owned()).collect();
        Ok(sheet)
    }

    /// The file as the user named it.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Names of the columns.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// Names of some columns in a list.
    pub(super) fn names(&self, columns: impl IntoIterator<Item = usize>) -> String {
        columns.into_iter().map(|column| self.header[column].as_str()).collect::<Vec<_>>().join(", ")
    }

    /// Where a row stands.
    pub(super) fn place(&self, row: usize) -> Place {
        Place { path: self.path.clone(), row }
    }

    /// The column of a name.
    pub(super) fn column(&self, name: &str) -> Result<usize, ImportError> {
        let mut found = (0..self.header.len()).filter(|&column| self.header[column] == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(column),
            (Some(_), Some(_)) => Err(ImportError::RepeatedColumn { path: self.path.clone(), name: name.to_owned() }),
            (None, _) => Err(ImportError::UnknownColumn {
                path: self.path.clone(),
                name: name.to_owned(),
                known: known_names(name, self.header.iter().map(String::as_str)),
            }),
        }
    }

    /// The column of a name, if there is exactly one.
    pub(super) fn has(&self, name: &str) -> Option<usize> {
        self.column(name).ok()
    }

    /// A cell that cannot be read.
    pub(super) fn cell_error(&self, row: usize, column: usize, got: &str, expected: &str) -> ImportError {
        ImportError::Cell {
            place: self.place(row),
            column: self.header[column].clone(),
            got: got.trim().to_owned(),
            expected: expected.to_owned(),
        }
    }

    /// The rows below the header.
    pub(super) fn rows(&self) -> Rows<'_> {
        let mut rows = Rows { sheet: self, reader: self.reader(), record: StringRecord::new(), row: 1, counted: 0 };
        // The header was read once without an error, so this read repeats it.
        let _ = rows.reader.read_record(&mut rows.record);
        rows
    }

    fn reader(&self) -> Reader<&[u8]> {
        ReaderBuilder::new().delimiter(self.delimiter).has_headers(false).flexible(true).from_reader(self.text.as_bytes())
    }

    fn unreadable(&self, source: ::csv::Error) -> ImportError {
        ImportError::Read { path: self.path.clone(), source: source.into() }
    }
}

/// The rows of a sheet, one at a time. Blank rows, and rows of empty cells as spreadsheets leave them, are skipped.
pub(super) struct Rows<'a> {
    sheet: &'a Sheet,
    reader: Reader<&'a [u8]>,
    record: StringRecord,
    row: usize,
    /// Bytes whose line ends are counted in `row`.
    counted: usize,
}

impl Rows<'_> {
    /// The next row: its number and its cells.
    pub(super) fn next(&mut self) -> Result<Option<(usize, &StringRecord)>, ImportError> {
        loop {
            if !self.reader.read_record(&mut self.record).map_err(|source| self.sheet.unreadable(source))? {
                return Ok(None);
            }
            self.count_lines();
            if self.record.iter().any(|cell| !cell.trim().is_empty()) {
                break;
            }
        }
        let (got, expected) = (self.record.len(), self.sheet.header.len());
        if got != expected {
            let delimiter = delimiter_name(self.sheet.delimiter);
            return Err(ImportError::Ragged { place: self.sheet.place(self.row), got, expected, delimiter });
        }
        Ok(Some((self.row, &self.record)))
    }

    /// Moves `row` to the line on which the current record starts.
    fn count_lines(&mut self) {
        let bytes = self.sheet.text.as_bytes();
        let start = self.record.position().map_or(self.counted, |position| usize::try_from(position.byte()).unwrap_or(self.counted));
        // The reader places a record before the line ends it skips to reach it.
        let skipped = bytes[start..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        self.row += bytes[self.counted..start + skipped].iter().filter(|byte| **byte == b'\n').count();
        self.counted = start + skipped;
    }
}

fn decode(bytes: Vec<u8>) -> Result<String, &'static str> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("UTF-16");
    }
    if bytes.contains(&0) {
        return Err("a binary file");
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "Latin-1 or Windows-1252")?;
    if text.starts_with('\u{FEFF}') {
        text.drain(..'\u{FEFF}'.len_utf8());
    }
    Ok(text)
}

/// The separator that occurs most often in the header outside quotes; a comma when none does.
fn sniff(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in header.bytes() {
        quoted ^= byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += i32::from(!quoted && byte == *delimiter);
        }
    }
    // Of equally frequent ones the first stands.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b';' => "`;`",
        b'\t' => "tabs",
        _ => "`,`",
    }
}
