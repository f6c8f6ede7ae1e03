//! The shapes of tool replies: written by tools, read by agents and by the check of evidence.
//!
//! Dates are civil dates, both ends of a range inclusive. `None` is a missing number, printed as `null`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Dimension → value.
pub type Scope = BTreeMap<String, String>;

/// Days, both ends included; of tickets also the hours between two times of day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// First day, `2023-10-01`, or for tickets a time, `2023-10-01T14:00`.
    pub from: String,
    /// Last day, or a time that is no longer included.
    pub to: String,
}

/// A value on a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayValue {
    /// The day.
    pub date: String,
    /// Its value; missing where nothing was recorded.
    pub value: Option<f64>,
}

/// A value of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupValue {
    /// What the group has in common.
    pub group: Scope,
    /// Over the range: the sum for `tickets`, the mean over recorded days for the others.
    pub value: Option<f64>,
}

/// `query_metric`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryMetric {
    /// The metric.
    pub metric: String,
    /// Days asked for that lie before `now`.
    pub range: Range,
    /// Recorded days in it.
    pub days: usize,
    /// Over the range: the sum for `tickets`, the mean over recorded days for the others.
    pub value: Option<f64>,
    /// Per day; empty when grouped.
    pub by_day: Vec<DayValue>,
    /// Per combination of the dimensions asked for, largest first, at most 200; empty when not grouped.
    pub groups: Vec<GroupValue>,
    /// Groups beyond the 200 largest.
    pub omitted: usize,
}

/// One value of a dimension, before and now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The value of the dimension.
    pub value: String,
    /// Mean per recorded day of the baseline range.
    pub baseline: Option<f64>,
    /// Mean per recorded day of the range.
    pub current: Option<f64>,
    /// `current / baseline − 1`; missing when the baseline is zero or missing.
    pub change: Option<f64>,
    /// Share of the total change that this value makes up (can exceed 1 when others move the other way).
    pub contribution: Option<f64>,
}

/// `segment_by_dimension`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentByDimension {
    /// The metric.
    pub metric: String,
    /// The dimension.
    pub dimension: String,
    /// The range.
    pub range: Range,
    /// The baseline range.
    pub baseline_range: Range,
    /// The total, before and now; its `value` is `all`.
    pub total: Segment,
    /// Values whose |change| reaches `min_change` in the direction asked for, largest |contribution| first.
    pub segments: Vec<Segment>,
    /// Values that changed less.
    pub unchanged: Vec<Segment>,
}

/// One change of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its id in the log.
    pub id: String,
    /// Its kind: deployment, config_change, experiment, campaign, maintenance, policy.
    pub kind: String,
    /// When it began.
    pub at: String,
    /// When it ended, if it has before `now`.
    pub until: Option<String>,
    /// One line for people.
    pub title: String,
    /// The platform it touched; absent: all.
    pub platform: Option<String>,
    /// The version it brought.
    pub version: Option<String>,
    /// Countries it touched; empty: all.
    pub regions: Vec<String>,
    /// Share of users it reached at most.
    pub rollout: f64,
}

/// `check_deployments`: all changes of a range, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckDeployments {
    /// The range.
    pub range: Range,
    /// The changes.
    pub changes: Vec<Deployment>,
}

/// Retention of a cohort after some days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retained {
    /// Days after signup.
    pub day: u32,
    /// Users of the cohort active on that day.
    pub active: Option<u64>,
    /// Their share; missing while that day is not over.
    pub share: Option<f64>,
}

/// `analyze_retention`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalyzeRetention {
    /// The day of signup.
    pub cohort_date: String,
    /// Users who signed up that day and satisfy the filters.
    pub cohort_size: u64,
    /// Per day asked for.
    pub retention: Vec<Retained>,
}

/// `statistical_test`: daily values of two groups over a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatisticalTest {
    /// `welch` or `mann_whitney`.
    pub test: String,
    /// The metric.
    pub metric: String,
    /// The range.
    pub range: Range,
    /// Days with a value, and their mean, in control.
    pub control: Sample,
    /// The same in treatment.
    pub treatment: Sample,
    /// t or U.
    pub statistic: Option<f64>,
    /// Two-sided.
    pub p_value: Option<f64>,
    /// Treatment over control, minus one.
    pub relative_difference: Option<f64>,
}

/// One side of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Days with a value.
    pub n: usize,
    /// Mean.
    pub mean: Option<f64>,
    /// Sample sd.
    pub sd: Option<f64>,
}

/// A share on the day against the baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareChange {
    /// The value of the dimension, or the tag.
    pub value: String,
    /// Tickets on the day.
    pub count: u64,
    /// Share on the day.
    pub share: f64,
    /// Share in the baseline; missing without baseline tickets.
    pub baseline_share: Option<f64>,
}

/// `fetch_ticket_stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketStats {
    /// The day.
    pub date: String,
    /// Tickets on it that arrived before `now`; missing where nothing was recorded.
    pub count: Option<u64>,
    /// Mean per recorded day of the days before.
    pub baseline_mean: Option<f64>,
    /// Their sample sd.
    pub baseline_sd: Option<f64>,
    /// `count / baseline_mean − 1` in percent.
    pub volume_increase_pct: Option<f64>,
    /// Per dimension, values by count on the day, largest first.
    pub by: BTreeMap<String, Vec<ShareChange>>,
    /// Tags by count on the day, largest first.
    pub tags: Vec<ShareChange>,
}

/// A ticket as a person reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampledTicket {
    /// Ticket number.
    pub id: u64,
    /// When it was created.
    pub created_at: String,
    /// Its attributes.
    pub attributes: Scope,
    /// Its tags.
    pub tags: Vec<String>,
    /// Subject line; absent where there are no texts.
    pub subject: Option<String>,
    /// Body.
    pub body: Option<String>,
}

/// `fetch_ticket_samples`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketSamples {
    /// The day.
    pub date: String,
    /// `random`, `recent` or `diverse`.
    pub strategy: String,
    /// Tickets of the day that arrived before `now`.
    pub of: u64,
    /// The sample, oldest first.
    pub tickets: Vec<SampledTicket>,
}
