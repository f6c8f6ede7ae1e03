//! Gate rules: what a suite file says must hold.

use serde::{Deserialize, Serialize};

use crate::name::known_names;
use crate::score::{Better, Metric, Section};
use crate::suite::{RuleSpec, Where};

/// A rule that cannot hold a run to anything.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum RuleError {
    /// No metric has this name.
    #[error("unknown metric `{name}` {known}")]
    UnknownMetric {
        /// What was asked for.
        name: String,
        /// Known names and the nearest one.
        known: String,
    },
    /// There is no limit.
    #[error("the rule on `{metric}` has no limit: give `{limit}`, `max_drop` or both")]
    NoLimit {
        /// The metric.
        metric: &'static str,
        /// The limit that suits it.
        limit: &'static str,
    },
    /// The limit stands on the side that is good.
    #[error("`{got}` on `{metric}`, where {good} is better: use `{expected}`")]
    WrongSide {
        /// The metric.
        metric: &'static str,
        /// The limit given.
        got: &'static str,
        /// Which direction is good.
        good: &'static str,
        /// The limit that suits it.
        expected: &'static str,
    },
    /// A limit that nothing can be compared with.
    #[error("the rule on `{metric}` has `{limit}: {got}`: expected {expected}")]
    BadNumber {
        /// The metric.
        metric: &'static str,
        /// The limit.
        limit: &'static str,
        /// Its value.
        got: f64,
        /// What it must be.
        expected: &'static str,
    },
}

/// One rule, checked when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RuleSpec", into = "RuleSpec")]
pub struct Rule {
    /// What is measured.
    pub metric: MetricName,
    /// On which rows.
    pub rows: Where,
    /// The worst value allowed: a floor where higher is better, a ceiling where lower is. Applies to the number alone.
    pub limit: Option<f64>,
    /// How much worse than the baseline it may be.
    pub max_drop: Option<f64>,
}

/// The name of a metric that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MetricName(String);

impl MetricName {
    /// The row of the registry.
    #[must_use]
    pub fn metric(&self) -> &'static Metric {
        Metric::named(&self.0).expect("checked when the name was read")
    }
}

impl TryFrom<String> for MetricName {
    type Error = RuleError;
    fn try_from(name: String) -> Result<Self, RuleError> {
        match Metric::named(&name) {
            Some(_) => Ok(Self(name)),
            None => {
                let known = known_names(&name, Section::ALL.into_iter().flat_map(Section::metrics).map(|metric| metric.name));
                Err(RuleError::UnknownMetric { name, known })
            }
        }
    }
}

impl From<MetricName> for String {
    fn from(name: MetricName) -> Self {
        name.0
    }
}

/// The key of the limit that suits a metric.
#[must_use]
pub const fn limit_key(better: Better) -> &'static str {
    match better {
        Better::Higher => "min",
        Better::Lower => "max",
    }
}

impl TryFrom<RuleSpec> for Rule {
    type Error = RuleError;

    fn try_from(written: RuleSpec) -> Result<Self, RuleError> {
        let name = MetricName::try_from(written.metric)?;
        let Metric { name: metric, better, .. } = *name.metric();
        let expected = limit_key(better);
        let (limit, wrong) = match better {
            Better::Higher => (written.min, written.max.map(|_| ("max", "more"))),
            Better::Lower => (written.max, written.min.map(|_| ("min", "less"))),
        };
        if let Some((got, good)) = wrong {
            return Err(RuleError::WrongSide { metric, got, good, expected });
        }
        if limit.is_none() && written.max_drop.is_none() {
            return Err(RuleError::NoLimit { metric, limit: expected });
        }
        if let Some(got) = limit.filter(|limit| !limit.is_finite()) {
            return Err(RuleError::BadNumber { metric, limit: expected, got, expected: "a finite number" });
        }
        if let Some(got) = written.max_drop.filter(|drop| !(drop.is_finite() && *drop >= 0.0)) {
            return Err(RuleError::BadNumber { metric, limit: "max_drop", got, expected: "zero or a positive number" });
        }
        Ok(Self { metric: name, rows: written.rows, limit, max_drop: written.max_drop })
    }
}

impl From<Rule> for RuleSpec {
    fn from(rule: Rule) -> Self {
        let (min, max) = match rule.metric.metric().better {
            Better::Higher => (rule.limit, None),
            Better::Lower => (None, rule.limit),
        };
        Self { metric: rule.metric.into(), rows: rule.rows, min, max, max_drop: rule.max_drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Rule, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn a_rule_reads_as_it_is_written() {
        let rule = read("{metric: event_f1, where: {model: lgbm}, min: 0.5, max_drop: 0.02}").expect("a valid rule");
        assert_eq!((rule.rows.model.as_deref(), rule.limit, rule.max_drop), (Some("lgbm"), Some(0.5), Some(0.02)));
        let json = serde_json::to_string(&rule).expect("JSON");
        assert_eq!(json, r#"{"metric":"event_f1","where":{"model":"lgbm"},"min":0.5,"max_drop":0.02}"#);
    }

    #[test]
    fn mistakes_are_named_with_a_way_out() {
        for (yaml, expected) in [
            ("{metric: event_f2, min: 0.5}", "did you mean `event_f1`?"),
            ("{metric: event_f1}", "give `min`, `max_drop` or both"),
            ("{metric: false_pages_per_100d, min: 1}", "where less is better: use `max`"),
            ("{metric: event_f1, max: 1}", "where more is better: use `min`"),
            ("{metric: event_f1, max_drop: -0.1}", "expected zero or a positive number"),
            ("{metric: event_f1, maxdrop: 0.1}", "unknown field"),
            ("{metric: event_f1, where: {modell: lgbm}, min: 0.1}", "unknown field"),
        ] {
            let error = read(yaml).expect_err(yaml);
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }
}
