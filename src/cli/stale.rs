//! `harness stale`: which recordings a change has made useless, and what recording them again would cost.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::llm::Llm;
use super::{print, print_json};
use crate::chat::secret::Secrets;
use crate::record::{Cassettes, Mode};
use crate::run::Plan;
use crate::run::stale::{Standing, stale};
use crate::suite::Suite;

/// Tell which recordings of a suite a change has made useless, and what new ones would cost; nobody is asked.
#[derive(Args)]
#[command(after_help = "Examples:
  harness stale evals/llm.yaml
  harness stale evals/llm.yaml --strict      exit 1 if anything is to be recorded again

A recording is found by model, messages, tools, parameters and epoch: a change of a prompt, a tool, a reply or a setting makes it stale. Record again with
`harness run SUITE --cassettes auto`.")]
pub(super) struct Stale {
    /// A suite file.
    suite: PathBuf,
    /// Folder of recordings [default: evals/cassettes/<suite>].
    #[arg(long, value_name = "DIR")]
    cassette_dir: Option<PathBuf>,
    /// Exit 1 if anything is stale.
    #[arg(long)]
    strict: bool,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    llm: Llm,
}

impl Stale {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let mut suite = Suite::load(&self.suite)?;
        let agents = suite.agents.iter_mut().flatten();
        self.llm.put_into(agents.map(|spec| (spec.name.as_str(), &mut spec.settings)), None)?;
        let folder = self.cassette_dir.clone().unwrap_or_else(|| PathBuf::from("evals/cassettes").join(&suite.id));
        let plan = Plan::new(suite)?;
        let standings = stale(&plan, &Cassettes::new(folder, Mode::Replay, Secrets::default()))?;
        if self.json {
            print_json(&standings.iter().map(json).collect::<Vec<_>>())?;
        } else if standings.is_empty() {
            print("no agent of this suite asks a model\n");
        } else {
            standings.iter().for_each(|standing| print(&told(standing)));
        }
        let any = standings.iter().any(|standing| !standing.stale.is_empty());
        Ok(if any && self.strict { Exit::Failed } else { Exit::Done })
    }
}

fn json(standing: &Standing) -> serde_json::Value {
    let stale = standing.stale.iter().map(|(file, trigger, why)| serde_json::json!({"file": file, "trigger": trigger, "why": why}));
    serde_json::json!({
        "agent": standing.agent,
        "model": standing.model,
        "investigations": standing.investigations,
        "stale": stale.collect::<Vec<_>>(),
        "tokens": standing.tokens,
        "usd": standing.usd,
    })
}

fn told(standing: &Standing) -> String {
    let Standing { agent, model, investigations, stale, tokens, usd } = standing;
    let fresh = investigations - stale.len();
    let mut text = format!("{agent} ({model}): {fresh} of {investigations} investigations as recorded");
    if stale.is_empty() {
        return text + "\n";
    }
    let tokens =
        tokens.map_or_else(|| "an unknown number of tokens: nothing is recorded".to_owned(), |tokens| format!("about {tokens} tokens"));
    let usd = usd.map(|usd| format!(", ${usd:.4}")).unwrap_or_default();
    text += &format!("; {} to record again, {tokens}{usd}\n", stale.len());
    for (file, trigger, why) in stale {
        text += &format!("  {file} {trigger}\n    {}\n", why.replace('\n', "\n    "));
    }
    text
}
