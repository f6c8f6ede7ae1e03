//! The numbers of agents: how often they name the cause, hold their tongue when there is none, and say both with the right confidence.

use super::counts::Tally;
use super::metric::{Better, Formula, Metric, Over, Unit};
use crate::measured::{Measured, Why};

const MILLION: f64 = 1e6;

fn share(numerator: u64, denominator: u64, why: Why) -> Measured {
    Measured::ratio(numerator as f64, denominator as f64, why)
}

fn of_causes(tally: &Tally, numerator: u64) -> Measured {
    share(numerator, tally.cause.causes, Why::NoPositives)
}

fn mean(millionths: u64, of: u64, why: Why) -> Measured {
    Measured::ratio(millionths as f64 / MILLION, of as f64, why)
}

fn of_due(tally: &Tally, numerator: u64) -> Measured {
    share(numerator, tally.end.due(), Why::NoPositives)
}

const fn higher(name: &'static str, about: &'static str, over: Over, of: fn(&Tally) -> Measured) -> Metric {
    Metric { name, about, better: Better::Higher, unit: Unit::Share, over, formula: Formula::Sums(of) }
}

const fn lower(name: &'static str, about: &'static str, over: Over, of: fn(&Tally) -> Measured) -> Metric {
    Metric { name, about, better: Better::Lower, unit: Unit::Share, over, formula: Formula::Sums(of) }
}

const fn of_model(name: &'static str, about: &'static str, unit: Unit, of: fn(&Tally) -> Measured) -> Metric {
    Metric { name, about, better: Better::Lower, unit, over: Over::Models, formula: Formula::Sums(of) }
}

/// Every metric of investigations, in the order of tables.
pub const CAUSE_METRICS: &[Metric] = &[
    higher(
        "cause_right",
        "Share of triggers with a cause whose top cause has its leaf set (leaf-Jaccard .8), kind and change.",
        Over::Causes,
        |t| of_causes(t, t.cause.right),
    ),
    higher("cause_complete", "Share of triggers with a cause of which all causes are claimed and no others.", Over::Causes, |t| {
        of_causes(t, t.cause.complete)
    }),
    higher("cause_precision", "Share of claimed causes that are true, over triggers with a cause.", Over::Causes, |t| {
        share(t.cause.claimed_right, t.cause.claimed, Why::NoAlarms)
    }),
    higher("cause_top1", "Chance that the first of the ranking is right, ties in random order.", Over::Causes, |t| {
        mean(t.cause.top1, t.cause.causes, Why::NoPositives)
    }),
    higher("cause_top3", "Chance that one of the first three of the ranking is right, ties in random order.", Over::Causes, |t| {
        mean(t.cause.top3, t.cause.causes, Why::NoPositives)
    }),
    higher("cause_mrr", "Mean of one over the expected rank of the first right cause, 0 where none is.", Over::Causes, |t| {
        mean(t.cause.reciprocal_rank, t.cause.causes, Why::NoPositives)
    }),
    higher("scope_f1", "Mean F1 of the leaves of the top cause, 0 where none is named.", Over::Causes, |t| {
        mean(t.cause.scope_f1, t.cause.causes, Why::NoPositives)
    }),
    higher(
        "change_accuracy",
        "Share of triggers with a cause whose top cause names the true change, or none where none did it.",
        Over::Causes,
        |t| of_causes(t, t.cause.change_right),
    ),
    Metric {
        name: "onset_error_d",
        about: "Mean days between the onset named and the true one, over top causes that name one.",
        better: Better::Lower,
        unit: Unit::Days,
        over: Over::Causes,
        formula: Formula::Sums(|t| share(t.cause.onset_days, t.cause.onsets, Why::NoDetections)),
    },
    higher("specificity", "Share of triggers without a cause that are answered by no fault.", Over::Nothing, |t| {
        share(t.cause.cleared, t.cause.nothing, Why::NoData)
    }),
    lower("false_blame", "Share of triggers without a cause for which something is blamed.", Over::Nothing, |t| {
        share(t.cause.blamed, t.cause.nothing, Why::NoData)
    }),
    higher("benign_hit", "Share of harmless events that are cleared and named.", Over::Benign, |t| {
        share(t.cause.benign_hit, t.cause.benign, Why::NoData)
    }),
    lower("brier", "Mean squared error of the confidence that the answer is right; always .5 costs .25.", Over::Judged, |t| {
        mean(t.cause.brier, t.cause.judged(), Why::NoData)
    }),
    higher("grounded", "Share of right causes that rest on a number which a recorded call said.", Over::Named, |t| {
        share(t.cause.right_grounded, t.cause.right, Why::NoDetections)
    }),
    lower(
        "invalid",
        "Share of investigations that name what does not exist or end without a report; counted as wrong.",
        Over::Judged,
        |t| share(t.cause.invalid + t.cause.no_report, t.cause.judged(), Why::NoData),
    ),
    Metric {
        name: "calls_mean",
        about: "Mean calls of tools per investigation.",
        better: Better::Lower,
        unit: Unit::Calls,
        over: Over::Judged,
        formula: Formula::Sums(|t| share(t.cause.calls, t.cause.judged(), Why::NoData)),
    },
    higher(
        "cause_right_unrepaired",
        "`cause_right`, with reports that were sent back once or twice counted as wrong; agents that ask a model.",
        Over::Models,
        |t| if t.model.is_zero() { Measured::Missing(Why::NotApplicable) } else { of_causes(t, t.model.right_unrepaired) },
    ),
    higher("valid_at_first", "Share of investigations that handed something in whose first report was valid.", Over::Models, |t| {
        share(t.model.valid_at_first, t.model.handed_in, Why::NotApplicable)
    }),
    lower("forced", "Share of investigations by a model in which the report had to be forced.", Over::Models, |t| {
        share(t.model.forced, t.model.investigations, Why::NotApplicable)
    }),
    of_model("turns_mean", "Mean answers of a model per investigation.", Unit::Turns, |t| {
        share(t.model.turns, t.model.investigations, Why::NotApplicable)
    }),
    of_model("tokens_mean", "Mean tokens of requests and answers per investigation, where providers say.", Unit::Tokens, |t| {
        share(t.model.tokens, t.model.counted, Why::NotApplicable)
    }),
    of_model("usd_mean", "Mean cost per investigation in US dollars, where prices and tokens are known.", Unit::Usd, |t| {
        mean(t.model.micro_usd, t.model.priced, Why::NotApplicable)
    }),
    of_model(
        "retries_mean",
        "Mean requests that were repeated per investigation: they shift the distribution of answers.",
        Unit::Calls,
        |t| share(t.model.retries, t.model.investigations, Why::NotApplicable),
    ),
];

/// Every metric of models and agents together, in the order of tables.
pub const END_TO_END_METRICS: &[Metric] = &[
    higher(
        "e2e_right",
        "Share of page groups of faults, and faults without a page, that end with the cause named and grounded.",
        Over::Due,
        |t| of_due(t, t.end.right),
    ),
    lower("e2e_ungrounded", "Share that end with the cause named on nothing that was recorded.", Over::Due, |t| {
        of_due(t, t.end.ungrounded)
    }),
    lower("e2e_wrong_cause", "Share that end with another cause named.", Over::Due, |t| of_due(t, t.end.wrong_cause)),
    lower("e2e_abstained", "Share that end without a cause named.", Over::Due, |t| of_due(t, t.end.abstained)),
    lower("e2e_late", "Share paged after the deadline.", Over::Due, |t| of_due(t, t.end.late)),
    lower("e2e_missed", "Share that no page tells of.", Over::Due, |t| of_due(t, t.end.missed)),
    higher("e2e_dismissed", "Share of false page groups that are looked at and of which nothing is blamed.", Over::FalseGroups, |t| {
        share(t.end.dismissed, t.end.false_groups(), Why::NoAlarms)
    }),
    lower("e2e_blamed", "Share of false page groups for which something is blamed.", Over::FalseGroups, |t| {
        share(t.end.blamed, t.end.false_groups(), Why::NoAlarms)
    }),
    Metric {
        name: "e2e_false_blames_per_100d",
        about: "False page groups for which something is blamed, per incident and 100 observed days.",
        better: Better::Lower,
        unit: Unit::PerHundredDays,
        over: Over::Judged,
        formula: Formula::Sums(|t| Measured::ratio(t.end.blamed as f64 * 100.0 * 86_400.0, t.observed_seconds as f64, Why::NoData)),
    },
];
