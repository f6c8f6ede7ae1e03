//! `segment_by_dimension`: which values of a dimension moved, and how much of the total change each makes up.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{read, schema};
use super::as_of::Span;
use super::metric::{Cell, Cut, Group};
use super::rejection::{Rejection, answer};
use super::reply::{self, Range, Segment};
use super::summary::per_day;
use super::{AsOf, Tool, ToolReply};
use crate::seed::Seed;
use crate::stats::two_samples::mean;

/// The tool.
pub(super) struct SegmentByDimension;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Name of the metric, for example `tickets`.
    metric: String,
    /// The dimension to split by, for example `queue`.
    dimension: String,
    range: Range,
    /// The days to compare with.
    baseline_range: Range,
    /// Values that change by less than this share count as unchanged.
    #[serde(default = "ten_percent")]
    min_change: f64,
    #[serde(default)]
    direction: Direction,
}

/// Which changes to look for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    /// Rises and falls.
    #[default]
    Both,
    /// Rises only.
    Up,
    /// Falls only.
    Down,
}

const fn ten_percent() -> f64 {
    0.10
}

impl Tool for SegmentByDimension {
    fn name(&self) -> &'static str {
        "segment_by_dimension"
    }
    fn about(&self) -> &'static str {
        "Mean per day of every value of a dimension in a range against a baseline range, with its share of the total change."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, _seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| segment(seen, &arguments)))
    }
}

/// Means per day of one value: its own, and what it adds to the total.
#[derive(Clone, Copy, Default)]
struct Level {
    own: Option<f64>,
    added: Option<f64>,
}

fn segment(seen: &AsOf<'_>, arguments: &Arguments) -> Result<reply::SegmentByDimension, Rejection> {
    if !(0.0..=1e6).contains(&arguments.min_change) {
        return Err(
            Rejection::new(format!("`min_change` is {}, it must not be negative", arguments.min_change)).hint("0.10 means ten percent")
        );
    }
    let cut = Cut::new(seen, &arguments.metric, [arguments.dimension.as_str()], [])?;
    let Span { days, seconds, range } = seen.span(&arguments.range, cut.metric)?;
    let before = seen.span(&arguments.baseline_range, cut.metric)?;
    let (total, current) = levels(seen, &cut.during(seconds), &days);
    let (total_before, baseline) = levels(seen, &cut.during(before.seconds), &before.days);
    let baseline_range = before.range;
    let total = compare("all".to_owned(), total_before, total, None);
    let moved = total.current.zip(total.baseline).map(|(current, baseline)| current - baseline);
    let level = |levels: &BTreeMap<u32, Level>, code: u32, empty: Level| levels.get(&code).copied().unwrap_or(empty);
    let (empty_before, empty) = (absent(total.baseline), absent(total.current));
    let all = cut
        .values()
        .into_iter()
        .map(|(value, code)| compare(value.to_owned(), level(&baseline, code, empty_before), level(&current, code, empty), moved));
    let (mut segments, mut unchanged): (Vec<Segment>, Vec<Segment>) =
        all.partition(|segment| counts(segment, arguments.min_change, arguments.direction));
    segments.sort_by(by_contribution);
    unchanged.sort_by(by_contribution);
    let metric = cut.metric.name().to_owned();
    Ok(reply::SegmentByDimension { metric, dimension: arguments.dimension.clone(), range, baseline_range, total, segments, unchanged })
}

/// The total's level, and that of each value with a row.
fn levels(seen: &AsOf<'_>, cut: &Cut<'_>, days: &std::ops::Range<usize>) -> (Level, BTreeMap<u32, Level>) {
    let (total, groups) = cut.groups(seen, days);
    let added = |cells: &[Cell]| {
        let shares: Vec<f64> = cells.iter().zip(&total).filter_map(|(&cell, &total)| cut.metric.share(cell, total)).collect();
        mean(&shares)
    };
    let level = |group: &Group| (group.codes[0], Level { own: per_day(cut.metric, &group.cells), added: added(&group.cells) });
    let levels = groups.iter().map(level).collect();
    (Level { own: per_day(cut.metric, &total), added: None }, levels)
}

/// The level of a value without rows: nothing where the total has a value, missing where it has none.
fn absent(total: Option<f64>) -> Level {
    Level { own: total.map(|_| 0.0), added: total.map(|_| 0.0) }
}

fn compare(value: String, before: Level, now: Level, moved: Option<f64>) -> Segment {
    let change = before.own.filter(|baseline| *baseline != 0.0).zip(now.own).map(|(baseline, current)| current / baseline - 1.0);
    let added = now.added.zip(before.added).map(|(now, before)| now - before);
    let contribution = added.zip(moved.filter(|moved| *moved != 0.0)).map(|(added, moved)| added / moved);
    Segment { value, baseline: before.own, current: now.own, change, contribution }
}

/// Whether a change is large enough; a value that is new rose without bound.
fn counts(segment: &Segment, min_change: f64, direction: Direction) -> bool {
    let change = match (segment.change, segment.baseline, segment.current) {
        (Some(change), _, _) => change,
        (None, Some(_), Some(current)) if current > 0.0 => f64::INFINITY,
        _ => return false,
    };
    let directed = match direction {
        Direction::Both => true,
        Direction::Up => change > 0.0,
        Direction::Down => change < 0.0,
    };
    directed && change.abs() >= min_change
}

/// Largest |contribution| first, then by |change|, then by name.
fn by_contribution(a: &Segment, b: &Segment) -> std::cmp::Ordering {
    let size = |number: Option<f64>| number.map_or(-1.0, f64::abs);
    size(b.contribution)
        .total_cmp(&size(a.contribution))
        .then_with(|| size(b.change).total_cmp(&size(a.change)))
        .then_with(|| a.value.cmp(&b.value))
}
