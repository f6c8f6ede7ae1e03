//! `harness detect` on tickets of one's own: rows are counted, and an agent is sent to the pages as `harness run` sends it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use jiff::civil::Date;
use serde::Serialize;

use super::alert::{Alerting, Of, Webhook};
use super::exit::Exit;
use super::interrupt::stop_on_interrupt;
use super::investigate::archive_of;
use super::llm::Llm;
use super::progress::patiently;
use super::sending::{Sender, exit_of, follow, no_report};
use super::{print, tell};
use crate::agent::report::IncidentReport;
use crate::agent::{Alert, Case, Trajectory};
use crate::data::archive::Archive;
use crate::detect::page::episodes;
use crate::import::{Imported, TicketOptions, cut_short, has_ticket_texts, read_tickets};
use crate::report;
use crate::run::models::costs;
use crate::run::trigger;
use crate::suite::spec::{Detection, InvestigationSpec};
use crate::time::Grid;
use crate::tool::Prepared;

/// What the counted series is called, here and at the desk.
const SERIES: &str = "tickets";

/// Options for a file of tickets.
#[derive(Args)]
pub(super) struct OfTickets {
    /// Each row is one ticket: count rows. Implied by --investigate and by a column `subject` or `body`.
    #[arg(long, conflicts_with_all = ["train", "value_column", "regressors", "wide"])]
    tickets: bool,
    /// Send this agent to every group of pages (see `harness list agents`); needs one row per ticket.
    #[arg(long, value_name = "AGENT", conflicts_with_all = ["train", "value_column", "regressors", "many"])]
    investigate: Option<String>,
    /// Change log for the agent.
    #[arg(long, value_name = "CSV", requires = "investigate", conflicts_with = "many")]
    changes: Option<PathBuf>,
    /// Investigate only the pages that this day belongs to.
    #[arg(long, value_name = "DATE", requires = "investigate", conflicts_with_all = ["last", "many"])]
    date: Option<Date>,
    /// Investigate only the last N groups of pages.
    #[arg(long, value_name = "N", requires = "investigate", conflicts_with = "many")]
    last: Option<NonZeroUsize>,
    /// Agree to what a model may cost where several groups of pages are investigated.
    #[arg(long, requires = "investigate", conflicts_with = "many")]
    yes: bool,
    #[command(flatten)]
    alerting: Alerting,
    #[command(flatten)]
    llm: Llm,
}

/// An agent and what it will look into.
pub(super) struct Sent {
    sender: Sender,
    webhook: Option<Webhook>,
    /// Whether costs are agreed to.
    yes: bool,
    /// The file, as it was given.
    input: String,
    archive: Archive,
    date: Option<Date>,
    last: Option<NonZeroUsize>,
}

/// One investigation, as `--json` prints it.
#[derive(Serialize)]
pub(super) struct Investigation {
    /// The buckets at whose ends there was a page.
    pages: Vec<String>,
    /// The instant before which everything lies that the agent sees.
    as_of: String,
    /// What the agent was told.
    alert: Alert,
    /// What it did and concluded.
    trajectory: Trajectory,
}

impl OfTickets {
    /// Whether the rows of a file are tickets.
    pub(super) fn wanted(&self, path: &Path, value_column: Option<&str>) -> anyhow::Result<bool> {
        Ok(self.tickets || self.investigate.is_some() || (value_column.is_none() && has_ticket_texts(path)?))
    }

    /// Counts the tickets of a file, and readies the agent if one is to be sent.
    pub(super) fn read(&self, path: &Path, options: &TicketOptions) -> anyhow::Result<(Imported, Option<Sent>)> {
        let stop = Arc::new(AtomicBool::new(false));
        let agent = self.investigate.as_ref().map(|name| Sender::new(name, serde_json::json!({}), &self.llm, stop)).transpose()?;
        let webhook = self.alerting.webhook()?;
        let tickets = read_tickets(path, options)?;
        if agent.is_some() && tickets.may_be_counts() {
            anyhow::bail!(
                "{}: --investigate needs one row per ticket, and this looks like a series of counts: expected many rows a day with a time \
                 column such as `created_at` and what is known of each ticket (`priority`, `queue`, `platform`, …, or `subject` and `body`); \
                 leave --investigate out to look for anomalies only",
                path.display()
            );
        }
        let mut notes = tickets.notes.clone();
        notes.extend(cut_short(&tickets.table).map(|note| format!("{}: {note}", path.display())));
        let imported = Imported {
            series: tickets.counts(),
            regressors: Vec::new(),
            time_column: tickets.time_column.clone(),
            value_column: SERIES.to_owned(),
            notes,
        };
        let Some(sender) = agent else { return Ok((imported, None)) };
        let archive = archive_of(tickets, self.changes.as_deref())?;
        let input = path.display().to_string();
        let sender = sender.in_session();
        Ok((imported, Some(Sent { sender, webhook, yes: self.yes, input, archive, date: self.date, last: self.last })))
    }

    /// Refuses what only an investigation could use where there is none.
    pub(super) fn check(&self, many: bool) -> anyhow::Result<()> {
        if self.investigate.is_none() {
            // clap drops `requires` beside an option that conflicts with --investigate.
            let own = [("--changes", self.changes.is_some()), ("--date", self.date.is_some()), ("--last", self.last.is_some())];
            let mut own = own.into_iter().chain([("--yes", self.yes)]).filter(|(_, given)| *given).map(|(flag, _)| flag);
            if many {
                let of_agents = self.alerting.is_wanted().then_some("--alert").into_iter().chain(self.llm.flags());
                if let Some(flag) = own.chain(of_agents).next() {
                    anyhow::bail!("{flag} is for investigations: leave it out, because --by and --wide send no agent");
                }
            } else if let Some(flag) = own.next() {
                anyhow::bail!("{flag} is for investigations: add --investigate AGENT, or leave it out");
            }
            self.llm.put_into(std::iter::empty(), None)?;
            anyhow::ensure!(!self.alerting.is_wanted(), "--alert posts reports: add --investigate AGENT");
        }
        Ok(())
    }
}

/// Pages that belong together, as buckets of the whole series.
struct Group {
    pages: Vec<usize>,
    /// The last flagged bucket of their episodes.
    last_flag: usize,
}

impl Group {
    fn last_page(&self) -> usize {
        self.pages[self.pages.len() - 1]
    }

    fn holds(&self, grid: &Grid, date: Date) -> bool {
        let day = |bucket: usize| grid.datetime(bucket).date();
        (day(self.pages[0])..=day(self.last_flag.max(self.last_page()))).contains(&date)
    }
}

impl Sent {
    /// Sends the agent to the groups of pages that are asked for, telling of each as it ends.
    pub(super) fn investigate(self, flags: &[bool], train_len: usize, json: bool) -> anyhow::Result<(Vec<Investigation>, Exit)> {
        let grid = self.archive.grid.clone();
        let all = groups(flags, train_len, &grid);
        let Some(chosen) = self.chosen(&all, &grid) else {
            let days: Vec<String> = all.iter().map(|group| grid.label(group.pages[0])).collect();
            let known = if days.is_empty() { "there is no page".to_owned() } else { format!("pages begin on {}", days.join(", ")) };
            tell(&format!("error: no page belongs to {} ({known})", self.date.map_or_else(String::new, |date| date.to_string())));
            return Ok((Vec::new(), Exit::NothingMatched));
        };
        if chosen.is_empty() && !json {
            print("\nno page, nothing to investigate\n");
        }
        self.agreed(chosen.len())?;
        if !chosen.is_empty() && self.sender.ways().is_some() {
            self.sender.introduce();
            stop_on_interrupt(self.sender.stop(), None)?;
        }
        let prepared = Prepared::new(self.archive.clone());
        let (mut done, mut exit) = (Vec::new(), Exit::Done);
        for (number, group) in chosen.iter().enumerate() {
            let pages: Vec<String> = group.pages.iter().map(|&bucket| grid.label(bucket)).collect();
            let now = grid.end(group.last_page());
            let as_of = now.datetime().to_string();
            let since = grid.datetime(group.pages[0]).date().to_string();
            let alert = Alert { series: vec![SERIES.to_owned()], since };
            let case = Case { alert: Some(&alert), ..Case::default() };
            let back = patiently("looking", |status| self.sender.send(&prepared, now, &case, status, &follow(status)));
            let paged = format!("paged {}", pages.join(" and "));
            let report = back.trajectory.report.as_ref();
            if let Some(report) = report.filter(|_| !json) {
                let heading = format!("Investigation {} of {}: {paged}, as of {as_of}", number + 1, chosen.len());
                let line = "=".repeat(heading.chars().count());
                print(&format!("\n{heading}\n{line}\n\n{}", report::incident::render(report, &back.trajectory.calls)));
            }
            let ended = match &back.halt {
                Some(halt) => {
                    tell(&format!("{paged}: {}", no_report(self.sender.name(), halt)));
                    exit_of(halt)
                }
                None => self.post(report, &paged, &as_of),
            };
            done.push(Investigation { pages, as_of, alert, trajectory: back.trajectory });
            exit = exit.worse(ended);
            // The next one would not reach the model either.
            if back.halt.is_some() && matches!(ended, Exit::Infra | Exit::Interrupted) {
                break;
            }
        }
        Ok((done, exit))
    }

    /// Several investigations that may cost need consent; one was asked for by name.
    fn agreed(&self, groups: usize) -> anyhow::Result<()> {
        let Some(ways) = self.sender.ways().filter(|ways| groups > 1 && costs(ways)) else { return Ok(()) };
        let ceiling = ways
            .ceiling_usd
            .map_or_else(|| "cost unknown without --prices".to_owned(), |usd| format!("at most about ${:.2}", usd * groups as f64));
        tell(&format!("{groups} investigations may be paid for: {} at {}; {ceiling}", ways.model, ways.endpoint.base_url));
        anyhow::ensure!(self.yes, "this may cost money: agree with --yes, or look at the last group alone with --last 1");
        Ok(())
    }

    fn post(&self, report: Option<&IncidentReport>, why: &str, as_of: &str) -> Exit {
        let taken = report
            .zip(self.webhook.as_ref())
            .is_none_or(|(report, webhook)| webhook.post(&Of { input: &self.input, agent: self.sender.name(), why, as_of, report }));
        if taken { Exit::Done } else { Exit::Infra }
    }

    /// The groups to look into; `None` if a day was asked for that belongs to none.
    fn chosen<'a>(&self, all: &'a [Group], grid: &Grid) -> Option<&'a [Group]> {
        match (self.date, self.last) {
            // Of an episode that pages again, the day belongs to the page before it.
            (Some(date), _) => all.iter().rposition(|group| group.holds(grid, date)).map(|at| &all[at..=at]),
            (None, Some(last)) => Some(&all[all.len().saturating_sub(last.get())..]),
            (None, None) => Some(all),
        }
    }
}

/// Flags of test as groups of pages, by the rules of a run.
fn groups(flags: &[bool], train_len: usize, grid: &Grid) -> Vec<Group> {
    let found = episodes(flags, Detection::default().paging(grid.step()));
    let pages: Vec<(usize, String)> =
        found.iter().flat_map(|episode| &episode.pages).map(|&page| (train_len + page, SERIES.to_owned())).collect();
    let reach = InvestigationSpec::default().correlate.buckets(grid.step());
    let group = |group: &[(usize, String)]| {
        let pages: Vec<usize> = group.iter().map(|(page, _)| *page).collect();
        let of_group = found.iter().filter(|episode| episode.pages.iter().any(|page| pages.contains(&(train_len + page))));
        let last_flag = of_group.map(|episode| train_len + episode.last).max().unwrap_or_default();
        Group { pages, last_flag }
    };
    trigger::correlated(&pages, reach).into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Step;

    fn flags(at: &[usize]) -> Vec<bool> {
        (0..30).map(|bucket| at.contains(&bucket)).collect()
    }

    #[test]
    fn pages_of_neighbouring_days_are_one_group_and_a_renotification_is_another() {
        let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, 40);
        let all = groups(&flags(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 20]), 10, &grid);
        let pages: Vec<&[usize]> = all.iter().map(|group| group.pages.as_slice()).collect();
        assert_eq!(pages, [&[10][..], &[17], &[30]]);
        assert_eq!(all.iter().map(|group| group.last_flag).collect::<Vec<_>>(), [18, 18, 30]);
    }

    #[test]
    fn a_day_belongs_to_the_page_before_it() {
        let grid = Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, 40);
        let all = groups(&flags(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 20]), 10, &grid);
        let of = |day: &str| all.iter().rposition(|group| group.holds(&grid, day.parse().expect("a date")));
        assert_eq!([of("2024-01-10"), of("2024-01-13"), of("2024-01-19"), of("2024-01-25")], [None, Some(0), Some(1), None]);
    }
}
