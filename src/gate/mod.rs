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

use crate::name::ConfigId;
use crate::score::scorecard::{ModelRow, Role};
use crate::score::skill::role_of_agent;
use crate::score::{Scorecard, Section};
use crate::suite::{RuleSpec, Suite, Where};

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
    let section = rule.metric.metric().section();
    let rows: Vec<&ModelRow> = card.rows(section).iter().filter(|row| is_meant(&rule.rows, section, row)).collect();
    if rows.is_empty() {
        return vec![Verdict::matched_nothing(rule, None, no_row(card, rule, section))];
    }
    let verdict = |row: &&ModelRow| match baseline.and_then(|baseline| baseline.row(section, row)) {
        None if rule.max_drop.is_some() => {
            let why = format!("the baseline has no row for `{}`: bless a new one", row.label());
            Verdict::matched_nothing(rule, Some(row), why)
        }
        before => Verdict::of(rule, row, before),
    };
    rows.iter().map(verdict).collect()
}

/// Whether a rule is about a row. A name that a section has no use for matches nothing, so that a rule cannot hold by mistake.
fn is_meant(rows: &Where, section: Section, row: &ModelRow) -> bool {
    let (model, agent) = match section {
        Section::Detection => (Some(&row.config), None),
        Section::Cause | Section::Injection => (None, Some(&row.config)),
        Section::EndToEnd => (Some(&row.config), row.agent.as_ref()),
    };
    let named = |wanted: &Option<String>, config: Option<&ConfigId>| {
        wanted.as_ref().is_none_or(|wanted| config.is_some_and(|config| config.name == *wanted))
    };
    // Floors and the oracle are held to rules only when they are named: an agent's own name does not mean the floors whose pages it reads.
    let names_floor =
        rows.model.is_some() || rows.agent.as_ref().is_some_and(|name| section.is_of_agents() || role_of_agent(name) == Role::Floor);
    named(&rows.model, model) && named(&rows.agent, agent) && row.trigger == rows.trigger && (names_floor || row.role == Role::Model)
}

fn no_row(card: &Scorecard, rule: &Rule, section: Section) -> String {
    let known: Vec<String> = card
        .rows(section)
        .iter()
        .map(|row| row.trigger.as_ref().map_or_else(|| row.label(), |trigger| format!("{} on {trigger}", row.label())))
        .collect();
    let Where { model, agent, trigger } = &rule.rows;
    let names: Vec<&str> = [model, agent, trigger].into_iter().flatten().map(String::as_str).collect();
    let any = if section.is_of_agents() { "any agent" } else { "any model" };
    let what = if names.is_empty() { any.to_owned() } else { format!("`{}`", names.join(" + ")) };
    if known.is_empty() {
        return format!("the run has no row for {what}, it has none for `{}`", rule.metric.metric().name);
    }
    format!("the run has no row for {what}, it has: {}", known.join(", "))
}
