//! The volume of a metric: what was expected of the window, and how far from its level a day strays when nothing happens.
//!
//! The level of a day is the median of the same weekday of the four weeks before, so that a past outlier or holiday does not move it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::Halt;
use super::super::days::{Days, between, day_of, shift};
use super::super::likelihood::{Cell, Noise, scaled};
use super::super::look::{Look, Seen};
use crate::tool::reply::{QueryMetric, Scope};

/// Days of history that a level and its spread are taken from.
pub(super) const HISTORY: i64 = 91;
/// Days that the shares of segments are compared with.
const BASELINE: i64 = 28;
/// No history is so short or so smooth that totals are known better than this.
const LEAST_SD: f64 = 0.02;

/// A metric, day by day.
pub(super) struct History {
    pub(super) metric: String,
    pub(super) call: String,
    values: BTreeMap<Date, Option<f64>>,
    /// The last day and the share of it that is over, with the relative sd of that share.
    today: (Date, f64, f64),
}

/// A window of a metric against its baseline.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) window: Days,
    pub(super) baseline: Days,
    /// All of it.
    pub(super) all: Cell,
    /// Days of the window on which something was recorded.
    pub(super) recorded: f64,
    pub(super) noise: Noise,
}

impl History {
    /// Reads the last months of a metric; nothing if there is nothing to see.
    pub(super) fn read(
        look: &mut Look<'_, '_>,
        metric: &str,
        filters: &Scope,
        until: Date,
        share: (f64, f64),
    ) -> Result<Option<Self>, Halt> {
        let seen = look.daily(metric, Days::ending(until, HISTORY), filters)?;
        Ok(seen.map(|seen| Self::new(metric, seen, (until, share.0, share.1))))
    }

    fn new(metric: &str, seen: Seen<QueryMetric>, today: (Date, f64, f64)) -> Self {
        let values = seen.reply.by_day.iter().filter_map(|day| Some((day_of(&day.date)?, day.value))).collect();
        Self { metric: metric.to_owned(), call: seen.call, values, today }
    }

    /// The value of a day; nothing where nothing was recorded.
    pub(super) fn value(&self, day: Date) -> Option<f64> {
        self.values.get(&day).copied().flatten()
    }

    /// Whether the day lies within the history and nothing was recorded on it.
    pub(super) fn is_missing(&self, day: Date) -> bool {
        self.values.get(&day).is_some_and(Option::is_none)
    }

    /// The number of the day in the reply.
    pub(super) fn place(&self, day: Date) -> usize {
        self.values.range(..day).count()
    }

    /// The share of the last day that is over, with the relative sd of that share.
    pub(super) const fn today_share(&self) -> (f64, f64) {
        (self.today.1, self.today.2)
    }

    /// The log likelihood ratio of a step: days from the onset on scaled by one factor, those before it not.
    pub(super) fn step(&self, first: Date, onset: Date, last: Date, rises: bool) -> f64 {
        let days = (0..=between(onset, last)).map(|at| shift(onset, at));
        let cell = days
            .filter_map(|day| Some((self.value(day)?, self.level(day, first)? * self.share(day))))
            .fold(Cell::default(), |sum, (value, level)| Cell { current: sum.current + value, expected: sum.expected + level });
        if cell.expected <= 0.0 || (cell.change() >= 0.0) != rises {
            return f64::NEG_INFINITY;
        }
        if cell.current <= 0.0 {
            cell.expected
        } else {
            cell.current * libm::log(cell.current / cell.expected) - cell.current + cell.expected
        }
    }

    fn share(&self, day: Date) -> f64 {
        if day == self.today.0 { self.today.1 } else { 1.0 }
    }

    /// The level of a day, from the four latest weeks before another day.
    pub(super) fn level(&self, day: Date, before: Date) -> Option<f64> {
        let mut same: Vec<f64> =
            (1..=12).map(|week| shift(day, -7 * week)).filter(|day| *day < before).filter_map(|day| self.value(day)).take(4).collect();
        same.sort_by(f64::total_cmp);
        let middle = same.len() / 2;
        match same.len() {
            0 => None,
            len if len % 2 == 1 => Some(same[middle]),
            _ => Some(0.5 * (same[middle - 1] + same[middle])),
        }
    }

    /// How far the logarithm of a day lies from its level when nothing happens, Poisson noise included.
    pub(super) fn sd(&self, before: Date) -> f64 {
        let mut distances: Vec<f64> = (1..=42)
            .map(|back| shift(before, -back))
            .filter_map(|day| Some((self.value(day)?, self.level(day, day)?)))
            .filter(|(value, level)| *value > 0.0 && *level > 0.0)
            .map(|(value, level)| libm::log(value / level).abs())
            .collect();
        distances.sort_by(f64::total_cmp);
        if distances.len() < 7 {
            return 0.15;
        }
        // 1.4826 makes the median of absolute deviations a normal sd.
        let robust = 1.4826 * distances[distances.len() / 2];
        let trimmed = &distances[..distances.len() * 9 / 10];
        let plain = (trimmed.iter().map(|d| d * d).sum::<f64>() / trimmed.len() as f64).sqrt() / 0.79;
        robust.max(plain).max(LEAST_SD)
    }

    /// A day in sds from its level; `before` bounds the days that count as normal.
    pub(super) fn z(&self, day: Date, before: Date) -> Option<f64> {
        let (value, level) = (self.value(day)?, self.level(day, before)? * self.share(day));
        let sd = self.sd(before).hypot(if day == self.today.0 { self.today.2 } else { 0.0 });
        (level > 0.0).then(|| libm::log((value + 0.5) / (level + 0.5)) / sd)
    }

    /// A window of this history, if anything was recorded in it and before it.
    pub(super) fn volume(&self, window: Days) -> Option<Volume> {
        let days = || (0..window.len()).map(|at| shift(window.from, at));
        let baseline = window.before(BASELINE);
        let seen: Vec<(Date, f64, f64)> =
            days().filter_map(|day| Some((day, self.value(day)?, self.level(day, window.from)? * self.share(day)))).collect();
        let all = seen
            .iter()
            .fold(Cell::default(), |sum, (_, value, level)| Cell { current: sum.current + value, expected: sum.expected + level });
        if seen.is_empty() || all.expected <= 0.0 {
            return None;
        }
        let recorded = seen.len() as f64;
        let partial: f64 = seen.iter().filter(|(day, ..)| *day == self.today.0).map(|(_, _, level)| level * self.today.2).sum();
        let sd = self.sd(window.from);
        let poisson = recorded / all.expected;
        let shared = (sd * sd - poisson).max(0.25 * sd * sd) / recorded + (partial / all.expected).powi(2) + LEAST_SD * LEAST_SD / 4.0;
        let noise = Noise { dispersion: 1.0 + recorded / BASELINE as f64, shared_sd: shared.sqrt() };
        Some(Volume { window, baseline, all, recorded, noise })
    }
}

impl Volume {
    /// How much more likely it is that everything was scaled than that nothing happened.
    pub(super) fn total_moved(&self) -> f64 {
        scaled(self.all, self.all, self.noise)
    }

    /// The total in sds from its expectation.
    pub(super) fn z(&self) -> f64 {
        let poisson = self.noise.dispersion / self.all.expected.max(1.0);
        libm::log((self.all.current + 0.5) / (self.all.expected + 0.5)) / (self.noise.shared_sd.powi(2) + poisson).sqrt()
    }
}
