//! Tickets: one row per ticket, attributes as codes into a dictionary per column.
//!
//! A table says nothing of faults: which ticket was caused by one is kept by whoever made the table. Rows stand in order of creation.

use crate::time::Grid;

/// One attribute of all tickets: a code per row, and what the codes mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The dimension, for example `queue`.
    pub name: String,
    /// What the codes mean.
    pub values: Vec<String>,
    /// Per row, an index into `values`.
    pub codes: Vec<u16>,
}

impl Column {
    /// The value of a row.
    #[must_use]
    pub fn value(&self, row: usize) -> &str {
        &self.values[usize::from(self.codes[row])]
    }

    /// The code of a value.
    #[must_use]
    pub fn code(&self, value: &str) -> Option<u16> {
        self.values.iter().position(|known| known == value).and_then(|code| u16::try_from(code).ok())
    }
}

/// All tickets of an incident, train and test, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketTable {
    /// The buckets.
    pub grid: Grid,
    /// Per bucket, whether tickets were recorded at all: where not, a count is missing, not zero.
    pub recorded: Vec<bool>,
    /// Ticket number of each row; rises with the row.
    pub ids: Vec<u64>,
    /// Bucket of each row.
    pub buckets: Vec<u32>,
    /// Seconds from the start of the bucket to the creation of the ticket.
    pub seconds: Vec<u32>,
    /// Attributes.
    pub columns: Vec<Column>,
    /// Names of the tags.
    pub tag_names: Vec<String>,
    /// Per row, one bit per tag name.
    pub tags: Vec<u64>,
}

/// How many tags a table can tell apart: one bit each.
pub const MAX_TAGS: usize = 64;

impl TicketTable {
    /// Number of tickets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }
    /// Whether there is no ticket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
    /// The column of a dimension.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
    /// The tags of a row.
    pub fn tags_of(&self, row: usize) -> impl Iterator<Item = &str> {
        let bits = self.tags[row];
        self.tag_names.iter().enumerate().filter(move |(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| name.as_str())
    }
    /// The rows of a run of buckets, last one excluded.
    #[must_use]
    pub fn rows(&self, buckets: std::ops::Range<usize>) -> std::ops::Range<usize> {
        let before = |bucket: usize| self.buckets.partition_point(|&at| (at as usize) < bucket);
        before(buckets.start)..before(buckets.end)
    }
    /// Tickets per bucket among the rows that satisfy a condition; `None` where nothing was recorded.
    pub fn count(&self, mut keep: impl FnMut(usize) -> bool) -> Vec<Option<u64>> {
        let mut counts: Vec<Option<u64>> = self.recorded.iter().map(|&recorded| recorded.then_some(0)).collect();
        for (row, &bucket) in self.buckets.iter().enumerate() {
            if let Some(count) = counts[bucket as usize].as_mut().filter(|_| keep(row)) {
                *count += 1;
            }
        }
        counts
    }
}
