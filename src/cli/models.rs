//! What a run may spend on language models, and whether their answers are recorded.

use std::path::PathBuf;

use clap::Args;

use super::tell;
use crate::chat::secret::Secrets;
use crate::record::{Cassettes, Mode};
use crate::run::models::{Budget, Quote};

/// Flags of `run` for agents that ask a model.
#[derive(Args)]
#[command(next_help_heading = "Language models")]
pub(super) struct Paying {
    /// Answers of models: `replay` recorded ones and ask nobody, `record` new ones, `auto` replays and records what is missing, `off`.
    #[arg(long, value_name = "MODE", value_parser = parse_mode, default_value = "off")]
    cassettes: Mode,
    /// Folder of recordings, one file per scenario [default: evals/cassettes/<suite>].
    #[arg(long, value_name = "DIR")]
    cassette_dir: Option<PathBuf>,
    /// Send no more investigations once the models have cost this much, over all sittings; those under way finish (exit 6; --resume goes on).
    #[arg(long, value_name = "USD", value_parser = positive)]
    budget_usd: Option<f64>,
    /// The same in tokens of requests and answers.
    #[arg(long, value_name = "TOKENS")]
    budget_tokens: Option<u64>,
    /// Agree to what the models may cost; without it, or a budget, nothing that may cost is sent.
    #[arg(long)]
    yes: bool,
}

impl Paying {
    /// The recordings of a suite.
    pub(super) fn cassettes(&self, is_resumed: bool, suite: &str, keys: &[String]) -> Cassettes {
        // What the first sitting recorded is what its investigations went on from.
        let mode = if is_resumed && self.cassettes == Mode::Record { Mode::Auto } else { self.cassettes };
        let folder = self.cassette_dir.clone().unwrap_or_else(|| PathBuf::from("evals/cassettes").join(suite));
        Cassettes::new(folder, mode, Secrets::of_variables(keys.iter().map(String::as_str)))
    }

    /// The flags that a resumed run needs as well, as they are typed.
    pub(super) fn again(&self) -> String {
        let mode = Mode::ALL
            .iter()
            .find(|(_, mode)| *mode == self.cassettes && *mode != Mode::Off)
            .map(|(name, _)| format!(" --cassettes {name}"));
        let folder = self.cassette_dir.as_ref().map(|folder| format!(" --cassette-dir {}", folder.display()));
        mode.into_iter().chain(folder).collect()
    }

    /// What the run may spend.
    pub(super) fn budget(&self) -> Budget {
        Budget { usd: self.budget_usd, tokens: self.budget_tokens }
    }

    /// Tells what may be spent; agreed to by --yes or a budget.
    pub(super) fn approve(&self, quote: &Quote) -> Result<(), String> {
        let pages = if quote.pages { ", besides those of pages" } else { "" };
        let cost = match quote.ceiling_usd {
            Some(usd) => format!("at most about ${usd:.2}"),
            None => "cost unknown: no prices are given (--prices, or `prices` in the suite)".to_owned(),
        };
        tell(&format!("{} investigations may be paid for{pages}: {}; {cost}", quote.investigations, quote.models.join(", ")));
        if self.budget_usd.is_some() && !quote.priced {
            return Err("--budget-usd needs prices of every model: give --prices IN,OUT, or `prices` in the suite".to_owned());
        }
        if self.yes || self.budget_usd.is_some() || self.budget_tokens.is_some() {
            return Ok(());
        }
        Err("this may cost money: agree with --yes, or limit it with --budget-usd or --budget-tokens".to_owned())
    }
}

pub(super) fn parse_mode(text: &str) -> Result<Mode, String> {
    let found = Mode::ALL.iter().find(|(name, _)| *name == text);
    let names = || crate::name::known_names(text, Mode::ALL.iter().map(|(name, _)| *name));
    found.map(|(_, mode)| *mode).ok_or_else(|| format!("unknown mode `{text}` {}", names()))
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| format!("`{text}` is not a positive number"))
}
