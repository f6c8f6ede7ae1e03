//! The journal: one line per finished job, appended in finishing order. What a killed run goes on from.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use super::outcome::Entry;
use super::store::{Store, StoreError};

/// What was found in a journal.
#[derive(Debug, Default)]
pub struct Journal {
    /// Complete entries.
    pub entries: Vec<Entry>,
    /// Whether a truncated last line was dropped.
    pub truncated: bool,
}

impl Store {
    /// How many jobs the journal holds, read only.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn journal_len(&self) -> Result<usize, StoreError> {
        let path = self.folder.join("journal.jsonl");
        let bytes = fs::read(&path).map_err(|source| StoreError::Io { path: path.display().to_string(), source })?;
        Ok(bytes.iter().filter(|byte| **byte == b'\n').count())
    }

    /// Opens the journal for appending; a truncated last line is cut off first.
    ///
    /// # Errors
    /// [`StoreError`] when a line that is not the last is broken.
    pub fn journal(&self) -> Result<(Journal, JournalWriter), StoreError> {
        let path = self.folder.join("journal.jsonl");
        let io = |source| StoreError::Io { path: path.display().to_string(), source };
        let bytes = fs::read(&path).map_err(io)?;
        let mut journal = Journal::default();
        let mut kept = 0;
        for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let last = kept + line.len() == bytes.len();
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) if line.ends_with(b"\n") => journal.entries.push(entry),
                // A kill can cut the line that was being written, never an earlier one.
                Ok(_) | Err(_) if last => {
                    journal.truncated = true;
                    break;
                }
                Ok(_) => break,
                Err(source) => return Err(StoreError::Format { path: path.display().to_string(), line: number + 1, source }),
            }
            kept += line.len();
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(io)?;
        file.set_len(kept as u64).map_err(io)?;
        Ok((journal, JournalWriter { file, path: path.display().to_string() }))
    }
}

/// Appends entries, each in one write.
pub struct JournalWriter {
    file: File,
    path: String,
}

impl JournalWriter {
    /// Appends an entry.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(entry).expect("records are plain data with finite numbers");
        line.push(b'\n');
        self.file.write_all(&line).map_err(|source| StoreError::Io { path: self.path.clone(), source })
    }
}
