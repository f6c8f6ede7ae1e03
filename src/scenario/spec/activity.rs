//! `activity:` and what faults and campaigns do to it, as written.

use std::fmt;

use serde::de::value::F64Deserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Attribute, NumberDraw};
use crate::scenario::value::Pairs;
use crate::yaml::Spanned;

/// `activity:`: users and what they do on a normal day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Users who have signed up before the first day.
    pub users: Spanned<u32>,
    /// Expected signups per day; absent: none.
    pub signups: Option<Spanned<f64>>,
    /// The share of a cohort that is active again.
    pub retention: Retention,
    /// Seven weights on that share, Monday first; only their ratios matter.
    pub weekday: Option<Spanned<Vec<f64>>>,
    /// Expected sessions of a user on a day with any, at least 1.
    pub sessions: Spanned<f64>,
    /// Expected events of a session, at least 1.
    pub events: Level,
    /// Dimension → shares among users; dimensions not named keep those of the built-in desk.
    #[serde(default)]
    pub attributes: Pairs<Attribute>,
    /// The share of a release's users that runs it, on its first day, its second, and so on; it stays at the last.
    pub rollout: Option<Spanned<Vec<f64>>>,
}

/// The share of a cohort that is active on a day so long after signup; between these days by the logarithm of 1 + days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The day after.
    pub day_1: Spanned<f64>,
    /// A week after.
    pub day_7: Spanned<f64>,
    /// Thirty days after, and from then on.
    pub day_30: Spanned<f64>,
}

/// A number for all users (`6`), or one for each value of a dimension (`{given: {platform: {web: 4, …}}}`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For all.
    All(f64),
    /// By the value of one dimension.
    Given(Pairs<Pairs<Spanned<f64>>>),
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LevelVisitor)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LevelKey {
    Given,
}

struct LevelVisitor;

impl<'de> Visitor<'de> for LevelVisitor {
    type Value = Level;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or `{given: {dimension: {value: number}}}`")
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Level, E> {
        let scalar: F64Deserializer<E> = value.into_deserializer();
        f64::deserialize(scalar).map(Level::All)
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Level, E> {
        self.visit_f64(value as f64)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Level, E> {
        self.visit_f64(value as f64)
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Level, M::Error> {
        let LevelKey::Given = map.next_key()?.ok_or_else(|| M::Error::custom("expected `given`, got an empty map"))?;
        let given = map.next_value()?;
        match map.next_key::<String>()? {
            None => Ok(Level::Given(given)),
            Some(other) => Err(M::Error::custom(format!("`{other}` stands beside `given`"))),
        }
    }
}

/// What a fault does to the activity of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageSpec {
    /// Sessions in multiples of the normal.
    pub sessions: Option<NumberDraw>,
    /// Factor on the share of users who come back. Of `retention_decline`: on the share that comes back after seven days; it goes on
    /// falling at that pace.
    pub retention: Option<NumberDraw>,
}

/// What a burst adds to activity: users that are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BotSpec {
    /// Accounts, signed up on the first day of the burst.
    pub users: NumberDraw,
    /// Expected sessions of each per day.
    pub sessions: NumberDraw,
    /// Expected events of each of these sessions, at least 1.
    pub events: NumberDraw,
}

/// What a campaign does to the activity of its scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketingSpec {
    /// Signups in multiples of the normal.
    pub signups: Option<NumberDraw>,
    /// Factor on the share of users who are active on a day.
    pub active: Option<NumberDraw>,
}
