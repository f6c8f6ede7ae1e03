//! An incident as files: CSV to look at or use elsewhere, and the truth beside it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::{SynthError, Synthesis, activity, tickets};
use crate::data::activity::ActivityTable;
use crate::data::archive::{Texts, TicketText};
use crate::data::incident::Incident;
use crate::data::observation::Watched;
use crate::data::ticket::TicketTable;
use crate::data::truth::{GroundTruth, Window};
use crate::data::{Change, Series};
use crate::scenario::Scenario;
use crate::seed::SeedRole;
use crate::time::{Grid, Step, label};

/// Writes `tickets.csv`, `counts.csv`, `twin_counts.csv`, `changes.csv` and `truth.json` into a folder, which is made if absent, for a
/// scenario with users `users.csv` and `sessions.csv` too, and returns the paths written.
///
/// # Errors
/// As [`generate`](super::generate), and [`SynthError::Write`] for a file that cannot be written.
pub fn export(scenario: &Scenario, role: SeedRole, replicate: u32, folder: &Path) -> Result<Vec<PathBuf>, SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, super::MAX_ROWS)?;
    let incident = synthesis.incident()?;
    let (table, causes) = tickets::table(&synthesis);
    let table = Arc::new(table);
    let texts = synthesis.texts(&table, &causes);
    fs::create_dir_all(folder).map_err(|source| SynthError::Write { path: folder.to_owned(), source })?;
    let step = scenario.step();
    let mut written = vec![
        write(folder, "tickets.csv", |file| write_tickets(file, &table, texts.as_ref()))?,
        write(folder, "counts.csv", |file| write_counts(file, &incident.observed.watched))?,
        write(folder, "twin_counts.csv", |file| write_counts(file, &incident.twin))?,
        write(folder, "changes.csv", |file| write_changes(file, &incident.observed.changes, step))?,
        write(folder, "truth.json", |file| {
            serde_json::to_writer_pretty(&mut *file, &readable(&synthesis, &incident, &table, &causes))?;
            file.write_all(b"\n")
        })?,
    ];
    if let Some(model) = activity::model(&synthesis)? {
        let table = activity::table(&model);
        written.push(write(folder, "users.csv", |file| write_users(file, &table))?);
        written.push(write(folder, "sessions.csv", |file| write_sessions(file, &table))?);
    }
    Ok(written)
}

fn write(folder: &Path, name: &str, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<PathBuf, SynthError> {
    let path = folder.join(name);
    let result = File::create(&path).and_then(|file| {
        let mut file = BufWriter::new(file);
        fill(&mut file)?;
        file.flush()
    });
    match result {
        Ok(()) => Ok(path),
        Err(source) => Err(SynthError::Write { path, source }),
    }
}

fn write_tickets(file: &mut dyn Write, table: &TicketTable, texts: &dyn Texts) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    let columns = table.columns.iter().map(|column| column.name.as_str());
    csv.write_record(["id", "created_at"].into_iter().chain(columns).chain(["tags", "subject", "body"]))?;
    let mut start = None;
    for row in 0..table.len() {
        let bucket = table.buckets[row] as usize;
        let (_, stamp) = match start {
            Some((known, _)) if known == bucket => start.as_ref().expect("it was just matched"),
            _ => start.insert((bucket, table.grid.stamp(bucket))),
        };
        let later = jiff::SignedDuration::from_secs(i64::from(table.seconds[row]));
        let created = stamp.checked_add(later).map_err(io::Error::other)?;
        csv.write_field(table.ids[row].to_string())?;
        csv.write_field(label(&created, Step::HOUR))?;
        for column in &table.columns {
            csv.write_field(column.value(row))?;
        }
        csv.write_field(table.tags_of(row).collect::<Vec<_>>().join("|"))?;
        let TicketText { subject, body } = texts.text(row);
        csv.write_field(subject)?;
        csv.write_field(body)?;
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

fn write_users(file: &mut dyn Write, table: &ActivityTable) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    let columns = table.users.columns.iter().map(|column| column.name.as_str());
    csv.write_record(["user", "cohort"].into_iter().chain(columns))?;
    for (row, id) in table.users.ids.iter().enumerate() {
        csv.write_field(id.to_string())?;
        csv.write_field(date(table, table.users.signup[row])?)?;
        for column in &table.users.columns {
            csv.write_field(column.value(row))?;
        }
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

/// The date of a day counted from the first of the grid.
fn date(table: &ActivityTable, day: i32) -> io::Result<String> {
    let first = table.grid.datetime(0).date();
    Ok(first.checked_add(jiff::Span::new().days(day)).map_err(io::Error::other)?.to_string())
}

/// One row per session. Cohort and age are those of the user, so that retention is a count of distinct users by the two.
fn write_sessions(file: &mut dyn Write, table: &ActivityTable) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(["user", "started_at", "day", "cohort", "age", "events", &table.version.name])?;
    let days: Vec<(jiff::Zoned, String)> = (0..table.grid.len()).map(|day| (table.grid.stamp(day), table.grid.label(day))).collect();
    for row in 0..table.len() {
        let (user, day) = (table.user[row] as usize, table.day[row] as usize);
        let later = jiff::SignedDuration::from_secs(i64::from(table.second[row]));
        let started = days[day].0.checked_add(later).map_err(io::Error::other)?;
        let signup = table.users.signup[user];
        csv.write_field(table.users.ids[user].to_string())?;
        csv.write_field(label(&started, Step::HOUR))?;
        csv.write_field(&days[day].1)?;
        csv.write_field(date(table, signup)?)?;
        csv.write_field((i64::from(table.day[row]) - i64::from(signup)).to_string())?;
        csv.write_field(table.events[row].to_string())?;
        csv.write_field(table.version.value(row))?;
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

fn write_counts(file: &mut dyn Write, watched: &[Watched]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(std::iter::once("time").chain(watched.iter().map(|watched| watched.name.as_str())))?;
    // Where nothing is watched, the header is all there is.
    let grid = watched.first().map(|first| first.series.grid());
    for bucket in 0..grid.map_or(0, Grid::len) {
        csv.write_field(grid.map_or_else(String::new, |grid| grid.label(bucket)))?;
        for Watched { series, .. } in watched {
            csv.write_field(count(series, bucket))?;
        }
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

/// A missing count is an empty cell.
fn count(series: &Series, bucket: usize) -> String {
    series.values()[bucket].map_or_else(String::new, |value| value.to_string())
}

fn write_changes(file: &mut dyn Write, changes: &[Change], step: Step) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(["id", "kind", "at", "until", "title", "platform", "version", "regions", "rollout"])?;
    for change in changes {
        csv.write_record([
            change.id.clone(),
            change.kind.to_string(),
            label(&change.at, Step::HOUR),
            change.until.as_ref().map_or_else(String::new, |until| label(until, step)),
            change.title.clone(),
            change.platform.clone().unwrap_or_default(),
            change.version.clone().unwrap_or_default(),
            change.regions.join("|"),
            change.rollout.to_string(),
        ])?;
    }
    csv.flush()
}

/// The truth with stamps that people can read and the tickets behind it.
#[derive(Serialize)]
struct Readable<'a> {
    incident: &'a str,
    truth: &'a GroundTruth,
    faults: Vec<ReadableFault<'a>>,
    benign: Vec<ReadableRun<'a>>,
    /// Ids of the tickets that say what a variant puts into them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    injected: Vec<u64>,
}

#[derive(Serialize)]
struct ReadableFault<'a> {
    kind: &'a str,
    change: Option<&'a str>,
    active: [String; 2],
    effects: Vec<ReadableEffect<'a>>,
    /// Ids of the tickets it caused.
    tickets: Vec<u64>,
    /// How many tickets it took away: they are in no file.
    lost: usize,
}

#[derive(Serialize)]
struct ReadableEffect<'a> {
    series: &'a str,
    /// First and last bucket; absent: cannot be seen on this series.
    window: Option<[String; 2]>,
    peak_sd: f64,
}

#[derive(Serialize)]
struct ReadableRun<'a> {
    kind: &'a str,
    change: Option<&'a str>,
    active: [String; 2],
}

fn readable<'a>(synthesis: &Synthesis<'_>, incident: &'a Incident, table: &Arc<TicketTable>, causes: &[Option<usize>]) -> Readable<'a> {
    let grid = &incident.observed.known.grid;
    let stamps = |window: Window| [grid.label(window.first), grid.label(window.last)];
    let lost = |number: usize| synthesis.counts.lost.values().flatten().filter(|cause| **cause == Some(number)).count();
    let truth = &incident.truth;
    let faults = truth.faults.iter().enumerate().map(|(number, fault)| ReadableFault {
        kind: &fault.kind,
        change: fault.change.as_deref(),
        active: stamps(fault.active),
        effects: fault
            .effects
            .iter()
            .map(|effect| ReadableEffect { series: &effect.series, window: effect.window.map(stamps), peak_sd: effect.peak_sd })
            .collect(),
        tickets: causes.iter().zip(&table.ids).filter(|(cause, _)| **cause == Some(number)).map(|(_, id)| *id).collect(),
        lost: lost(number),
    });
    let benign =
        truth.benign.iter().map(|event| ReadableRun { kind: &event.kind, change: event.change.as_deref(), active: stamps(event.active) });
    let injections = synthesis.injections(table);
    let says = |row: &usize| injections.as_ref().is_some_and(|injections| injections.takes(*row));
    let injected = (0..table.len()).filter(says).map(|row| table.ids[row]).collect();
    Readable { incident: incident.observed.id.as_str(), truth, faults: faults.collect(), benign: benign.collect(), injected }
}
