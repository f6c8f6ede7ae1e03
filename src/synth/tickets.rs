//! Tickets: what each of the drawn counts looks like, attribute by attribute.
//!
//! The attributes of normal tickets come from a stream that no fault touches. Columns and their dictionaries have an order drawn per
//! seed; rows stand in order of creation, ties in random order, so that no order tells which ticket a fault caused.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Synthesis;
use super::drawn::DrawnFault;
use super::fault::Action;
use super::sample::{below, index, order};
use crate::data::ticket::{Column, TicketTable};
use crate::scenario::case::Case;
use crate::scenario::dimension::Dimension;

/// A ticket before its place in the table is known.
struct Row {
    second: u32,
    tie: u32,
    cause: Option<usize>,
    codes: Vec<u16>,
    tags: u64,
}

/// All tickets, and per row the fault that caused it.
pub(super) fn table(synthesis: &Synthesis<'_>) -> (TicketTable, Vec<Option<usize>>) {
    let case = &synthesis.scenario.case;
    let mut writer = Writer::new(synthesis);
    let mut normal = synthesis.seed.child("tickets/attributes").rng();
    let mut caused: Vec<ChaCha8Rng> = synthesis.drawn.faults.iter().map(|fault| fault.seed.child("attributes").rng()).collect();
    let mut ties = synthesis.seed.child("tickets/ties").rng();
    let leaves = synthesis.plan.leaves;
    let mut extras = extras_by_cell(synthesis);
    for bucket in 0..case.days.grid.len() {
        let mut rows = Vec::new();
        let length = bucket_seconds(case, bucket);
        for leaf in 0..leaves {
            let cell = bucket * leaves + leaf;
            let lost = synthesis.counts.lost.get(&cell);
            let mut event = 0;
            let mut keep = |row: Row, rows: &mut Vec<Row>| {
                if lost.is_none_or(|lost| lost[event].is_none()) {
                    rows.push(row);
                }
                event += 1;
            };
            for _ in 0..synthesis.counts.base[cell] {
                let look = Look { leaf, skew: &[], tags: None };
                let row = ticket(case, &look, None, length, &mut normal, &mut ties);
                keep(row, &mut rows);
            }
            for (number, count) in extras.remove(&cell).unwrap_or_default() {
                let fault = &synthesis.drawn.faults[number];
                let look = Look { leaf, skew: &fault.fault.skew, tags: fault.fault.tags.as_deref() };
                for _ in 0..count {
                    let mut row = ticket(case, &look, Some(number), length, &mut caused[number], &mut ties);
                    row.second = after(row.second, fault, bucket, length);
                    if matches!(synthesis.plan.faults[number].action, Action::Add(_)) {
                        row.second = u32::try_from(below(&mut caused[number], length as usize)).unwrap_or(0);
                    }
                    keep(row, &mut rows);
                }
            }
        }
        if synthesis.plan.recorded[bucket] {
            rows.sort_by_key(|row| (row.second, row.tie));
            writer.append(bucket, rows);
        }
    }
    writer.finish()
}

type Extras = std::collections::BTreeMap<usize, Vec<(usize, u32)>>;

/// Fault and count per cell, in the order in which losses count them.
fn extras_by_cell(synthesis: &Synthesis<'_>) -> Extras {
    let mut extras = Extras::new();
    for extra in synthesis.counts.extra.iter().filter(|extra| extra.count > 0) {
        extras.entry(extra.bucket * synthesis.plan.leaves + extra.leaf).or_default().push((extra.fault, extra.count));
    }
    extras
}

fn bucket_seconds(case: &Case, bucket: usize) -> u32 {
    let grid = &case.days.grid;
    let seconds = grid.end(bucket).timestamp().as_second() - grid.stamp(bucket).timestamp().as_second();
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// In the first bucket no ticket comes before the change that caused it.
fn after(second: u32, fault: &DrawnFault<'_>, bucket: usize, length: u32) -> u32 {
    if bucket != fault.active.first || fault.not_before >= length {
        return second;
    }
    let share = f64::from(second) / f64::from(length);
    fault.not_before + (share * f64::from(length - fault.not_before)) as u32
}

/// What decides the attributes of a ticket.
struct Look<'a> {
    leaf: usize,
    skew: &'a [(usize, Vec<f64>)],
    tags: Option<&'a [f64]>,
}

fn ticket(case: &Case, look: &Look<'_>, cause: Option<usize>, length: u32, rng: &mut ChaCha8Rng, ties: &mut ChaCha8Rng) -> Row {
    let mut codes = vec![0_u16; case.dimensions.len()];
    for (at, &dim) in case.leaves.dims.iter().enumerate() {
        codes[dim] = case.leaves.all[look.leaf].codes[at];
    }
    // Dimensions stand after those they depend on.
    for (dim, dimension) in case.dimensions.iter().enumerate() {
        if case.leaves.position(dim).is_none() {
            let skewed = look.skew.iter().find(|(skewed, _)| *skewed == dim).map(|(_, shares)| shares.as_slice());
            let shares = skewed.unwrap_or_else(|| given(dimension, &codes));
            codes[dim] = u16::try_from(index(rng, shares)).unwrap_or(0);
        }
    }
    let mut tags = 0;
    for (bit, (_, share)) in case.tags.iter().enumerate() {
        let share = look.tags.map_or(*share, |tags| tags[bit]);
        tags |= u64::from(rng.random::<f64>() < share) << bit;
    }
    Row { second: second(case, length, rng), tie: ties.random(), cause, codes, tags }
}

fn given<'a>(dimension: &'a Dimension, codes: &[u16]) -> &'a [f64] {
    &dimension.shares[dimension.parent.map_or(0, |parent| usize::from(codes[parent]))]
}

/// Seconds after the start of the bucket: by the hours of the desk in a daily bucket, evenly in a shorter one.
fn second(case: &Case, length: u32, rng: &mut ChaCha8Rng) -> u32 {
    let whole = length as usize;
    if !case.days.grid.step().is_daily() {
        return u32::try_from(below(rng, whole)).unwrap_or(0);
    }
    let shares = case.desk.hour.map(|weight| weight / 24.0);
    let day = below(rng, usize::try_from(case.days.grid.step().seconds() / 86_400).unwrap_or(1));
    let second = (day * 24 + index(rng, &shares)) * 3600 + below(rng, 3600);
    // A day on which the clocks change is shorter by up to an hour.
    u32::try_from(second.min(whole.saturating_sub(1))).unwrap_or(0)
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

    fn append(&mut self, bucket: usize, rows: Vec<Row>) {
        for row in rows {
            self.table.ids.push(self.first_id + self.table.ids.len() as u64);
            self.table.buckets.push(u32::try_from(bucket).unwrap_or(u32::MAX));
            self.table.seconds.push(row.second);
            for (column, (dim, map)) in self.table.columns.iter_mut().zip(&self.columns) {
                column.codes.push(map[usize::from(row.codes[*dim])]);
            }
            let moved = self.bits.iter().enumerate().map(|(old, new)| (row.tags >> old & 1) << new);
            self.table.tags.push(moved.fold(0, |bits, bit| bits | bit));
            self.causes.push(row.cause);
        }
    }

    fn finish(self) -> (TicketTable, Vec<Option<usize>>) {
        (self.table, self.causes)
    }
}

fn inverse(places: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; places.len()];
    for (new, &old) in places.iter().enumerate() {
        inverse[old] = new;
    }
    inverse
}
