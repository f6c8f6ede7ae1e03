//! `harness gate`: a run against the rules of its suite and a baseline.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::exit::Exit;
use super::{print, print_json};
use crate::gate::{self, Baseline};
use crate::record::Store;
use crate::score::judge::judge;
use crate::suite::Suite;

/// Compare a run's scores with a baseline; exit 1 when they dropped.
#[derive(Args)]
#[command(after_help = "Examples:
  harness run evals/gate.yaml && harness gate results/latest
  harness gate results/latest --baseline evals/baselines/gate.json --strict

The rules stand under `gate:` in the suite file and are kept in the run. A rule fails when the number is beyond its limit, when the 95 %
interval of the drop lies wholly beyond max_drop, or when it matches nothing.")]
pub(super) struct Gate {
    /// A run folder.
    run: PathBuf,
    /// Scores to compare with [default: evals/baselines/<suite>.json].
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Fail on inconclusive rules too.
    #[arg(long)]
    strict: bool,
    /// Print verdicts as JSON on stdout.
    #[arg(long)]
    json: bool,
}

impl Gate {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let judgement = judge(&Store::open(&self.run)?)?;
        let rules = gate::rules(&judgement.suite)?;
        let path = self.baseline.clone().unwrap_or_else(|| baseline_path(&judgement.suite));
        let baseline = read(&path, self.baseline.is_some())?;
        let verdicts = gate::check(&judgement.scorecard, baseline.as_ref(), &rules)?;
        if self.json {
            print_json(&verdicts)?;
        } else {
            print(&gate::text::render(&verdicts));
        }
        Ok(if gate::exit_code(&verdicts, self.strict) == 0 { Exit::Done } else { Exit::Failed })
    }
}

/// Where the baseline of a suite lies.
pub(super) fn baseline_path(suite: &Suite) -> PathBuf {
    Path::new("evals/baselines").join(format!("{}.json", suite.id))
}

/// The baseline; without one named on the command line, rules with `min` alone need none.
fn read(path: &Path, named: bool) -> anyhow::Result<Option<Baseline>> {
    if !named && !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot read the baseline; make one with `harness bless RUN`", path.display()))?;
    Ok(Some(Baseline::from_json(&text).with_context(|| path.display().to_string())?))
}
