//! Gradient boosting for squared error: each tree fits what the ones before left over, shrunk by the learning rate.
//!
//! As LightGBM: targets and gradients are 32-bit floats, scores 64-bit; the first score is the mean target, which the first tree's leaves
//! carry; training ends early at a tree that cannot split.

use super::Lgbm;
use super::bins::Bins;
use super::tree::{Coded, Grower, Node, leaf_of};

/// Below this a leaf value or start score counts as 0.
const ZERO: f64 = 1e-35;
const EPSILON: f64 = 1e-15_f32 as f64;

/// A trained model.
#[derive(Debug, Clone, PartialEq)]
pub struct Booster {
    /// Columns in use, with their bins.
    used: Vec<(usize, Bins)>,
    nodes: Vec<Node>,
    leaves: Vec<f64>,
    trees: Vec<Tree>,
}

/// Where a tree's nodes and leaves begin. A tree of one leaf has no node.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tree {
    node: usize,
    leaf: usize,
    leaves: usize,
}

impl Booster {
    /// Trains on row-major `values` of `width` columns; all must be finite, and `targets` finite as 32-bit floats.
    ///
    /// # Panics
    /// When the number of values is not rows times `width`, or settings were not checked by [`Lgbm::check`].
    #[must_use]
    pub fn train(values: &[f64], width: usize, targets: &[f64], settings: &Lgbm) -> Self {
        assert_eq!(values.len(), width * targets.len(), "one row per target");
        let column = |i: usize| -> Vec<f64> { values.iter().skip(i).step_by(width).copied().collect() };
        let used: Vec<(usize, Bins)> = (0..width).filter_map(|i| Some((i, Bins::of(&column(i), settings)?))).collect();
        let coded = Coded::new(values, width, &used);
        let targets: Vec<f64> = targets.iter().map(|target| f64::from(*target as f32)).collect();
        let mut model = Self { used, nodes: Vec::new(), leaves: Vec::new(), trees: Vec::with_capacity(settings.trees) };
        model.boost(&coded, &targets, settings);
        model
    }

    fn boost(&mut self, coded: &Coded, targets: &[f64], settings: &Lgbm) {
        let mean = targets.iter().sum::<f64>() / targets.len() as f64;
        let start = if mean.abs() > EPSILON { mean } else { 0.0 };
        let mut scores = vec![start; targets.len()];
        let mut gradients = vec![0.0; targets.len()];
        let mut grower = Grower::new(coded, settings);
        for tree in 0..settings.trees {
            for ((gradient, score), target) in gradients.iter_mut().zip(&scores).zip(targets) {
                *gradient = f64::from((score - target) as f32);
            }
            let (node, leaf) = (self.nodes.len(), self.leaves.len());
            // Growing a tree allocates nothing.
            self.nodes.reserve(grower.max_leaves() - 1);
            self.leaves.reserve(grower.max_leaves());
            let leaves = grower.grow(&gradients, &mut self.nodes);
            if leaves == 1 {
                if tree == 0 {
                    self.leaves.push(start);
                    self.trees.push(Tree { node, leaf, leaves });
                }
                return;
            }
            for (value, members) in grower.values().zip(grower.members()) {
                let value = to_zero(value * settings.learning_rate);
                for &row in members {
                    scores[row as usize] += value;
                }
                self.leaves.push(if tree == 0 && start != 0.0 { to_zero(value + start) } else { value });
            }
            self.trees.push(Tree { node, leaf, leaves });
        }
    }

    /// The prediction for one row of as many columns as the training table had.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        let codes: Vec<u8> =
            self.used.iter().map(|(column, bins)| u8::try_from(bins.code(row[*column])).expect("a column has at most 255 bins")).collect();
        self.trees.iter().map(|tree| self.leaves[tree.leaf + leaf_of(&self.nodes[tree.node..][..tree.leaves - 1], &codes)]).sum()
    }

    /// Number of trees, which is smaller than asked for when nothing was left to split.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.trees.len()
    }
}

fn to_zero(value: f64) -> f64 {
    if value.abs() <= ZERO { 0.0 } else { value }
}
