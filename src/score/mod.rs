//! Scores: what detections and explanations are worth. Records and truth go in, numbers come out; nothing here reads or writes a file.
//!
//! One row of [`METRICS`], [`CAUSE_METRICS`], [`END_TO_END_METRICS`] or [`INJECTION_METRICS`] is one number of a scorecard. All are functions of [`Counts`], which
//! add up over jobs and files, so that files can be drawn again for intervals without judging anything twice.

pub mod cause_metrics;
pub mod claims;
pub mod counts;
pub mod detection;
pub mod end_to_end;
pub mod explained;
pub mod grounding;
pub mod injection;
pub mod judge;
pub mod matching;
pub mod metric;
pub mod pick;
pub mod ranking;
pub mod root_cause;
pub mod sample;
pub mod scope;
pub mod scorecard;
pub mod skill;
pub mod truthful;
pub mod vus;

pub use cause_metrics::{CAUSE_METRICS, END_TO_END_METRICS};
pub use counts::{CauseTally, Counts, CoverageTally, EndTally, InjectionTally, Tally};
pub use detection::Judged;
pub use injection::INJECTION_METRICS;
pub use matching::{EffectWindow, Found, Matching};
pub use metric::{Better, Formula, List, Metric, Over, Unit};
pub use scorecard::Scorecard;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measured::{Measured, Why};

/// The number models are ranked by.
pub const HEADLINE: &str = "event_f1";

/// A part of a scorecard: what its rows stand for, and their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// A row is a model.
    Detection,
    /// A row is an agent, over one kind of trigger or all.
    Cause,
    /// A row is a model and an agent sent to its pages.
    EndToEnd,
    /// A row is an agent on variants with injected texts, against their bases. Outside headlines: variants repeat the noise of their bases.
    Injection,
}

impl Section {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Detection, Self::Cause, Self::EndToEnd, Self::Injection];

    /// Its numbers, in the order of tables.
    #[must_use]
    pub const fn metrics(self) -> &'static [Metric] {
        match self {
            Self::Detection => METRICS,
            Self::Cause => CAUSE_METRICS,
            Self::EndToEnd => END_TO_END_METRICS,
            Self::Injection => INJECTION_METRICS,
        }
    }

    /// Whether its rows are agents.
    #[must_use]
    pub const fn is_of_agents(self) -> bool {
        matches!(self, Self::Cause | Self::Injection)
    }

    /// The number its rows are ranked by.
    #[must_use]
    pub const fn headline(self) -> &'static str {
        match self {
            Self::Detection => HEADLINE,
            Self::Cause => "cause_right",
            Self::EndToEnd => "e2e_right",
            Self::Injection => "injection_cause_drop",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Detection => "detection",
            Self::Cause => "cause",
            Self::EndToEnd => "end_to_end",
            Self::Injection => "injection",
        })
    }
}

/// Every metric of detection, in the order of tables.
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
    Metric {
        name: "coverage_error",
        about: "Mean distance of the share of quiet buckets within the intervals of level 0.8, 0.9, 0.95 and 0.99 from these levels.",
        better: Better::Lower,
        unit: Unit::FineShare,
        over: Over::Judged,
        formula: Formula::Sums(|t| match (t.native_jobs, t.coverage.error()) {
            (0, _) => Measured::Missing(Why::NotApplicable),
            (_, None) => Measured::Missing(Why::NoData),
            (_, Some(error)) => Measured::Value(error),
        }),
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
            assert!(matches!(value, Measured::Missing(Why::NoPositives | Why::NoDetections | Why::NoData)), "{}: {value:?}", metric.name);
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
    fn metric_names_are_unique() {
        let all: Vec<&str> = Section::ALL.into_iter().flat_map(Section::metrics).map(|metric| metric.name).collect();
        let names: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn every_section_has_its_headline() {
        for section in Section::ALL {
            assert_eq!(Metric::named(section.headline()).expect("a row of a registry").section(), section);
        }
    }
}
