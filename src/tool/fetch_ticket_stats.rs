//! `fetch_ticket_stats`: the tickets of a day against the days before it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::arguments::{read, schema};
use super::as_of::Visible;
use super::metric::{Cut, Metric};
use super::prepared::Dimension;
use super::rejection::{Rejection, answer};
use super::reply::{ShareChange, TicketStats};
use super::summary::values;
use super::{AsOf, Tool, ToolReply};
use crate::data::ticket::TicketTable;
use crate::seed::Seed;
use crate::stats::two_samples::{mean, sd};

/// The longest baseline.
const LONGEST: i64 = 366;

/// The tool.
pub(super) struct FetchTicketStats;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The day, YYYY-MM-DD.
    date: String,
    /// How many days before it to compare with.
    #[serde(default = "one_week")]
    baseline_days: i64,
}

const fn one_week() -> i64 {
    7
}

impl Tool for FetchTicketStats {
    fn name(&self) -> &'static str {
        "fetch_ticket_stats"
    }
    fn about(&self) -> &'static str {
        "Tickets of a day against the mean of the days before, and how the shares of every attribute and tag moved."
    }
    fn schema(&self) -> Value {
        schema::<Arguments>()
    }
    fn call(&self, seen: &AsOf<'_>, arguments: &Value, _seed: Seed) -> ToolReply {
        answer(read(arguments).and_then(|arguments| stats(seen, &arguments)))
    }
}

fn stats(seen: &AsOf<'_>, arguments: &Arguments) -> Result<TicketStats, Rejection> {
    let (archive, table) = tickets(seen)?;
    let day = seen.day("date", &arguments.date)?;
    let length = usize::try_from(arguments.baseline_days).ok().filter(|_| (1..=LONGEST).contains(&arguments.baseline_days));
    let length = length.ok_or_else(|| {
        Rejection::new(format!("`baseline_days` is {}, allowed are 1 to {LONGEST}", arguments.baseline_days)).hint("a week is 7")
    })?;
    let (today, before) = (day..day + 1, day.saturating_sub(length)..day);
    let cut = Cut::new(seen, Metric::Tickets.name(), [], [])?;
    let count = seen.recorded(&table, day).then(|| seen.rows(&table, &today).len() as u64);
    let baseline: Vec<f64> = values(Metric::Tickets, &cut.total(seen, &before)).collect();
    let baseline_mean = mean(&baseline);
    let increase = count.zip(baseline_mean.filter(|mean| *mean > 0.0)).map(|(count, mean)| (count as f64 / mean - 1.0) * 100.0);
    let (now, then) = (seen.rows(&table, &today), seen.rows(&table, &before));
    let by = |dimension: &Dimension| (dimension.name.clone(), shares(&table, dimension, &now, &then));
    Ok(TicketStats {
        date: seen.date(day).to_string(),
        count,
        baseline_mean,
        baseline_sd: sd(&baseline),
        volume_increase_pct: increase,
        by: table.source.dimensions.iter().map(by).collect::<BTreeMap<_, _>>(),
        tags: tags(archive, now, then),
    })
}

/// The tickets of the archive and what can be seen of them.
pub(super) fn tickets<'a>(seen: &AsOf<'a>) -> Result<(&'a TicketTable, Visible<'a>), Rejection> {
    let archive = seen.prepared().archive.tickets.as_deref();
    archive.zip(seen.table(Metric::Tickets)).ok_or_else(|| Rejection::new("this archive has no tickets"))
}

fn shares(table: &Visible<'_>, dimension: &Dimension, now: &std::ops::Range<usize>, then: &std::ops::Range<usize>) -> Vec<ShareChange> {
    let count = |rows: &std::ops::Range<usize>| {
        let mut counts = vec![0_u64; dimension.values.len()];
        for &code in table.source.frame.select(rows.clone(), &[]).take(dimension.column).iter() {
            counts[code as usize] += 1;
        }
        counts
    };
    changes(&dimension.values, &count(now), &count(then), now.len(), then.len())
}

fn tags(table: &TicketTable, now: std::ops::Range<usize>, then: std::ops::Range<usize>) -> Vec<ShareChange> {
    let count = |rows: std::ops::Range<usize>| {
        let mut counts = vec![0_u64; table.tag_names.len()];
        for &bits in &table.tags[rows] {
            counts.iter_mut().enumerate().for_each(|(bit, count)| *count += bits >> bit & 1);
        }
        counts
    };
    changes(&table.tag_names, &count(now.clone()), &count(then.clone()), now.len(), then.len())
}

/// Values with a ticket on the day or before it, largest first; none on a day without tickets, where no share exists.
fn changes(names: &[String], now: &[u64], then: &[u64], all_now: usize, all_then: usize) -> Vec<ShareChange> {
    if all_now == 0 {
        return Vec::new();
    }
    let change = |((name, &count), &before): ((&String, &u64), &u64)| ShareChange {
        value: name.clone(),
        count,
        share: count as f64 / all_now as f64,
        baseline_share: (all_then > 0).then(|| before as f64 / all_then as f64),
    };
    let present = |((_, now), then): &((&String, &u64), &u64)| **now + **then > 0;
    let mut changes: Vec<ShareChange> = names.iter().zip(now).zip(then).filter(present).map(change).collect();
    changes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    changes
}
