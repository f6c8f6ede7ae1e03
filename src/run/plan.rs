//! The plan of a run: everything that decides its records, before any model runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{RunError, contract};
use crate::data::Series;
use crate::data::incident::Incident;
use crate::record::manifest::ColumnEntry;
use crate::record::{DetectionKey, Manifest, Store, StoreError};
use crate::scenario::{self, LoadError, Scenario};
use crate::suite::matrix::{AgentColumn, agents};
use crate::suite::spec::{PROMPTS, TRANSPORT};
use crate::suite::{Cell, Matrix, Suite};
use crate::synth;
use crate::time::Step;

/// Scenarios, incidents and matrix of a suite.
pub struct Plan {
    /// The suite.
    pub suite: Suite,
    /// Its scenarios, by path.
    pub scenarios: Vec<Scenario>,
    /// Every scenario under every seed.
    pub incidents: Vec<Incident>,
    /// Detections to compute.
    pub matrix: Matrix,
    /// Agents to send.
    pub agents: Vec<AgentColumn>,
    /// Digest of everything that decides the records.
    pub digest: String,
}

impl Plan {
    /// Loads, generates and multiplies.
    ///
    /// # Errors
    /// [`RunError`] for bad scenarios, duplicate ids and unknown models.
    pub fn new(suite: Suite) -> Result<Self, RunError> {
        // Unknown models and agents are told before scenarios are read.
        Matrix::plan(&suite.models, &suite.detection, &[])?;
        let agents = agents(&suite)?;
        let scenarios = load(&suite.scenarios)?;
        unique(&scenarios)?;
        let mut incidents = Vec::with_capacity(scenarios.len() * suite.seeds.count as usize);
        for scenario in &scenarios {
            for replicate in 0..suite.seeds.count {
                incidents.push(synth::generate(scenario, suite.seeds.role, replicate)?);
            }
        }
        let matrix = Matrix::plan(&suite.models, &suite.detection, &incidents)?;
        let mut plan = Self { suite, scenarios, incidents, matrix, agents, digest: String::new() };
        plan.digest = Manifest::plan_digest(
            env!("CARGO_PKG_VERSION"),
            &plan.suite_json(false),
            &plan.digests(),
            &plan.columns(),
            &plan.agent_entries(),
        );
        Ok(plan)
    }

    /// The scenario of an incident.
    #[must_use]
    pub fn scenario_of(&self, incident: usize) -> &Scenario {
        // Incidents stand scenario by scenario, one per seed.
        &self.scenarios[incident / self.suite.seeds.count as usize]
    }

    /// Agents sent to the pages of every model, by index.
    pub fn end_to_end(&self) -> impl Iterator<Item = usize> {
        let sent = self.suite.investigation.end_to_end(self.agents.iter().map(|agent| &agent.config));
        (0..self.agents.len()).filter(move |&agent| sent.contains(&&self.agents[agent].config))
    }

    /// The watched series of a cell.
    #[must_use]
    pub fn series(&self, cell: Cell) -> &Series {
        &self.incidents[cell.incident].observed.watched[cell.series].series
    }

    /// The width of a bucket of a cell.
    #[must_use]
    pub fn step(&self, cell: Cell) -> Step {
        self.incidents[cell.incident].observed.step()
    }

    /// The number of test buckets of a cell.
    #[must_use]
    pub fn test_len(&self, cell: Cell) -> usize {
        self.incidents[cell.incident].observed.test_len()
    }

    /// The key of a cell.
    #[must_use]
    pub fn key(&self, cell: Cell) -> DetectionKey {
        let observed = &self.incidents[cell.incident].observed;
        DetectionKey {
            incident: observed.id.clone(),
            series: observed.watched[cell.series].name.clone(),
            model: self.matrix.columns[cell.column].config.clone(),
        }
    }

    /// Every pair of model and step that needs a threshold.
    pub fn operating_points(&self) -> impl Iterator<Item = (usize, Step)> {
        let mut steps: Vec<Step> = self.watched().map(Scenario::step).collect();
        steps.sort_unstable();
        steps.dedup();
        let columns = self.matrix.columns.len();
        steps.into_iter().flat_map(move |step| (0..columns).map(move |column| (column, step)))
    }

    /// Scenario file → digest of its content.
    #[must_use]
    pub fn digests(&self) -> BTreeMap<String, String> {
        self.scenarios.iter().map(|scenario| (scenario.file.clone(), scenario.digest().to_owned())).collect()
    }

    /// As [`Plan::digests`], of the files that detectors run on: variants have the series of their bases.
    #[must_use]
    pub fn watched_digests(&self) -> BTreeMap<String, String> {
        self.watched().map(|scenario| (scenario.file.clone(), scenario.digest().to_owned())).collect()
    }

    fn watched(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().filter(|scenario| scenario.variant.is_none())
    }

    fn columns(&self) -> Vec<ColumnEntry> {
        let entry = |column: &crate::suite::matrix::Column| ColumnEntry {
            config: column.config.clone(),
            role: column.role(),
            settings: column.built.settings.clone(),
        };
        self.matrix.columns.iter().map(entry).collect()
    }

    fn agent_entries(&self) -> Vec<ColumnEntry> {
        let entry =
            |column: &AgentColumn| ColumnEntry { config: column.config.clone(), role: column.role, settings: column.settings.clone() };
        self.agents.iter().map(entry).collect()
    }

    /// The suite as JSON; where its files lie on this machine is no part of the plan.
    fn suite_json(&self, with_paths: bool) -> serde_json::Value {
        let mut suite = self.suite.clone();
        if !with_paths {
            suite.scenarios.clear();
            // A prompt is known by its digest, which is among the settings of its agent; how a model is reached decides no answer.
            for settings in suite.agents.iter_mut().flatten().filter_map(|agent| agent.settings.as_object_mut()) {
                PROMPTS.iter().chain(TRANSPORT).for_each(|name| drop(settings.remove(*name)));
            }
        }
        serde_json::to_value(suite).expect("a suite is plain data")
    }

    /// The manifest of a run that starts now.
    #[must_use]
    pub fn manifest(&self, started: &jiff::Timestamp, jobs: usize) -> Manifest {
        Manifest {
            format: 1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            suite: self.suite_json(true),
            role: self.suite.seeds.role,
            scenarios: self.digests(),
            columns: self.columns(),
            agents: self.agent_entries(),
            plan: self.digest.clone(),
            started: started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            finished: None,
            seconds: 0.0,
            jobs,
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        }
    }

    /// Holds every incident to the data contract, before any model is fitted.
    ///
    /// # Errors
    /// [`RunError::Contract`] with every breach.
    pub fn check_contract(&self) -> Result<(), RunError> {
        let mut breaches = Vec::new();
        for (at, incident) in self.incidents.iter().enumerate() {
            breaches.extend(contract::check(self.scenario_of(at), incident)?);
        }
        if breaches.is_empty() { Ok(()) } else { Err(RunError::Contract(breaches)) }
    }

    /// Keeps what was observed and what is true of every incident beside the records.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_incidents(&self, store: &Store) -> Result<(), StoreError> {
        for incident in &self.incidents {
            let id = &incident.observed.id;
            store.write(&format!("incidents/{id}/observed.json"), &line(&incident.observed))?;
            store.write_json(&format!("incidents/{id}/truth.json"), &incident.truth)?;
        }
        Ok(())
    }
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec(value).expect("observations are plain data with finite numbers");
    text.push(b'\n');
    text
}

/// Files are the unit of every interval, so two that are called the same below two folders go by the paths that were given.
fn load(given: &[PathBuf]) -> Result<Vec<Scenario>, LoadError> {
    let mut scenarios = Vec::new();
    for path in given {
        scenarios.extend(scenario::load_folder(path)?.into_iter().map(|scenario| (path, scenario)));
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    scenarios.iter().for_each(|(_, scenario)| *times.entry(scenario.file.clone()).or_default() += 1);
    for (path, scenario) in &mut scenarios {
        if times[&scenario.file] > 1 {
            let typed = scenario::locate(path, &scenario.file).display().to_string();
            scenario.file = typed.replace(std::path::MAIN_SEPARATOR, "/");
        }
    }
    Ok(scenarios.into_iter().map(|(_, scenario)| scenario).collect())
}

fn unique(scenarios: &[Scenario]) -> Result<(), RunError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for scenario in scenarios {
        if let Some(first) = seen.insert(scenario.id.as_str(), &scenario.file) {
            return Err(RunError::SameId { id: scenario.id.to_string(), first: first.to_owned(), second: scenario.file.clone() });
        }
    }
    Ok(())
}
