//! `harness generate`: one incident as files, to look at or to use elsewhere.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::{print, print_json};
use crate::seed::SeedRole;
use crate::{scenario, synth};

/// Write one incident as CSV files and truth.json.
#[derive(Args)]
#[command(after_help = "Examples:
  harness generate scenarios/deployment/android-crash.yaml --out incident/
  harness generate scenarios/deployment/android-crash.yaml --seed 7 --role eval --out incident/

Writes tickets.csv (one row per ticket, with its text), counts.csv (the watched series), twin_counts.csv (the same without the fault),
changes.csv and truth.json; with an `activity:` section also users.csv and sessions.csv. Of a variant, truth.json has the ids of the tickets with
injected texts.")]
pub(super) struct Generate {
    /// A scenario file.
    scenario: PathBuf,
    /// Number of the seed within its role.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u32,
    /// Which seeds: dev, gate or eval.
    #[arg(long, value_name = "ROLE", default_value = "dev", value_parser = super::run::parse_role)]
    role: SeedRole,
    /// Folder to write to.
    #[arg(long = "out", value_name = "DIR")]
    folder: PathBuf,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

impl Generate {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let scenarios = scenario::load_folder(&self.scenario)?;
        let [scenario] = scenarios.as_slice() else {
            anyhow::bail!("{}: {} scenarios, expected one file", self.scenario.display(), scenarios.len());
        };
        let exported = synth::export(scenario, self.role, self.seed, &self.folder)?;
        if self.json {
            print_json(&exported)?;
        } else {
            exported.iter().for_each(|file| print(&format!("{}\n", file.display())));
        }
        Ok(Exit::Done)
    }
}
