//! `submit_report`: the tool that ends an investigation. Its reading checks every name, every day and every number against the archive and
//! the recorded calls, and says what is wrong where.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

pub(in crate::agent) use super::offered::offer;
use super::offered::{dimensions, schema};
use super::schema::{Problem, violations};
use super::settings::SchemaMode;
use crate::agent::report::{
    AffectedSegment, Benign, Cause, Evidence, ImpactMetrics, IncidentReport, Sentiment, SupportingData, Verdict, is_stated,
};
use crate::name::nearest;
use crate::tool::reply::{Range, Scope};
use crate::tool::{Call, Desk, ToolReply};

/// What the model calls it.
pub(in crate::agent) const SUBMIT: &str = "submit_report";

#[derive(Deserialize)]
struct Submitted {
    verdict: Verdict,
    causes: Vec<Claim>,
    benign: Option<Benign>,
    confidence: f64,
    evidence: Vec<Cited>,
    title: String,
    executive_summary: String,
    root_cause: String,
    affected_services: Vec<String>,
    correlated_events: Vec<String>,
    customer_sentiment: Sentiment,
    sample_complaints: Vec<String>,
    recommendations: Vec<String>,
}

#[derive(Deserialize)]
struct Claim {
    kind: String,
    change: Option<String>,
    scope: Vec<Condition>,
    onset: Option<String>,
    confidence: f64,
    acts: bool,
}

#[derive(Deserialize)]
struct Condition {
    dimension: String,
    value: String,
}

#[derive(Deserialize)]
struct Cited {
    call: String,
    field: String,
    value: f64,
}

/// Reads a report, or says everything that is wrong with it.
pub(in crate::agent) fn read(desk: &Desk<'_>, mode: SchemaMode, arguments: &Value) -> Result<IncidentReport, Vec<Problem>> {
    let dimensions = dimensions(desk);
    let problems = violations(&schema(&dimensions, mode, None), arguments);
    if !problems.is_empty() {
        return Err(problems);
    }
    let submitted = Submitted::deserialize(arguments).map_err(|error| vec![Problem::new("", error.to_string())])?;
    let reading = Reading { desk, dimensions: &dimensions };
    let problems = reading.problems(&submitted);
    if problems.is_empty() { Ok(reading.report(submitted)) } else { Err(problems) }
}

struct Reading<'a, 'd> {
    desk: &'a Desk<'d>,
    dimensions: &'a BTreeMap<String, Vec<String>>,
}

impl Reading<'_, '_> {
    fn problems(&self, submitted: &Submitted) -> Vec<Problem> {
        let mut found = Vec::new();
        if submitted.verdict == Verdict::Fault && submitted.causes.is_empty() {
            found.push(Problem::new("/causes", "the verdict is fault, but no cause is named"));
        }
        if !(0.0..=1.0).contains(&submitted.confidence) {
            found.push(Problem::new("/confidence", format!("{} is not between 0 and 1", submitted.confidence)));
        }
        for (at, cause) in submitted.causes.iter().enumerate() {
            self.cause(cause, &format!("/causes/{at}"), &mut found);
        }
        if let Some(change) = submitted.benign.as_ref().and_then(|benign| benign.change.as_deref()) {
            found.extend(self.change(change, "/benign/change"));
        }
        for (at, cited) in submitted.evidence.iter().enumerate() {
            found.extend(self.cited(cited, &format!("/evidence/{at}")));
        }
        found
    }

    fn cause(&self, cause: &Claim, path: &str, found: &mut Vec<Problem>) {
        if !(0.0..=1.0).contains(&cause.confidence) {
            found.push(Problem::new(format!("{path}/confidence"), format!("{} is not between 0 and 1", cause.confidence)));
        }
        if let Some(change) = &cause.change {
            found.extend(self.change(change, &format!("{path}/change")));
        }
        if let Some(onset) = &cause.onset {
            match onset.get(..10).and_then(|day| day.parse::<Date>().ok()) {
                None => {
                    found.push(Problem::new(format!("{path}/onset"), format!("`{onset}` is not a day")).hint(Some("YYYY-MM-DD".to_owned())))
                }
                Some(day) if day > self.desk.now().date() => {
                    found.push(Problem::new(format!("{path}/onset"), format!("{day} lies after now, {}", self.desk.now().datetime())));
                }
                Some(_) => {}
            }
        }
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (at, condition) in cause.scope.iter().enumerate() {
            let path = format!("{path}/scope/{at}");
            found.extend(self.condition(condition, &path));
            if let Some(before) = seen.insert(&condition.dimension, &condition.value)
                && before != condition.value
            {
                let message = format!("`{}` is said to be both {before} and {}", condition.dimension, condition.value);
                found.push(Problem::new(path, message).hint(Some("name two causes, or leave the dimension out".to_owned())));
            }
        }
    }

    fn condition(&self, condition: &Condition, path: &str) -> Option<Problem> {
        let Some(values) = self.dimensions.get(&condition.dimension) else {
            let known: Vec<&str> = self.dimensions.keys().map(String::as_str).collect();
            let hint = nearest(&condition.dimension, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
            let message = format!("unknown dimension `{}`, known: {}", condition.dimension, known.join(", "));
            return Some(Problem::new(format!("{path}/dimension"), message).hint(hint));
        };
        if values.contains(&condition.value) {
            return None;
        }
        let elsewhere = self
            .dimensions
            .iter()
            .find(|(_, values)| values.contains(&condition.value))
            .map(|(name, _)| format!("it is a value of `{name}`"));
        let near = || nearest(&condition.value, values.iter().map(String::as_str)).map(|name| format!("did you mean `{name}`?"));
        let listed: Vec<&str> = values.iter().take(30).map(String::as_str).collect();
        let message = format!("`{}` has no value `{}`, known: {}", condition.dimension, condition.value, listed.join(", "));
        Some(Problem::new(format!("{path}/value"), message).hint(elsewhere.or_else(near)))
    }

    fn change(&self, id: &str, path: &str) -> Option<Problem> {
        let changes = self.desk.seen().changes();
        if changes.iter().any(|change| change.id == id) {
            return None;
        }
        let hint = nearest(id, changes.iter().map(|change| change.id.as_str())).map(|name| format!("did you mean `{name}`?"));
        let hint = hint.or_else(|| Some("check_deployments lists the ids; null where no change did it".to_owned()));
        Some(Problem::new(path, format!("no change `{id}` in the log up to now")).hint(hint))
    }

    fn cited(&self, cited: &Cited, path: &str) -> Option<Problem> {
        let calls = self.desk.calls();
        let Some(call) = calls.iter().find(|call| call.id == cited.call) else {
            let known: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
            return Some(Problem::new(format!("{path}/call"), format!("no call `{}`, there were: {}", cited.call, known.join(", "))));
        };
        let ToolReply::Data(reply) = &call.reply else {
            return Some(Problem::new(format!("{path}/call"), format!("{} was rejected and says nothing", cited.call)));
        };
        match at(reply, &cited.field) {
            Some(found) if is_stated(cited.value, found) => None,
            Some(found) => {
                let message = format!("{} says {found} at `{}`, not {}", cited.call, cited.field, cited.value);
                Some(Problem::new(format!("{path}/value"), message))
            }
            None => {
                let hint = path_of(reply, cited.value).map(|found| format!("{} stands at `{found}`", cited.value));
                Some(Problem::new(format!("{path}/field"), format!("no number stands at `{}` in {}", cited.field, cited.call)).hint(hint))
            }
        }
    }

    fn report(&self, submitted: Submitted) -> IncidentReport {
        let ranking: Vec<Cause> = submitted.causes.iter().map(Claim::cause).collect();
        let acting: Vec<Cause> = submitted.causes.iter().filter(|claim| claim.acts).map(Claim::cause).collect();
        let claimed = if acting.is_empty() { ranking.first().cloned().into_iter().collect() } else { acting };
        let calls = self.desk.calls();
        let evidence = submitted.evidence.iter().filter_map(|cited| evidence(cited, calls)).collect();
        IncidentReport {
            verdict: submitted.verdict,
            claimed: if submitted.verdict == Verdict::Fault { claimed } else { Vec::new() },
            ranking,
            benign: submitted.benign,
            confidence: submitted.confidence,
            evidence,
            title: submitted.title,
            executive_summary: submitted.executive_summary,
            root_cause: submitted.root_cause,
            impact_metrics: impact(calls),
            affected_services: submitted.affected_services,
            affected_segments: segments(calls, &submitted.evidence),
            correlated_events: submitted.correlated_events,
            customer_sentiment: submitted.customer_sentiment,
            sample_complaints: submitted.sample_complaints,
            recommendations: submitted.recommendations,
            confidence_score: submitted.confidence,
            supporting_data: SupportingData::default(),
        }
    }
}

impl Claim {
    fn cause(&self) -> Cause {
        Cause {
            kind: self.kind.clone(),
            change: self.change.clone(),
            scope: self.scope.iter().map(|condition| (condition.dimension.clone(), condition.value.clone())).collect(),
            onset: self.onset.clone(),
            confidence: self.confidence,
        }
    }
}

/// What a cited number is about, read from the call and never from the model.
fn evidence(cited: &Cited, calls: &[Call]) -> Option<Evidence> {
    let call = calls.iter().find(|call| call.id == cited.call)?;
    let ToolReply::Data(reply) = &call.reply else { return None };
    Some(Evidence {
        call: cited.call.clone(),
        field: cited.field.clone(),
        scope: about(call, reply, &cited.field),
        window: window(reply)?,
        value: cited.value,
    })
}

/// The filters of a call, and the value of its dimension that a path leads through.
fn about(call: &Call, reply: &Value, field: &str) -> Scope {
    let mut scope: Scope = [].into();
    for filters in ["filters", "treatment_filters"] {
        for (dimension, value) in call.arguments[filters].as_object().into_iter().flatten() {
            if let Some(value) = value.as_str() {
                scope.insert(dimension.clone(), value.to_owned());
            }
        }
    }
    let parts: Vec<&str> = field.split('.').collect();
    match parts.as_slice() {
        ["segments" | "unchanged", at, ..] => {
            let value = reply[parts[0]][at.parse::<usize>().unwrap_or(usize::MAX)]["value"].as_str();
            if let (Some(dimension), Some(value)) = (reply["dimension"].as_str(), value) {
                scope.insert(dimension.to_owned(), value.to_owned());
            }
        }
        ["groups", at, ..] => {
            let group = reply["groups"][at.parse::<usize>().unwrap_or(usize::MAX)]["group"].as_object();
            scope.extend(group.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))));
        }
        ["by", dimension, at, ..] => {
            if let Some(value) = reply["by"][dimension][at.parse::<usize>().unwrap_or(usize::MAX)]["value"].as_str() {
                scope.insert((*dimension).to_owned(), value.to_owned());
            }
        }
        _ => {}
    }
    scope
}

/// The days a reply is about.
fn window(reply: &Value) -> Option<Range> {
    if let Ok(range) = Range::deserialize(&reply["range"]) {
        return Some(range);
    }
    let day = reply["date"].as_str().or(reply["cohort_date"].as_str())?;
    Some(Range { from: day.to_owned(), to: day.to_owned() })
}

/// How the volume moved: from the last statistics of a day that were asked for.
fn impact(calls: &[Call]) -> ImpactMetrics {
    let Some(stats) = calls.iter().rev().find_map(|call| match &call.reply {
        ToolReply::Data(reply) if call.tool == "fetch_ticket_stats" => Some(reply),
        _ => None,
    }) else {
        return ImpactMetrics::default();
    };
    let top = |dimension: &str| {
        let shares = stats["by"][dimension].as_array()?;
        let rise = |share: &Value| Some(share["share"].as_f64()? - share["baseline_share"].as_f64()?);
        let most = shares.iter().rev().max_by(|a, b| rise(a).unwrap_or(f64::MIN).total_cmp(&rise(b).unwrap_or(f64::MIN)))?;
        Some(most["value"].as_str()?.to_owned())
    };
    ImpactMetrics {
        volume_increase_pct: stats["volume_increase_pct"].as_f64(),
        primary_priority: top("priority"),
        primary_queue: top("queue"),
        primary_type: top("type"),
    }
}

/// The segments whose numbers are cited.
fn segments(calls: &[Call], cited: &[Cited]) -> Vec<AffectedSegment> {
    let mut found: Vec<AffectedSegment> = Vec::new();
    for cited in cited {
        let Some(call) = calls.iter().find(|call| call.id == cited.call && call.tool == "segment_by_dimension") else { continue };
        let ToolReply::Data(reply) = &call.reply else { continue };
        let parts: Vec<&str> = cited.field.split('.').collect();
        let row = match parts.as_slice() {
            ["total", ..] => &reply["total"],
            [list @ ("segments" | "unchanged"), at, ..] => &reply[*list][at.parse::<usize>().unwrap_or(usize::MAX)],
            _ => continue,
        };
        let segment = AffectedSegment {
            scope: about(call, reply, &cited.field),
            metric: reply["metric"].as_str().unwrap_or_default().to_owned(),
            baseline: row["baseline"].as_f64(),
            current: row["current"].as_f64(),
            change: row["change"].as_f64(),
        };
        if !found.contains(&segment) {
            found.push(segment);
        }
    }
    found
}

/// The number at a path such as `segments.0.change`.
fn at(reply: &Value, path: &str) -> Option<f64> {
    reply.pointer(&format!("/{}", path.replace('.', "/")))?.as_f64()
}

/// Where a number stands in a reply, depth first.
fn path_of(value: &Value, number: f64) -> Option<String> {
    let below = |name: &str, inner: &Value| match inner {
        Value::Number(_) => (inner.as_f64() == Some(number)).then(|| name.to_owned()),
        _ => path_of(inner, number).map(|rest| format!("{name}.{rest}")),
    };
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, inner)| below(name, inner)),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, inner)| below(&at.to_string(), inner)),
        _ => None,
    }
}
