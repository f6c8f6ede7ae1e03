//! A number that was measured, or the reason why there is none. Missing is not zero.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a number is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nothing to find: recall has no denominator.
    NoPositives,
    /// Nothing was raised: precision has no denominator.
    NoAlarms,
    /// Nothing was detected: a delay has no cases.
    NoDetections,
    /// No bucket was observed.
    NoData,
    /// The model has no such operating point.
    NotApplicable,
    /// Every job behind the number failed.
    Failed,
    /// Too few files for an interval.
    TooFewFiles,
}

/// A value, or the reason why there is none. Prints `–` when missing and stays out of means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// A finite number.
    Value(f64),
    /// No number, and why.
    Missing(Why),
}

impl Measured {
    /// `numerator / denominator`, missing for `why` when the denominator is zero.
    #[must_use]
    pub fn ratio(numerator: f64, denominator: f64, why: Why) -> Self {
        if denominator == 0.0 { Self::Missing(why) } else { Self::Value(numerator / denominator) }
    }

    /// The number, if there is one.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing(_) => None,
        }
    }
}

impl fmt::Display for Measured {
    /// Two decimals without a leading zero for shares is the caller's choice: `{:.2}` sets the digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.pad(&format!("{value:.*}", f.precision().unwrap_or(2))),
            Self::Missing(_) => f.pad("–"),
        }
    }
}
