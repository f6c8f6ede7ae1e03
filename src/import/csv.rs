//! A CSV file as text: encoding, separator, header, cells by row. Knows nothing of times or values.
//!
//! The format is RFC 4180 with a sniffed separator (`,`, `;` or tab); a byte-order mark and Windows line ends are taken as they come.
//! A file is read anew in every pass and never held, so that it may be larger than the memory; what is no file, such as a pipe, can be
//! read only once and is held.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::{ImportError, Place};
use crate::name::known_names;

/// Bytes that encoding and separator are told from, and that are read at a time.
const HEAD: usize = 1 << 16;
const LATIN: &str = "Latin-1 or Windows-1252";
const BINARY: &str = "a binary file";

/// A file whose header has been read.
pub(super) struct Sheet {
    path: String,
    source: Source,
    delimiter: u8,
    header: Vec<String>,
}

enum Source {
    File(PathBuf),
    Held(Vec<u8>),
}

impl Sheet {
    /// Reads the header of a file; `example` is one it could have.
    pub(super) fn open(path: &Path, example: &'static str) -> Result<Self, ImportError> {
        let name = path.display().to_string();
        let failed = |source| ImportError::Read { path: name.clone(), source };
        let mut file = File::open(path).map_err(failed)?;
        let is_file = file.metadata().is_ok_and(|about| about.is_file());
        let mut head = Vec::new();
        let most = if is_file { HEAD as u64 } else { u64::MAX };
        Read::by_ref(&mut file).take(most).read_to_end(&mut head).map_err(failed)?;
        let text = decode(&head, is_file && head.len() == HEAD).map_err(|got| ImportError::Encoding { path: name.clone(), got })?;
        let delimiter = sniff(text);
        let source = if is_file { Source::File(path.to_path_buf()) } else { Source::Held(head) };
        let mut sheet = Self { path: name, source, delimiter, header: Vec::new() };
        let mut header = StringRecord::new();
        if !sheet.reader()?.read_record(&mut header).map_err(|source| sheet.unreadable(source))? || header.iter().all(str::is_empty) {
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

    /// The rows below the header, from the first.
    pub(super) fn rows(&self) -> Result<Rows<'_>, ImportError> {
        let mut rows = Rows { sheet: self, reader: self.reader()?, record: StringRecord::new(), row: 1 };
        // The header was read once without an error, so this read repeats it.
        let _ = rows.reader.read_record(&mut rows.record);
        Ok(rows)
    }

    fn reader(&self) -> Result<Reader<Counted<'_>>, ImportError> {
        let bytes: Box<dyn Read + '_> = match &self.source {
            Source::File(path) => Box::new(File::open(path).map_err(|source| ImportError::Read { path: self.path.clone(), source })?),
            Source::Held(bytes) => Box::new(bytes.as_slice()),
        };
        let counted = Counted { bytes, read: 0, ends: VecDeque::new() };
        let mut builder = ReaderBuilder::new();
        builder.delimiter(self.delimiter).has_headers(false).flexible(true).buffer_capacity(HEAD);
        Ok(builder.from_reader(counted))
    }

    fn unreadable(&self, source: ::csv::Error) -> ImportError {
        let path = self.path.clone();
        match source.kind() {
            ErrorKind::Utf8 { .. } => ImportError::Encoding { path, got: LATIN },
            ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => ImportError::Encoding { path, got: BINARY },
            _ => ImportError::Read { path, source: source.into() },
        }
    }
}

/// The rows of a sheet, one at a time. Blank rows, and rows of empty cells as spreadsheets leave them, are skipped.
pub(super) struct Rows<'a> {
    sheet: &'a Sheet,
    reader: Reader<Counted<'a>>,
    record: StringRecord,
    row: usize,
}

impl Rows<'_> {
    /// The next row: its number and its cells.
    pub(super) fn next(&mut self) -> Result<Option<(usize, &StringRecord)>, ImportError> {
        loop {
            if !self.reader.read_record(&mut self.record).map_err(|source| self.sheet.unreadable(source))? {
                return Ok(None);
            }
            let start = self.record.position().map_or(0, ::csv::Position::byte);
            self.row += self.reader.get_mut().lines_before(start);
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
}

/// Bytes on their way to the reader, and where their lines end.
struct Counted<'a> {
    bytes: Box<dyn Read + 'a>,
    read: u64,
    /// Line ends not counted yet: where they stand, and whether they end a line (the first of `\r\n` does not).
    ends: VecDeque<(u64, bool)>,
}

impl Counted<'_> {
    /// Lines that end before the record the reader places at `start`, each told once. It places a record before the line ends it skips to
    /// reach it, so those are passed too.
    fn lines_before(&mut self, mut start: u64) -> usize {
        let mut lines = 0;
        while let Some(&(at, ends_line)) = self.ends.front().filter(|(at, _)| *at <= start) {
            self.ends.pop_front();
            start += u64::from(at == start);
            lines += usize::from(ends_line);
        }
        lines
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(buffer)?;
        for (at, byte) in (self.read..).zip(&buffer[..n]) {
            match byte {
                b'\r' | b'\n' => self.ends.push_back((at, *byte == b'\n')),
                0 => return Err(io::ErrorKind::InvalidData.into()),
                _ => {}
            }
        }
        self.read += n as u64;
        Ok(n)
    }
}

/// The text that a file begins with, without its byte-order mark; the last character may be `cut` where reading stopped.
fn decode(bytes: &[u8], cut: bool) -> Result<&str, &'static str> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("UTF-16");
    }
    if bytes.contains(&0) {
        return Err(BINARY);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).map_err(|_| LATIN)?,
        Err(_) => return Err(LATIN),
    };
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
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
