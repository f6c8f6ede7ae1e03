//! Dimensions of tickets and their joint shares.
//!
//! A dimension's shares may depend on one other dimension, so the dimensions form a forest; they are kept parents first.

use serde::Serialize;

/// One attribute of tickets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dimension {
    /// Its name, for example `queue`.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
    /// The dimension its shares depend on, which stands before it.
    pub parent: Option<usize>,
    /// Shares by value; one row per value of the parent, or a single row.
    pub shares: Vec<Vec<f64>>,
}

impl Dimension {
    /// The code of a value.
    #[must_use]
    pub fn code(&self, value: &str) -> Option<u16> {
        self.values.iter().position(|known| known == value).and_then(|code| u16::try_from(code).ok())
    }
}

/// Which tickets: for each dimension named, the codes that match; all must hold, and no dimension means every ticket.
pub type Filter = Vec<(usize, Vec<u16>)>;

/// A combination of values of the leaf dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// One code per leaf dimension.
    pub codes: Vec<u16>,
    /// Its share of a normal day's tickets.
    pub share: f64,
}

/// The dimensions by which expectations differ in one scenario, and their combinations.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaves {
    /// Indices of the dimensions, parents first.
    pub dims: Vec<usize>,
    /// Their combinations.
    pub all: Vec<Leaf>,
}

impl Leaves {
    /// The combinations of some dimensions and of all they depend on.
    #[must_use]
    pub fn over(dimensions: &[Dimension], named: impl IntoIterator<Item = usize>) -> Self {
        let mut wanted = vec![false; dimensions.len()];
        for mut dim in named {
            wanted[dim] = true;
            while let Some(parent) = dimensions[dim].parent {
                wanted[parent] = true;
                dim = parent;
            }
        }
        let dims: Vec<usize> = (0..dimensions.len()).filter(|&dim| wanted[dim]).collect();
        let shares = |dim: usize, codes: &[u16]| dimensions[dim].shares[row(dimensions, &dims, dim, codes)].clone();
        let all = combine(&dims, shares);
        Self { dims, all }
    }

    /// Position of a dimension among the leaf dimensions.
    #[must_use]
    pub fn position(&self, dim: usize) -> Option<usize> {
        self.dims.iter().position(|&known| known == dim)
    }

    /// Whether a leaf matches a filter whose dimensions are leaf dimensions.
    #[must_use]
    pub fn matches(&self, leaf: &Leaf, filter: &Filter) -> bool {
        filter.iter().all(|(dim, codes)| self.position(*dim).is_some_and(|at| codes.contains(&leaf.codes[at])))
    }

    /// Joint shares when some dimensions have other shares than normal, whatever they depend on.
    #[must_use]
    pub fn shares_with(&self, dimensions: &[Dimension], skew: &[(usize, Vec<f64>)]) -> Vec<f64> {
        let shares = |dim: usize, codes: &[u16]| match skew.iter().find(|(skewed, _)| *skewed == dim) {
            Some((_, shares)) => shares.clone(),
            None => dimensions[dim].shares[row(dimensions, &self.dims, dim, codes)].clone(),
        };
        combine(&self.dims, shares).into_iter().map(|leaf| leaf.share).collect()
    }
}

/// The row of a dimension's shares that holds for the codes chosen so far.
fn row(dimensions: &[Dimension], dims: &[usize], dim: usize, codes: &[u16]) -> usize {
    let parent = dimensions[dim].parent.and_then(|parent| dims.iter().position(|&known| known == parent));
    parent.map_or(0, |at| usize::from(codes[at]))
}

fn combine(dims: &[usize], shares: impl Fn(usize, &[u16]) -> Vec<f64>) -> Vec<Leaf> {
    let mut all = vec![Leaf { codes: Vec::new(), share: 1.0 }];
    for &dim in dims {
        let mut longer = Vec::new();
        for leaf in &all {
            for (code, share) in (0_u16..).zip(shares(dim, &leaf.codes)) {
                let mut codes = leaf.codes.clone();
                codes.push(code);
                longer.push(Leaf { codes, share: leaf.share * share });
            }
        }
        all = longer;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Vec<Dimension> {
        let dimension = |name: &str, parent, shares: Vec<Vec<f64>>| Dimension {
            name: name.to_owned(),
            values: ["a", "b"].map(str::to_owned).to_vec(),
            parent,
            shares,
        };
        vec![
            dimension("type", None, vec![vec![0.25, 0.75]]),
            dimension("priority", Some(0), vec![vec![0.9, 0.1], vec![0.2, 0.8]]),
            dimension("queue", None, vec![vec![0.5, 0.5]]),
        ]
    }

    #[test]
    fn a_dependent_dimension_brings_the_one_it_depends_on() {
        let leaves = Leaves::over(&desk(), [1]);
        assert_eq!(leaves.dims, [0, 1]);
        let shares: Vec<f64> = leaves.all.iter().map(|leaf| leaf.share).collect();
        assert_eq!(shares, [0.25 * 0.9, 0.25 * 0.1, 0.75 * 0.2, 0.75 * 0.8]);
    }

    #[test]
    fn a_skewed_dimension_loses_its_dependence() {
        let leaves = Leaves::over(&desk(), [1]);
        assert_eq!(leaves.shares_with(&desk(), &[(1, vec![0.5, 0.5])]), [0.125, 0.125, 0.375, 0.375]);
    }
}
