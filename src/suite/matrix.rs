//! The matrix: every model on every series of every incident that is no variant of another.

use crate::agent::{self, Agent, UnknownAgent};
use crate::data::incident::Incident;
use crate::detect::{self, Built, Role};
use crate::forecast::UnknownModel;
use crate::name::ConfigId;
use crate::seed::digest;

use super::spec::{Detection, InvestigationSpec, ModelSpec, Suite};

/// A row of the agents: an agent and its identity.
pub struct AgentColumn {
    /// Label and digest of everything that can change an answer.
    pub config: ConfigId,
    /// The agent.
    pub agent: Box<dyn Agent>,
    /// Model or floor.
    pub role: Role,
    /// Every setting, defaults included.
    pub settings: serde_json::Value,
}

impl AgentColumn {
    /// Whether it asks a language model.
    #[must_use]
    pub fn asks_model(&self) -> bool {
        self.agent.ways().is_some()
    }

    /// How often every investigation is made.
    #[must_use]
    pub fn epochs(&self) -> u32 {
        self.agent.ways().map_or(1, |ways| ways.epochs)
    }
}

/// Builds the agents of a suite; without any named, every one that asks no model.
///
/// # Errors
/// [`PlanError::Agent`] for an unknown name or setting.
pub fn agents(suite: &Suite) -> Result<Vec<AgentColumn>, PlanError> {
    let all = || agent::deterministic().map(|entry| ModelSpec::named(entry.name)).collect();
    suite.agents.clone().unwrap_or_else(all).iter().map(|spec| agent_column(spec, &suite.investigation)).collect()
}

fn agent_column(spec: &ModelSpec, investigation: &InvestigationSpec) -> Result<AgentColumn, PlanError> {
    let agent = agent::build(&spec.name, &spec.settings)?;
    let settings = agent.settings();
    let identity = serde_json::json!({ "agent": spec.name, "settings": settings, "calls": investigation.calls });
    let config = ConfigId { name: spec.label.clone(), digest: digest(identity.to_string().as_bytes(), 12) };
    let role = if agent::FLOORS.contains(&spec.name.as_str()) { Role::Floor } else { Role::Model };
    Ok(AgentColumn { config, agent, role, settings })
}

/// Why a matrix could not be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A model or setting nobody has.
    #[error(transparent)]
    Model(#[from] UnknownModel),
    /// An agent or setting nobody has.
    #[error(transparent)]
    Agent(#[from] UnknownAgent),
}

/// A column of the matrix: a detector and its identity.
pub struct Column {
    /// Label and digest of everything that can change an answer.
    pub config: ConfigId,
    /// The detector.
    pub built: Built,
}

/// One detection to compute: column and incident and series, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Index into [`Matrix::columns`].
    pub column: usize,
    /// Index of the incident.
    pub incident: usize,
    /// Index of the watched series.
    pub series: usize,
}

/// Every model on every series of every incident.
pub struct Matrix {
    /// Models as asked for, then the floors.
    pub columns: Vec<Column>,
    /// What to compute, in canonical order.
    pub cells: Vec<Cell>,
}

impl Matrix {
    /// Multiplies models and floors with the series of the incidents.
    ///
    /// # Errors
    /// [`PlanError::Model`] for an unknown name or setting, before any work starts.
    pub fn plan(models: &[ModelSpec], detection: &Detection, incidents: &[Incident]) -> Result<Self, PlanError> {
        let columns = columns(models, detection)?;
        let mut cells = Vec::new();
        // The series of a variant are those of its base.
        for (incident, case) in incidents.iter().enumerate().filter(|(_, case)| case.truth.variant_of.is_none()) {
            for series in 0..case.observed.watched.len() {
                cells.extend((0..columns.len()).map(|column| Cell { column, incident, series }));
            }
        }
        Ok(Self { columns, cells })
    }
}

/// Builds the models, then every floor that is not among them.
fn columns(models: &[ModelSpec], detection: &Detection) -> Result<Vec<Column>, PlanError> {
    let floors = detect::floors().into_iter().filter(|floor| models.iter().all(|model| model.name != *floor)).map(ModelSpec::named);
    models.iter().cloned().chain(floors).map(|model| column(&model, detection)).collect()
}

fn column(model: &ModelSpec, detection: &Detection) -> Result<Column, PlanError> {
    let built = detect::build(&model.name, &model.settings, detection.protocol())?;
    let identity = serde_json::json!({
        "model": model.name,
        "settings": built.settings,
        // Floors take no protocol, but share the operating points.
        "detection": detection,
    });
    let config = ConfigId { name: model.label.clone(), digest: digest(identity.to_string().as_bytes(), 12) };
    Ok(Column { config, built })
}

impl Column {
    /// Model or floor.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.built.role
    }
}
