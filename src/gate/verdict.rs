//! One rule on one model: passed, or why not.

use serde::Serialize;

use super::baseline::BaselineRow;
use super::rule::{Rule, limit_key};
use crate::measured::{Measured, Why};
use crate::name::ConfigId;
use crate::score::sample::{Estimate, FileCounts, Files, MIN_FILES, paired_drop, put_back};
use crate::score::scorecard::ModelRow;
use crate::score::{Better, Counts, Metric, Tally};
use crate::stats::bootstrap::Interval;

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Passed,
    /// The drop may be beyond the tolerance, but chance could have made it; or too few files to tell.
    Inconclusive,
    /// The interval of the drop lies wholly beyond the tolerance, or the number is gone.
    Regressed,
    /// The number is worse than its limit.
    BelowMin,
    /// No row of the run or of the baseline answers to it.
    MatchedNothing,
}

impl Status {
    /// Whether the gate fails because of it.
    #[must_use]
    pub const fn fails(self, strict: bool) -> bool {
        match self {
            Self::Passed => false,
            Self::Inconclusive => strict,
            Self::Regressed | Self::BelowMin | Self::MatchedNothing => true,
        }
    }
}

/// A drop since the baseline, positive when worse.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Drop {
    /// The drop on the files both runs were judged on.
    pub value: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// Files it rests on.
    pub files: usize,
}

impl From<Estimate> for Drop {
    fn from(estimate: Estimate) -> Self {
        Self { value: estimate.value, interval: estimate.interval, files: estimate.files }
    }
}

/// A file whose counts changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// The file.
    pub file: String,
    /// How much of the drop is gone when this file alone is put back to its counts in the baseline; none where the number is gone with it.
    pub drop: Option<f64>,
    /// Its sums in the baseline.
    pub before: Tally,
    /// Its sums now.
    pub after: Tally,
}

/// A rule, a row, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The rule.
    pub rule: Rule,
    /// The model of the row, in the cause section the agent; none when nothing matched.
    pub model: Option<ConfigId>,
    /// The agent of the row; end to end only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<ConfigId>,
    /// What became of it.
    pub status: Status,
    /// The number now.
    pub value: Measured,
    /// The number of the baseline.
    pub baseline: Measured,
    /// The drop; none without `max_drop`.
    pub drop: Option<Drop>,
    /// The files that moved the number most.
    pub moved: Vec<Moved>,
    /// The reason in words, where the numbers do not say it.
    pub why: Option<String>,
}

/// How many moved files are named.
const MOVED: usize = 5;

impl Verdict {
    /// A rule that found no row.
    #[must_use]
    pub fn matched_nothing(rule: &Rule, row: Option<&ModelRow>, why: String) -> Self {
        Self {
            rule: rule.clone(),
            model: row.map(|row| row.config.clone()),
            agent: row.and_then(|row| row.agent.clone()),
            status: Status::MatchedNothing,
            value: Measured::Missing(Why::NoData),
            baseline: Measured::Missing(Why::NoData),
            drop: None,
            moved: Vec::new(),
            why: Some(why),
        }
    }

    /// Holds a row to a rule; `before` is needed where the rule has a `max_drop`.
    #[must_use]
    pub fn of(rule: &Rule, row: &ModelRow, before: Option<&BaselineRow>) -> Self {
        let metric = rule.metric.metric();
        let value = metric.of(&row.total);
        let mut verdict = Self { value, ..Self::matched_nothing(rule, Some(row), String::new()) };
        (verdict.status, verdict.why) = (Status::Passed, None);
        if let Some(before) = before {
            verdict.baseline = metric.of(&total(&before.files));
        }
        if let (Some(max_drop), Some(before)) = (rule.max_drop, before) {
            verdict.hold_to_baseline(metric, max_drop, &before.files, &row.files);
            if before.config != row.config || before.agent != row.agent {
                verdict.add_why("its settings changed since the baseline".to_owned());
            }
        }
        if let Some(limit) = rule.limit {
            verdict.hold_to_limit(metric, limit);
        }
        verdict
    }

    /// The limit holds for the number alone, however few the files.
    fn hold_to_limit(&mut self, metric: &Metric, limit: f64) {
        let key = limit_key(metric.better);
        match self.value {
            Measured::Value(value) if is_beyond(metric, value, limit) => self.status = Status::BelowMin,
            Measured::Value(_) => {}
            Measured::Missing(why) => {
                self.status = Status::BelowMin;
                self.add_why(format!("`{key}` is set and there is no number: {}", in_words(why)));
            }
        }
    }

    fn hold_to_baseline(&mut self, metric: &Metric, max_drop: f64, before: &Files, after: &Files) {
        let drop = paired_drop(before, after, metric);
        self.drop = Some(drop.into());
        self.moved = moved(before, after, metric);
        let (status, why) = self.against(max_drop, &drop);
        self.status = status;
        why.into_iter().for_each(|why| self.add_why(why));
        let refused = newly_refused(before, after);
        if refused > 0 {
            self.status = Status::Regressed;
            self.add_why(format!("it now refuses {refused} jobs that the baseline judged"));
        }
        let failed: u64 = after.values().map(|file| file.counts.tally.failed).sum();
        if failed > 0 {
            self.add_why(format!("{failed} jobs failed and are not in the comparison"));
        }
    }

    fn against(&self, max_drop: f64, drop: &Estimate) -> (Status, Option<String>) {
        let no_number = |why: &str| (Status::Inconclusive, Some(why.to_owned()));
        match (self.baseline, self.value) {
            (Measured::Missing(_), Measured::Value(_)) => return (Status::Passed, Some("the baseline has no number".to_owned())),
            (Measured::Missing(_), Measured::Missing(_)) => return no_number("neither run has a number"),
            (Measured::Value(_), Measured::Missing(why)) => {
                return (Status::Regressed, Some(format!("the baseline has a number and this run has none: {}", in_words(why))));
            }
            (Measured::Value(_), Measured::Value(_)) => {}
        }
        let Some(value) = drop.value else { return no_number("no file was judged in both runs") };
        if drop.files < MIN_FILES {
            return (Status::Inconclusive, Some(format!("{} files, {MIN_FILES} are needed to tell a drop from chance", drop.files)));
        }
        match drop.interval {
            Some(interval) if interval.lower > max_drop => (Status::Regressed, None),
            _ if value <= max_drop => (Status::Passed, None),
            Some(_) => no_number("the drop is beyond the tolerance, its interval is not"),
            None => no_number("the drop is beyond the tolerance, but undefined in too many draws for an interval"),
        }
    }

    fn add_why(&mut self, why: String) {
        self.why = Some(match self.why.take() {
            Some(before) => format!("{before}; {why}"),
            None => why,
        });
    }
}

fn is_beyond(metric: &Metric, value: f64, limit: f64) -> bool {
    match metric.better {
        Better::Higher => value < limit,
        Better::Lower => value > limit,
    }
}

fn in_words(why: Why) -> &'static str {
    match why {
        Why::NoPositives => "there was nothing to find",
        Why::NoAlarms => "nothing was raised",
        Why::NoDetections => "nothing was detected",
        Why::NoData => "nothing was observed",
        Why::NotApplicable => "the model has no such operating point",
        Why::Failed => "every job failed",
        Why::TooFewFiles => "too few files",
    }
}

fn total(files: &Files) -> Counts {
    files.values().map(|file| &file.counts).sum()
}

/// Jobs that the baseline judged and the model now refuses, which is its own doing: hard cases must not leave the average that way.
fn newly_refused(before: &Files, after: &Files) -> u64 {
    let lost = |(id, new): (&String, &FileCounts)| {
        let (old, new) = (before.get(id)?.counts.tally, new.counts.tally);
        Some(new.rejected.saturating_sub(old.rejected).min(old.jobs.saturating_sub(new.jobs)))
    };
    after.iter().filter_map(lost).sum()
}

/// The files whose return to the baseline would change the number most, largest first.
fn moved(before: &Files, after: &Files, metric: &Metric) -> Vec<Moved> {
    let mut found: Vec<(&str, Option<f64>)> = put_back(before, after, metric).into_iter().filter(|(_, drop)| *drop != Some(0.0)).collect();
    // Stable, so that equal moves stand by name; an undefined one is the largest.
    let size = |drop: Option<f64>| drop.map_or(f64::INFINITY, f64::abs);
    found.sort_by(|a, b| size(b.1).total_cmp(&size(a.1)));
    let named = |(file, drop): (&str, Option<f64>)| Moved {
        file: file.to_owned(),
        drop,
        before: before[file].counts.tally,
        after: after[file].counts.tally,
    };
    found.into_iter().take(MOVED).map(named).collect()
}
