//! Segment scan: when did it begin, which scope was scaled, what changed before, what kind of fault is that, or is it harmless?
//!
//! The steps of a careful analyst, each with a likelihood behind it (see `likelihood`): `windows` decides where to look, `volume` sets
//! expectations, `counts` holds what was seen against them, `search` finds scopes on each metric, `joint` weighs them on all, `suspects`
//! holds the change log against the best, `benign` knows what looks like a fault and is none, `voices` hears what tickets say, `kind`
//! names the rest.

mod benign;
mod counts;
mod joint;
mod kind;
mod search;
mod suspects;
mod voices;
mod volume;
mod windows;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::culprit::{kind_of, scope_of};
use super::days::{Days, Hours, between, day_of, shift};
use super::likelihood::Cell;
use super::look::{Look, Withheld};
use super::report::{AffectedSegment, Cause, Evidence, IncidentReport, Verdict};
use super::writing::{self, Finding, Total};
use super::{Agent, Case, Halt};
use crate::tool::Desk;
use crate::tool::reply::{Deployment, Scope, ShareChange, TicketStats};
use counts::Counts;
use joint::Hypothesis;
use kind::{Signs, kind};
use suspects::{Effect, Suspect, suspects};
use voices::Voices;
use volume::{History, Volume};
use windows::{LONGEST, share_of_today, windows};

/// The best deterministic agent, and with tools withheld its own ablations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SegmentScan {
    /// Tools and metrics it must do without.
    withhold: Withheld,
    /// Log likelihood ratio, less what the scope costs, above which something is wrong.
    ///
    /// The one constant chosen by trying: of 248 triggers of the oracle and 416 placebos on dev seeds, 2.5 had 145 and 403 right, 3.5 had
    /// 140 and 409, 4.5 had 138 and 414, 5.5 had 135 and 416. The other constants of this agent are reasoned and not swept.
    threshold: f64,
    /// Weight of a change from which on it is blamed.
    least_weight: f64,
}

impl Default for SegmentScan {
    fn default() -> Self {
        Self { withhold: Vec::new(), threshold: 4.5, least_weight: 0.0 }
    }
}

/// Calls kept for the conclusion while the search goes on.
const CONCLUDING: usize = 40;
/// Metrics that are counts of a partition of tickets or users, and so can be searched.
const SEARCHED: [&str; 2] = ["tickets", "dau"];
/// What a change that reached the scope adds to the log likelihood of its day as the onset.
const ANNOUNCED: f64 = 2.0;
/// What a change of settings or rules that fits adds to the log likelihood of a fault: few do harm, but fewer fit by chance.
const NOTED: f64 = 1.5;
/// The most that a risen tag says.
const MOST_SAID: f64 = 6.0;
/// Days after which a release no longer proposes a scope.
const ROLLED_OUT: i64 = 10;

impl Agent for SegmentScan {
    fn investigate(&self, case: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &self.withhold);
        look.keep(CONCLUDING);
        let finding = self.scan(case, &mut look)?;
        writing::write(&mut look, finding)
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}

/// What was seen of a window, metric by metric.
struct Scanned {
    histories: Vec<History>,
    counts: Vec<Counts>,
    window: Days,
    hours: Option<Hours>,
}

impl SegmentScan {
    fn scan(&self, case: &Case<'_>, look: &mut Look<'_, '_>) -> Result<Finding, Halt> {
        let today = look.today();
        let known = look.metrics();
        let mut histories = Vec::new();
        for metric in SEARCHED.into_iter().filter(|metric| known.iter().any(|name| name == metric)) {
            let share = share_of_today(look, metric, today)?;
            histories.extend(History::read(look, metric, &Scope::new(), today, share)?);
        }
        let log = look.changes(Days { from: shift(today, -4 * LONGEST), to: today })?;
        let log = log.map(|seen| seen.reply.changes).unwrap_or_default();
        let Some(mut scanned) = read(look, histories, case, &log, today)? else {
            return Ok(self.by_log_alone(log, Days::ending(today, 1)));
        };
        let releases = releases(&log, scanned.window);
        for counts in &mut scanned.counts {
            if counts.metric == "tickets" && !releases.is_empty() && known.iter().any(|name| name == "dau") {
                counts.follow_versions(look)?;
            }
            let floor = if counts.metric == "tickets" { 1.0 } else { 0.5 };
            counts.estimate_dispersion(look, floor)?;
        }
        self.judge(look, &mut scanned, &log, &releases)
    }

    /// With nothing but the log to see, the nearest change is all there is to say.
    fn by_log_alone(&self, log: Vec<Deployment>, window: Days) -> Finding {
        let scope = Scope::new();
        let effect = Effect { scope: &scope, onset: window.to, slack: 0, change: 0.0, version: None, alone: true };
        let Some(suspect) = suspects(&log, &effect).into_iter().next() else { return Finding::quiet(window, 0.5) };
        let change = &suspect.change;
        let cause = Cause {
            kind: kind_of(change).unwrap_or("deployment").to_owned(),
            change: Some(change.id.clone()),
            scope: scope_of(change),
            onset: day_of(&change.at).map(|day| day.to_string()),
            confidence: 0.3,
        };
        Finding { events: log, ..Finding::blame(window, cause) }
    }

    fn judge(
        &self,
        look: &mut Look<'_, '_>,
        scanned: &mut Scanned,
        log: &[Deployment],
        releases: &[(Deployment, i64)],
    ) -> Result<Finding, Halt> {
        let window = scanned.window;
        let found = joint::find(&mut scanned.counts, look, releases)?;
        look.keep(0);
        let best = found.ranked[0].clone();
        let main = loudest(&best);
        let cell = best.cells[main].map(|(cell, _)| cell).unwrap_or_default();
        let (counts, history) = (&scanned.counts[main], &scanned.histories[main]);
        let metric = counts.metric.clone();
        let seen_scope = if metric == "tickets" { best.scope.clone() } else { search::without_version(&best.scope) };
        let announced: Vec<Date> =
            log.iter().filter(|change| suspects::reached(change, &best.scope)).filter_map(|change| day_of(&change.at)).collect();
        let (onset, filtered) = onset(look, history, &seen_scope, cell, window, &announced)?;
        let onset = scanned.hours.map_or(onset, |hours| hours.from.date());
        // Nobody is hurt by a version that is not out.
        let onset = announced.iter().min().filter(|_| best.scope.contains_key(counts::VERSION)).map_or(onset, |first| onset.max(*first));
        let stats = look.stats(window.to, 28)?.map(|seen| seen.reply);
        let version = stats.as_ref().and_then(risen_version);
        let effect = Effect {
            scope: &best.scope,
            onset,
            slack: if metric == "tickets" && cell.current > 200.0 { 0 } else { 1 },
            change: cell.change(),
            version: version.as_deref(),
            alone: false,
        };
        let suspected = suspects(log, &effect);
        let blamed = suspected.first().filter(|suspect| suspect.weight > self.least_weight);
        let countries = values(look, &metric, "country");
        let evidence = benign::Evidence {
            best: &best,
            counts: &scanned.counts,
            main,
            mix: found.mix.as_ref(),
            history,
            changes: log,
            countries: &countries,
            suspected: blamed.is_some_and(|suspect| suspect.weight > 1.5),
        };
        let events: Vec<Deployment> = log.iter().filter(|change| near(change, onset)).cloned().collect();
        let total = total(&scanned.counts);
        // More tickets that speak of one thing are a sign, and so is a setting or rule that someone changed in time.
        let tags = if scanned.counts[main].volume.has_risen() { stats.as_ref().map_or(0.0, risen_tag) } else { 0.0 };
        let by_hand = |suspect: &&Suspect| matches!(suspect.change.kind.as_str(), "config_change" | "policy");
        let noted = blamed.filter(by_hand).map_or(0.0, |_| NOTED);
        let signs: f64 = scanned.counts.iter().map(Counts::signs).sum::<f64>() + tags + noted;
        let margin = best.score + signs - self.threshold;
        let harmless = benign::explanation(&evidence).or_else(|| if margin <= 0.0 { benign::release(log, window) } else { None });
        if margin <= 0.0 || harmless.is_some() {
            let confidence = if harmless.is_some() { 0.8 } else { logistic(-margin / 2.0) };
            return Ok(Finding { benign: harmless, events, total, ..Finding::quiet(window, confidence) });
        }
        let single_handed = search::single_handed(&mut scanned.counts[main], look)?;
        let moved: Vec<AffectedSegment> = segments(&best, &scanned.counts, main, scanned.hours.is_some());
        let change_of = |name: &str| moved.iter().find(|segment| segment.metric == name).and_then(|segment| segment.change);
        let voices = Voices::hear(look, &best.scope, window)?;
        let signs = Signs {
            metric: &metric,
            scope: &best.scope,
            change: cell.change(),
            other: change_of(if metric == "tickets" { "dau" } else { "tickets" }),
            events_per_user: per_user(look, &seen_scope, window)?,
            suspect: blamed,
            single_handed: &single_handed,
            stats: stats.as_ref(),
            voices: &voices,
        };
        let named = kind(&signs);
        let confidence = 0.97 * logistic(margin / 3.0) * named.sure;
        let top = cause(named.kind, blamed, &best.scope, onset, confidence);
        let ranking = ranking(top, &suspected, &found.ranked, onset);
        let evidence = cite(look, &scanned.counts[main], &seen_scope, filtered.as_ref().unwrap_or(&scanned.histories[main]), onset);
        let words = voices.words.into_iter().map(|word| word.word).collect();
        Ok(Finding { verdict: Verdict::Fault, ranking, benign: None, confidence, evidence, segments: moved, window, events, total, words })
    }
}

/// Decides the window and reads it; nothing if no metric has anything there.
fn read(
    look: &mut Look<'_, '_>,
    histories: Vec<History>,
    case: &Case<'_>,
    log: &[Deployment],
    today: Date,
) -> Result<Option<Scanned>, Halt> {
    let mut best: Option<(f64, Days, Vec<Counts>)> = None;
    let hours = windows::hours(case, look.desk().now().datetime());
    let windows = match hours {
        Some(hours) => vec![hours.days()],
        None => windows(&histories, case, log, today),
    };
    for window in windows {
        let mut all = Vec::new();
        for history in &histories {
            let volume = match hours {
                // Only tickets have a time of day.
                Some(hours) if history.metric == "tickets" => history.volume_of_hours(look, hours)?,
                Some(_) => None,
                None => history.volume(window),
            };
            let Some(volume) = volume else { continue };
            let dimensions: Vec<String> = look
                .dimensions(&history.metric)
                .into_iter()
                // Users change their version all the time: of activity, its shares say nothing.
                .filter(|name| history.metric == "tickets" || name != counts::VERSION)
                .collect();
            all.push(Counts::read(look, &history.metric, &dimensions, volume)?);
        }
        let score: f64 = all.iter().map(Counts::best_single).sum();
        if !all.is_empty() && best.as_ref().is_none_or(|(most, ..)| score > most + 1.0) {
            best = Some((score, window, all));
        }
    }
    let Some((_, window, counts)) = best else { return Ok(None) };
    let kept = |history: &History| counts.iter().any(|counts| counts.metric == history.metric);
    Ok(Some(Scanned { histories: histories.into_iter().filter(kept).collect(), counts, window, hours }))
}

/// The metric that says most for a hypothesis.
fn loudest(best: &Hypothesis) -> usize {
    let said = |cell: &Option<(Cell, f64)>| cell.map_or(f64::NEG_INFINITY, |(_, value)| value);
    let ranked = best.cells.iter().enumerate().rev();
    ranked.max_by(|a, b| said(a.1).total_cmp(&said(b.1))).map_or(0, |(at, _)| at)
}

/// Releases that could have begun it, with the days between them and the window.
fn releases(log: &[Deployment], window: Days) -> Vec<(Deployment, i64)> {
    let lag = |change: &Deployment| Some((change.clone(), between(day_of(&change.at)?, window.from)));
    let fits = |(change, lag): &(Deployment, i64)| {
        change.kind == "deployment" && !suspects::stated(change).is_empty() && (1 - window.len()..=ROLLED_OUT).contains(lag)
    };
    log.iter().filter_map(lag).filter(fits).collect()
}

/// The day from which on the scope is scaled: the step that makes its days most likely, a change that reached the scope speaking for
/// its day and the next.
fn onset(
    look: &mut Look<'_, '_>,
    history: &History,
    scope: &Scope,
    cell: Cell,
    window: Days,
    announced: &[Date],
) -> Result<(Date, Option<History>), Halt> {
    let mut read = |scope: &Scope| {
        if scope.is_empty() { Ok(None) } else { History::read(look, &history.metric, scope, history.last(), history.today_share()) }
    };
    let filtered = read(scope)?;
    // A new version has no days before its own: what it took over from has.
    let wider = if scope.contains_key(counts::VERSION) { read(&search::without_version(scope))? } else { None };
    let days = wider.as_ref().or(if scope.contains_key(counts::VERSION) { None } else { filtered.as_ref() }).unwrap_or(history);
    let first = shift(window.from, -LONGEST);
    let rises = cell.change() >= 0.0;
    let mut likeliest = (f64::NEG_INFINITY, window.from);
    for at in 0..=between(first, window.to) {
        let onset = shift(first, at);
        let announced = announced.contains(&onset) || announced.contains(&shift(onset, -1));
        let value = days.step(first, onset, window.to, rises) + if announced { ANNOUNCED } else { 0.0 };
        if value > likeliest.0 + 1e-9 {
            likeliest = (value, onset);
        }
    }
    Ok((likeliest.1, filtered))
}

/// All tickets of the window, against what was expected of them.
fn total(counts: &[Counts]) -> Option<Total> {
    let counts = counts.iter().find(|counts| counts.metric == "tickets")?;
    let Volume { asked, all, recorded, .. } = &counts.volume;
    Some(Total { asked: asked.clone(), recorded: *recorded, current: all.current, expected: all.expected })
}

/// How the scope moved on every metric that knows it, the loudest first.
fn segments(best: &Hypothesis, counts: &[Counts], main: usize, hours: bool) -> Vec<AffectedSegment> {
    let segment = |(cell, counts): (&Option<(Cell, f64)>, &Counts)| {
        let (cell, _) = (*cell)?;
        // Hours are shown as they are, even where they reach past midnight.
        let days = if hours { 1.0 } else { counts.volume.recorded };
        let per_day = |sum: f64| Some(sum / days);
        let scope = if counts.metric == "tickets" { best.scope.clone() } else { search::without_version(&best.scope) };
        let (baseline, current) = (per_day(cell.expected), per_day(cell.current));
        Some(AffectedSegment { scope, metric: counts.metric.clone(), baseline, current, change: Some(cell.change()) })
    };
    let mut all: Vec<(usize, AffectedSegment)> =
        best.cells.iter().zip(counts).map(segment).enumerate().filter_map(|(at, segment)| Some((at, segment?))).collect();
    all.sort_by_key(|(at, _)| *at != main);
    all.into_iter().map(|(_, segment)| segment).collect()
}

/// Relative change of the events of a user in the scope against the four weeks before.
fn per_user(look: &mut Look<'_, '_>, scope: &Scope, window: Days) -> Result<Option<f64>, Halt> {
    let metric = "events_per_user";
    let known = look.dimensions(metric);
    if !look.metrics().iter().any(|name| name == metric) || scope.keys().any(|name| !known.contains(name)) {
        return Ok(None);
    }
    let now = look.daily(metric, window, scope)?.and_then(|seen| seen.reply.value);
    let before = look.daily(metric, window.before(28), scope)?.and_then(|seen| seen.reply.value);
    Ok(now.zip(before).filter(|(_, before)| *before > 0.0).map(|(now, before)| now / before - 1.0))
}

fn values(look: &Look<'_, '_>, metric: &str, dimension: &str) -> Vec<String> {
    look.desk().dimensions(metric).into_iter().find(|(name, _)| name == dimension).map(|(_, values)| values).unwrap_or_default()
}

/// How much more likely a fault is for the tag that rose most, less what a choice among tags costs.
fn risen_tag(stats: &TicketStats) -> f64 {
    let total = stats.count.unwrap_or(0) as f64;
    let likelihood = |share: &ShareChange| {
        let (count, expected) = (share.count as f64, (share.baseline_share.unwrap_or(0.0) * total).max(0.5));
        if count > expected { count * libm::log(count / expected) - count + expected } else { 0.0 }
    };
    (stats.tags.iter().map(likelihood).fold(0.0, f64::max) - counts::LAYER).clamp(0.0, MOST_SAID)
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
    let change = suspect.filter(|suspect| kind_of(&suspect.change) == Some(kind)).map(|suspect| suspect.change.id.clone());
    Cause { kind: kind.to_owned(), change, scope: scope.clone(), onset: Some(onset.to_string()), confidence }
}

/// The cause, then the same with other changes or none, then the runners-up among scopes.
fn ranking(top: Cause, suspected: &[Suspect], ranked: &[Hypothesis], onset: Date) -> Vec<Cause> {
    let rest = (1.0 - top.confidence).max(0.0) / 4.0;
    let mut causes = vec![top.clone()];
    for suspect in suspected.iter().filter(|suspect| Some(&suspect.change.id) != top.change.as_ref()).take(2) {
        let kind = kind_of(&suspect.change).unwrap_or("deployment");
        causes.push(cause(kind, Some(suspect), &top.scope, onset, rest));
    }
    if top.change.is_some() {
        let kind = if top.scope.is_empty() { "dependency_failure" } else { "segment_outage" };
        causes.push(cause(kind, None, &top.scope, onset, rest));
    }
    let others = ranked.iter().filter(|other| other.scope != top.scope).take(3);
    causes.extend(others.map(|other| Cause { scope: other.scope.clone(), confidence: rest / 2.0, ..top.clone() }));
    causes.truncate(5);
    causes
}

/// Numbers behind the scope: its value on the day of the onset and on the last, and the current value of each of its conditions.
fn cite(look: &Look<'_, '_>, counts: &Counts, scope: &Scope, days: &History, onset: Date) -> Vec<Evidence> {
    let window = counts.volume.window;
    let day = |day: Date| look.evidence(&days.call, &format!("by_day.{}.value", days.place(day)), scope, Days { from: day, to: day });
    let mut cited: Vec<Evidence> = [Some(onset), (onset != window.to).then_some(window.to)].into_iter().flatten().filter_map(day).collect();
    for (dimension, value) in scope {
        let part = counts.parts.get(dimension).and_then(|parts| parts.iter().find(|part| part.value == *value));
        let one = counts::one(dimension, value);
        cited.extend(part.and_then(|part| look.evidence(&part.cited.0, &part.cited.1, &one, window)));
    }
    cited
}
