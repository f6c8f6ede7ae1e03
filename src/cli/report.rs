//! `harness report`: the report of a run again, from its records.

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::{print, print_json};
use crate::record::Store;
use crate::report;
use crate::score::judge::{Judgement, judge};

/// Render the report of a run again; models are not run.
#[derive(Args)]
#[command(after_help = "Examples:
  harness report results/latest
  harness report results/latest --json")]
pub(super) struct Report {
    /// A run folder.
    run: PathBuf,
    /// Print the scorecard as JSON on stdout.
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        Ok(score_and_render(&Store::open(&self.run)?, self.json)?.0)
    }
}

/// Scores the records of a finished run, writes every report file and prints the console report.
pub(super) fn score_and_render(store: &Store, json: bool) -> anyhow::Result<(Exit, Judgement)> {
    let judgement = judge(store)?;
    report::write(store, &judgement)?;
    if json {
        print_json(&judgement.scorecard)?;
    } else {
        print(&report::console::render(&judgement, &typed(store.folder())));
        print(&format!(
            "\n{} detections in {:.1}s -> {}\n",
            judgement.jobs.len(),
            judgement.manifest.seconds,
            store.folder().join("report.md").display()
        ));
    }
    let exit = if judgement.scorecard.failed() > 0 { Exit::Infra } else { Exit::Done };
    Ok((exit, judgement))
}

/// A run folder as one would type it: `results/latest` where that is the run.
fn typed(folder: &Path) -> String {
    let latest = folder.with_file_name("latest");
    let is_latest = folder.canonicalize().is_ok_and(|folder| latest.canonicalize().is_ok_and(|latest| latest == folder));
    if is_latest { latest } else { folder.to_owned() }.display().to_string()
}
