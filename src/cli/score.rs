//! `harness score`: the numbers of a run again, from its records.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::{print, print_json};
use crate::record::Store;
use crate::report;
use crate::score::judge::judge;

/// Score the records of a run again; models are not run.
#[derive(Args)]
#[command(after_help = "Examples:
  harness score results/latest
  harness score results/latest --json > scorecard.json")]
pub(super) struct Score {
    /// A run folder.
    run: PathBuf,
    /// Print the scorecard as JSON on stdout.
    #[arg(long)]
    json: bool,
}

impl Score {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let store = Store::open(&self.run)?;
        let judgement = judge(&store)?;
        store.write("scorecard.json", judgement.scorecard.to_json().as_bytes())?;
        if self.json {
            print_json(&judgement.scorecard)?;
        } else {
            print(&report::console::detection(&judgement).text());
        }
        Ok(Exit::Done)
    }
}
