//! The best split of a leaf from the histograms of its columns.
//!
//! The sums right of every threshold are formed first, cell by cell in LightGBM's order; they must be exact. Gains are then compared without
//! dividing, a few thresholds at a time, and computed as LightGBM does only where they might beat the best so far.

use std::ops::Range;

/// LightGBM adds this to hessian sums; it is a 32-bit constant there.
pub(super) const EPSILON: f64 = 1e-15_f32 as f64;
/// More than the relative rounding error of a gain, so that a gain is never dismissed for it.
const SLACK: f64 = 1e-12;

/// Thresholds compared at a time.
const CHUNK: usize = 8;

/// Sum of gradients and number of rows.
pub(super) type Cell = [f64; 2];

/// Sums right of each threshold of a column, the last threshold first.
pub(super) struct Tail {
    cells: [Cell; 256],
    len: usize,
    /// The thresholds that leave enough rows on both sides.
    valid: Range<usize>,
}

/// The best split of a leaf; `gain` is −∞ if there is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Split {
    pub(super) gain: f64,
    pub(super) feature: usize,
    /// Last bin that goes left.
    pub(super) bin: usize,
    pub(super) left: Cell,
}

impl Split {
    pub(super) const NONE: Self = Self { gain: f64::NEG_INFINITY, feature: usize::MAX, bin: 0, left: [0.0; 2] };

    /// Whether it comes before another in the choice of a leaf; of equal gains the first feature does.
    pub(super) fn beats(&self, other: &Self) -> bool {
        self.gain > other.gain || (self.gain == other.gain && self.feature < other.feature)
    }
}

impl Tail {
    pub(super) const EMPTY: Self = Self { cells: [[0.0; 2]; 256], len: 0, valid: 0..0 };

    /// Sums the cells of a column, which begin with the last bin. The first bin is right of no threshold.
    pub(super) fn sum(&mut self, cells: &[Cell], search: &Search) {
        let mut running = Running::new(search);
        for (cell, tail) in cells.iter().zip(&mut self.cells) {
            *tail = running.add(*cell);
        }
        (self.len, self.valid) = (cells.len(), running.valid());
    }

    /// Turns the parent's cells into those of its larger child and sums them.
    pub(super) fn subtract_and_sum(&mut self, parent: &mut [Cell], small: &[Cell], search: &Search) {
        let mut running = Running::new(search);
        for ((cell, small), tail) in parent.iter_mut().zip(small).zip(&mut self.cells) {
            *cell = [cell[0] - small[0], cell[1] - small[1]];
            *tail = running.add(*cell);
        }
        (self.len, self.valid) = (small.len(), running.valid());
    }
}

/// A sum from the right, and how many thresholds had too few and not too many rows on their right.
struct Running {
    right: Cell,
    needed: f64,
    most: f64,
    too_few: usize,
    not_too_many: usize,
}

impl Running {
    fn new(search: &Search) -> Self {
        Self { right: [0.0, EPSILON], needed: search.needed, most: search.sum[1] - search.needed, too_few: 0, not_too_many: 0 }
    }

    #[inline]
    fn add(&mut self, cell: Cell) -> Cell {
        self.right = [self.right[0] + cell[0], self.right[1] + cell[1]];
        self.too_few += usize::from(self.right[1] < self.needed);
        self.not_too_many += usize::from(self.right[1] <= self.most);
        self.right
    }

    fn valid(&self) -> Range<usize> {
        self.too_few..self.not_too_many.max(self.too_few)
    }
}

/// The search for the best split of one leaf, column by column in order.
pub(super) struct Search {
    /// Sums of the leaf, with LightGBM's epsilons.
    sum: Cell,
    /// Without this gain a split is no better than none.
    floor: f64,
    /// Rows that must stay on both sides, half a row lower because counts carry epsilons.
    needed: f64,
    /// The gain to beat, floor included.
    bar: f64,
    best: Split,
}

impl Search {
    pub(super) fn new(sum: Cell, min_data: usize) -> Self {
        let sum = [sum[0], sum[1] + 2.0 * EPSILON];
        let floor = sum[0] * sum[0] / sum[1];
        Self { sum, floor, needed: min_data as f64 - 0.5, bar: floor, best: Split::NONE }
    }

    pub(super) fn best(&self) -> Split {
        self.best
    }

    /// Tries all thresholds of a column; returns whether any is better than no split.
    pub(super) fn column(&mut self, feature: usize, tail: &Tail) -> bool {
        let valid = &tail.cells[tail.valid.clone()];
        let mut found = (self.bar, None);
        let mut bar = self.bar * (1.0 - SLACK);
        let (chunks, rest) = valid.as_chunks::<CHUNK>();
        for (i, rights) in chunks.iter().enumerate() {
            if self.may_beat(rights, bar) {
                self.try_thresholds(rights, CHUNK * i, &mut found);
                bar = found.0 * (1.0 - SLACK);
            }
        }
        // What is left over is tried with thresholds before it, once more: their gains are not strictly more than what was found.
        match valid.last_chunk::<CHUNK>() {
            Some(rights) if !rest.is_empty() && self.may_beat(rights, bar) => {
                self.try_thresholds(rights, valid.len() - CHUNK, &mut found);
            }
            Some(_) => {}
            None => self.try_thresholds(rest, 0, &mut found),
        }
        if let (gain, Some(at)) = found {
            self.take(gain, feature, tail, tail.valid.start + at);
            return true;
        }
        // The column cannot beat the best one, but may well be better than no split; the first threshold tells, except by bad luck.
        valid.iter().any(|right| self.gain(right) > self.floor)
    }

    /// Whether the gain of any of some thresholds may be above `bar`: no division, and false alarms within the slack.
    fn may_beat(&self, rights: &[Cell; CHUNK], bar: f64) -> bool {
        rights.iter().fold(false, |any, right| {
            let left = [self.sum[0] - right[0], self.sum[1] - right[1]];
            any | (left[0] * left[0] * right[1] + right[0] * right[0] * left[1] > bar * (left[1] * right[1]))
        })
    }

    fn try_thresholds(&self, rights: &[Cell], first: usize, found: &mut (f64, Option<usize>)) {
        for (i, right) in rights.iter().enumerate() {
            let gain = self.gain(right);
            if gain > found.0 {
                *found = (gain, Some(first + i));
            }
        }
    }

    fn gain(&self, right: &Cell) -> f64 {
        let left = [self.sum[0] - right[0], self.sum[1] - right[1]];
        left[0] * left[0] / left[1] + right[0] * right[0] / right[1]
    }

    /// Takes a column's best threshold if its gain over no split is more than that of the columns before, also after rounding.
    fn take(&mut self, gain: f64, feature: usize, tail: &Tail, at: usize) {
        let over_none = gain - self.floor;
        if over_none > self.best.gain {
            let left = [self.sum[0] - tail.cells[at][0], self.sum[1] - tail.cells[at][1]];
            self.best = Split { gain: over_none, feature, bin: tail.len - 1 - at, left };
            self.bar = gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// LightGBM's loop: from right to left, two divisions per threshold.
    fn plain(cells: &[Cell], search: &Search) -> Option<(f64, usize)> {
        let (mut right, mut best) = ([0.0, EPSILON], (search.floor, None));
        for (i, cell) in cells[..cells.len() - 1].iter().enumerate() {
            right = [right[0] + cell[0], right[1] + cell[1]];
            if right[1] >= search.needed && search.sum[1] - right[1] >= search.needed && search.gain(&right) > best.0 {
                best = (search.gain(&right), Some(cells.len() - 2 - i));
            }
        }
        best.1.map(|bin| (best.0 - search.floor, bin))
    }

    proptest! {
        #[test]
        fn comparing_without_dividing_finds_the_split_of_a_plain_scan(
            columns in prop::collection::vec(prop::collection::vec((-3..4_i32, 1..4_u8), 60), 1..6),
            min_data in 1..30_usize,
            scale in prop::sample::select(vec![1.0, 0.1, 1e-20, 1e20]),
        ) {
            // Every column holds as many rows, and the same sum, which its first bin makes up for.
            let columns: Vec<Vec<Cell>> = columns
                .iter()
                .map(|column| {
                    let mut cells: Vec<Cell> = column.iter().map(|(g, n)| [f64::from(*g) * scale, f64::from(*n)]).collect();
                    let rest = cells.iter().fold([5.0 * scale, 300.0], |rest, cell| [rest[0] - cell[0], rest[1] - cell[1]]);
                    cells.push(rest);
                    cells
                })
                .collect();
            let mut search = Search::new([5.0 * scale, 300.0], min_data);
            let mut tail = Tail::EMPTY;
            let mut expected = Split::NONE;
            for (feature, cells) in columns.iter().enumerate() {
                let found = plain(cells, &search);
                if let Some((gain, bin)) = found.filter(|(gain, _)| *gain > expected.gain) {
                    expected = Split { gain, feature, bin, left: [0.0; 2] };
                }
                tail.sum(&cells[..cells.len() - 1], &search);
                prop_assert_eq!(search.column(feature, &tail), found.is_some());
            }
            prop_assert_eq!((search.best().gain, search.best().feature, search.best().bin), (expected.gain, expected.feature, expected.bin));
        }
    }
}
