//! Places on the calendar.

use std::fmt;

use jiff::civil::{Date, DateTime};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::time::Span;

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
