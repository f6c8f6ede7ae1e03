//! The incident report: the part that is scored, and the part people read.

use serde::{Deserialize, Serialize};

use crate::tool::reply::{Range, Scope};

/// Kinds of causes.
pub const CAUSE_KINDS: &[&str] = &[
    "deployment",
    "config_change",
    "segment_outage",
    "dependency_failure",
    "retention_decline",
    "data_pipeline_gap",
    "bot_burst",
    "policy_change",
];

/// Kinds of harmless explanations.
pub const BENIGN_KINDS: &[&str] =
    &["holiday", "campaign", "mix_shift", "slow_growth", "decoy_deployment", "logging_outage", "taxonomy_change"];

/// Whether something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A fault.
    Fault,
    /// No fault: chance, or something harmless.
    NoFault,
    /// Not enough to say.
    Unsure,
}

/// A cause that an agent names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// One of [`CAUSE_KINDS`].
    pub kind: String,
    /// The change that did it; absent: none.
    #[serde(default)]
    pub change: Option<String>,
    /// Dimension → value; empty: everything.
    #[serde(default)]
    pub scope: Scope,
    /// Day it began.
    #[serde(default)]
    pub onset: Option<String>,
    /// In 0..=1.
    pub confidence: f64,
}

/// A harmless explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benign {
    /// One of [`BENIGN_KINDS`].
    pub kind: String,
    /// The change that stands in the log for it, if one does.
    #[serde(default)]
    pub change: Option<String>,
}

/// A number that a recorded call said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Id of the call.
    pub call: String,
    /// Path in its reply, for example `segments.0.change`.
    pub field: String,
    /// What the number is about.
    #[serde(default)]
    pub scope: Scope,
    /// When.
    pub window: Range,
    /// The number.
    pub value: f64,
}

/// Values this near, relative to the larger, are the same.
const RELATIVE: f64 = 1e-6;

/// Whether a number says what stands in a reply: equal, or equal to the digits stated, of which there must be two: a lone `0` or `1` would round
/// half of all numbers to itself.
#[must_use]
pub fn is_stated(stated: f64, found: f64) -> bool {
    if (stated - found).abs() <= RELATIVE * stated.abs().max(found.abs()) {
        return true;
    }
    let digits = format!("{}", stated.abs());
    let significant = digits.chars().filter(char::is_ascii_digit).skip_while(|digit| *digit == '0').count();
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    significant >= 2 && (stated - found).abs() <= 0.5 * 10_f64.powi(-i32::try_from(decimals).unwrap_or(i32::MAX)) * (1.0 + RELATIVE)
}

/// How the volume moved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactMetrics {
    /// All tickets against what was expected of the days looked at, in percent; absent where only part of a day can be compared with whole
    /// days.
    #[serde(default)]
    pub volume_increase_pct: Option<f64>,
    /// The priority over-represented most.
    #[serde(default)]
    pub primary_priority: Option<String>,
    /// The queue over-represented most.
    #[serde(default)]
    pub primary_queue: Option<String>,
    /// The type over-represented most.
    #[serde(default)]
    pub primary_type: Option<String>,
}

/// A segment that moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffectedSegment {
    /// What it has in common.
    pub scope: Scope,
    /// The metric.
    pub metric: String,
    /// What was expected, per day: from the days before, or of the users there are.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// What was seen, per day.
    #[serde(default)]
    pub current: Option<f64>,
    /// `current / baseline − 1`; absent where nothing was expected.
    #[serde(default)]
    pub change: Option<f64>,
}

impl AffectedSegment {
    /// The change as people say it: percents, times from tenfold on, and new where next to nothing was expected.
    #[must_use]
    pub fn growth(&self) -> Option<String> {
        let new = self.baseline == Some(0.0) && self.current.is_some_and(|current| current > 0.0);
        match self.change.map(|change| 1.0 + change) {
            None => new.then(|| "new".to_owned()),
            Some(times) if times >= 1000.0 => Some("new".to_owned()),
            Some(times) if times >= 10.0 => Some(format!("×{times:.0}")),
            Some(times) => Some(percent(times - 1.0)),
        }
    }
}

/// A relative change in percent, with its sign.
pub(super) fn percent(change: f64) -> String {
    // Adding zero turns −0 into 0.
    format!("{:+.0} %", (100.0 * change).round() + 0.0)
}

/// How customers sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sentiment {
    /// Angry or desperate.
    Negative,
    /// Neither.
    Neutral,
    /// Pleased.
    Positive,
    /// No text was seen.
    Unknown,
}

/// Computed from the trajectory, never generated by a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupportingData {
    /// Calls made.
    pub calls: usize,
    /// Calls that were rejected.
    pub rejected: usize,
    /// Calls per tool, by name.
    pub tools: std::collections::BTreeMap<String, usize>,
    /// Evidence items whose value the cited reply holds.
    pub grounded: usize,
}

/// What an investigation concludes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentReport {
    /// Whether something is wrong.
    pub verdict: Verdict,
    /// Alternatives, best first: for top-k and MRR.
    pub ranking: Vec<Cause>,
    /// Causes said to act together; usually the first of the ranking alone.
    pub claimed: Vec<Cause>,
    /// The harmless explanation, if that is what it is.
    #[serde(default)]
    pub benign: Option<Benign>,
    /// In 0..=1: how sure of the verdict and the top cause.
    pub confidence: f64,
    /// Numbers that support the top cause.
    pub evidence: Vec<Evidence>,
    /// One line.
    pub title: String,
    /// A paragraph for a manager.
    pub executive_summary: String,
    /// The cause in words.
    pub root_cause: String,
    /// How the volume moved.
    pub impact_metrics: ImpactMetrics,
    /// Services over-represented in tickets.
    pub affected_services: Vec<String>,
    /// Segments that moved.
    pub affected_segments: Vec<AffectedSegment>,
    /// Changes near the onset, one line each.
    pub correlated_events: Vec<String>,
    /// How customers sound.
    pub customer_sentiment: Sentiment,
    /// A few tickets in their own words.
    pub sample_complaints: Vec<String>,
    /// What to do, by kind of cause.
    pub recommendations: Vec<String>,
    /// `confidence` in words or percent for people, in 0..=1.
    pub confidence_score: f64,
    /// Computed from the trajectory.
    pub supporting_data: SupportingData,
}

#[cfg(test)]
mod tests {
    use super::AffectedSegment;

    fn growth(baseline: f64, current: f64) -> Option<String> {
        let change = (baseline > 0.0).then(|| current / baseline - 1.0);
        let segment =
            AffectedSegment { scope: [].into(), metric: "tickets".to_owned(), baseline: Some(baseline), current: Some(current), change };
        segment.growth()
    }

    #[test]
    fn what_was_next_to_nothing_before_is_new() {
        let of_100 = [75.0, 150.0, 990.0, 1000.0, 12_140.0, 100_000.0].map(|current| growth(100.0, current).expect("a change"));
        assert_eq!(of_100, ["-25 %", "+50 %", "+890 %", "×10", "×121", "new"]);
        assert_eq!(growth(0.0, 220.0).as_deref(), Some("new"));
        assert_eq!(growth(0.0, 0.0), None);
        assert_eq!(growth(1000.0, 999.0).as_deref(), Some("+0 %"));
    }
}
