//! The counts of one metric by scope: those of the window, and what was expected of them. What was asked once is remembered.
//!
//! Expectations are shares of the baseline times what was expected of the whole. Versions are the exception: users move from one to the
//! next, so tickets of a version are expected where its users are, as daily users tell.

use std::collections::BTreeMap;

use super::super::Halt;
use super::super::days::Days;
use super::super::likelihood::{Cell, Noise, mixed, scaled};
use super::super::look::Look;
use super::volume::Volume;
use crate::tool::reply::{GroupValue, QueryMetric, Scope};

/// What a condition more must gain, in log likelihood: about the logarithm of the number of conditions there are.
pub(super) const LAYER: f64 = 3.0;
/// The dimension whose shares move by themselves.
pub(super) const VERSION: &str = "app_version";
/// The dimension that versions belong to.
const PLATFORM: &str = "platform";
/// What a desk writes on a ticket after reading it: never where a fault is, but a sign of one.
const TRIAGE: [&str; 2] = ["priority", "type"];
/// The most that such signs say.
const MOST_SAID: f64 = 6.0;
/// Dimensions whose dispersion is estimated, most promising first.
const ESTIMATED: usize = 4;

/// A value of a dimension in the window.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) value: String,
    pub(super) cell: Cell,
    /// Where its current value stands: call and path.
    pub(super) cited: (String, String),
}

/// Scopes with their counts.
pub(super) type Groups = Vec<(Scope, Cell)>;

/// The counts of one metric.
pub(super) struct Counts {
    pub(super) metric: String,
    pub(super) volume: Volume,
    pub(super) parts: BTreeMap<String, Vec<Part>>,
    /// What the desk wrote on tickets after reading them.
    triage: BTreeMap<String, Vec<Part>>,
    /// Dimensions, most promising first.
    pub(super) order: Vec<String>,
    /// Dispersion of a dimension, where it is not that of the volume.
    uneven: BTreeMap<String, f64>,
    /// Share of a version among the tickets that are expected of a platform, by platform and version.
    adopted: Option<BTreeMap<(String, String), f64>>,
    groups: BTreeMap<(Scope, Vec<String>), Groups>,
}

impl Counts {
    /// Reads every value of every dimension.
    pub(super) fn read(look: &mut Look<'_, '_>, metric: &str, dimensions: &[String], volume: Volume) -> Result<Self, Halt> {
        let mut counts = Self {
            metric: metric.to_owned(),
            volume,
            parts: BTreeMap::new(),
            triage: BTreeMap::new(),
            order: Vec::new(),
            uneven: BTreeMap::new(),
            adopted: None,
            groups: BTreeMap::new(),
        };
        for dimension in dimensions {
            let parts = counts.read_parts(look, dimension)?;
            let of_desk = TRIAGE.contains(&dimension.as_str());
            if parts.len() > 1 {
                if of_desk { &mut counts.triage } else { &mut counts.parts }.insert(dimension.clone(), parts);
            }
        }
        counts.arrange();
        Ok(counts)
    }

    fn arrange(&mut self) {
        let promise = |(name, parts): (&String, &Vec<Part>)| {
            let best = parts.iter().map(|part| self.score(&one(name, &part.value), part.cell)).fold(f64::NEG_INFINITY, f64::max);
            (best, name.clone())
        };
        let mut order: Vec<(f64, String)> = self.parts.iter().map(promise).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        self.order = order.into_iter().map(|(_, name)| name).collect();
    }

    fn read_parts(&self, look: &mut Look<'_, '_>, dimension: &str) -> Result<Vec<Part>, Halt> {
        let Some(seen) = look.segments(&self.metric, dimension, self.volume.asked.clone(), self.volume.baseline)? else {
            return Ok(Vec::new());
        };
        let all = seen.reply.segments.iter().chain(&seen.reply.unchanged);
        let total: f64 = all.clone().map(|segment| segment.baseline.unwrap_or(0.0)).sum();
        let now: f64 = all.clone().map(|segment| segment.current.unwrap_or(0.0)).sum();
        if total <= 0.0 || now <= 0.0 && self.volume.all.current > 0.0 {
            return Ok(Vec::new());
        }
        let days = self.volume.baseline_days;
        let moved = seen.reply.segments.len();
        let mut parts: Vec<Part> = all
            .enumerate()
            .filter(|(_, segment)| dimension != VERSION || segment.baseline.unwrap_or(0.0) * days >= 1.0)
            .map(|(at, segment)| {
                let share = (segment.baseline.unwrap_or(0.0) + 0.5 / days) / (total + 0.5 / days);
                let field = if at < moved { format!("segments.{at}.current") } else { format!("unchanged.{}.current", at - moved) };
                let current = segment.current.unwrap_or(0.0) * self.volume.recorded;
                let cell = Cell { current, expected: share * self.volume.all.expected };
                Part { value: segment.value.clone(), cell, cited: (seen.call.clone(), field) }
            })
            .collect();
        parts.sort_by(|a, b| a.value.cmp(&b.value));
        Ok(parts)
    }

    /// Learns from daily users which versions they run, and expects tickets there.
    pub(super) fn follow_versions(&mut self, look: &mut Look<'_, '_>) -> Result<(), Halt> {
        if !self.parts.contains_key(PLATFORM) {
            return Ok(());
        }
        let dims = [PLATFORM, VERSION];
        let Some(now) = look.groups("dau", self.volume.window, &dims, &Scope::new())? else { return Ok(()) };
        let Some(before) = look.groups("dau", self.volume.baseline, &dims, &Scope::new())? else { return Ok(()) };
        let Some(tickets) = look.groups(&self.metric, self.volume.baseline, &dims, &Scope::new())? else { return Ok(()) };
        let (now, before, tickets) = (shares(&now.reply), shares(&before.reply), shares(&tickets.reply));
        let mut adopted: BTreeMap<(String, String), f64> = BTreeMap::new();
        for (key, users) in &now {
            let had = before.get(key).copied().unwrap_or(0.0);
            // Of a version that was in use, the tickets per user are known.
            let share = if had > 0.005 { tickets.get(key).copied().unwrap_or(0.0) * users / had } else { *users };
            adopted.insert(key.clone(), share);
        }
        let mut totals: BTreeMap<String, f64> = BTreeMap::new();
        adopted.iter().for_each(|((platform, _), share)| *totals.entry(platform.clone()).or_default() += share);
        adopted.iter_mut().for_each(|((platform, _), share)| *share /= totals[platform].max(1e-9));
        self.adopted = Some(adopted);
        let cells = self.by(look, &[VERSION.to_owned()], &Scope::new())?;
        let known = self.parts.remove(VERSION).unwrap_or_default();
        let cited = |value: &str| known.iter().find(|part| part.value == value).map(|part| part.cited.clone()).unwrap_or_default();
        let part = |(mut scope, cell): (Scope, Cell)| {
            let value = scope.remove(VERSION)?;
            Some(Part { cited: cited(&value), value, cell })
        };
        let parts: Vec<Part> = cells.into_iter().filter_map(part).collect();
        if parts.len() > 1 {
            self.parts.insert(VERSION.to_owned(), parts);
        }
        self.arrange();
        Ok(())
    }

    /// Whether expectations follow the versions that users run.
    pub(super) const fn follows_versions(&self) -> bool {
        self.adopted.is_some()
    }

    /// How counts of a scope vary when nothing happens.
    pub(super) fn noise(&self, scope: &Scope) -> Noise {
        let uneven = scope.keys().filter_map(|dimension| self.uneven.get(dimension)).fold(1.0, |a: f64, b| a.max(*b));
        Noise { dispersion: self.volume.noise.dispersion * uneven, ..self.volume.noise }
    }

    /// The log likelihood ratio of a scaled scope.
    pub(super) fn likelihood(&self, scope: &Scope, cell: Cell) -> f64 {
        scaled(cell, self.volume.all, self.noise(scope))
    }

    /// The same less what its conditions cost.
    pub(super) fn score(&self, scope: &Scope, cell: Cell) -> f64 {
        self.likelihood(scope, cell) - LAYER * scope.len() as f64
    }

    /// How much more likely a fault is for what the desk wrote on more tickets than usual: other tickets than on a normal day.
    pub(super) fn signs(&self) -> f64 {
        if !self.volume.has_risen() {
            return 0.0;
        }
        let moved = |parts: &Vec<Part>| {
            let cells: Vec<Cell> = parts.iter().map(|part| part.cell).collect();
            mixed(&cells, self.volume.noise) - 1.5 * (cells.len() - 1) as f64 - LAYER
        };
        self.triage.values().map(moved).fold(0.0, f64::max).min(MOST_SAID)
    }

    /// The best score among single values and everything; versions left out, whose shares move by themselves.
    pub(super) fn best_single(&self) -> f64 {
        let parts =
            self.parts.iter().filter(|(name, _)| *name != VERSION).flat_map(|(name, parts)| parts.iter().map(move |part| (name, part)));
        parts.map(|(name, part)| self.score(&one(name, &part.value), part.cell)).fold(self.volume.total_moved(), f64::max)
    }

    /// How shares vary when nothing happens: the last week before the window against the three before it. A dimension that drifts by
    /// itself gets a dispersion of its own.
    pub(super) fn estimate_dispersion(&mut self, look: &mut Look<'_, '_>, floor: f64) -> Result<(), Halt> {
        let (mut pooled, mut freedom) = (10.0, 10.0);
        let recent = Days::ending(self.volume.baseline.to, 7);
        let before = recent.before(self.volume.baseline.len() - 7);
        let followed = self.adopted.is_some();
        let asked: Vec<String> = self.order.iter().filter(|name| !(followed && *name == VERSION)).take(ESTIMATED).cloned().collect();
        for dimension in asked.into_iter().filter(|_| self.volume.baseline_days >= 21.0) {
            let Some(seen) = look.segments(&self.metric, &dimension, recent, before)? else { continue };
            let all: Vec<(f64, f64)> = seen
                .reply
                .segments
                .iter()
                .chain(&seen.reply.unchanged)
                .map(|segment| (segment.current.unwrap_or(0.0) * 7.0, segment.baseline.unwrap_or(0.0) * 7.0))
                .collect();
            let (current, expected) = all.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            if expected <= 0.0 {
                continue;
            }
            let scale = current / expected;
            let squares: Vec<f64> = all
                .iter()
                .filter(|(_, expected)| expected * scale >= 3.0)
                // The baseline is three weeks and has noise of its own.
                .map(|(current, expected)| (current - scale * expected).powi(2) / (scale * expected * (4.0 / 3.0)))
                .collect();
            let (sum, df) = (squares.iter().sum::<f64>(), squares.len().saturating_sub(1) as f64);
            if df > 0.0 && sum > 4.0 * df {
                self.uneven.insert(dimension, sum / df);
            } else {
                pooled += sum;
                freedom += df;
            }
        }
        self.volume.noise.dispersion *= (pooled / freedom).max(floor);
        Ok(())
    }

    /// Counts by some dimensions within a scope.
    pub(super) fn by(&mut self, look: &mut Look<'_, '_>, dimensions: &[String], within: &Scope) -> Result<Groups, Halt> {
        let key = (within.clone(), dimensions.to_vec());
        if let Some(known) = self.groups.get(&key) {
            return Ok(known.clone());
        }
        let names: Vec<&str> = dimensions.iter().map(String::as_str).collect();
        let Some(now) = look.groups(&self.metric, self.volume.asked.clone(), &names, within)? else { return Ok(Vec::new()) };
        let of_versions = within.contains_key(VERSION) || names.contains(&VERSION);
        let cells = if of_versions && self.adopted.is_some() {
            let current = self.sums(&now.reply, within);
            self.followed(look, dimensions, within, current)?
        } else {
            let Some(before) = look.groups(&self.metric, self.volume.baseline, &names, within)? else { return Ok(Vec::new()) };
            self.cells(&now.reply, &before.reply, within)
        };
        self.groups.insert(key, cells.clone());
        Ok(cells)
    }

    /// Sums of the groups of a reply. Tickets come as sums, the others as means per recorded day.
    fn sums(&self, reply: &QueryMetric, within: &Scope) -> BTreeMap<Scope, f64> {
        let per = if self.metric == "tickets" { 1.0 } else { reply.days as f64 };
        let whole = |group: &GroupValue| {
            let mut scope = group.group.clone();
            scope.extend(within.clone());
            (scope, group.value.unwrap_or(0.0) * per)
        };
        reply.groups.iter().map(whole).collect()
    }

    fn cells(&self, now: &QueryMetric, before: &QueryMetric, within: &Scope) -> Groups {
        let total = self.baseline_total(before, within);
        let (now, before) = (self.sums(now, within), self.sums(before, within));
        let mut cells: BTreeMap<Scope, (f64, f64)> = BTreeMap::new();
        before.into_iter().for_each(|(scope, sum)| cells.entry(scope).or_default().1 += sum);
        now.into_iter().for_each(|(scope, sum)| cells.entry(scope).or_default().0 += sum);
        // A version that nobody had is no part of what was there: nothing of it can be scaled.
        cells.retain(|scope, (_, before)| !scope.contains_key(VERSION) || *before >= 1.0);
        let cell = |(current, before): (f64, f64)| Cell { current, expected: (before + 0.5) / total * self.volume.all.expected };
        cells.into_iter().map(|(scope, sums)| (scope, cell(sums))).collect()
    }

    /// Counts by version and more: expected of each version what its share of users lets expect of the platform.
    fn followed(
        &mut self,
        look: &mut Look<'_, '_>,
        dimensions: &[String],
        within: &Scope,
        current: BTreeMap<Scope, f64>,
    ) -> Result<Groups, Halt> {
        let mut around = within.clone();
        let fixed = around.remove(VERSION);
        let mut rest: Vec<String> = dimensions.iter().filter(|name| *name != VERSION).cloned().collect();
        let asked_platform = around.contains_key(PLATFORM) || rest.iter().any(|name| name == PLATFORM);
        if !asked_platform {
            rest.push(PLATFORM.to_owned());
        }
        let groups = if rest.is_empty() {
            self.seen(look, &around)?.map(|cell| (around.clone(), cell)).into_iter().collect()
        } else {
            self.by(look, &rest, &around)?
        };
        let adopted = self.adopted.as_ref().cloned().unwrap_or_default();
        let mut cells: BTreeMap<Scope, Cell> = BTreeMap::new();
        for (scope, cell) in groups {
            let Some(platform) = scope.get(PLATFORM) else { continue };
            let versions = adopted.iter().filter(|((of, version), _)| of == platform && fixed.as_ref().is_none_or(|only| only == version));
            for ((_, version), share) in versions {
                let mut scope = scope.clone();
                scope.insert(VERSION.to_owned(), version.clone());
                if !asked_platform {
                    scope.remove(PLATFORM);
                }
                cells.entry(scope).or_default().expected += (share * cell.expected).max(0.05);
            }
        }
        cells.iter_mut().for_each(|(scope, cell)| cell.current = current.get(scope).copied().unwrap_or(0.0));
        Ok(cells.into_iter().collect())
    }

    /// All of the baseline, as a sum. A reply without filters holds all of it; for others it follows from the shares of singles.
    fn baseline_total(&self, before: &QueryMetric, within: &Scope) -> f64 {
        let days = if self.metric == "tickets" { 1.0 } else { before.days as f64 };
        let sum = before.groups.iter().filter_map(|group| group.value).sum::<f64>() * days;
        let share = if within.is_empty() { 1.0 } else { self.cell(within).map_or(1.0, |cell| cell.expected / self.volume.all.expected) };
        (sum / share.max(1e-9)).max(1.0)
    }

    /// A scope that was already seen.
    fn cell(&self, scope: &Scope) -> Option<Cell> {
        if scope.is_empty() {
            return Some(self.volume.all);
        }
        if scope.len() == 1 {
            let (dimension, value) = scope.iter().next()?;
            let part = self.parts.get(dimension)?.iter().find(|part| part.value == *value);
            return part.map(|part| part.cell);
        }
        self.groups.values().flatten().find(|(known, _)| known == scope).map(|(_, cell)| *cell)
    }

    /// A scope, by a call if it was not seen yet.
    pub(super) fn seen(&mut self, look: &mut Look<'_, '_>, scope: &Scope) -> Result<Option<Cell>, Halt> {
        if let Some(cell) = self.cell(scope) {
            return Ok(Some(cell));
        }
        let dimensions: Vec<String> = scope.keys().cloned().collect();
        let groups = self.by(look, &dimensions, &Scope::new())?;
        Ok(groups.into_iter().find(|(known, _)| known == scope).map(|(_, cell)| cell))
    }

    /// The values of a dimension within a scope.
    pub(super) fn values(&mut self, look: &mut Look<'_, '_>, parent: &Scope, dimension: &str) -> Result<Vec<(String, Cell)>, Halt> {
        if parent.is_empty() {
            let parts = self.parts.get(dimension).map_or(&[][..], Vec::as_slice);
            return Ok(parts.iter().map(|part| (part.value.clone(), part.cell)).collect());
        }
        let groups = self.by(look, &[dimension.to_owned()], parent)?;
        Ok(groups.into_iter().filter_map(|(mut scope, cell)| Some((scope.remove(dimension)?, cell))).collect())
    }
}

/// Within each platform, the share of each version.
fn shares(reply: &QueryMetric) -> BTreeMap<(String, String), f64> {
    let mut sums: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut totals: BTreeMap<String, f64> = BTreeMap::new();
    for group in &reply.groups {
        let (Some(platform), Some(version), Some(value)) = (group.group.get(PLATFORM), group.group.get(VERSION), group.value) else {
            continue;
        };
        *sums.entry((platform.clone(), version.clone())).or_default() += value;
        *totals.entry(platform.clone()).or_default() += value;
    }
    sums.iter_mut().for_each(|((platform, _), sum)| *sum /= totals[platform].max(1e-9));
    sums
}

/// A scope of one condition.
pub(super) fn one(dimension: &str, value: &str) -> Scope {
    Scope::from([(dimension.to_owned(), value.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_a_version_is_taken_within_its_platform() {
        let group = |platform: &str, version: &str, value: f64| serde_json::json!({"group": {"platform": platform, "app_version": version}, "value": value});
        let reply = serde_json::json!({
            "metric": "dau",
            "range": {"from": "2024-03-10", "to": "2024-03-10"},
            "value": null,
            "days": 1,
            "by_day": [],
            "groups": [group("android", "5.1", 30.0), group("android", "5.2", 10.0), group("ios", "5.1", 200.0)],
            "omitted": 0,
        });
        let reply: QueryMetric = serde_json::from_value(reply).expect("a reply");
        let shares = shares(&reply);
        let of = |platform: &str, version: &str| shares.get(&(platform.to_owned(), version.to_owned())).copied();
        assert_eq!((of("android", "5.1"), of("android", "5.2"), of("ios", "5.1")), (Some(0.75), Some(0.25), Some(1.0)));
        assert_eq!(of("ios", "5.2"), None);
    }
}
