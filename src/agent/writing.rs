//! The report as people read it: every agent's finding in the same words, with numbers from the desk.
//!
//! Nothing here decides anything. What tickets say (shares, samples) is looked up once more for the day of the window, so that a report
//! reads well whatever agent found the cause; what may not be looked up is left out.

use std::collections::BTreeMap;

use super::Halt;
use super::advice::{plain, recommendations};
use super::days::{Days, between, day_of, shift};
use super::look::Look;
use super::report::{AffectedSegment, Benign, Cause, Evidence, ImpactMetrics, IncidentReport, Sentiment, SupportingData, Verdict, percent};
use super::sentiment::tone_of_all;
use crate::tool::reply::{Deployment, Range, SampledTicket, Scope, ShareChange, TicketStats};
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
    /// All tickets of the window, from an agent that expects something of them.
    pub(super) total: Option<Total>,
}

/// All tickets of the days or hours looked at.
pub(super) struct Total {
    pub(super) asked: Range,
    /// Days with records.
    pub(super) recorded: f64,
    pub(super) current: f64,
    pub(super) expected: f64,
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
            total: None,
        }
    }

    /// One cause and nothing else.
    pub(super) fn blame(window: Days, cause: Cause) -> Self {
        Self { verdict: Verdict::Fault, confidence: cause.confidence, ranking: vec![cause], ..Self::quiet(window, 0.0) }
    }
}

/// Tickets quoted in a report.
const QUOTED: usize = 3;
/// Days that a day's tickets are compared with. So many that some days of the trouble itself do not hide it.
const BEFORE: i64 = 28;

/// The tool that reads the change log.
const LOG: &str = "check_deployments";

/// Writes the report of a finding.
pub(super) fn write(look: &mut Look<'_, '_>, finding: Finding) -> Result<IncidentReport, Halt> {
    let answered = |call: &&Call| matches!(call.reply, ToolReply::Data(_));
    let tools: Vec<String> = look.desk().calls().iter().filter(answered).map(|call| call.tool.clone()).collect();
    // Halfway from the onset to the last day: a fault has shown by then, and may be over at the end.
    let onset = finding.ranking.first().and_then(|cause| day_of(cause.onset.as_ref()?));
    let from = onset.unwrap_or(finding.window.to).clamp(finding.window.from, finding.window.to);
    let day = shift(from, (between(from, finding.window.to) + 1) / 2);
    let stats = look.stats(day, BEFORE)?;
    let samples = if stats.is_some() { look.samples(day, 20)? } else { None };
    let stats = stats.map(|seen| seen.reply);
    let tickets = samples.map(|seen| seen.reply.tickets).unwrap_or_default();
    let scope = finding.ranking.first().map(|cause| cause.scope.clone()).unwrap_or_default();
    let top = finding.ranking.first();
    let partial = day == look.today() && look.elapsed() < 1.0;
    let saw_log = tools.iter().any(|tool| tool == LOG);
    let saw_numbers = tools.iter().any(|tool| tool != LOG);
    let text = Words { finding: &finding, stats: stats.as_ref(), top, partial, saw_log, saw_numbers };
    let report = IncidentReport {
        title: text.title(),
        executive_summary: text.summary(),
        root_cause: text.root_cause(),
        impact_metrics: impact(text.volume(), stats.as_ref()),
        affected_services: services(stats.as_ref()),
        customer_sentiment: sentiment(&tickets),
        sample_complaints: complaints(&tickets, &scope, stats.as_ref()),
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

/// Where a scope is: ` in platform=android`, or ` everywhere`.
fn within(scope: &Scope) -> String {
    if scope.is_empty() { " everywhere".to_owned() } else { format!(" in {}", name(scope)) }
}

/// A metric at the beginning of a sentence.
fn metric(name: &str) -> &str {
    match name {
        "tickets" => "Tickets",
        "dau" => "Daily users",
        other => other,
    }
}

/// A number of tickets or users as people read it: below ten with a digit more.
fn amount(value: f64) -> String {
    if value == 0.0 || value >= 9.95 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// What was expected instead: `where 3.6 were expected (+643 %)`.
fn expected(value: f64, growth: &str) -> String {
    let value = if value < 0.05 { "none".to_owned() } else { amount(value) };
    format!("where {value} were expected ({growth})")
}

fn event(change: &Deployment) -> String {
    format!("{} {} ({}): {}", change.at, change.id, change.kind, change.title)
}

struct Words<'a> {
    finding: &'a Finding,
    stats: Option<&'a TicketStats>,
    top: Option<&'a Cause>,
    /// Whether the last day is not over, so that it cannot be held against whole days.
    partial: bool,
    /// Whether the agent read the change log.
    saw_log: bool,
    /// Whether it looked at anything else.
    saw_numbers: bool,
}

impl Words<'_> {
    fn moved(&self) -> Option<String> {
        let segment = self.finding.segments.first()?;
        let (name, place) = (metric(&segment.metric), within(&segment.scope));
        Some(match segment.growth()?.as_str() {
            "new" => format!("{name} from nothing{place}"),
            growth => format!("{name} {growth}{place}"),
        })
    }

    fn title(&self) -> String {
        match (self.finding.verdict, self.top) {
            (Verdict::Fault, Some(cause)) => {
                let moved = self.moved().unwrap_or_else(|| format!("Trouble{}", within(&cause.scope)));
                format!("{moved}: {}", plain(&cause.kind))
            }
            _ => match &self.finding.benign {
                Some(benign) => format!("No fault: {}", plain(&benign.kind)),
                None => "No fault found".to_owned(),
            },
        }
    }

    /// A change by its id, title and time; by its id alone where the agent read no more of it.
    fn change(&self, id: &str) -> String {
        match self.finding.events.iter().find(|event| event.id == id) {
            Some(change) => format!("{} (“{}”, {})", change.id, change.title, change.at),
            None => id.to_owned(),
        }
    }

    fn root_cause(&self) -> String {
        match (self.finding.verdict, self.top) {
            (Verdict::Fault, Some(cause)) => {
                let by = match &cause.change {
                    Some(id) => format!(" by {}", self.change(id)),
                    None if self.saw_log => ", with no change in the log that fits".to_owned(),
                    None => String::new(),
                };
                let onset = cause.onset.as_ref().map(|onset| format!(", since {onset}")).unwrap_or_default();
                let kind = plain(&cause.kind);
                format!("{} {kind}{}{by}{onset}.", if begins_with_vowel(kind) { "An" } else { "A" }, within(&cause.scope))
            }
            _ => self.no_fault(),
        }
    }

    fn no_fault(&self) -> String {
        let Some(benign) = &self.finding.benign else {
            let seen = if self.saw_numbers {
                "Nothing is broken; the numbers lie within what chance explains."
            } else {
                "Nothing is blamed; the agent looked at no numbers."
            };
            return seen.to_owned();
        };
        let kind = plain(&benign.kind);
        let change = benign.change.as_ref().map(|id| format!(", {},", self.change(id))).unwrap_or_default();
        if benign.kind == "decoy_deployment" {
            return format!("Nothing is broken; a release{change} did no harm.");
        }
        format!("Nothing is broken; {} {kind}{change} explains the numbers.", if begins_with_vowel(kind) { "an" } else { "a" })
    }

    /// All tickets against what was expected of them, in percent.
    fn volume(&self) -> Option<f64> {
        match &self.finding.total {
            Some(total) => Some(100.0 * (total.current / total.expected - 1.0)),
            None => self.stats.filter(|_| !self.partial)?.volume_increase_pct,
        }
    }

    /// How many tickets arrived.
    fn arrived(&self) -> Option<String> {
        if let Some(total) = &self.finding.total {
            let Range { from, to } = &total.asked;
            let (days, when) = match (from.split_once('T'), to.split_once('T')) {
                (Some((day, from)), Some((last, to))) if day == last => (1.0, format!("on {day} between {from} and {to}")),
                (Some(_), Some(_)) => (1.0, format!("between {from} and {to}")),
                _ if from == to => (1.0, format!("on {from}{}", if self.partial { " so far" } else { "" })),
                _ => (total.recorded, format!("from {from} to {to}")),
            };
            let unit = if days > 1.0 { " tickets a day" } else { " tickets" };
            let expected = expected(total.expected / days, &percent(total.current / total.expected - 1.0));
            return Some(format!("{}{unit} arrived {when}, {expected}.", amount(total.current / days)));
        }
        let stats = self.stats?;
        let (count, date) = (stats.count?, &stats.date);
        Some(match stats.volume_increase_pct.zip(stats.baseline_mean) {
            _ if self.partial => format!("{count} tickets arrived on {date} so far."),
            Some((pct, mean)) => {
                format!(
                    "{count} tickets arrived on {date}, {} against {mean:.0} on an average day of the four weeks before.",
                    percent(pct / 100.0)
                )
            }
            None => format!("{count} tickets arrived on {date}."),
        })
    }

    fn summary(&self) -> String {
        let mut sentences: Vec<String> = self.arrived().into_iter().collect();
        let unit = if self.finding.window.len() > 1 { " a day" } else { "" };
        // Of everything, the first sentence has told.
        let told = |segment: &&AffectedSegment| self.finding.total.is_some() && segment.scope.is_empty() && segment.metric == "tickets";
        for segment in self.finding.segments.iter().filter(|segment| !told(segment)) {
            if let (Some(baseline), Some(current), Some(growth)) = (segment.baseline, segment.current, segment.growth()) {
                let (name, place, expected) = (metric(&segment.metric), within(&segment.scope), expected(baseline, &growth));
                sentences.push(format!("{name}{place}: {}{unit} {expected}.", amount(current)));
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

fn begins_with_vowel(words: &str) -> bool {
    words.starts_with(['a', 'e', 'i', 'o', 'u'])
}

fn impact(volume_increase_pct: Option<f64>, stats: Option<&TicketStats>) -> ImpactMetrics {
    let top = |dimension: &str| stats.and_then(|stats| stats.by.get(dimension)).and_then(|shares| over_represented(shares));
    ImpactMetrics { volume_increase_pct, primary_priority: top("priority"), primary_queue: top("queue"), primary_type: top("type") }
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
    let ranked = shares.iter().filter(|share| has_risen(share, all)).filter_map(|share| Some((excess(share, all)?, share)));
    let risen = ranked.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, share)| share);
    // Of equals the first, as the reply lists them.
    risen.or_else(|| shares.iter().rev().max_by_key(|share| share.count)).map(|share| share.value.clone())
}

/// Whether a share rose beyond chance.
fn has_risen(share: &ShareChange, all: f64) -> bool {
    share.count >= 5 && excess(share, all).is_some_and(|sds| sds > 2.5)
}

/// Values whose share rose beyond chance.
fn risen(shares: &[ShareChange], all: f64) -> impl Iterator<Item = &str> {
    shares.iter().filter(move |share| has_risen(share, all)).map(|share| share.value.as_str())
}

/// Products and queues whose share rose beyond chance.
fn services(stats: Option<&TicketStats>) -> Vec<String> {
    let shares = ["product", "queue"].into_iter().filter_map(|dimension| stats?.by.get(dimension));
    shares.flat_map(|shares| risen(shares, total(shares))).map(str::to_owned).collect()
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

/// A few tickets: those of the scope first, and among them those with a tag that more tickets than usual have.
fn complaints(tickets: &[SampledTicket], scope: &Scope, stats: Option<&TicketStats>) -> Vec<String> {
    let all = stats.and_then(|stats| stats.count).unwrap_or_default() as f64;
    let tags: Vec<&str> = stats.into_iter().flat_map(|stats| risen(&stats.tags, all)).collect();
    let inside = |ticket: &SampledTicket| scope.iter().all(|(dimension, value)| ticket.attributes.get(dimension) == Some(value));
    let tagged = |ticket: &SampledTicket| ticket.tags.iter().any(|tag| tags.contains(&tag.as_str()));
    let mut ordered: Vec<&SampledTicket> = tickets.iter().collect();
    ordered.sort_by_key(|ticket| (!inside(ticket), !tagged(ticket)));
    ordered.into_iter().filter_map(text).take(QUOTED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(value: &str, count: u64, baseline: f64) -> ShareChange {
        ShareChange { value: value.to_owned(), count, share: count as f64 / 200.0, baseline_share: Some(baseline) }
    }

    #[test]
    fn the_value_that_rose_beyond_chance_comes_first_and_else_the_largest() {
        let by_chance = [share("technical", 118, 0.62), share("billing", 60, 0.31), share("sales", 22, 0.07)];
        assert_eq!(over_represented(&by_chance).as_deref(), Some("technical"));
        let risen = [share("technical", 80, 0.62), share("billing", 60, 0.31), share("sales", 60, 0.07)];
        assert_eq!(over_represented(&risen).as_deref(), Some("sales"));
    }
}
