//! `harness investigate`: one agent, one incident, one report; or a conversation, on a terminal.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use clap::Args;
use jiff::civil::Date;

use super::alert::{Alerting, Of};
use super::conversation::Conversation;
use super::exit::Exit;
use super::interrupt::stop_on_interrupt;
use super::llm::Llm;
use super::progress::patiently;
use super::sending::{Sender, exit_of, follow, no_report};
use super::{print, tell};
use crate::agent::{Alert, Case};
use crate::data::archive::Archive;
use crate::import::{self, ImportedTickets};
use crate::name::IncidentId;
use crate::report::{self, paragraph};
use crate::run::trigger;
use crate::scenario::{self, Scenario};
use crate::seed::SeedRole;
use crate::synth;
use crate::time::{Grid, Step};
use crate::tool::Prepared;

/// Send an agent to one incident and print its report.
#[derive(Args)]
#[command(after_help = "Examples:
  harness investigate scenarios/deployment/android-crash.yaml
  harness investigate scenarios/deployment/android-crash.yaml --agent latest-deploy --json
  harness investigate scenarios/deployment/android-crash.yaml --date 2024-04-20 --question 'Why are there so many tickets?'
  harness investigate incident/            a folder with tickets.csv and, if there is one, changes.csv
  harness investigate incident/ --agent react --llm gpt-4o-mini
  harness investigate incident/ --agent react --llm qwen3:8b --base-url http://localhost:11434/v1
  harness investigate incident/ --question 'What happened?' --alert

On a terminal, without --question, --date, --json and --output, it is a conversation: ask, and follow up (\"and for android?\", \"what about
yesterday?\"); `help` there lists its commands. Otherwise it is one report.

Without --date and --question the agent is sent when the first fault shows, as the oracle trigger of `harness run` does. With --date it sees
everything up to the end of that day; otherwise, with --question, for a folder and where there is no fault, all of the data. For files of
your own, `harness detect --investigate` finds the days to look at, and its --help has the columns.

Without a report it ends with one line that says why: exit 1 when the model refused, was cut off, went in circles or handed in nothing
that is a report, 3 when it could not be reached, 5 when interrupted, 6 when calls, turns or tokens were used up.")]
pub(super) struct Investigate {
    /// A scenario file, or a folder with tickets.csv and changes.csv.
    input: PathBuf,
    /// The agent (see `harness list agents`).
    #[arg(long, value_name = "NAME", default_value = "segment-scan")]
    agent: String,
    /// Settings of the agent as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = super::detect::parse_json)]
    settings: serde_json::Value,
    /// Last day the agent can see.
    #[arg(long, value_name = "DATE")]
    date: Option<Date>,
    /// A question, in words or as the id of one of the scenario's.
    #[arg(long, value_name = "TEXT")]
    question: Option<String>,
    /// Number of the seed within its role.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u32,
    /// Which seeds: dev, gate or eval.
    #[arg(long, value_name = "ROLE", default_value = "dev", value_parser = super::run::parse_role)]
    role: SeedRole,
    /// Print the trajectory and the report as JSON.
    #[arg(long)]
    json: bool,
    /// Write the report to a file instead of stdout.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    alerting: Alerting,
    #[command(flatten)]
    llm: Llm,
}

/// What the agent meets.
pub(super) struct Meeting {
    pub(super) archive: Archive,
    /// The last one that the agent sees.
    pub(super) bucket: usize,
    pub(super) alert: Option<Alert>,
    question: Option<String>,
}

impl Investigate {
    pub(super) fn execute(self) -> anyhow::Result<Exit> {
        let webhook = self.alerting.webhook()?;
        let sender = Sender::new(&self.agent, self.settings.clone(), &self.llm, Arc::new(AtomicBool::new(false)))?;
        let meeting = if self.input.is_dir() { self.folder()? } else { self.scenario()? };
        sender.introduce();
        let input = self.input.display().to_string();
        if self.is_conversation() {
            return Conversation::new(&input, meeting, sender, &self.llm, webhook).hold();
        }
        if sender.ways().is_some() {
            stop_on_interrupt(sender.stop(), None)?;
        }
        let now = meeting.archive.grid.end(meeting.bucket);
        let as_of = now.datetime().to_string();
        let why = why(meeting.question.as_deref(), meeting.alert.as_ref());
        let case = Case { question: meeting.question.as_deref(), alert: meeting.alert.as_ref(), earlier: &[] };
        let prepared = Prepared::new(meeting.archive);
        let back = patiently("looking", |status| sender.send(&prepared, now, &case, status, &follow(status)));
        let report = back.trajectory.report.as_ref();
        let text = match (report, self.json) {
            (_, true) => format!("{}\n", serde_json::to_string_pretty(&back.trajectory)?),
            (Some(report), false) => heading(&why, &as_of) + &report::incident::render(report, &back.trajectory.calls),
            (None, false) => String::new(),
        };
        match &self.output {
            Some(path) if !text.is_empty() => {
                std::fs::write(path, text).with_context(|| format!("{}: cannot write the report", path.display()))?;
            }
            _ => print(&text),
        }
        if let Some(halt) = &back.halt {
            tell(&no_report(&self.agent, halt));
            return Ok(exit_of(halt));
        }
        let alert = report
            .zip(webhook)
            .map(|(report, webhook)| webhook.post(&Of { input: &input, agent: &self.agent, why: &why, as_of: &as_of, report }));
        Ok(if alert == Some(false) { Exit::Infra } else { Exit::Done })
    }

    /// Whether somebody sits at a terminal and has not said yet what to do.
    fn is_conversation(&self) -> bool {
        let said = self.question.is_some() || self.date.is_some() || self.json || self.output.is_some();
        !said && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    fn scenario(&self) -> anyhow::Result<Meeting> {
        if self.input.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            let file = self.input.display();
            anyhow::bail!(
                "{file}: expected a scenario file, or a folder with tickets.csv; for one file, `harness detect {file} --investigate AGENT`"
            );
        }
        let scenarios = scenario::load_folder(&self.input)?;
        let scenario = scenarios.first().context("a scenario file")?;
        let incident = synth::generate(scenario, self.role, self.seed)?;
        let archive = synth::archive(scenario, self.role, self.seed)?;
        let grid = archive.grid.clone();
        let question = self.question.as_deref().map(|text| self.asked(scenario, text));
        let oracle = trigger::oracle(&incident).into_iter().next();
        let (bucket, alert) = match (self.date, &question, oracle) {
            (Some(date), _, _) => (last_of(&grid, date)?, None),
            (None, None, Some(sent)) => (sent.bucket, sent.alert),
            (None, _, _) => (grid.len() - 1, None),
        };
        Ok(Meeting { archive, bucket, alert, question })
    }

    /// A question by its id, or in words.
    fn asked(&self, scenario: &Scenario, text: &str) -> String {
        let named = scenario.questions.iter().find(|question| question.id == text);
        named.map_or_else(|| text.to_owned(), |question| question.text.clone())
    }

    fn folder(&self) -> anyhow::Result<Meeting> {
        if self.input.join("sessions.csv").is_file() {
            tell(&format!("note: {}: sessions.csv is not read, the agent sees tickets and changes only", self.input.display()));
        }
        let archive = read_folder(&self.input, None)?;
        let bucket = self.date.map_or_else(|| Ok(archive.grid.len() - 1), |date| last_of(&archive.grid, date))?;
        Ok(Meeting { archive, bucket, alert: None, question: self.question.clone() })
    }
}

/// An archive of own tickets: `tickets.csv`, and `changes.csv` if there is one.
pub(super) fn read_folder(folder: &Path, step: Option<Step>) -> anyhow::Result<Archive> {
    let tickets = folder.join("tickets.csv");
    anyhow::ensure!(tickets.is_file(), "{}: no tickets.csv here; expected a scenario file, or a folder with tickets.csv", folder.display());
    let changes = folder.join("changes.csv");
    read_archive(&tickets, changes.is_file().then_some(changes.as_path()), step)
}

/// An archive of own tickets and changes.
pub(super) fn read_archive(tickets: &Path, changes: Option<&Path>, step: Option<Step>) -> anyhow::Result<Archive> {
    let imported = import::read_tickets(tickets, &import::TicketOptions { step, ..Default::default() })?;
    imported.notes.iter().for_each(|note| tell(&format!("note: {note}")));
    archive_of(imported, changes)
}

/// The archive of tickets that have been read; stamps of changes without an offset are in the zone of the tickets.
pub(super) fn archive_of(imported: ImportedTickets, changes: Option<&Path>) -> anyhow::Result<Archive> {
    let start = imported.table.grid.stamp(0);
    let changes = changes.map(|path| import::read_changes(path, Some(start.time_zone()))).transpose()?.unwrap_or_default();
    Ok(Archive {
        id: IncidentId::new("inc-own").expect("a valid name"),
        grid: imported.table.grid.clone(),
        tickets: Some(imported.table),
        texts: imported.texts,
        activity: None,
        changes,
    })
}

/// Why an agent is sent.
pub(super) fn why(question: Option<&str>, alert: Option<&Alert>) -> String {
    let paged = |alert: &Alert| match alert.series.join(", ") {
        series if series.is_empty() => format!("sent to look at {}", alert.since),
        series => format!("{series} paged on {}", alert.since),
    };
    match (question, alert) {
        (Some(question), _) => format!("asked: {question}"),
        (None, Some(alert)) => paged(alert),
        (None, None) => "sent to look".to_owned(),
    }
}

/// Why the agent was sent, and until when it sees.
pub(super) fn heading(why: &str, as_of: &str) -> String {
    paragraph::hang("", "  ", &format!("{why} (as of {as_of})")) + "\n"
}

/// The last bucket of a day.
pub(super) fn last_of(grid: &Grid, date: Date) -> anyhow::Result<usize> {
    let found = (0..grid.len()).rev().find(|&bucket| grid.datetime(bucket).date() == date);
    found.with_context(|| format!("{date} is not in the data ({} to {})", grid.label(0), grid.label(grid.len() - 1)))
}
