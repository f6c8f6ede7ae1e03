//! `query_metric`: a metric over a range of days, per day or per group.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{Filters, lists, read, schema};
use super::as_of::Span;
use super::metric::{Cut, Group};
use super::rejection::{Rejection, answer};
use super::reply::{self, DayValue, GroupValue, Range};
use super::summary::over;
use super::{AsOf, Tool, ToolReply};
use crate::seed::Seed;

/// How many groups a reply holds.
const GROUPS: usize = 200;
/// How many dimensions a group may have.
const DIMENSIONS: usize = 4;

/// The tool.
pub(super) struct QueryMetric;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Name of the metric, for example `tickets`.
    metric: String,
    range: Range,
    /// Dimensions to split by; without any, values come per day.
    #[serde(default)]
    group_by: Vec<String>,
    /// Dimension → value, or a list of values of which any will do.
    #[serde(default)]
    filters: Filters,
}

impl Tool for QueryMetric {
    fn name(&self) -> &'static str {
        "query_metric"
    }
    fn about(&self) -> &'static str {
        "A metric per day over a range, or per combination of dimensions: the sum for tickets, the mean per recorded day for others."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, _seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| query(seen, &arguments)))
    }
}

fn query(seen: &AsOf<'_>, arguments: &Arguments) -> Result<reply::QueryMetric, Rejection> {
    check(&arguments.group_by)?;
    let cut = Cut::new(seen, &arguments.metric, arguments.group_by.iter().map(String::as_str), lists(&arguments.filters))?;
    let Span { days, seconds, range } = seen.span(&arguments.range, cut.metric)?;
    let cut = cut.during(seconds);
    let metric = cut.metric;
    let grouped = !arguments.group_by.is_empty();
    let (total, groups) = if grouped { cut.groups(seen, &days) } else { (cut.total(seen, &days), Vec::new()) };
    let by_day = || days.clone().zip(&total).map(|(day, &cell)| DayValue { date: seen.date(day).to_string(), value: metric.value(cell) });
    let value = |group: &Group| GroupValue { group: cut.scope(&group.codes), value: over(metric, &group.cells) };
    let mut groups: Vec<GroupValue> = groups.iter().map(value).filter(|group| group.value.is_some()).collect();
    groups.sort_by(|a, b| b.value.partial_cmp(&a.value).expect("values are finite").then_with(|| a.group.cmp(&b.group)));
    let omitted = groups.len().saturating_sub(GROUPS);
    groups.truncate(GROUPS);
    Ok(reply::QueryMetric {
        metric: metric.name().to_owned(),
        range,
        days: total.iter().filter(|cell| cell.recorded).count(),
        value: over(metric, &total),
        by_day: if grouped { Vec::new() } else { by_day().collect() },
        groups,
        omitted,
    })
}

fn check(group_by: &[String]) -> Result<(), Rejection> {
    if group_by.len() > DIMENSIONS {
        let why = format!("`group_by` has {} dimensions, at most {DIMENSIONS} are allowed", group_by.len());
        return Err(Rejection::new(why).hint("narrow the others with `filters`"));
    }
    match group_by.iter().enumerate().find(|(i, name)| group_by[..*i].contains(name)) {
        Some((_, name)) => Err(Rejection::new(format!("`group_by` names `{name}` twice"))),
        None => Ok(()),
    }
}
