//! Scopes, filters and the ordered maps they are written as.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::yaml::Spanned;

/// A map that keeps its order and the place of its keys.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pairs<V>(pub Vec<(Spanned<String>, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
            type Value = Pairs<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of names")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

/// One value of a dimension or several: `android`, `[android, ios]`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Values(pub Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Spanned::<OneOrMany>::deserialize(deserializer)?;
        Ok(match read.value {
            OneOrMany::One(value) => Self(vec![Spanned::new(value, read.referenced, read.defined)]),
            OneOrMany::Many(values) => Self(values),
        })
    }
}

enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor;
        impl<'de> Visitor<'de> for OneOrManyVisitor {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values; put quotes around what looks like a number or a switch")
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(value.to_owned()))
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<OneOrMany, S::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany::Many(values))
            }
        }
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

/// Dimension → values; all of them must hold.
pub type Scope = Pairs<Values>;

/// A scope, or several to draw from: `{platform: android}`, `{one_of: [{platform: android}, {platform: ios}]}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScopeDraw(pub Vec<Scope>);

impl<'de> Deserialize<'de> for ScopeDraw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScopeVisitor;
        impl<'de> Visitor<'de> for ScopeVisitor {
            type Value = ScopeDraw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of dimensions to values, or `{one_of: [{…}, {…}]}`")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ScopeDraw, M::Error> {
                let mut pairs: Vec<(Spanned<String>, Values)> = Vec::new();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    if key.value == "one_of" && pairs.is_empty() {
                        let choices: Vec<Scope> = map.next_value()?;
                        return match (choices.is_empty(), map.next_key::<String>()?) {
                            (true, _) => Err(M::Error::custom("`one_of` has nothing to choose from")),
                            (_, Some(other)) => Err(M::Error::custom(format!("`{other}` stands beside `one_of`: a draw has one key"))),
                            (false, None) => Ok(ScopeDraw(choices)),
                        };
                    }
                    pairs.push((key, map.next_value()?));
                }
                Ok(ScopeDraw(vec![Pairs(pairs)]))
            }
        }
        deserializer.deserialize_map(ScopeVisitor)
    }
}

/// What a watched series counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Tickets of a bucket.
    Tickets,
    /// Distinct users with a session on the day.
    Dau,
    /// Distinct users with a session on the day or one of the six before.
    Wau,
    /// Events of the day per user with a session on it.
    EventsPerUser,
}

impl Metric {
    /// Its name in files and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Dau => "dau",
            Self::Wau => "wau",
            Self::EventsPerUser => "events_per_user",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_tickets(&self) -> bool {
        *self == Self::Tickets
    }
}

/// A watched series: `tickets`, or `tickets: {queue: billing}` for some of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watch {
    /// What it counts.
    #[serde(skip_serializing_if = "Metric::is_tickets")]
    pub metric: Metric,
    /// Which tickets or users count; empty: all.
    pub filters: Scope,
}

impl<'de> Deserialize<'de> for Watch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WatchVisitor;
        impl<'de> Visitor<'de> for WatchVisitor {
            type Value = Watch;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`tickets` or `tickets: {dimension: value}`")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Watch, E> {
                let key: StrDeserializer<'_, E> = text.into_deserializer();
                Ok(Watch { metric: Metric::deserialize(key)?, filters: Pairs::default() })
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Watch, M::Error> {
                let key: Option<Metric> = map.next_key()?;
                let metric = key.ok_or_else(|| M::Error::custom("expected `tickets`, got an empty map"))?;
                let filters = map.next_value()?;
                match map.next_key::<String>()? {
                    None => Ok(Watch { metric, filters }),
                    Some(other) => {
                        Err(M::Error::custom(format!("`{other}` stands beside `{}`: start a new list item with `-`", metric.name())))
                    }
                }
            }
        }
        deserializer.deserialize_any(WatchVisitor)
    }
}
