//! `harness check`: the data contract of scenarios, before anything is fitted.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::{print, print_json};
use crate::run::contract;
use crate::seed::SeedRole;
use crate::{scenario, synth};

/// Check that scenarios keep the data contract; no model runs.
#[derive(Args)]
#[command(after_help = "Examples:
  harness check scenarios/
  harness check scenarios/deployment/android-crash.yaml --seeds 20

Checks the files (schema, unique ids), and of every incident: order, train and test without overlap, fault-free training,
totals within 20 % of what is configured, causes that precede their effects, and tickets equal to the series.")]
pub(super) struct Check {
    /// Scenario file or folder.
    path: PathBuf,
    /// Seeds per scenario.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seeds: u32,
    /// Which seeds: dev, gate or eval.
    #[arg(long, value_name = "ROLE", default_value = "dev", value_parser = super::run::parse_role)]
    role: SeedRole,
    /// Print breaches as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let scenarios = scenario::load_folder(&self.path)?;
        let mut breaches = Vec::new();
        for scenario in &scenarios {
            for replicate in 0..self.seeds {
                let incident = synth::generate(scenario, self.role, replicate)?;
                breaches.extend(contract::check(scenario, &incident)?);
                breaches.extend(contract::check_tickets(scenario, &incident)?);
            }
        }
        if self.json {
            print_json(&breaches.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        } else {
            breaches.iter().for_each(|breach| print(&format!("{breach}\n")));
            let incidents = scenarios.len() * self.seeds as usize;
            print(&format!("{} scenarios, {incidents} incidents, {} breaches\n", scenarios.len(), breaches.len()));
        }
        Ok(if breaches.is_empty() { Exit::Done } else { Exit::Usage })
    }
}
