//! What the columns of a file of tickets are for, by their names.

use std::collections::BTreeSet;
use std::path::Path;

use super::ImportError;
use super::csv::Sheet;
use super::stamp::Stamp;
use super::tickets::TicketOptions;

pub(super) const HEADER: &str = "created_at,queue,subject,body";
const TIME_NAMES: &[&str] = &["created_at", "created", "time", "timestamp", "datetime", "date"];
const ID_NAMES: &[&str] = &["id", "ticket_id"];
const SUBJECT_NAMES: &[&str] = &["subject", "title"];
const BODY_NAMES: &[&str] = &["body", "text", "description", "message"];
const TAG_COLUMNS: usize = 8;
/// Attributes that agents and change logs know by name.
pub const ATTRIBUTES: &[&str] = &["queue", "priority", "type", "language", "product", "platform", "country", "app_version", "plan"];

/// What each column is for.
pub(super) struct Roles {
    pub(super) time: usize,
    pub(super) id: Option<usize>,
    pub(super) subject: Option<usize>,
    pub(super) body: Option<usize>,
    pub(super) tags: Vec<usize>,
    pub(super) rest: Vec<usize>,
}

impl Roles {
    pub(super) fn pick(sheet: &Sheet, options: &TicketOptions) -> Result<Self, ImportError> {
        let named = |name: &str| sheet.header().iter().position(|column| column.eq_ignore_ascii_case(name));
        let mut seen = BTreeSet::new();
        if let Some(name) = sheet.header().iter().find(|name| !seen.insert(name.to_lowercase())) {
            return Err(ImportError::RepeatedColumn { path: sheet.path().to_owned(), name: name.clone() });
        }
        let time = match &options.time_column {
            Some(name) => sheet.column(name)?,
            None => TIME_NAMES.iter().find_map(|name| named(name)).ok_or_else(|| no_time(sheet))?,
        };
        let other = |name: &str| named(name).filter(|column| *column != time);
        let first = |names: &[&str]| names.iter().find_map(|name| other(name));
        let (id, subject, body) = (first(ID_NAMES), first(SUBJECT_NAMES), first(BODY_NAMES));
        let numbered = (1..=TAG_COLUMNS).filter_map(|number| other(&format!("tag_{number}")));
        let tags: Vec<usize> = other("tags").into_iter().chain(numbered).collect();
        let taken = |column: &usize| *column == time || tags.contains(column) || [id, subject, body].contains(&Some(*column));
        let rest = (0..sheet.header().len()).filter(|column| !taken(column)).collect();
        Ok(Self { time, id, subject, body, tags, rest })
    }
}

fn no_time(sheet: &Sheet) -> ImportError {
    let path = sheet.path().to_owned();
    match sheet.header().iter().find(|name| Stamp::parse(name).is_some_and(|_| !Stamp::is_number(name))) {
        Some(got) => ImportError::NoHeader { path, got: got.clone(), header: HEADER },
        None => ImportError::NoTicketTime { path, columns: sheet.names(0..sheet.header().len()) },
    }
}

/// The attribute that agents know by this name of a column, if it is one: `Priority`, `app version` and `AppVersion` are.
pub(super) fn attribute(name: &str) -> Option<&'static str> {
    let letters = |name: &str| name.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect::<String>();
    ATTRIBUTES.iter().copied().find(|known| letters(known) == letters(name))
}

/// Whether the header of a file is one of tickets: it has the texts of customers, `subject` or `body`.
///
/// # Errors
/// [`ImportError`] when the file cannot be read or is empty.
pub fn has_ticket_texts(path: &Path) -> Result<bool, ImportError> {
    let sheet = Sheet::open(path, HEADER)?;
    Ok(sheet.header().iter().any(|name| ["subject", "body"].iter().any(|text| name.eq_ignore_ascii_case(text))))
}
