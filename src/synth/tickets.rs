//! Tickets: what each of the drawn counts looks like, attribute by attribute.
//!
//! The attributes of normal tickets come from a stream that no fault touches. Columns and their dictionaries have an order drawn per
//! seed; rows stand in order of creation, ties in random order, so that no order tells which ticket a fault caused.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Synthesis;
use super::drawn::DrawnFault;
use super::release::earliest;
use super::sample::{below, index, order};
use crate::data::ticket::{Column, TicketTable};
use crate::scenario::case::{Case, Course};
use crate::scenario::dimension::Dimension;

/// A ticket before its place in the table is known; its codes stand in [`Desk::codes`].
struct Row {
    second: u32,
    tie: u32,
    cause: Option<usize>,
    tags: u64,
    codes: usize,
}

/// All tickets, and per row the fault that caused it.
pub(super) fn table(synthesis: &Synthesis<'_>) -> (TicketTable, Vec<Option<usize>>) {
    table_from(synthesis, 0)
}

/// The tickets from a bucket of train on, each as [`table`] makes it, and per row the fault that caused it.
pub(super) fn table_from(synthesis: &Synthesis<'_>, first: usize) -> (TicketTable, Vec<Option<usize>>) {
    let mut desk = Desk::new(synthesis);
    let mut writer = Writer::new(synthesis);
    writer.first_id += desk.skip(first);
    for bucket in first..synthesis.plan.recorded.len() {
        desk.fill(bucket);
        if synthesis.plan.recorded[bucket] {
            desk.rows.sort_by_key(|row| (row.second, row.tie));
            writer.append(bucket, &desk);
        }
    }
    (writer.table, writer.causes)
}

/// Writes the tickets of one bucket after the other, from streams that go on.
struct Desk<'a> {
    synthesis: &'a Synthesis<'a>,
    /// Dimensions that are drawn per ticket, those that others depend on first.
    open: Vec<usize>,
    normal: ChaCha8Rng,
    caused: Vec<ChaCha8Rng>,
    ties: ChaCha8Rng,
    /// Added tickets still to write: fault and count per cell, in the order in which losses count them.
    extras: BTreeMap<usize, Vec<(usize, u32)>>,
    /// Per leaf, the second of the bucket at which its version comes out, where there are releases.
    earliest: Option<Vec<u32>>,
    rows: Vec<Row>,
    codes: Vec<u16>,
}

impl<'a> Desk<'a> {
    fn new(synthesis: &'a Synthesis<'a>) -> Self {
        let case = &synthesis.scenario.case;
        let mut extras: BTreeMap<usize, Vec<(usize, u32)>> = BTreeMap::new();
        for extra in &synthesis.counts.extra {
            extras.entry(extra.bucket * synthesis.plan.leaves + extra.leaf).or_default().push((extra.fault, extra.count));
        }
        Self {
            synthesis,
            open: (0..case.dimensions.len()).filter(|&dim| case.leaves.position(dim).is_none()).collect(),
            normal: synthesis.seed.child("tickets/attributes").rng(),
            caused: synthesis.drawn.faults.iter().map(|fault| fault.seed.child("attributes").rng()).collect(),
            ties: synthesis.seed.child("tickets/ties").rng(),
            extras,
            earliest: None,
            rows: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// Moves all streams past the tickets of the buckets before one, and returns their number. No fault acts in train, so that all of
    /// them are normal ones, and each takes the same number of draws.
    fn skip(&mut self, first: usize) -> u64 {
        let synthesis = self.synthesis;
        let case = &synthesis.scenario.case;
        let leaves = synthesis.plan.leaves;
        let rows = synthesis.counts.base.chunks_exact(leaves).take(first).map(|row| row.iter().map(|count| u64::from(*count)).sum::<u64>());
        let (mut drawn, mut written) = (0, 0);
        for (bucket, tickets) in rows.enumerate() {
            drawn += tickets;
            written += if synthesis.plan.recorded[bucket] { tickets } else { 0 };
        }
        // A day, an hour and a second of it, or only a second: as in `second_of_day`.
        let seconds = if case.days.grid.step().is_daily() { 3 } else { 1 };
        let draws = self.open.len() + case.tags.len() + seconds;
        // A uniform number takes two words of the stream, a tie one.
        let words = u128::from(drawn) * 2 * draws as u128;
        self.normal.set_word_pos(words);
        self.ties.set_word_pos(u128::from(drawn));
        written
    }

    /// The tickets of a bucket. A lost one is drawn too, so that the others look the same without the fault.
    fn fill(&mut self, bucket: usize) {
        self.rows.clear();
        self.codes.clear();
        let synthesis = self.synthesis;
        self.earliest = (!synthesis.releases.is_empty()).then(|| earliest(&synthesis.scenario.case, &synthesis.releases, bucket));
        let length = bucket_seconds(&synthesis.scenario.case, bucket);
        for leaf in 0..synthesis.plan.leaves {
            let cell = bucket * synthesis.plan.leaves + leaf;
            let first = self.rows.len();
            for _ in 0..synthesis.counts.base[cell] {
                self.ticket(leaf, None, bucket, length);
            }
            for (fault, count) in self.extras.remove(&cell).unwrap_or_default() {
                for _ in 0..count {
                    self.ticket(leaf, Some(fault), bucket, length);
                }
            }
            if let Some(lost) = synthesis.counts.lost.get(&cell) {
                let mut event = 0;
                self.rows.retain(|_| {
                    event += 1;
                    event <= first || lost[event - 1 - first].is_none()
                });
            }
        }
    }

    fn ticket(&mut self, leaf: usize, cause: Option<usize>, bucket: usize, length: u32) {
        let case = &self.synthesis.scenario.case;
        let drawn = cause.map(|fault| &self.synthesis.drawn.faults[fault]);
        let rng = cause.map_or(&mut self.normal, |fault| &mut self.caused[fault]);
        let start = self.codes.len();
        self.codes.resize(start + case.dimensions.len(), 0);
        let codes = &mut self.codes[start..];
        for (&dim, &code) in case.leaves.dims.iter().zip(&case.leaves.all[leaf].codes) {
            codes[dim] = code;
        }
        for &dim in &self.open {
            let skew = drawn.and_then(|drawn| drawn.fault.skew.iter().find(|(skewed, _)| *skewed == dim));
            let shares = skew.map_or_else(|| given(&case.dimensions[dim], codes), |(_, shares)| shares);
            codes[dim] = u16::try_from(index(rng, shares)).unwrap_or(0);
        }
        let caused_tags = drawn.and_then(|drawn| drawn.fault.tags.as_deref());
        let mut tags = 0;
        for (bit, (_, share)) in case.tags.iter().enumerate() {
            let share = caused_tags.map_or(*share, |tags| tags[bit]);
            tags |= u64::from(rng.random::<f64>() < share) << bit;
        }
        let second = match drawn {
            Some(fault) => caused_second(case, fault, bucket, length, rng),
            None => {
                let first = self.earliest.as_ref().map_or(0, |first| first[leaf]);
                let second = second_of_day(case, length, rng);
                if first == 0 { second } else { squeezed(second, first, length) }
            }
        };
        self.rows.push(Row { second, tie: self.ties.random(), cause, tags, codes: start });
    }
}

fn given<'a>(dimension: &'a Dimension, codes: &[u16]) -> &'a [f64] {
    &dimension.shares[dimension.parent.map_or(0, |parent| usize::from(codes[parent]))]
}

fn bucket_seconds(case: &Case, bucket: usize) -> u32 {
    let grid = &case.days.grid;
    let seconds = grid.end(bucket).timestamp().as_second() - grid.stamp(bucket).timestamp().as_second();
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Seconds after the start of the bucket: by the hours of the desk in a daily bucket, evenly in a shorter one.
fn second_of_day(case: &Case, length: u32, rng: &mut ChaCha8Rng) -> u32 {
    if !case.days.grid.step().is_daily() {
        return evenly(length, rng);
    }
    let day = below(rng, usize::try_from(case.days.grid.step().seconds() / 86_400).unwrap_or(1));
    // Weights of mean 1 are shares once divided by their number.
    let shares = case.desk.hour.map(|weight| weight / 24.0);
    let second = (day * 24 + index(rng, &shares)) * 3600 + below(rng, 3600);
    // A day on which the clocks change is shorter by up to an hour.
    u32::try_from(second).unwrap_or(u32::MAX).min(length.saturating_sub(1))
}

fn evenly(length: u32, rng: &mut ChaCha8Rng) -> u32 {
    u32::try_from(below(rng, length as usize)).unwrap_or(0)
}

/// Bots know no hours; and in the first bucket no ticket comes before the change that caused it.
fn caused_second(case: &Case, fault: &DrawnFault<'_>, bucket: usize, length: u32, rng: &mut ChaCha8Rng) -> u32 {
    if matches!(fault.fault.course, Course::Add(_)) {
        return evenly(length, rng);
    }
    let second = second_of_day(case, length, rng);
    if bucket == fault.active.first { squeezed(second, fault.not_before, length) } else { second }
}

/// A second of the bucket at the same share of the part after `first`.
fn squeezed(second: u32, first: u32, length: u32) -> u32 {
    if first >= length {
        return second;
    }
    let share = f64::from(second) / f64::from(length);
    first + (share * f64::from(length - first)) as u32
}

/// The table while it is filled.
struct Writer {
    table: TicketTable,
    causes: Vec<Option<usize>>,
    /// Per column: its dimension, and the new code of each old one.
    columns: Vec<(usize, Vec<u16>)>,
    /// The new bit of each old one.
    bits: Vec<usize>,
    first_id: u64,
}

impl Writer {
    fn new(synthesis: &Synthesis<'_>) -> Self {
        let case = &synthesis.scenario.case;
        let mut rng = synthesis.seed.child("order").rng();
        let mut columns = Vec::new();
        let mut maps = Vec::new();
        for dim in order(&mut rng, case.dimensions.len()) {
            let dimension = &case.dimensions[dim];
            let places = order(&mut rng, dimension.values.len());
            let values = places.iter().map(|&old| dimension.values[old].clone()).collect();
            columns.push(Column { name: dimension.name.clone(), values, codes: Vec::new() });
            maps.push((dim, inverse(&places).into_iter().map(|new| u16::try_from(new).unwrap_or(0)).collect()));
        }
        let places = order(&mut rng, case.tags.len());
        let tag_names = places.iter().map(|&old| case.tags[old].0.clone()).collect();
        let table = TicketTable {
            grid: case.days.grid.clone(),
            recorded: synthesis.plan.recorded.clone(),
            ids: Vec::new(),
            buckets: Vec::new(),
            seconds: Vec::new(),
            columns,
            tag_names,
            tags: Vec::new(),
        };
        let first_id = 100_000 + below(&mut rng, 900_000) as u64;
        Self { table, causes: Vec::new(), columns: maps, bits: inverse(&places), first_id }
    }

    fn append(&mut self, bucket: usize, desk: &Desk<'_>) {
        for row in &desk.rows {
            self.table.ids.push(self.first_id + self.table.ids.len() as u64);
            self.table.buckets.push(u32::try_from(bucket).unwrap_or(u32::MAX));
            self.table.seconds.push(row.second);
            for (column, (dim, map)) in self.table.columns.iter_mut().zip(&self.columns) {
                column.codes.push(map[usize::from(desk.codes[row.codes + dim])]);
            }
            let moved = self.bits.iter().enumerate().map(|(old, new)| (row.tags >> old & 1) << new);
            self.table.tags.push(moved.fold(0, |bits, bit| bits | bit));
            self.causes.push(row.cause);
        }
    }
}

fn inverse(places: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; places.len()];
    for (new, &old) in places.iter().enumerate() {
        inverse[old] = new;
    }
    inverse
}
