//! What `harness run` ends with: the detection table, the pick, the worst incidents, and where the report is.

use std::fmt::Write;

use super::table::{Align, Table};
use super::{cause_table, injection};
use crate::scenario;
use crate::score::end_to_end::Ending;
use crate::score::explained::{JoinedIncident, JudgedInvestigation};
use crate::score::judge::{Job, Judgement};
use crate::score::scorecard::{ModelRow, Role};
use crate::score::{HEADLINE, Metric, Section, Unit};

/// Incidents named at the end.
const WORST: usize = 3;

/// The whole of it, as text; `run` is the run folder as a user can type it.
#[must_use]
pub fn render(judgement: &Judgement, run: &str) -> String {
    let card = &judgement.scorecard;
    let mut text = heading(judgement);
    text += "\n";
    text += &detection(judgement).text();
    text += &footnotes(judgement);
    for (section, table) in [(Section::Cause, cause_table::causes(card)), (Section::EndToEnd, cause_table::end_to_end(card))] {
        if !table.is_empty() {
            text += "\n";
            text += &table.text();
            text += &cause_table::footnotes(card, section);
        }
    }
    text += &injection::line(card);
    text += &pick(judgement);
    text += &cause_table::pick(card, Section::Cause);
    let end_to_end = cause_table::pick(card, Section::EndToEnd);
    text += &end_to_end;
    text += &if end_to_end.is_empty() { worst(judgement) } else { worst_endings(judgement, run) };
    text
}

/// What was run, in one line.
#[must_use]
pub fn heading(judgement: &Judgement) -> String {
    let detection = &judgement.suite.detection;
    let files = judgement.scorecard.basis.files.len();
    let variants = match judgement.scorecard.basis.variants.len() {
        0 => String::new(),
        1 => " and 1 variant".to_owned(),
        several => format!(" and {several} variants"),
    };
    let seeds = judgement.suite.seeds;
    format!(
        "detection at {} false page{} per series and 100 days; {files} scenario{}{variants} x {} {} seed{}, refit {}\n",
        detection.budget,
        if detection.budget == 1.0 { "" } else { "s" },
        if files == 1 { "" } else { "s" },
        seeds.count,
        seeds.role,
        if seeds.count == 1 { "" } else { "s" },
        detection.refit,
    )
}

/// One row per detector: models by score, then floors, then the oracle.
#[must_use]
pub fn detection(judgement: &Judgement) -> Table {
    let native = format!("point F1 @{}", judgement.suite.detection.interval);
    let columns = [
        ("model", Align::Left),
        ("event F1", Align::Left),
        ("precision", Align::Right),
        ("recall", Align::Right),
        ("false/100d", Align::Right),
        ("delay h (p90)", Align::Right),
        (native.as_str(), Align::Right),
    ];
    let mut table = Table::new(columns);
    for row in ranked(judgement) {
        table.row(cells(row));
    }
    table
}

/// Models, floors, oracle; within a role the best first.
#[must_use]
pub fn ranked(judgement: &Judgement) -> Vec<&ModelRow> {
    let mut rows: Vec<&ModelRow> = judgement.scorecard.models.iter().collect();
    let score = |row: &ModelRow| row.metric(HEADLINE).value().unwrap_or(f64::NEG_INFINITY);
    rows.sort_by(|a, b| a.role.cmp(&b.role).then(score(b).total_cmp(&score(a))).then(a.config.cmp(&b.config)));
    rows
}

fn cells(row: &ModelRow) -> [String; 7] {
    let delay = match row.metric("delay_median_h").value() {
        Some(median) => format!("{median:.0} ({})", row.metric("delay_p90_h").value().map_or("–".to_owned(), |p90| format!("{p90:.0}"))),
        None => "–".to_owned(),
    };
    [
        name(row),
        with_interval(row, HEADLINE),
        number(row, "event_precision"),
        number(row, "event_recall"),
        number(row, "false_pages_per_100d"),
        delay,
        number(row, "point_f1"),
    ]
}

/// A row as tables call it.
#[must_use]
pub fn name(row: &ModelRow) -> String {
    match row.role {
        Role::Model | Role::Oracle => row.label(),
        Role::Floor => format!("floor {}", row.label()),
        Role::Scripted => format!("scripted {}", row.label()),
    }
}

/// A number of a row as tables print it.
#[must_use]
pub fn number(row: &ModelRow, metric: &str) -> String {
    let unit = Metric::named(metric).map_or(Unit::Share, |metric| metric.unit);
    row.metric(metric).value().map_or("–".to_owned(), |value| unit.show(value))
}

/// A number with its interval; `~` where the interval rests on few files.
#[must_use]
pub fn with_interval(row: &ModelRow, metric: &str) -> String {
    let unit = Metric::named(metric).map_or(Unit::Share, |metric| metric.unit);
    let value = number(row, metric);
    match row.metrics.get(metric).and_then(|cell| Some((cell, cell.interval?))) {
        Some((cell, interval)) => {
            let flag = if cell.flagged { "~" } else { "" };
            format!("{value} [{}, {}]{flag}", unit.show(interval.lower), unit.show(interval.upper))
        }
        None => value,
    }
}

/// What the table does not say by itself.
fn footnotes(judgement: &Judgement) -> String {
    let mut text = String::new();
    let rows = &judgement.scorecard.models;
    if rows.iter().any(|row| row.metrics.get(HEADLINE).is_some_and(|cell| cell.flagged)) {
        text += "~ fewer than 40 files: a rough interval\n";
    }
    text += &ceiling(judgement);
    for row in rows {
        let tally = &row.total.tally;
        if tally.failed > 0 {
            let bracket = row.bracket.map_or(String::new(), |b| {
                format!("; F1 between {} and {} had they answered", Unit::Share.show(b.lower), Unit::Share.show(b.upper))
            });
            let _ = writeln!(text, "{}: {} jobs failed and are not scored{bracket}", row.config.name, tally.failed);
        }
        if tally.rejected > 0 {
            let _ = writeln!(text, "{}: refused {} series (see report.md)", row.config.name, tally.rejected);
        }
    }
    text
}

/// What a model that finds everything scores if it spends the whole budget: the scale on which to read event F1.
fn ceiling(judgement: &Judgement) -> String {
    let Some(oracle) = judgement.scorecard.models.iter().find(|row| row.role == Role::Oracle) else { return String::new() };
    let effects = oracle.total.tally.effects() as f64;
    let allowed = judgement.suite.detection.budget * oracle.total.tally.observed_seconds as f64 / (100.0 * 86_400.0);
    if effects == 0.0 {
        return String::new();
    }
    format!("finding every effect and spending the whole budget scores {}\n", Unit::Share.show(2.0 * effects / (2.0 * effects + allowed)))
}

/// The sentence over models.
#[must_use]
pub fn pick(judgement: &Judgement) -> String {
    judgement.scorecard.pick().map_or_else(
        || "\nno pick: no model has an event F1 (no effect to find, or only floors)\n".to_owned(),
        |pick| format!("\n{pick}\n"),
    )
}

fn worst(judgement: &Judgement) -> String {
    let Some(pick) = judgement.scorecard.pick() else { return String::new() };
    let cost = |job: &Job| (job.counts.tally.missed + job.counts.tally.false_pages, job.counts.tally.missed);
    let mut jobs: Vec<&Job> = judgement.jobs.iter().filter(|job| job.key.model == pick.best && cost(job).0 > 0).collect();
    jobs.sort_by(|a, b| {
        cost(b).cmp(&cost(a)).then_with(|| (&a.file, a.replicate, &a.key.series).cmp(&(&b.file, b.replicate, &b.key.series)))
    });
    let mut text = String::new();
    for job in jobs.iter().take(WORST) {
        let tally = &job.counts.tally;
        let _ = writeln!(
            text,
            "worst for {}: {} {} ({} of {} effects missed, {} false page{})\n  harness generate {} --role {} --seed {} --out incident/",
            pick.best.name,
            job.file,
            job.key.series,
            tally.missed,
            tally.effects(),
            tally.false_pages,
            if tally.false_pages == 1 { "" } else { "s" },
            scenario_path(judgement, &job.file),
            judgement.suite.seeds.role,
            job.replicate,
        );
    }
    text
}

/// The incidents that cost the picked model and agent most, with the investigation to begin with.
fn worst_endings(judgement: &Judgement, run: &str) -> String {
    let Some(pick) = judgement.scorecard.pick_of(Section::EndToEnd) else { return String::new() };
    let bad = |ending: &Ending| {
        matches!(ending, Ending::WrongCause | Ending::Blamed | Ending::Abstained | Ending::Unanswered | Ending::Ungrounded | Ending::Failed)
    };
    let cost = |joined: &JoinedIncident| joined.endings.iter().filter(|(_, ending)| bad(ending)).count();
    let picked = |joined: &&JoinedIncident| format!("{} + {}", joined.model.name, joined.agent.name) == pick.best.name;
    let mut incidents: Vec<&JoinedIncident> = judgement.joined.iter().filter(picked).filter(|joined| cost(joined) > 0).collect();
    incidents.sort_by(|a, b| cost(b).cmp(&cost(a)).then_with(|| a.incident.cmp(&b.incident)));
    let mut text = String::new();
    for joined in incidents.into_iter().take(WORST) {
        let Some((group, ending)) = joined.endings.iter().find(|(_, ending)| bad(ending)) else { continue };
        let of_group = |judged: &&JudgedInvestigation| {
            let key = &judged.record.key;
            key.incident == joined.incident && key.trigger == group.trigger && key.agent == joined.agent
        };
        let Some(judged) = judgement.investigations.iter().find(of_group) else { continue };
        let _ = writeln!(
            text,
            "worst for {}: {} seed {} ({}, {} of {} page groups)\n  harness explain {run} {}",
            pick.best.name,
            judged.file,
            judged.replicate,
            ending.word(),
            cost(joined),
            joined.endings.len(),
            &judged.record.id[..8],
        );
    }
    text
}

/// The path of a scenario file as a user can type it.
fn scenario_path(judgement: &Judgement, file: &str) -> String {
    let mut paths = judgement.suite.scenarios.iter().map(|given| scenario::locate(given, file));
    let first = paths.next().unwrap_or_else(|| file.into());
    if first.is_file() { first } else { paths.find(|path| path.is_file()).unwrap_or(first) }.display().to_string()
}
