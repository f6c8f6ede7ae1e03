//! The tables of agents: who names the cause, and what becomes of a page once an agent has looked. Both read the scorecard alone.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::console::{name, number, with_interval};
use super::markdown::family_name;
use super::table::{Align, Table};
use crate::score::counts::Tally;
use crate::score::metric::Over;
use crate::score::scorecard::{ModelRow, Role, Scorecard};
use crate::score::skill::best_floor;
use crate::score::{Metric, Section, Unit};

/// One row per agent over all its triggers: agents by score, then floors, then the oracle.
#[must_use]
pub fn causes(card: &Scorecard) -> Table {
    let columns = [
        ("agent", Align::Left),
        ("cause right", Align::Left),
        ("top-3 / MRR", Align::Right),
        ("scope F1", Align::Right),
        ("change", Align::Right),
        ("specificity", Align::Right),
        ("grounded / Brier", Align::Right),
    ];
    let mut table = Table::new(columns);
    for row in ranked(card, Section::Cause) {
        table.row([
            name(row),
            with_interval(row, "cause_right"),
            both(row, "cause_top3", "cause_mrr"),
            number(row, "scope_f1"),
            number(row, "change_accuracy"),
            number(row, "specificity"),
            // The truth looks at nothing, so there is nothing for it to cite.
            if row.role == Role::Oracle { format!("– / {}", number(row, "brier")) } else { both(row, "grounded", "brier") },
        ]);
    }
    table
}

/// One row per model and agent.
#[must_use]
pub fn end_to_end(card: &Scorecard) -> Table {
    let columns = [
        ("model + agent", Align::Left),
        ("right", Align::Left),
        ("ungrounded", Align::Right),
        ("wrong / abstained", Align::Right),
        ("late / missed", Align::Right),
        ("dismissed", Align::Right),
        ("blamed/100d", Align::Right),
    ];
    let mut table = Table::new(columns);
    for row in ranked(card, Section::EndToEnd) {
        table.row([
            name(row),
            with_interval(row, "e2e_right"),
            number(row, "e2e_ungrounded"),
            both(row, "e2e_wrong_cause", "e2e_abstained"),
            both(row, "e2e_late", "e2e_missed"),
            number(row, "e2e_dismissed"),
            number(row, "e2e_false_blames_per_100d"),
        ]);
    }
    table
}

fn both(row: &ModelRow, first: &str, second: &str) -> String {
    format!("{} / {}", number(row, first), number(row, second))
}

/// Rows over all triggers: models, floors, oracle; within a role the best first.
#[must_use]
pub fn ranked(card: &Scorecard, section: Section) -> Vec<&ModelRow> {
    let mut rows: Vec<&ModelRow> = card.rows(section).iter().filter(|row| row.trigger.is_none()).collect();
    let score = |row: &ModelRow| row.metric(section.headline()).value().unwrap_or(f64::NEG_INFINITY);
    rows.sort_by(|a, b| {
        a.role.cmp(&b.role).then(score(b).total_cmp(&score(a))).then_with(|| (&a.config, &a.agent).cmp(&(&b.config, &b.agent)))
    });
    rows
}

/// What a table does not say by itself: skill over the best floor, rough intervals, and what was not scored.
#[must_use]
pub fn footnotes(card: &Scorecard, section: Section) -> String {
    let rows = ranked(card, section);
    let mut text = String::new();
    if rows.iter().any(|row| row.metrics.get(section.headline()).is_some_and(|cell| cell.flagged)) {
        text += "~ fewer than 40 files: a rough interval\n";
    }
    if rows.iter().any(|row| row.role == Role::Scripted) {
        text += "scripted: the answers come from a script and not from a model; such rows are not ranked\n";
    }
    text += &skills(card, section, &rows);
    for row in rows {
        let (failed, rejected) = (row.total.tally.failed, row.total.tally.rejected);
        if failed > 0 {
            let between = row.bracket.map_or(String::new(), |bracket| {
                format!("; between {} and {} had they answered", Unit::Share.show(bracket.lower), Unit::Share.show(bracket.upper))
            });
            let _ = writeln!(text, "{}: failed investigations, not scored: {failed}{between}", row.label());
        }
        if rejected > 0 {
            let _ = writeln!(text, "{}: refused investigations: {rejected}", row.label());
        }
    }
    text
}

fn skills(card: &Scorecard, section: Section, rows: &[&ModelRow]) -> String {
    let Some(metric) = Metric::named(section.headline()) else { return String::new() };
    let all = card.rows(section);
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.role == Role::Model) {
        if let (Some((floor, _)), Some(skill)) = (best_floor(all, row, metric), row.skill) {
            let _ = writeln!(text, "{}: skill {} over {}, the best floor", row.label(), Unit::Share.show(skill), floor.label());
        }
    }
    text
}

/// The sentence over the rows of a section; nothing where no row has a score.
#[must_use]
pub fn pick(card: &Scorecard, section: Section) -> String {
    card.pick_of(section).map_or_else(String::new, |pick| format!("{pick}\n"))
}

const READING_CAUSES: &str = "A cause is right if its leaves (leaf-Jaccard .8), its kind and its change are those of the truth; different \
answers that tie for the first place name none. Specificity: placebo triggers and harmless events answered by no fault. Grounded: right \
causes that rest on a number which a recorded call said. Brier: squared error of the stated confidence; less is better. \
An investigation that the agent ended without a report (budget or deadline used up, no valid report) is wrong; one that broke is not scored.\n";

const READING_END: &str = "A page group is judged once an agent has looked at it; a fault without a page is missed. Right, ungrounded, wrong, \
abstained, late and missed add up to one. Dismissed: share of false page groups of which nothing is blamed; one that an agent left without \
a report is neither dismissed nor blamed.\n";

/// Both sections of `report.md`, for those that have rows.
#[must_use]
pub fn markdown(card: &Scorecard) -> String {
    let mut text = String::new();
    for (section, title, table, reading) in
        [(Section::Cause, "Causes", causes(card), READING_CAUSES), (Section::EndToEnd, "End to end", end_to_end(card), READING_END)]
    {
        if table.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {title}\n");
        let sentence = pick(card, section);
        if !sentence.is_empty() {
            let _ = writeln!(text, "**{}**\n", sentence.trim());
        }
        let _ = writeln!(text, "{}\n{reading}", table.markdown());
        for note in footnotes(card, section).lines() {
            let _ = writeln!(text, "- {note}");
        }
        text += "\n";
        text += &all_metrics(card, section).markdown();
        text += &by_trigger(card, section);
        let groups = if section == Section::Cause { GROUPS_CAUSES } else { GROUPS_END };
        let _ = writeln!(text, "\n### {title} by family\n\n{groups}\n\n{}", by(card, section, family_name).markdown());
        let _ = write!(text, "### {title} by scenario\n\n{groups}\n\n{}", by(card, section, str::to_owned).markdown());
    }
    text
}

fn all_metrics(card: &Scorecard, section: Section) -> Table {
    let rows = ranked(card, section);
    let columns = std::iter::once(("metric".to_owned(), Align::Left)).chain(rows.iter().map(|row| (row.label(), Align::Right)));
    let mut table = Table::new(columns);
    for metric in section.metrics() {
        let name = format!("{} ({})", metric.name, metric.better);
        // What no row has is about agents that are not here.
        if rows.iter().any(|row| row.metric(metric.name).value().is_some()) || metric.over != Over::Models {
            table.row(std::iter::once(name).chain(rows.iter().map(|row| with_interval(row, metric.name))));
        }
    }
    table.row(skill_row(&rows, section.headline()));
    table
}

/// Skill by the headline, a cell per row.
#[must_use]
pub fn skill_row(rows: &[&ModelRow], headline: &str) -> Vec<String> {
    let cell = |row: &&ModelRow| row.skill.map_or_else(|| "–".to_owned(), |skill| Unit::Share.show(skill));
    std::iter::once(format!("skill of {headline} over the best floor (higher is better)")).chain(rows.iter().map(cell)).collect()
}

/// Who does well where: what ended well and all of it, per group of files and row.
fn by(card: &Scorecard, section: Section, group: impl Fn(&str) -> String) -> Table {
    let rows: Vec<&ModelRow> = ranked(card, section).into_iter().filter(|row| row.role != Role::Oracle).collect();
    let groups: BTreeSet<String> = rows.iter().flat_map(|row| row.files.keys()).map(|file| group(file)).collect();
    let columns = std::iter::once((String::new(), Align::Left)).chain(rows.iter().map(|row| (row.label(), Align::Right)));
    let mut table = Table::new(columns);
    for name in groups {
        let cell = |row: &&ModelRow| {
            let mut tally = Tally::default();
            row.files.iter().filter(|(file, _)| group(file) == name).for_each(|(_, file)| tally.add_times(&file.counts.tally, 1));
            let (cause, end) = (tally.cause, tally.end);
            match section {
                Section::Detection | Section::Cause => format!("{}, {}", of(cause.right, cause.causes), of(cause.cleared, cause.nothing)),
                Section::Injection => String::new(),
                Section::EndToEnd => format!("{}, {}", of(end.right, end.due()), of(end.dismissed, end.false_groups())),
            }
        };
        let cells: Vec<String> = rows.iter().map(cell).collect();
        table.row(std::iter::once(name).chain(cells));
    }
    table
}

fn of(part: u64, all: u64) -> String {
    if all == 0 { "–".to_owned() } else { format!("{part}/{all}") }
}

const GROUPS_CAUSES: &str = "Right / triggers with a cause, and cleared / triggers without one; all seeds and triggers, pages left out.";
const GROUPS_END: &str = "Right / faults and their page groups, and dismissed / false page groups; all seeds.";

/// How agents fare by the kind of their trigger, where there is more than one.
fn by_trigger(card: &Scorecard, section: Section) -> String {
    let rows: Vec<(&ModelRow, &str)> = card.rows(section).iter().filter_map(|row| Some((row, row.trigger.as_deref()?))).collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = [
        ("agent", Align::Left),
        ("trigger", Align::Left),
        ("investigations", Align::Right),
        ("cause right", Align::Right),
        ("specificity", Align::Right),
        ("Brier", Align::Right),
        ("calls", Align::Right),
    ];
    let mut table = Table::new(columns);
    for (row, trigger) in rows {
        let judged = row.total.tally.cause.judged().to_string();
        let numbers = ["cause_right", "specificity", "brier", "calls_mean"].map(|metric| number(row, metric));
        table.row([name(row), trigger.to_owned(), judged].into_iter().chain(numbers));
    }
    format!("\n### By trigger\n\n{}", table.markdown())
}
