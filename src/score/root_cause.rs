//! One incident report against the truth of its trigger. Free text is for people: only the structured part is read.
//!
//! Right means verdict Fault and a top cause with the leaf set (leaf-Jaccard ≥ 0.8), kind and change of a true one. What the top is follows
//! from the confidences: different answers that tie for it are no top, so a shotgun names nothing. The protocol is section 2 of
//! `reference/root-cause.md`; keyword scorers accept a negation and refuse a paraphrase.

use jiff::civil::Date;

use super::claims::{Claim, merged, most_pairs};
use super::counts::{CauseTally, Counts, Tally, millionths};
use super::grounding;
use super::ranking::{expected_rank, ties, top};
use super::scope::{Overlap, Selector, Universe};
use crate::agent::report::{Benign, Cause, IncidentReport, Verdict};
use crate::tool::Call;

/// A selection this near to the true one is the same.
pub const SAME: f64 = 0.8;

/// A cause that acts.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueCause {
    /// Its kind, for example `deployment`.
    pub kind: String,
    /// The change that did it, if one did.
    pub change: Option<String>,
    /// Dimension → values; empty: everything.
    pub scope: Selector,
    /// Day it began.
    pub onset: Option<Date>,
}

/// What a report should say.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// These act together.
    Causes(Vec<TrueCause>),
    /// No fault.
    Nothing {
        /// The harmless event behind the trigger, if there is one.
        benign: Option<Benign>,
    },
}

/// The truth of one trigger.
#[derive(Debug, Clone, Copy)]
pub struct Judgeable<'a> {
    /// What a report should say.
    pub expected: &'a Expected,
    /// What scopes can speak of.
    pub universe: Universe<'a>,
}

/// What an agent handed in.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    /// A report, and the calls it rests on.
    Report(&'a IncidentReport, &'a [Call]),
    /// None, by the agent's own doing: a budget used up, an answer that is no report.
    None {
        /// What came instead.
        why: &'a str,
        /// Calls made.
        calls: usize,
    },
}

/// How a report stands to the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The cause is named.
    Right,
    /// Another cause is named, or several that tie.
    WrongCause,
    /// Unsure.
    Abstained,
    /// No fault is seen where there is one.
    Dismissed,
    /// No fault is seen where there is none.
    Cleared,
    /// A fault is seen where there is none.
    Blamed,
    /// It names a dimension or value that does not exist, or a confidence that is none: wrong.
    Invalid,
    /// There is no report: wrong.
    NoReport,
}

/// One question put to a report, for `harness explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is asked.
    pub what: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Why, with both sides.
    pub why: String,
}

/// A report, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedReport {
    /// How it stands to the truth.
    pub standing: Standing,
    /// All causes are claimed and nothing else.
    pub complete: bool,
    /// Whether the top cause cites a number that a recorded call said.
    pub grounded: bool,
    /// Whether the harmless event is named; none where there is none.
    pub benign_hit: Option<bool>,
    /// Difference of onsets in days, positive when named too late; none where either is missing.
    pub onset_days: Option<i64>,
    /// What it adds to its file.
    pub tally: CauseTally,
    /// Every question put to it.
    pub checks: Vec<Check>,
}

impl JudgedReport {
    /// Whether the answer is the right one.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        matches!(self.standing, Standing::Right | Standing::Cleared)
    }

    /// What it adds to its file.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { tally: Tally { jobs: 1, cause: self.tally, ..Tally::default() }, ..Counts::default() }
    }
}

/// An investigation that failed for infrastructure: not judged, never a zero.
#[must_use]
pub fn failed(expected: &Expected) -> Counts {
    Counts::failed(usize::from(matches!(expected, Expected::Causes(_))))
}

/// Judges what an agent handed in.
#[must_use]
pub fn judge(answer: &Answer<'_>, truth: &Judgeable<'_>) -> JudgedReport {
    match (answer, truth.expected) {
        (Answer::Report(report, calls), Expected::Causes(causes)) => on_causes(report, calls, causes, &truth.universe),
        (Answer::Report(report, calls), Expected::Nothing { benign }) => on_nothing(report, calls.len(), benign.as_ref()),
        (Answer::None { why, calls }, Expected::Causes(_)) => without_report(why, CauseTally { causes: 1, ..with_calls(*calls) }),
        (Answer::None { why, calls }, Expected::Nothing { benign }) => {
            without_report(why, CauseTally { nothing: 1, benign: u64::from(benign.is_some()), ..with_calls(*calls) })
        }
    }
}

fn with_calls(calls: usize) -> CauseTally {
    CauseTally { calls: calls as u64, ..CauseTally::default() }
}

fn without_report(why: &str, tally: CauseTally) -> JudgedReport {
    JudgedReport {
        standing: Standing::NoReport,
        complete: false,
        grounded: false,
        benign_hit: (tally.benign > 0).then_some(false),
        onset_days: None,
        // Without a confidence there is none to be rewarded for: as one that is no number.
        tally: CauseTally { no_report: 1, brier: millionths(1.0), ..tally },
        checks: vec![Check { what: "report", holds: false, why: why.to_owned() }],
    }
}

/// The squared distance of the stated confidence from what came true; a confidence that is none costs the most.
fn brier(confidence: f64, right: bool) -> f64 {
    if is_share(confidence) { (confidence - f64::from(u8::from(right))).powi(2) } else { 1.0 }
}

fn is_share(confidence: f64) -> bool {
    (0.0..=1.0).contains(&confidence)
}

fn on_nothing(report: &IncidentReport, calls: usize, benign: Option<&Benign>) -> JudgedReport {
    let standing = match report.verdict {
        _ if !is_share(report.confidence) => Standing::Invalid,
        Verdict::NoFault => Standing::Cleared,
        Verdict::Fault => Standing::Blamed,
        Verdict::Unsure => Standing::Abstained,
    };
    let cleared = standing == Standing::Cleared;
    let benign_hit = benign.map(|event| cleared && report.benign.as_ref() == Some(event));
    let mut checks = vec![check("verdict", cleared, format!("{}, and nothing was wrong", verdict_word(report.verdict)))];
    if let (Some(event), Some(hit)) = (benign, benign_hit) {
        let named = report.benign.as_ref().map_or("nothing".to_owned(), benign_words);
        checks.push(check("harmless event", hit, format!("{named} named, it was {}", benign_words(event))));
    }
    JudgedReport {
        standing,
        complete: false,
        grounded: false,
        benign_hit,
        onset_days: None,
        tally: CauseTally {
            nothing: 1,
            cleared: u64::from(cleared),
            // Whoever sees a fault where there is none blames, however the rest of the report reads.
            blamed: u64::from(report.verdict == Verdict::Fault),
            abstained: u64::from(standing == Standing::Abstained),
            invalid: u64::from(standing == Standing::Invalid),
            benign: u64::from(benign.is_some()),
            benign_hit: u64::from(benign_hit == Some(true)),
            brier: millionths(brier(report.confidence, cleared)),
            ..with_calls(calls)
        },
        checks,
    }
}

fn check(what: &'static str, holds: bool, why: String) -> Check {
    Check { what, holds, why }
}

/// A verdict in words.
#[must_use]
pub const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fault => "fault",
        Verdict::NoFault => "no fault",
        Verdict::Unsure => "unsure",
    }
}

fn benign_words(event: &Benign) -> String {
    event.change.as_ref().map_or_else(|| event.kind.clone(), |change| format!("{} ({change})", event.kind))
}

fn on_causes(report: &IncidentReport, calls: &[Call], causes: &[TrueCause], universe: &Universe<'_>) -> JudgedReport {
    let truths: Vec<Claim> = causes.iter().map(Claim::from).collect();
    let problem = invalid(report, universe);
    let named: &[Cause] = if report.verdict == Verdict::NoFault || problem.is_some() { &[] } else { &report.ranking };
    let judged = Named::new(named, report, &truths, universe);
    let ranks = ties(judged.answers.iter().map(|answer| (answer.confidence, answer.right)).collect());
    let top_right = report.verdict == Verdict::Fault && ranks.first().is_some_and(|tie| tie.right == tie.answers);
    let standing = match report.verdict {
        _ if problem.is_some() => Standing::Invalid,
        Verdict::NoFault => Standing::Dismissed,
        Verdict::Unsure => Standing::Abstained,
        Verdict::Fault if top_right => Standing::Right,
        Verdict::Fault => Standing::WrongCause,
    };
    let right = standing == Standing::Right;
    // Without one top there is none whose scope, change and onset could be compared.
    let top_cause = if report.verdict == Verdict::Fault { judged.top() } else { None };
    let against = top_cause.and_then(|cause| nearest_truth(&readings(cause, report), &truths, universe));
    let change_right = against.is_some_and(|(at, _)| top_cause.is_some_and(|cause| cause.change == truths[at].change));
    let scope_f1 = against.map_or(0.0, |(_, overlap)| overlap.f1());
    let onset_days = top_cause.zip(against).and_then(|(cause, (at, _))| onset_error(cause, causes[at].onset));
    let claimed = if report.verdict == Verdict::Fault && problem.is_none() { claims(report, &truths, universe) } else { (0, 0) };
    let complete = right && claimed.1 == truths.len() && claimed.0 == claimed.1;
    let onset = against.and_then(|(at, _)| causes[at].onset);
    let support = top_cause.map(|cause| grounding::support(cause, onset, &report.evidence, calls, universe));
    let grounded = support.as_ref().is_some_and(|support| support.grounded);

    let mut checks = Vec::new();
    checks.extend(problem.map(|why| check("valid", false, why)));
    checks.push(check("verdict", report.verdict == Verdict::Fault, format!("{}, and there was a fault", verdict_word(report.verdict))));
    checks.extend(top_checks(top_cause, &judged, against, &truths, right));
    if let Some(days) = onset_days {
        checks.push(check("onset", days == 0, onset_words(days)));
    }
    if report.verdict == Verdict::Fault {
        checks.push(check("complete", complete, format!("{} claimed, {} of {} true", claimed.0, claimed.1, truths.len())));
    }
    checks.extend(support.map(|support| check("grounded", support.grounded, support.why)));

    let one = |holds: bool| u64::from(holds);
    JudgedReport {
        standing,
        complete,
        grounded,
        benign_hit: None,
        onset_days,
        tally: CauseTally {
            causes: 1,
            right: one(right),
            complete: one(complete),
            true_causes: truths.len() as u64,
            claimed: claimed.0 as u64,
            claimed_right: claimed.1 as u64,
            top1: millionths(top(&ranks, 1)),
            top3: millionths(top(&ranks, 3)),
            reciprocal_rank: millionths(expected_rank(&ranks).map_or(0.0, f64::recip)),
            scope_f1: millionths(scope_f1),
            change_right: one(change_right),
            onsets: one(onset_days.is_some()),
            onset_days: onset_days.unwrap_or(0).unsigned_abs(),
            right_grounded: one(right && grounded),
            dismissed: one(standing == Standing::Dismissed),
            abstained: one(standing == Standing::Abstained),
            invalid: one(standing == Standing::Invalid),
            brier: millionths(brier(report.confidence, right)),
            ..with_calls(calls.len())
        },
        checks,
    }
}

/// What makes a report no answer.
fn invalid(report: &IncidentReport, universe: &Universe<'_>) -> Option<String> {
    if !is_share(report.confidence) {
        return Some(format!("confidence {} of the report is not between 0 and 1", report.confidence));
    }
    if report.verdict == Verdict::NoFault {
        return None;
    }
    report.ranking.iter().chain(&report.claimed).find_map(|cause| {
        let confidence = || format!("confidence {} of a cause is not between 0 and 1", cause.confidence);
        universe.unknown(&cause.scope).or_else(|| (!is_share(cause.confidence)).then(confidence))
    })
}

/// A different answer of a ranking.
struct NamedAnswer<'a> {
    cause: &'a Cause,
    confidence: f64,
    right: bool,
}

/// The different answers of a ranking: one that is repeated stands where it is surest.
struct Named<'a> {
    answers: Vec<NamedAnswer<'a>>,
}

impl<'a> Named<'a> {
    fn new(ranking: &'a [Cause], report: &IncidentReport, truths: &[Claim], universe: &Universe<'_>) -> Self {
        let mut answers: Vec<NamedAnswer<'a>> = Vec::new();
        for cause in ranking {
            let claim = Claim::from(cause);
            match answers.iter_mut().find(|known| Claim::from(known.cause).is_same(&claim, universe)) {
                Some(known) => known.confidence = known.confidence.max(cause.confidence),
                None => {
                    let right = readings(cause, report).iter().any(|read| truths.iter().any(|truth| read.matches(truth, universe)));
                    answers.push(NamedAnswer { cause, confidence: cause.confidence, right });
                }
            }
        }
        Self { answers }
    }

    fn best(&self) -> impl Iterator<Item = &NamedAnswer<'a>> {
        let most = self.answers.iter().map(|answer| answer.confidence).fold(f64::NEG_INFINITY, f64::max);
        self.answers.iter().filter(move |answer| answer.confidence == most)
    }

    /// The one surest cause; where right ones tie among themselves, the first of them; none where different answers tie.
    fn top(&self) -> Option<&'a Cause> {
        let mut best = self.best();
        let first = best.next()?;
        best.all(|answer| answer.right && first.right).then_some(first.cause)
    }
}

/// A cause as it stands, and together with the claimed ones of its kind and change: a scope of several values is claimed value by value.
fn readings(cause: &Cause, report: &IncidentReport) -> Vec<Claim> {
    let alone = Claim::from(cause);
    let together = merged(&report.claimed).into_iter().find(|claim| claim.scopes.len() > 1 && claim.includes(&alone));
    std::iter::once(alone).chain(together).collect()
}

/// The true cause that a reading overlaps most, kind and change deciding between equals.
fn nearest_truth(readings: &[Claim], truths: &[Claim], universe: &Universe<'_>) -> Option<(usize, Overlap)> {
    let pairs = readings.iter().flat_map(|read| truths.iter().enumerate().map(move |(at, truth)| (read, at, truth)));
    pairs
        .map(|(read, at, truth)| (read.likeness(truth, universe), at, universe.overlap(&read.scopes, &truth.scopes)))
        // `max_by` keeps the last of equals; the first true cause is meant.
        .min_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(std::cmp::Ordering::Equal))
        .map(|(_, at, overlap)| (at, overlap))
}

/// How many are claimed and how many of these are true, one true cause each; claims of one kind and change may stand for one cause.
fn claims(report: &IncidentReport, truths: &[Claim], universe: &Universe<'_>) -> (usize, usize) {
    let pairs = |claims: &[Claim]| (claims.len(), most_pairs(claims, truths, |claim, truth| claim.matches(truth, universe)));
    let single: Vec<Claim> = report.claimed.iter().map(Claim::from).collect();
    let (single, together) = (pairs(&single), pairs(&merged(&report.claimed)));
    if together.1 > single.1 { together } else { single }
}

fn onset_error(cause: &Cause, onset: Option<Date>) -> Option<i64> {
    let named = grounding::day(cause.onset.as_deref()?)?;
    onset?.until(named).ok().map(|span| i64::from(span.get_days()))
}

fn onset_words(days: i64) -> String {
    match days {
        0 => "the very day".to_owned(),
        1.. => format!("{days} d too late"),
        _ => format!("{} d too early", -days),
    }
}

fn top_checks(cause: Option<&Cause>, named: &Named<'_>, against: Option<(usize, Overlap)>, truths: &[Claim], right: bool) -> Vec<Check> {
    let (Some(cause), Some((at, overlap))) = (cause, against) else {
        let tied = named.best().count();
        let why = if tied > 1 { format!("{tied} different answers share the highest confidence") } else { "no cause is named".to_owned() };
        return vec![check("top cause", false, why)];
    };
    let truth = &truths[at];
    let change = |change: &Option<String>| change.clone().unwrap_or_else(|| "none".to_owned());
    let scope = format!(
        "leaf-Jaccard {:.2}, {SAME} needed: {} of {} leaves named are true, {} of {} true ones are named",
        overlap.jaccard(),
        overlap.shared,
        overlap.first,
        overlap.shared,
        overlap.second
    );
    vec![
        check("kind", cause.kind == truth.kind, format!("{} named, it was {}", cause.kind, truth.kind)),
        check("change", cause.change == truth.change, format!("{} named, it was {}", change(&cause.change), change(&truth.change))),
        check("scope", right || overlap.jaccard() >= SAME, scope),
    ]
}
