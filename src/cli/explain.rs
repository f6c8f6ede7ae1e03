//! `harness explain`: one investigation of a run, step by step, beside the truth.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::exit::Exit;
use super::{print, print_json};
use crate::data::observation::Observation;
use crate::record::{Investigation, PageGroup, Store, StoreError, Trigger};
use crate::report::explain::{Explained, Seen, render};
use crate::score::explained::JudgedInvestigation;
use crate::score::judge::{Judgement, Side, judge, windows};
use crate::time::Grid;

/// Explain one investigation of a run, step by step, beside the truth.
#[derive(Args)]
#[command(after_help = "Examples:
  harness explain results/latest 3f9a
  harness explain results/latest 3f9a1c02d4e5b678 --json

IDs stand in investigations.jsonl, and `harness run` names the worst ones of its pick under the tables; the beginning of one is enough.")]
pub(super) struct Explain {
    /// A run folder.
    run: PathBuf,
    /// The id of an investigation, or the beginning of it.
    id: String,
    /// Print record and trajectory as JSON.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let store = Store::open(&self.run)?;
        let judgement = judge(&store)?;
        let judged = self.find(&judgement)?;
        if self.json {
            let trajectory = match store.trajectory(&judged.record.id) {
                Err(StoreError::Gone { .. }) if judged.record.report.is_none() => None,
                read => Some(read?),
            };
            print_json(&serde_json::json!({ "investigation": judged.record, "trajectory": trajectory }))?;
        } else {
            print(&explain(&store, &judgement, judged)?);
        }
        Ok(Exit::Done)
    }

    fn find<'a>(&self, judgement: &'a Judgement) -> anyhow::Result<&'a JudgedInvestigation> {
        let mut matching = judgement.investigations.iter().filter(|judged| judged.record.id.starts_with(&self.id));
        let run = self.run.display();
        let first =
            matching.next().with_context(|| format!("no investigation `{}` in {run}: ids stand in investigations.jsonl", self.id))?;
        let more = matching.count();
        anyhow::ensure!(more == 0, "`{}` is the beginning of {} ids: give more of it", self.id, more + 1);
        Ok(first)
    }
}

fn explain(store: &Store, judgement: &Judgement, judged: &JudgedInvestigation) -> anyhow::Result<String> {
    let key = &judged.record.key;
    let side = Side { observed: store.observed(&key.incident)?, truth: store.truth(&key.incident)? };
    let endings = judgement.joined.iter().filter(|joined| joined.incident == key.incident && joined.agent == key.agent);
    let group = endings.flat_map(|joined| &joined.endings).find(|(group, _)| group.trigger == key.trigger);
    // Whoever made no call may have left no trajectory.
    let kept = judged.record.calls > 0 || judged.record.effort.is_some();
    let trajectory = if kept { Some(store.trajectory(&judged.record.id)?) } else { None };
    let (calls, turns) = trajectory.map(|trajectory| (trajectory.calls, trajectory.turns)).unwrap_or_default();
    let observed = &side.observed;
    let grid = observed.known.grid.slice(observed.train..observed.known.grid.len());
    let drawn: Vec<Drawn> =
        observed.watched.iter().map(|watched| Drawn::new(&side, &watched.name, group.map(|(group, _)| group))).collect();
    let seen: Vec<Seen<'_>> = drawn.iter().map(|drawn| drawn.seen(&side.observed, &grid, judged.record.bucket)).collect();
    Ok(render(&Explained {
        heading: &format!(
            "{}, {} seed {}, {} sent {}",
            judged.file,
            side.truth.role,
            judged.replicate,
            key.agent.name,
            trigger(&key.trigger)
        ),
        asked: &asked(observed, &judged.record, group.map(|(group, _)| group)),
        series: &seen,
        calls: &calls,
        turns: &turns,
        effort: judged.record.effort.as_ref(),
        report: judged.record.report.as_ref(),
        outcome: &judged.record.outcome.why().unwrap_or_default(),
        expected: &judged.expected,
        judged: judged.judged.as_ref(),
        ending: group.map(|(_, ending)| *ending),
    }))
}

/// One watched series with what belongs on it.
struct Drawn {
    name: String,
    pages: Vec<usize>,
    effects: Vec<crate::score::EffectWindow>,
}

impl Drawn {
    fn new(side: &Side, name: &str, group: Option<&PageGroup>) -> Self {
        let paged = group.into_iter().flat_map(|group| &group.pages).filter(|(_, series)| series == name);
        Self { name: name.to_owned(), pages: paged.map(|(bucket, _)| *bucket).collect(), effects: windows(side, name) }
    }

    fn seen<'a>(&'a self, observed: &'a Observation, grid: &'a Grid, bucket: usize) -> Seen<'a> {
        let values = observed.series(&self.name).map_or(&[][..], |series| &series.values()[observed.train..]);
        let now = bucket.saturating_sub(observed.train);
        Seen { name: &self.name, grid, values, pages: &self.pages, effects: &self.effects, now }
    }
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Page(digest) => format!("by pages {digest}"),
        Trigger::Oracle(number) => format!("when fault {number} first shows"),
        Trigger::Placebo(number) => format!("as placebo {number}"),
        Trigger::Question(id) => format!("with question `{id}`"),
    }
}

fn asked(observed: &Observation, record: &Investigation, group: Option<&PageGroup>) -> String {
    let last = observed.known.grid.label(record.bucket);
    if let Some(question) = &record.question {
        return format!("\u{201c}{question}\u{201d}, with everything up to {last} to look at");
    }
    match group {
        Some(group) => {
            let page = |(bucket, series): &(usize, String)| format!("{series} at {}", observed.known.grid.label(observed.train + bucket));
            group.pages.iter().map(page).collect::<Vec<_>>().join(", ")
        }
        None => match record.alert.as_ref().filter(|alert| !alert.series.is_empty()) {
            Some(alert) => {
                format!("{} said to have paged on {}, with everything up to {last} to look at", alert.series.join(", "), alert.since)
            }
            None => format!("to look at everything up to {last}"),
        },
    }
}
