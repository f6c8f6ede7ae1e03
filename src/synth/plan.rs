//! The plan: what is expected of every leaf in every bucket, with and without each fault, before any count is drawn.
//!
//! A negative binomial count is a Poisson one times a gamma factor of variance φ that all leaves of a bucket share, so a sum over
//! leaves with expectation λ has variance λ + φλ². Effect windows follow from these moments alone.

use super::drawn::{Drawn, DrawnFault, Effect};
use super::fault::{Action, Setting, action};
use super::release::{Release, roll_out};
use crate::data::truth::Window;
use crate::scenario::case::Case;
use crate::scenario::dimension::Filter;
use crate::scenario::spec::Dispersion;

/// Expectations of one seed.
pub(super) struct Plan {
    /// Number of leaves.
    pub(super) leaves: usize,
    /// Expected tickets without faults: `leaves` numbers per bucket.
    pub(super) base: Vec<f64>,
    /// Per bucket, whether anything is recorded.
    pub(super) recorded: Vec<bool>,
    /// Variance of the factor of a bucket.
    pub(super) phi: f64,
    /// What each fault does.
    pub(super) faults: Vec<Planned>,
}

/// What one fault does to expectations.
pub(super) struct Planned {
    /// Its first bucket.
    pub(super) first: usize,
    /// What it does from there on.
    pub(super) action: Action,
    /// Per leaf, whether it lies in the scope.
    pub(super) scope: Vec<bool>,
    /// Per leaf, the share of the tickets it adds; absent: in proportion to the normal.
    pub(super) spread: Option<Vec<f64>>,
}

/// Mean and variance of a number in one bucket.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

/// Makes the plan of a drawn case; `level` is the expected total per bucket without events.
pub(super) fn plan(case: &Case, level: &[f64], drawn: &Drawn<'_>, releases: &[Release]) -> Plan {
    let phi = match case.desk.dispersion {
        Dispersion::Poisson => 0.0,
        Dispersion::NegativeBinomial(phi) => phi,
    };
    let leaves = case.leaves.all.len();
    let mut base: Vec<f64> = level.iter().flat_map(|total| case.leaves.all.iter().map(move |leaf| total * leaf.share)).collect();
    roll_out(case, releases, &mut base);
    let mut recorded = vec![true; level.len()];
    // Tickets are filed anew after everything else has decided how many there are.
    let (relabel, other): (Vec<_>, Vec<_>) = drawn.events.iter().partition(|event| matches!(event.effect, Effect::Relabel { .. }));
    for event in other.into_iter().chain(relabel) {
        let active = event.active.first..event.active.end;
        match &event.effect {
            Effect::None => {}
            Effect::Missing => recorded[active].fill(false),
            Effect::Times { scope, factor, .. } => {
                let scope = mask(case, scope);
                each(&mut base, leaves, active, |_, leaf| if scope[leaf] { *factor } else { 1.0 });
            }
            Effect::Mix { dim, factors, .. } => {
                let codes = codes(case, *dim);
                each(&mut base, leaves, active, |_, leaf| factors[usize::from(codes[leaf])]);
            }
            Effect::Growth { per_bucket } => each(&mut base, leaves, active, |at, _| 1.0 + per_bucket * (at + 1) as f64),
            Effect::Relabel { dim, from, to, share } => {
                for (source, target) in moves(case, *dim, *from, *to) {
                    for row in base[active.start * leaves..active.end * leaves].chunks_exact_mut(leaves) {
                        let moved = row[source] * share;
                        row[source] -= moved;
                        row[target] += moved;
                    }
                }
            }
        }
    }
    let faults = drawn.faults.iter().map(|fault| planned(case, fault, &base, phi)).collect();
    Plan { leaves, base, recorded, phi, faults }
}

fn each(base: &mut [f64], leaves: usize, active: std::ops::Range<usize>, factor: impl Fn(usize, usize) -> f64) {
    for (at, row) in base[active.start * leaves..active.end * leaves].chunks_exact_mut(leaves).enumerate() {
        for (leaf, expected) in row.iter_mut().enumerate() {
            *expected *= factor(at, leaf);
        }
    }
}

/// Per leaf, whether a filter matches it.
pub(super) fn mask(case: &Case, filter: &Filter) -> Vec<bool> {
    case.leaves.all.iter().map(|leaf| case.leaves.matches(leaf, filter)).collect()
}

/// Per leaf, its code in a leaf dimension.
fn codes(case: &Case, dim: usize) -> Vec<u16> {
    let at = case.leaves.position(dim).expect("the dimensions of events are leaf dimensions");
    case.leaves.all.iter().map(|leaf| leaf.codes[at]).collect()
}

/// Pairs of leaves that differ in one dimension: from one code to another.
fn moves(case: &Case, dim: usize, from: u16, to: u16) -> Vec<(usize, usize)> {
    let at = case.leaves.position(dim).expect("the dimensions of events are leaf dimensions");
    let all = &case.leaves.all;
    (0..all.len())
        .filter(|&source| all[source].codes[at] == from)
        .filter_map(|source| {
            let mut codes = all[source].codes.clone();
            codes[at] = to;
            all.iter().position(|leaf| leaf.codes == codes).map(|target| (source, target))
        })
        .collect()
}

fn planned(case: &Case, drawn: &DrawnFault<'_>, base: &[f64], phi: f64) -> Planned {
    let scope = mask(case, drawn.scope);
    let leaves = scope.len();
    let (first, end) = (drawn.active.first, drawn.active.end);
    let in_scope = |row: &[f64]| row.iter().zip(&scope).filter(|(_, inside)| **inside).map(|(expected, _)| expected).sum::<f64>();
    let normal: Vec<f64> = base[first * leaves..end * leaves].chunks_exact(leaves).map(in_scope).collect();
    let setting = Setting {
        starts: &case.days.starts[first..end],
        normal: &normal,
        phi,
        weekday: &case.desk.weekday,
        days: case.days.grid.step().seconds() as f64 / 86_400.0,
    };
    let action = action(drawn.fault, &setting, drawn.seed);
    let skews_a_leaf = drawn.fault.skew.iter().any(|(dim, _)| case.leaves.position(*dim).is_some());
    let spread = skews_a_leaf.then(|| {
        let mut shares = case.leaves.shares_with(&case.dimensions, &drawn.fault.skew);
        shares.iter_mut().zip(&scope).for_each(|(share, inside)| *share *= f64::from(u8::from(*inside)));
        let sum: f64 = shares.iter().sum();
        if sum > 0.0 {
            shares.iter_mut().for_each(|share| *share /= sum);
        }
        shares
    });
    Planned { first, action, scope, spread }
}

impl Planned {
    /// Number of buckets in which it acts.
    pub(super) fn len(&self) -> usize {
        match &self.action {
            Action::Scale(values) | Action::Spread(values) | Action::Add(values) => values.len(),
        }
    }

    /// Expected tickets of the scope in a bucket's row of the plan.
    pub(super) fn normal(&self, row: &[f64]) -> f64 {
        row.iter().zip(&self.scope).filter(|(_, inside)| **inside).map(|(expected, _)| expected).sum()
    }

    /// The share of added tickets that falls to a leaf.
    pub(super) fn share(&self, row: &[f64], normal: f64, leaf: usize) -> f64 {
        match &self.spread {
            Some(shares) => shares[leaf],
            None if self.scope[leaf] && normal > 0.0 => row[leaf] / normal,
            None => 0.0,
        }
    }

    /// Moments of a watched series in the fault's bucket `at`, given those without it.
    fn moments(&self, row: &[f64], watched: &[bool], at: usize, phi: f64, twin: Moments) -> Moments {
        let normal = self.normal(row);
        let added = |many: f64| -> f64 {
            many * (0..row.len()).filter(|&leaf| watched[leaf]).map(|leaf| self.share(row, normal, leaf)).sum::<f64>()
        };
        let seen: f64 = (0..row.len()).filter(|&leaf| watched[leaf] && self.scope[leaf]).map(|leaf| row[leaf]).sum();
        match &self.action {
            Action::Scale(factors) => {
                let factor = factors[at];
                let change = if factor > 1.0 { added((factor - 1.0) * normal) } else { (factor - 1.0) * seen };
                moments(twin.mean + change, phi)
            }
            // E[(rest + seen·g)²] of a factor g of mean 1 and variance v is λ² + seen²·v.
            Action::Spread(variances) => Moments { mean: twin.mean, variance: twin.variance + (1.0 + phi) * seen * seen * variances[at] },
            Action::Add(counts) => {
                let extra = added(counts[at]);
                Moments { mean: twin.mean + extra, variance: twin.variance + extra }
            }
        }
    }
}

const fn moments(mean: f64, phi: f64) -> Moments {
    Moments { mean, variance: mean + phi * mean * mean }
}

impl Plan {
    /// Expected tickets per leaf of a bucket.
    pub(super) fn row(&self, bucket: usize) -> &[f64] {
        &self.base[bucket * self.leaves..(bucket + 1) * self.leaves]
    }

    /// Expected tickets of the watched leaves over all recorded buckets, without any fault.
    pub(super) fn total(&self, watched: &[bool]) -> f64 {
        let buckets = (0..self.recorded.len()).filter(|&bucket| self.recorded[bucket]);
        let seen = |bucket| self.row(bucket).iter().zip(watched).filter(|(_, seen)| **seen).map(|(expected, _)| *expected);
        buckets.flat_map(seen).sum()
    }

    /// Where a fault shows on a watched series, and its largest difference in sds of the twin's bucket.
    pub(super) fn effect(&self, fault: usize, watched: &[bool]) -> (Option<Window>, f64) {
        let fault = &self.faults[fault];
        let recorded = (0..fault.len()).filter(|at| self.recorded[fault.first + at]);
        shows(recorded.map(|at| {
            let bucket = fault.first + at;
            let row = self.row(bucket);
            let mean = row.iter().zip(watched).filter(|(_, seen)| **seen).map(|(expected, _)| expected).sum();
            let twin = moments(mean, self.phi);
            (bucket, twin, fault.moments(row, watched, at, self.phi, twin))
        }))
    }
}

/// First to last bucket where a fault shows, given moments without and with it, and its largest difference in sds.
pub(super) fn shows(buckets: impl Iterator<Item = (usize, Moments, Moments)>) -> (Option<Window>, f64) {
    const SDS: f64 = 1.0;
    const SD_FACTOR: f64 = 1.5;
    let mut window: Option<Window> = None;
    let mut peak: f64 = 0.0;
    for (bucket, twin, with) in buckets {
        // A bucket in which nothing is expected has no sd; one ticket stands for it.
        let sd = if twin.variance > 0.0 { twin.variance.sqrt() } else { 1.0 };
        let difference = (with.mean - twin.mean).abs() / sd;
        let ratio = with.variance.sqrt() / sd;
        peak = peak.max(difference);
        if difference >= SDS || ratio >= SD_FACTOR || (ratio > 0.0 && ratio <= 1.0 / SD_FACTOR) {
            window = Some(Window { first: window.map_or(bucket, |window| window.first), last: bucket });
        }
    }
    (window, peak)
}

impl Plan {
    /// Expected tickets of all buckets, with every fault.
    pub(super) fn expected(&self) -> f64 {
        let added = |fault: &Planned| -> f64 {
            let per_bucket = |at: usize| match &fault.action {
                Action::Scale(factors) => (factors[at] - 1.0).max(0.0) * fault.normal(self.row(fault.first + at)),
                Action::Spread(_) => 0.0,
                Action::Add(counts) => counts[at],
            };
            (0..fault.len()).map(per_bucket).sum()
        };
        self.base.iter().sum::<f64>() + self.faults.iter().map(added).sum::<f64>()
    }
}
