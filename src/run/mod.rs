//! The runner: generates incidents, sets thresholds on fault-free twins, runs every cell of the matrix, and records what comes.

pub mod calibrate;
pub mod contract;
pub mod investigate;
pub mod job;
pub mod models;
pub mod oracle;
pub mod pool;
pub mod stale;
pub mod trigger;

mod cache;
mod detections;
mod done;
mod plan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::record::{Store, StoreError};
use crate::scenario::LoadError;
use crate::suite::{PlanError, Suite};
use crate::synth::SynthError;
use crate::time::Step;

use done::Done;
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
    #[error(
        "{path}: this run was planned otherwise ({planned}, now {now}): scenarios, models, agents, prompts or version changed; start a new run"
    )]
    PlanChanged {
        /// The run folder.
        path: String,
        /// Digest of its plan.
        planned: String,
        /// Digest of the plan now.
        now: String,
    },
    /// Nobody consented to what the models may cost.
    #[error("{0}")]
    NotApproved(String),
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
    /// Nobody asked to stop, but no more could be done; `harness run --resume` goes on once that is settled.
    Stopped(Store, investigate::Stop),
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
    /// For agents that ask a model; without, they have no line.
    pub models: Option<models::Models<'a>>,
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
    approve(&plan, &Done::default(), sitting)?;
    let name = format!("{}-{}", sitting.started.strftime("%Y%m%dT%H%M%SZ"), plan.digest);
    let store = Store::create(sitting.results, &name)?;
    store.write_json("manifest.json", &plan.manifest(sitting.started, sitting.jobs))?;
    plan.write_incidents(&store)?;
    execute(&plan, store, sitting, false)
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
    execute(&plan, store, sitting, true)
}

/// Asks for consent before anything is paid.
fn approve(plan: &Plan, done: &Done, sitting: &Sitting<'_>) -> Result<(), RunError> {
    let Some(models) = &sitting.models else { return Ok(()) };
    models::reachable(plan, models)?;
    match models::quote(plan, &investigate::plan_jobs(plan, &[]), done, models) {
        Some(quote) => (models.approve)(&quote).map_err(RunError::NotApproved),
        None => Ok(()),
    }
}

fn execute(plan: &Plan, store: Store, sitting: &mut Sitting<'_>, is_resumed: bool) -> Result<Ended, RunError> {
    let clock = Instant::now();
    let (journal, mut writer) = store.journal()?;
    // Thresholds lie beside the run, wherever a resumed one stands.
    let results = store.folder().parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let cache = cache::Cache::open(results, plan);
    let mut cached = cache.read(plan);
    let missing: BTreeSet<(usize, Step)> = plan.operating_points().filter(|point| !cached.contains_key(point)).collect();
    let sample = if missing.is_empty() { Vec::new() } else { calibrate::sample(&plan.scenarios)? };

    let mut done = Done::from(journal.entries);
    if is_resumed {
        approve(plan, &done, sitting)?;
    }
    done.forget_lost_points(plan, &store);
    let jobs = detections::plan_jobs(plan, &sample, &missing);
    let total = jobs.len();
    let jobs: Vec<detections::Job<'_>> = jobs.into_iter().filter(|job| !done.contains(job)).collect();
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
        &|| sitting.stop.load(Ordering::Relaxed),
        |job| detections::work(plan, job),
        |_, (entry, points)| {
            let entry = detections::record(&store, &mut writer, entry, points)?;
            done.add(entry);
            (sitting.progress)(Progress::JobDone);
            Ok::<(), StoreError>(())
        },
    )?;
    let (mut investigated, mut stopped) = (false, None);
    if complete {
        let fresh = detections::set_thresholds(plan, &sample, &missing, &done);
        cache.write(plan, &fresh);
        cached.extend(fresh);
        let records = detections::finish(plan, &store, &cached, &done)?;
        (investigated, stopped) = investigate::all(plan, &store, &records, &mut writer, &mut done, sitting)?;
    }
    let mut manifest = store.manifest()?;
    manifest.seconds += clock.elapsed().as_secs_f64();
    manifest.jobs = sitting.jobs;
    if !investigated {
        store.write_json("manifest.json", &manifest)?;
        return Ok(match stopped {
            Some(stop) => Ended::Stopped(store, stop),
            None => Ended::Interrupted(store),
        });
    }
    manifest.finished = Some(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    store.write_json("manifest.json", &manifest)?;
    Ok(Ended::Complete(store))
}
