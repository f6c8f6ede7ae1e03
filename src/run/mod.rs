//! The runner: generates incidents, sets thresholds on fault-free twins, runs every cell of the matrix, and records what comes.

pub mod calibrate;
pub mod contract;
pub mod investigate;
pub mod job;
pub mod oracle;
pub mod pool;
pub mod trigger;

mod cache;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::data::Series;
use crate::data::incident::Incident;
use crate::detect::page::episodes;
use crate::detect::threshold::Threshold;
use crate::detect::{Detection, native_threshold};
use crate::name::ConfigId;
use crate::record::store::{JournalWriter, ThresholdRecord, Timing};
use crate::record::{
    CalibrationKey, DetectionKey, Entry, Flagged, Investigation, InvestigationKey, Outcome, PageGroup, Points, Record, Store, StoreError,
};
use crate::scenario::LoadError;
use crate::seed::Seed;
use crate::suite::{Cell, PlanError, Suite};
use crate::synth::SynthError;
use crate::time::Step;

pub use plan::Plan;

/// Why a run could not start or go on. What was computed before stays on disk.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A scenario could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A scenario could not be generated.
    #[error(transparent)]
    Synth(#[from] SynthError),
    /// The matrix could not be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run folder could not be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Two scenarios share an id.
    #[error("{first} and {second} have the same id `{id}`: ids are unique in a run, and so are files: was one given twice?")]
    SameId {
        /// The id.
        id: String,
        /// One file.
        first: String,
        /// The other file.
        second: String,
    },
    /// The run to resume was planned from other scenarios, models or another version.
    #[error("{path}: this run was planned otherwise ({planned}, now {now}): scenarios, models or version changed; start a new run")]
    PlanChanged {
        /// The run folder.
        path: String,
        /// Digest of its plan.
        planned: String,
        /// Digest of the plan now.
        now: String,
    },
    /// A generated incident breaks the data contract.
    #[error("the generator broke its word, nothing was run:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Contract(Vec<contract::Breach>),
    /// The suite in the manifest is not one.
    #[error("{path}: the manifest's suite cannot be read ({source})")]
    Manifest {
        /// The run folder.
        path: String,
        /// What the parser says.
        source: serde_json::Error,
    },
}

/// What happens while a run goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The matrix is known; nothing has been computed in this sitting.
    Planned {
        /// The run folder.
        folder: PathBuf,
        /// Scenario files.
        files: usize,
        /// Incidents (files times seeds).
        incidents: usize,
        /// Detections to compute in all.
        detections: usize,
        /// Calibration jobs in all; 0 when thresholds are cached.
        calibrations: usize,
        /// Investigations known before pages are.
        investigations: usize,
        /// Jobs found done in the journal.
        done: usize,
        /// Whether a truncated last record was dropped.
        truncated: bool,
    },
    /// One more job is done.
    JobDone,
    /// Detection is done and pages are known.
    Grouped {
        /// Page groups over all models.
        groups: usize,
        /// Investigations in all; groups with the same pages share one.
        investigations: usize,
        /// Those found done in the journal.
        done: usize,
    },
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// Every job is recorded.
    Complete(Store),
    /// Stopped; `harness run --resume` goes on.
    Interrupted(Store),
}

/// What a run needs besides the suite.
pub struct Sitting<'a> {
    /// Where run folders go.
    pub results: &'a Path,
    /// Worker threads.
    pub jobs: usize,
    /// Set to stop.
    pub stop: &'a AtomicBool,
    /// Told of progress.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Name of a new run folder and time of its start, from the caller's clock.
    pub started: &'a jiff::Timestamp,
}

/// Runs a suite in a new folder.
///
/// # Errors
/// [`RunError`]; bad input is found before any work starts.
pub fn start(suite: Suite, sitting: &mut Sitting<'_>) -> Result<Ended, RunError> {
    let plan = Plan::new(suite)?;
    plan.check_contract()?;
    let name = format!("{}-{}", sitting.started.strftime("%Y%m%dT%H%M%SZ"), plan.digest);
    let store = Store::create(sitting.results, &name)?;
    store.write_json("manifest.json", &plan.manifest(sitting.started, sitting.jobs))?;
    plan.write_incidents(&store)?;
    execute(&plan, store, sitting)
}

/// Goes on with a run.
///
/// # Errors
/// [`RunError::PlanChanged`] when it would not be the same run any more.
pub fn resume(folder: &Path, sitting: &mut Sitting<'_>) -> Result<Ended, RunError> {
    let store = Store::open(folder)?;
    let manifest = store.manifest()?;
    let path = folder.display().to_string();
    let suite: Suite =
        serde_json::from_value(manifest.suite.clone()).map_err(|source| RunError::Manifest { path: path.clone(), source })?;
    let plan = Plan::new(suite)?;
    if plan.digest != manifest.plan {
        return Err(RunError::PlanChanged { path, planned: manifest.plan, now: plan.digest });
    }
    plan.write_incidents(&store)?;
    execute(&plan, store, sitting)
}

/// A unit of work for the pool.
enum Job<'a> {
    Calibration { column: usize, incident: &'a Incident, series: usize, key: CalibrationKey },
    Detection { cell: Cell, key: DetectionKey },
}

fn execute(plan: &Plan, store: Store, sitting: &mut Sitting<'_>) -> Result<Ended, RunError> {
    let clock = Instant::now();
    let (journal, mut writer) = store.journal()?;
    // Thresholds lie beside the run, wherever a resumed one stands.
    let results = store.folder().parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cache = cache::Cache::open(results, plan);
    let mut cached = cache.read(plan);
    let missing: BTreeSet<(usize, Step)> = plan.operating_points().filter(|point| !cached.contains_key(point)).collect();
    let sample = if missing.is_empty() { Vec::new() } else { calibrate::sample(&plan.scenarios)? };

    let mut done = Done::from(journal.entries);
    done.forget_lost_points(plan, &store);
    let jobs = plan_jobs(plan, &sample, &missing);
    let total = jobs.len();
    let jobs: Vec<Job<'_>> = jobs.into_iter().filter(|job| !done.contains(job)).collect();
    (sitting.progress)(Progress::Planned {
        folder: store.folder().to_path_buf(),
        files: plan.scenarios.len(),
        incidents: plan.incidents.len(),
        detections: plan.matrix.cells.len(),
        calibrations: total - plan.matrix.cells.len(),
        investigations: investigate::plan_jobs(plan, &[]).len(),
        done: total - jobs.len(),
        truncated: journal.truncated,
    });

    let complete = pool::run(
        &jobs,
        sitting.jobs,
        sitting.stop,
        |job| work(plan, job),
        |_, (entry, points)| {
            let entry = record(&store, &mut writer, entry, points)?;
            done.add(entry);
            (sitting.progress)(Progress::JobDone);
            Ok::<(), StoreError>(())
        },
    )?;
    let mut investigated = false;
    if complete {
        let fresh = set_thresholds(plan, &sample, &missing, &done);
        cache.write(plan, &fresh);
        cached.extend(fresh);
        let records = finish(plan, &store, &cached, &done)?;
        investigated = investigate_all(plan, &store, &records, &mut writer, &mut done, sitting)?;
    }
    let mut manifest = store.manifest()?;
    manifest.seconds += clock.elapsed().as_secs_f64();
    manifest.jobs = sitting.jobs;
    if !investigated {
        store.write_json("manifest.json", &manifest)?;
        return Ok(Ended::Interrupted(store));
    }
    manifest.finished = Some(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    store.write_json("manifest.json", &manifest)?;
    Ok(Ended::Complete(store))
}

/// Sends every agent that is still missing; returns whether all came back.
fn investigate_all(
    plan: &Plan,
    store: &Store,
    records: &[Record],
    writer: &mut JournalWriter,
    done: &mut Done,
    sitting: &mut Sitting<'_>,
) -> Result<bool, StoreError> {
    let groups = investigate::groups(plan, records);
    let all = investigate::plan_jobs(plan, &groups);
    let jobs: Vec<investigate::Job> = all.iter().filter(|job| !done.investigations.contains_key(&job.key)).cloned().collect();
    (sitting.progress)(Progress::Grouped { groups: groups.len(), investigations: all.len(), done: all.len() - jobs.len() });
    let shelf = investigate::Shelf::new(plan, &jobs);
    let complete = pool::run(
        &jobs,
        sitting.jobs,
        sitting.stop,
        |job| {
            let clock = Instant::now();
            let (outcome, trajectory) = investigate::work(&shelf, job);
            (outcome, trajectory, clock.elapsed().as_secs_f64())
        },
        |job, (outcome, trajectory, seconds)| {
            if let Some(trajectory) = &trajectory {
                store.write_trajectory(&job.key.digest(), trajectory)?;
            }
            let entry = Entry::Investigation { key: job.key.clone(), outcome, seconds };
            writer.append(&entry)?;
            done.add(entry);
            (sitting.progress)(Progress::JobDone);
            Ok::<(), StoreError>(())
        },
    )?;
    if complete {
        finish_investigations(store, &groups, &all, done)?;
    }
    Ok(complete)
}

/// Writes the sorted files of the explanation half.
fn finish_investigations(store: &Store, groups: &[PageGroup], jobs: &[investigate::Job], done: &Done) -> Result<(), StoreError> {
    let mut investigations = Vec::with_capacity(jobs.len());
    for job in jobs {
        let Some((outcome, _)) = done.investigations.get(&job.key) else { continue };
        let id = job.key.digest();
        let trajectory = if *outcome == Outcome::Answered { Some(store.trajectory(&id)?) } else { None };
        let (calls, report) = trajectory.map_or((0, None), |trajectory| (trajectory.calls.len(), trajectory.report));
        investigations.push(Investigation { key: job.key.clone(), id, outcome: outcome.clone(), bucket: job.sent.bucket, calls, report });
    }
    investigations.sort_by(|a, b| a.key.cmp(&b.key));
    store.write_lines("investigations.jsonl", &investigations)?;
    store.write_lines("groups.jsonl", groups)
}

/// Long series first, so that no thread is left alone with a long job at the end.
fn plan_jobs<'a>(plan: &'a Plan, sample: &'a [Incident], missing: &BTreeSet<(usize, Step)>) -> Vec<Job<'a>> {
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

fn work(plan: &Plan, job: &Job<'_>) -> (Entry, Option<Points>) {
    let clock = Instant::now();
    match job {
        Job::Calibration { column, incident, series, key } => {
            let seed = Seed::derive(["calibrate", key.incident.as_str(), &key.series, &key.model.digest]);
            let (outcome, detection) = compute(plan, *column, incident, &incident.twin[*series].series, seed);
            let scores = detection.map(|detection| detection.scores).unwrap_or_default();
            (Entry::Calibration { key: key.clone(), outcome, scores, seconds: clock.elapsed().as_secs_f64() }, None)
        }
        Job::Detection { cell, key } => {
            let seed = Seed::derive(["detect", key.incident.as_str(), &key.series, &key.model.digest]);
            let (outcome, detection) = compute(plan, cell.column, &plan.incidents[cell.incident], plan.series(*cell), seed);
            let fits = detection.as_ref().map_or(0, |detection| detection.fits);
            let entry = Entry::Detection { key: key.clone(), outcome, fits, seconds: clock.elapsed().as_secs_f64() };
            (entry, detection.map(Points::from))
        }
    }
}

fn compute(plan: &Plan, column: usize, incident: &Incident, series: &Series, seed: Seed) -> (Outcome, Option<Detection>) {
    let case = job::Case { series, known: incident.observed.known(), train: incident.observed.train, seed };
    job::detect(plan.matrix.columns[column].built.detector.as_ref(), &case)
}

/// Points first, then the journal entry: an entry always has its points.
fn record(store: &Store, writer: &mut JournalWriter, entry: Entry, points: Option<Points>) -> Result<Entry, StoreError> {
    if let (Entry::Detection { key, .. }, Some(points)) = (&entry, &points) {
        store.write_points(key, points)?;
    }
    writer.append(&entry)?;
    Ok(entry)
}

/// What is finished, by key.
#[derive(Default)]
struct Done {
    calibrations: BTreeMap<CalibrationKey, (Outcome, Vec<Option<f64>>)>,
    detections: BTreeMap<DetectionKey, (Outcome, usize, f64)>,
    investigations: BTreeMap<InvestigationKey, (Outcome, f64)>,
}

impl Done {
    fn from(entries: Vec<Entry>) -> Self {
        let mut done = Self::default();
        for entry in entries {
            done.add(entry);
        }
        done
    }

    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Calibration { key, outcome, scores, .. } => {
                self.calibrations.insert(key, (outcome, scores));
            }
            Entry::Detection { key, outcome, fits, seconds } => {
                self.detections.insert(key, (outcome, fits, seconds));
            }
            Entry::Investigation { key, outcome, seconds } => {
                self.investigations.insert(key, (outcome, seconds));
            }
        }
    }

    /// A detection whose points were deleted or damaged since is computed again.
    fn forget_lost_points(&mut self, plan: &Plan, store: &Store) {
        for &cell in &plan.matrix.cells {
            let key = plan.key(cell);
            let answered = self.detections.get(&key).is_some_and(|(outcome, ..)| *outcome == Outcome::Answered);
            if answered && store.points(&key, plan.test_len(cell)).is_err() {
                self.detections.remove(&key);
            }
        }
    }

    fn contains(&self, job: &Job<'_>) -> bool {
        match job {
            Job::Calibration { key, .. } => self.calibrations.contains_key(key),
            Job::Detection { key, .. } => self.detections.contains_key(key),
        }
    }
}

fn set_thresholds(plan: &Plan, sample: &[Incident], missing: &BTreeSet<(usize, Step)>, done: &Done) -> BTreeMap<(usize, Step), Threshold> {
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
fn finish(plan: &Plan, store: &Store, thresholds: &BTreeMap<(usize, Step), Threshold>, done: &Done) -> Result<Vec<Record>, StoreError> {
    let mut records = Vec::with_capacity(plan.matrix.cells.len());
    let mut timings = Vec::with_capacity(plan.matrix.cells.len());
    for &cell in &plan.matrix.cells {
        let key = plan.key(cell);
        let Some((outcome, fits, seconds)) = done.detections.get(&key) else { continue };
        let budget = thresholds.get(&(cell.column, plan.step(cell))).map(|threshold| threshold.value);
        records.push(operate(plan, store, cell, key.clone(), outcome.clone(), *fits, budget)?);
        timings.push(Timing { key, seconds: *seconds });
    }
    records.sort_by(|a, b| a.key.cmp(&b.key));
    timings.sort_by(|a, b| a.key.cmp(&b.key));
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
    store.write_lines("timings.jsonl", &timings)?;
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
