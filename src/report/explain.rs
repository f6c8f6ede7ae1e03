//! `harness explain`: one investigation from the first page to its score. What the agent saw, did and said, beside the truth, and each
//! question put to its answer with yes or no and the reason.

use std::fmt::Write;
use std::ops::Range;

use super::incident;
use super::paragraph::{cut, hang, scope};
use super::table::{Align, Table};
use crate::agent::report::{Cause, IncidentReport, Verdict};
use crate::chat::{Choice, Effort, Turn};
use crate::score::end_to_end::Ending;
use crate::score::matching::EffectWindow;
use crate::score::root_cause::{Expected, JudgedReport, Standing, TrueCause, verdict_word};
use crate::score::scope::Selector;
use crate::time::Grid;
use crate::tool::{Call, ToolReply};

/// Columns of a drawn series.
const COLUMNS: usize = 92;
/// Characters of a reply.
const REPLY: usize = 380;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A watched series over the test range.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a str,
    /// The test buckets.
    pub grid: &'a Grid,
    /// Their values.
    pub values: &'a [Option<f64>],
    /// Buckets that paged; none where the trigger was no page.
    pub pages: &'a [usize],
    /// Where faults show.
    pub effects: &'a [EffectWindow],
    /// The last bucket the agent could see.
    pub now: usize,
}

/// Everything about one investigation.
#[derive(Debug, Clone, Copy)]
pub struct Explained<'a> {
    /// Scenario, seed, trigger, model and agent, in one line.
    pub heading: &'a str,
    /// What sent the agent: the question or what was paged.
    pub asked: &'a str,
    /// The watched series.
    pub series: &'a [Seen<'a>],
    /// Every call.
    pub calls: &'a [Call],
    /// Every turn with a model; none for agents that ask none.
    pub turns: &'a [Turn],
    /// What these came to.
    pub effort: Option<&'a Effort>,
    /// What the agent concluded; none where it did not.
    pub report: Option<&'a IncidentReport>,
    /// How the investigation ended, in words, where there is no report.
    pub outcome: &'a str,
    /// The truth of the trigger.
    pub expected: &'a Expected,
    /// The judgement; none for failures.
    pub judged: Option<&'a JudgedReport>,
    /// How the page group ended, where pages were the trigger.
    pub ending: Option<Ending>,
}

/// The whole explanation.
#[must_use]
pub fn render(explained: &Explained<'_>) -> String {
    let mut text = hang("", "  ", explained.heading);
    text += &hang("asked: ", "  ", explained.asked);
    for series in explained.series {
        text += "\n";
        text += &draw(series);
    }
    text += "\nSteps\n";
    if explained.calls.is_empty() && explained.turns.is_empty() {
        text += "  none\n";
    }
    if explained.turns.is_empty() {
        explained.calls.iter().for_each(|call| step(&mut text, call));
    }
    for turn in explained.turns {
        said(&mut text, turn);
        explained.calls.iter().filter(|call| turn.calls.contains(&call.id)).for_each(|call| step(&mut text, call));
    }
    if let Some(effort) = explained.effort {
        text += &spent(effort);
    }
    text += "\nReport\n\n";
    match explained.report {
        Some(report) => text += &incident::render(report, &[]),
        None => text += &hang("  none: ", "  ", explained.outcome),
    }
    text += "\nReport and truth\n";
    text += &beside(explained.report, explained.expected).text().lines().map(|line| format!("  {line}\n")).collect::<String>();
    text += &score(explained);
    text
}

/// What a model said in a turn, in one paragraph.
fn said(text: &mut String, turn: &Turn) {
    let words = match (&turn.answer, &turn.failed) {
        (Some(answer), _) => {
            let called: Vec<&str> = answer.calls.iter().map(|call| call.name.as_str()).collect();
            let called = if called.is_empty() { String::new() } else { format!("calls {}", called.join(", ")) };
            let words =
                answer.refusal.as_ref().or(answer.text.as_ref()).map(|words| words.split_whitespace().collect::<Vec<_>>().join(" "));
            [words.filter(|words| !words.is_empty()).map(|words| cut(&words, REPLY)), Some(called).filter(|called| !called.is_empty())]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
        }
        (None, Some(why)) => format!("no answer: {why}"),
        (None, None) => String::new(),
    };
    let forced = match &turn.choice {
        Choice::Forced(tool) => format!(" (told to call {tool})"),
        Choice::Auto => String::new(),
    };
    *text += &hang("  ", "      ", &format!("{}{forced}: {}", turn.thread, if words.is_empty() { "nothing" } else { &words }));
}

/// What the turns came to, in one line.
fn spent(effort: &Effort) -> String {
    let count = |number: Option<u64>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
    let usd = effort.usd.map(|usd| format!(", ${usd:.4}")).unwrap_or_default();
    let scripted = if effort.scripted { ", by a script" } else { "" };
    hang(
        "  ",
        "      ",
        &format!(
            "asked a model {} times{scripted}: {} tokens in, {} out{usd}; {} repeated requests, {} reports sent back",
            effort.turns,
            count(effort.prompt_tokens),
            count(effort.completion_tokens),
            effort.retries,
            effort.repairs
        ),
    )
}

/// The whole series, and the days around now in detail where the whole takes several buckets a column.
fn draw(series: &Seen<'_>) -> String {
    let all = series.values.len();
    let mut text = strip(series, 0..all);
    if all > COLUMNS {
        let first = (series.now + 1).saturating_sub(COLUMNS / 2).min(all - COLUMNS);
        text += &strip(series, first..first + COLUMNS);
    }
    text
}

/// A line of bars, and below it where pages and effects are; buckets are averaged where there are more than columns.
fn strip(series: &Seen<'_>, range: Range<usize>) -> String {
    let values = &series.values[range.clone()];
    let per_column = values.len().div_ceil(COLUMNS).max(1);
    let columns: Vec<Option<f64>> = values.chunks(per_column).map(mean).collect();
    let (low, high) = columns.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let bar = |value: &Option<f64>| value.map_or(' ', |value| BARS[level(value, low, high)]);
    let mut text = String::new();
    let ends = if range.is_empty() {
        String::new()
    } else {
        format!(", {} to {}", series.grid.label(range.start), series.grid.label(range.end - 1))
    };
    let span = if low <= high { format!(", {low:.0} to {high:.0}") } else { String::new() };
    let folded = if per_column > 1 { format!(", {per_column} buckets a column") } else { String::new() };
    let _ = writeln!(text, "{}{ends}{span}{folded}", series.name);
    let _ = writeln!(text, "  {}", columns.iter().map(bar).collect::<String>().trim_end());
    let mark = |sign: char, is: &dyn Fn(usize) -> bool| {
        let buckets = |column: usize| range.start + column * per_column..range.end.min(range.start + (column + 1) * per_column);
        let line: String = (0..columns.len()).map(|column| if buckets(column).any(is) { sign } else { ' ' }).collect();
        line.trim_end().to_owned()
    };
    let effects = mark('=', &|bucket| series.effects.iter().any(|window| window.contains(bucket)));
    for (line, what) in [
        (effects, "effect"),
        (mark('P', &|bucket| series.pages.contains(&bucket)), "pages"),
        (mark('^', &|bucket| bucket == series.now), "now"),
    ] {
        if !line.is_empty() {
            let _ = writeln!(text, "  {line}  {what}{}", days(series, what));
        }
    }
    text
}

fn days(series: &Seen<'_>, what: &str) -> String {
    let label = |bucket: usize| series.grid.label(bucket);
    let list: Vec<String> = match what {
        "effect" => series.effects.iter().map(|window| format!("{} to {}", label(window.first), label(window.last))).collect(),
        "pages" => series.pages.iter().map(|&bucket| label(bucket)).collect(),
        _ => vec![label(series.now)],
    };
    let more = if list.len() > 3 { format!(" and {} more", list.len() - 3) } else { String::new() };
    // A long mark leaves no room for its days: they move to a line of their own.
    let joined = list.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    format!("\n    {joined}{more}")
}

fn mean(values: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = values.iter().flatten().copied().collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

fn level(value: f64, low: f64, high: f64) -> usize {
    let share = if high > low { (value - low) / (high - low) } else { 0.5 };
    // The share lies in 0..=1.
    ((share * BARS.len() as f64) as usize).min(BARS.len() - 1)
}

fn step(text: &mut String, call: &Call) {
    *text += &hang(&format!("  {} ", call.id), "     ", &format!("{} {}", call.tool, cut(&spaced(&call.arguments.to_string()), REPLY)));
    match &call.reply {
        ToolReply::Data(reply) => *text += &hang("     → ", "       ", &cut(&spaced(&reply.to_string()), REPLY)),
        ToolReply::Rejected { why, hint } => {
            let hint = hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
            *text += &hang("     ✗ ", "       ", &format!("{why}{hint}"));
        }
    }
}

/// JSON with a space after each comma, so that it can be set in lines.
fn spaced(json: &str) -> String {
    json.replace(",\"", ", \"").replace("},{", "}, {")
}

/// What was said and what was so, question by question.
fn beside(report: Option<&IncidentReport>, expected: &Expected) -> Table {
    let mut table = Table::new([("", Align::Left), ("report", Align::Left), ("truth", Align::Left)]);
    let none = || "–".to_owned();
    let said = |of: &dyn Fn(&IncidentReport) -> String| report.map_or_else(none, of);
    let top = report.filter(|report| report.verdict != Verdict::NoFault).and_then(|report| report.ranking.first());
    let named = |of: &dyn Fn(&Cause) -> String| top.map_or_else(none, |cause| cut(&of(cause), 40));
    match expected {
        Expected::Nothing { benign } => {
            let harmless = |event: &crate::agent::report::Benign| {
                event.change.as_ref().map_or_else(|| event.kind.clone(), |change| format!("{} {change}", event.kind))
            };
            table.row(["verdict".to_owned(), said(&|report| verdict_word(report.verdict).to_owned()), "no fault".to_owned()]);
            table.row([
                "harmless event".to_owned(),
                said(&|report| report.benign.as_ref().map_or_else(none, harmless)),
                benign.as_ref().map_or_else(none, harmless),
            ]);
            if top.is_some() {
                table.row(["cause".to_owned(), named(&incident::cause), none()]);
            }
        }
        Expected::Causes(causes) => {
            table.row(["verdict".to_owned(), said(&|report| verdict_word(report.verdict).to_owned()), "fault".to_owned()]);
            let so = |of: &dyn Fn(&TrueCause) -> String| cut(&causes.iter().map(of).collect::<Vec<_>>().join("; "), 40);
            let change = |change: &Option<String>| change.clone().unwrap_or_else(|| "none".to_owned());
            table.row(["kind".to_owned(), named(&|cause| cause.kind.clone()), so(&|cause| cause.kind.clone())]);
            table.row(["change".to_owned(), named(&|cause| change(&cause.change)), so(&|cause| change(&cause.change))]);
            table.row(["scope".to_owned(), named(&|cause| scope(&cause.scope)), so(&|cause| selector(&cause.scope))]);
            let onset = |cause: &TrueCause| cause.onset.map_or_else(none, |onset| onset.to_string());
            table.row(["onset".to_owned(), named(&|cause| cause.onset.clone().unwrap_or_else(none)), so(&onset)]);
            let claimed = |report: &IncidentReport| report.claimed.len().to_string();
            table.row(["causes claimed".to_owned(), said(&claimed), causes.len().to_string()]);
        }
    }
    table
}

fn selector(selector: &Selector) -> String {
    let pairs: Vec<String> = selector.iter().map(|(dimension, values)| format!("{dimension}={}", values.join("|"))).collect();
    if pairs.is_empty() { "everything".to_owned() } else { pairs.join(" ") }
}

fn score(explained: &Explained<'_>) -> String {
    let Some(judged) = explained.judged else {
        return hang("\nNot scored: ", "  ", explained.outcome);
    };
    let mut text = format!("\nScored: {}", standing(judged.standing));
    if let Some(ending) = explained.ending {
        let _ = write!(text, "; the page ends {}", ending.word());
    }
    text += "\n";
    let width = judged.checks.iter().map(|check| check.what.chars().count()).max().unwrap_or(0);
    for check in &judged.checks {
        let lead = format!("  {:<3}  {:<width$}  ", if check.holds { "yes" } else { "no" }, check.what);
        text += &hang(&lead, &" ".repeat(lead.chars().count()), &check.why);
    }
    text
}

/// How a report stands to the truth, in words.
#[must_use]
pub const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Right => "right",
        Standing::WrongCause => "wrong cause",
        Standing::Abstained => "abstained",
        Standing::Dismissed => "a fault was dismissed",
        Standing::Cleared => "rightly cleared",
        Standing::Blamed => "blamed though nothing was wrong",
        Standing::Invalid => "invalid answer, counted as wrong",
        Standing::NoReport => "no report, counted as wrong",
    }
}
