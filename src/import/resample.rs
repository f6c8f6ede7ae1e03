//! Coarser steps: buckets of a step that starts where people expect it, as sums of finer ones.
//!
//! Days start at midnight of the zone, shorter buckets at multiples of the step from the midnight of the first day, longer ones on the
//! first whole day. A part belongs to the bucket its start lies in. A bucket with a part missing is missing.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::time::{Grid, Step};

/// Values and regressors per bucket.
pub(super) struct Cells {
    pub(super) values: Vec<Option<f64>>,
    pub(super) regressors: Vec<(String, Vec<Option<f64>>)>,
}

impl Cells {
    /// Nothing in any bucket.
    pub(super) fn empty(len: usize, regressors: &[(String, Vec<f64>)]) -> Self {
        Self { values: vec![None; len], regressors: regressors.iter().map(|(name, _)| (name.clone(), vec![None; len])).collect() }
    }
}

/// Where a part before the first and one after the last would start: what the file begins or ends in is not whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edges {
    pub(super) before: Timestamp,
    pub(super) after: Timestamp,
}

/// Sums of values and means of regressors over buckets of a step; `None` when no bucket is whole.
pub(super) fn sum(stamps: &[Timestamp], cells: &Cells, edges: Edges, step: Step, zone: &TimeZone) -> Option<(Grid, Cells)> {
    let origin = Origin::of(stamps[0], edges, step, zone)?;
    let buckets: Vec<Option<usize>> = stamps.iter().map(|at| origin.bucket(*at)).collect();
    let len = buckets.last().copied().flatten()? + 1;
    let grid = Grid::new(origin.start.to_zoned(zone.clone()), step, len);
    // The first day may begin long before the first part; parts before the origin have no bucket.
    let first = buckets.iter().flatten().next().copied()?;
    let begun = first + usize::from(edges.before >= grid.stamp(first).timestamp());
    let ended = usize::from(edges.after < grid.end(len - 1).timestamp());
    if begun + ended >= len {
        return None;
    }
    let whole = begun..len - ended;
    let values = sums(&cells.values, &buckets, len)[whole.clone()].to_vec();
    let regressors =
        cells.regressors.iter().map(|(name, parts)| (name.clone(), means(parts, &buckets, len)[whole.clone()].to_vec())).collect();
    // Rebuilt from its own first stamp, so that equal grids print and serialise alike.
    let grid = Grid::new(grid.stamp(whole.start), step, whole.len());
    Some((grid, Cells { values, regressors }))
}

/// Where buckets are counted from.
struct Origin<'a> {
    start: Timestamp,
    date: Date,
    step: Step,
    zone: &'a TimeZone,
}

impl<'a> Origin<'a> {
    fn of(first: Timestamp, edges: Edges, step: Step, zone: &'a TimeZone) -> Option<Self> {
        let midnight = |date: Date| date.to_zoned(zone.clone()).ok().map(|start| start.timestamp());
        let date = zone.to_datetime(first).date();
        let begun = edges.before >= midnight(date)?;
        let date = if begun && step > Step::DAY { date.checked_add(1.day()).ok()? } else { date };
        Some(Self { start: midnight(date)?, date, step, zone })
    }

    /// The bucket an instant lies in; `None` before the origin.
    fn bucket(&self, at: Timestamp) -> Option<usize> {
        let (from_start, width) = if self.step.is_daily() {
            let days = (self.zone.to_datetime(at).date() - self.date).get_days();
            (i64::from(days), self.step.seconds() / Step::DAY.seconds())
        } else {
            (at.as_second() - self.start.as_second(), self.step.seconds())
        };
        usize::try_from(from_start.div_euclid(width)).ok()
    }
}

/// Per bucket the sum of its parts; missing when there is none or one is missing.
fn sums(parts: &[Option<f64>], buckets: &[Option<usize>], len: usize) -> Vec<Option<f64>> {
    let mut sums: Vec<Option<Option<f64>>> = vec![None; len];
    for (part, bucket) in parts.iter().zip(buckets) {
        if let Some(sum) = bucket.map(|bucket| &mut sums[bucket]) {
            *sum = Some(match sum {
                None => *part,
                Some(before) => before.zip(*part).map(|(before, part)| before + part).filter(|sum| sum.is_finite()),
            });
        }
    }
    sums.into_iter().map(Option::flatten).collect()
}

/// Per bucket the mean of the parts there are.
fn means(parts: &[Option<f64>], buckets: &[Option<usize>], len: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); len];
    for (part, bucket) in parts.iter().zip(buckets) {
        if let (Some(part), Some(bucket)) = (part, bucket) {
            sums[*bucket].0 += part;
            sums[*bucket].1 += 1.0;
        }
    }
    sums.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect()
}
