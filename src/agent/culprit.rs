//! A change of the log as a cause: what kind of fault it would be, and where.

use crate::tool::reply::{Deployment, Scope};

/// The kind of fault that a change would be; campaigns and maintenance are none.
pub(super) fn kind_of(change: &Deployment) -> Option<&'static str> {
    match change.kind.as_str() {
        "deployment" => Some("deployment"),
        "config_change" | "experiment" => Some("config_change"),
        "policy" => Some("policy_change"),
        _ => None,
    }
}

/// What the log says a change touched; several countries cannot be one value and are left out.
pub(super) fn scope_of(change: &Deployment) -> Scope {
    let country = if let [country] = change.regions.as_slice() { Some(country.clone()) } else { None };
    [("platform", change.platform.clone()), ("app_version", change.version.clone()), ("country", country)]
        .into_iter()
        .filter_map(|(dimension, value)| Some((dimension.to_owned(), value?)))
        .collect()
}
