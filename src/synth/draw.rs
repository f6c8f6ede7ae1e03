//! The draw: how many tickets each leaf has in each bucket, which ones a fault added, and which ones it took away.
//!
//! The normal tickets come from a stream that no fault touches; a fault adds events from its own stream, or drops existing ones by one
//! uniform each. So the series without the faults, the twin, has the same noise, and what a fault caused is exact.

use std::collections::BTreeMap;

use rand::RngExt;

use super::drawn::Drawn;
use super::fault::Action;
use super::plan::Plan;
use super::sample::{factor, poisson};
use crate::seed::Seed;

/// Tickets that a fault added to one leaf in one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extra {
    pub(super) fault: usize,
    pub(super) bucket: usize,
    pub(super) leaf: usize,
    pub(super) count: u32,
}

/// Counts of one seed.
pub(super) struct Counts {
    /// Normal tickets: `leaves` numbers per bucket.
    pub(super) base: Vec<u32>,
    /// Added tickets, by fault, bucket and leaf.
    pub(super) extra: Vec<Extra>,
    /// By position in `base`: which of its tickets were lost, and to which fault. Normal tickets come first, then the added ones in the
    /// order of `extra`.
    pub(super) lost: BTreeMap<usize, Vec<Option<usize>>>,
}

/// Draws the counts of a plan.
pub(super) fn draw(plan: &Plan, drawn: &Drawn<'_>, seed: Seed) -> Counts {
    let shared = shared_factors(plan, seed);
    let mut rng = seed.child("tickets/count").rng();
    let mut base = Vec::with_capacity(plan.base.len());
    for (row, factor) in plan.base.chunks_exact(plan.leaves).zip(&shared) {
        base.extend(row.iter().map(|expected| poisson(&mut rng, expected * factor)));
    }
    let factors: Vec<Vec<f64>> = plan.faults.iter().zip(&drawn.faults).map(|(fault, drawn)| factors(&fault.action, drawn.seed)).collect();
    let mut extra = Vec::new();
    for (number, drawn) in drawn.faults.iter().enumerate() {
        add(plan, number, &factors[number], &shared, drawn.seed, &mut extra);
    }
    let mut counts = Counts { base, extra, lost: BTreeMap::new() };
    let mut totals: Option<Vec<u32>> = None;
    for (number, drawn) in drawn.faults.iter().enumerate() {
        if factors[number].iter().any(|factor| *factor < 1.0) {
            let totals = totals.get_or_insert_with(|| counts.totals(plan.leaves));
            take(plan, number, &factors[number], totals, drawn.seed, &mut counts.lost);
        }
    }
    counts
}

/// The factor that all leaves of a bucket share.
fn shared_factors(plan: &Plan, seed: Seed) -> Vec<f64> {
    let mut rng = seed.child("tickets/dispersion").rng();
    plan.recorded.iter().map(|_| factor(&mut rng, plan.phi)).collect()
}

/// What a fault multiplies its scope by, per bucket; empty for one that adds regardless.
fn factors(action: &Action, seed: Seed) -> Vec<f64> {
    match action {
        Action::Scale(factors) => factors.clone(),
        Action::Spread(variances) => {
            let mut rng = seed.child("spread").rng();
            variances.iter().map(|variance| factor(&mut rng, *variance)).collect()
        }
        Action::Add(_) => Vec::new(),
    }
}

fn add(plan: &Plan, number: usize, factors: &[f64], shared: &[f64], seed: Seed, extra: &mut Vec<Extra>) {
    let fault = &plan.faults[number];
    let mut rng = seed.child("extra").rng();
    for at in 0..fault.len() {
        let bucket = fault.first + at;
        let row = plan.row(bucket);
        let normal = fault.normal(row);
        let expected = match &fault.action {
            Action::Add(counts) => counts[at],
            Action::Scale(_) | Action::Spread(_) => (factors[at] - 1.0) * normal * shared[bucket],
        };
        if expected <= 0.0 {
            continue;
        }
        for leaf in 0..plan.leaves {
            let share = fault.share(row, normal, leaf);
            if share > 0.0 {
                let count = poisson(&mut rng, expected * share);
                extra.push(Extra { fault: number, bucket, leaf, count });
            }
        }
    }
}

fn take(plan: &Plan, number: usize, factors: &[f64], totals: &[u32], seed: Seed, lost: &mut BTreeMap<usize, Vec<Option<usize>>>) {
    let fault = &plan.faults[number];
    let mut rng = seed.child("lost").rng();
    for (at, keep) in factors.iter().enumerate().filter(|(_, keep)| **keep < 1.0) {
        for leaf in (0..plan.leaves).filter(|&leaf| fault.scope[leaf]) {
            let cell = (fault.first + at) * plan.leaves + leaf;
            let events = lost.entry(cell).or_insert_with(|| vec![None; totals[cell] as usize]);
            for event in events {
                let uniform: f64 = rng.random();
                if uniform >= *keep && event.is_none() {
                    *event = Some(number);
                }
            }
        }
    }
}

impl Counts {
    /// Normal and added tickets per cell.
    fn totals(&self, leaves: usize) -> Vec<u32> {
        let mut totals = self.base.clone();
        for extra in &self.extra {
            totals[extra.bucket * leaves + extra.leaf] += extra.count;
        }
        totals
    }

    /// Tickets per bucket in the leaves of a series, without faults.
    pub(super) fn twin(&self, watched: &[bool]) -> Vec<u64> {
        let sum = |row: &[u32]| row.iter().zip(watched).filter(|(_, seen)| **seen).map(|(count, _)| u64::from(*count)).sum();
        self.base.chunks_exact(watched.len()).map(sum).collect()
    }

    /// Tickets per bucket in the leaves of a series, as they were recorded.
    pub(super) fn observed(&self, watched: &[bool]) -> Vec<u64> {
        let mut counts = self.twin(watched);
        for extra in self.extra.iter().filter(|extra| watched[extra.leaf]) {
            counts[extra.bucket] += u64::from(extra.count);
        }
        for (cell, events) in self.lost.iter().filter(|(cell, _)| watched[**cell % watched.len()]) {
            counts[cell / watched.len()] -= events.iter().flatten().count() as u64;
        }
        counts
    }
}
