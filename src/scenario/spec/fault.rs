//! `faults:` as written.

use serde::{Deserialize, Serialize};

use super::{BotSpec, NumberDraw, OnsetDraw, Shares, SpanDraw, UsageSpec};
use crate::scenario::value::{Pairs, ScopeDraw};
use crate::yaml::Spanned;

/// One item of `faults:`. Each kind has its mechanism in a file of `synth/fault/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultSpec {
    /// A release that breaks something.
    Deployment(Acting),
    /// A setting that breaks something.
    ConfigChange(Acting),
    /// A part of the users cannot work; nothing in the log.
    SegmentOutage(Acting),
    /// Something the product relies on fails; nothing in the log.
    DependencyFailure(Acting),
    /// Records of a scope stop arriving.
    DataPipelineGap(Gap),
    /// A new rule that customers complain about.
    PolicyChange(Acting),
    /// Automated tickets at a constant rate.
    BotBurst(Burst),
    /// Users come back less and less; nothing in the log.
    RetentionDecline(Decline),
}

/// Fields of a fault that scales the tickets of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acting {
    /// When it happens; absent only with `change`.
    pub onset: Option<OnsetDraw>,
    /// The entry of `changes:` that causes it, by id.
    pub change: Option<Spanned<String>>,
    /// From onset to the first tickets; absent: none.
    pub lag: Option<SpanDraw>,
    /// How long it acts; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Its course over that time.
    pub shape: Spanned<Shape>,
    /// Which tickets; absent: all.
    pub scope: Option<ScopeDraw>,
    /// Expected tickets at its height, in multiples of the normal.
    pub multiplier: Option<NumberDraw>,
    /// Shares among the tickets it causes, by dimension.
    #[serde(default)]
    pub attributes: Pairs<Shares>,
    /// Tags of the tickets it causes.
    pub tags: Option<Shares>,
    /// The version that the log shows.
    pub version: Option<Spanned<String>>,
    /// What it does to activity, from its onset on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Spanned<UsageSpec>>,
}

/// Fields of a pipeline gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Whose records; absent: all.
    pub scope: Option<ScopeDraw>,
    /// Share of the records that do not arrive.
    pub loss: NumberDraw,
    /// What it does to activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Spanned<UsageSpec>>,
}

/// Fields of a decline of retention.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decline {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Whose; absent: everyone's.
    pub scope: Option<ScopeDraw>,
    /// Factor on the share of users who come back after seven days.
    pub activity: Spanned<UsageSpec>,
}

/// Fields of a burst.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Where the tickets land; absent: as all tickets do.
    pub scope: Option<ScopeDraw>,
    /// Expected extra tickets per day, at all hours alike.
    pub per_day: NumberDraw,
    /// Shares among them, by dimension.
    #[serde(default)]
    pub attributes: Pairs<Shares>,
    /// Their tags.
    pub tags: Option<Shares>,
    /// The users they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Spanned<BotSpec>>,
}

/// The course of a fault over the time it acts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Up at once, for a short time.
    Spike,
    /// To another level at once.
    Shift,
    /// Linearly up (or down) to its height at the end.
    Ramp,
    /// At once, then fading: e⁻³ of the height is left at the end.
    Transient,
    /// Down at once, for a short time.
    Dip,
    /// The same mean, but the sd of a bucket is this many times the normal.
    Variance(NumberDraw),
    /// The same week, but spread over the weekdays by these seven weights, Monday first.
    Pattern(Spanned<Vec<f64>>),
}

impl FaultSpec {
    /// The key in the file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Deployment(_) => "deployment",
            Self::ConfigChange(_) => "config_change",
            Self::SegmentOutage(_) => "segment_outage",
            Self::DependencyFailure(_) => "dependency_failure",
            Self::DataPipelineGap(_) => "data_pipeline_gap",
            Self::PolicyChange(_) => "policy_change",
            Self::BotBurst(_) => "bot_burst",
            Self::RetentionDecline(_) => "retention_decline",
        }
    }

    /// Whose tickets and activity it touches, as written.
    #[must_use]
    pub const fn scope(&self) -> Option<&ScopeDraw> {
        match self {
            Self::Deployment(fault)
            | Self::ConfigChange(fault)
            | Self::SegmentOutage(fault)
            | Self::DependencyFailure(fault)
            | Self::PolicyChange(fault) => fault.scope.as_ref(),
            Self::DataPipelineGap(fault) => fault.scope.as_ref(),
            Self::BotBurst(fault) => fault.scope.as_ref(),
            Self::RetentionDecline(fault) => fault.scope.as_ref(),
        }
    }
}
