//! What a model is told at first: now, the days, the dimensions and their values, and what it is asked. Never a ticket's text: that reaches
//! it inside tool replies only. Never the truth: an agent does not have it.

use std::fmt::Write;

use crate::agent::Case;
use crate::tool::Desk;

/// Values of one dimension that are listed.
const LISTED: usize = 40;

/// The first message of a person.
pub(in crate::agent) fn situation(case: &Case<'_>, desk: &Desk<'_>) -> String {
    let mut text = String::new();
    let now = desk.now();
    let _ = writeln!(text, "Now: {} ({}).", now.datetime(), now.time_zone().iana_name().unwrap_or("local time"));
    if let Some((first, last)) = desk.seen().days() {
        let _ = writeln!(text, "Data: {first} to {last}, in buckets of {}.", desk.seen().grid().step());
    }
    let _ = writeln!(text, "Metrics:");
    for metric in desk.metrics() {
        let dimensions = desk.dimensions(&metric);
        if dimensions.is_empty() {
            let _ = writeln!(text, "- {metric}, without dimensions");
        } else {
            let _ = writeln!(text, "- {metric}, by:");
        }
        for (dimension, values) in dimensions {
            let more = values.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let _ = writeln!(text, "  - {dimension}: {}{more}", values.into_iter().take(LISTED).collect::<Vec<_>>().join(", "));
        }
    }
    let earlier: Vec<_> = case.earlier.iter().collect();
    if !earlier.is_empty() {
        let _ = writeln!(text, "\nEarlier in this conversation:");
        for turn in earlier {
            let report = &turn.report;
            let _ = writeln!(text, "- asked: {}\n  found: {}. {}", turn.question, report.title, report.executive_summary);
        }
    }
    text.push('\n');
    match (case.question, case.alert) {
        (Some(question), _) => {
            let _ = writeln!(text, "Question: {question}");
        }
        (None, Some(alert)) if !alert.series.is_empty() => {
            let _ = writeln!(text, "Alert: {} paged on {}. It may be a false alarm.", alert.series.join(", "), alert.since);
        }
        (None, Some(alert)) => {
            let _ = writeln!(text, "Look at {}. There may be nothing.", alert.since);
        }
        (None, None) => {
            let _ = writeln!(text, "Look at the latest days. There may be nothing.");
        }
    }
    text
}
