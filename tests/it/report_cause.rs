//! Tables of agents, one report for a terminal, and the explanation of one investigation.

use incident_harness::agent::report::{AffectedSegment, Evidence, IncidentReport, Sentiment, SupportingData, Verdict};
use incident_harness::name::ConfigId;
use incident_harness::report::explain::{Explained, Seen};
use incident_harness::report::{cause_table, explain, incident};
use incident_harness::score::counts::{CauseTally, EndTally};
use incident_harness::score::end_to_end::Ending;
use incident_harness::score::root_cause::{Answer, Expected, Judgeable, judge};
use incident_harness::score::sample::{FileCounts, Files};
use incident_harness::score::scorecard::{Basis, ModelCounts};
use incident_harness::score::skill::{role_of_agent, skill};
use incident_harness::score::{Counts, EffectWindow, Metric, Scorecard, Section, Tally};
use incident_harness::time::{Grid, Step};
use incident_harness::tool::reply::Range;
use incident_harness::tool::{Call, ToolReply};
use serde_json::json;

use super::root_cause::{World, android_india, blames, cause, report, scope};

fn config(name: &str) -> ConfigId {
    ConfigId { name: name.to_owned(), digest: "aaaaaaaaaaaa".to_owned() }
}

/// Files of two triggers with a cause and two without, of which so many in ten end well.
fn investigations(n: u64, of_ten: u64) -> Files {
    let file = |i: u64| {
        let right = 2 * u64::from((i * 7) % 10 < of_ten);
        let cause = CauseTally {
            causes: 2,
            right,
            true_causes: 2,
            claimed: 2,
            claimed_right: right,
            top1: right * 1_000_000,
            top3: 2_000_000,
            reciprocal_rank: 1_000_000 + right * 500_000,
            scope_f1: 600_000 + right * 700_000,
            change_right: right,
            right_grounded: right,
            nothing: 2,
            cleared: 1,
            blamed: 1,
            brier: 800_000,
            calls: 40,
            ..CauseTally::default()
        };
        (format!("file-{i:03}"), FileCounts { faulted: true, counts: of(Tally { jobs: 4, cause, ..Tally::default() }) })
    };
    (0..n).map(file).collect()
}

fn of(tally: Tally) -> Counts {
    Counts { tally, ..Counts::default() }
}

fn pages(n: u64, of_ten: u64) -> Files {
    let file = |i: u64| {
        let right = u64::from((i * 3) % 10 < of_ten);
        let end =
            EndTally { right, missed: 1 - right, late: 1, blamed: u64::from(i.is_multiple_of(4)), dismissed: 1, ..EndTally::default() };
        let tally = Tally { jobs: 1, observed_seconds: 92 * 86_400, end, ..Tally::default() };
        (format!("file-{i:03}"), FileCounts { faulted: true, counts: of(tally) })
    };
    (0..n).map(file).collect()
}

fn agent(name: &str, trigger: Option<&str>, files: Files) -> ModelCounts {
    ModelCounts { config: config(name), agent: None, trigger: trigger.map(str::to_owned), role: role_of_agent(name), files }
}

pub(crate) fn card() -> Scorecard {
    let mut broken = investigations(45, 4);
    broken.insert("file-001".to_owned(), FileCounts { faulted: true, counts: Counts::failed(2) });
    let both = |model: &str, agent: &str, of_ten| ModelCounts {
        config: config(model),
        agent: Some(config(agent)),
        trigger: None,
        role: role_of_agent(agent),
        files: pages(45, of_ten),
    };
    Scorecard::from_counts(Basis::default(), vec![])
        .with(
            Section::Cause,
            vec![
                agent("latest-deploy", None, investigations(45, 3)),
                agent("abstain", None, investigations(45, 0)),
                agent("segment-scan", None, investigations(45, 8)),
                agent("segment-scan", Some("oracle"), investigations(45, 9)),
                agent("two-stage", None, broken),
            ],
        )
        .with(Section::EndToEnd, vec![both("lgbm", "segment-scan", 7), both("lgbm", "constant", 1), both("arima", "segment-scan", 4)])
}

#[test]
fn the_tables_of_agents() {
    let card = card();
    let text = format!(
        "{}{}{}\n{}{}{}",
        cause_table::causes(&card).text(),
        cause_table::footnotes(&card, Section::Cause),
        cause_table::pick(&card, Section::Cause),
        cause_table::end_to_end(&card).text(),
        cause_table::footnotes(&card, Section::EndToEnd),
        cause_table::pick(&card, Section::EndToEnd),
    );
    insta::assert_snapshot!(text);
    insta::assert_snapshot!("the_sections_of_the_report", cause_table::markdown(&card));
}

#[test]
fn without_agents_there_are_no_tables() {
    assert_eq!(cause_table::markdown(&Scorecard::from_counts(Basis::default(), vec![])), "");
}

#[test]
fn a_scorecard_with_agents_reads_as_it_is_written() {
    let json = card().to_json();
    assert_eq!(Scorecard::from_json(&json).expect("its own format"), card());
    assert!(!Scorecard::from_counts(Basis::default(), vec![]).to_json().contains("causes"));
}

#[test]
fn skill_is_the_way_from_the_best_floor_to_perfection() {
    let card = card();
    let row = |name: &str| card.causes.iter().find(|row| row.config.name == name && row.trigger.is_none()).expect("a row");
    let right = Metric::named("cause_right").expect("a row of the registry");
    let (score, floor) = (row("segment-scan").metric("cause_right"), row("latest-deploy").metric("cause_right"));
    let (score, floor) = (score.value().expect("a number"), floor.value().expect("a number"));
    assert_eq!(skill(&card.causes, row("segment-scan"), right), Some((score - floor) / (1.0 - floor)));
    assert_eq!(skill(&card.causes, row("latest-deploy"), right), Some(0.0));
    let oracle = card.causes.iter().find(|row| row.trigger.is_some()).expect("a row");
    assert_eq!(skill(&card.causes, oracle, right), None, "no floor was sent to those triggers alone");
}

fn call() -> Call {
    let reply = json!({"metric": "tickets", "dimension": "platform", "range": {"from": "2026-01-26", "to": "2026-01-29"},
        "baseline_range": {"from": "2026-01-12", "to": "2026-01-25"},
        "total": {"value": "all", "baseline": 210.5, "current": 320.0, "change": 0.52, "contribution": 1.0},
        "segments": [{"value": "android", "baseline": 100.0, "current": 205.25, "change": 1.0525, "contribution": 0.961}],
        "unchanged": [{"value": "ios", "baseline": 60.5, "current": 62.0, "change": 0.0248, "contribution": 0.0137},
            {"value": "web", "baseline": 50.0, "current": 52.75, "change": 0.055, "contribution": 0.0251}]});
    let arguments = json!({"metric": "tickets", "dimension": "platform", "range": {"from": "2026-01-26", "to": "2026-01-29"},
        "filters": {"country": "IN"}});
    Call { id: "c1".to_owned(), tool: "segment_by_dimension".to_owned(), arguments, reply: ToolReply::Data(reply) }
}

fn rejected() -> Call {
    let reply = ToolReply::Rejected {
        why: "unknown dimension `plattform` (known: app_version, country, platform)".to_owned(),
        hint: Some("did you mean `platform`?".to_owned()),
    };
    Call { id: "c2".to_owned(), tool: "query_metric".to_owned(), arguments: json!({"metric": "dau", "group_by": ["plattform"]}), reply }
}

fn full() -> IncidentReport {
    let mut full = blames(&[("platform", "android"), ("country", "IN")], Some("deploy_003"));
    full.ranking.push(cause(&[("platform", "android")], None, 0.3));
    full.title = "Android users in India cannot log in since 2.3.0".to_owned();
    full.executive_summary = "Tickets from android users in India doubled on 28 January, the day version 2.3.0 was rolled out to \
        them. No other platform or country moved. Customers cannot log in and some have given up."
        .to_owned();
    full.root_cause = "Deployment deploy_003 brought 2.3.0 to android in India, and only its users are affected.".to_owned();
    full.impact_metrics.volume_increase_pct = Some(52.0);
    full.impact_metrics.primary_queue = Some("login".to_owned());
    full.impact_metrics.primary_priority = Some("high".to_owned());
    full.affected_services = vec!["authentication".to_owned()];
    full.affected_segments = vec![
        AffectedSegment {
            scope: scope(&[("platform", "android"), ("country", "IN")]),
            metric: "tickets".to_owned(),
            baseline: Some(100.0),
            current: Some(205.25),
            change: Some(1.0525),
        },
        AffectedSegment { scope: scope(&[]), metric: "dau".to_owned(), baseline: Some(4210.0), current: None, change: None },
    ];
    full.correlated_events = vec!["2026-01-28 deployment deploy_003: 2.3.0 on android (IN, BR), 100 % of users".to_owned()];
    full.evidence = vec![Evidence {
        call: "c1".to_owned(),
        field: "segments.0.change".to_owned(),
        scope: scope(&[("platform", "android")]),
        window: Range { from: "2026-01-26".to_owned(), to: "2026-01-29".to_owned() },
        value: 1.0525,
    }];
    full.customer_sentiment = Sentiment::Negative;
    full.sample_complaints = vec!["Since the update I am thrown back to the login page every single time. Please fix this.".to_owned()];
    full.recommendations = vec!["Roll back 2.3.0 on android in India.".to_owned(), "Tell the login queue what is known.".to_owned()];
    full.supporting_data = SupportingData {
        calls: 2,
        rejected: 1,
        tools: [("segment_by_dimension".to_owned(), 1), ("query_metric".to_owned(), 1)].into(),
        grounded: 1,
    };
    full
}

#[test]
fn a_report_for_a_terminal() {
    let text = incident::render(&full(), &[]);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(!text.contains('\u{1b}'), "no escape codes");
    insta::assert_snapshot!(text);
}

#[test]
fn a_report_with_nothing_to_say_has_no_empty_parts() {
    let mut nothing = report(Verdict::NoFault, vec![]);
    nothing.title = "Nothing is wrong".to_owned();
    insta::assert_snapshot!(incident::render(&nothing, &[]), @r"
    Nothing is wrong
    NO FAULT, 90 % sure

    0 calls, 0 rejected; 0 of 0 evidence items stand in the replies they cite
    ");
}

fn grid(days: usize) -> Grid {
    Grid::civil(jiff::civil::date(2026, 1, 1), Step::DAY, days)
}

#[test]
fn an_investigation_explained_from_page_to_score() {
    let (calls, full, expected, world, grid) = ([call(), rejected()], full(), android_india(), World::new(), grid(60));
    let judged = judge(&Answer::Report(&full, &calls), &Judgeable { expected: &expected, universe: world.universe() });
    let values: Vec<Option<f64>> =
        (0..60).map(|day| (day != 12).then(|| f64::from(200 + (day * 37) % 23 + if (27..41).contains(&day) { 110 } else { 0 }))).collect();
    let effects = [EffectWindow { first: 27, last: 40, deadline: 3 }];
    let series = [Seen { name: "tickets", grid: &grid, values: &values, pages: &[28, 35], effects: &effects, now: 28 }];
    let explained = Explained {
        heading: "deployment/android-crash.yaml, eval seed 0, paged by lgbm, investigated by segment-scan",
        asked: "tickets paged since 2026-01-28: what is wrong?",
        series: &series,
        calls: &calls,
        turns: &[],
        effort: None,
        report: Some(&full),
        outcome: "answered",
        expected: &expected,
        judged: Some(&judged),
        ending: Some(Ending::Right),
    };
    let text = explain::render(&explained);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);

    let wrong = blames(&[("platform", "web")], None);
    let judged = judge(&Answer::Report(&wrong, &calls), &Judgeable { expected: &expected, universe: world.universe() });
    let explained =
        Explained { report: Some(&wrong), judged: Some(&judged), ending: Some(Ending::WrongCause), calls: &[], series: &[], ..explained };
    insta::assert_snapshot!("a_wrong_answer_explained", explain::render(&explained));
}

#[test]
fn an_investigation_that_failed_says_so_and_is_not_scored() {
    let nothing = Expected::Nothing { benign: None };
    let (grid, values) = (grid(200), vec![Some(3.0); 200]);
    let series = [Seen { name: "dau", grid: &grid, values: &values, pages: &[], effects: &[], now: 199 }];
    let explained = Explained {
        heading: "h",
        asked: "q",
        series: &series,
        calls: &[],
        turns: &[],
        effort: None,
        report: None,
        outcome: "the agent panicked",
        expected: &nothing,
        judged: None,
        ending: None,
    };
    let text = explain::render(&explained);
    assert!(text.contains("Not scored: the agent panicked"), "{text}");
    assert!(text.contains("3 buckets a column"), "{text}");
}
