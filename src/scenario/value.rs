//! Values of a scenario file that have more than one notation: draws, times, scopes, ordered maps.
//!
//! None of them is `untagged`: each reads its notation with a visitor of its own, so that errors keep their place in the file.

use std::fmt;
use std::marker::PhantomData;

use jiff::civil::{Date, DateTime};
use serde::de::value::{F64Deserializer, I64Deserializer, StrDeserializer, U64Deserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::time::Span;
use crate::yaml::Spanned;

/// A value, or how each seed draws one: `7`, `{between: [3, 10]}`, `{one_of: [3, 7]}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw<T> {
    /// Always this value.
    Literal(T),
    /// Uniform between two values, both included.
    Between(T, T),
    /// One of several, each as likely.
    OneOf(Vec<T>),
}

impl<T> Draw<T> {
    /// The literal, the two ends, or all choices: what holds for these holds for every draw.
    pub fn extremes(&self) -> Vec<&T> {
        match self {
            Self::Literal(value) => vec![value],
            Self::Between(low, high) => vec![low, high],
            Self::OneOf(values) => values.iter().collect(),
        }
    }

    /// Another type of value, drawn in the same way; `None` when one of the values cannot be converted.
    pub fn try_map<U>(&self, mut convert: impl FnMut(&T) -> Option<U>) -> Option<Draw<U>> {
        Some(match self {
            Self::Literal(value) => Draw::Literal(convert(value)?),
            Self::Between(low, high) => Draw::Between(convert(low)?, convert(high)?),
            Self::OneOf(values) => Draw::OneOf(values.iter().map(convert).collect::<Option<_>>()?),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum DrawKey {
    Between,
    OneOf,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Draw<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DrawVisitor(PhantomData))
    }
}

struct DrawVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for DrawVisitor<T> {
    type Value = Draw<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, `{between: [a, b]}` or `{one_of: [a, b, …]}`")
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        let scalar: I64Deserializer<E> = value.into_deserializer();
        T::deserialize(scalar).map(Draw::Literal)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        let scalar: U64Deserializer<E> = value.into_deserializer();
        T::deserialize(scalar).map(Draw::Literal)
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        let scalar: F64Deserializer<E> = value.into_deserializer();
        T::deserialize(scalar).map(Draw::Literal)
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let scalar: StrDeserializer<'_, E> = value.into_deserializer();
        T::deserialize(scalar).map(Draw::Literal)
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let key: DrawKey = map.next_key()?.ok_or_else(|| M::Error::custom("expected `between` or `one_of`, got an empty map"))?;
        let mut values: Vec<T> = map.next_value()?;
        if map.next_key::<String>()?.is_some() {
            return Err(M::Error::custom("a draw has one key: `between` or `one_of`"));
        }
        match (key, values.len()) {
            (DrawKey::Between, 2) => {
                let high = values.pop().expect("there are two");
                let low = values.pop().expect("there are two");
                Ok(Draw::Between(low, high))
            }
            (DrawKey::Between, n) => Err(M::Error::custom(format!("`between` takes two values, got {n}"))),
            (DrawKey::OneOf, 0) => Err(M::Error::custom("`one_of` has nothing to choose from")),
            (DrawKey::OneOf, _) => Ok(Draw::OneOf(values)),
        }
    }
}

/// A place on the calendar: days or a length of time after the start of test, or a date with or without a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Onset {
    /// `14`: whole days after the start of test; negative before it.
    Days(i64),
    /// `36h`: this long after the start of test.
    After(Span),
    /// `2023-10-05` or `2023-10-05T14:00`, on the clock of the calendar's zone.
    At(DateTime),
}

impl fmt::Display for Onset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}"),
            Self::After(span) => write!(f, "{span}"),
            Self::At(at) if at.time() == jiff::civil::Time::midnight() => write!(f, "{}", at.date()),
            Self::At(at) => write!(f, "{at}"),
        }
    }
}

impl<'de> Deserialize<'de> for Onset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnsetVisitor;
        impl Visitor<'_> for OnsetVisitor {
            type Value = Onset;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("days after the start of test (14), a length of time (36h) or a date (2023-10-05)")
            }
            fn visit_i64<E: Error>(self, days: i64) -> Result<Onset, E> {
                Ok(Onset::Days(days))
            }
            fn visit_u64<E: Error>(self, days: u64) -> Result<Onset, E> {
                i64::try_from(days).map(Onset::Days).map_err(|_| E::custom(format!("{days} days is too long")))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Onset, E> {
                let span = text.parse().map(Onset::After);
                let date = || text.parse::<Date>().map(|date| Onset::At(date.at(0, 0, 0, 0)));
                // `2023-10-05T14:00` also parses as the date alone, so the longer notation goes first.
                let time = || if text.len() > 10 { text.parse::<DateTime>().map(Onset::At) } else { date() };
                span.or_else(|_| time()).map_err(|_| {
                    E::custom(format!(
                        "`{text}` is not a place on the calendar: expected days after the start of test (14), a length of time (36h) or a date (2023-10-05)"
                    ))
                })
            }
        }
        deserializer.deserialize_any(OnsetVisitor)
    }
}

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

/// A watched series: `tickets`, or `tickets: {queue: billing}` for some of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Watch {
    /// Which tickets count; empty: all.
    pub filters: Scope,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WatchKey {
    Tickets,
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
                let WatchKey::Tickets = WatchKey::deserialize(key)?;
                Ok(Watch { filters: Pairs::default() })
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Watch, M::Error> {
                let key: Option<WatchKey> = map.next_key()?;
                key.ok_or_else(|| M::Error::custom("expected `tickets`, got an empty map"))?;
                let filters = map.next_value()?;
                match map.next_key::<String>()? {
                    None => Ok(Watch { filters }),
                    Some(other) => Err(M::Error::custom(format!("`{other}` stands beside `tickets`: start a new list item with `-`"))),
                }
            }
        }
        deserializer.deserialize_any(WatchVisitor)
    }
}
