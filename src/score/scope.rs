//! What a scope means: the leaves it selects, so that two wordings of one segment are one answer.
//!
//! A leaf is a combination of the dimensions by which an incident differs. `{platform: ios, version: 2.3}` and `{version: 2.3}` are the same
//! answer where that version ran on no other platform, without a list of aliases. A dimension that is no leaf dimension splits every leaf by
//! its values, so that naming one for no reason selects a fraction. `reference`: leaf-Jaccard of multi-dimensional localisation (RiskLoc).

use std::collections::{BTreeMap, BTreeSet};

use crate::name::known_names;

/// Dimension → values, any of which will do; all dimensions must hold. Empty: everything.
pub type Selector = BTreeMap<String, Vec<String>>;

/// The selector of a scope with one value per dimension.
#[must_use]
pub fn selector(scope: &BTreeMap<String, String>) -> Selector {
    scope.iter().map(|(dimension, value)| (dimension.clone(), vec![value.clone()])).collect()
}

/// Everything a scope of one incident can speak of.
#[derive(Debug, Clone, Copy)]
pub struct Universe<'a> {
    /// The combinations of leaf dimensions that occur.
    pub leaves: &'a [BTreeMap<String, String>],
    /// All dimensions with their values.
    pub dimensions: &'a BTreeMap<String, Vec<String>>,
}

/// How two selections share their leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overlap {
    /// In both.
    pub shared: u64,
    /// In the first.
    pub first: u64,
    /// In the second.
    pub second: u64,
}

impl Overlap {
    /// Shared over either; 0 where both are empty, since a segment that does not occur is nobody's answer.
    #[must_use]
    pub fn jaccard(self) -> f64 {
        let either = (self.first + self.second).saturating_sub(self.shared);
        if either == 0 { 0.0 } else { self.shared as f64 / either as f64 }
    }

    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(self) -> f64 {
        if self.shared == 0 { 0.0 } else { 2.0 * self.shared as f64 / (self.first + self.second) as f64 }
    }
}

/// Which of some selectors hold, and for how many combinations.
type Memberships = BTreeMap<Vec<bool>, u64>;

impl Universe<'_> {
    /// What a scope names that does not exist, with the nearest name.
    #[must_use]
    pub fn unknown(&self, scope: &BTreeMap<String, String>) -> Option<String> {
        scope.iter().find_map(|(dimension, value)| match self.dimensions.get(dimension) {
            None => Some(format!("unknown dimension `{dimension}` {}", known_names(dimension, self.dimensions.keys().map(String::as_str)))),
            Some(values) if !values.contains(value) => {
                Some(format!("unknown value `{value}` of `{dimension}` {}", known_names(value, values.iter().map(String::as_str))))
            }
            Some(_) => None,
        })
    }

    /// How the union of some selectors and the union of others share their leaves.
    #[must_use]
    pub fn overlap(&self, first: &[Selector], second: &[Selector]) -> Overlap {
        let all: Vec<&Selector> = first.iter().chain(second).collect();
        let named: BTreeSet<&str> = all.iter().flat_map(|selector| selector.keys().map(String::as_str)).collect();
        let mut cells = self.by_leaf(&all);
        for dimension in named.into_iter().filter(|dimension| !self.is_leaf_dimension(dimension)) {
            cells = both(&cells, &self.by_value(dimension, &all));
        }
        let mut overlap = Overlap::default();
        for (holds, count) in cells {
            let (in_first, in_second) = (holds[..first.len()].contains(&true), holds[first.len()..].contains(&true));
            overlap.first += if in_first { count } else { 0 };
            overlap.second += if in_second { count } else { 0 };
            overlap.shared += if in_first && in_second { count } else { 0 };
        }
        overlap
    }

    fn is_leaf_dimension(&self, dimension: &str) -> bool {
        self.leaves.first().is_some_and(|leaf| leaf.contains_key(dimension))
    }

    /// An incident whose leaves have no dimension has one leaf: everything.
    fn by_leaf(&self, selectors: &[&Selector]) -> Memberships {
        let holds = |leaf: &BTreeMap<String, String>, selector: &Selector| {
            selector.iter().all(|(dimension, values)| leaf.get(dimension).is_none_or(|value| values.contains(value)))
        };
        let nothing = [BTreeMap::new()];
        let leaves = if self.leaves.is_empty() { &nothing } else { self.leaves };
        let mut cells = Memberships::new();
        for leaf in leaves {
            *cells.entry(selectors.iter().map(|selector| holds(leaf, selector)).collect()).or_default() += 1;
        }
        cells
    }

    fn by_value(&self, dimension: &str, selectors: &[&Selector]) -> Memberships {
        let mut cells = Memberships::new();
        for value in self.dimensions.get(dimension).into_iter().flatten() {
            let holds = |selector: &&Selector| selector.get(dimension).is_none_or(|values| values.contains(value));
            *cells.entry(selectors.iter().map(holds).collect()).or_default() += 1;
        }
        cells
    }
}

/// Every pair of combinations; a selector holds where it holds in both.
fn both(some: &Memberships, others: &Memberships) -> Memberships {
    let mut cells = Memberships::new();
    for (a, count) in some {
        for (b, times) in others {
            let holds = std::iter::zip(a, b).map(|(a, b)| *a && *b).collect();
            let cell: &mut u64 = cells.entry(holds).or_default();
            *cell = cell.saturating_add(count.saturating_mul(*times));
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(dimension, value)| ((*dimension).to_owned(), (*value).to_owned())).collect()
    }

    fn dimensions() -> BTreeMap<String, Vec<String>> {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        BTreeMap::from([
            ("platform".to_owned(), values(&["android", "ios", "web"])),
            ("version".to_owned(), values(&["2.2", "2.3"])),
            ("queue".to_owned(), values(&["billing", "login", "sales", "returns"])),
        ])
    }

    /// Version 2.3 runs on android alone.
    fn leaves() -> Vec<BTreeMap<String, String>> {
        [("android", "2.2"), ("android", "2.3"), ("ios", "2.2"), ("web", "2.2")]
            .iter()
            .map(|(platform, version)| scope(&[("platform", platform), ("version", version)]))
            .collect()
    }

    fn overlap(a: &[(&str, &str)], b: &[(&str, &str)]) -> Overlap {
        let (dimensions, leaves) = (dimensions(), leaves());
        Universe { leaves: &leaves, dimensions: &dimensions }.overlap(&[selector(&scope(a))], &[selector(&scope(b))])
    }

    #[test]
    fn selectors_of_the_same_leaves_are_the_same() {
        let same = overlap(&[("version", "2.3")], &[("version", "2.3"), ("platform", "android")]);
        assert_eq!(same, Overlap { shared: 1, first: 1, second: 1 });
        assert_eq!(overlap(&[], &[("platform", "android")]), Overlap { shared: 2, first: 4, second: 2 });
    }

    #[test]
    fn an_unrelated_dimension_selects_a_fraction() {
        let fraction = overlap(&[("platform", "ios"), ("queue", "login")], &[("platform", "ios")]);
        assert_eq!(fraction.jaccard(), 0.25);
        assert_eq!(fraction.f1(), 0.4);
    }

    #[test]
    fn a_combination_that_does_not_occur_overlaps_with_nothing() {
        let nowhere = [("platform", "web"), ("version", "2.3")];
        assert_eq!(overlap(&nowhere, &nowhere).jaccard(), 0.0);
        assert_eq!(overlap(&nowhere, &[]).f1(), 0.0);
    }

    #[test]
    fn a_union_of_values_is_the_scope_of_both() {
        let (dimensions, leaves) = (dimensions(), leaves());
        let universe = Universe { leaves: &leaves, dimensions: &dimensions };
        let both = Selector::from([("platform".to_owned(), vec!["ios".to_owned(), "web".to_owned()])]);
        let one_by_one = [selector(&scope(&[("platform", "ios")])), selector(&scope(&[("platform", "web")]))];
        assert_eq!(universe.overlap(&one_by_one, &[both]).jaccard(), 1.0);
    }

    #[test]
    fn what_does_not_exist_is_named_with_the_nearest() {
        let (dimensions, leaves) = (dimensions(), leaves());
        let universe = Universe { leaves: &leaves, dimensions: &dimensions };
        assert_eq!(universe.unknown(&scope(&[("platform", "ios")])), None);
        let value = universe.unknown(&scope(&[("platform", "andriod")])).expect("no such value");
        assert!(value.contains("did you mean `android`?"), "{value}");
        assert!(universe.unknown(&scope(&[("os", "ios")])).expect("no such dimension").starts_with("unknown dimension `os`"));
    }

    #[test]
    fn without_leaves_everything_is_one() {
        let dimensions = dimensions();
        let universe = Universe { leaves: &[], dimensions: &dimensions };
        assert_eq!(universe.overlap(&[Selector::new()], &[Selector::new()]).jaccard(), 1.0);
    }
}
