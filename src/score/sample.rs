//! Files drawn again: intervals of metrics and of differences, by the bootstrap over scenario files.
//!
//! The unit is the file: its seeds and series are alike and move together. Faulted and fault-free files are drawn apart. Two models are
//! compared on the same draws of the files that both were judged on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Tally};
use super::{Formula, List, Metric};
use crate::seed::Seed;
use crate::stats::bootstrap::{Distribution, Interval, Resampling};
use crate::stats::quantile;

/// Below so many files no interval is stated.
pub const MIN_FILES: usize = 20;
/// Below so many files an interval is flagged.
pub const FEW_FILES: usize = 40;
/// Resamples behind an interval.
pub const RESAMPLES: usize = 2000;
/// Confidence of an interval.
pub const LEVEL: f64 = 0.95;

/// What one file adds to a model's numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileCounts {
    /// Whether the file declares a fault: its stratum.
    pub faulted: bool,
    /// Its sums.
    pub counts: Counts,
}

impl FileCounts {
    /// Whether a job of the file was judged. A file that failed as a whole is left out, never counted as zero.
    #[must_use]
    pub const fn is_judged(&self) -> bool {
        self.counts.tally.jobs > 0
    }
}

/// The counts of one model, by file id.
pub type Files = BTreeMap<String, FileCounts>;

/// A number with what is known of its spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: Option<f64>,
    /// Its interval, where there are enough files.
    pub interval: Option<Interval>,
    /// Files it rests on.
    pub files: usize,
}

impl Estimate {
    fn new(distribution: &Distribution, files: usize) -> Self {
        let interval = if files < MIN_FILES { None } else { distribution.bca(LEVEL) };
        Self { value: distribution.point, interval, files }
    }

    /// Whether the interval rests on few files.
    #[must_use]
    pub fn is_flagged(&self) -> bool {
        self.interval.is_some() && self.files < FEW_FILES
    }
}

/// Files of one model, laid out for fast sums.
struct Sample<'a> {
    files: Vec<&'a Counts>,
    /// Values of each list with their file, sorted.
    lists: [Vec<(f64, usize)>; List::ALL.len()],
}

impl<'a> Sample<'a> {
    fn new(files: Vec<&'a Counts>) -> Self {
        let lists = List::ALL.map(|list| {
            let of_file =
                |(unit, counts): (usize, &&'a Counts)| list.of(counts).iter().map(move |&value| (value, unit)).collect::<Vec<_>>();
            let mut values: Vec<(f64, usize)> = files.iter().enumerate().flat_map(of_file).collect();
            values.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            values
        });
        Self { files, lists }
    }

    fn tally(&self, weights: &[u32]) -> Tally {
        let mut total = Tally::default();
        for (counts, &weight) in self.files.iter().zip(weights) {
            if weight > 0 {
                total.add_times(&counts.tally, u64::from(weight));
            }
        }
        total
    }

    /// The metric of the files, file `i` standing `weights[i]` times; `tally` is their sum.
    fn value(&self, metric: &Metric, weights: &[u32], tally: &Tally) -> Option<f64> {
        match metric.formula {
            Formula::Sums(of) => of(tally).value(),
            Formula::Quantile(list, q) => quantile::repeated(&self.lists[list as usize], weights, q),
            Formula::Mean(list) => {
                let (mut sum, mut count) = (0.0, 0_u64);
                for &(value, unit) in &self.lists[list as usize] {
                    sum += value * f64::from(weights[unit]);
                    count += u64::from(weights[unit]);
                }
                (count > 0).then(|| sum / count as f64)
            }
        }
    }
}

fn resampling<'a>(files: impl Iterator<Item = &'a FileCounts>) -> Resampling {
    let strata: Vec<usize> = files.map(|file| usize::from(file.faulted)).collect();
    // One fixed seed: whoever computes an interval of the same files again gets the same one.
    Resampling::stratified(&strata, RESAMPLES, Seed::derive(["score", "bootstrap"]))
}

/// Estimates of several metrics of one model, over the same draws.
#[must_use]
pub fn estimates(files: &Files, metrics: &[Metric]) -> Vec<Estimate> {
    let judged: Vec<&FileCounts> = files.values().filter(|file| file.is_judged()).collect();
    if judged.is_empty() {
        return vec![Estimate { value: None, interval: None, files: 0 }; metrics.len()];
    }
    let sample = Sample::new(judged.iter().map(|file| &file.counts).collect());
    let distributions = resampling(judged.iter().copied()).distributions(metrics.len(), &mut |weights, out| {
        let tally = sample.tally(weights);
        for (value, metric) in out.iter_mut().zip(metrics) {
            *value = sample.value(metric, weights, &tally);
        }
    });
    let behind = |metric: &Metric| judged.iter().filter(|file| metric.over.holds(&file.counts.tally)).count();
    std::iter::zip(&distributions, metrics).map(|(distribution, metric)| Estimate::new(distribution, behind(metric))).collect()
}

/// How much worse `after` is than `before` by a metric, on the files both were judged on.
#[must_use]
pub fn paired_drop(before: &Files, after: &Files, metric: &Metric) -> Estimate {
    let common: Vec<(&FileCounts, &FileCounts)> = before
        .iter()
        .filter_map(|(id, file)| Some((file, after.get(id)?)))
        .filter(|(before, after)| before.is_judged() && after.is_judged())
        .collect();
    let old = Sample::new(common.iter().map(|(before, _)| &before.counts).collect());
    let new = Sample::new(common.iter().map(|(_, after)| &after.counts).collect());
    let distribution = resampling(common.iter().map(|(before, _)| *before)).distribution(&mut |weights| {
        let old = old.value(metric, weights, &old.tally(weights))?;
        let new = new.value(metric, weights, &new.tally(weights))?;
        Some(metric.drop(old, new))
    });
    let speaks =
        |(before, after): &&(&FileCounts, &FileCounts)| metric.over.holds(&before.counts.tally) || metric.over.holds(&after.counts.tally);
    Estimate::new(&distribution, common.iter().filter(speaks).count())
}

/// Per file whose counts differ: how much of the drop is gone when that file alone is put back to its earlier counts. `None` where the
/// metric has no value then or now.
#[must_use]
pub fn put_back<'a>(before: &Files, after: &'a Files, metric: &Metric) -> Vec<(&'a str, Option<f64>)> {
    let pairs: Vec<(&str, &FileCounts, &FileCounts)> =
        after.iter().filter_map(|(id, new)| Some((id.as_str(), before.get(id)?, new))).collect();
    // Units 0..n stand for the files as they are now, n..2n for the same files as they were.
    let n = pairs.len();
    let now = pairs.iter().map(|(_, _, new)| &new.counts);
    let sample = Sample::new(now.chain(pairs.iter().map(|(_, old, _)| &old.counts)).collect());
    let mut weights: Vec<u32> = (0..2 * n).map(|unit| u32::from(unit < n)).collect();
    let value = |weights: &[u32]| sample.value(metric, weights, &sample.tally(weights));
    let now = value(&weights);
    let mut found = Vec::new();
    for (unit, (id, _, _)) in pairs.iter().enumerate().filter(|(_, (_, old, new))| old.counts != new.counts) {
        (weights[unit], weights[n + unit]) = (0, 1);
        found.push((*id, now.zip(value(&weights)).map(|(now, put_back)| metric.drop(put_back, now))));
        (weights[unit], weights[n + unit]) = (1, 0);
    }
    found
}
