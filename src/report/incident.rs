//! One incident report for a terminal: what is wrong, why, since when, and what to do. Plain text, at most 100 columns wide.

use std::fmt::Write;

use super::paragraph::{cut, hang, scope};
use super::table::{Align, Table};
use crate::agent::report::{AffectedSegment, Cause, IncidentReport, Sentiment, Verdict};
use crate::tool::Call;

/// Rows of a list that are shown.
const SHOWN: usize = 8;
/// Columns of a segment's name.
const SEGMENT: usize = 46;

/// The whole report. Evidence names the tools of the calls it cites, where they are given.
#[must_use]
pub fn render(report: &IncidentReport, calls: &[Call]) -> String {
    let mut text = if report.title.trim().is_empty() { String::new() } else { hang("", "", &report.title) };
    let _ = writeln!(text, "{}, {} sure", verdict(report.verdict), percent(report.confidence));
    if !report.executive_summary.trim().is_empty() {
        text += "\n";
        text += &hang("", "", &report.executive_summary);
    }
    section(&mut text, "Cause", &causes(report));
    if report.verdict != Verdict::NoFault {
        section(&mut text, "Impact", &impact(report));
    }
    section(&mut text, "Segments", &segments(&report.affected_segments));
    section(&mut text, "Events near the onset", &bullets(&report.correlated_events));
    section(&mut text, "Evidence", &evidence(report, calls));
    section(&mut text, "Customers", &customers(report));
    section(&mut text, "Recommended", &numbered(&report.recommendations));
    let data = &report.supporting_data;
    let _ = writeln!(
        text,
        "\n{} {}, {} rejected; {} of {} evidence items stand in the replies they cite",
        data.calls,
        if data.calls == 1 { "call" } else { "calls" },
        data.rejected,
        data.grounded,
        report.evidence.len()
    );
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(text, "\n{title}\n{body}");
    }
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fault => "FAULT",
        Verdict::NoFault => "NO FAULT",
        Verdict::Unsure => "UNSURE",
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `deployment chg-4f2a91 on platform=android since 2026-01-28`
#[must_use]
pub fn cause(cause: &Cause) -> String {
    let change = cause.change.as_ref().map_or(String::new(), |change| format!(" {change}"));
    let since = cause.onset.as_ref().map_or(String::new(), |onset| format!(" since {onset}"));
    format!("{}{change} on {}{since}", cause.kind, scope(&cause.scope))
}

fn causes(report: &IncidentReport) -> String {
    let mut text = String::new();
    if let Some(benign) = &report.benign {
        let change = benign.change.as_ref().map_or(String::new(), |change| format!(" {change}"));
        text += &hang("  ", "  ", &format!("harmless: {}{change}", benign.kind));
    }
    if report.verdict != Verdict::NoFault {
        for claimed in &report.claimed {
            text += &hang("  ", "    ", &cause(claimed));
        }
    }
    if !report.root_cause.trim().is_empty() {
        text += &hang("  ", "  ", &report.root_cause);
    }
    let others: Vec<&Cause> = report.ranking.iter().filter(|cause| !report.claimed.contains(cause)).collect();
    for other in others.iter().take(SHOWN) {
        text += &hang("  or ", "     ", &format!("{} ({})", cause(other), percent(other.confidence)));
    }
    text + &more(others.len())
}

fn impact(report: &IncidentReport) -> String {
    let metrics = &report.impact_metrics;
    let named = |what: &str, value: &Option<String>| value.as_ref().map(|value| format!("{what} {value}"));
    let parts: Vec<String> = [
        metrics.volume_increase_pct.map(|volume| format!("volume {volume:+.0} %")),
        named("priority", &metrics.primary_priority),
        named("queue", &metrics.primary_queue),
        named("type", &metrics.primary_type),
        (!report.affected_services.is_empty()).then(|| format!("services {}", report.affected_services.join(", "))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { String::new() } else { hang("  ", "  ", &parts.join("; ")) }
}

fn segments(segments: &[AffectedSegment]) -> String {
    if segments.is_empty() {
        return String::new();
    }
    let columns =
        [("segment", Align::Left), ("metric", Align::Left), ("expected", Align::Right), ("now", Align::Right), ("change", Align::Right)];
    let mut table = Table::new(columns);
    let number = |value: Option<f64>| value.map_or("–".to_owned(), short);
    for segment in segments.iter().take(SHOWN) {
        let change = segment.growth().unwrap_or_else(|| "–".to_owned());
        let name = cut(&scope(&segment.scope), SEGMENT);
        table.row([name, cut(&segment.metric, 18), number(segment.baseline), number(segment.current), change]);
    }
    table.text().lines().map(|line| format!("  {line}\n")).collect::<String>() + &more(segments.len())
}

/// A number with the digits that people read.
fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn evidence(report: &IncidentReport, calls: &[Call]) -> String {
    let cited = |id: &str| match calls.iter().find(|call| call.id == id) {
        Some(call) => format!("{id} {}", call.tool),
        None => id.to_owned(),
    };
    let mut text = String::new();
    for item in report.evidence.iter().take(SHOWN) {
        let days = if item.window.from == item.window.to {
            item.window.from.clone()
        } else {
            format!("{} to {}", item.window.from, item.window.to)
        };
        let line = format!("{} {} = {} ({}, {days})", cited(&item.call), item.field, item.value, scope(&item.scope));
        text += &hang("  ", "    ", &line);
    }
    text + &more(report.evidence.len())
}

fn customers(report: &IncidentReport) -> String {
    let tone = match report.customer_sentiment {
        Sentiment::Negative => "they sound negative",
        Sentiment::Neutral => "they sound neutral",
        Sentiment::Positive => "they sound positive",
        Sentiment::Unknown if report.sample_complaints.is_empty() => return String::new(),
        Sentiment::Unknown => "how they sound is not known",
    };
    let mut text = format!("  {tone}\n");
    for complaint in report.sample_complaints.iter().take(SHOWN) {
        text += &hang("  \"", "   ", &format!("{}\"", cut(complaint, 240)));
    }
    text + &more(report.sample_complaints.len())
}

fn bullets(items: &[String]) -> String {
    items.iter().take(SHOWN).map(|item| hang("  - ", "    ", item)).collect::<String>() + &more(items.len())
}

fn numbered(items: &[String]) -> String {
    let lines = items.iter().take(SHOWN).enumerate().map(|(i, item)| hang(&format!("  {}. ", i + 1), "     ", item));
    lines.collect::<String>() + &more(items.len())
}

fn more(all: usize) -> String {
    if all > SHOWN { format!("  … and {} more\n", all - SHOWN) } else { String::new() }
}
