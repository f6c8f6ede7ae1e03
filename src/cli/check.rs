//! `harness check`: the data contract of scenarios, before anything is fitted.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::exit::Exit;
use super::{print, print_json};
use crate::run::contract;
use crate::scenario::{self, Scenario};
use crate::seed::SeedRole;
use crate::synth;

/// Check that scenarios keep the data contract; no model runs.
#[derive(Args)]
#[command(after_help = "Examples:
  harness check scenarios/
  harness check scenarios/deployment/android-crash.yaml --seeds 20

Checks the files (schema, unique ids), and of every incident: order, train and test without overlap, fault-free training,
totals within 20 % of what is configured, causes that precede their effects, truth and calendar as configured, and tickets equal
to the series. One line per file; exit 2 on a breach. `harness run` checks the same before it fits anything, tickets left out.")]
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
        let mut files = Vec::with_capacity(scenarios.len());
        for scenario in &scenarios {
            let checked = self.check(scenario);
            if !self.json {
                print(&checked.text());
            }
            files.push(checked);
        }
        let breaches: usize = files.iter().map(|file| file.breaches.len()).sum();
        if self.json {
            print_json(&files)?;
        } else {
            let incidents = scenarios.len() * self.seeds as usize;
            print(&format!("{} scenarios, {incidents} incidents, {breaches} breaches\n", scenarios.len()));
        }
        Ok(if breaches == 0 { Exit::Done } else { Exit::Usage })
    }

    /// Every incident of a file; one that cannot be made is a breach and does not keep others from being checked.
    fn check(&self, scenario: &Scenario) -> Checked {
        let mut breaches = Vec::new();
        for seed in 0..self.seeds {
            let found = synth::generate(scenario, self.role, seed).and_then(|incident| {
                let mut found = contract::check(scenario, &incident)?;
                found.extend(contract::check_tickets(scenario, &incident)?);
                Ok(found)
            });
            match found {
                Ok(found) => breaches.extend(found.into_iter().map(|breach| Found { seed, problem: breach.problem })),
                Err(error) => breaches.push(Found { seed, problem: error.to_string() }),
            }
        }
        Checked { file: scenario.file.clone(), breaches }
    }
}

/// What was found in one file.
#[derive(Serialize)]
struct Checked {
    file: String,
    breaches: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    seed: u32,
    problem: String,
}

impl Checked {
    fn text(&self) -> String {
        if self.breaches.is_empty() {
            return format!("{}: ok\n", self.file);
        }
        let lines: String = self.breaches.iter().map(|found| format!("  seed {}: {}\n", found.seed, found.problem)).collect();
        format!("{}: {} breach{}\n{lines}", self.file, self.breaches.len(), if self.breaches.len() == 1 { "" } else { "es" })
    }
}
