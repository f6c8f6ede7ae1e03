//! `fetch_ticket_samples`: tickets of a day as a person reads them.

use std::ops::Range;

use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{read, schema};
use super::fetch_ticket_stats::tickets;
use super::rejection::{Rejection, answer};
use super::reply::{SampledTicket, TicketSamples};
use super::{AsOf, Tool, ToolReply};
use crate::data::ticket::TicketTable;
use crate::seed::Seed;

/// The largest sample.
const LARGEST: i64 = 100;
/// A diverse sample is chosen among this many tickets drawn at random, so that a day of any size takes the same time.
const CANDIDATES: usize = 400;

/// The tool.
pub(super) struct FetchTicketSamples;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The day, YYYY-MM-DD.
    date: String,
    /// How many tickets at most.
    #[serde(default = "twenty")]
    limit: i64,
    #[serde(default)]
    strategy: Strategy,
}

/// Which tickets to take.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    /// Any, each as likely as the others.
    #[default]
    Random,
    /// The last ones before now.
    Recent,
    /// Ones that differ in attributes and tags.
    Diverse,
}

const fn twenty() -> i64 {
    20
}

impl Tool for FetchTicketSamples {
    fn name(&self) -> &'static str {
        "fetch_ticket_samples"
    }
    fn about(&self) -> &'static str {
        "Tickets of a day with their texts: drawn at random, the most recent, or ones that differ from each other."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| samples(seen, &arguments, seed)))
    }
}

fn samples(seen: &AsOf<'_>, arguments: &Arguments, seed: Seed) -> Result<TicketSamples, Rejection> {
    let (table, visible) = tickets(seen)?;
    let day = seen.day("date", &arguments.date)?;
    let limit = usize::try_from(arguments.limit).ok().filter(|_| (1..=LARGEST).contains(&arguments.limit));
    let limit =
        limit.ok_or_else(|| Rejection::new(format!("`limit` is {}, allowed are 1 to {LARGEST}", arguments.limit)).hint("20 is usual"))?;
    let rows = seen.rows(&visible, &(day..day + 1));
    let (strategy, mut chosen) = match arguments.strategy {
        Strategy::Random => ("random", shuffled(&rows, limit, seed)),
        Strategy::Recent => ("recent", (rows.end.saturating_sub(limit).max(rows.start)..rows.end).collect()),
        Strategy::Diverse => ("diverse", diverse(table, shuffled(&rows, CANDIDATES, seed), limit)),
    };
    chosen.sort_unstable();
    Ok(TicketSamples {
        date: seen.date(day).to_string(),
        strategy: strategy.to_owned(),
        of: rows.len() as u64,
        tickets: chosen.into_iter().map(|row| ticket(seen, table, visible.source.at[row], row)).collect(),
    })
}

fn shuffled(rows: &Range<usize>, limit: usize, seed: Seed) -> Vec<usize> {
    let mut rows: Vec<usize> = rows.clone().collect();
    let (chosen, _) = rows.partial_shuffle(&mut seed.child("rows").rng(), limit);
    chosen.to_vec()
}

/// Greedy spread: each time the candidate whose values and tags have been taken least, the first drawn among equals.
fn diverse(table: &TicketTable, mut candidates: Vec<usize>, limit: usize) -> Vec<usize> {
    let mut taken: Vec<Vec<u32>> = table.columns.iter().map(|column| vec![0; column.values.len()]).collect();
    let mut tags = vec![0_u32; table.tag_names.len()];
    let mut chosen = Vec::with_capacity(limit.min(candidates.len()));
    while chosen.len() < limit && !candidates.is_empty() {
        let seen = |row: usize| -> u32 {
            let values = table.columns.iter().zip(&taken).map(|(column, taken)| taken[usize::from(column.codes[row])]);
            values.chain(bits(table.tags[row]).map(|bit| tags[bit])).sum()
        };
        let place = (0..candidates.len()).min_by_key(|&place| seen(candidates[place])).expect("there is a candidate");
        let row = candidates.remove(place);
        table.columns.iter().zip(&mut taken).for_each(|(column, taken)| taken[usize::from(column.codes[row])] += 1);
        bits(table.tags[row]).for_each(|bit| tags[bit] += 1);
        chosen.push(row);
    }
    chosen
}

fn bits(bits: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |bit| bits >> bit & 1 == 1)
}

fn ticket(seen: &AsOf<'_>, table: &TicketTable, at: i64, row: usize) -> SampledTicket {
    let text = seen.prepared().archive.texts.as_ref().map(|texts| texts.text(row));
    let (subject, body) = text.map(|text| (text.subject, text.body)).unzip();
    SampledTicket {
        id: table.ids[row],
        created_at: seen.second(at),
        attributes: table.columns.iter().map(|column| (column.name.clone(), column.value(row).to_owned())).collect(),
        tags: table.tags_of(row).map(str::to_owned).collect(),
        subject,
        body,
    }
}
