//! Changes: what people did to the product, as the change log tells it.

use std::fmt;

use jiff::Zoned;
use serde::{Deserialize, Serialize};

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A release of the product.
    Deployment,
    /// A setting changed without a release.
    ConfigChange,
    /// A controlled trial on part of the users.
    Experiment,
    /// A marketing campaign.
    Campaign,
    /// Planned work, for example on the logging pipeline.
    Maintenance,
    /// A rule of the business changed, for example returns or prices.
    Policy,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Deployment => "deployment",
            Self::ConfigChange => "config_change",
            Self::Experiment => "experiment",
            Self::Campaign => "campaign",
            Self::Maintenance => "maintenance",
            Self::Policy => "policy",
        })
    }
}

/// One entry of the change log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its name in the log, for example `chg-4f2a91`: opaque, tells nothing of the scenario.
    pub id: String,
    /// What kind of change.
    pub kind: ChangeKind,
    /// When it began.
    pub at: Zoned,
    /// When it ended, where it has an end (campaign, maintenance).
    pub until: Option<Zoned>,
    /// One line for people.
    pub title: String,
    /// The platform it touched; absent: all.
    pub platform: Option<String>,
    /// The version it brought.
    pub version: Option<String>,
    /// The countries it touched; empty: all.
    pub regions: Vec<String>,
    /// The share of users it reached at most, in 0..=1.
    pub rollout: f64,
}
