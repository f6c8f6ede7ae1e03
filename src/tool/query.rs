//! Columns, masks and group-bys: the one file that names polars.
//!
//! A frame holds 32-bit codes in order of time, so that a range of days is a slice and never a comparison. Everything runs on the caller's
//! thread, sums are whole numbers and results are sorted by key: the same numbers on every machine. Knows nothing of metrics or of `now`.

use std::borrow::Cow;
use std::ops::Range;

use polars::prelude::{
    BooleanChunked, ChunkCompareEq, ChunkFilter, GroupsIndicator, IntoGroupsType, PlSmallStr, UInt32Chunked, UInt64Chunked,
};
use polars::series::IsSorted;

/// Columns of equal length.
pub(super) struct Frame {
    columns: Vec<UInt32Chunked>,
}

/// A run of rows of a frame, or those of them that satisfy a filter.
pub(super) struct Rows<'a> {
    frame: &'a Frame,
    run: Range<usize>,
    mask: Option<BooleanChunked>,
}

/// A column and the codes it may have.
pub(super) type Filter = (usize, Vec<u32>);

impl Frame {
    /// A frame of columns of equal length.
    pub(super) fn new(columns: Vec<Vec<u32>>) -> Self {
        Self { columns: columns.into_iter().map(|codes| UInt32Chunked::from_vec(PlSmallStr::EMPTY, codes)).collect() }
    }

    /// The rows of a run that satisfy all filters.
    pub(super) fn select(&self, run: Range<usize>, filters: &[Filter]) -> Rows<'_> {
        let mut mask: Option<BooleanChunked> = None;
        for (column, codes) in filters {
            let column = part(&self.columns[*column], &run);
            // A filter lists at least one code.
            let Some(any) = codes.iter().map(|&code| column.equal(code)).reduce(|a, b| &a | &b) else { continue };
            mask = Some(match mask {
                Some(mask) => &mask & &any,
                None => any,
            });
        }
        Rows { frame: self, run, mask }
    }
}

impl<'a> Rows<'a> {
    /// The values of a column in these rows: the frame's own where no filter took any out.
    pub(super) fn take(&self, column: usize) -> Cow<'a, [u32]> {
        let column = &self.frame.columns[column];
        let Some(mask) = &self.mask else {
            return Cow::Borrowed(&column.cont_slice().expect("a frame's column is one piece without gaps")[self.run.clone()]);
        };
        let kept = part(column, &self.run).filter(mask).expect("the mask was made from the same run of rows");
        Cow::Owned(kept.downcast_iter().flat_map(|piece| piece.values().as_slice()).copied().collect())
    }
}

fn part(column: &UInt32Chunked, run: &Range<usize>) -> UInt32Chunked {
    column.slice(i64::try_from(run.start).expect("a row number fits in 63 bits"), run.len())
}

/// So many different keys have an array of their own whatever the number of rows: it takes no longer to clear than a hash table to make.
const FEW: u64 = 1 << 16;

/// Per key below `end`, the sum of the weights beside it; sorted by key. A key whose weights are all zero is listed too.
pub(super) fn tally(end: u64, items: impl Iterator<Item = (u64, u32)>) -> Vec<(u64, u64)> {
    if end <= FEW {
        return counted(end, items);
    }
    let (keys, weights): (Vec<u64>, Vec<u32>) = items.unzip();
    // Fewer keys than rows: an array is several times faster than a hash table.
    if end < keys.len() as u64 { counted(end, keys.into_iter().zip(weights)) } else { grouped(keys, &weights) }
}

fn counted(end: u64, items: impl Iterator<Item = (u64, u32)>) -> Vec<(u64, u64)> {
    let mut seen = vec![(0_u32, 0_u64); usize::try_from(end).expect("few keys")];
    for (key, weight) in items {
        let (rows, sum) = &mut seen[usize::try_from(key).expect("a key below the end")];
        *rows += 1;
        *sum += u64::from(weight);
    }
    (0..).zip(seen).filter(|(_, (rows, _))| *rows > 0).map(|(key, (_, sum))| (key, sum)).collect()
}

fn grouped(keys: Vec<u64>, weights: &[u32]) -> Vec<(u64, u64)> {
    let sorted = keys.is_sorted();
    let mut column = UInt64Chunked::from_vec(PlSmallStr::EMPTY, keys);
    if sorted {
        column.set_sorted_flag(IsSorted::Ascending);
    }
    let groups = column.group_tuples(false, false).expect("a column of numbers can be grouped");
    let key = |row: u32| column.get(row as usize).expect("a group holds rows of its column");
    let sum = |rows: &mut dyn Iterator<Item = u32>| rows.map(|row| u64::from(weights[row as usize])).sum();
    let mut tally: Vec<(u64, u64)> = groups
        .iter()
        .map(|group| match group {
            GroupsIndicator::Idx((first, rows)) => (key(first), sum(&mut rows.iter().copied())),
            GroupsIndicator::Slice([first, len]) => (key(first), sum(&mut (first..first + len))),
        })
        .collect();
    tally.sort_unstable();
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_and_a_hash_table_count_the_same() {
        let weights: Vec<u32> = (0..500).map(|row| row % 7).collect();
        for keys in [(0..500_u64).map(|row| row * 31 % 40).collect::<Vec<_>>(), (0..500_u64).map(|row| row / 20).collect()] {
            let items = || keys.iter().copied().zip(weights.iter().copied());
            assert_eq!(counted(40, items()), grouped(keys.clone(), &weights));
            assert_eq!(tally(40, items()), tally(u64::MAX, items()));
        }
    }
}
