//! `harness list`: what there is to choose from, read from the registries.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::exit::Exit;
use super::{print, print_json};
use crate::{agent, detect, forecast, scenario, score, tool};

/// List models, agents, scenarios, metrics or tools.
#[derive(Args)]
#[command(after_help = "Examples:
  harness list models
  harness list scenarios scenarios/deployment
  harness list metrics --json")]
pub(super) struct List {
    /// What to list.
    what: What,
    /// Scenario file or folder.
    #[arg(default_value = "scenarios")]
    path: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Models,
    Agents,
    Scenarios,
    Metrics,
    Tools,
}

#[derive(Serialize)]
struct Row {
    name: String,
    kind: String,
    about: String,
}

impl List {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let rows = match self.what {
            What::Models => models(),
            What::Agents => agents(),
            What::Tools => tools(),
            What::Scenarios => scenarios(&self.path)?,
            What::Metrics => metrics(),
        };
        if self.json {
            print_json(&rows)?;
        } else {
            print(&columns(&rows));
        }
        Ok(Exit::Done)
    }
}

fn models() -> Vec<Row> {
    let floors = detect::floors();
    let forecasters = forecast::REGISTRY.iter().map(|entry| (entry.name, format!("{} Intervals: {}.", entry.about, entry.interval)));
    let others = detect::floor::REGISTRY.iter().map(|entry| (entry.name, entry.about.to_owned()));
    let row = |(name, about): (&str, String)| Row {
        name: name.to_owned(),
        kind: if floors.contains(&name) { "floor" } else { "model" }.to_owned(),
        about,
    };
    forecasters.chain(others).map(row).collect()
}

fn agents() -> Vec<Row> {
    let row = |entry: &agent::Entry| Row {
        name: entry.name.to_owned(),
        kind: if agent::FLOORS.contains(&entry.name) { "floor" } else { "agent" }.to_owned(),
        about: entry.about.to_owned(),
    };
    agent::REGISTRY.iter().map(row).collect()
}

fn tools() -> Vec<Row> {
    let row = |tool: &&dyn tool::Tool| Row { name: tool.name().to_owned(), kind: "tool".to_owned(), about: tool.about().to_owned() };
    tool::REGISTRY.iter().map(row).collect()
}

fn scenarios(path: &std::path::Path) -> anyhow::Result<Vec<Row>> {
    let row = |scenario: scenario::Scenario| Row {
        kind: if scenario.faulted() { "fault" } else { "no fault" }.to_owned(),
        about: match &scenario.variant {
            Some(variant) => format!("{} ({}, a variant of {})", scenario.title, scenario.file, variant.of),
            None => format!("{} ({})", scenario.title, scenario.file),
        },
        name: scenario.id.to_string(),
    };
    Ok(scenario::load_folder(path)?.into_iter().map(row).collect())
}

fn metrics() -> Vec<Row> {
    let row =
        |metric: &score::Metric| Row { name: metric.name.to_owned(), kind: metric.better.to_string(), about: metric.about.to_owned() };
    score::Section::ALL.into_iter().flat_map(score::Section::metrics).map(row).collect()
}

fn columns(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0);
    let (name, kind) = (width(|row| &row.name), width(|row| &row.kind));
    rows.iter().map(|row| format!("{:name$}  {:kind$}  {}\n", row.name, row.kind, row.about)).collect()
}
