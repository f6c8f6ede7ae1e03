//! Pages joined with what agents said of them: every ending, and what adds up.

use incident_harness::agent::report::{IncidentReport, Verdict};
use incident_harness::detect::page::Paging;
use incident_harness::score::end_to_end::{Ending, Investigated, Joined, Shown, faults_of};
use incident_harness::score::root_cause::{Answer, Expected, Judgeable, JudgedReport, judge};
use incident_harness::score::{Counts, EffectWindow, Metric};
use proptest::prelude::*;

use super::root_cause::{World, android_india, blames, report};

const PAGING: Paging = Paging { quiet: 2, renotify: 7 };
const RIGHT: &[(&str, &str)] = &[("platform", "android"), ("country", "IN")];

fn page(bucket: usize, series: &str) -> (usize, String) {
    (bucket, series.to_owned())
}

/// One fault that shows on two series, a day apart.
fn shown() -> Vec<Shown> {
    let on = |series: &str, first| Shown { fault: 0, series: series.to_owned(), window: EffectWindow { first, last: 30, deadline: 3 } };
    vec![on("tickets", 20), on("dau", 21)]
}

fn judged(report: &IncidentReport, expected: &Expected) -> JudgedReport {
    let world = World::new();
    judge(&Answer::Report(report, &[]), &Judgeable { expected, universe: world.universe() })
}

fn ending(pages: &[(usize, String)], judged: Option<&JudgedReport>) -> Ending {
    let (groups, shown) = ([Investigated { pages, judged }], shown());
    Joined { groups: &groups, shown: &shown, paging: PAGING, observed_seconds: 92 * 86_400 }.endings()[0]
}

fn metric(counts: &Counts, name: &str) -> Option<f64> {
    Metric::named(name).expect("a row of the registry").of(counts).value()
}

#[test]
fn a_page_in_time_ends_as_its_investigation() {
    let pages = [page(20, "tickets"), page(21, "dau")];
    let on_truth = |report: &IncidentReport| judged(report, &android_india());
    let right = on_truth(&blames(RIGHT, Some("deploy_003")));
    assert_eq!(ending(&pages, Some(&right)), Ending::Ungrounded);
    assert_eq!(ending(&pages, Some(&JudgedReport { grounded: true, ..right })), Ending::Right);
    assert_eq!(ending(&pages, Some(&on_truth(&blames(&[("platform", "web")], None)))), Ending::WrongCause);
    assert_eq!(ending(&pages, Some(&on_truth(&blames(&[("platform", "palm")], None)))), Ending::WrongCause);
    assert_eq!(ending(&pages, Some(&on_truth(&report(Verdict::Unsure, vec![])))), Ending::Abstained);
    assert_eq!(ending(&pages, Some(&on_truth(&report(Verdict::NoFault, vec![])))), Ending::Abstained);
    assert_eq!(ending(&pages, None), Ending::Failed);
}

#[test]
fn a_page_after_every_deadline_is_late_whatever_was_found() {
    let right = JudgedReport { grounded: true, ..judged(&blames(RIGHT, Some("deploy_003")), &android_india()) };
    assert_eq!(ending(&[page(24, "tickets")], Some(&right)), Ending::Late);
    assert_eq!(ending(&[page(24, "dau")], Some(&right)), Ending::Right, "the fault began to show there a day later");
}

#[test]
fn a_reminder_of_a_fault_paged_in_time_is_not_late() {
    let right = JudgedReport { grounded: true, ..judged(&blames(RIGHT, Some("deploy_003")), &android_india()) };
    let (first, second) = ([page(21, "tickets")], [page(28, "tickets")]);
    let groups = [Investigated { pages: &first, judged: Some(&right) }, Investigated { pages: &second, judged: Some(&right) }];
    let shown = shown();
    let joined = Joined { groups: &groups, shown: &shown, paging: PAGING, observed_seconds: 92 * 86_400 };
    assert_eq!(joined.endings(), [Ending::Right, Ending::Right]);
}

#[test]
fn a_false_page_is_dismissed_or_blamed() {
    let nothing = Expected::Nothing { benign: None };
    let pages = [page(5, "tickets")];
    assert!(faults_of(&pages, &shown()).is_empty());
    assert_eq!(ending(&pages, Some(&judged(&report(Verdict::NoFault, vec![]), &nothing))), Ending::Dismissed);
    assert_eq!(ending(&pages, Some(&judged(&report(Verdict::Unsure, vec![]), &nothing))), Ending::Dismissed);
    assert_eq!(ending(&pages, Some(&judged(&blames(RIGHT, None), &nothing))), Ending::Blamed);
    assert_eq!(ending(&pages, None), Ending::Failed);
}

#[test]
fn whoever_hands_in_no_report_names_no_cause_and_dismisses_no_false_page() {
    let world = World::new();
    let (fault, nothing) = (android_india(), Expected::Nothing { benign: None });
    let none = |expected| judge(&Answer::None { why: "budget used up", calls: 9 }, &Judgeable { expected, universe: world.universe() });
    assert_eq!(ending(&[page(20, "tickets")], Some(&none(&fault))), Ending::Abstained);
    let (pages, shown, judged) = ([page(5, "tickets")], shown(), none(&nothing));
    let groups = [Investigated { pages: &pages, judged: Some(&judged) }];
    let joined = Joined { groups: &groups, shown: &shown, paging: PAGING, observed_seconds: 86_400 };
    assert_eq!(joined.endings(), [Ending::Unanswered]);
    assert_eq!((metric(&joined.counts(), "e2e_dismissed"), metric(&joined.counts(), "e2e_blamed")), (Some(0.0), Some(0.0)));
}

#[test]
fn a_page_in_the_recovery_is_neither_right_nor_false() {
    let blamed = judged(&blames(RIGHT, None), &Expected::Nothing { benign: None });
    assert_eq!(ending(&[page(34, "tickets")], Some(&blamed)), Ending::Recovery);
    assert_eq!(ending(&[page(38, "tickets")], Some(&blamed)), Ending::Blamed);
}

#[test]
fn a_fault_without_a_page_is_missed() {
    let shown = shown();
    let silent = Joined { groups: &[], shown: &shown, paging: PAGING, observed_seconds: 86_400 };
    assert_eq!(silent.missed(), [0]);
    let counts = silent.counts();
    assert_eq!((metric(&counts, "e2e_missed"), metric(&counts, "e2e_right")), (Some(1.0), Some(0.0)));
    assert_eq!(metric(&counts, "e2e_dismissed"), None);
}

#[test]
fn an_incident_of_which_everything_failed_is_not_judged() {
    let (pages, shown) = ([page(20, "tickets")], shown());
    let groups = [Investigated { pages: &pages, judged: None }];
    let counts = Joined { groups: &groups, shown: &shown, paging: PAGING, observed_seconds: 86_400 }.counts();
    assert_eq!((counts.tally.jobs, counts.tally.failed, counts.tally.lost), (0, 1, 1));
    assert_eq!(metric(&counts, "e2e_right"), None);
}

#[test]
fn false_blames_are_counted_per_hundred_days() {
    let (pages, shown) = ([page(5, "tickets")], shown());
    let blamed = judged(&blames(RIGHT, None), &Expected::Nothing { benign: None });
    let groups = [Investigated { pages: &pages, judged: Some(&blamed) }];
    let counts = Joined { groups: &groups, shown: &shown, paging: PAGING, observed_seconds: 200 * 86_400 }.counts();
    assert_eq!(metric(&counts, "e2e_false_blames_per_100d"), Some(0.5));
}

proptest! {
    #[test]
    fn every_group_ends_once_and_the_shares_add_up(buckets in prop::collection::btree_set(0..60_usize, 0..8), fails in any::<u8>()) {
        let shown = shown();
        let pages: Vec<[(usize, String); 1]> = buckets.iter().map(|&bucket| [page(bucket, "tickets")]).collect();
        let truth = android_india();
        let nothing = Expected::Nothing { benign: None };
        let answers: Vec<Option<JudgedReport>> = pages
            .iter()
            .enumerate()
            .map(|(i, pages)| {
                let expected = if faults_of(pages, &shown).is_empty() { &nothing } else { &truth };
                (fails >> i & 1 == 0).then(|| judged(&blames(RIGHT, Some("deploy_003")), expected))
            })
            .collect();
        let groups: Vec<Investigated<'_>> =
            std::iter::zip(&pages, &answers).map(|(pages, judged)| Investigated { pages, judged: judged.as_ref() }).collect();
        let joined = Joined { groups: &groups, shown: &shown, paging: PAGING, observed_seconds: 60 * 86_400 };
        let counts = joined.counts();
        let end = counts.tally.end;
        let left_out = joined.endings().iter().filter(|ending| matches!(ending, Ending::Failed | Ending::Recovery)).count() as u64;
        prop_assert_eq!(end.due() - end.missed + end.false_groups() + left_out, groups.len() as u64);
        if let Some(right) = metric(&counts, "e2e_right") {
            let others = ["e2e_ungrounded", "e2e_wrong_cause", "e2e_abstained", "e2e_late", "e2e_missed"];
            let sum: f64 = right + others.iter().map(|name| metric(&counts, name).expect("the same denominator")).sum::<f64>();
            prop_assert!((sum - 1.0).abs() < 1e-9);
        }
    }
}
