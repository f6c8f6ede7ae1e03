//! One regression tree: grown leaf by leaf, always at the leaf whose best split gains most.
//!
//! For squared error the hessian of a row is 1, so a histogram cell is a sum of gradients and a count. What makes splits equal to LightGBM's:
//! sums are f64 over rows in order; the smaller child's histogram is built, the larger one's is the parent's minus it; thresholds are
//! scanned from the right; a split replaces another only if it gains strictly more, and at equal gain the first feature stays; a feature that
//! cannot split a leaf is not tried below it. Rules read from LightGBM 4.7 (`src/treelearner/`).

use std::ops::Range;

use super::Lgbm;
use super::bins::Bins;
use super::split::{Cell, EPSILON, Search, Split, Tail};

/// Most leaves of a tree: sets of leaves are 64 bits.
pub(super) const MOST_LEAVES: usize = 64;

/// An inner node and the sets of leaves on its two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// Leaves on the left, one bit each.
    left: u64,
    right: u64,
    /// Position among the features in use.
    feature: u16,
    /// Codes up to this one go left.
    bin: u8,
}

/// The leaf of a row, given its codes: every node rules out the leaves of the side it does not take, and one leaf is left.
///
/// Asking all nodes is faster than walking down: nothing depends on the answer before, and no jump is mispredicted.
pub(super) fn leaf_of(nodes: &[Node], codes: &[u8]) -> usize {
    let ruled_out = nodes
        .iter()
        .fold(0, |ruled_out, node| ruled_out | if codes[usize::from(node.feature)] <= node.bin { node.right } else { node.left });
    (!ruled_out).trailing_zeros() as usize
}

/// The columns in use, coded for histograms.
pub(super) struct Coded {
    /// Row after row, one cell number per column: that of the row's bin.
    cells: Vec<u16>,
    /// The same, column after column.
    by_column: Vec<u16>,
    columns: Vec<Column>,
    rows: usize,
    /// Cells of all columns.
    total: usize,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    /// Cell of the last bin; the others follow downwards, as thresholds are scanned from the right.
    first: usize,
    bins: usize,
    usual: usize,
}

impl Column {
    fn cell(&self, bin: usize) -> usize {
        self.first + self.bins - 1 - bin
    }

    fn above_first_bin(&self) -> Range<usize> {
        self.first..self.cell(0)
    }
}

impl Coded {
    /// Codes row-major values; `used` names the columns of `values` that have bins.
    pub(super) fn new(values: &[f64], width: usize, used: &[(usize, Bins)]) -> Self {
        let mut total = 0;
        let columns: Vec<Column> = used
            .iter()
            .map(|(_, bins)| {
                let column = Column { first: total, bins: bins.upper.len(), usual: bins.usual };
                total += bins.upper.len();
                column
            })
            .collect();
        let code = |row: &[f64], i: usize| columns[i].cell(used[i].1.code(row[used[i].0]));
        let cells: Vec<u16> = values
            .chunks_exact(width.max(1))
            .flat_map(|row| (0..used.len()).map(move |i| (row, i)))
            .map(|(row, i)| u16::try_from(code(row, i)).expect("the number of cells was checked to fit in 16 bits"))
            .collect();
        let by_column = (0..columns.len()).flat_map(|i| cells.iter().skip(i).step_by(columns.len()).copied()).collect();
        Self { cells, by_column, columns, rows: values.len() / width.max(1), total }
    }

    fn row(&self, row: u32) -> &[u16] {
        let width = self.columns.len();
        &self.cells[row as usize * width..][..width]
    }
}

#[derive(Debug, Clone, Copy)]
struct Leaf {
    begin: usize,
    len: usize,
    /// Sum of gradients, and of hessians with LightGBM's roundings.
    sum: Cell,
    best: Split,
    value: f64,
    /// Which histogram is its own.
    histogram: usize,
}

/// Grows trees over one table; owns all memory a tree needs.
pub(super) struct Grower<'a> {
    coded: &'a Coded,
    min_data: usize,
    max_leaves: usize,
    /// Room for one histogram per leaf.
    histograms: Vec<Cell>,
    /// Per histogram and column: whether the column may still split the leaf.
    open: Vec<bool>,
    /// Rows, leaf after leaf, in ascending order within each.
    order: Vec<u32>,
    spare: Vec<u32>,
    leaves: Vec<Leaf>,
    tail: Tail,
}

impl<'a> Grower<'a> {
    pub(super) fn new(coded: &'a Coded, settings: &Lgbm) -> Self {
        let max_leaves = settings.leaves.min(coded.rows / settings.min_data_in_leaf).max(1);
        Self {
            coded,
            min_data: settings.min_data_in_leaf,
            max_leaves,
            histograms: vec![[0.0; 2]; max_leaves * coded.total],
            open: vec![true; max_leaves * coded.columns.len()],
            order: vec![0; coded.rows],
            spare: vec![0; coded.rows],
            leaves: Vec::with_capacity(max_leaves),
            tail: Tail::EMPTY,
        }
    }

    /// Most leaves that a tree of this table can have.
    pub(super) fn max_leaves(&self) -> usize {
        self.max_leaves
    }

    /// Grows a tree for gradients; appends its nodes and returns the number of its leaves.
    pub(super) fn grow(&mut self, gradients: &[f64], nodes: &mut Vec<Node>) -> usize {
        let first = nodes.len();
        self.plant(gradients);
        while self.leaves.len() < self.max_leaves {
            let best = self.best_leaf();
            if self.leaves[best].best.gain <= 0.0 {
                break;
            }
            self.split(best, first, nodes);
            if self.leaves.len() < self.max_leaves {
                self.search_children(best, gradients);
            }
        }
        self.leaves.len()
    }

    /// Unshrunk outputs of the leaves of the last tree.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.leaves.iter().map(|leaf| leaf.value)
    }

    /// The rows of each leaf of the last tree.
    pub(super) fn members(&self) -> impl Iterator<Item = &[u32]> {
        self.leaves.iter().map(|leaf| &self.order[leaf.begin..leaf.begin + leaf.len])
    }

    fn plant(&mut self, gradients: &[f64]) {
        for (i, row) in self.order.iter_mut().enumerate() {
            *row = u32::try_from(i).expect("the number of rows was checked to fit in 32 bits");
        }
        let sum = [gradients.iter().sum(), self.coded.rows as f64];
        self.leaves.clear();
        self.leaves.push(Leaf { begin: 0, len: self.coded.rows, sum, best: Split::NONE, value: 0.0, histogram: 0 });
        self.open[..self.coded.columns.len()].fill(true);
        if self.coded.rows >= 2 * self.min_data {
            self.build(0, gradients);
            self.search_root();
        }
    }

    fn best_leaf(&self) -> usize {
        let mut best = 0;
        for leaf in 1..self.leaves.len() {
            if self.leaves[leaf].best.beats(&self.leaves[best].best) {
                best = leaf;
            }
        }
        best
    }

    /// Splits a leaf at its best split: it becomes the left child, a new leaf the right one.
    fn split(&mut self, leaf: usize, first: usize, nodes: &mut Vec<Node>) {
        let Leaf { begin, len, sum, best, histogram, .. } = self.leaves[leaf];
        let total = [sum[0], sum[1] + 2.0 * EPSILON];
        let right = [total[0] - best.left[0], total[1] - best.left[1]];
        let left_len = self.part(begin, len, best.feature, best.bin);
        let (bit, new_bit) = (1_u64 << leaf, 1_u64 << self.leaves.len());
        for node in &mut nodes[first..] {
            node.left |= if node.left & bit != 0 { new_bit } else { 0 };
            node.right |= if node.right & bit != 0 { new_bit } else { 0 };
        }
        nodes.push(Node {
            left: bit,
            right: new_bit,
            feature: u16::try_from(best.feature).expect("columns have distinct cells, which fit in 16 bits"),
            bin: u8::try_from(best.bin).expect("a column has at most 255 bins"),
        });
        let child = |begin, len, sum: Cell| Leaf {
            begin,
            len,
            sum: [sum[0], sum[1] - EPSILON],
            best: Split::NONE,
            value: -sum[0] / sum[1],
            histogram,
        };
        self.leaves[leaf] = child(begin, left_len, best.left);
        self.leaves.push(child(begin + left_len, len - left_len, right));
    }

    /// Moves the rows of a leaf that go left before those that go right, both in order; returns how many go left.
    fn part(&mut self, begin: usize, len: usize, feature: usize, bin: usize) -> usize {
        let codes = &self.coded.by_column[feature * self.coded.rows..][..self.coded.rows];
        let limit = self.coded.columns[feature].cell(bin);
        let rows = &mut self.order[begin..begin + len];
        let spare = &mut self.spare[..len];
        let mut left = 0;
        for i in 0..len {
            let row = rows[i];
            let goes_left = usize::from(codes[row as usize]) >= limit;
            rows[left] = row;
            spare[i - left] = row;
            left += usize::from(goes_left);
        }
        rows[left..].copy_from_slice(&spare[..len - left]);
        left
    }

    /// Histograms and best splits of the two children of the last split.
    fn search_children(&mut self, left: usize, gradients: &[f64]) {
        let right = self.leaves.len() - 1;
        if self.leaves[left].len < 2 * self.min_data && self.leaves[right].len < 2 * self.min_data {
            return;
        }
        let (smaller, larger) = if self.leaves[left].len < self.leaves[right].len { (left, right) } else { (right, left) };
        // The larger child works in its parent's histogram, the smaller one in a new one.
        let (old, new) = (self.leaves[larger].histogram, self.leaves.len() - 1);
        self.leaves[smaller].histogram = new;
        self.build(smaller, gradients);
        let both = self.leaves[smaller].len >= 2 * self.min_data;
        let (total, width) = (self.coded.total, self.coded.columns.len());
        let (before, after) = self.histograms.split_at_mut(new * total);
        let (large, small) = (&mut before[old * total..][..total], &after[..total]);
        let (before, after) = self.open.split_at_mut(new * width);
        let (large_open, small_open) = (&mut before[old * width..][..width], &mut after[..width]);
        small_open.copy_from_slice(large_open);
        let mut in_large = Search::new(self.leaves[larger].sum, self.min_data);
        let mut in_small = Search::new(self.leaves[smaller].sum, self.min_data);
        for (feature, column) in self.coded.columns.iter().enumerate() {
            if !large_open[feature] {
                continue;
            }
            let cells = column.above_first_bin();
            if both {
                self.tail.sum(&small[cells.clone()], &in_small);
                small_open[feature] = in_small.column(feature, &self.tail);
            }
            self.tail.subtract_and_sum(&mut large[cells.clone()], &small[cells], &in_large);
            large_open[feature] = in_large.column(feature, &self.tail);
        }
        self.leaves[larger].best = in_large.best();
        self.leaves[smaller].best = in_small.best();
    }

    fn search_root(&mut self) {
        let mut search = Search::new(self.leaves[0].sum, self.min_data);
        for (feature, column) in self.coded.columns.iter().enumerate() {
            let cells = column.above_first_bin();
            self.tail.sum(&self.histograms[cells], &search);
            self.open[feature] = search.column(feature, &self.tail);
        }
        self.leaves[0].best = search.best();
    }

    /// Sums the gradients of a leaf's rows into its histogram.
    fn build(&mut self, leaf: usize, gradients: &[f64]) {
        let Leaf { begin, len, sum, histogram, .. } = self.leaves[leaf];
        let cells = &mut self.histograms[histogram * self.coded.total..][..self.coded.total];
        cells.fill([0.0; 2]);
        for &row in &self.order[begin..begin + len] {
            let gradient = gradients[row as usize];
            for &cell in self.coded.row(row) {
                let cell = &mut cells[usize::from(cell)];
                cell[0] += gradient;
                cell[1] += 1.0;
            }
        }
        for column in self.coded.columns.iter().filter(|column| column.usual > 0) {
            let others = (0..column.bins).filter(|bin| *bin != column.usual).map(|bin| cells[column.cell(bin)]);
            cells[column.cell(column.usual)] = others.fold(sum, |rest, cell| [rest[0] - cell[0], rest[1] - cell[1]]);
        }
    }
}
