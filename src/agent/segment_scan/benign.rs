//! Harmless explanations: each says what it would look like, and how likely it is against a fault.

use jiff::civil::Date;

use super::super::days::{Days, between, day_of, shift};
use super::super::likelihood::Cell;
use super::super::report::Benign;
use super::counts::{Counts, Part};
use super::joint::{Hypothesis, Mix};
use super::volume::{History, Volume};
use crate::data::holiday;
use crate::tool::reply::Deployment;

/// What forms ask and desks write: labels that a new form moves, users do not.
const WRITTEN: [&str; 4] = ["queue", "type", "priority", "product"];
/// What a change of settings in the log adds to the log likelihood of a new form.
const ANNOUNCED: f64 = 5.0;
/// Change from which on a kind of users is gone, not fewer.
const VANISHED: f64 = -0.8;
/// A total whose move is no likelier than this stayed.
const TOTAL_STAYED: f64 = 2.5;

/// What is known when the scan is over.
pub(super) struct Evidence<'a> {
    pub(super) best: &'a Hypothesis,
    pub(super) counts: &'a [Counts],
    /// The metric that says most for the hypothesis, and its history.
    pub(super) main: usize,
    pub(super) mix: Option<&'a Mix>,
    pub(super) history: &'a History,
    pub(super) changes: &'a [Deployment],
    /// Countries whose holidays may count.
    pub(super) countries: &'a [String],
    /// Whether a change is suspected that reached exactly the scope.
    pub(super) suspected: bool,
}

impl Evidence<'_> {
    fn volume(&self) -> &Volume {
        &self.counts[self.main].volume
    }

    /// The counts of the hypothesis on its loudest metric.
    fn cell(&self) -> Cell {
        self.best.cells[self.main].map(|(cell, _)| cell).unwrap_or_default()
    }

    /// The values of a dimension on the first metric that has it.
    fn parts(&self, dimension: &str) -> Option<&[Part]> {
        self.counts.iter().find_map(|counts| counts.parts.get(dimension)).map(Vec::as_slice)
    }
}

/// The harmless explanation that fits, if one does.
pub(super) fn explanation(evidence: &Evidence<'_>) -> Option<Benign> {
    logging_outage(evidence)
        .or_else(|| campaign(evidence))
        .or_else(|| holiday(evidence))
        .or_else(|| relabelled(evidence))
        .or_else(|| swapped_version(evidence))
        .or_else(|| mix_shift(evidence))
        .or_else(|| slow_growth(evidence))
}

fn benign(kind: &str, change: Option<&Deployment>) -> Option<Benign> {
    Some(Benign { kind: kind.to_owned(), change: change.map(|change| change.id.clone()) })
}

/// The change of a kind that was under way at some time of the window.
fn under_way<'a>(changes: &'a [Deployment], kind: &str, window: Days) -> Option<&'a Deployment> {
    let active = |change: &&Deployment| {
        let until = change.until.as_deref().and_then(day_of).unwrap_or(window.to);
        day_of(&change.at).is_some_and(|at| at <= window.to && until >= window.from)
    };
    changes.iter().filter(|change| change.kind == kind).rfind(active)
}

/// Days without any record, announced as maintenance.
fn logging_outage(evidence: &Evidence<'_>) -> Option<Benign> {
    let window = evidence.volume().window;
    let around = Days { from: shift(window.from, -2), to: window.to };
    let missing = (0..around.len()).any(|at| evidence.history.is_missing(shift(around.from, at)));
    let announced = under_way(evidence.changes, "maintenance", around);
    let low = evidence.best.scope.is_empty() && evidence.volume().z() < 0.0;
    announced.filter(|_| missing || low).and_then(|change| benign("logging_outage", Some(change)))
}

/// More of everything, or of everything in the countries of the campaign, while one runs.
fn campaign(evidence: &Evidence<'_>) -> Option<Benign> {
    let best = evidence.best;
    let change = under_way(evidence.changes, "campaign", evidence.volume().window)?;
    if evidence.cell().change() <= 0.0 || evidence.suspected {
        return None;
    }
    let fits = |dimension: &str, touched: &[String]| match best.scope.get(dimension) {
        Some(value) => touched.contains(value),
        None => touched.is_empty(),
    };
    let platforms: Vec<String> = change.platform.iter().cloned().collect();
    let whole = best.scope.keys().all(|dimension| dimension == "country" || dimension == "platform");
    (whole && fits("country", &change.regions) && fits("platform", &platforms)).then_some(())?;
    // A campaign brings customers like those there are; other shares of types and priorities speak of trouble.
    benign("campaign", Some(change))
}

/// Less of everything, or a little more after it, on a public holiday of a country that the desk serves.
fn holiday(evidence: &Evidence<'_>) -> Option<Benign> {
    let volume = evidence.volume();
    let drop = volume.all.change() < 0.0;
    let lowest = (0..volume.window.len())
        .map(|at| shift(volume.window.from, at))
        .filter(|day| evidence.history.z(*day, volume.window.from).is_some_and(|z| z < -2.0));
    let lows: Vec<Date> = lowest.collect();
    let known = lows.iter().filter(|day| is_holiday(**day, evidence.countries)).count();
    let shares_stayed = evidence.best.scope.is_empty() || evidence.best.score < volume.total_moved();
    (drop && known > 0 && known * 2 >= lows.len() && shares_stayed).then_some(())?;
    benign("holiday", None)
}

fn is_holiday(day: Date, countries: &[String]) -> bool {
    let on = |country: &str| holiday::on_dates(country, &[day]).is_ok_and(|(_, marks)| marks.first().is_some_and(Option::is_some));
    countries.iter().any(|country| on(country))
}

/// A release right before a window in which nothing happened.
pub(super) fn release(changes: &[Deployment], window: Days) -> Option<Benign> {
    let fresh = |change: &&Deployment| {
        let lag = day_of(&change.at).map(|at| between(at, window.to));
        change.kind == "deployment" && lag.is_some_and(|lag| (0..window.len() + 1).contains(&lag))
    };
    changes.iter().rfind(fresh).and_then(|change| benign("decoy_deployment", Some(change)))
}

/// Whether moved shares explain the window better than a scope does, and totals stayed; `known` is what speaks for it besides.
fn shares_moved(evidence: &Evidence<'_>, known: f64) -> bool {
    let stayed = evidence.counts.iter().all(|counts| counts.volume.total_moved() < TOTAL_STAYED);
    stayed && evidence.mix.is_some_and(|mix| mix.score > 3.0 && mix.score + known > evidence.best.score)
}

/// Two values of a dimension exchanged tickets, and the form changed.
fn relabelled(evidence: &Evidence<'_>) -> Option<Benign> {
    let window = evidence.volume().window;
    let fresh = |change: &&Deployment| {
        change.kind == "config_change" && day_of(&change.at).is_some_and(|at| between(at, window.to) <= window.len() + 14)
    };
    let form = evidence.changes.iter().rfind(fresh);
    let mix = evidence.mix.filter(|_| shares_moved(evidence, if form.is_some() { ANNOUNCED } else { 0.0 }))?;
    if !WRITTEN.contains(&mix.dimension.as_str()) {
        return None;
    }
    let parts = evidence.parts(&mix.dimension)?;
    let excess = |at: &Part| at.cell.current - at.cell.expected;
    let fallen = parts.iter().min_by(|a, b| excess(a).total_cmp(&excess(b)))?;
    let risen = parts.iter().max_by(|a, b| excess(a).total_cmp(&excess(b)))?;
    // What one lost the other gained, give or take chance.
    let chance = 2.0 * risen.cell.expected.max(1.0).sqrt();
    let exchanged = fallen.cell.change() < -0.3 && (excess(fallen) + excess(risen)).abs() < 0.5 * excess(risen) + chance;
    exchanged.then_some(())?;
    benign("taxonomy_change", form)
}

/// Users took up a new version: its numbers rise, those of older ones fall, and the total stays.
fn swapped_version(evidence: &Evidence<'_>) -> Option<Benign> {
    let mix = evidence.mix.filter(|mix| mix.dimension == "app_version" && shares_moved(evidence, 0.0))?;
    let parts = evidence.parts(&mix.dimension)?;
    let risen = parts.iter().max_by(|a, b| a.cell.change().total_cmp(&b.cell.change()))?;
    let release = evidence.changes.iter().rfind(|change| change.version.as_ref() == Some(&risen.value))?;
    benign("decoy_deployment", Some(release))
}

/// Other users than before, each with as much trouble as before.
fn mix_shift(evidence: &Evidence<'_>) -> Option<Benign> {
    let of_users = evidence.mix.is_some_and(|mix| !WRITTEN.contains(&mix.dimension.as_str()));
    // Nobody loses all users of a kind to the others overnight.
    let vanished = |parts: &[Part]| parts.iter().any(|part| part.cell.expected > 10.0 && part.cell.change() < VANISHED);
    let gone = evidence.mix.and_then(|mix| evidence.parts(&mix.dimension)).is_some_and(vanished);
    if of_users && !gone && shares_moved(evidence, 0.0) { benign("mix_shift", None) } else { None }
}

/// Everything grows alike, and did so in the weeks before: the last four weeks rose week by week.
fn slow_growth(evidence: &Evidence<'_>) -> Option<Benign> {
    let volume = evidence.volume();
    let change = volume.all.change();
    if !evidence.best.scope.is_empty() || evidence.suspected || !(0.0..0.35).contains(&change) {
        return None;
    }
    let week = |back: i64| -> Option<f64> {
        let days = Days::ending(shift(volume.window.from, -1 - 7 * back), 7);
        let values: Vec<f64> = (0..7).filter_map(|at| evidence.history.value(shift(days.from, at))).collect();
        (values.len() >= 5).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let weeks: Vec<f64> = (0..5).map_while(week).collect();
    let (newest, oldest) = (weeks.first()?, weeks.last()?);
    // The level is about two and a half weeks old: growth must explain what the window has over it.
    let per_week = libm::log(newest / oldest) / (weeks.len() - 1).max(1) as f64;
    let explained = libm::exp(2.5 * per_week) - 1.0;
    (weeks.len() >= 4 && per_week > 0.005 && explained > 0.4 * change).then_some(())?;
    benign("slow_growth", None)
}
