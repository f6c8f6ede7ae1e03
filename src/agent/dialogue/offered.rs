//! `submit_report` as it is offered: a schema that names what the archive holds.
//!
//! Servers that make a grammar of a schema write nothing that it does not allow. For them it is as tight as it can be: a scope pairs dimensions
//! with their own values, calls and changes are those that replies have shown so far. Other servers get lists of names and words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde_json::{Value, json};

use super::settings::SchemaMode;
use super::submit::SUBMIT;
use crate::agent::report::{BENIGN_KINDS, CAUSE_KINDS};
use crate::chat::Offer;
use crate::tool::{Desk, ToolReply};

/// Most values that are listed. Providers limit how many names a strict schema may hold; beyond that the reading alone checks them.
const LISTED: usize = 250;

/// What a report can speak of at a desk right now.
pub(super) struct Held {
    /// First and last day of the data.
    days: Option<(Date, Date)>,
    /// Calls whose replies hold something.
    calls: Vec<String>,
    /// Changes that replies have shown.
    changes: BTreeSet<String>,
}

impl Held {
    fn at(desk: &Desk<'_>) -> Self {
        let replies = desk.calls().iter().filter_map(|call| match &call.reply {
            ToolReply::Data(reply) => Some((call, reply)),
            ToolReply::Rejected { .. } => None,
        });
        let (mut calls, mut changes) = (Vec::new(), BTreeSet::new());
        for (call, reply) in replies {
            calls.push(call.id.clone());
            if call.tool == "check_deployments" {
                let ids = reply["changes"].as_array().into_iter().flatten().filter_map(|change| change["id"].as_str());
                changes.extend(ids.map(str::to_owned));
            }
        }
        Self { days: desk.seen().days(), calls, changes }
    }
}

/// The tool as it is offered at a desk.
pub(in crate::agent) fn offer(desk: &Desk<'_>, mode: SchemaMode) -> Offer {
    let held = (mode == SchemaMode::Bounded).then(|| Held::at(desk));
    Offer {
        name: SUBMIT.to_owned(),
        about: "Hand in the incident report. This ends the investigation.".to_owned(),
        schema: schema(&dimensions(desk), mode, held.as_ref()),
        strict: mode == SchemaMode::Strict,
    }
}

/// Dimensions of all metrics with their visible values.
pub(super) fn dimensions(desk: &Desk<'_>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for metric in desk.metrics() {
        for (dimension, values) in desk.dimensions(&metric) {
            all.entry(dimension).or_default().extend(values);
        }
    }
    for values in all.values_mut() {
        values.sort_unstable();
        values.dedup();
    }
    all
}

/// The schema of the report: every field required, nothing besides, names from the archive. With `held` it is as tight as a grammar can be;
/// reports are read without it, because the reading says better what is wrong.
pub(super) fn schema(dimensions: &BTreeMap<String, Vec<String>>, mode: SchemaMode, held: Option<&Held>) -> Value {
    let bounded = mode == SchemaMode::Bounded;
    let text = |most: u64, about: &str| match bounded {
        true => json!({"type": "string", "maxLength": most, "description": about}),
        false => json!({"type": "string", "description": about}),
    };
    let list = |items: Value, most: u64, about: &str| match bounded {
        true => json!({"type": "array", "items": items, "maxItems": most, "description": about}),
        false => json!({"type": "array", "items": items, "description": about}),
    };
    // Grammars know no least and no greatest number.
    let confidence = |about: &str| match held {
        Some(_) => json!({"type": "number", "enum": (0..=20).map(|n| f64::from(n) / 20.0).collect::<Vec<_>>(), "description": about}),
        None => json!({"type": "number", "description": about}),
    };
    let change = |about: &str| match held {
        Some(held) if held.changes.is_empty() => json!({"type": "null", "description": "no change has been looked at yet"}),
        Some(held) => or_null(json!({"type": "string", "enum": held.changes, "description": about})),
        None => or_null(text(40, about)),
    };
    let onset = match held.and_then(|held| held.days) {
        Some((first, last)) => json!({"type": "string", "pattern": days(first, last), "description": "day it began, YYYY-MM-DD"}),
        None => text(19, "day it began, YYYY-MM-DD"),
    };
    let condition = match held {
        Some(_) => {
            let pairs = dimensions.iter().map(|(name, values)| {
                let value = if values.len() <= LISTED { json!({"type": "string", "enum": values}) } else { text(60, "a value") };
                object(json!({"dimension": {"type": "string", "enum": [name]}, "value": value}))
            });
            json!({"anyOf": pairs.collect::<Vec<_>>()})
        }
        None => any_condition(dimensions, text),
    };
    let most = if held.is_some() && dimensions.is_empty() { 0 } else { 4 };
    let scope = list(condition, most, "conditions that hold together; empty: everything");
    let cause = object(json!({
        "kind": {"type": "string", "enum": CAUSE_KINDS},
        "change": change("id of the change in the log that did it; null: none"),
        "scope": scope,
        "onset": or_null(onset),
        "confidence": confidence("0 to 1"),
        "acts": {"type": "boolean", "description": "true for the cause you claim, or for several that act together; false for alternatives"},
    }));
    let about = "id of a call of yours whose reply holds the number, such as c3";
    let call = match held.filter(|held| !held.calls.is_empty()) {
        Some(held) => json!({"type": "string", "enum": held.calls, "description": about}),
        None => text(6, about),
    };
    let evidence = object(json!({
        "call": call,
        "field": text(60, "path of the number in that reply, such as segments.0.change"),
        "value": {"type": "number", "description": "the number as it stands there"},
    }));
    let most = if held.is_some_and(|held| held.calls.is_empty()) { 0 } else { 6 };
    object(json!({
        "verdict": {"type": "string", "enum": ["fault", "no_fault", "unsure"]},
        "causes": list(cause, 4, "possible causes, most likely first; empty if there is no fault"),
        "benign": or_null(object(json!({
            "kind": {"type": "string", "enum": BENIGN_KINDS},
            "change": change("id of the change in the log that stands for it; null: none"),
        }))),
        "confidence": confidence("0 to 1: how sure of verdict and first cause"),
        "evidence": list(evidence, most, "numbers from your calls that support the first cause"),
        "title": text(120, "one line"),
        "executive_summary": text(600, "a paragraph for a manager"),
        "root_cause": text(300, "the cause in words"),
        "affected_services": list(text(40, "a product or queue"), 6, "products and queues that suffer"),
        "correlated_events": list(text(120, "a change"), 6, "changes near the onset, one line each"),
        "customer_sentiment": {"type": "string", "enum": ["negative", "neutral", "positive", "unknown"]},
        "sample_complaints": list(text(200, "a ticket's words"), 5, "a few tickets in their own words"),
        "recommendations": list(text(160, "something to do"), 6, "what to do"),
    }))
}

/// A condition of any dimension and any value.
fn any_condition(dimensions: &BTreeMap<String, Vec<String>>, text: impl Fn(u64, &str) -> Value) -> Value {
    let names: Vec<&String> = dimensions.keys().collect();
    let values: BTreeSet<&String> = dimensions.values().flatten().collect();
    let value = if values.len() <= LISTED && !values.is_empty() { json!({"type": "string", "enum": values}) } else { text(60, "a value") };
    let dimension = if names.is_empty() { text(60, "a dimension") } else { json!({"type": "string", "enum": names}) };
    object(json!({"dimension": dimension, "value": value}))
}

fn object(fields: Value) -> Value {
    let required: Vec<String> = fields.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    json!({"type": "object", "properties": fields, "required": required, "additionalProperties": false})
}

fn or_null(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// A pattern of the days in the months of a range: that the 31st exists, and is not to come, the reading checks.
fn days(first: Date, last: Date) -> String {
    let months = |from: i8, to: i8| (from..=to).map(|month| format!("{month:02}")).collect::<Vec<_>>().join("|");
    let years = (first.year()..=last.year()).map(|year| {
        let from = if year == first.year() { first.month() } else { 1 };
        let to = if year == last.year() { last.month() } else { 12 };
        format!("{year}-({})", months(from, to))
    });
    format!("^({})-(0[1-9]|[12][0-9]|3[01])$", years.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::dialogue::schema::violations;

    fn dimensions() -> BTreeMap<String, Vec<String>> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        [("platform".to_owned(), owned(&["android", "ios"])), ("plan".to_owned(), owned(&["free", "pro"]))].into()
    }

    fn held(calls: &[&str], changes: &[&str]) -> Value {
        let day = |text: &str| text.parse().expect("a day");
        let held = Held {
            days: Some((day("2023-11-20"), day("2024-02-03"))),
            calls: calls.iter().map(|id| (*id).to_owned()).collect(),
            changes: changes.iter().map(|id| (*id).to_owned()).collect(),
        };
        schema(&dimensions(), SchemaMode::Bounded, Some(&held))
    }

    #[test]
    fn before_any_call_a_grammar_allows_no_evidence_and_no_change() {
        let schema = held(&[], &[]);
        let fields = &schema["properties"];
        assert_eq!(fields["evidence"]["maxItems"], 0);
        assert_eq!(fields["causes"]["items"]["properties"]["change"]["type"], "null");
    }

    #[test]
    fn a_grammar_allows_the_calls_and_changes_that_replies_have_shown() {
        let schema = held(&["c1", "c3"], &["D-7"]);
        let fields = &schema["properties"];
        assert_eq!(fields["evidence"]["items"]["properties"]["call"]["enum"], json!(["c1", "c3"]));
        assert_eq!(fields["causes"]["items"]["properties"]["change"]["anyOf"][0]["enum"], json!(["D-7"]));
    }

    #[test]
    fn a_grammar_pairs_dimensions_with_their_own_values() {
        let condition = held(&[], &[])["properties"]["causes"]["items"]["properties"]["scope"]["items"].clone();
        assert_eq!(violations(&condition, &json!({"dimension": "platform", "value": "ios"})), []);
        assert!(!violations(&condition, &json!({"dimension": "platform", "value": "pro"})).is_empty());
    }

    #[test]
    fn days_are_those_of_the_months_that_the_data_cover() {
        let onset = held(&[], &[])["properties"]["causes"]["items"]["properties"]["onset"]["anyOf"][0]["pattern"].clone();
        assert_eq!(onset, "^(2023-(11|12)|2024-(01|02))-(0[1-9]|[12][0-9]|3[01])$");
    }

    #[test]
    fn reports_are_read_by_shape_and_length_alone() {
        let read = schema(&dimensions(), SchemaMode::Bounded, None);
        assert_eq!(read["properties"]["confidence"].get("enum"), None);
        assert_eq!(read["properties"]["title"]["maxLength"], 120);
    }
}
