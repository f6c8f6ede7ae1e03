//! Detections and the calibration jobs before them: planned, computed, and written with their operating points applied.

use std::collections::{BTreeMap, BTreeSet};

use super::done::Done;
use super::plan::Plan;
use super::{calibrate, job};
use crate::data::Series;
use crate::data::incident::Incident;
use crate::detect::page::episodes;
use crate::detect::threshold::Threshold;
use crate::detect::{Detection, native_threshold};
use crate::name::ConfigId;
use crate::record::{
    CalibrationKey, DetectionKey, Entry, Flagged, JournalWriter, Outcome, Points, Record, Store, StoreError, ThresholdRecord, Watch,
};
use crate::seed::Seed;
use crate::suite::Cell;
use crate::time::Step;

/// A unit of work for the pool.
pub(super) enum Job<'a> {
    Calibration { column: usize, incident: &'a Incident, series: usize, key: CalibrationKey },
    Detection { cell: Cell, key: DetectionKey },
}

/// Long series first, so that no thread is left alone with a long job at the end.
pub(super) fn plan_jobs<'a>(plan: &'a Plan, sample: &'a [Incident], missing: &BTreeSet<(usize, Step)>) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    for incident in sample {
        for (series, watched) in incident.twin.iter().enumerate() {
            for (column, entry) in plan.matrix.columns.iter().enumerate() {
                if missing.contains(&(column, incident.observed.step())) {
                    let key = CalibrationKey {
                        incident: incident.observed.id.clone(),
                        series: watched.name.clone(),
                        model: entry.config.clone(),
                    };
                    jobs.push((watched.series.len(), Job::Calibration { column, incident, series, key }));
                }
            }
        }
    }
    for &cell in &plan.matrix.cells {
        jobs.push((plan.series(cell).len(), Job::Detection { cell, key: plan.key(cell) }));
    }
    jobs.sort_by_key(|(points, _)| std::cmp::Reverse(*points));
    jobs.into_iter().map(|(_, job)| job).collect()
}

pub(super) fn work(plan: &Plan, job: &Job<'_>) -> (Entry, Option<Points>) {
    let watch = Watch::start();
    match job {
        Job::Calibration { column, incident, series, key } => {
            let seed = Seed::derive(["calibrate", key.incident.as_str(), &key.series, &key.model.digest]);
            let (outcome, detection) = compute(plan, *column, incident, &incident.twin[*series].series, seed);
            let scores = detection.map(|detection| detection.scores).unwrap_or_default();
            (Entry::Calibration { key: key.clone(), outcome, scores, seconds: watch.seconds() }, None)
        }
        Job::Detection { cell, key } => {
            let seed = Seed::derive(["detect", key.incident.as_str(), &key.series, &key.model.digest]);
            let (outcome, detection) = compute(plan, cell.column, &plan.incidents[cell.incident], plan.series(*cell), seed);
            let fits = detection.as_ref().map_or(0, |detection| detection.fits);
            let entry = Entry::Detection { key: key.clone(), outcome, fits, clock: watch.stop() };
            (entry, detection.map(Points::from))
        }
    }
}

fn compute(plan: &Plan, column: usize, incident: &Incident, series: &Series, seed: Seed) -> (Outcome, Option<Detection>) {
    let case = job::Case { series, known: incident.observed.known(), train: incident.observed.train, seed };
    job::detect(plan.matrix.columns[column].built.detector.as_ref(), &case)
}

/// Points first, then the journal entry: an entry always has its points.
pub(super) fn record(store: &Store, writer: &mut JournalWriter, entry: Entry, points: Option<Points>) -> Result<Entry, StoreError> {
    if let (Entry::Detection { key, .. }, Some(points)) = (&entry, &points) {
        store.write_points(key, points)?;
    }
    writer.append(&entry)?;
    Ok(entry)
}

/// Thresholds of the operating points that no cache had.
pub(super) fn set_thresholds(
    plan: &Plan,
    sample: &[Incident],
    missing: &BTreeSet<(usize, Step)>,
    done: &Done,
) -> BTreeMap<(usize, Step), Threshold> {
    let steps: BTreeMap<&str, Step> = sample.iter().map(|incident| (incident.observed.id.as_str(), incident.observed.step())).collect();
    let columns: BTreeMap<&ConfigId, usize> =
        plan.matrix.columns.iter().enumerate().map(|(number, column)| (&column.config, number)).collect();
    let scored = done.calibrations.iter().filter_map(|(key, (outcome, scores))| {
        let step = *steps.get(key.incident.as_str())?;
        let column = *columns.get(&key.model)?;
        missing.contains(&(column, step)).then_some((column, key, step, outcome, scores.as_slice()))
    });
    calibrate::thresholds(scored, &plan.suite.detection)
}

/// Applies the operating points and writes the sorted files.
pub(super) fn finish(
    plan: &Plan,
    store: &Store,
    thresholds: &BTreeMap<(usize, Step), Threshold>,
    done: &Done,
) -> Result<Vec<Record>, StoreError> {
    let mut records = Vec::with_capacity(plan.matrix.cells.len());
    for &cell in &plan.matrix.cells {
        let key = plan.key(cell);
        let Some((outcome, fits, _)) = done.detections.get(&key) else { continue };
        let budget = thresholds.get(&(cell.column, plan.step(cell))).map(|threshold| threshold.value);
        records.push(operate(plan, store, cell, key, outcome.clone(), *fits, budget)?);
    }
    records.sort_by(|a, b| a.key.cmp(&b.key));
    let mut operating: Vec<ThresholdRecord> = plan
        .operating_points()
        .map(|(column, step)| ThresholdRecord {
            model: plan.matrix.columns[column].config.clone(),
            step,
            threshold: thresholds.get(&(column, step)).copied(),
        })
        .collect();
    operating.sort_by(|a, b| (&a.model, a.step).cmp(&(&b.model, b.step)));
    store.write_lines("detections.jsonl", &records)?;
    store.write_lines("thresholds.jsonl", &operating)?;
    Ok(records)
}

fn operate(
    plan: &Plan,
    store: &Store,
    cell: Cell,
    key: DetectionKey,
    outcome: Outcome,
    fits: usize,
    budget: Option<f64>,
) -> Result<Record, StoreError> {
    if outcome != Outcome::Answered {
        return Ok(Record { key, outcome, fits, native: None, budget: None });
    }
    let Some(budget) = budget else {
        let why = "no alert-budget threshold: every calibration job of this model and step failed".to_owned();
        return Ok(Record { key, outcome: Outcome::Infra { stage: "calibration".into(), why }, fits, native: None, budget: None });
    };
    let scores = store.points(&key, plan.test_len(cell))?.scores;
    let paging = plan.suite.detection.paging(plan.step(cell));
    let at = |threshold: f64| {
        let flags: Vec<bool> = scores.iter().map(|score| score.is_some_and(|score| score > threshold)).collect();
        let pages = episodes(&flags, paging).into_iter().flat_map(|episode| episode.pages).collect();
        let flags = flags.iter().enumerate().filter_map(|(bucket, flag)| flag.then_some(bucket)).collect();
        Flagged { threshold, flags, pages }
    };
    let states_intervals = plan.matrix.columns[cell.column].built.states_intervals;
    let native = states_intervals.then(|| at(native_threshold(plan.suite.detection.interval)));
    Ok(Record { key, outcome, fits, native, budget: Some(at(budget)) })
}
