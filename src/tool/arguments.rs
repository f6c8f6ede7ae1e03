//! What arguments of several tools have in common: reading them, and the schema of the types that read them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value;

use super::rejection::Rejection;

/// Dimension → value, or values of which any will do.
pub(super) type Filters = BTreeMap<String, Wanted>;

/// A value, or several of which any will do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a filter is a value or a list of values, as strings")]
pub(super) enum Wanted {
    /// One value.
    One(String),
    /// Any of these values.
    Any(Vec<String>),
}

/// Filters as lists.
pub(super) fn lists(filters: &Filters) -> impl Iterator<Item = (&String, Vec<String>)> {
    filters.iter().map(|(name, wanted)| match wanted {
        Wanted::One(value) => (name, vec![value.clone()]),
        Wanted::Any(values) => (name, values.clone()),
    })
}

/// Arguments of a tool, or why they are none.
pub(super) fn read<'a, T: Deserialize<'a> + JsonSchema>(arguments: &'a Value) -> Result<T, Rejection> {
    T::deserialize(arguments).map_err(|error| Rejection::new(format!("bad arguments: {error}")).hint(usage(&schema::<T>())))
}

/// The JSON Schema of a type, without references.
pub(super) fn schema<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.into()
}

/// `arguments: metric, range, filters?`
fn usage(schema: &Value) -> String {
    let required: Vec<&str> =
        schema["required"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let optional = schema["properties"].as_object().into_iter().flat_map(|properties| properties.keys());
    let optional = optional.filter(|name| !required.contains(&name.as_str())).map(|name| format!("{name}?"));
    let names: Vec<String> = required.iter().map(|&name| name.to_owned()).chain(optional).collect();
    format!("arguments: {}", names.join(", "))
}
