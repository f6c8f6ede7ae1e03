//! The volume of a metric: what was expected of the window, and how far from its level a day strays when nothing happens.
//!
//! The level of a day is the median of the same weekday of the four weeks before, so that a past outlier or holiday does not move it.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::super::Halt;
use super::super::days::{Days, Hours, between, day_of, shift};
use super::super::likelihood::{Cell, Noise, scaled};
use super::super::look::{Look, Seen};
use crate::tool::reply::{QueryMetric, Range, Scope};

/// Days of history that a level and its spread are taken from.
pub(super) const HISTORY: i64 = 91;
/// Days that the shares of segments are compared with.
const BASELINE: i64 = 28;
/// Days back to the middle of the four weeks that a level is taken from.
const LEVEL_AGE: f64 = 17.5;
/// Days that the drift is taken from.
const DRIFT_DAYS: i64 = 28;
/// Days that the spread is taken from.
const SPREAD_DAYS: i64 = 42;
/// Days back whose same hours are compared: the same weekday first.
const REFERENCES: [i64; 10] = [7, 14, 21, 28, 1, 2, 3, 4, 5, 6];
/// Sds by which a total has risen.
const LEAST_RISE: f64 = 0.3;
/// No history is so short or so smooth that totals are known better than this.
const LEAST_SD: f64 = 0.02;
/// The same for the hours of a day, whose shape is known less well.
const LEAST_HOURLY_SD: f64 = 0.08;

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
    /// As tools are asked for it: these days, or some hours of them.
    pub(super) asked: Range,
    pub(super) baseline: Days,
    /// Days of the baseline on which something was recorded.
    pub(super) baseline_days: f64,
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

    /// The last day.
    pub(super) const fn last(&self) -> Date {
        self.today.0
    }

    /// The share of the last day that is over, with the relative sd of that share.
    pub(super) const fn today_share(&self) -> (f64, f64) {
        (self.today.1, self.today.2)
    }

    /// The log likelihood ratio of a step: days from the onset on scaled by one factor, those before it not.
    pub(super) fn step(&self, first: Date, onset: Date, last: Date, rises: bool) -> f64 {
        let drift = self.drift(first);
        let days = (0..=between(onset, last)).map(|at| shift(onset, at));
        let cell = days
            .filter_map(|day| Some((self.value(day)?, self.expected(day, first, drift)?)))
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

    /// The level of a day with what it has grown since: the last weeks stood over their levels by a drift, and so will this day.
    fn expected(&self, day: Date, before: Date, drift: f64) -> Option<f64> {
        let age = (LEVEL_AGE + between(before, day).max(0) as f64) / LEVEL_AGE;
        Some(self.level(day, before)? * libm::exp(drift * age) * self.share(day))
    }

    /// The median distance, in logarithms, of the last weeks from their levels.
    pub(super) fn drift(&self, before: Date) -> f64 {
        let mut distances = self.distances(before, DRIFT_DAYS);
        distances.sort_by(f64::total_cmp);
        if distances.len() < 10 { 0.0 } else { distances[distances.len() / 2] }
    }

    fn distances(&self, before: Date, days: i64) -> Vec<f64> {
        (1..=days)
            .map(|back| shift(before, -back))
            .filter_map(|day| Some((self.value(day)?, self.level(day, day)?)))
            .filter(|(value, level)| *value > 0.0 && *level > 0.0)
            .map(|(value, level)| libm::log(value / level))
            .collect()
    }

    /// The level of a day, from the same weekday of the four latest weeks before another day; of a history too short for that, from the
    /// latest days whatever weekday they are.
    pub(super) fn level(&self, day: Date, before: Date) -> Option<f64> {
        let mut same: Vec<f64> =
            (1..=12).map(|week| shift(day, -7 * week)).filter(|day| *day < before).filter_map(|day| self.value(day)).take(4).collect();
        if same.is_empty() {
            same = self.values.range(..before).rev().filter_map(|(_, value)| *value).take(7).collect();
        }
        same.sort_by(f64::total_cmp);
        let middle = same.len() / 2;
        match same.len() {
            0 => None,
            len if len % 2 == 1 => Some(same[middle]),
            _ => Some(0.5 * (same[middle - 1] + same[middle])),
        }
    }

    /// How far the logarithm of a day lies from what was expected when nothing happens, Poisson noise included.
    pub(super) fn sd(&self, before: Date) -> f64 {
        let drift = self.drift(before);
        let mut distances: Vec<f64> = self.distances(before, SPREAD_DAYS).into_iter().map(|distance| (distance - drift).abs()).collect();
        distances.sort_by(f64::total_cmp);
        if distances.len() < 7 {
            return 0.15;
        }
        // The largest tenth is left out, and 0.79 is what that does to a normal sd.
        let trimmed = &distances[..distances.len() * 9 / 10];
        let sd = (trimmed.iter().map(|d| d * d).sum::<f64>() / trimmed.len() as f64).sqrt() / 0.79;
        sd.max(LEAST_SD)
    }

    /// A day in sds from what was expected; `before` bounds the days that count as normal.
    pub(super) fn z(&self, day: Date, before: Date) -> Option<f64> {
        let (value, expected) = (self.value(day)?, self.expected(day, before, self.drift(before))?);
        let sd = self.sd(before).hypot(if day == self.today.0 { self.today.2 } else { 0.0 });
        (expected > 0.0).then(|| libm::log((value + 0.5) / (expected + 0.5)) / sd)
    }

    /// A window of this history, if anything was recorded in it and before it.
    pub(super) fn volume(&self, window: Days) -> Option<Volume> {
        let days = || (0..window.len()).map(|at| shift(window.from, at));
        let baseline = window.before(BASELINE);
        let drift = self.drift(window.from);
        let seen: Vec<(Date, f64, f64)> =
            days().filter_map(|day| Some((day, self.value(day)?, self.expected(day, window.from, drift)?))).collect();
        let all = seen
            .iter()
            .fold(Cell::default(), |sum, (_, value, level)| Cell { current: sum.current + value, expected: sum.expected + level });
        if seen.is_empty() || all.expected <= 0.0 {
            return None;
        }
        let recorded = seen.len() as f64;
        let baseline_days = (0..baseline.len()).filter(|at| self.value(shift(baseline.from, *at)).is_some()).count() as f64;
        if baseline_days < 1.0 {
            return None;
        }
        let partial: f64 = seen.iter().filter(|(day, ..)| *day == self.today.0).map(|(_, _, level)| level * self.today.2).sum();
        let sd = self.sd(window.from);
        let poisson = recorded / all.expected;
        let shared = (sd * sd - poisson).max(0.25 * sd * sd) / recorded + (partial / all.expected).powi(2) + LEAST_SD * LEAST_SD / 4.0;
        let noise = Noise { dispersion: 1.0 + recorded / baseline_days, shared_sd: shared.sqrt() };
        Some(Volume { window, asked: window.range(), baseline, baseline_days, all, recorded, noise })
    }

    /// Some hours against the same hours of earlier days, each brought to the level of its weekday.
    pub(super) fn volume_of_hours(&self, look: &mut Look<'_, '_>, hours: Hours) -> Result<Option<Volume>, Halt> {
        let window = hours.days();
        let Some(level) = self.level(window.from, window.from) else { return Ok(None) };
        let Some(current) = look.daily(&self.metric, hours, &Scope::new())?.and_then(|seen| seen.reply.value) else { return Ok(None) };
        let mut same = Vec::new();
        for back in REFERENCES {
            let earlier = hours.days_before(back);
            let Some(seen) = look.daily(&self.metric, earlier, &Scope::new())? else { continue };
            let of_day = self.level(earlier.from.date(), window.from).filter(|of_day| *of_day > 0.0);
            same.extend(seen.reply.value.zip(of_day).map(|(value, of_day)| value * level / of_day));
        }
        let count = same.len() as f64;
        let expected = same.iter().sum::<f64>() / count.max(1.0);
        let baseline = window.before(BASELINE);
        let baseline_days = (0..baseline.len()).filter(|at| self.value(shift(baseline.from, *at)).is_some()).count() as f64;
        if same.len() < 3 || expected <= 0.0 || baseline_days < 1.0 {
            return Ok(None);
        }
        let variance = same.iter().map(|value| (value - expected).powi(2)).sum::<f64>() / (count - 1.0);
        let shared = ((variance - expected) / (expected * expected)).max(LEAST_HOURLY_SD * LEAST_HOURLY_SD);
        let noise = Noise { dispersion: 1.0 + 1.0 / count, shared_sd: shared.sqrt() };
        let all = Cell { current, expected };
        Ok(Some(Volume { window, asked: hours.into(), baseline, baseline_days, all, recorded: window.len() as f64, noise }))
    }
}

impl Volume {
    /// How much more likely it is that everything was scaled than that nothing happened.
    pub(super) fn total_moved(&self) -> f64 {
        scaled(self.all, self.all, self.noise)
    }

    /// Whether there is more than expected: without that, other tickets than usual are a new form and not trouble.
    pub(super) fn has_risen(&self) -> bool {
        self.z() > LEAST_RISE
    }

    /// The total in sds from its expectation.
    pub(super) fn z(&self) -> f64 {
        let poisson = self.noise.dispersion / self.all.expected.max(1.0);
        libm::log((self.all.current + 0.5) / (self.all.expected + 0.5)) / (self.noise.shared_sd.powi(2) + poisson).sqrt()
    }
}
