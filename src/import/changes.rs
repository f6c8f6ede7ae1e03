//! A change log of one's own: a CSV with one row per change.
//!
//! Columns, in any order and case: `at`, `kind` (as [`ChangeKind`] prints it), `title`; if there, `platform`, `version`, `regions`
//! (separated by `;`, `,` or `|`), `rollout` (`0.25` or `25%`; absent: everybody), `until` and `id`. Other columns are ignored, unless their
//! name looks like one of these mistyped.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::ImportError;
use super::csv::Sheet;
use super::stamp::{self, Stamp};
use crate::data::{Change, ChangeKind};
use crate::name::{known_names, nearest};
use crate::seed::digest;

const HEADER: &str = "at,kind,title";
const NAMES: [&str; 9] = ["at", "kind", "title", "platform", "version", "regions", "rollout", "until", "id"];
const KINDS: [ChangeKind; 6] = [
    ChangeKind::Deployment,
    ChangeKind::ConfigChange,
    ChangeKind::Experiment,
    ChangeKind::Campaign,
    ChangeKind::Maintenance,
    ChangeKind::Policy,
];

/// Reads a change log, oldest first; `zone` is that of stamps without an offset, UTC if absent.
///
/// # Errors
/// [`ImportError`] naming file, row and column, what was found and what was expected.
pub fn read_changes(path: &Path, zone: Option<&TimeZone>) -> Result<Vec<Change>, ImportError> {
    let sheet = Sheet::open(path, HEADER)?;
    let log = Log { columns: columns(&sheet)?, sheet: &sheet, zone: zone.cloned().unwrap_or(TimeZone::UTC) };
    let mut changes = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = sheet.rows()?;
    while let Some((row, cells)) = rows.next()? {
        let change = log.change(row, |name| log.columns[name].map_or("", |column| cells[column].trim()))?;
        if let Some(before_row) = seen.insert(change.id.clone(), row) {
            return Err(ImportError::SameId { place: sheet.place(row), id: change.id, before_row });
        }
        changes.push(change);
    }
    changes.sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.id.cmp(&b.id)));
    Ok(changes)
}

/// The place of each name in the file.
fn columns(sheet: &Sheet) -> Result<BTreeMap<&'static str, Option<usize>>, ImportError> {
    let mut found: BTreeMap<&'static str, Option<usize>> = NAMES.iter().map(|name| (*name, None)).collect();
    for (column, name) in sheet.header().iter().enumerate() {
        let lower = name.to_lowercase();
        let path = sheet.path().to_owned();
        if let Some(known) = NAMES.iter().find(|known| **known == lower) {
            let twice = found.insert(known, Some(column)).flatten().is_some();
            if twice {
                return Err(ImportError::RepeatedColumn { path, name: name.clone() });
            }
        } else if nearest(&lower, NAMES.into_iter().filter(|known| known.len() > 2)).is_some() {
            // Two letters are near to nearly everything.
            return Err(ImportError::MistypedColumn { path, name: name.clone(), known: known_names(&lower, NAMES) });
        }
    }
    for name in ["at", "kind", "title"] {
        if found[name].is_none() {
            sheet.column(name)?;
        }
    }
    Ok(found)
}

struct Log<'a> {
    sheet: &'a Sheet,
    columns: BTreeMap<&'static str, Option<usize>>,
    zone: TimeZone,
}

impl Log<'_> {
    fn change<'c>(&self, row: usize, cell: impl Fn(&'static str) -> &'c str) -> Result<Change, ImportError> {
        let wrong = |name: &'static str, expected: &str| {
            let column = self.columns[name].expect("a cell that was read has a column");
            self.sheet.cell_error(row, column, cell(name), expected)
        };
        let some = |name| Some(cell(name)).filter(|text| !text.is_empty()).map(str::to_owned);
        let at = self.stamp(cell("at")).map_err(|expected| wrong("at", expected))?;
        let kind = KINDS.into_iter().find(|kind| kind.to_string() == cell("kind")).ok_or_else(|| {
            let names = KINDS.map(|kind| kind.to_string());
            wrong("kind", &format!("a kind of change {}", known_names(cell("kind"), names.iter().map(String::as_str))))
        })?;
        let title = some("title").ok_or_else(|| wrong("title", "one line for people"))?;
        let until = match cell("until") {
            "" => None,
            text => Some(self.stamp(text).map_err(|expected| wrong("until", expected))?),
        };
        if until.as_ref().is_some_and(|until| *until < at) {
            return Err(wrong("until", &format!("a time not before `at`, {}", cell("at"))));
        }
        let rollout = rollout(cell("rollout")).ok_or_else(|| wrong("rollout", "a share such as `0.25` or `25%`, at most 1"))?;
        let regions = cell("regions").split([';', ',', '|']).map(str::trim).filter(|region| !region.is_empty());
        let regions: Vec<String> = regions.map(str::to_owned).collect();
        // Of a log without ids, the content and the row name the entry.
        let id = some("id").unwrap_or_else(|| format!("chg-{}", digest(format!("{row} {at} {kind} {title}").as_bytes(), 8)));
        Ok(Change { id, kind, at, until, title, platform: some("platform"), version: some("version"), regions, rollout })
    }

    fn stamp(&self, text: &str) -> Result<Zoned, &'static str> {
        let stamp = Stamp::parse(text).ok_or(stamp::EXPECTED)?;
        Ok(stamp.resolve(&self.zone, None)?.to_zoned(self.zone.clone()))
    }
}

fn rollout(text: &str) -> Option<f64> {
    let share = match text.strip_suffix('%') {
        _ if text.is_empty() => Some(1.0),
        Some(percent) => percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0),
        None => text.parse().ok(),
    };
    share.filter(|share| (0.0..=1.0).contains(share))
}
