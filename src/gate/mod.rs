//! The gate: holds a run to the rules of its suite and to a baseline, and says which files moved.
//!
//! A rule fails on a drop only if the 95 % interval of the paired difference by file lies wholly beyond the tolerance: noise stays green, a
//! real regression does not. A drop that chance could have made is inconclusive, which warns and fails only under `--strict`.

pub mod baseline;
pub mod rule;
pub mod text;
pub mod verdict;

pub use baseline::Baseline;
pub use rule::Rule;
pub use verdict::{Status, Verdict};

use crate::score::Scorecard;
use crate::score::scorecard::{ModelRow, Role};
use crate::suite::{RuleSpec, Suite};

/// The rules of a suite.
///
/// # Errors
/// [`GateError::Rule`] with the number of the first rule that cannot hold a run to anything.
pub fn rules(suite: &Suite) -> Result<Vec<Rule>, GateError> {
    let rule = |(number, written): (usize, &RuleSpec)| {
        Rule::try_from(written.clone()).map_err(|source| GateError::Rule { suite: suite.id.clone(), number: number + 1, source })
    };
    suite.gate.iter().enumerate().map(rule).collect()
}

/// Runs that cannot be compared: exit code 2.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum GateError {
    /// Nothing to hold the run to.
    #[error("the run has no gate rules: add `gate:` to its suite file and run it again")]
    NoRules,
    /// A rule speaks of a drop and there is nothing to drop from.
    #[error("a rule has `max_drop` and there is no baseline for `{suite}`: make one with `harness bless RUN`")]
    NoBaseline {
        /// The suite.
        suite: String,
    },
    /// A rule that cannot hold a run to anything.
    #[error("suite `{suite}`, gate rule {number}: {source}")]
    Rule {
        /// The suite.
        suite: String,
        /// The rule, from 1.
        number: usize,
        /// What is wrong with it.
        source: rule::RuleError,
    },
    /// Other files, seeds or settings.
    #[error("this run cannot be compared with the baseline: {}; bless a new baseline if that is meant", .0.join("; "))]
    NotComparable(Vec<String>),
}

/// Holds a scorecard to rules; one verdict per rule and matching row, in the order of both.
///
/// # Errors
/// [`GateError`] when there are no rules, or a rule needs a baseline that is absent or of another basis.
pub fn check(card: &Scorecard, baseline: Option<&Baseline>, rules: &[Rule]) -> Result<Vec<Verdict>, GateError> {
    if rules.is_empty() {
        return Err(GateError::NoRules);
    }
    let differences = baseline.map_or_else(Vec::new, |baseline| baseline::differences(&baseline.basis, &card.basis));
    if rules.iter().any(|rule| rule.max_drop.is_some()) {
        if baseline.is_none() {
            return Err(GateError::NoBaseline { suite: card.basis.suite.clone() });
        }
        if !differences.is_empty() {
            return Err(GateError::NotComparable(differences));
        }
    }
    // Limits alone need no baseline; the numbers of one that cannot be compared are not shown beside them.
    let baseline = baseline.filter(|_| differences.is_empty());
    Ok(rules.iter().flat_map(|rule| verdicts(card, baseline, rule)).collect())
}

/// 0 when every rule passed (or is inconclusive and `strict` is off), else 1.
#[must_use]
pub fn exit_code(verdicts: &[Verdict], strict: bool) -> u8 {
    u8::from(verdicts.iter().any(|verdict| verdict.status.fails(strict)))
}

fn verdicts(card: &Scorecard, baseline: Option<&Baseline>, rule: &Rule) -> Vec<Verdict> {
    let matches = |row: &&ModelRow| match &rule.rows.model {
        Some(name) => row.config.name == *name,
        None => row.role == Role::Model,
    };
    let rows: Vec<&ModelRow> = card.models.iter().filter(matches).collect();
    if rows.is_empty() {
        let known: Vec<&str> = card.models.iter().map(|row| row.config.name.as_str()).collect();
        let what = rule.rows.model.as_deref().map_or("any model".to_owned(), |name| format!("`{name}`"));
        return vec![Verdict::matched_nothing(rule, None, format!("the run has no row for {what}, it has: {}", known.join(", ")))];
    }
    let verdict = |row: &&ModelRow| match baseline.and_then(|baseline| baseline.row(&row.config)) {
        None if rule.max_drop.is_some() => {
            let why = format!("the baseline has no row for `{}`: bless a new one", row.config.name);
            Verdict::matched_nothing(rule, Some(&row.config), why)
        }
        before => Verdict::of(rule, row, before),
    };
    rows.iter().map(verdict).collect()
}
