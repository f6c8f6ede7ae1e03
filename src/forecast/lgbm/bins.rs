//! Bin edges of one column: LightGBM's rules for numerical features without missing values.
//!
//! Zero has a bin of its own. Negative and positive values are cut separately, each side into bins of about equal counts, in proportion to
//! their numbers. An edge is the next float above the midpoint of two neighbours, and neighbours closer than one float apart count as one.
//! Rules read from LightGBM 4.7 (`src/io/bin.cpp`); forced bins, categories and missing values are out of scope.

use super::Lgbm;

/// Values at most this far from 0 count as 0.
const ZERO: f64 = 1e-35;
/// A bin holding this share of all rows is the one LightGBM leaves out of histograms and fills in by subtraction.
const SPARSE: f64 = 0.7;

/// The bins of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bins {
    /// Largest value of each bin; the last is infinite.
    pub upper: Vec<f64>,
    /// The bin whose histogram entry is the leaf's total minus all others; 0 means none, as nothing reads bin 0.
    pub usual: usize,
}

impl Bins {
    /// The bins of a column, or `None` if no split of it could leave enough rows on both sides.
    pub(super) fn of(column: &[f64], settings: &Lgbm) -> Option<Self> {
        let (distinct, counts) = distinct(column);
        let upper = cut(&distinct, &counts, column.len(), settings);
        let bins = Self { upper, usual: 0 };
        let mut filled = vec![0_usize; bins.upper.len()];
        for (value, count) in distinct.iter().zip(&counts) {
            filled[bins.code(*value)] += count;
        }
        splits_enough(&filled, column.len(), settings.min_data_in_leaf).then(|| bins.with_usual(&filled, column.len()))
    }

    /// The bin of a value.
    pub(super) fn code(&self, value: f64) -> usize {
        self.upper.partition_point(|upper| *upper < value)
    }

    fn with_usual(self, filled: &[usize], rows: usize) -> Self {
        let zero = self.code(0.0);
        let most = filled.iter().copied().max().unwrap_or(0);
        let usual = filled.iter().position(|count| *count == most).unwrap_or(0);
        let usual = if (most as f64) / (rows as f64) < SPARSE { zero } else { usual };
        Self { usual, ..self }
    }
}

/// Whether some cut between bins leaves `needed` rows on both sides.
fn splits_enough(filled: &[usize], rows: usize, needed: usize) -> bool {
    let mut left = 0;
    filled[..filled.len() - 1].iter().any(|count| {
        left += count;
        left >= needed && rows - left >= needed
    })
}

/// Distinct values in order, the larger one of two neighbouring floats, with their counts. A column with both signs always lists zero.
fn distinct(column: &[f64]) -> (Vec<f64>, Vec<usize>) {
    let mut sorted: Vec<f64> = column.iter().copied().filter(|value| value.abs() > ZERO).collect();
    sorted.sort_by(f64::total_cmp);
    let zeros = column.len() - sorted.len();
    let negatives = sorted.partition_point(|value| *value < 0.0);
    let (mut values, mut counts): (Vec<f64>, Vec<usize>) = (Vec::new(), Vec::new());
    for (i, value) in sorted.iter().enumerate() {
        if i == negatives && (zeros > 0 || i > 0) {
            values.push(0.0);
            counts.push(zeros);
        } else if i > 0 && *value <= sorted[i - 1].next_up() {
            values[counts.len() - 1] = *value;
            *counts.last_mut().expect("a value came before") += 1;
            continue;
        }
        values.push(*value);
        counts.push(1);
    }
    if negatives == sorted.len() && (zeros > 0 || sorted.is_empty()) {
        values.push(0.0);
        counts.push(zeros);
    }
    (values, counts)
}

/// Upper ends of the bins of a whole column.
fn cut(distinct: &[f64], counts: &[usize], rows: usize, settings: &Lgbm) -> Vec<f64> {
    let below = distinct.partition_point(|value| *value <= -ZERO);
    let above = distinct.partition_point(|value| *value <= ZERO);
    let total = |counts: &[usize]| counts.iter().sum::<usize>();
    let (rows_below, zeros, rows_above) = (total(&counts[..below]), total(&counts[below..above]), total(&counts[above..]));
    let mut upper = Vec::new();
    if below > 0 && settings.max_bin > 1 {
        let share = rows_below as f64 / (rows - zeros) as f64;
        let bins = ((share * (settings.max_bin - 1) as f64) as usize).max(1);
        upper = greedy(&distinct[..below], &counts[..below], bins, rows_below, settings.min_data_in_bin);
        *upper.last_mut().expect("the greedy rule gives at least one bin") = -ZERO;
    }
    let bins = settings.max_bin.saturating_sub(1 + upper.len());
    if above < distinct.len() && bins > 0 {
        upper.push(ZERO);
        upper.extend(greedy(&distinct[above..], &counts[above..], bins, rows_above, settings.min_data_in_bin));
    } else {
        upper.push(f64::INFINITY);
    }
    upper
}

/// The edge between two neighbouring values.
fn edge(low: f64, high: f64) -> f64 {
    f64::midpoint(low, high).next_up()
}

/// Bins of about equal counts over values of one sign.
fn greedy(distinct: &[f64], counts: &[usize], max_bin: usize, rows: usize, min_data_in_bin: usize) -> Vec<f64> {
    let mut upper: Vec<f64> = Vec::new();
    let is_new = |upper: &[f64], edge: f64| upper.last().is_none_or(|last| edge > last.next_up());
    if distinct.len() <= max_bin {
        let mut in_bin = 0;
        for (i, pair) in distinct.windows(2).enumerate() {
            in_bin += counts[i];
            let edge = edge(pair[0], pair[1]);
            if in_bin >= min_data_in_bin && is_new(&upper, edge) {
                upper.push(edge);
                in_bin = 0;
            }
        }
    } else {
        let max_bin = max_bin.min(rows / min_data_in_bin.max(1)).max(1);
        for i in ends(counts, max_bin, rows) {
            let edge = edge(distinct[i], distinct[i + 1]);
            if is_new(&upper, edge) {
                upper.push(edge);
            }
        }
    }
    upper.push(f64::INFINITY);
    upper
}

/// The last value of every bin but the last, for more values than bins: a value with a bin's share of rows gets a bin of its own, the
/// others fill up bins to the mean size of what remains.
fn ends(counts: &[usize], max_bin: usize, rows: usize) -> Vec<usize> {
    let mean = rows as f64 / max_bin as f64;
    let is_big = |i: usize| counts[i] as f64 >= mean;
    let big_rows: usize = (0..counts.len()).filter(|i| is_big(*i)).map(|i| counts[i]).sum();
    let big_bins = (0..counts.len()).filter(|i| is_big(*i)).count();
    let mut rest_rows = rows as f64 - big_rows as f64;
    let mut rest_bins = max_bin as f64 - big_bins as f64;
    let mut size = rest_rows / rest_bins;
    let mut ends = Vec::new();
    let mut in_bin = 0;
    for (i, count) in counts[..counts.len() - 1].iter().enumerate() {
        if !is_big(i) {
            rest_rows -= *count as f64;
        }
        in_bin += count;
        let filled = in_bin as f64;
        if is_big(i) || filled >= size || (is_big(i + 1) && filled >= (size * 0.5).max(1.0)) {
            ends.push(i);
            if ends.len() + 1 >= max_bin {
                break;
            }
            in_bin = 0;
            if !is_big(i) {
                rest_bins -= 1.0;
                size = rest_rows / rest_bins;
            }
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_a_bin_of_its_own_between_the_signs() {
        let column: Vec<f64> = (-30..30).map(f64::from).collect();
        let bins = Bins::of(&column, &Lgbm::default()).expect("sixty values can be split");
        let zero = bins.code(0.0);
        assert_eq!((bins.upper[zero - 1], bins.upper[zero]), (-ZERO, ZERO));
        assert_eq!(bins.usual, zero);
    }

    #[test]
    fn every_bin_but_the_last_of_a_sign_holds_three_rows() {
        let column: Vec<f64> = (1..=60).map(f64::from).collect();
        let bins = Bins::of(&column, &Lgbm::default()).expect("sixty values can be split");
        assert_eq!(bins.upper.len(), 21);
        assert_eq!(bins.upper[1], 3.5_f64.next_up());
    }

    #[test]
    fn neighbouring_floats_are_one_value_and_constants_no_feature() {
        let column: Vec<f64> = (0..40).map(|i| if i % 2 == 0 { 1.0 } else { 1.0_f64.next_up() }).collect();
        assert_eq!(Bins::of(&column, &Lgbm::default()), None);
        assert_eq!(Bins::of(&[0.0; 40], &Lgbm::default()), None);
    }
}
