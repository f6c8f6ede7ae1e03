//! Scores: what detections are worth. Records and truth go in, numbers come out; nothing here reads or writes a file.
//!
//! One row of [`METRICS`] is one number of a scorecard. All are functions of [`Counts`], which add up over jobs and files, so that files
//! can be drawn again for intervals without judging anything twice.

pub mod counts;
pub mod detection;
pub mod matching;
pub mod pick;
pub mod sample;
pub mod scorecard;
pub mod vus;

use std::fmt;

pub use counts::{Counts, Tally};
pub use detection::Judged;
pub use matching::{EffectWindow, Found, Matching};
pub use scorecard::Scorecard;

use crate::measured::{Measured, Why};
use crate::stats::quantile;

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// What a number counts, and how it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of one.
    Share,
    /// Pages per 100 days of one series.
    PerHundredDays,
    /// Hours.
    Hours,
}

impl Unit {
    /// A number of this unit as tables print it: shares as `.09`, others as `1.50`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        let text = format!("{value:.2}");
        // A drop that rounds to nothing has no sign.
        let text = if text == "-0.00" { "0.00".to_owned() } else { text };
        match self {
            Self::Share => text.replacen("0.", ".", usize::from(value.abs() < 0.995)),
            Self::PerHundredDays | Self::Hours => text,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Share => "share",
            Self::PerHundredDays => "per 100 days",
            Self::Hours => "h",
        })
    }
}

/// How a number follows from counts.
#[derive(Debug, Clone, Copy)]
pub enum Formula {
    /// From sums alone.
    Sums(fn(&Tally) -> Measured),
    /// The mean of a list.
    Mean(List),
    /// A quantile of a list.
    Quantile(List, f64),
}

/// A list within [`Counts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Delays of detected effects.
    Delays,
    /// VUS-PR of jobs with effects.
    VusPr,
}

impl List {
    /// Both lists, in the order of their numbers.
    pub const ALL: [Self; 2] = [Self::Delays, Self::VusPr];

    /// The values.
    #[must_use]
    pub fn of(self, counts: &Counts) -> &[f64] {
        match self {
            Self::Delays => &counts.delays_h,
            Self::VusPr => &counts.vus_pr,
        }
    }

    /// Why an empty one has no mean.
    #[must_use]
    pub const fn why_empty(self) -> Why {
        match self {
            Self::Delays => Why::NoDetections,
            Self::VusPr => Why::NoPositives,
        }
    }
}

/// Which files a number rests on: the others say nothing about it and do not make its interval better founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Every file with a judged job.
    Judged,
    /// Files with a detectable effect.
    Effects,
    /// Files with a detected effect.
    Detections,
}

impl Over {
    /// Whether a file is among them.
    #[must_use]
    pub const fn holds(self, tally: &Tally) -> bool {
        match self {
            Self::Judged => tally.jobs > 0,
            Self::Effects => tally.effects() > 0,
            Self::Detections => tally.detected > 0,
        }
    }
}

/// One number of a scorecard.
pub struct Metric {
    /// What tables, gate rules and `harness list metrics` call it.
    pub name: &'static str,
    /// One line for `harness list metrics`.
    pub about: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// What it counts.
    pub unit: Unit,
    /// The files it rests on.
    pub over: Over,
    /// How it follows from counts.
    pub formula: Formula,
}

/// The number models are ranked by.
pub const HEADLINE: &str = "event_f1";

/// Every metric, in the order of tables.
pub const METRICS: &[Metric] = &[
    Metric {
        name: HEADLINE,
        about: "Effects found in time against false pages, at the alert budget: 2TP/(2TP+FP+FN), pooled over all jobs.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Judged,
        formula: Formula::Sums(|t| needs_effects(t, 2 * t.detected, 2 * t.detected + t.false_pages + t.missed, Why::NoPositives)),
    },
    Metric {
        name: "event_precision",
        about: "Share of pages that found an effect: TP/(TP+FP), at the alert budget.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Judged,
        formula: Formula::Sums(|t| needs_effects(t, t.detected, t.detected + t.false_pages, Why::NoAlarms)),
    },
    Metric {
        name: "event_recall",
        about: "Share of detectable effects whose episode opened before the deadline, at the alert budget.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Effects,
        formula: Formula::Sums(|t| needs_effects(t, t.detected, t.effects(), Why::NoPositives)),
    },
    Metric {
        name: "false_pages_per_100d",
        about: "False pages per series and 100 observed days, negatives included; compare with the budget.",
        better: Better::Lower,
        unit: Unit::PerHundredDays,
        over: Over::Judged,
        formula: Formula::Sums(|t| Measured::ratio(t.false_pages as f64 * 100.0 * 86_400.0, t.observed_seconds as f64, Why::NoData)),
    },
    Metric {
        name: "delay_median_h",
        about: "Median hours from the start of an effect to its page, over detected effects; read it beside recall.",
        better: Better::Lower,
        unit: Unit::Hours,
        over: Over::Detections,
        formula: Formula::Quantile(List::Delays, 0.5),
    },
    Metric {
        name: "delay_p90_h",
        about: "90 % of detected effects were paged within so many hours.",
        better: Better::Lower,
        unit: Unit::Hours,
        over: Over::Detections,
        formula: Formula::Quantile(List::Delays, 0.9),
    },
    Metric {
        name: "point_f1",
        about: "Classic F1 over buckets at the native interval level.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Judged,
        formula: Formula::Sums(|t| needs_native(t, 2 * t.point_hits, 2 * t.point_hits + t.point_false + t.point_misses, Why::NoPositives)),
    },
    Metric {
        name: "point_precision",
        about: "Share of buckets flagged at the native interval level that belong to an effect.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Judged,
        formula: Formula::Sums(|t| needs_native(t, t.point_hits, t.point_hits + t.point_false, Why::NoAlarms)),
    },
    Metric {
        name: "point_recall",
        about: "Share of buckets of effects flagged at the native interval level.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Effects,
        formula: Formula::Sums(|t| needs_native(t, t.point_hits, t.point_hits + t.point_misses, Why::NoPositives)),
    },
    Metric {
        name: "vus_pr",
        about: "Volume under the precision-recall surface (250 thresholds, window = deadline), mean over jobs with effects.",
        better: Better::Higher,
        unit: Unit::Share,
        over: Over::Effects,
        formula: Formula::Mean(List::VusPr),
    },
];

fn needs_effects(tally: &Tally, numerator: u64, denominator: u64, why: Why) -> Measured {
    if tally.effects() == 0 { Measured::Missing(Why::NoPositives) } else { Measured::ratio(numerator as f64, denominator as f64, why) }
}

fn needs_native(tally: &Tally, numerator: u64, denominator: u64, why: Why) -> Measured {
    if tally.native_jobs == 0 {
        return Measured::Missing(Why::NotApplicable);
    }
    if tally.point_hits + tally.point_misses == 0 {
        return Measured::Missing(Why::NoPositives);
    }
    Measured::ratio(numerator as f64, denominator as f64, why)
}

impl Metric {
    /// The row of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }

    /// The number of these counts. Where no job was judged there is none.
    #[must_use]
    pub fn of(&self, counts: &Counts) -> Measured {
        let tally = &counts.tally;
        if tally.jobs == 0 {
            return Measured::Missing(if tally.failed + tally.rejected > 0 { Why::Failed } else { Why::NoData });
        }
        let listed = |list: List, value: Option<f64>| value.map_or(Measured::Missing(list.why_empty()), Measured::Value);
        match self.formula {
            Formula::Sums(of) => of(tally),
            Formula::Quantile(list, q) => listed(list, quantile::sorted(list.of(counts), q)),
            Formula::Mean(list) => {
                let values = list.of(counts);
                listed(list, (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64))
            }
        }
    }

    /// How much worse the second number is than the first, in the direction that counts as bad.
    #[must_use]
    pub fn drop(&self, before: f64, after: f64) -> f64 {
        match self.better {
            Better::Higher => before - after,
            Better::Lower => after - before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, tally: Tally) -> Measured {
        Metric::named(name).expect("a row of the registry").of(&Counts { tally, ..Counts::default() })
    }

    #[test]
    fn negatives_have_a_page_rate_and_nothing_else() {
        let tally = Tally { jobs: 3, native_jobs: 3, false_pages: 2, point_false: 4, observed_seconds: 200 * 86_400, ..Tally::default() };
        assert_eq!(of("false_pages_per_100d", tally), Measured::Value(1.0));
        for metric in METRICS.iter().filter(|metric| metric.name != "false_pages_per_100d") {
            let value = metric.of(&Counts { tally, ..Counts::default() });
            assert!(matches!(value, Measured::Missing(Why::NoPositives | Why::NoDetections)), "{}: {value:?}", metric.name);
        }
    }

    #[test]
    fn pooled_f1_counts_false_pages_of_negatives() {
        let tally = Tally { jobs: 2, detected: 3, missed: 1, false_pages: 2, ..Tally::default() };
        assert_eq!(of("event_f1", tally), Measured::Value(6.0 / 9.0));
        assert_eq!(of("event_precision", tally), Measured::Value(0.6));
        assert_eq!(of("event_recall", tally), Measured::Value(0.75));
    }

    #[test]
    fn silence_has_a_recall_of_zero_and_no_precision() {
        let tally = Tally { jobs: 1, missed: 2, ..Tally::default() };
        assert_eq!(of("event_recall", tally), Measured::Value(0.0));
        assert_eq!(of("event_precision", tally), Measured::Missing(Why::NoAlarms));
        assert_eq!(of("point_f1", tally), Measured::Missing(Why::NotApplicable));
    }

    #[test]
    fn shares_print_without_a_leading_zero() {
        let shown = [0.09, -0.05, 1.0, 0.996, 0.0, -0.001].map(|value| Unit::Share.show(value));
        assert_eq!(shown, [".09", "-.05", "1.00", "1.00", ".00", ".00"]);
        assert_eq!(Unit::Hours.show(0.5), "0.50");
    }

    #[test]
    fn metric_names_are_unique() {
        let names: std::collections::BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
    }
}
