//! JSON Schema, as far as tools and reports use it: every violation with its path, and the nearest name where a name is wrong.
//!
//! Numbers in quotes and the like are not coerced: a model that is scored says what it means. Keywords beyond `type`, `enum`, `anyOf`,
//! `properties`, `required`, `additionalProperties: false`, `items`, `maxItems`, `maxLength`, `minimum` and `maximum` decide nothing.

use serde_json::Value;

use crate::name::nearest;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Problem {
    /// JSON pointer to it; empty: the whole.
    pub(in crate::agent) path: String,
    /// What was got and what is allowed.
    pub(in crate::agent) message: String,
    /// The way out, where there is a likely one.
    pub(in crate::agent) hint: Option<String>,
}

impl Problem {
    pub(in crate::agent) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), hint: None }
    }

    pub(in crate::agent) fn hint(self, hint: Option<String>) -> Self {
        Self { hint, ..self }
    }
}

/// Everything in a value that its schema does not allow, in reading order.
pub(in crate::agent) fn violations(schema: &Value, value: &Value) -> Vec<Problem> {
    let mut found = Vec::new();
    check(schema, value, String::new(), &mut found);
    found
}

/// The JSON pointer to the first text in a value that an error names in backticks.
pub(in crate::agent) fn named(value: &Value, error: &str) -> Option<String> {
    let below = |name: &str, inner: &Value| named(inner, error).map(|rest| format!("/{name}{rest}"));
    match value {
        Value::String(text) => error.contains(&format!("`{text}`")).then(String::new),
        Value::Object(fields) => fields.iter().find_map(|(name, inner)| below(name, inner)),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, inner)| below(&at.to_string(), inner)),
        _ => None,
    }
}

fn check(schema: &Value, value: &Value, path: String, found: &mut Vec<Problem>) {
    if let Some(options) = schema["anyOf"].as_array() {
        return any_of(options, value, path, found);
    }
    let allowed = types(schema);
    let is = |name: &str| name == kind(value) || (name == "number" && value.is_number());
    if !allowed.is_empty() && !allowed.iter().any(|name| is(name)) {
        found.push(Problem::new(path, format!("expected {}, got {}", allowed.join(" or "), shown(value))).hint(quoted(&allowed, value)));
        return;
    }
    if let Some(names) = schema["enum"].as_array() {
        if !names.contains(value) {
            found.push(unknown(names, value, path));
        }
        return;
    }
    match value {
        Value::Object(_) => object(schema, value, &path, found),
        Value::Array(items) => {
            if let Some(most) = schema["maxItems"].as_u64().filter(|&most| items.len() as u64 > most) {
                found.push(Problem::new(path.clone(), format!("{} items, at most {most} are allowed", items.len())));
            }
            if schema["items"].is_object() {
                items.iter().enumerate().for_each(|(at, item)| check(&schema["items"], item, format!("{path}/{at}"), found));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let low = schema["minimum"].as_f64().filter(|&low| number < low);
            let high = schema["maximum"].as_f64().filter(|&high| number > high);
            if let Some(limit) = low.or(high) {
                found.push(Problem::new(path, format!("{number} is {} {limit}", if low.is_some() { "below" } else { "above" })));
            }
        }
        Value::String(text) => {
            if let Some(most) = schema["maxLength"].as_u64().filter(|&most| text.chars().count() as u64 > most) {
                found.push(Problem::new(path, format!("{} characters, at most {most} are allowed", text.chars().count())));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Of several schemas the one whose type fits says what is wrong.
fn any_of(options: &[Value], value: &Value, path: String, found: &mut Vec<Problem>) {
    if options.iter().any(|option| violations(option, value).is_empty()) {
        return;
    }
    match options.iter().find(|option| types(option).iter().any(|name| name == kind(value))) {
        Some(option) => check(option, value, path, found),
        None => {
            let names: Vec<String> = options.iter().flat_map(types).collect();
            found.push(Problem::new(path, format!("expected {}, got {}", names.join(" or "), shown(value))));
        }
    }
}

fn object(schema: &Value, value: &Value, path: &str, found: &mut Vec<Problem>) {
    let (Some(fields), properties) = (value.as_object(), schema["properties"].as_object()) else { return };
    let known = || properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str));
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            found.push(Problem::new(format!("{path}/{name}"), "is missing"));
        }
    }
    for (name, field) in fields {
        match properties.and_then(|properties| properties.get(name)) {
            Some(schema) => check(schema, field, format!("{path}/{name}"), found),
            None if schema["additionalProperties"] == Value::Bool(false) => {
                let hint = nearest(name, known()).map(|name| format!("did you mean `{name}`?"));
                let list: Vec<&str> = known().collect();
                found.push(Problem::new(format!("{path}/{name}"), format!("unknown field, expected {}", list.join(", "))).hint(hint));
            }
            None => {
                if schema["additionalProperties"].is_object() {
                    check(&schema["additionalProperties"], field, format!("{path}/{name}"), found);
                }
            }
        }
    }
}

fn unknown(names: &[Value], value: &Value, path: String) -> Problem {
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    let hint = value.as_str().and_then(|got| nearest(got, names.iter().copied())).map(|name| format!("did you mean `{name}`?"));
    Problem::new(path, format!("{} is not one of {}", shown(value), names.join(", "))).hint(hint)
}

/// A number or list that was written as text.
fn quoted(allowed: &[String], value: &Value) -> Option<String> {
    let inside: Value = serde_json::from_str(value.as_str()?).ok()?;
    allowed
        .iter()
        .any(|name| name == kind(&inside) || (name == "number" && inside.is_number()))
        .then(|| format!("write {inside} without quotes"))
}

fn types(schema: &Value) -> Vec<String> {
    match &schema["type"] {
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A value as an error quotes it.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 { text } else { format!("{}…", text.chars().take(80).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(value: &Value) -> Vec<String> {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["verdict", "confidence"],
            "properties": {
                "verdict": {"enum": ["fault", "no_fault"]},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                "change": {"type": ["string", "null"], "maxLength": 4},
                "benign": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}]},
                "list": {"type": "array", "maxItems": 2, "items": {"type": "integer"}},
            },
        });
        violations(&schema, value)
            .into_iter()
            .map(|problem| {
                format!("{} {}{}", problem.path, problem.message, problem.hint.map(|hint| format!(" ({hint})")).unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn a_value_that_fits_has_no_problem() {
        let value = json!({"verdict": "fault", "confidence": 1, "change": null, "benign": null, "list": [1, 2]});
        assert_eq!(said(&value), Vec::<String>::new());
    }

    #[test]
    fn every_problem_is_told_with_its_path_and_the_nearest_name() {
        let value = json!({"verdict": "falt", "confidence": "0.8", "chnge": 3, "list": [1, 2.5, 3], "benign": {"kind": 1}});
        assert_eq!(
            said(&value),
            [
                "/benign/kind expected string, got 1",
                "/chnge unknown field, expected benign, change, confidence, list, verdict (did you mean `change`?)",
                "/confidence expected number, got \"0.8\" (write 0.8 without quotes)",
                "/list 3 items, at most 2 are allowed",
                "/list/1 expected integer, got 2.5",
                "/verdict \"falt\" is not one of fault, no_fault (did you mean `fault`?)",
            ]
        );
        assert_eq!(said(&json!({"confidence": 1.5})), ["/verdict is missing", "/confidence 1.5 is above 1"]);
        assert_eq!(said(&json!({"verdict": "fault", "confidence": 0, "change": "abcde"})), ["/change 5 characters, at most 4 are allowed"]);
    }
}
