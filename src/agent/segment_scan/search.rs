//! The search for the scope: single values, then pairs and triples of the most promising dimensions, then a descent to the scope whose
//! siblings are all quiet.
//!
//! Values of a symptom (queue, priority, …) often show the excess most without being where it comes from, so the best likelihood alone
//! would describe the tickets and not the cause. What decides is whether the rest of each condition stayed as it was.

use std::collections::BTreeMap;

use super::super::Halt;
use super::super::days::Days;
use super::super::likelihood::{Cell, Noise, alone, factor, mixed, scaled};
use super::super::look::Look;
use super::volume::Volume;
use crate::tool::reply::{GroupValue, QueryMetric, Scope};

/// What a condition more must gain, in log likelihood: about the logarithm of the number of conditions there are.
const LAYER: f64 = 3.0;
/// A scope has at most so many conditions.
const DEEPEST: usize = 3;
/// Dimensions that pairs are made of.
const PAIRED: usize = 4;
/// What a ticket is about rather than who wrote it: such a condition must be clearer than one on users.
const SYMPTOMS: [&str; 4] = ["priority", "type", "queue", "language"];

/// A value of a dimension in the window.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) value: String,
    pub(super) cell: Cell,
    /// Where its relative change stands: call and path.
    pub(super) cited: (String, String),
}

/// A scope that may have moved.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) scope: Scope,
    pub(super) cell: Cell,
    /// Log likelihood ratio less what its conditions cost.
    pub(super) score: f64,
}

/// Shares of a dimension that moved while the total stayed.
#[derive(Debug, Clone)]
pub(super) struct Mix {
    pub(super) dimension: String,
    pub(super) score: f64,
}

/// What the search found on one metric.
pub(super) struct Found {
    pub(super) metric: String,
    pub(super) volume: Volume,
    pub(super) parts: BTreeMap<String, Vec<Part>>,
    /// Best first, at least one: everything.
    pub(super) candidates: Vec<Candidate>,
    /// The scope after the descent, and how likely something moved at all.
    pub(super) best: Candidate,
    pub(super) mix: Option<Mix>,
    /// Dimensions in which one value alone holds the excess.
    pub(super) single_handed: Vec<String>,
}

/// Scopes with their counts.
type Groups = Vec<(Scope, Cell)>;

/// The search on one metric.
pub(super) struct Search<'l, 'a, 'd> {
    look: &'l mut Look<'a, 'd>,
    metric: String,
    volume: Volume,
    parts: BTreeMap<String, Vec<Part>>,
    /// Dimensions, most promising first.
    order: Vec<String>,
    /// Dispersion of a dimension, where it is not that of the volume.
    uneven: BTreeMap<String, f64>,
    groups: BTreeMap<(Scope, Vec<String>), Groups>,
}

impl<'l, 'a, 'd> Search<'l, 'a, 'd> {
    /// Looks at every value of every dimension.
    pub(super) fn singles(look: &'l mut Look<'a, 'd>, metric: &str, dimensions: &[String], volume: Volume) -> Result<Self, Halt> {
        let mut search = Self {
            look,
            metric: metric.to_owned(),
            volume,
            parts: BTreeMap::new(),
            order: Vec::new(),
            uneven: BTreeMap::new(),
            groups: BTreeMap::new(),
        };
        for dimension in dimensions {
            let parts = search.read(dimension, search.volume.window, search.volume.baseline)?;
            if parts.len() > 1 {
                search.parts.insert(dimension.clone(), parts);
            }
        }
        let mut order: Vec<(f64, String)> = search.parts.iter().map(|(name, parts)| (search.promise(name, parts), name.clone())).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        search.order = order.into_iter().map(|(_, name)| name).collect();
        Ok(search)
    }

    fn read(&mut self, dimension: &str, window: Days, baseline: Days) -> Result<Vec<Part>, Halt> {
        let Some(seen) = self.look.segments(&self.metric, dimension, window, baseline)? else { return Ok(Vec::new()) };
        let all = seen.reply.segments.iter().chain(&seen.reply.unchanged);
        let total: f64 = all.clone().map(|segment| segment.baseline.unwrap_or(0.0)).sum();
        let now: f64 = all.clone().map(|segment| segment.current.unwrap_or(0.0)).sum();
        if total <= 0.0 || now <= 0.0 && self.volume.all.current > 0.0 {
            return Ok(Vec::new());
        }
        let days = baseline.len() as f64;
        let moved = seen.reply.segments.len();
        let mut parts: Vec<Part> = all
            .enumerate()
            .map(|(at, segment)| {
                let share = (segment.baseline.unwrap_or(0.0) + 1.0 / days) / (total + 1.0 / days);
                let field = if at < moved { format!("segments.{at}.current") } else { format!("unchanged.{}.current", at - moved) };
                let current = segment.current.unwrap_or(0.0) * self.volume.recorded;
                let cell = Cell { current, expected: share * self.volume.all.expected };
                Part { value: segment.value.clone(), cell, cited: (seen.call.clone(), field) }
            })
            .collect();
        parts.sort_by(|a, b| a.value.cmp(&b.value));
        Ok(parts)
    }

    fn noise(&self, scope: &Scope) -> Noise {
        let uneven = scope.keys().filter_map(|dimension| self.uneven.get(dimension)).fold(1.0, |a: f64, b| a.max(*b));
        Noise { dispersion: self.volume.noise.dispersion * uneven, ..self.volume.noise }
    }

    fn promise(&self, dimension: &str, parts: &[Part]) -> f64 {
        let values = parts.iter().map(|part| self.score(&one(dimension, &part.value), part.cell));
        values.fold(f64::NEG_INFINITY, f64::max)
    }

    /// The best score among single values and everything.
    pub(super) fn best_single(&self) -> f64 {
        self.parts.iter().map(|(name, parts)| self.promise(name, parts)).fold(self.volume.total_moved(), f64::max)
    }

    fn score(&self, scope: &Scope, cell: Cell) -> f64 {
        scaled(cell, self.volume.all, self.noise(scope)) - LAYER * scope.len() as f64
    }

    /// How shares vary when nothing happens: the last week before the window against the three before it. A dimension that drifts by
    /// itself, such as the version after a release, gets a dispersion of its own.
    fn estimate_dispersion(&mut self, floor: f64) -> Result<(), Halt> {
        let recent = Days::ending(self.volume.baseline.to, 7);
        let before = recent.before(self.volume.baseline.len() - 7);
        let (mut pooled, mut freedom) = (10.0, 10.0);
        for dimension in self.order.iter().take(PAIRED).cloned().collect::<Vec<_>>() {
            let Some(seen) = self.look.segments(&self.metric, &dimension, recent, before)? else { continue };
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

    fn by(&mut self, dimensions: &[String], filters: &Scope) -> Result<Groups, Halt> {
        let key = (filters.clone(), dimensions.to_vec());
        if let Some(known) = self.groups.get(&key) {
            return Ok(known.clone());
        }
        let names: Vec<&str> = dimensions.iter().map(String::as_str).collect();
        let now = self.look.groups(&self.metric, self.volume.window, &names, filters)?;
        let before = self.look.groups(&self.metric, self.volume.baseline, &names, filters)?;
        let (Some(now), Some(before)) = (now, before) else { return Ok(Vec::new()) };
        let cells = self.cells(&now.reply, &before.reply, filters);
        self.groups.insert(key, cells.clone());
        Ok(cells)
    }

    fn cells(&self, now: &QueryMetric, before: &QueryMetric, filters: &Scope) -> Groups {
        // Tickets come as sums, the others as means per recorded day.
        let per = |days: usize| if self.metric == "tickets" { 1.0 } else { days as f64 };
        let (now_days, before_days) = (per(now.days), per(before.days));
        let total = self.baseline_total(before, filters);
        let mut cells: BTreeMap<Scope, (f64, f64)> = BTreeMap::new();
        let whole = |group: &GroupValue| {
            let mut scope = group.group.clone();
            scope.extend(filters.clone());
            scope
        };
        for group in &before.groups {
            cells.entry(whole(group)).or_default().1 += group.value.unwrap_or(0.0) * before_days;
        }
        for group in &now.groups {
            cells.entry(whole(group)).or_default().0 += group.value.unwrap_or(0.0) * now_days;
        }
        let cell = |(current, before): (f64, f64)| Cell { current, expected: (before + 1.0) / total * self.volume.all.expected };
        cells.into_iter().map(|(scope, sums)| (scope, cell(sums))).collect()
    }

    /// All of the baseline, as a sum. A reply without filters holds all of it; for others it follows from the shares of singles.
    fn baseline_total(&self, before: &QueryMetric, filters: &Scope) -> f64 {
        let days = if self.metric == "tickets" { 1.0 } else { before.days as f64 };
        let sum = before.groups.iter().filter_map(|group| group.value).sum::<f64>() * days;
        let share = if filters.is_empty() { 1.0 } else { self.share(filters) };
        (sum / share.max(1e-9)).max(1.0)
    }

    /// The share of a scope in the baseline, from groups already seen.
    fn share(&self, scope: &Scope) -> f64 {
        let all = self.volume.all.expected;
        self.cell(scope).map_or(1.0, |cell| cell.expected / all)
    }

    /// A scope that was already seen.
    fn cell(&self, scope: &Scope) -> Option<Cell> {
        if scope.is_empty() {
            return Some(self.volume.all);
        }
        if scope.len() == 1 {
            let (dimension, value) = scope.iter().next()?;
            return self.parts.get(dimension)?.iter().find(|part| part.value == *value).map(|part| part.cell);
        }
        self.groups.values().flatten().find(|(known, _)| known == scope).map(|(_, cell)| *cell)
    }

    /// A scope, by a call if it was not seen yet.
    fn seen(&mut self, scope: &Scope) -> Result<Option<Cell>, Halt> {
        if let Some(cell) = self.cell(scope) {
            return Ok(Some(cell));
        }
        let dimensions: Vec<String> = scope.keys().cloned().collect();
        let groups = self.by(&dimensions, &Scope::new())?;
        Ok(groups.into_iter().find(|(known, _)| known == scope).map(|(_, cell)| cell))
    }

    fn candidates(&mut self) -> Result<Vec<Candidate>, Halt> {
        let mut found = vec![Candidate { scope: Scope::new(), cell: self.volume.all, score: self.volume.total_moved() }];
        for (dimension, parts) in &self.parts {
            found.extend(parts.iter().map(|part| self.candidate(one(dimension, &part.value), part.cell)));
        }
        let top: Vec<String> = self.order.iter().take(PAIRED).cloned().collect();
        for (at, first) in top.iter().enumerate() {
            for second in &top[at + 1..] {
                self.add_groups(&[first.clone(), second.clone()], &mut found)?;
            }
        }
        sort(&mut found);
        if let Some(pair) = found.iter().find(|candidate| candidate.scope.len() == 2).map(|candidate| candidate.scope.clone()) {
            for third in top.iter().filter(|third| !pair.contains_key(*third)) {
                let mut dimensions: Vec<String> = pair.keys().cloned().collect();
                dimensions.push(third.clone());
                self.add_groups(&dimensions, &mut found)?;
            }
        }
        sort(&mut found);
        found.truncate(20);
        Ok(found)
    }

    fn candidate(&self, scope: Scope, cell: Cell) -> Candidate {
        let score = self.score(&scope, cell);
        Candidate { scope, cell, score }
    }

    fn add_groups(&mut self, dimensions: &[String], found: &mut Vec<Candidate>) -> Result<(), Halt> {
        let groups = self.by(dimensions, &Scope::new())?;
        found.extend(groups.into_iter().map(|(scope, cell)| self.candidate(scope, cell)));
        Ok(())
    }

    /// Drops conditions whose siblings moved too and adds conditions that hold the whole excess, until neither helps.
    fn descend(&mut self, start: &Candidate) -> Result<Candidate, Halt> {
        let mut scope = start.scope.clone();
        for _ in 0..6 {
            if let Some(dropped) = self.worst_condition(&scope)? {
                scope.remove(&dropped);
                continue;
            }
            match self.best_condition(&scope)? {
                Some((dimension, value)) => scope.insert(dimension, value),
                None => break,
            };
        }
        let cell = self.seen(&scope)?.unwrap_or(start.cell);
        Ok(Candidate { scope, cell, score: start.score })
    }

    fn worst_condition(&mut self, scope: &Scope) -> Result<Option<String>, Halt> {
        let mut worst: Option<(f64, String)> = None;
        for dimension in scope.keys() {
            let odds = self.odds(scope, dimension)?;
            if odds < bar(dimension, false) && worst.as_ref().is_none_or(|(least, _)| odds < *least) {
                worst = Some((odds, dimension.clone()));
            }
        }
        Ok(worst.map(|(_, dimension)| dimension))
    }

    /// How likely a condition of a scope is the whole story of its dimension.
    fn odds(&mut self, scope: &Scope, dimension: &str) -> Result<f64, Halt> {
        let mut parent = scope.clone();
        let value = parent.remove(dimension).unwrap_or_default();
        let values = self.values(&parent, dimension)?;
        self.alone(&parent, dimension, &value, &values)
    }

    fn alone(&mut self, parent: &Scope, dimension: &str, value: &str, values: &[(String, Cell)]) -> Result<f64, Halt> {
        let Some(part) = values.iter().find(|(known, _)| known == value).map(|(_, cell)| *cell) else { return Ok(f64::NEG_INFINITY) };
        let siblings: Vec<Cell> = values.iter().filter(|(known, _)| known != value).map(|(_, cell)| *cell).collect();
        let noise = self.noise(&one(dimension, value));
        let quiet = if parent.is_empty() {
            siblings
                .iter()
                .fold(Cell::default(), |sum, cell| Cell { current: sum.current + cell.current, expected: sum.expected + cell.expected })
        } else {
            let inside = self.seen(parent)?.unwrap_or_default();
            self.volume.all.without(inside)
        };
        Ok(alone(part, &siblings, factor(quiet, noise), noise))
    }

    fn values(&mut self, parent: &Scope, dimension: &str) -> Result<Vec<(String, Cell)>, Halt> {
        if parent.is_empty() {
            let parts = self.parts.get(dimension).map_or(&[][..], Vec::as_slice);
            return Ok(parts.iter().map(|part| (part.value.clone(), part.cell)).collect());
        }
        let groups = self.by(&[dimension.to_owned()], parent)?;
        Ok(groups.into_iter().filter_map(|(mut scope, cell)| Some((scope.remove(dimension)?, cell))).collect())
    }

    fn best_condition(&mut self, scope: &Scope) -> Result<Option<(String, String)>, Halt> {
        if scope.len() >= DEEPEST {
            return Ok(None);
        }
        let all = self.seen(scope)?.unwrap_or(self.volume.all);
        let now = scaled(all, self.volume.all, self.volume.noise);
        let mut best: Option<(f64, String, String)> = None;
        let open: Vec<String> = self.order.iter().filter(|dimension| !scope.contains_key(*dimension)).take(5).cloned().collect();
        for dimension in open {
            let values = self.values(scope, &dimension)?;
            let noise = self.noise(&one(&dimension, ""));
            let likely = |cell: &Cell| scaled(*cell, self.volume.all, noise);
            let Some((value, cell)) = values.iter().max_by(|a, b| likely(&a.1).total_cmp(&likely(&b.1))).cloned() else { continue };
            let gain = likely(&cell) - now - LAYER;
            if gain <= 0.0 || best.as_ref().is_some_and(|(most, ..)| gain <= *most) {
                continue;
            }
            if self.alone(scope, &dimension, &value, &values)? > bar(&dimension, true) {
                best = Some((gain, dimension, value));
            }
        }
        Ok(best.map(|(_, dimension, value)| (dimension, value)))
    }

    /// The dimension whose shares moved most while the total stayed.
    fn mix(&self) -> Option<Mix> {
        let score = |(dimension, parts): (&String, &Vec<Part>)| {
            let cells: Vec<Cell> = parts.iter().map(|part| part.cell).collect();
            let cost = 1.5 * (cells.len() - 1) as f64 + LAYER;
            Mix { dimension: dimension.clone(), score: mixed(&cells, self.noise(&one(dimension, ""))) - cost }
        };
        self.parts.iter().map(score).max_by(|a, b| a.score.total_cmp(&b.score))
    }

    fn single_handed(&mut self) -> Result<Vec<String>, Halt> {
        let mut found = Vec::new();
        for dimension in self.order.clone() {
            let values = self.values(&Scope::new(), &dimension)?;
            let best = |cell: &Cell| self.score(&one(&dimension, ""), *cell);
            let Some((value, cell)) = values.iter().max_by(|a, b| best(&a.1).total_cmp(&best(&b.1))).cloned() else { continue };
            if best(&cell) > 3.0 && self.alone(&Scope::new(), &dimension, &value, &values)? > 0.0 {
                found.push(dimension);
            }
        }
        Ok(found)
    }

    /// The whole search.
    pub(super) fn finish(mut self) -> Result<Found, Halt> {
        let floor = if self.metric == "tickets" { 1.0 } else { 0.5 };
        self.estimate_dispersion(floor)?;
        let candidates = self.candidates()?;
        let best = self.descend(&candidates[0].clone())?;
        let mix = self.mix();
        let single_handed = self.single_handed()?;
        Ok(Found { single_handed, metric: self.metric, volume: self.volume, parts: self.parts, candidates, best, mix })
    }
}

/// What the odds must exceed for a condition to stand.
fn bar(dimension: &str, new: bool) -> f64 {
    let symptom = if SYMPTOMS.contains(&dimension) { 0.7 } else { 0.0 };
    symptom + if new { 0.2 } else { 0.0 }
}

fn one(dimension: &str, value: &str) -> Scope {
    Scope::from([(dimension.to_owned(), value.to_owned())])
}

fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.scope.cmp(&b.scope)));
}
