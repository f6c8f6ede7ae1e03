//! The join of records and truth: every detection of a finished run judged, and the oracle beside them.

use std::collections::BTreeMap;

use super::Section;
use super::counts::Counts;
use super::detection::Judged;
use super::explained::{self, JoinedIncident, JudgedInvestigation};
use super::injection;
use super::matching::{EffectWindow, Matching};
use super::sample::{FileCounts, Files};
use super::scorecard::{Basis, ModelCounts, Role, Scorecard, VariantBasis};
use crate::data::observation::Observation;
use crate::data::truth::{GroundTruth, Window};
use crate::detect::page::Paging;
use crate::name::{ConfigId, IncidentId};
use crate::record::{DetectionKey, Manifest, Outcome, Record, Store, StoreError};
use crate::run::oracle;
use crate::seed::digest;
use crate::suite::{Detection, ORACLE, Suite};

/// Why records could not be scored.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A file of the run could not be read, or jobs are missing.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The suite in the manifest is not one.
    #[error("{path}: the manifest's suite cannot be read ({source})")]
    Suite {
        /// The run folder.
        path: String,
        /// What the parser says.
        source: serde_json::Error,
    },
}

/// One judged detection, for tables and explanations.
#[derive(Debug, Clone)]
pub struct Job {
    /// What was computed.
    pub key: DetectionKey,
    /// Scenario file.
    pub file: String,
    /// Number of the seed within its role.
    pub replicate: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Effects and false pages at the alert budget; absent for failures.
    pub matching: Option<Matching>,
    /// What it adds to its file.
    pub counts: Counts,
}

/// A run, judged.
pub struct Judgement {
    /// What was run.
    pub manifest: Manifest,
    /// Its suite.
    pub suite: Suite,
    /// Every detection, sorted by key.
    pub jobs: Vec<Job>,
    /// Every investigation, sorted by key.
    pub investigations: Vec<JudgedInvestigation>,
    /// Page groups and how they ended, per incident, model and agent.
    pub joined: Vec<JoinedIncident>,
    /// The numbers.
    pub scorecard: Scorecard,
}

/// An incident as the scorer needs it.
pub struct Side {
    /// What was observed.
    pub observed: Observation,
    /// What is true of it.
    pub truth: GroundTruth,
}

impl Side {
    /// Whether it repeats another incident with other texts.
    #[must_use]
    pub const fn is_variant(&self) -> bool {
        self.truth.variant_of.is_some()
    }

    /// Seconds of test buckets with a value, over all watched series.
    pub(super) fn observed_seconds(&self) -> u64 {
        let recorded = |values: &[Option<f64>]| values[self.observed.train..].iter().flatten().count() as u64;
        let buckets: u64 = self.observed.watched.iter().map(|watched| recorded(watched.series.values())).sum();
        buckets * self.observed.step().seconds().unsigned_abs()
    }
}

/// Judges every detection of a finished run.
///
/// # Errors
/// [`StoreError::Incomplete`] while jobs are missing; [`JudgeError`] when a file of the run is broken.
pub fn judge(store: &Store) -> Result<Judgement, JudgeError> {
    let manifest = store.manifest()?;
    let path = store.folder().display().to_string();
    let suite: Suite = serde_json::from_value(manifest.suite.clone()).map_err(|source| JudgeError::Suite { path: path.clone(), source })?;
    if manifest.finished.is_none() {
        let done = store.journal_len()?;
        return Err(StoreError::Incomplete { path, done }.into());
    }
    let records = store.detections()?;
    let mut sides = BTreeMap::new();
    for id in store.incidents()? {
        // `observed` and `points` of the store check lengths: nothing below can reach beyond a series.
        let side = Side { observed: store.observed(&id)?, truth: store.truth(&id)? };
        sides.insert(id, side);
    }
    let planned: usize = watched(&sides).map(|side| side.observed.watched.len() * manifest.columns.len()).sum();
    if records.len() != planned || sides.len() != manifest.scenarios.len() * suite.seeds.count as usize {
        return Err(StoreError::Incomplete { path, done: records.len() }.into());
    }
    let mut jobs = Vec::with_capacity(records.len());
    for record in &records {
        jobs.push(judge_record(store, &suite, record, &sides[&record.key.incident])?);
    }
    let mut scorecard = scorecard(&manifest, &suite, &jobs, &sides);
    let groups = store.groups()?;
    let investigations = explained::judge_all(store, &sides, &groups)?;
    let (joined, end_to_end) = explained::join(&suite, &manifest, &groups, &investigations, &sides);
    if !manifest.agents.is_empty() {
        scorecard = scorecard
            .with(Section::Cause, explained::cause_counts(&manifest, &investigations, &sides))
            .with(Section::EndToEnd, end_to_end)
            .with(Section::Injection, injection::counts(&manifest, &investigations, &sides));
    }
    Ok(Judgement { manifest, suite, jobs, investigations, joined, scorecard })
}

/// The incidents that detectors run on: the series of a variant are those of its base.
fn watched(sides: &BTreeMap<IncidentId, Side>) -> impl Iterator<Item = &Side> {
    sides.values().filter(|side| !side.is_variant())
}

fn judge_record(store: &Store, suite: &Suite, record: &Record, side: &Side) -> Result<Job, StoreError> {
    let series = record.key.series.as_str();
    let windows = windows(side, series);
    let job = |matching, counts| Job {
        key: record.key.clone(),
        file: side.truth.file.clone(),
        replicate: side.truth.replicate,
        outcome: record.outcome.clone(),
        matching,
        counts,
    };
    Ok(match (&record.outcome, &record.budget) {
        (Outcome::Answered, Some(budget)) => {
            let scores = store.points(&record.key, side.observed.test_len())?.scores;
            let native = record.native.as_ref().map(|native| native.threshold);
            let quiet = quiet(side, suite.detection.paging(side.observed.step()));
            let ground = Ground { detection: &suite.detection, side, series, windows: &windows, quiet: &quiet };
            let judged = judged(&ground, &scores, native, budget.threshold);
            job(Some(judged.matching()), judged.counts())
        }
        (Outcome::ModelRejected { .. }, _) => job(None, Counts::rejected()),
        // Detectors end in no other way; whatever else a record says is not a score.
        _ => job(None, Counts::failed(windows.len())),
    })
}

/// The detectable effects on a series, in test buckets.
pub fn windows(side: &Side, series: &str) -> Vec<EffectWindow> {
    let step = side.observed.step();
    let train = side.observed.train;
    let effects = side.truth.faults.iter().flat_map(|fault| fault.effects.iter().map(move |effect| (fault, effect)));
    effects
        .filter(|(_, effect)| effect.series == series)
        .filter_map(|(fault, effect)| {
            let window = effect.window?;
            Some(EffectWindow {
                first: window.first.checked_sub(train)?,
                last: window.last - train,
                deadline: fault.deadline.buckets(step),
            })
        })
        .collect()
}

/// Per test bucket whether no fault and no harmless event acts in it or did within a reminder's time before it.
fn quiet(side: &Side, paging: Paging) -> Vec<bool> {
    let faults = side.truth.faults.iter().flat_map(|fault| fault.effects.iter().filter_map(|effect| effect.window).chain([fault.active]));
    let busy: Vec<Window> = faults.chain(side.truth.benign.iter().map(|event| event.active)).collect();
    let stirred = |bucket: usize| busy.iter().any(|window| window.first <= bucket && bucket <= window.last + paging.renotify);
    (0..side.observed.test_len()).map(|bucket| !stirred(side.observed.train + bucket)).collect()
}

/// What is the same for every answer on one series.
struct Ground<'a> {
    detection: &'a Detection,
    side: &'a Side,
    series: &'a str,
    windows: &'a [EffectWindow],
    quiet: &'a [bool],
}

fn judged<'a>(ground: &Ground<'a>, scores: &'a [Option<f64>], native: Option<f64>, budget: f64) -> Judged<'a> {
    let Ground { detection, side, series, windows, quiet } = *ground;
    let step = side.observed.step();
    let on_series = side.truth.faults.iter().flat_map(|fault| &fault.effects).filter(|effect| effect.series == series);
    Judged {
        scores,
        native,
        budget,
        windows,
        quiet,
        paging: detection.paging(step),
        step,
        undetectable: on_series.filter(|effect| effect.window.is_none()).count(),
        // Without an effect there is no VUS; with several the longest deadline counts.
        vus_window: windows.iter().map(|window| window.deadline).max().unwrap_or(0),
    }
}

fn scorecard(manifest: &Manifest, suite: &Suite, jobs: &[Job], sides: &BTreeMap<IncidentId, Side>) -> Scorecard {
    let faulted: BTreeMap<&str, bool> = sides.values().map(|side| (side.truth.file.as_str(), side.truth.faulted)).collect();
    let mut files: BTreeMap<&ConfigId, Files> = manifest.columns.iter().map(|column| (&column.config, Files::new())).collect();
    for job in jobs {
        add(files.entry(&job.key.model).or_default(), &job.file, faulted[job.file.as_str()], &job.counts);
    }
    let mut models: Vec<ModelCounts> = manifest
        .columns
        .iter()
        .map(|column| ModelCounts {
            config: column.config.clone(),
            agent: None,
            trigger: None,
            role: column.role,
            files: files.remove(&column.config).unwrap_or_default(),
        })
        .collect();
    let oracle = ConfigId { name: ORACLE.to_owned(), digest: digest(ORACLE.as_bytes(), 12) };
    models.push(ModelCounts {
        config: oracle,
        agent: None,
        trigger: None,
        role: Role::Oracle,
        files: oracle_files(&suite.detection, watched(sides)),
    });
    Scorecard::from_counts(basis(manifest, suite, sides), models)
}

fn add(files: &mut Files, file: &str, faulted: bool, counts: &Counts) {
    let entry = files.entry(file.to_owned()).or_insert_with(|| FileCounts { faulted, counts: Counts::default() });
    entry.counts += counts;
}

/// The truth as a detector, scored like every other: what it adds to each file.
pub fn oracle_files<'a>(detection: &Detection, sides: impl IntoIterator<Item = &'a Side>) -> Files {
    let mut files = Files::new();
    for side in sides {
        for watched in &side.observed.watched {
            let paging = detection.paging(side.observed.step());
            let scores = oracle::scores(&side.truth, &side.observed, &watched.name, paging);
            let windows = windows(side, &watched.name);
            // The truth states no intervals.
            let ground = Ground { detection, side, series: &watched.name, windows: &windows, quiet: &[] };
            let counts = judged(&ground, &scores, None, oracle::THRESHOLD).counts();
            add(&mut files, &side.truth.file, side.truth.faulted, &counts);
        }
    }
    files
}

fn basis(manifest: &Manifest, suite: &Suite, sides: &BTreeMap<IncidentId, Side>) -> Basis {
    let protocol = serde_json::to_string(&(&suite.detection, &suite.investigation)).expect("settings are plain data");
    let mut variants = BTreeMap::new();
    for side in sides.values() {
        let Some(base) = &side.truth.variant_of else { continue };
        let digest = manifest.scenarios.get(&side.truth.file).cloned().unwrap_or_default();
        let base_in_run = sides.contains_key(&base.incident);
        variants.insert(side.truth.file.clone(), VariantBasis { digest, base: base.scenario.to_string(), base_in_run });
    }
    let own = manifest.scenarios.iter().filter(|(file, _)| !variants.contains_key(*file));
    Basis {
        suite: suite.id.clone(),
        protocol: digest(protocol.as_bytes(), 12),
        seeds: format!("{}/0..{}", suite.seeds.role, suite.seeds.count),
        files: own.map(|(file, digest)| (file.clone(), digest.clone())).collect(),
        variants,
    }
}
