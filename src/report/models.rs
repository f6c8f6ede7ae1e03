//! The section on agents that ask a model: how their investigations ended, what the protocol had to do, and what it cost.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::table::{Align, Table};
use crate::name::ConfigId;
use crate::record::{Limit, Outcome};
use crate::score::explained::JudgedInvestigation;
use crate::score::judge::Judgement;

/// Sums over the investigations of one agent, pages included.
#[derive(Default)]
struct Sums {
    all: u64,
    answered: u64,
    refused: u64,
    truncated: u64,
    stuck: u64,
    invalid: u64,
    limit: u64,
    broke: u64,
    turns: u64,
    retries: u64,
    malformed: u64,
    unknown_tools: u64,
    repairs: u64,
    nudges: u64,
    steered: u64,
    named: u64,
    prompted: u64,
    handed_in: u64,
    valid: u64,
    counted: u64,
    tokens: u64,
    priced: u64,
    usd: f64,
    scripted: bool,
}

impl Sums {
    fn add(&mut self, one: &JudgedInvestigation) {
        self.all += 1;
        *match &one.record.outcome {
            Outcome::Answered => &mut self.answered,
            Outcome::Refused { .. } => &mut self.refused,
            Outcome::Truncated => &mut self.truncated,
            Outcome::StuckLoop => &mut self.stuck,
            Outcome::InvalidOutput { .. } => &mut self.invalid,
            Outcome::Halted(Limit::Budget | Limit::Deadline) => &mut self.limit,
            Outcome::Cancelled | Outcome::ModelRejected { .. } | Outcome::Infra { .. } => &mut self.broke,
        } += 1;
        let Some(effort) = &one.record.effort else { return };
        self.turns += u64::from(effort.turns);
        self.retries += u64::from(effort.retries);
        self.malformed += u64::from(effort.malformed);
        self.unknown_tools += u64::from(effort.unknown_tools);
        self.repairs += u64::from(effort.repairs);
        self.nudges += u64::from(effort.nudges);
        self.steered += u64::from(effort.steered);
        self.named += u64::from(effort.forced.as_deref() == Some("named"));
        self.prompted += u64::from(effort.forced.as_deref() == Some("prompted"));
        self.handed_in += u64::from(effort.valid_at_first.is_some());
        self.valid += u64::from(effort.valid_at_first == Some(true));
        self.scripted |= effort.scripted;
        if let Some(tokens) = effort.tokens() {
            self.counted += 1;
            self.tokens += tokens;
        }
        if let Some(usd) = effort.usd {
            self.priced += 1;
            self.usd += usd;
        }
    }
}

/// The section; nothing where no agent asks a model.
pub(super) fn markdown(judgement: &Judgement) -> String {
    let mut sums: BTreeMap<&ConfigId, Sums> = BTreeMap::new();
    for one in &judgement.investigations {
        if one.record.effort.is_some() {
            sums.entry(&one.record.key.agent).or_default();
        }
    }
    for one in &judgement.investigations {
        if let Some(of_agent) = sums.get_mut(&one.record.key.agent) {
            of_agent.add(one);
        }
    }
    if sums.is_empty() {
        return String::new();
    }
    let mut text = "\n## Language models\n\n".to_owned();
    let _ = writeln!(text, "{}\n{ENDS}\n", ends(&sums).markdown());
    let _ = writeln!(text, "{}\n{PROTOCOL}", protocol(&sums).markdown());
    text
}

const ENDS: &str = "How investigations ended, those of pages included. Refused, cut off, in circles, no report and limit (calls, turns, tokens, money, \
time) are the agent's own and count as wrong; what broke around it is not scored.";
const PROTOCOL: &str = "Valid: reports that were valid when first handed in. Sent back: reports returned with what is wrong with them, at most twice \
per investigation. Pointed out: text where a call was due, and the same call over again. Forced: by a named choice, or in words where the server knows none, because a limit was near or the model would not end. Tokens and \
cost are means over the investigations of which they are known, `–` where no provider or price says. Repeated: requests after 429, 5xx and broken connections.\n";

fn label(config: &ConfigId, sums: &Sums) -> String {
    if sums.scripted { format!("scripted {}", config.name) } else { config.name.clone() }
}

fn ends(sums: &BTreeMap<&ConfigId, Sums>) -> Table {
    let columns = ["investigations", "answered", "refused", "cut off", "in circles", "no report", "limit", "broke"];
    let columns = std::iter::once(("agent", Align::Left)).chain(columns.map(|name| (name, Align::Right)));
    let mut table = Table::new(columns);
    for (config, sums) in sums {
        let numbers = [sums.all, sums.answered, sums.refused, sums.truncated, sums.stuck, sums.invalid, sums.limit, sums.broke];
        table.row(std::iter::once(label(config, sums)).chain(numbers.map(|number| number.to_string())));
    }
    table
}

fn protocol(sums: &BTreeMap<&ConfigId, Sums>) -> Table {
    let columns = ["valid", "sent back", "bad calls", "pointed out", "forced", "turns", "tokens", "USD", "repeated"];
    let columns = std::iter::once(("agent", Align::Left)).chain(columns.map(|name| (name, Align::Right)));
    let mut table = Table::new(columns);
    for (config, sums) in sums {
        let mean = |sum: f64, of: u64, digits: usize| if of == 0 { "–".to_owned() } else { format!("{:.digits$}", sum / of as f64) };
        table.row([
            label(config, sums),
            format!("{}/{}", sums.valid, sums.handed_in),
            sums.repairs.to_string(),
            format!("{}", sums.malformed + sums.unknown_tools),
            format!("{}", sums.nudges + sums.steered),
            format!("{} / {}", sums.named, sums.prompted),
            mean(sums.turns as f64, sums.all, 1),
            mean(sums.tokens as f64, sums.counted, 0),
            mean(sums.usd, sums.priced, 4),
            sums.retries.to_string(),
        ]);
    }
    table
}
