//! Verdicts for a console: one line each, and under a failing one the files that moved most.

use std::fmt::Write;

use super::rule::limit_key;
use super::verdict::{Moved, Status, Verdict};
use crate::score::scorecard::label;
use crate::score::{Metric, Unit};

/// All verdicts as text, failing ones first, with a final line that counts them.
#[must_use]
pub fn render(verdicts: &[Verdict]) -> String {
    let mut ordered: Vec<&Verdict> = verdicts.iter().collect();
    ordered.sort_by_key(|verdict| std::cmp::Reverse(verdict.status));
    let mut text = String::new();
    for verdict in ordered {
        line(&mut text, verdict);
    }
    let count = |status| verdicts.iter().filter(|verdict| verdict.status == status).count();
    let counts: Vec<String> = [Status::MatchedNothing, Status::BelowMin, Status::Regressed, Status::Inconclusive, Status::Passed]
        .into_iter()
        .filter(|&status| count(status) > 0)
        .map(|status| format!("{} {}", count(status), word(status)))
        .collect();
    text + &format!("gate: {}\n", counts.join(", "))
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Passed => "passed",
        Status::Inconclusive => "inconclusive",
        Status::Regressed => "regressed",
        Status::BelowMin => "beyond the limit",
        Status::MatchedNothing => "rule matched nothing",
    }
}

fn line(text: &mut String, verdict: &Verdict) {
    let metric = verdict.rule.metric.metric();
    let mut parts = vec![format!("{:<20}  {}  {}", word(verdict.status), subject(verdict), metric.name)];
    if verdict.status != Status::MatchedNothing {
        parts.push(numbers(verdict, metric));
    }
    parts.extend(verdict.why.clone().map(|why| format!("({why})")));
    writeln!(text, "{}", parts.join("  ")).expect("a String takes any text");
    if verdict.status != Status::Passed {
        for moved in &verdict.moved {
            writeln!(text, "{:22}{}", "", file(moved, metric.unit)).expect("a String takes any text");
        }
    }
}

/// The row, or what the rule asked for where there is none.
fn subject(verdict: &Verdict) -> String {
    let rows = &verdict.rule.rows;
    let name = match &verdict.model {
        Some(model) => label(model, verdict.agent.as_ref()),
        None => {
            let asked: Vec<&str> = [&rows.model, &rows.agent].into_iter().flatten().map(String::as_str).collect();
            let any = if verdict.rule.metric.metric().section().is_of_agents() { "any agent" } else { "any model" };
            if asked.is_empty() { any.to_owned() } else { asked.join(" + ") }
        }
    };
    rows.trigger.as_ref().map_or_else(|| name.clone(), |trigger| format!("{name} on {trigger}"))
}

/// `.62, was .81: drop .19 [.12, .26], allowed .05; min .50`
fn numbers(verdict: &Verdict, metric: &Metric) -> String {
    let show = |value: Option<f64>| value.map_or("–".to_owned(), |value| metric.unit.show(value));
    let mut text = show(verdict.value.value());
    if let (Some(drop), Some(allowed)) = (&verdict.drop, verdict.rule.max_drop) {
        let between = drop.interval.map(|interval| format!(" [{}, {}]", show(Some(interval.lower)), show(Some(interval.upper))));
        let (was, by) = (show(verdict.baseline.value()), show(drop.value));
        text += &format!(", was {was}: drop {by}{}, allowed {}", between.unwrap_or_default(), show(Some(allowed)));
    }
    if let Some(limit) = verdict.rule.limit {
        text += &format!("; {} {}", limit_key(metric.better), show(Some(limit)));
    }
    text
}

fn file(moved: &Moved, unit: Unit) -> String {
    let by = moved.drop.map_or("–".to_owned(), |drop| unit.show(drop));
    let (old, new) = (&moved.before, &moved.after);
    let changes: Vec<String> = [
        ("detected", old.detected, new.detected),
        ("late", old.late, new.late),
        ("false pages", old.false_pages, new.false_pages),
        ("failed", old.failed, new.failed),
        ("rejected", old.rejected, new.rejected),
        ("right", old.cause.right, new.cause.right),
        ("cleared", old.cause.cleared, new.cause.cleared),
        ("invalid", old.cause.invalid + old.cause.no_report, new.cause.invalid + new.cause.no_report),
        ("ended right", old.end.right, new.end.right),
        ("missed", old.end.missed, new.end.missed),
        ("false blames", old.end.blamed, new.end.blamed),
    ]
    .iter()
    .filter(|(_, before, after)| before != after)
    .map(|(name, before, after)| format!("{name} {before} → {after}"))
    .collect();
    format!("{}  drop {by}  {}", moved.file, changes.join(", ")).trim_end().to_owned()
}
