//! An incident as files: CSV to look at or use elsewhere, and the truth beside it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{SynthError, Synthesis, tickets};
use crate::data::incident::Incident;
use crate::data::observation::Watched;
use crate::data::ticket::TicketTable;
use crate::data::truth::{GroundTruth, Window};
use crate::data::{Change, Series};
use crate::scenario::Scenario;
use crate::seed::SeedRole;
use crate::time::{Grid, Step, label};

/// Writes `tickets.csv`, `counts.csv`, `twin_counts.csv`, `changes.csv` and `truth.json` into a folder, which is made if absent, and
/// returns the paths written.
///
/// # Errors
/// As [`generate`](super::generate), and [`SynthError::Write`] for a file that cannot be written.
pub fn export(scenario: &Scenario, role: SeedRole, replicate: u32, folder: &Path) -> Result<Vec<PathBuf>, SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, super::MAX_ROWS)?;
    let incident = synthesis.incident();
    let (table, causes) = tickets::table(&synthesis);
    fs::create_dir_all(folder).map_err(|source| SynthError::Write { path: folder.to_owned(), source })?;
    let step = scenario.step();
    let written = [
        write(folder, "tickets.csv", |file| write_tickets(file, &table))?,
        write(folder, "counts.csv", |file| write_counts(file, &incident.observed.watched))?,
        write(folder, "twin_counts.csv", |file| write_counts(file, &incident.twin))?,
        write(folder, "changes.csv", |file| write_changes(file, &incident.observed.changes, step))?,
        write(folder, "truth.json", |file| {
            serde_json::to_writer_pretty(&mut *file, &readable(&synthesis, &incident, &table, &causes))?;
            file.write_all(b"\n")
        })?,
    ];
    Ok(written.to_vec())
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

fn write_tickets(file: &mut dyn Write, table: &TicketTable) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    let columns = table.columns.iter().map(|column| column.name.as_str());
    csv.write_record(["id", "created_at"].into_iter().chain(columns).chain(["tags"]))?;
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
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

fn write_counts(file: &mut dyn Write, watched: &[Watched]) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    csv.write_record(std::iter::once("time").chain(watched.iter().map(|watched| watched.name.as_str())))?;
    let grid = watched.first().map_or_else(|| Grid::civil(jiff::civil::Date::MIN, Step::DAY, 0), |first| first.series.grid().clone());
    for bucket in 0..grid.len() {
        csv.write_field(grid.label(bucket))?;
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

fn readable<'a>(synthesis: &Synthesis<'_>, incident: &'a Incident, table: &TicketTable, causes: &[Option<usize>]) -> Readable<'a> {
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
    Readable { incident: incident.observed.id.as_str(), truth, faults: faults.collect(), benign: benign.collect() }
}
