//! The answer of `harness detect` on many series: a row per series, the strangest first for people, every row and alarm for programs.
//!
//! Scores are −log10 of tail probabilities and so compare over series of any size: 3 is one in a thousand for each of them.

use std::fmt::Write as _;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::detect::{Extent, counted, flags, percent, runs, short};
use super::table::{Align, Table};
use crate::data::Series;
use crate::detect::Detection;
use crate::import::Key;
use crate::time::Step;

/// What came of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What tells it from the others.
    pub key: Key,
    /// What was found, or why nothing was.
    pub answer: Result<Judged, NotJudged>,
}

/// A series that was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Width of a bucket.
    pub step: Step,
    /// The range the model learned from.
    pub train: Extent,
    /// The range it was tested on.
    pub test: Extent,
    /// How often parameters were estimated.
    pub fits: usize,
    /// Flagged buckets.
    pub flagged: usize,
    /// The test bucket with the largest score, flagged or not; null when none has a score.
    pub largest: Option<Largest>,
    /// Runs of flagged buckets.
    pub alarms: Vec<ManyAlarm>,
    /// What the user should know of how its rows were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The strangest test bucket of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Largest {
    /// −log10 of the tail probability of its value.
    pub score: f64,
    /// Its start.
    pub time: String,
}

/// A run of flagged buckets, as [`Alarm`](super::detect::Alarm), with its strangest bucket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManyAlarm {
    /// First flagged bucket.
    pub first: String,
    /// Last flagged bucket.
    pub last: String,
    /// Flagged buckets.
    pub flagged: usize,
    /// The bucket with the largest score.
    pub at: String,
    /// Its score.
    pub score: f64,
    /// Its value.
    pub value: Option<f64>,
    /// What was expected of it.
    pub expected: Option<f64>,
    /// Lower end of its interval.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
}

/// Why a series was not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJudged {
    /// What is wrong.
    pub why: String,
    /// Whether the model broke down, and did not merely refuse the series.
    pub broke: bool,
}

impl Judged {
    /// Joins a detection with its series; a bucket is flagged when its score lies strictly above the threshold.
    #[must_use]
    pub fn new(train: &Series, test: &Series, detection: &Detection, threshold: f64, notes: Vec<String>) -> Self {
        let flagged = flags(detection, threshold);
        let grid = test.grid();
        let strangest = |range: std::ops::RangeInclusive<usize>| {
            let scored = range.filter_map(|i| Some((i, detection.scores.get(i).copied().flatten()?)));
            // Of equal scores the first.
            scored.fold(
                None,
                |best: Option<(usize, f64)>, (i, score)| if best.is_some_and(|(_, most)| most >= score) { best } else { Some((i, score)) },
            )
        };
        let alarm = |run: crate::data::truth::Window| {
            let (at, score) = strangest(run.first..=run.last)?;
            let band = detection.bands.get(at);
            Some(ManyAlarm {
                first: grid.label(run.first),
                last: grid.label(run.last),
                flagged: flagged[run.first..=run.last].iter().filter(|flagged| **flagged).count(),
                at: grid.label(at),
                score,
                value: test.values()[at],
                expected: band.map(|band| band.expected),
                lower: band.map(|band| band.lower),
                upper: band.map(|band| band.upper),
            })
        };
        Self {
            step: test.step(),
            train: Extent::of(train),
            test: Extent::of(test),
            fits: detection.fits,
            flagged: flagged.iter().filter(|flagged| **flagged).count(),
            largest: strangest(0..=test.len().saturating_sub(1)).map(|(at, score)| Largest { score, time: grid.label(at) }),
            alarms: runs(&flagged, test.values()).into_iter().filter_map(alarm).collect(),
            notes,
        }
    }
}

/// A row as one line of JSON: `key` and, of a series that was judged, what [`Judged`] holds; `error` is null or says why it was not.
///
/// # Errors
/// Of `serde_json`, for what is no JSON.
pub fn json_line(row: &Row, columns: &[String]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        key: Named<'a>,
        #[serde(flatten)]
        judged: Option<&'a Judged>,
        error: Option<&'a str>,
    }
    let line = Line {
        key: Named { columns, key: &row.key },
        judged: row.answer.as_ref().ok(),
        error: row.answer.as_ref().err().map(|not| not.why.as_str()),
    };
    serde_json::to_string(&line)
}

struct Named<'a> {
    columns: &'a [String],
    key: &'a Key,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.columns.len()))?;
        for (column, part) in self.columns.iter().zip(self.key.parts()) {
            map.serialize_entry(column, part)?;
        }
        map.end()
    }
}

/// Header of the CSV of rows.
#[must_use]
pub fn row_header(columns: &[String]) -> Vec<String> {
    let own = [
        "step",
        "first",
        "last",
        "buckets",
        "missing",
        "train",
        "test",
        "fits",
        "flagged",
        "alarms",
        "last_alarm",
        "largest_score",
        "largest_at",
        "error",
    ];
    columns.iter().cloned().chain(own.map(str::to_owned)).collect()
}

/// A row of the CSV of rows; what there is not is an empty cell.
#[must_use]
pub fn row_cells(row: &Row) -> Vec<String> {
    let own: [String; 14] = match &row.answer {
        Ok(judged) => [
            judged.step.to_string(),
            judged.train.first.clone(),
            judged.test.last.clone(),
            (judged.train.n + judged.test.n).to_string(),
            (judged.train.missing + judged.test.missing).to_string(),
            judged.train.n.to_string(),
            judged.test.n.to_string(),
            judged.fits.to_string(),
            judged.flagged.to_string(),
            judged.alarms.len().to_string(),
            judged.alarms.last().map(|alarm| alarm.last.clone()).unwrap_or_default(),
            judged.largest.as_ref().map(|largest| largest.score.to_string()).unwrap_or_default(),
            judged.largest.as_ref().map(|largest| largest.time.clone()).unwrap_or_default(),
            String::new(),
        ],
        Err(not) => std::array::from_fn(|column| if column == 13 { not.why.clone() } else { String::new() }),
    };
    row.key.parts().iter().cloned().chain(own).collect()
}

/// Header of the CSV of alarms.
#[must_use]
pub fn alarm_header(columns: &[String]) -> Vec<String> {
    let own = ["first", "last", "flagged", "at", "score", "value", "expected", "lower", "upper"];
    columns.iter().cloned().chain(own.map(str::to_owned)).collect()
}

/// The rows of the CSV of alarms that a series has.
pub fn alarm_cells(row: &Row) -> impl Iterator<Item = Vec<String>> {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let cells = move |alarm: &ManyAlarm| {
        let own = [
            alarm.first.clone(),
            alarm.last.clone(),
            alarm.flagged.to_string(),
            alarm.at.clone(),
            alarm.score.to_string(),
            number(alarm.value),
            number(alarm.expected),
            number(alarm.lower),
            number(alarm.upper),
        ];
        row.key.parts().iter().cloned().chain(own).collect()
    };
    row.answer.iter().flat_map(|judged| &judged.alarms).map(cells)
}

/// What people are told of all rows: the strangest ones and some sums. Holds no more than it shows.
#[derive(Debug, Clone)]
pub struct Overview {
    top: usize,
    shown: Vec<Shown>,
    judged: usize,
    not_judged: usize,
    broke: usize,
    first_not_judged: Option<String>,
    alarms: usize,
    with_alarms: usize,
}

#[derive(Debug, Clone)]
struct Shown {
    /// The largest score; none sorts last, and what was not judged behind that.
    rank: f64,
    cells: Vec<String>,
    error: String,
}

impl Overview {
    /// Shows at most `top` rows.
    #[must_use]
    pub const fn new(top: usize) -> Self {
        Self { top, shown: Vec::new(), judged: 0, not_judged: 0, broke: 0, first_not_judged: None, alarms: 0, with_alarms: 0 }
    }

    /// Takes a row in; of equally strange ones the first that comes stands first.
    pub fn add(&mut self, row: &Row) {
        match &row.answer {
            Ok(judged) => {
                self.judged += 1;
                self.alarms += judged.alarms.len();
                self.with_alarms += usize::from(!judged.alarms.is_empty());
            }
            Err(not) => {
                self.not_judged += 1;
                self.broke += usize::from(not.broke);
                self.first_not_judged.get_or_insert_with(|| format!("{}: {}", label(&row.key), not.why));
            }
        }
        self.shown.push(Shown::of(row));
        if self.shown.len() > 2 * self.top + 100 {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.shown.sort_by(|a, b| b.rank.total_cmp(&a.rank));
        self.shown.truncate(self.top);
    }

    /// Rows taken in.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.judged + self.not_judged
    }

    /// Whether no row was judged, although there are rows.
    #[must_use]
    pub const fn none_judged(&self) -> bool {
        self.judged == 0 && self.not_judged > 0
    }

    /// Whether the model broke down on every row.
    #[must_use]
    pub const fn all_broke(&self) -> bool {
        self.broke > 0 && self.broke == self.rows()
    }

    /// One line on the series that were not judged, if there are any.
    #[must_use]
    pub fn not_judged(&self) -> Option<String> {
        let first = self.first_not_judged.as_ref()?;
        let which = if self.not_judged == 1 { "" } else { "the first: " };
        Some(format!("{} of {} series not judged, {which}{first}", self.not_judged, self.rows()))
    }

    /// The table for people; `by` says what tells series apart.
    #[must_use]
    pub fn text(mut self, model: &str, interval: f64, by: &str) -> String {
        self.cut();
        let mut text = format!(
            "{model} on {} series by {}: {} outside the {} % interval in {} of them",
            self.rows(),
            one_line(by),
            counted(self.alarms, "alarm"),
            percent(interval),
            self.with_alarms,
        );
        text += &if self.not_judged > 0 { format!(", {} not judged\n", self.not_judged) } else { "\n".to_owned() };
        if self.shown.is_empty() {
            return text;
        }
        let errors = self.shown.iter().any(|shown| !shown.error.is_empty());
        let columns = [
            ("series", Align::Left),
            ("buckets", Align::Right),
            ("missing", Align::Right),
            ("train", Align::Right),
            ("test", Align::Right),
            ("alarms", Align::Right),
            ("last alarm", Align::Left),
            ("largest score", Align::Right),
            ("at", Align::Left),
        ];
        let mut table = Table::new(columns.into_iter().chain(errors.then_some(("error", Align::Left))));
        for shown in &self.shown {
            table.row(shown.cells.iter().chain(errors.then_some(&shown.error)).cloned());
        }
        let _ = write!(text, "\n{}", table.text());
        let more = self.rows() - self.shown.len();
        if more > 0 {
            let _ = writeln!(text, "… and {more} more series, none stranger (--top N shows more, --out FILE writes all)");
        }
        text
    }
}

impl Shown {
    fn of(row: &Row) -> Self {
        let none = || "–".to_owned();
        let head = label(&row.key);
        match &row.answer {
            Ok(judged) => {
                let cells = vec![
                    head,
                    (judged.train.n + judged.test.n).to_string(),
                    (judged.train.missing + judged.test.missing).to_string(),
                    judged.train.n.to_string(),
                    judged.test.n.to_string(),
                    judged.alarms.len().to_string(),
                    judged.alarms.last().map_or_else(none, |alarm| alarm.last.clone()),
                    judged.largest.as_ref().map_or_else(none, |largest| short(largest.score)),
                    judged.largest.as_ref().map_or_else(none, |largest| largest.time.clone()),
                ];
                let rank = judged.largest.as_ref().map_or(f64::MIN, |largest| largest.score);
                Self { rank, cells, error: String::new() }
            }
            Err(not) => {
                let cells = std::iter::once(head).chain(std::iter::repeat_with(none).take(8)).collect();
                Self { rank: f64::NEG_INFINITY, cells, error: one_line(&not.why) }
            }
        }
    }
}

/// A key in a table or a message.
fn label(key: &Key) -> String {
    one_line(&key.to_string())
}

/// Text of a user's file on one line of a terminal, without what would steer it.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
