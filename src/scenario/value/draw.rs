//! Values that a seed can draw.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{F64Deserializer, I64Deserializer, StrDeserializer, U64Deserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

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
