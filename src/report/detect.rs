//! The answer of `harness detect`: every test bucket beside what was expected of it, and the alarms.
//!
//! Point-wise on purpose: the user gave one series, asks which buckets are outside the interval, and reads them in a spreadsheet.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::data::Series;
use crate::data::truth::Window;
use crate::detect::Detection;
use crate::measured::{Measured, Why};
use crate::time::{Grid, Step};

/// Alarms that the printed table shows.
const SHOWN: usize = 20;

/// What `harness detect --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectReport {
    /// The model.
    pub model: String,
    /// The level of the interval, for example 0.99.
    pub interval: f64,
    /// Width of a bucket.
    pub step: Step,
    /// The range the model learned from.
    pub train: Extent,
    /// The range it was tested on.
    pub test: Extent,
    /// How often parameters were estimated.
    pub fits: usize,
    /// Every test bucket, in order.
    pub points: Vec<Point>,
    /// Runs of flagged buckets.
    pub alarms: Vec<Alarm>,
    /// Against the truth, when it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
}

/// A range of buckets, both ends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// First bucket.
    pub first: String,
    /// Last bucket.
    pub last: String,
    /// Number of buckets.
    pub n: usize,
    /// How many of them have no value.
    pub missing: usize,
}

impl Extent {
    pub(super) fn of(series: &Series) -> Self {
        let (first, last) = ends(series.grid());
        Self { first, last, n: series.len(), missing: series.len() - series.observed() }
    }
}

/// One test bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its start.
    pub time: String,
    /// What was counted; null when missing.
    pub value: Option<f64>,
    /// The point forecast; null for models without forecasts.
    pub expected: Option<f64>,
    /// Lower end of the interval.
    pub lower: Option<f64>,
    /// Upper end of the interval.
    pub upper: Option<f64>,
    /// −log10 of the tail probability of its value, higher is stranger; null when missing.
    pub score: Option<f64>,
    /// Whether its score lies above the threshold: for models with forecasts, strictly outside the interval.
    pub flagged: bool,
}

/// A run of flagged buckets; missing buckets between two flagged ones do not end it, observed unflagged ones do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// First flagged bucket.
    pub first: String,
    /// Last flagged bucket.
    pub last: String,
}

/// Point-wise scores over the test buckets that have a value; null where a denominator is zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Flagged buckets that are anomalous / flagged buckets.
    pub precision: Option<f64>,
    /// Anomalous buckets that are flagged / anomalous buckets.
    pub recall: Option<f64>,
    /// Harmonic mean of both; null when nothing is anomalous.
    pub f1: Option<f64>,
    /// Flagged and anomalous.
    pub true_positives: usize,
    /// Flagged, not anomalous.
    pub false_positives: usize,
    /// Anomalous, not flagged.
    pub false_negatives: usize,
    /// Windows of truth with an observed bucket.
    pub windows: usize,
    /// Those with a flagged bucket.
    pub windows_found: usize,
}

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The level of the interval.
    pub interval: f64,
    /// A bucket is flagged when its score lies strictly above; [`native_threshold`](crate::detect::native_threshold) of the level for models with forecasts.
    pub threshold: f64,
    /// The train range.
    pub train: &'a Series,
    /// The test range.
    pub test: &'a Series,
    /// The detector's answer for the test range.
    pub detection: &'a Detection,
    /// Anomalous windows, counted from the first bucket of train.
    pub truth: Option<&'a [Window]>,
}

impl DetectReport {
    /// Joins a detection with its series.
    ///
    /// # Panics
    /// When the detection is not of the test range.
    #[must_use]
    pub fn new(answer: &Answer<'_>) -> Self {
        let Answer { train, test, detection, .. } = *answer;
        assert_eq!(detection.scores.len(), test.len(), "one score per test bucket");
        assert!(detection.bands.is_empty() || detection.bands.len() == test.len(), "one band per test bucket, or none");
        let flagged = flags(detection, answer.threshold);
        let points = (0..test.len()).map(|i| point(test, i, detection, flagged[i])).collect();
        let alarms = runs(&flagged, test.values())
            .into_iter()
            .map(|run| Alarm { first: test.grid().label(run.first), last: test.grid().label(run.last) })
            .collect();
        Self {
            model: answer.model.to_owned(),
            interval: answer.interval,
            step: test.step(),
            train: Extent::of(train),
            test: Extent::of(test),
            fits: detection.fits,
            points,
            alarms,
            scores: answer.truth.map(|windows| Scores::of(&flagged, test.values(), train.len(), windows)),
        }
    }

    /// A short table of the alarms and a line of summary.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "{} on {} buckets of {} ({} to {}){}, trained on {} ({} to {}){}, {}",
            self.model,
            self.test.n,
            self.step,
            self.test.first,
            self.test.last,
            missing(&self.test),
            self.train.n,
            self.train.first,
            self.train.last,
            missing(&self.train),
            counted(self.fits, "fit"),
        );
        let flagged = self.points.iter().filter(|point| point.flagged).count();
        let where_to = if self.has_bands() { format!("outside the {} % interval", percent(self.interval)) } else { "flagged".to_owned() };
        let _ = writeln!(text, "{} {where_to}, {}", counted(flagged, "bucket"), counted(self.alarms.len(), "alarm"));
        if !self.alarms.is_empty() {
            text.push('\n');
            text.push_str(&self.alarm_table());
        }
        if let Some(scores) = &self.scores {
            let _ = writeln!(text, "\n{}", scores.line());
        }
        text
    }

    /// Whether the model says what it expects; a floor does not, and is not judged by an interval.
    fn has_bands(&self) -> bool {
        self.points.iter().any(|point| point.expected.is_some())
    }

    fn alarm_table(&self) -> String {
        let heading = ["first", "last", "flagged", "worst at", "value", "expected", "interval"].map(str::to_owned);
        let mut rows = vec![heading];
        rows.extend(self.alarms.iter().take(SHOWN).map(|alarm| self.alarm_row(alarm)));
        let mut text = aligned(&rows);
        if self.alarms.len() > SHOWN {
            let _ = writeln!(text, "… and {} (--json has all)", counted(self.alarms.len() - SHOWN, "more alarm"));
        }
        text
    }

    fn alarm_row(&self, alarm: &Alarm) -> [String; 7] {
        let from = self.points.iter().position(|point| point.time == alarm.first).unwrap_or(0);
        let to = self.points[from..].iter().position(|point| point.time == alarm.last).map_or(from, |n| from + n);
        let flagged = || self.points[from..=to].iter().filter(|point| point.flagged);
        let worst = flagged().max_by(|a, b| a.excess().total_cmp(&b.excess())).unwrap_or(&self.points[from]);
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), short);
        let interval = worst.lower.zip(worst.upper).map_or_else(|| "–".to_owned(), |(l, u)| format!("{} to {}", short(l), short(u)));
        let count = flagged().count().to_string();
        // Without an interval no bucket of the run is known to be the worst.
        let (time, value) = if self.has_bands() { (worst.time.clone(), worst.value) } else { ("–".to_owned(), None) };
        [alarm.first.clone(), alarm.last.clone(), count, time, number(value), number(worst.expected), interval]
    }
}

impl Point {
    /// How far outside the interval, in widths of it.
    fn excess(&self) -> f64 {
        match (self.value, self.lower, self.upper) {
            (Some(value), Some(lower), Some(upper)) => (value - upper).max(lower - value) / (upper - lower).max(f64::MIN_POSITIVE),
            _ => 0.0,
        }
    }
}

impl Scores {
    fn of(flagged: &[bool], values: &[Option<f64>], train: usize, windows: &[Window]) -> Self {
        let test_range = |window: &Window| window.first.max(train) - train..(window.last + 1).saturating_sub(train).min(values.len());
        let mut anomalous = vec![false; values.len()];
        windows.iter().flat_map(test_range).for_each(|i| anomalous[i] = true);
        let (mut tp, mut fp, mut negatives) = (0, 0, 0);
        for i in (0..values.len()).filter(|&i| values[i].is_some()) {
            match (flagged[i], anomalous[i]) {
                (true, true) => tp += 1,
                (true, false) => fp += 1,
                (false, true) => negatives += 1,
                (false, false) => {}
            }
        }
        let ratio = |a: usize, b: usize, why| Measured::ratio(a as f64, b as f64, why).value();
        let positives = tp + negatives;
        Self {
            precision: ratio(tp, tp + fp, Why::NoAlarms),
            recall: ratio(tp, positives, Why::NoPositives),
            f1: if positives == 0 { None } else { ratio(2 * tp, 2 * tp + fp + negatives, Why::NoPositives) },
            true_positives: tp,
            false_positives: fp,
            false_negatives: negatives,
            windows: windows.iter().filter(|window| test_range(window).any(|i| values[i].is_some())).count(),
            windows_found: windows.iter().filter(|window| test_range(window).any(|i| flagged[i])).count(),
        }
    }

    fn line(&self) -> String {
        let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        format!(
            "against the truth, bucket by bucket: precision {}, recall {}, F1 {} ({} right, {} false, {} missed); {} of {} found",
            share(self.precision),
            share(self.recall),
            share(self.f1),
            self.true_positives,
            self.false_positives,
            self.false_negatives,
            self.windows_found,
            counted(self.windows, "window"),
        )
    }
}

/// Per bucket, whether its score lies strictly above the threshold; a missing bucket has no score.
#[must_use]
pub fn flags(detection: &Detection, threshold: f64) -> Vec<bool> {
    detection.scores.iter().map(|score| score.is_some_and(|score| score > threshold)).collect()
}

fn point(test: &Series, i: usize, detection: &Detection, flagged: bool) -> Point {
    let band = detection.bands.get(i);
    Point {
        time: test.grid().label(i),
        value: test.values()[i],
        expected: band.map(|band| band.expected),
        lower: band.map(|band| band.lower),
        upper: band.map(|band| band.upper),
        score: detection.scores[i],
        flagged,
    }
}

/// Maximal runs of flagged buckets, over missing ones.
pub(super) fn runs(flagged: &[bool], values: &[Option<f64>]) -> Vec<Window> {
    let mut runs: Vec<Window> = Vec::new();
    let mut open = false;
    for i in 0..flagged.len() {
        match (flagged[i], runs.last_mut()) {
            (true, Some(run)) if open => run.last = i,
            (true, _) => runs.push(Window { first: i, last: i }),
            (false, _) => {}
        }
        open = flagged[i] || (open && values[i].is_none());
    }
    runs
}

fn ends(grid: &Grid) -> (String, String) {
    (grid.label(0), grid.label(grid.len().saturating_sub(1)))
}

fn missing(extent: &Extent) -> String {
    if extent.missing == 0 { String::new() } else { format!(", {} missing", extent.missing) }
}

pub(super) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A level in percent without trailing zeros: 99, 99.5.
pub(super) fn percent(level: f64) -> String {
    let text = format!("{:.4}", level * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number in a table: four significant digits, and all digits before the point.
pub(super) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Columns two spaces apart; times to the left, numbers to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> = (0..N).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| if matches!(column, 0 | 1 | 3) { format!("{cell:<width$}") } else { format!("{cell:>width$}") })
            .collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    text
}
