//! The search for scopes on one metric: single values, then pairs and triples of the most promising dimensions, then a descent to the
//! scope whose siblings are all quiet.
//!
//! Values of a symptom (queue, product, …) often show the excess most without being where it comes from, so the best likelihood alone
//! would describe the tickets and not the cause. What decides is whether the rest of each condition stayed as it was.

use super::super::Halt;
use super::super::likelihood::{Cell, alone, factor, scaled};
use super::super::look::Look;
use super::counts::{Counts, LAYER, VERSION, one};
use crate::tool::reply::Scope;

/// A scope has at most so many conditions.
pub(super) const DEEPEST: usize = 3;
/// Dimensions that pairs are made of.
const PAIRED: usize = 4;
/// Pairs that a third condition is tried on.
const TRIPLED: usize = 2;
/// What a ticket is about rather than who wrote it: such a condition must be clearer than one on users.
pub(super) const SYMPTOMS: [&str; 3] = ["queue", "language", "product"];

/// A scope that may have moved.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) scope: Scope,
    pub(super) cell: Cell,
    /// Log likelihood ratio less what its conditions cost.
    pub(super) score: f64,
}

/// Scopes that may have moved, best first, at least one: everything.
pub(super) fn candidates(counts: &mut Counts, look: &mut Look<'_, '_>, wanted: &[&str]) -> Result<Vec<Candidate>, Halt> {
    let all = counts.volume.all;
    let mut found = vec![Candidate { scope: Scope::new(), cell: all, score: counts.volume.total_moved() }];
    for (dimension, parts) in &counts.parts {
        let part = |part: &super::counts::Part| candidate(counts, one(dimension, &part.value), part.cell);
        found.extend(parts.iter().map(part));
    }
    let mut top: Vec<String> = counts.order.iter().take(PAIRED).cloned().collect();
    let missing = wanted.iter().filter(|name| counts.parts.contains_key(**name) && !top.iter().any(|known| known == *name));
    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    top.extend(missing);
    for (at, first) in top.iter().enumerate() {
        for second in &top[at + 1..] {
            add_groups(counts, look, &[first.clone(), second.clone()], &mut found)?;
        }
    }
    sort(&mut found);
    let mut pairs: Vec<Vec<String>> = Vec::new();
    for candidate in found.iter().filter(|candidate| candidate.scope.len() == 2) {
        let dimensions: Vec<String> = candidate.scope.keys().cloned().collect();
        if !pairs.contains(&dimensions) && pairs.len() < TRIPLED {
            pairs.push(dimensions);
        }
    }
    let mut triples: Vec<Vec<String>> = Vec::new();
    for pair in pairs {
        for third in top.iter().filter(|third| !pair.contains(*third)) {
            let mut dimensions = pair.clone();
            dimensions.push(third.clone());
            dimensions.sort();
            if !triples.contains(&dimensions) {
                triples.push(dimensions);
            }
        }
    }
    for dimensions in triples {
        add_groups(counts, look, &dimensions, &mut found)?;
    }
    sort(&mut found);
    found.truncate(20);
    Ok(found)
}

fn candidate(counts: &Counts, scope: Scope, cell: Cell) -> Candidate {
    let score = counts.score(&scope, cell);
    Candidate { scope, cell, score }
}

fn add_groups(counts: &mut Counts, look: &mut Look<'_, '_>, dimensions: &[String], found: &mut Vec<Candidate>) -> Result<(), Halt> {
    let groups = counts.by(look, dimensions, &Scope::new())?;
    found.extend(groups.into_iter().map(|(scope, cell)| candidate(counts, scope, cell)));
    Ok(())
}

/// Drops conditions whose siblings moved too and adds conditions that hold the whole excess, until neither helps.
pub(super) fn descend(counts: &mut Counts, look: &mut Look<'_, '_>, start: &Candidate) -> Result<Candidate, Halt> {
    let mut scope = start.scope.clone();
    for _ in 0..6 {
        if let Some(dropped) = worst_condition(counts, look, &scope)? {
            scope.remove(&dropped);
            continue;
        }
        match best_condition(counts, look, &scope)? {
            Some((dimension, value)) => scope.insert(dimension, value),
            None => break,
        };
    }
    let cell = counts.seen(look, &scope)?.unwrap_or(start.cell);
    Ok(candidate(counts, scope, cell))
}

fn worst_condition(counts: &mut Counts, look: &mut Look<'_, '_>, scope: &Scope) -> Result<Option<String>, Halt> {
    let mut worst: Option<(f64, String)> = None;
    for dimension in scope.keys() {
        let odds = odds(counts, look, scope, dimension)?;
        if odds < bar(dimension, false) && worst.as_ref().is_none_or(|(least, _)| odds < *least) {
            worst = Some((odds, dimension.clone()));
        }
    }
    Ok(worst.map(|(_, dimension)| dimension))
}

/// How likely a condition of a scope is the whole story of its dimension.
fn odds(counts: &mut Counts, look: &mut Look<'_, '_>, scope: &Scope, dimension: &str) -> Result<f64, Halt> {
    let mut parent = scope.clone();
    let value = parent.remove(dimension).unwrap_or_default();
    let values = counts.values(look, &parent, dimension)?;
    holds_alone(counts, look, &parent, dimension, &value, &values)
}

fn holds_alone(
    counts: &mut Counts,
    look: &mut Look<'_, '_>,
    parent: &Scope,
    dimension: &str,
    value: &str,
    values: &[(String, Cell)],
) -> Result<f64, Halt> {
    let Some(part) = values.iter().find(|(known, _)| known == value).map(|(_, cell)| *cell) else { return Ok(f64::NEG_INFINITY) };
    let siblings: Vec<Cell> = values.iter().filter(|(known, _)| known != value).map(|(_, cell)| *cell).collect();
    let noise = counts.noise(&one(dimension, value));
    let quiet = if parent.is_empty() {
        siblings
            .iter()
            .fold(Cell::default(), |sum, cell| Cell { current: sum.current + cell.current, expected: sum.expected + cell.expected })
    } else {
        let inside = counts.seen(look, parent)?.unwrap_or_default();
        counts.volume.all.without(inside)
    };
    Ok(alone(part, &siblings, factor(quiet, noise), noise))
}

fn best_condition(counts: &mut Counts, look: &mut Look<'_, '_>, scope: &Scope) -> Result<Option<(String, String)>, Halt> {
    if scope.len() >= DEEPEST {
        return Ok(None);
    }
    let all = counts.seen(look, scope)?.unwrap_or(counts.volume.all);
    let now = scaled(all, counts.volume.all, counts.volume.noise);
    let mut best: Option<(f64, String, String)> = None;
    let open: Vec<String> = counts.order.iter().filter(|dimension| !scope.contains_key(*dimension)).take(5).cloned().collect();
    for dimension in open {
        let values = counts.values(look, scope, &dimension)?;
        let likely = |cell: &Cell| counts.likelihood(&one(&dimension, ""), *cell);
        let Some((value, cell)) = values.iter().max_by(|a, b| likely(&a.1).total_cmp(&likely(&b.1))).cloned() else { continue };
        let gain = likely(&cell) - now - LAYER;
        if gain <= 0.0 || best.as_ref().is_some_and(|(most, ..)| gain <= *most) {
            continue;
        }
        if holds_alone(counts, look, scope, &dimension, &value, &values)? > bar(&dimension, true) {
            best = Some((gain, dimension, value));
        }
    }
    Ok(best.map(|(_, dimension, value)| (dimension, value)))
}

/// Dimensions in which one value alone holds the excess.
pub(super) fn single_handed(counts: &mut Counts, look: &mut Look<'_, '_>) -> Result<Vec<String>, Halt> {
    let mut found = Vec::new();
    for dimension in counts.order.clone() {
        let values = counts.values(look, &Scope::new(), &dimension)?;
        let best = |cell: &Cell| counts.score(&one(&dimension, ""), *cell);
        let Some((value, cell)) = values.iter().max_by(|a, b| best(&a.1).total_cmp(&best(&b.1))).cloned() else { continue };
        if best(&cell) > 3.0 && holds_alone(counts, look, &Scope::new(), &dimension, &value, &values)? > 0.0 {
            found.push(dimension);
        }
    }
    Ok(found)
}

/// What the odds must exceed for a condition to stand.
fn bar(dimension: &str, new: bool) -> f64 {
    let symptom = if SYMPTOMS.contains(&dimension) { 0.7 } else { 0.0 };
    symptom + if new { 0.2 } else { 0.0 }
}

pub(super) fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.scope.cmp(&b.scope)));
}

/// A scope without its version: what a metric of users can tell of it.
pub(super) fn without_version(scope: &Scope) -> Scope {
    scope.iter().filter(|(name, _)| *name != VERSION).map(|(name, value)| (name.clone(), value.clone())).collect()
}
