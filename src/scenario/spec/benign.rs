//! `benign:` as written.

use serde::{Deserialize, Serialize};

use super::{MarketingSpec, NumberDraw, OnsetDraw, Shares, SpanDraw};
use crate::scenario::value::ScopeDraw;
use crate::yaml::Spanned;

/// One item of `benign:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BenignSpec {
    /// The public holidays in test.
    Holiday(HolidaySpec),
    /// A campaign, listed in the log, that brings tickets.
    Campaign(Campaign),
    /// Shares of a dimension move, the total stays.
    MixShift(MixShift),
    /// The desk grows.
    SlowGrowth(SlowGrowth),
    /// A release that does nothing.
    DecoyDeployment(Decoy),
    /// Nothing is recorded; listed in the log as maintenance.
    LoggingOutage(Outage),
    /// Tickets of one value are filed under another.
    TaxonomyChange(Taxonomy),
}

/// Fields of `holiday`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidaySpec {
    /// Only the holidays of this name; absent: all in test.
    pub name: Option<Spanned<String>>,
}

/// Fields of `campaign`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long.
    pub duration: SpanDraw,
    /// Whose tickets; absent: all.
    pub scope: Option<ScopeDraw>,
    /// Expected tickets in multiples of the normal.
    pub multiplier: NumberDraw,
    /// What it does to activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Spanned<MarketingSpec>>,
}

/// Fields of `mix_shift`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixShift {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Which dimension.
    pub dimension: Spanned<String>,
    /// The shares from then on.
    pub shares: Shares,
}

/// Fields of `slow_growth`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowGrowth {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long; absent: to the end.
    pub duration: Option<SpanDraw>,
    /// Growth per week as a share of the level at its onset.
    pub per_week: NumberDraw,
}

/// Fields of `decoy_deployment`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoy {
    /// When; absent only with `lag`.
    pub onset: Option<OnsetDraw>,
    /// The first fault begins to act on tickets this long after it; where its release is longer ago, the decoy comes in between.
    pub lag: Option<SpanDraw>,
    /// The platform it touches.
    pub platform: Option<String>,
    /// The version that the log shows.
    pub version: Option<String>,
}

/// Fields of `logging_outage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// When it begins.
    pub onset: OnsetDraw,
    /// How long.
    pub duration: SpanDraw,
}

/// Fields of `taxonomy_change`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taxonomy {
    /// When it begins; it lasts to the end.
    pub onset: OnsetDraw,
    /// Which dimension.
    pub dimension: Spanned<String>,
    /// The value tickets had.
    pub from: Spanned<String>,
    /// The value they get.
    pub to: Spanned<String>,
    /// The share of them that moves; absent: all.
    pub share: Option<NumberDraw>,
}

impl BenignSpec {
    /// The key in the file.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Holiday(_) => "holiday",
            Self::Campaign(_) => "campaign",
            Self::MixShift(_) => "mix_shift",
            Self::SlowGrowth(_) => "slow_growth",
            Self::DecoyDeployment(_) => "decoy_deployment",
            Self::LoggingOutage(_) => "logging_outage",
            Self::TaxonomyChange(_) => "taxonomy_change",
        }
    }
}
