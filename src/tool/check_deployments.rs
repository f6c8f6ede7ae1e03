//! `check_deployments`: the change log of a range of days.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{read, schema};
use super::rejection::{Rejection, answer};
use super::reply::{CheckDeployments as Reply, Range};
use super::{AsOf, Tool, ToolReply};
use crate::data::Change;
use crate::seed::Seed;

/// The tool.
pub(super) struct CheckDeployments;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    range: Range,
    /// Only changes that touched this platform, or all platforms.
    #[serde(default)]
    platform: Option<String>,
}

impl Tool for CheckDeployments {
    fn name(&self) -> &'static str {
        "check_deployments"
    }
    fn about(&self) -> &'static str {
        "All changes that began in a range, oldest first: deployments, config changes, experiments, campaigns, maintenance, policies."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, _seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| check(seen, &arguments)))
    }
}

fn check(seen: &AsOf<'_>, arguments: &Arguments) -> Result<Reply, Rejection> {
    let (from, to) = seen.dates(&arguments.range)?;
    let changes = seen.changes();
    if let Some(platform) = &arguments.platform {
        let known = platforms(seen, &changes);
        if !known.contains(platform) {
            return Err(Rejection::unknown("platform", platform, known.iter().map(String::as_str)));
        }
    }
    let zone = seen.now().time_zone();
    let within = |change: &Change| (from..=to).contains(&change.at.with_time_zone(zone.clone()).date());
    let touches = |change: &Change| match (&arguments.platform, &change.platform) {
        (Some(asked), Some(touched)) => asked == touched,
        _ => true,
    };
    let changes = changes.into_iter().filter(|change| within(change) && touches(change)).map(|change| seen.entry(change)).collect();
    Ok(Reply { range: Range { from: from.to_string(), to: to.to_string() }, changes })
}

/// Platforms of visible rows and changes, by name.
fn platforms(seen: &AsOf<'_>, changes: &[Change]) -> Vec<String> {
    let of_rows = ["tickets", "dau"].into_iter().flat_map(|metric| seen.dimensions(metric));
    let of_rows = of_rows.filter(|(dimension, _)| dimension == "platform").flat_map(|(_, values)| values);
    let mut known: Vec<String> = of_rows.chain(changes.iter().filter_map(|change| change.platform.clone())).collect();
    known.sort_unstable();
    known.dedup();
    known
}
