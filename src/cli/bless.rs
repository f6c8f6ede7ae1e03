//! `harness bless`: a run becomes the baseline of its suite.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::exit::Exit;
use super::gate::baseline_path;
use super::{print, print_json};
use crate::gate::Baseline;
use crate::record::Store;
use crate::score::judge::judge;

/// Make a run the baseline of its suite.
#[derive(Args)]
#[command(after_help = "Example:
  harness run evals/gate.yaml && harness bless results/latest

Commit the baseline by itself, with the reason why scores moved.")]
pub(super) struct Bless {
    /// A run folder.
    run: PathBuf,
    /// File to write [default: evals/baselines/<suite>.json].
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

impl Bless {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let judgement = judge(&Store::open(&self.run)?)?;
        let path = self.baseline.unwrap_or_else(|| baseline_path(&judgement.suite));
        let failed = judgement.scorecard.failed();
        anyhow::ensure!(failed == 0, "{}: {failed} jobs failed; a baseline needs a run without failures", self.run.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let baseline = Baseline::from(&judgement.scorecard);
        std::fs::write(&path, baseline.to_json()).with_context(|| path.display().to_string())?;
        let (models, files) = (baseline.models.len(), baseline.basis.files.len());
        if self.json {
            print_json(&serde_json::json!({ "baseline": path, "models": models, "files": files }))?;
        } else {
            print(&format!("{models} detectors on {files} files -> {}\n", path.display()));
        }
        Ok(Exit::Done)
    }
}
