//! Claims: a kind, a change and a scope, named or true; which of them are the same, and how many pair up.

use super::root_cause::{SAME, TrueCause};
use super::scope::{Selector, Universe, selector};
use crate::agent::report::Cause;

/// A cause as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Its kind.
    pub kind: String,
    /// Its change, if one did it.
    pub change: Option<String>,
    /// Its scope: what any of these selects.
    pub scopes: Vec<Selector>,
}

impl From<&Cause> for Claim {
    fn from(cause: &Cause) -> Self {
        Self { kind: cause.kind.clone(), change: cause.change.clone(), scopes: vec![selector(&cause.scope)] }
    }
}

impl From<&TrueCause> for Claim {
    fn from(cause: &TrueCause) -> Self {
        Self { kind: cause.kind.clone(), change: cause.change.clone(), scopes: vec![cause.scope.clone()] }
    }
}

impl Claim {
    fn is_alike(&self, other: &Self) -> bool {
        self.kind == other.kind && self.change == other.change
    }

    /// Whether it names a true cause: kind, change and, nearly, leaf set.
    #[must_use]
    pub fn matches(&self, truth: &Self, universe: &Universe<'_>) -> bool {
        self.is_alike(truth) && universe.overlap(&self.scopes, &truth.scopes).jaccard() >= SAME
    }

    /// Whether it is the same answer: kind, change and leaf set. A scope that selects nothing is the same as itself.
    #[must_use]
    pub fn is_same(&self, other: &Self, universe: &Universe<'_>) -> bool {
        self.is_alike(other) && (self.scopes == other.scopes || universe.overlap(&self.scopes, &other.scopes).jaccard() == 1.0)
    }

    /// How near it comes to a true cause: by leaves, then kind, then change.
    #[must_use]
    pub fn likeness(&self, truth: &Self, universe: &Universe<'_>) -> (f64, bool, bool) {
        (universe.overlap(&self.scopes, &truth.scopes).jaccard(), self.kind == truth.kind, self.change == truth.change)
    }

    /// Whether another claim is part of it.
    #[must_use]
    pub fn includes(&self, part: &Self) -> bool {
        self.is_alike(part) && part.scopes.iter().all(|scope| self.scopes.contains(scope))
    }
}

/// Claims with those of one kind and one change put together.
#[must_use]
pub fn merged(claimed: &[Cause]) -> Vec<Claim> {
    let mut claims: Vec<Claim> = Vec::new();
    for claim in claimed.iter().map(Claim::from) {
        match claims.iter_mut().find(|known| known.is_alike(&claim)) {
            Some(known) => known.scopes.extend(claim.scopes),
            None => claims.push(claim),
        }
    }
    claims
}

/// The most claims that can be paired with true causes, each with one of its own: maximum bipartite matching by augmenting paths.
#[must_use]
pub fn most_pairs(claims: &[Claim], truths: &[Claim], fits: impl Fn(&Claim, &Claim) -> bool) -> usize {
    let edges: Vec<Vec<usize>> = claims.iter().map(|claim| (0..truths.len()).filter(|&at| fits(claim, &truths[at])).collect()).collect();
    let mut taken: Vec<Option<usize>> = vec![None; truths.len()];
    (0..claims.len()).filter(|&claim| augment(claim, &edges, &mut taken, &mut vec![false; truths.len()])).count()
}

fn augment(claim: usize, edges: &[Vec<usize>], taken: &mut [Option<usize>], visited: &mut [bool]) -> bool {
    for &truth in &edges[claim] {
        if std::mem::replace(&mut visited[truth], true) {
            continue;
        }
        if taken[truth].is_none_or(|other| augment(other, edges, taken, visited)) {
            taken[truth] = Some(claim);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(kind: &str) -> Claim {
        Claim { kind: kind.to_owned(), change: None, scopes: vec![Selector::new()] }
    }

    #[test]
    fn a_greedy_choice_is_taken_back() {
        // `a` fits both, `b` the first alone: the most pairs are two.
        let (claims, truths) = ([claim("a"), claim("b")], [claim("first"), claim("second")]);
        let fits = |claim: &Claim, truth: &Claim| claim.kind == "a" || truth.kind == "first";
        assert_eq!(most_pairs(&claims, &truths, fits), 2);
        assert_eq!(most_pairs(&claims, &truths, |_, truth| truth.kind == "first"), 1);
        assert_eq!(most_pairs(&[], &truths, fits), 0);
    }
}
