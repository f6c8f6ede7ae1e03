//! Causes judged: reports as an agent would hand them in, against the truth of their trigger.

use std::collections::BTreeMap;

use incident_harness::agent::report::{Benign, Cause, Evidence, ImpactMetrics, IncidentReport, Sentiment, SupportingData, Verdict};
use incident_harness::score::counts::{CauseTally, Counts};
use incident_harness::score::metric::Over;
use incident_harness::score::root_cause::{self, Answer, Expected, Judgeable, JudgedReport, Standing, TrueCause};
use incident_harness::score::scope::{Selector, Universe};
use incident_harness::score::{CAUSE_METRICS, Metric};
use incident_harness::tool::reply::Range;
use incident_harness::tool::{Call, ToolReply};
use proptest::prelude::*;
use serde_json::json;

pub(crate) type Scope = BTreeMap<String, String>;

pub(crate) fn scope(pairs: &[(&str, &str)]) -> Scope {
    pairs.iter().map(|(dimension, value)| ((*dimension).to_owned(), (*value).to_owned())).collect()
}

fn selector(pairs: &[(&str, &str)]) -> Selector {
    incident_harness::score::scope::selector(&scope(pairs))
}

/// Three platforms, four countries; version 2.3.0 ran on android everywhere.
pub(crate) struct World {
    leaves: Vec<Scope>,
    dimensions: BTreeMap<String, Vec<String>>,
}

impl World {
    pub(crate) fn new() -> Self {
        let values = |values: &[&str]| -> Vec<String> { values.iter().map(|value| (*value).to_owned()).collect() };
        let dimensions = BTreeMap::from([
            ("platform".to_owned(), values(&["android", "ios", "web"])),
            ("country".to_owned(), values(&["IN", "BR", "US", "DE"])),
            ("app_version".to_owned(), values(&["2.2.1", "2.3.0"])),
            ("queue".to_owned(), values(&["login", "billing"])),
        ]);
        let mut leaves = Vec::new();
        for platform in &dimensions["platform"] {
            for country in &dimensions["country"] {
                let version = if platform == "android" { "2.3.0" } else { "2.2.1" };
                leaves.push(scope(&[("platform", platform), ("country", country), ("app_version", version)]));
            }
        }
        Self { leaves, dimensions }
    }

    pub(crate) fn universe(&self) -> Universe<'_> {
        Universe { leaves: &self.leaves, dimensions: &self.dimensions }
    }

    fn judge(&self, report: &IncidentReport, expected: &Expected) -> JudgedReport {
        self.judge_with(report, &[], expected)
    }

    fn judge_with(&self, report: &IncidentReport, calls: &[Call], expected: &Expected) -> JudgedReport {
        root_cause::judge(&Answer::Report(report, calls), &Judgeable { expected, universe: self.universe() })
    }
}

pub(crate) fn cause(pairs: &[(&str, &str)], change: Option<&str>, confidence: f64) -> Cause {
    Cause {
        kind: "deployment".to_owned(),
        change: change.map(str::to_owned),
        scope: scope(pairs),
        onset: Some("2026-01-28".to_owned()),
        confidence,
    }
}

pub(crate) fn report(verdict: Verdict, ranking: Vec<Cause>) -> IncidentReport {
    let confidence = ranking.first().map_or(0.9, |cause| cause.confidence);
    IncidentReport {
        verdict,
        claimed: ranking.first().cloned().into_iter().collect(),
        ranking,
        benign: None,
        confidence,
        evidence: vec![],
        title: String::new(),
        executive_summary: String::new(),
        root_cause: String::new(),
        impact_metrics: ImpactMetrics::default(),
        affected_services: vec![],
        affected_segments: vec![],
        correlated_events: vec![],
        customer_sentiment: Sentiment::Unknown,
        sample_complaints: vec![],
        recommendations: vec![],
        confidence_score: confidence,
        supporting_data: SupportingData::default(),
    }
}

pub(crate) fn blames(pairs: &[(&str, &str)], change: Option<&str>) -> IncidentReport {
    report(Verdict::Fault, vec![cause(pairs, change, 0.9)])
}

fn abstains() -> IncidentReport {
    report(Verdict::NoFault, vec![])
}

/// The case of the keyword scorer: android users in India, since the third deployment of 28 January.
pub(crate) fn android_india() -> Expected {
    Expected::Causes(vec![TrueCause {
        kind: "deployment".to_owned(),
        change: Some("deploy_003".to_owned()),
        scope: selector(&[("platform", "android"), ("country", "IN")]),
        onset: Some(jiff::civil::date(2026, 1, 28)),
    }])
}

const INDIA: &[(&str, &str)] = &[("platform", "android"), ("country", "IN")];

fn metric(counts: &Counts, name: &str) -> Option<f64> {
    Metric::named(name).expect("a row of the registry").of(counts).value()
}

fn tally(judged: &[JudgedReport]) -> Counts {
    judged.iter().map(JudgedReport::counts).collect::<Vec<_>>().iter().sum()
}

#[test]
fn a_negation_is_the_answer_it_states() {
    // "This is NOT an Android problem: Android 2.3.0 was ruled out. The cause is the iOS 2.3.0 release in Brazil."
    for release in [vec![("platform", "ios"), ("country", "BR")], vec![("platform", "ios"), ("app_version", "2.3.0"), ("country", "BR")]] {
        let stated = blames(&release, Some("deploy_002"));
        assert_eq!(World::new().judge(&stated, &android_india()).standing, Standing::WrongCause);
    }
}

#[test]
fn the_wrong_country_and_day_are_wrong() {
    // "Android 2.3.0 login crash hitting Germany since January 5"
    let mut stated = blames(&[("platform", "android"), ("country", "DE")], Some("deploy_003"));
    stated.ranking[0].onset = Some("2026-01-05".to_owned());
    let judged = World::new().judge(&stated, &android_india());
    assert_eq!((judged.standing, judged.onset_days), (Standing::WrongCause, Some(-23)));
}

#[test]
fn a_shotgun_names_nothing() {
    // "Could be ios, android, web, US, India, Brazil, UK, 2.2.0, 2.2.1, 2.3.0, deploy_001 ... January 20 25 28 30"
    let guesses = |first: &[(&str, &str)]| {
        let mut all = vec![cause(first, Some("deploy_003"), 0.5)];
        for platform in ["ios", "android", "web"] {
            for country in ["US", "IN", "BR"] {
                all.push(cause(&[("platform", platform), ("country", country)], Some("deploy_003"), 0.5));
            }
        }
        report(Verdict::Fault, all)
    };
    let judged = World::new().judge(&guesses(INDIA), &android_india());
    assert_eq!(judged.standing, Standing::WrongCause, "first in the list or not");
    assert_eq!(metric(&judged.counts(), "cause_top1"), Some(0.111_111), "one of nine");
    let claims_all = IncidentReport { claimed: guesses(INDIA).ranking, ..blames(INDIA, Some("deploy_003")) };
    let judged = World::new().judge(&claims_all, &android_india());
    assert!(judged.standing == Standing::Right && !judged.complete, "one is said to be surest, and all to act together");
}

#[test]
fn weekend_seasonality_is_no_cause() {
    // "Weekend seasonality explains it; deploy_003 (android) is unrelated to the dip in DAU."
    let mut stated = abstains();
    stated.benign = Some(Benign { kind: "slow_growth".to_owned(), change: None });
    stated.ranking = vec![cause(INDIA, Some("deploy_003"), 0.05)];
    let judged = World::new().judge(&stated, &android_india());
    assert_eq!(judged.standing, Standing::Dismissed);
    assert_eq!(metric(&judged.counts(), "cause_top3"), Some(0.0), "who sees no fault ranks nothing");
}

#[test]
fn a_number_is_not_a_day() {
    // "android 2.3.0: 28% of iOS users in Brazil churned"
    let stated = blames(&[("platform", "ios"), ("country", "BR")], Some("deploy_003"));
    assert_eq!(World::new().judge(&stated, &android_india()).standing, Standing::WrongCause);
}

#[test]
fn a_country_that_does_not_exist_is_an_invalid_answer() {
    // "androids 2.3.0 within spain"
    let stated = blames(&[("platform", "android"), ("app_version", "2.3.0"), ("country", "ES")], Some("deploy_003"));
    let judged = World::new().judge(&stated, &android_india());
    assert_eq!(judged.standing, Standing::Invalid);
    assert_eq!(metric(&judged.counts(), "cause_right"), Some(0.0));
    assert_eq!(metric(&judged.counts(), "invalid"), Some(1.0));
    let why = &judged.checks.iter().find(|check| check.what == "valid").expect("it says why").why;
    assert!(why.contains("unknown value `ES` of `country`"), "{why}");
}

#[test]
fn a_paraphrase_is_right() {
    // "The Indian Android cohort lost 60% of daily actives right after the 2026-01-28 rollout of v2.3 (third deployment)."
    let judged = World::new().judge(&blames(INDIA, Some("deploy_003")), &android_india());
    assert_eq!((judged.standing, judged.complete, judged.onset_days), (Standing::Right, true, Some(0)));
}

#[test]
fn a_version_with_the_same_leaves_is_the_same_answer() {
    // "Segment platform=android, country=IN; release 2-3-0 shipped Jan 28" + segments + event "deployment 3"
    let with = blames(&[("platform", "android"), ("country", "IN"), ("app_version", "2.3.0")], Some("deploy_003"));
    let instead = blames(&[("app_version", "2.3.0"), ("country", "IN")], Some("deploy_003"));
    for stated in [with, instead] {
        let judged = World::new().judge(&stated, &android_india());
        assert_eq!(judged.standing, Standing::Right);
        assert_eq!(metric(&judged.counts(), "scope_f1"), Some(1.0));
    }
}

#[test]
fn an_unrelated_dimension_makes_a_fraction_and_is_wrong() {
    let stated = blames(&[("platform", "android"), ("country", "IN"), ("queue", "login")], Some("deploy_003"));
    let judged = World::new().judge(&stated, &android_india());
    assert_eq!(judged.standing, Standing::WrongCause);
    assert_eq!(metric(&judged.counts(), "scope_f1"), Some(0.666_667));
    assert_eq!(metric(&judged.counts(), "change_accuracy"), Some(1.0));
}

#[test]
fn kind_and_change_must_be_right_too() {
    let world = World::new();
    assert_eq!(world.judge(&blames(INDIA, None), &android_india()).standing, Standing::WrongCause);
    assert_eq!(world.judge(&blames(INDIA, Some("deploy_002")), &android_india()).standing, Standing::WrongCause);
    let mut stated = blames(INDIA, Some("deploy_003"));
    stated.ranking[0].kind = "config_change".to_owned();
    assert_eq!(world.judge(&stated, &android_india()).standing, Standing::WrongCause);
}

#[test]
fn an_oracle_scores_one_everywhere() {
    let world = World::new();
    let holiday = Benign { kind: "holiday".to_owned(), change: None };
    let mut right = blames(INDIA, Some("deploy_003"));
    (right.confidence, right.evidence) = (1.0, vec![evidence("segments.0.change", -0.6)]);
    let mut cleared = abstains();
    (cleared.confidence, cleared.benign) = (1.0, Some(holiday.clone()));
    let counts = tally(&[
        world.judge_with(&right, &[call()], &android_india()),
        world.judge(&cleared, &Expected::Nothing { benign: Some(holiday) }),
    ]);
    let perfect = |name: &str| match name {
        "onset_error_d" | "false_blame" | "brier" | "invalid" => Some(0.0),
        "calls_mean" => Some(0.5),
        _ => Some(1.0),
    };
    for metric in CAUSE_METRICS.iter().filter(|metric| metric.over != Over::Models) {
        assert_eq!(metric.of(&counts).value(), perfect(metric.name), "{}", metric.name);
    }
}

#[test]
fn whoever_always_abstains_is_specific_and_recalls_nothing() {
    let world = World::new();
    let counts = tally(&[
        world.judge(&abstains(), &android_india()),
        world.judge(&abstains(), &Expected::Nothing { benign: None }),
        world.judge(&abstains(), &Expected::Nothing { benign: Some(Benign { kind: "holiday".to_owned(), change: None }) }),
    ]);
    let value = |name| metric(&counts, name);
    assert_eq!((value("specificity"), value("false_blame")), (Some(1.0), Some(0.0)));
    assert_eq!(
        (value("cause_right"), value("cause_mrr"), value("scope_f1"), value("benign_hit")),
        (Some(0.0), Some(0.0), Some(0.0), Some(0.0))
    );
    assert_eq!((value("grounded"), value("cause_precision")), (None, None), "there is nothing to divide by, which is not zero");
}

#[test]
fn whoever_always_blames_is_never_specific() {
    let world = World::new();
    let blamed = world.judge(&blames(INDIA, Some("deploy_003")), &Expected::Nothing { benign: None });
    assert_eq!(blamed.standing, Standing::Blamed);
    let unsure = world.judge(&report(Verdict::Unsure, vec![]), &Expected::Nothing { benign: None });
    let counts = tally(&[blamed, unsure]);
    assert_eq!((metric(&counts, "specificity"), metric(&counts, "false_blame")), (Some(0.0), Some(0.5)));
}

#[test]
fn several_causes_are_complete_together_and_not_apart() {
    let TrueCause { kind, .. } = android_cause();
    let outage = TrueCause { kind, change: None, scope: selector(&[("platform", "web")]), onset: None };
    let expected = Expected::Causes(vec![android_cause(), outage]);
    let world = World::new();
    let one = blames(INDIA, Some("deploy_003"));
    let judged = world.judge(&one, &expected);
    assert!(judged.is_right() && !judged.complete);
    let both = IncidentReport { claimed: vec![cause(&[("platform", "web")], None, 0.9), one.claimed[0].clone()], ..one.clone() };
    assert!(world.judge(&both, &expected).complete);
    let twice = IncidentReport { claimed: vec![one.claimed[0].clone(), one.claimed[0].clone()], ..one };
    assert_eq!(world.judge(&twice, &expected).tally.claimed_right, 1, "one true cause pairs with one claim");
}

fn android_cause() -> TrueCause {
    match android_india() {
        Expected::Causes(mut causes) => causes.remove(0),
        Expected::Nothing { .. } => unreachable!("it has a cause"),
    }
}

#[test]
fn a_scope_of_two_values_is_claimed_value_by_value() {
    let both = Selector::from([("country".to_owned(), vec!["IN".to_owned(), "BR".to_owned()])]);
    let expected = Expected::Causes(vec![TrueCause { scope: both, ..android_cause() }]);
    let half = |country| cause(&[("country", country)], Some("deploy_003"), 0.9);
    let world = World::new();
    let one = report(Verdict::Fault, vec![half("IN")]);
    assert_eq!(world.judge(&one, &expected).standing, Standing::WrongCause);
    let two = IncidentReport { claimed: vec![half("IN"), half("BR")], ..one };
    let judged = world.judge(&two, &expected);
    assert!(judged.is_right() && judged.complete);
}

#[test]
fn repeating_an_answer_does_not_use_up_ranks() {
    let wrong = cause(&[("platform", "web")], None, 0.9);
    let right = cause(INDIA, Some("deploy_003"), 0.5);
    let judged = World::new().judge(&report(Verdict::Fault, vec![wrong.clone(), wrong.clone(), wrong, right]), &android_india());
    assert_eq!(metric(&judged.counts(), "cause_mrr"), Some(0.5));
    assert_eq!(metric(&judged.counts(), "cause_top3"), Some(1.0));
}

#[test]
fn an_investigation_that_failed_is_not_a_zero() {
    let right = World::new().judge(&blames(INDIA, Some("deploy_003")), &android_india()).counts();
    let mut with_failure = right.clone();
    with_failure += &root_cause::failed(&android_india());
    for metric in CAUSE_METRICS {
        assert_eq!(metric.of(&with_failure), metric.of(&right), "{}", metric.name);
    }
    assert_eq!((with_failure.tally.failed, with_failure.tally.lost), (1, 1));
    let none = Answer::None { why: "200 calls used up", calls: 200 };
    let world = World::new();
    let judged = root_cause::judge(&none, &Judgeable { expected: &android_india(), universe: world.universe() });
    assert_eq!(judged.standing, Standing::NoReport);
    assert_eq!(metric(&judged.counts(), "cause_right"), Some(0.0), "an agent's own failure is");
    assert_eq!(metric(&judged.counts(), "brier"), Some(1.0), "silence is not a good confidence");
}

#[test]
fn a_confidence_that_is_none_is_invalid_and_costs_the_most() {
    for confidence in [1.5, -0.1, f64::NAN] {
        let stated = IncidentReport { confidence, ..blames(INDIA, Some("deploy_003")) };
        let judged = World::new().judge(&stated, &android_india());
        assert_eq!((judged.standing, metric(&judged.counts(), "brier")), (Standing::Invalid, Some(1.0)));
    }
}

fn call() -> Call {
    let reply = json!({"metric": "tickets", "dimension": "platform", "range": {"from": "2026-01-26", "to": "2026-01-29"},
        "segments": [{"value": "android", "baseline": 100.0, "current": 40.0, "change": -0.6}]});
    let arguments = json!({"metric": "tickets", "dimension": "platform", "filters": {"country": "IN"}});
    Call { id: "c1".to_owned(), tool: "segment_by_dimension".to_owned(), arguments, reply: ToolReply::Data(reply) }
}

fn evidence(field: &str, value: f64) -> Evidence {
    let window = Range { from: "2026-01-26".to_owned(), to: "2026-01-29".to_owned() };
    Evidence { call: "c1".to_owned(), field: field.to_owned(), scope: scope(INDIA), window, value }
}

fn is_grounded(item: Evidence) -> (bool, String) {
    let stated = IncidentReport { evidence: vec![item], ..blames(INDIA, Some("deploy_003")) };
    let judged = World::new().judge_with(&stated, &[call()], &android_india());
    let check = judged.checks.iter().find(|check| check.what == "grounded").expect("a cause is named");
    assert!(judged.is_right(), "whatever the evidence");
    assert_eq!(judged.tally.right_grounded, u64::from(judged.grounded));
    (judged.grounded, check.why.clone())
}

#[test]
fn a_cause_is_grounded_by_a_number_that_a_call_said() {
    assert!(is_grounded(evidence("segments.0.change", -0.6)).0);
    assert!(is_grounded(evidence("", 40.0)).0, "anywhere, where no place is stated");
    let without = World::new().judge(&blames(INDIA, Some("deploy_003")), &android_india());
    assert!(!without.grounded);
}

#[test]
fn a_cause_is_not_grounded_by_what_no_call_said() {
    let good = || evidence("segments.0.change", -0.6);
    let flaws = [
        (Evidence { value: -0.5, ..good() }, "does not hold -0.5"),
        (Evidence { call: "c9".to_owned(), ..good() }, "no such call"),
        (Evidence { scope: scope(&[("platform", "web")]), ..good() }, "does not speak of web"),
        (Evidence { scope: scope(&[("platform", "windows")]), ..good() }, "unknown value `windows`"),
        (Evidence { window: Range { from: "2026-01-20".to_owned(), to: "2026-01-27".to_owned() }, ..good() }, "does not contain the onset"),
        (Evidence { window: Range { from: "2026-02-20".to_owned(), to: "2026-02-27".to_owned() }, ..good() }, "about other days"),
    ];
    for (item, expected) in flaws {
        let (grounded, why) = is_grounded(item);
        assert!(!grounded && why.contains(expected), "{why}");
    }
}

#[test]
fn evidence_about_another_segment_does_not_ground() {
    let mut other = call();
    other.arguments = json!({"filters": {"platform": "ios"}});
    let item = Evidence { scope: scope(&[("platform", "ios")]), ..evidence("segments.0.change", -0.6) };
    let stated = IncidentReport { evidence: vec![item], ..blames(INDIA, Some("deploy_003")) };
    let judged = World::new().judge_with(&stated, &[other], &android_india());
    assert!(judged.is_right() && !judged.grounded);
}

fn any_cause() -> impl Strategy<Value = Cause> {
    let platform = prop::option::of(prop::sample::select(vec!["android", "ios", "web"]));
    let country = prop::option::of(prop::sample::select(vec!["IN", "BR", "US", "DE"]));
    let change = prop::option::of(prop::sample::select(vec!["deploy_001", "deploy_003"]));
    (platform, country, change, 0..4_u32).prop_map(|(platform, country, change, confidence)| {
        let pairs: Vec<(&str, &str)> =
            [platform.map(|value| ("platform", value)), country.map(|value| ("country", value))].into_iter().flatten().collect();
        cause(&pairs, change, f64::from(confidence) / 4.0)
    })
}

/// Everything but what belongs to the order of a list.
fn without_order(judged: &JudgedReport) -> (Standing, CauseTally) {
    (judged.standing, judged.tally)
}

proptest! {
    #[test]
    fn the_order_of_a_ranking_says_nothing_beyond_its_confidences(
        ranking in prop::collection::vec(any_cause(), 0..8),
        seed in any::<u64>(),
    ) {
        let world = World::new();
        let mut shuffled = ranking.clone();
        for i in (1..shuffled.len()).rev() {
            shuffled.swap(i, (seed.wrapping_mul(i as u64 + 0x9E37) >> 17) as usize % (i + 1));
        }
        let judge = |ranking: Vec<Cause>| {
            world.judge(&IncidentReport { claimed: vec![], confidence: 0.5, ..report(Verdict::Fault, ranking) }, &android_india())
        };
        prop_assert_eq!(without_order(&judge(ranking)), without_order(&judge(shuffled)));
    }

    #[test]
    fn one_more_wrong_claim_never_raises_complete_or_precision(claimed in prop::collection::vec(any_cause(), 0..6), extra in any_cause()) {
        let world = World::new();
        let stated = |claimed: Vec<Cause>| IncidentReport { claimed, ..blames(INDIA, Some("deploy_003")) };
        // A wrong claim is one that shares nothing with the truth.
        prop_assume!(extra.change.as_deref() != Some("deploy_003"));
        let before = world.judge(&stated(claimed.clone()), &android_india());
        let after = world.judge(&stated(claimed.into_iter().chain([extra]).collect()), &android_india());
        prop_assert!(u8::from(after.complete) <= u8::from(before.complete));
        let precision = |judged: &JudgedReport| metric(&judged.counts(), "cause_precision").unwrap_or(1.0);
        prop_assert!(precision(&after) <= precision(&before));
    }

    #[test]
    fn leaf_equivalent_scopes_score_alike(ranking in prop::collection::vec(any_cause(), 1..6)) {
        let world = World::new();
        let mut spelled = ranking.clone();
        for cause in &mut spelled {
            if cause.scope.get("platform").is_some_and(|platform| platform == "android") {
                cause.scope.insert("app_version".to_owned(), "2.3.0".to_owned());
            }
        }
        let judge = |ranking| world.judge(&report(Verdict::Fault, ranking), &android_india());
        prop_assert_eq!(without_order(&judge(ranking)), without_order(&judge(spelled)));
    }
}
