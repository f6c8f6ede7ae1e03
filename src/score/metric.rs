//! What a metric is: a name, a direction, a unit, and a formula over counts.

use std::fmt;

use super::Section;
use super::counts::{Counts, Tally};
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

impl fmt::Display for Better {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Higher => "higher is better",
            Self::Lower => "lower is better",
        })
    }
}

/// What a number counts, and how it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A share of one.
    Share,
    /// A share of one of which hundredths say too little.
    FineShare,
    /// Pages per 100 days of one series.
    PerHundredDays,
    /// Hours.
    Hours,
    /// Days.
    Days,
    /// Calls of tools.
    Calls,
    /// Answers of a model.
    Turns,
    /// Tokens of requests and answers.
    Tokens,
    /// US dollars.
    Usd,
}

impl Unit {
    /// A number of this unit as tables print it: shares as `.09`, others as `1.50`.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        let text = match self {
            Self::Tokens => format!("{value:.0}"),
            Self::Usd => format!("{value:.4}"),
            Self::FineShare => format!("{value:.3}"),
            _ => format!("{value:.2}"),
        };
        // A drop that rounds to nothing has no sign.
        let text = if text == "-0.00" { "0.00".to_owned() } else { text };
        match self {
            Self::Share | Self::FineShare => text.replacen("0.", ".", usize::from(value.abs() < 0.995)),
            _ => text,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Share | Self::FineShare => "share",
            Self::PerHundredDays => "per 100 days",
            Self::Hours => "h",
            Self::Days => "d",
            Self::Calls => "calls",
            Self::Turns => "turns",
            Self::Tokens => "tokens",
            Self::Usd => "USD",
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
    /// Files with an investigation of a cause.
    Causes,
    /// Files of which a cause was named.
    Named,
    /// Files with an investigation by a model.
    Models,
    /// Files with an investigation of nothing.
    Nothing,
    /// Files with a harmless event that was investigated.
    Benign,
    /// Files with something that should have ended right.
    Due,
    /// Files with a false page.
    FalseGroups,
    /// Variants with an investigation of a cause.
    InjectedCauses,
    /// Variants with an investigation of nothing.
    InjectedNothing,
    /// Variants with an investigation of a cause that is paired with one of the base.
    CausePairs,
    /// Variants with an investigation of nothing that is paired with one of the base.
    NothingPairs,
    /// Variants with any paired investigation.
    Pairs,
}

impl Over {
    /// Whether a file is among them.
    #[must_use]
    pub const fn holds(self, tally: &Tally) -> bool {
        match self {
            Self::Judged => tally.jobs > 0,
            Self::Effects => tally.effects() > 0,
            Self::Detections => tally.detected > 0,
            Self::Causes => tally.cause.causes > 0,
            Self::Named => tally.cause.right > 0,
            Self::Models => tally.model.investigations > 0,
            Self::Nothing => tally.cause.nothing > 0,
            Self::Benign => tally.cause.benign > 0,
            Self::Due => tally.end.due() > 0,
            Self::FalseGroups => tally.end.false_groups() > 0,
            Self::InjectedCauses => tally.injection.causes > 0,
            Self::InjectedNothing => tally.injection.nothing > 0,
            Self::CausePairs => tally.injection.cause_pairs > 0,
            Self::NothingPairs => tally.injection.nothing_pairs > 0,
            Self::Pairs => tally.injection.pairs() > 0,
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

impl Metric {
    /// The row of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Section::ALL.into_iter().flat_map(Section::metrics).find(|metric| metric.name == name)
    }

    /// The part of a scorecard it belongs to.
    #[must_use]
    pub fn section(&self) -> Section {
        let holds = |section: &Section| section.metrics().iter().any(|metric| metric.name == self.name);
        Section::ALL.into_iter().find(holds).unwrap_or(Section::Detection)
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

    #[test]
    fn shares_print_without_a_leading_zero() {
        let shown = [0.09, -0.05, 1.0, 0.996, 0.0, -0.001].map(|value| Unit::Share.show(value));
        assert_eq!(shown, [".09", "-.05", "1.00", "1.00", ".00", ".00"]);
        assert_eq!(Unit::Hours.show(0.5), "0.50");
    }
}
