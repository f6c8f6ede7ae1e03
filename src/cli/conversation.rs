//! A conversation about one incident, on a terminal: questions, steps as they happen, answers, and follow-ups that keep the context.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use jiff::civil::Date;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use super::alert::{Of, Webhook};
use super::exit::Exit;
use super::followup;
use super::interrupt::stop_on_interrupt;
use super::investigate::{Meeting, heading, last_of, why};
use super::llm::Llm;
use super::narrow::{Scope, dimensions, within};
use super::progress::{Status, patiently};
use super::sending::{Back, Sender, no_report};
use super::{causes, print, steps};
use crate::agent::{self, Alert, Case, Turn};
use crate::data::archive::Archive;
use crate::report::{self, paragraph};
use crate::tool::{AsOf, Call, Event, Prepared};

/// Steps of an agent that asks no model which are shown as they happen: it makes very many in no time.
const SHOWN: usize = 8;

const HELP: &str = "Ask in your own words. Follow-ups keep the context: \u{201c}and for android?\u{201d}, \u{201c}what about yesterday?\u{201d}, \u{201c}and overall?\u{201d}
  Enter        at first: look into what was paged
  /date DATE   look as of the end of that day; /date alone goes back to where it began
  /agent NAME  ask another agent; /agent alone lists them
  /steps       every step of the last answer
  help, exit   this list; leave (also quit, Ctrl-D). Ctrl-C stops the current question.
";

/// What the conversation is about.
pub(super) struct Conversation<'a> {
    input: &'a str,
    llm: &'a Llm,
    webhook: Option<Webhook>,
    sender: Sender,
    stop: Arc<AtomicBool>,
    archive: Archive,
    dimensions: Vec<(String, Vec<String>)>,
    /// The bucket and the alert that it began with.
    began: (usize, Option<Alert>),
    /// The day that is looked at, where it was chosen.
    day: Option<Date>,
    /// The part that is looked at, and its tables.
    scope: Scope,
    prepared: Prepared,
    earlier: Vec<Turn>,
    calls: Vec<Call>,
}

/// What a line asks for.
enum Said<'a> {
    Nothing,
    Leave,
    Command(&'a str, &'a str),
    Question(&'a str),
}

fn read(line: &str) -> Said<'_> {
    let line = line.trim();
    match line.to_lowercase().as_str() {
        "" => return Said::Nothing,
        "exit" | "quit" | "/exit" | "/quit" => return Said::Leave,
        "help" | "?" => return Said::Command("help", ""),
        _ => {}
    }
    match line.strip_prefix('/') {
        Some(command) => {
            let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
            Said::Command(name, rest.trim())
        }
        None => Said::Question(line),
    }
}

impl<'a> Conversation<'a> {
    pub(super) fn new(input: &'a str, meeting: Meeting, sender: Sender, llm: &'a Llm, webhook: Option<Webhook>) -> Self {
        Self {
            input,
            llm,
            webhook,
            stop: Arc::clone(sender.stop()),
            sender: sender.in_session(),
            dimensions: dimensions(&meeting.archive),
            prepared: Prepared::new(meeting.archive.clone()),
            archive: meeting.archive,
            began: (meeting.bucket, meeting.alert),
            day: None,
            scope: Scope::new(),
            earlier: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Talks until somebody leaves.
    pub(super) fn hold(mut self) -> anyhow::Result<Exit> {
        stop_on_interrupt(&self.stop, None)?;
        print(&self.opening());
        let config = Config::builder().auto_add_history(true).build();
        let mut editor = DefaultEditor::with_config(config).context("cannot read from this terminal")?;
        loop {
            match editor.readline("> ") {
                Ok(line) => match read(&line) {
                    Said::Leave => break,
                    Said::Nothing if self.earlier.is_empty() => self.ask(None),
                    Said::Nothing => {}
                    Said::Question(question) => self.question(question),
                    Said::Command(name, rest) => self.command(name, rest),
                },
                Err(ReadlineError::Interrupted) => print("exit or Ctrl-D leaves\n"),
                Err(ReadlineError::Eof) => break,
                Err(error) => return Err(error).context("cannot read from this terminal"),
            }
        }
        Ok(Exit::Done)
    }

    fn opening(&self) -> String {
        let now = self.archive.grid.end(self.began.0);
        let metrics = AsOf::new(&self.prepared, now.clone()).metrics().join(", ");
        let grid = &self.archive.grid;
        let why = why(None, self.began.1.as_ref());
        let text = format!("{}: {metrics} from {}; {why} (as of {})", self.input, grid.label(0), now.datetime());
        let hint = format!("{} answers. Ask, or press Enter to look into it; help lists commands, exit leaves.", self.sender.name());
        paragraph::hang("", "  ", &text) + &paragraph::hang("", "  ", &hint)
    }

    fn command(&mut self, name: &str, rest: &str) {
        let done = match name {
            "help" => {
                print(HELP);
                Ok(())
            }
            "date" => self.date(rest),
            "agent" if rest.is_empty() => {
                let line = |entry: &agent::Entry| format!("  {}  {}\n", entry.name, entry.about);
                print(&agent::REGISTRY.iter().map(line).collect::<String>());
                Ok(())
            }
            "agent" => self.agent(rest),
            "steps" => {
                let all: String = self.calls.iter().map(steps::call).collect();
                print(if all.is_empty() { "no step has been made yet\n" } else { &all });
                Ok(())
            }
            _ => Err(anyhow::anyhow!("no command /{name}: help lists them")),
        };
        if let Err(error) = done {
            print(&format!("{}\n", causes(&error)));
        }
    }

    fn date(&mut self, text: &str) -> anyhow::Result<()> {
        if text.is_empty() {
            self.day = None;
        } else {
            let date: Date = text.parse().ok().with_context(|| format!("`{text}` is no date: expected one such as 2024-04-25"))?;
            last_of(&self.archive.grid, date)?;
            self.day = Some(date);
        }
        print(&format!("as of {}\n", self.archive.grid.end(self.bucket()?).datetime()));
        Ok(())
    }

    fn agent(&mut self, name: &str) -> anyhow::Result<()> {
        self.sender = self.sender.another(name, self.llm)?;
        self.sender.introduce();
        print(&format!("{name} answers\n"));
        Ok(())
    }

    /// A question. Agents that ask no model read no words: what a follow-up changes is read for them.
    fn question(&mut self, question: &str) {
        if self.sender.ways().is_none() {
            let grid = &self.archive.grid;
            let today = grid.datetime(self.began.0).date();
            let day = followup::day(question, self.day.unwrap_or(today), today);
            if let Some(Err(error)) = day.map(|day| last_of(grid, day)) {
                return print(&format!("{}\n", causes(&error)));
            }
            self.day = day.or(self.day);
            if !self.earlier.is_empty() {
                self.look_within(followup::scope(question, &self.dimensions, &self.scope));
            }
        } else {
            self.look_within(Scope::new());
        }
        self.ask(Some(question));
    }

    fn look_within(&mut self, scope: Scope) {
        if scope != self.scope {
            self.prepared = Prepared::new(within(&self.archive, &scope));
            self.scope = scope;
        }
    }

    fn bucket(&self) -> anyhow::Result<usize> {
        self.day.map_or(Ok(self.began.0), |day| last_of(&self.archive.grid, day))
    }

    fn ask(&mut self, question: Option<&str>) {
        let bucket = match self.bucket() {
            Ok(bucket) => bucket,
            Err(error) => return print(&format!("{}\n", causes(&error))),
        };
        let alert = match self.day {
            Some(day) => Some(Alert { series: Vec::new(), since: day.to_string() }),
            None => self.began.1.clone(),
        };
        let now = self.archive.grid.end(bucket);
        let as_of = now.datetime().to_string();
        let why = why(question, alert.as_ref());
        let case = Case { question, alert: alert.as_ref(), earlier: &self.earlier };
        self.stop.store(false, Ordering::Relaxed);
        let asks = self.sender.ways().is_some();
        let back = patiently("looking", |status| self.sender.send(&self.prepared, now, &case, status, &show(status, asks)));
        if back.trajectory.calls.len() > SHOWN && !asks {
            print(&format!("  … {} more steps (/steps)\n", back.trajectory.calls.len() - SHOWN));
        }
        self.answer(back, &why, &as_of);
        self.stop.store(false, Ordering::Relaxed);
    }

    fn answer(&mut self, back: Back, why: &str, as_of: &str) {
        self.calls = back.trajectory.calls;
        if let Some(halt) = &back.halt {
            return print(&format!("{}\n\n", no_report(self.sender.name(), halt)));
        }
        let Some(report) = back.trajectory.report else { return };
        let part = if self.scope.is_empty() { String::new() } else { format!(", {} only", paragraph::scope(&self.scope)) };
        let text = heading(why, &format!("{as_of}{part}"));
        print(&format!("\n{text}{}\n", report::incident::render(&report, &self.calls)));
        if let Some(webhook) = &self.webhook {
            webhook.post(&Of { input: self.input, agent: self.sender.name(), why, as_of, report: &report });
        }
        let question = why.strip_prefix("asked: ").unwrap_or(why).to_owned();
        self.earlier.push(Turn { question, report });
    }
}

/// Shows steps as they happen.
fn show<'a>(status: &'a Status<'a>, asks: bool) -> impl Fn(Event<'_>) + 'a {
    let shown = Cell::new(0);
    move |event| match event {
        Event::Asking(request) => status.say(format!("{} thinks", request.model)),
        Event::Answered(turn) => steps::turn(turn).into_iter().for_each(|text| status.print(&text)),
        Event::Called(call) => {
            shown.set(shown.get() + 1);
            if asks || shown.get() <= SHOWN {
                status.print(&steps::call(call));
            }
        }
    }
}
