//! The report as people read it: every agent's finding in the same words, with numbers from the desk.
//!
//! Nothing here decides anything. What tickets say (shares, samples) is looked up once more for the day of the window, so that a report
//! reads well whatever agent found the cause; what may not be looked up is left out.

use std::collections::BTreeMap;

use super::Halt;
use super::days::Days;
use super::look::Look;
use super::report::{AffectedSegment, Benign, Cause, Evidence, ImpactMetrics, IncidentReport, Sentiment, SupportingData, Verdict};
use super::sentiment::tone_of_all;
use crate::tool::reply::{Deployment, SampledTicket, Scope, ShareChange, TicketStats};
use crate::tool::{Call, ToolReply};

/// What an agent found, before it is put into words.
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) ranking: Vec<Cause>,
    pub(super) benign: Option<Benign>,
    pub(super) confidence: f64,
    pub(super) evidence: Vec<Evidence>,
    pub(super) segments: Vec<AffectedSegment>,
    pub(super) window: Days,
    /// Changes near the onset.
    pub(super) events: Vec<Deployment>,
    /// Words that tickets use more than before.
    pub(super) words: Vec<String>,
}

impl Finding {
    /// Nothing is wrong.
    pub(super) fn quiet(window: Days, confidence: f64) -> Self {
        Self {
            verdict: Verdict::NoFault,
            ranking: Vec::new(),
            benign: None,
            confidence,
            evidence: Vec::new(),
            segments: Vec::new(),
            window,
            events: Vec::new(),
            words: Vec::new(),
        }
    }

    /// One cause and nothing else.
    pub(super) fn blame(window: Days, cause: Cause) -> Self {
        Self { verdict: Verdict::Fault, confidence: cause.confidence, ranking: vec![cause], ..Self::quiet(window, 0.0) }
    }
}

/// Tickets quoted in a report.
const QUOTED: usize = 3;

/// Writes the report of a finding.
pub(super) fn write(look: &mut Look<'_, '_>, finding: Finding) -> Result<IncidentReport, Halt> {
    let day = finding.window.to;
    let stats = look.stats(day, 7)?;
    let samples = if stats.is_some() { look.samples(day, 20)? } else { None };
    let stats = stats.map(|seen| seen.reply);
    let tickets = samples.map(|seen| seen.reply.tickets).unwrap_or_default();
    let scope = finding.ranking.first().map(|cause| cause.scope.clone()).unwrap_or_default();
    let top = finding.ranking.first();
    let text = Words { finding: &finding, stats: stats.as_ref(), top };
    let report = IncidentReport {
        title: text.title(),
        executive_summary: text.summary(),
        root_cause: text.root_cause(),
        impact_metrics: impact(stats.as_ref()),
        affected_services: services(stats.as_ref()),
        customer_sentiment: sentiment(&tickets),
        sample_complaints: complaints(&tickets, &scope),
        recommendations: recommendations(finding.verdict, top, finding.benign.as_ref()),
        correlated_events: finding.events.iter().map(event).collect(),
        supporting_data: supporting(look.desk().calls(), &finding.evidence),
        confidence_score: finding.confidence,
        verdict: finding.verdict,
        claimed: finding.ranking.iter().take(1).cloned().collect(),
        ranking: finding.ranking,
        benign: finding.benign,
        confidence: finding.confidence,
        evidence: finding.evidence,
        affected_segments: finding.segments,
    };
    Ok(report)
}

/// What the recorded calls say of the investigation itself.
pub(super) fn supporting(calls: &[Call], evidence: &[Evidence]) -> SupportingData {
    let mut tools: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        *tools.entry(call.tool.clone()).or_default() += 1;
    }
    let rejected = calls.iter().filter(|call| matches!(call.reply, ToolReply::Rejected { .. })).count();
    let grounded = evidence.iter().filter(|item| holds(calls, item)).count();
    SupportingData { calls: calls.len(), rejected, tools, grounded }
}

/// Whether the cited reply holds the stated value, to a relative 1e-6.
fn holds(calls: &[Call], item: &Evidence) -> bool {
    let Some(ToolReply::Data(reply)) = calls.iter().find(|call| call.id == item.call).map(|call| &call.reply) else { return false };
    let value = reply.pointer(&format!("/{}", item.field.replace('.', "/"))).and_then(serde_json::Value::as_f64);
    value.is_some_and(|value| (value - item.value).abs() <= 1e-6 * value.abs().max(item.value.abs()))
}

/// A scope in words: `platform=android, country=BR`.
pub(super) fn name(scope: &Scope) -> String {
    if scope.is_empty() {
        return "everything".to_owned();
    }
    scope.iter().map(|(dimension, value)| format!("{dimension}={value}")).collect::<Vec<_>>().join(", ")
}

fn percent(share: f64) -> String {
    format!("{:+.0} %", 100.0 * share)
}

fn event(change: &Deployment) -> String {
    format!("{} {} ({}): {}", change.at, change.id, change.kind, change.title)
}

struct Words<'a> {
    finding: &'a Finding,
    stats: Option<&'a TicketStats>,
    top: Option<&'a Cause>,
}

impl Words<'_> {
    fn moved(&self) -> Option<String> {
        let segment = self.finding.segments.first()?;
        Some(format!("{} {} in {}", segment.metric, percent(segment.change?), name(&segment.scope)))
    }

    fn title(&self) -> String {
        match (self.finding.verdict, self.top) {
            (Verdict::Fault, Some(cause)) => {
                let moved = self.moved().unwrap_or_else(|| format!("Trouble in {}", name(&cause.scope)));
                format!("{moved}: {}", plain(&cause.kind))
            }
            _ => match &self.finding.benign {
                Some(benign) => format!("No fault: {}", plain(&benign.kind)),
                None => "No fault found".to_owned(),
            },
        }
    }

    fn root_cause(&self) -> String {
        match (self.finding.verdict, self.top) {
            (Verdict::Fault, Some(cause)) => {
                let change = self.finding.events.iter().find(|event| Some(&event.id) == cause.change.as_ref());
                let by = match (change, &cause.change) {
                    (Some(change), _) => format!(" by {} (“{}”, {})", change.id, change.title, change.at),
                    (None, Some(id)) => format!(" by {id}"),
                    (None, None) => ", with no change in the log that fits".to_owned(),
                };
                let onset = cause.onset.as_ref().map(|onset| format!(", since {onset}")).unwrap_or_default();
                format!("A {} in {}{by}{onset}.", plain(&cause.kind), name(&cause.scope))
            }
            _ => match &self.finding.benign {
                Some(benign) => format!("Nothing is broken; a {} explains the numbers.", plain(&benign.kind)),
                None => "Nothing is broken; the numbers lie within what chance explains.".to_owned(),
            },
        }
    }

    fn summary(&self) -> String {
        let mut sentences = Vec::new();
        if let Some(count) = self.stats.and_then(|stats| stats.count) {
            let stats = self.stats.expect("the count came from them");
            let against = match (stats.volume_increase_pct, stats.baseline_mean) {
                (Some(pct), Some(mean)) => format!(", {pct:+.0} % against {mean:.0} on an average day of the week before"),
                _ => String::new(),
            };
            sentences.push(format!("{} tickets arrived on {}{against}.", count, stats.date));
        }
        for segment in &self.finding.segments {
            if let (Some(baseline), Some(current), Some(change)) = (segment.baseline, segment.current, segment.change) {
                let where_ = name(&segment.scope);
                sentences.push(format!(
                    "{} in {where_}: {current:.0} where {baseline:.0} were expected ({}).",
                    segment.metric,
                    percent(change)
                ));
            }
        }
        if !self.finding.words.is_empty() {
            sentences.push(format!("More than before, tickets say: {}.", self.finding.words.join(", ")));
        }
        sentences.push(self.root_cause());
        sentences.push(format!("Confidence {:.0} %.", 100.0 * self.finding.confidence));
        sentences.join(" ")
    }
}

/// A kind in plain words.
fn plain(kind: &str) -> &str {
    match kind {
        "deployment" => "release that breaks something",
        "config_change" => "setting that breaks something",
        "segment_outage" => "outage of one segment",
        "dependency_failure" => "failure of a dependency",
        "retention_decline" => "decline of retention",
        "data_pipeline_gap" => "gap in the recorded data",
        "bot_burst" => "burst of automated tickets",
        "policy_change" => "new rule that customers dislike",
        "holiday" => "public holiday",
        "campaign" => "campaign",
        "mix_shift" => "shift in the mix of users",
        "slow_growth" => "steady growth",
        "decoy_deployment" => "release without harm",
        "logging_outage" => "planned pause of the log",
        "taxonomy_change" => "change in how tickets are filed",
        other => other,
    }
}

fn impact(stats: Option<&TicketStats>) -> ImpactMetrics {
    let top = |dimension: &str| stats.and_then(|stats| stats.by.get(dimension)).and_then(|shares| over_represented(shares));
    ImpactMetrics {
        volume_increase_pct: stats.and_then(|stats| stats.volume_increase_pct),
        primary_priority: top("priority"),
        primary_queue: top("queue"),
        primary_type: top("type"),
    }
}

/// How far a share lies above its baseline, in sds of the count.
fn excess(share: &ShareChange, total: f64) -> Option<f64> {
    let expected = share.baseline_share? * total;
    Some((share.count as f64 - expected) / expected.max(1.0).sqrt())
}

fn total(shares: &[ShareChange]) -> f64 {
    shares.iter().map(|share| share.count as f64).sum()
}

/// The value over-represented most; of those that are not, the largest.
fn over_represented(shares: &[ShareChange]) -> Option<String> {
    let all = total(shares);
    let ranked = shares.iter().filter_map(|share| Some((excess(share, all)?, share)));
    let best = ranked.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, share)| share);
    best.or_else(|| shares.first()).map(|share| share.value.clone())
}

/// Products and queues whose share rose beyond chance.
fn services(stats: Option<&TicketStats>) -> Vec<String> {
    let mut found = Vec::new();
    for dimension in ["product", "queue"] {
        let shares = stats.and_then(|stats| stats.by.get(dimension)).map_or(&[][..], Vec::as_slice);
        let all = total(shares);
        let risen = shares.iter().filter(|share| share.count >= 5 && excess(share, all).is_some_and(|sds| sds > 2.5));
        found.extend(risen.map(|share| share.value.clone()));
    }
    found
}

fn sentiment(tickets: &[SampledTicket]) -> Sentiment {
    let texts: Vec<String> = tickets.iter().filter_map(text).collect();
    if texts.is_empty() { Sentiment::Unknown } else { tone_of_all(texts.iter().map(String::as_str)).sentiment }
}

fn text(ticket: &SampledTicket) -> Option<String> {
    match (&ticket.subject, &ticket.body) {
        (None, None) => None,
        (subject, body) => Some([subject.as_deref(), body.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" – ")),
    }
}

/// A few tickets, those of the scope first.
fn complaints(tickets: &[SampledTicket], scope: &Scope) -> Vec<String> {
    let inside = |ticket: &&SampledTicket| scope.iter().all(|(dimension, value)| ticket.attributes.get(dimension) == Some(value));
    let (first, then): (Vec<&SampledTicket>, Vec<&SampledTicket>) = tickets.iter().partition(inside);
    first.into_iter().chain(then).filter_map(text).take(QUOTED).collect()
}

fn recommendations(verdict: Verdict, top: Option<&Cause>, benign: Option<&Benign>) -> Vec<String> {
    let Some(cause) = top.filter(|_| verdict == Verdict::Fault) else {
        let first = match benign.map(|benign| benign.kind.as_str()) {
            Some("taxonomy_change") => "Rename the series in dashboards, so that they count what they counted before.",
            Some("logging_outage") => "Fill the missing days in once the log is back.",
            Some("slow_growth") => "Plan staff for the new level.",
            _ => "Do nothing; look again if the numbers stay away from their level for two more days.",
        };
        return vec![first.to_owned()];
    };
    let place = name(&cause.scope);
    let change = cause.change.as_deref().unwrap_or("the change");
    let texts: [String; 2] = match cause.kind.as_str() {
        "deployment" => [
            format!("Roll {change} back for {place}, or stop its rollout."),
            format!("Reproduce the failure in {place} before it is released again."),
        ],
        "config_change" => [format!("Set {change} back."), format!("Compare requests of {place} before and after it.")],
        "policy_change" => [
            format!("Explain {change} to customers, with an answer ready for agents."),
            "Review the rule with those who decided it.".to_owned(),
        ],
        "segment_outage" => [
            format!("Check what only {place} depends on: routes, providers, queues."),
            format!("Tell customers of {place} that the problem is known."),
        ],
        "dependency_failure" => {
            ["Check the status of external services and of shared ones.".to_owned(), "Post the problem on the status page.".to_owned()]
        }
        "data_pipeline_gap" => [
            format!("Check the pipeline that records {place}; the customers are still there."),
            "Fill the lost records in before anyone reads trends from them.".to_owned(),
        ],
        "bot_burst" => [format!("Rate-limit or block the senders in {place}."), "Leave these tickets out of reports.".to_owned()],
        "retention_decline" => {
            [format!("Ask users of {place} who left what they missed."), "Compare cohorts before and after the onset.".to_owned()]
        }
        _ => [format!("Look into {place}."), String::new()],
    };
    texts.into_iter().filter(|text| !text.is_empty()).collect()
}
