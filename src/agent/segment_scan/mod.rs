//! Segment scan: when did it begin, which scope was scaled, what changed before, what kind of fault is that, or is it harmless?
//!
//! The steps of a careful analyst, each with a likelihood behind it (see `likelihood`): `volume` sets expectations, `search` finds the
//! scope, `suspects` holds the change log against it, `benign` knows what looks like a fault and is none, `kind` names the rest.

mod benign;
mod kind;
mod search;
mod suspects;
mod volume;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::days::{Days, date_in, day_of, shift};
use super::look::{Look, Withheld};
use super::report::{AffectedSegment, Cause, Evidence, IncidentReport};
use super::writing::{self, Finding};
use super::{Agent, Case, Halt};
use crate::tool::Desk;
use crate::tool::reply::{Deployment, Scope, TicketStats};
use kind::{Signs, kind};
use search::{Candidate, Found, Search};
use suspects::{Effect, Suspect, suspects};
use volume::History;

/// The best deterministic agent, and with tools withheld its own ablations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SegmentScan {
    /// Tools and metrics it must do without.
    withhold: Withheld,
    /// Log likelihood ratio, less what the scope costs, above which something is wrong. Chosen by reasoning, not fitted.
    threshold: f64,
    /// Weight of a change from which on it is blamed.
    least_weight: f64,
}

impl Default for SegmentScan {
    fn default() -> Self {
        Self { withhold: Vec::new(), threshold: 4.5, least_weight: 0.0 }
    }
}

/// Metrics that are counts of a partition of users or tickets, and so can be searched.
const SEARCHED: [&str; 2] = ["tickets", "dau"];
/// A window is never longer.
const LONGEST: i64 = 14;

impl Agent for SegmentScan {
    fn investigate(&self, case: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &self.withhold);
        let finding = self.scan(case, &mut look)?;
        writing::write(&mut look, finding)
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}

/// A metric that was searched.
struct Scanned {
    history: History,
    found: Found,
}

impl SegmentScan {
    fn scan(&self, case: &Case<'_>, look: &mut Look<'_, '_>) -> Result<Finding, Halt> {
        let until = case.question.and_then(date_in).map_or(look.today(), |day| day.min(look.today()));
        let mut scanned = Vec::new();
        let known = look.metrics();
        for metric in SEARCHED.into_iter().filter(|metric| known.iter().any(|name| name == metric)) {
            scanned.extend(search(look, metric, case, until)?);
        }
        // Stable: of equals the first stays first.
        scanned.sort_by(|a, b| b.found.best.score.total_cmp(&a.found.best.score));
        let window = scanned.first().map_or(Days::ending(until, 1), |first| first.found.volume.window);
        let log = look.changes(Days { from: shift(window.from, -2 * LONGEST), to: until })?;
        let log = log.map(|seen| seen.reply.changes).unwrap_or_default();
        if scanned.is_empty() {
            return Ok(self.by_log_alone(log, window));
        }
        let second = if scanned.len() > 1 { scanned.pop() } else { None };
        let Some(first) = scanned.pop() else { return Ok(Finding::quiet(window, 0.5)) };
        self.judge(look, &first, second.as_ref(), &log)
    }

    /// With nothing but the log to see, the nearest change is all there is to say.
    fn by_log_alone(&self, log: Vec<Deployment>, window: Days) -> Finding {
        let scope = Scope::new();
        let effect = Effect { scope: &scope, onset: window.to, slack: 0, change: 0.0, version: None, alone: true };
        let Some(suspect) = suspects(&log, &effect).into_iter().next() else { return Finding::quiet(window, 0.5) };
        let change = &suspect.change;
        let cause = Cause {
            kind: super::latest_deploy::kind_of(change).unwrap_or("deployment").to_owned(),
            change: Some(change.id.clone()),
            scope: super::latest_deploy::scope_of(change),
            onset: day_of(&change.at).map(|day| day.to_string()),
            confidence: 0.3,
        };
        Finding { events: log, ..Finding::blame(window, cause) }
    }

    fn judge(&self, look: &mut Look<'_, '_>, first: &Scanned, second: Option<&Scanned>, log: &[Deployment]) -> Result<Finding, Halt> {
        let (found, history) = (&first.found, &first.history);
        let window = found.volume.window;
        let best = self.united(look, first, second)?;
        let (onset, filtered) = onset(look, history, &best, window)?;
        let stats = look.stats(window.to, 28)?.map(|seen| seen.reply);
        let other = match second {
            Some(second) => movement(look, second, &best.scope)?,
            None => None,
        };
        let version = stats.as_ref().and_then(risen_version);
        let effect = Effect {
            scope: &best.scope,
            onset,
            slack: if found.metric == "tickets" && best.cell.current > 200.0 { 0 } else { 1 },
            change: best.cell.change(),
            version: version.as_deref(),
            alone: false,
        };
        let suspected = suspects(log, &effect);
        let blamed = suspected.first().filter(|suspect| suspect.weight > self.least_weight);
        let countries = values(look, &found.metric, "country");
        let evidence =
            benign::Evidence { found, history, changes: log, countries: &countries, suspected: blamed.is_some_and(|s| s.weight > 1.5) };
        let events: Vec<Deployment> = log.iter().filter(|change| near(change, onset)).cloned().collect();
        let margin = best.score - self.threshold;
        let harmless = benign::explanation(&evidence);
        if margin <= 0.0 || harmless.is_some() {
            let confidence = if harmless.is_some() { 0.8 } else { logistic(-margin / 2.0) };
            return Ok(Finding { benign: harmless, events, ..Finding::quiet(window, confidence) });
        }
        let signs = Signs {
            metric: &found.metric,
            scope: &best.scope,
            change: best.cell.change(),
            other: other.as_ref().and_then(|segment| segment.change),
            suspect: blamed,
            gradual: shift(onset, 5) < window.to && found.metric == "dau",
            single_handed: &found.single_handed,
            stats: stats.as_ref(),
        };
        let named = kind(&signs);
        let confidence = 0.97 * logistic(margin / 3.0) * named.sure;
        let top = cause(named.kind, blamed, &best.scope, onset, confidence);
        let ranking = ranking(top, &suspected, found, onset);
        let segment = AffectedSegment {
            scope: best.scope.clone(),
            metric: found.metric.clone(),
            baseline: Some(best.cell.expected / found.volume.recorded),
            current: Some(best.cell.current / found.volume.recorded),
            change: Some(best.cell.change()),
        };
        let segments = [Some(segment), other].into_iter().flatten().collect();
        let evidence = cite(look, first, &best.scope, filtered.as_ref().unwrap_or(history), onset);
        let verdict = super::report::Verdict::Fault;
        Ok(Finding { verdict, ranking, benign: None, confidence, evidence, segments, window, events })
    }

    /// The scope of one metric narrowed by that of the other, if the two agree and most of the excess stays inside.
    fn united(&self, look: &mut Look<'_, '_>, first: &Scanned, second: Option<&Scanned>) -> Result<Candidate, Halt> {
        let best = first.found.best.clone();
        let Some(second) = second.filter(|second| second.found.best.score > self.threshold) else { return Ok(best) };
        let agree = |(dimension, value): (&String, &String)| second.found.best.scope.get(dimension).is_none_or(|other| other == value);
        if best.scope.is_empty() || !best.scope.iter().all(agree) {
            return Ok(best);
        }
        let known: Vec<String> = look.dimensions(&first.found.metric);
        let mut scope = best.scope.clone();
        scope.extend(
            second.found.best.scope.iter().filter(|(name, _)| known.contains(name)).map(|(name, value)| (name.clone(), value.clone())),
        );
        if scope.len() == best.scope.len() || scope.len() > 3 {
            return Ok(best);
        }
        let Some(narrow) = movement(look, first, &scope)? else { return Ok(best) };
        let (Some(baseline), Some(current)) = (narrow.baseline, narrow.current) else { return Ok(best) };
        let excess = (current - baseline) * first.found.volume.recorded;
        let kept = excess / (best.cell.current - best.cell.expected);
        if kept < 0.8 {
            return Ok(best);
        }
        let cell =
            super::likelihood::Cell { current: current * first.found.volume.recorded, expected: baseline * first.found.volume.recorded };
        Ok(Candidate { scope, cell, score: best.score + second.found.best.score })
    }
}

/// Reads a metric, decides the window and searches it.
fn search(look: &mut Look<'_, '_>, metric: &str, case: &Case<'_>, until: Date) -> Result<Option<Scanned>, Halt> {
    let share = if until < look.today() { (1.0, 0.0) } else { share_of_today(look, metric, until)? };
    let Some(history) = History::read(look, metric, &Scope::new(), until, share)? else { return Ok(None) };
    let dimensions: Vec<String> = look
        .dimensions(metric)
        .into_iter()
        // Users change their version all the time: of activity, its shares say nothing.
        .filter(|name| metric == "tickets" || name != "app_version")
        .collect();
    let mut best: Option<(f64, Days)> = None;
    let windows = windows(&history, case, until);
    if windows.len() > 1 {
        for window in &windows {
            let Some(volume) = history.volume(*window) else { continue };
            let score = Search::singles(look, metric, &dimensions, volume)?.best_single();
            if best.is_none_or(|(most, _)| score > most + 1.0) {
                best = Some((score, *window));
            }
        }
    }
    let Some(window) = best.map(|(_, window)| window).or_else(|| windows.first().copied()) else { return Ok(None) };
    let Some(volume) = history.volume(window) else { return Ok(None) };
    let found = Search::singles(look, metric, &dimensions, volume)?.finish()?;
    Ok(Some(Scanned { history, found }))
}

/// The share of today that is over for a metric, and how surely: from when the tickets of the same weekday came, else from the clock.
fn share_of_today(look: &mut Look<'_, '_>, metric: &str, today: Date) -> Result<(f64, f64), Halt> {
    let elapsed = look.elapsed();
    if elapsed >= 1.0 {
        return Ok((1.0, 0.0));
    }
    let (mut before, mut all) = (0.0, 0.0);
    if metric == "tickets" {
        for week in 1..=2 {
            let Some(seen) = look.random_tickets(shift(today, -7 * week))? else { continue };
            all += seen.reply.tickets.len() as f64;
            before += seen.reply.tickets.iter().filter(|ticket| time_of_day(&ticket.created_at) < elapsed).count() as f64;
        }
    }
    if all < 20.0 {
        return Ok((elapsed, 0.3));
    }
    let share: f64 = (before + 0.5) / (all + 1.0);
    Ok((share, ((1.0 - share) / (share * all)).sqrt()))
}

/// The share of the day at a stamp such as `2023-10-05T14:30:00+02`.
fn time_of_day(stamp: &str) -> f64 {
    let part = |at: usize| stamp.get(at..at + 2).and_then(|digits| digits.parse::<f64>().ok()).unwrap_or(0.0);
    (part(11) * 3600.0 + part(14) * 60.0 + part(17)) / 86_400.0
}

/// Windows worth a look: from the alert (or the first strange day before it) to now; without an alert, some lengths.
fn windows(history: &History, case: &Case<'_>, until: Date) -> Vec<Days> {
    let since = case.alert.and_then(|alert| day_of(&alert.since)).filter(|since| *since <= until);
    let start = since.map_or(until, |since| since.max(shift(until, 1 - LONGEST)));
    let sign = history.z(until, start).unwrap_or(0.0).signum();
    let mut from = start;
    while shift(from, LONGEST - 1) > until && history.z(shift(from, -1), shift(from, -7)).is_some_and(|z| z * sign > 2.5) {
        from = shift(from, -1);
    }
    let window = Days { from, to: until };
    if since.is_some() || from < start {
        return vec![window];
    }
    [1, 3, 7].into_iter().map(|len| Days::ending(until, len)).collect()
}

/// The day from which on the scope is scaled: the step that makes its days most likely.
fn onset(look: &mut Look<'_, '_>, history: &History, best: &Candidate, window: Days) -> Result<(Date, Option<History>), Halt> {
    let share = history.today_share();
    let filtered = if best.scope.is_empty() { None } else { History::read(look, &history.metric, &best.scope, window.to, share)? };
    let days = filtered.as_ref().unwrap_or(history);
    let first = shift(window.from, -LONGEST);
    let rises = best.cell.change() >= 0.0;
    let mut likeliest = (f64::NEG_INFINITY, window.from);
    for at in 0..=super::days::between(first, window.to) {
        let onset = shift(first, at);
        let value = days.step(first, onset, window.to, rises);
        if value > likeliest.0 + 1e-9 {
            likeliest = (value, onset);
        }
    }
    Ok((likeliest.1, filtered))
}

/// How a scope moved on another metric, as far as that metric knows its dimensions.
fn movement(look: &mut Look<'_, '_>, scanned: &Scanned, scope: &Scope) -> Result<Option<AffectedSegment>, Halt> {
    let metric = &scanned.found.metric;
    let known = look.dimensions(metric);
    let scope: Scope = scope.iter().filter(|(name, _)| known.contains(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let window = scanned.found.volume.window;
    let filtered = if scope.is_empty() { None } else { History::read(look, metric, &scope, window.to, scanned.history.today_share())? };
    let Some(volume) = filtered.as_ref().unwrap_or(&scanned.history).volume(window) else { return Ok(None) };
    let per_day = |sum: f64| Some(sum / volume.recorded);
    let (baseline, current) = (per_day(volume.all.expected), per_day(volume.all.current));
    Ok(Some(AffectedSegment { scope, metric: metric.clone(), baseline, current, change: Some(volume.all.change()) }))
}

fn values(look: &Look<'_, '_>, metric: &str, dimension: &str) -> Vec<String> {
    look.desk().dimensions(metric).into_iter().find(|(name, _)| name == dimension).map(|(_, values)| values).unwrap_or_default()
}

/// The version whose share of tickets rose clearly.
fn risen_version(stats: &TicketStats) -> Option<String> {
    let shares = stats.by.get("app_version")?;
    let total: f64 = shares.iter().map(|share| share.count as f64).sum();
    let excess = |count: f64, before: f64| (count - before * total) / (before * total).max(1.0).sqrt();
    let ranked = shares.iter().map(|share| (excess(share.count as f64, share.baseline_share.unwrap_or(0.0)), share));
    let (sds, best) = ranked.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (sds > 3.0).then(|| best.value.clone())
}

fn near(change: &Deployment, onset: Date) -> bool {
    day_of(&change.at).is_some_and(|at| at <= shift(onset, 1) && at >= shift(onset, -7))
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn cause(kind: &str, suspect: Option<&Suspect>, scope: &Scope, onset: Date, confidence: f64) -> Cause {
    let change = suspect.filter(|suspect| super::latest_deploy::kind_of(&suspect.change) == Some(kind)).map(|s| s.change.id.clone());
    Cause { kind: kind.to_owned(), change, scope: scope.clone(), onset: Some(onset.to_string()), confidence }
}

/// The cause, then the same with other changes or none, then the runners-up among scopes.
fn ranking(top: Cause, suspected: &[Suspect], found: &Found, onset: Date) -> Vec<Cause> {
    let rest = (1.0 - top.confidence).max(0.0) / 4.0;
    let mut causes = vec![top.clone()];
    for suspect in suspected.iter().filter(|suspect| Some(&suspect.change.id) != top.change.as_ref()).take(2) {
        let kind = super::latest_deploy::kind_of(&suspect.change).unwrap_or("deployment");
        causes.push(cause(kind, Some(suspect), &top.scope, onset, rest));
    }
    if top.change.is_some() {
        let kind = if top.scope.is_empty() { "dependency_failure" } else { "segment_outage" };
        causes.push(cause(kind, None, &top.scope, onset, rest));
    }
    let others = found.candidates.iter().filter(|candidate| candidate.scope != top.scope).take(3);
    causes.extend(others.map(|candidate| Cause { scope: candidate.scope.clone(), confidence: rest / 2.0, ..top.clone() }));
    causes.truncate(5);
    causes
}

/// Numbers behind the scope: its value on the day of the onset and today, and the current value of each of its conditions.
fn cite(look: &Look<'_, '_>, scanned: &Scanned, scope: &Scope, days: &History, onset: Date) -> Vec<Evidence> {
    let window = scanned.found.volume.window;
    let day = |day: Date| look.evidence(&days.call, &format!("by_day.{}.value", days.place(day)), scope, Days { from: day, to: day });
    let mut cited: Vec<Evidence> = [Some(onset), (onset != window.to).then_some(window.to)].into_iter().flatten().filter_map(day).collect();
    for (dimension, value) in scope {
        let part = scanned.found.parts.get(dimension).and_then(|parts| parts.iter().find(|part| part.value == *value));
        let one = Scope::from([(dimension.clone(), value.clone())]);
        cited.extend(part.and_then(|part| look.evidence(&part.cited.0, &part.cited.1, &one, window)));
    }
    cited
}
