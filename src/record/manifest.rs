//! The manifest: what a run was, so that it can be resumed, compared and repeated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::detect::Role;
use crate::name::ConfigId;
use crate::seed::{SeedRole, digest};

/// A model, floor or agent of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnEntry {
    /// Label and digest.
    pub config: ConfigId,
    /// Model or floor.
    pub role: Role,
    /// All settings, defaults included.
    pub settings: serde_json::Value,
}

/// What was run, and where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the record format: 1.
    pub format: u32,
    /// Version of the harness.
    pub version: String,
    /// The suite as run (flags applied), as JSON.
    pub suite: serde_json::Value,
    /// The role of the seeds.
    pub role: SeedRole,
    /// Scenario file → digest of its content.
    pub scenarios: BTreeMap<String, String>,
    /// Models and floors.
    pub columns: Vec<ColumnEntry>,
    /// Agents.
    pub agents: Vec<ColumnEntry>,
    /// Digest over all of the above: two runs with the same plan give the same records.
    pub plan: String,
    /// When it started; not part of the plan.
    pub started: String,
    /// When it finished; absent while jobs are missing.
    pub finished: Option<String>,
    /// Wall-clock seconds over all sittings.
    pub seconds: f64,
    /// Worker threads of the last sitting.
    pub jobs: usize,
    /// Operating system and architecture.
    pub platform: String,
}

impl Manifest {
    /// The digest of everything that decides the records.
    #[must_use]
    pub fn plan_digest(
        version: &str,
        suite: &serde_json::Value,
        scenarios: &BTreeMap<String, String>,
        columns: &[ColumnEntry],
        agents: &[ColumnEntry],
    ) -> String {
        let plan = serde_json::json!({ "version": version, "suite": suite, "scenarios": scenarios, "columns": columns, "agents": agents });
        digest(plan.to_string().as_bytes(), 8)
    }
}
