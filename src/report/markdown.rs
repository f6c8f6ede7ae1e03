//! `report.md`: the whole comparison, for people. Holds no clock, so that equal runs give equal bytes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::table::{Align, Table};
use super::{cause_table, console, injection, models};
use crate::forecast::INTERVAL;
use crate::scenario;
use crate::score::counts::{LEVELS, Tally};
use crate::score::judge::Judgement;
use crate::score::scorecard::{ModelRow, Role};
use crate::score::{HEADLINE, METRICS, Unit};

/// Renders the report.
pub(super) fn render(judgement: &Judgement) -> String {
    let mut text = String::from("# Detection report\n\n");
    text += console::heading(judgement).trim_end();
    text += ".\n\n";
    let _ = writeln!(text, "**{}**\n", console::pick(judgement).trim());
    text += "## Detection at the alert budget\n\n";
    text += &console::detection(judgement).markdown();
    text += READING;
    text += "## All metrics\n\n";
    text += &all_metrics(judgement).markdown();
    text += &coverage(judgement);
    text += "\n## By family\n\nEffects found / effects, and false pages, at the alert budget; all seeds and series.\n\n";
    text += &by(judgement, family_name).markdown();
    text += "\n## By scenario\n\n";
    text += &by(judgement, str::to_owned).markdown();
    text += &cause_table::markdown(&judgement.scorecard);
    text += &models::markdown(judgement);
    text += &injection::markdown(&judgement.scorecard);
    text += &refusals(judgement);
    text += "\n## Protocol\n\n";
    text += &protocol(judgement);
    text
}

const READING: &str = "\nAn effect is found when an episode of flags opens within its deadline. A false page is a flag outside every effect and the recovery \
after it; each covers the time until the next reminder. Event F1 = 2TP/(2TP + FP + FN), pooled over all jobs, fault-free ones included. \
Intervals: 95 %, BCa bootstrap over scenario files, faulted and fault-free drawn apart; `~` marks fewer than 40 files. `–` is a number that \
does not exist, which is not zero.\n\n";

fn all_metrics(judgement: &Judgement) -> Table {
    let rows = console::ranked(judgement);
    let columns = std::iter::once(("metric".to_owned(), Align::Left)).chain(rows.iter().map(|row| (row.config.name.clone(), Align::Right)));
    let mut table = Table::new(columns);
    for metric in METRICS {
        let name = format!("{} ({})", metric.name, metric.better);
        table.row(std::iter::once(name).chain(rows.iter().map(|row| console::with_interval(row, metric.name))));
    }
    table.row(cause_table::skill_row(&rows, HEADLINE));
    table
}

/// How often values lie within the intervals stated for them.
fn coverage(judgement: &Judgement) -> String {
    let rows: Vec<&ModelRow> = console::ranked(judgement).into_iter().filter(|row| row.total.tally.coverage.series > 0).collect();
    if rows.is_empty() {
        return String::new();
    }
    let levels = LEVELS.iter().map(|level| (format!("within {level}"), Align::Right));
    let columns = [("".to_owned(), Align::Left), ("intervals".to_owned(), Align::Left)].into_iter().chain(levels);
    let counted = [("error".to_owned(), Align::Right), ("series".to_owned(), Align::Right), ("buckets".to_owned(), Align::Right)];
    let mut table = Table::new(columns.chain(counted));
    for row in rows {
        let coverage = &row.total.tally.coverage;
        let interval = judgement.manifest.columns.iter().find(|column| column.config == row.config);
        let interval = interval.and_then(|column| column.settings[INTERVAL].as_str()).unwrap_or("–").to_owned();
        let shares = coverage.shares().map(|shares| shares.map(|share| Unit::FineShare.show(share)));
        let error = coverage.error().map_or_else(|| "–".to_owned(), |error| Unit::FineShare.show(error));
        let counted = [error, coverage.series.to_string(), coverage.buckets.to_string()];
        table.row([row.config.name.clone(), interval].into_iter().chain(shares.into_iter().flatten()).chain(counted));
    }
    format!("\n## Calibration\n\n{}\n{COVERAGE}", table.markdown())
}

const COVERAGE: &str = "Share of quiet buckets that lie within the interval of each level, mean over series: a series has one vote, however many buckets. Quiet is a \
bucket in which no fault and no harmless event acts, or did within a reminder's time. Error: mean distance from the level. Counts are whole numbers, so that \
intervals of small counts hold more than they say.\n";

/// What tables call the family of a file.
pub(super) fn family_name(file: &str) -> String {
    let family = scenario::family(file);
    if family.is_empty() { "no folder".to_owned() } else { family.to_owned() }
}

/// Found, all and false per group of files and detector.
fn by(judgement: &Judgement, group: impl Fn(&str) -> String) -> Table {
    let rows: Vec<&ModelRow> = console::ranked(judgement).into_iter().filter(|row| row.role != Role::Oracle).collect();
    let groups: BTreeSet<String> = judgement.scorecard.basis.files.keys().map(|file| group(file)).collect();
    let columns = std::iter::once(("".to_owned(), Align::Left)).chain(rows.iter().map(|row| (row.config.name.clone(), Align::Right)));
    let mut table = Table::new(columns);
    for name in groups {
        let cell = |row: &&ModelRow| {
            let mut tally = Tally::default();
            row.files.iter().filter(|(file, _)| group(file) == name).for_each(|(_, file)| tally.add_times(&file.counts.tally, 1));
            let found = if tally.effects() == 0 { "–".to_owned() } else { format!("{}/{}", tally.detected, tally.effects()) };
            format!("{found}, {}", tally.false_pages)
        };
        let cells: Vec<String> = rows.iter().map(cell).collect();
        table.row(std::iter::once(name).chain(cells));
    }
    table
}

/// What models refused and what broke, with the reason.
fn refusals(judgement: &Judgement) -> String {
    let mut reasons: BTreeMap<(&str, Cow<'_, str>), usize> = BTreeMap::new();
    for job in &judgement.jobs {
        let Some(why) = job.outcome.why() else { continue };
        *reasons.entry((job.key.model.name.as_str(), why)).or_default() += 1;
    }
    if reasons.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n## Not scored\n\n");
    for ((model, why), count) in reasons {
        let _ = writeln!(text, "- {model}, {count} series: {why}");
    }
    text
}

fn protocol(judgement: &Judgement) -> String {
    let detection = &judgement.suite.detection;
    let basis = &judgement.scorecard.basis;
    let mut text = String::new();
    let undetectable: u64 =
        judgement.scorecard.models.iter().filter(|row| row.role == Role::Oracle).map(|row| row.total.tally.undetectable).sum();
    let _ = writeln!(
        text,
        "- harness {}, suite `{}`, protocol `{}`, plan `{}`",
        judgement.scorecard.version, basis.suite, basis.protocol, judgement.manifest.plan
    );
    let _ = writeln!(text, "- seeds {}; thresholds set on fault-free twins of dev seeds", basis.seeds);
    let _ = writeln!(text, "- origin {:?}, refit {}, on alarm {:?}", detection.origin, detection.refit, detection.on_alarm);
    let _ = writeln!(
        text,
        "- native interval {}, alert budget {} per series and 100 days",
        detection.interval,
        Unit::PerHundredDays.show(detection.budget)
    );
    let _ = writeln!(text, "- effects that cannot be seen on a series, left out of recall: {undetectable}");
    text
}
