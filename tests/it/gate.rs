//! The gate on constructed scorecards: every verdict, every exit code.

use incident_harness::gate::{Baseline, GateError, Rule, Status, Verdict, check, exit_code, text};
use incident_harness::name::ConfigId;
use incident_harness::score::sample::{FileCounts, Files};
use incident_harness::score::scorecard::{Basis, ModelCounts, Role};
use incident_harness::score::{Counts, Scorecard, Tally};

fn rule(yaml: &str) -> Rule {
    serde_yaml::from_str(yaml).expect("a valid rule")
}

/// `n` files, two in three with four effects, all of them found and one false page in every fifth file.
fn good(n: u64) -> Files {
    let file = |i: u64| {
        let faulted = !i.is_multiple_of(3);
        let tally = Tally {
            jobs: 4,
            detected: if faulted { 4 } else { 0 },
            false_pages: u64::from(i.is_multiple_of(5)),
            observed_seconds: 400 * 86_400,
            ..Tally::default()
        };
        let delays_h = vec![24.0; if faulted { 4 } else { 0 }];
        (format!("file-{i:03}"), FileCounts { faulted, counts: Counts { tally, delays_h, vus_pr: vec![] } })
    };
    (0..n).map(file).collect()
}

/// Turns so many found effects of every `every`-th faulted file into misses.
fn missing(mut files: Files, effects: u64, every: usize) -> Files {
    for (_, file) in files.iter_mut().filter(|(_, file)| file.faulted).step_by(every) {
        file.counts.tally.detected -= effects;
        file.counts.tally.missed += effects;
        file.counts.delays_h.truncate(file.counts.tally.detected as usize);
    }
    files
}

fn card(models: &[(&str, Role, &Files)]) -> Scorecard {
    let files = models[0].2.keys().map(|id| (id.clone(), "d1".to_owned())).collect();
    let basis = Basis { suite: "gate".to_owned(), protocol: "p1".to_owned(), seeds: "gate/0..2".to_owned(), files, ..Basis::default() };
    let model = |&(name, role, files): &(&str, Role, &Files)| ModelCounts {
        config: ConfigId { name: name.to_owned(), digest: "aaaaaaaaaaaa".to_owned() },
        agent: None,
        trigger: None,
        role,
        files: files.clone(),
    };
    Scorecard::from_counts(basis, models.iter().map(model).collect())
}

fn lgbm(files: &Files) -> Scorecard {
    card(&[("lgbm", Role::Model, files)])
}

/// The only verdict of a rule on a run against a baseline.
fn verdict(before: &Files, after: &Files, yaml: &str) -> Verdict {
    let baseline = Baseline::from(&lgbm(before));
    let mut verdicts = check(&lgbm(after), Some(&baseline), &[rule(yaml)]).expect("comparable");
    assert_eq!(verdicts.len(), 1);
    verdicts.remove(0)
}

const TOLERANT: &str = "{metric: event_f1, where: {model: lgbm}, max_drop: 0.05}";

#[test]
fn an_identical_run_passes_with_a_drop_of_nothing() {
    let verdict = verdict(&good(45), &good(45), "{metric: event_f1, max_drop: 0}");
    assert_eq!(verdict.status, Status::Passed);
    assert_eq!(verdict.drop.expect("a drop").value, Some(0.0));
    assert!(verdict.moved.is_empty());
    assert_eq!(exit_code(&[verdict], true), 0);
}

#[test]
fn a_drop_beyond_chance_is_a_regression() {
    let verdict = verdict(&good(45), &missing(good(45), 2, 2), TOLERANT);
    assert_eq!(verdict.status, Status::Regressed);
    let drop = verdict.drop.expect("a drop");
    assert!(drop.interval.expect("45 files").lower > 0.05);
    assert_eq!(exit_code(&[verdict], false), 1);
}

#[test]
fn losing_everything_is_a_regression() {
    let verdict = verdict(&good(45), &missing(good(45), 4, 1), TOLERANT);
    assert_eq!((verdict.status, verdict.value.value()), (Status::Regressed, Some(0.0)));
}

#[test]
fn a_drop_that_chance_could_have_made_warns_and_fails_when_strict() {
    let verdict = verdict(&good(45), &missing(good(45), 4, 8), TOLERANT);
    assert!(verdict.drop.and_then(|drop| drop.value).expect("a drop") > 0.05);
    assert_eq!(verdict.status, Status::Inconclusive);
    assert_eq!((exit_code(std::slice::from_ref(&verdict), false), exit_code(&[verdict], true)), (0, 1));
}

#[test]
fn a_drop_within_the_tolerance_passes_even_if_its_interval_reaches_beyond() {
    let verdict = verdict(&good(45), &missing(good(45), 3, 10), TOLERANT);
    let interval = verdict.drop.and_then(|drop| drop.interval).expect("45 files");
    assert!(interval.upper > 0.05);
    assert_eq!(verdict.status, Status::Passed);
}

#[test]
fn an_improvement_passes() {
    let verdict = verdict(&missing(good(45), 2, 2), &good(45), "{metric: event_f1, max_drop: 0}");
    assert_eq!(verdict.status, Status::Passed);
    assert!(verdict.drop.and_then(|drop| drop.value).expect("a drop") < 0.0);
}

#[test]
fn below_twenty_files_a_drop_is_inconclusive_and_a_limit_still_holds() {
    let (before, after) = (good(19), missing(good(19), 4, 1));
    assert_eq!(verdict(&before, &after, TOLERANT).status, Status::Inconclusive);
    assert_eq!(verdict(&before, &after, "{metric: event_f1, min: 0.5, max_drop: 0.05}").status, Status::BelowMin);
    assert_eq!(verdict(&before, &before, "{metric: event_f1, min: 0.5}").status, Status::Passed);
}

#[test]
fn more_of_what_is_bad_is_a_drop() {
    let mut after = good(45);
    after.values_mut().for_each(|file| file.counts.tally.false_pages += 3);
    let verdict = verdict(&good(45), &after, "{metric: false_pages_per_100d, max: 0.5, max_drop: 0.2}");
    assert_eq!(verdict.status, Status::BelowMin);
    assert!((verdict.drop.expect("a drop").value.expect("a number") - 0.75).abs() < 1e-12);
    let only_drop = self::verdict(&good(45), &after, "{metric: false_pages_per_100d, max_drop: 0.2}");
    assert_eq!(only_drop.status, Status::Regressed);
    let fewer = self::verdict(&after, &good(45), "{metric: false_pages_per_100d, max: 0.5, max_drop: 0.2}");
    assert_eq!(fewer.status, Status::Passed);
}

#[test]
fn a_number_that_is_gone_is_a_regression() {
    let verdict = verdict(&good(45), &missing(good(45), 4, 1), "{metric: delay_median_h, max_drop: 24}");
    assert_eq!(verdict.status, Status::Regressed);
    assert!(verdict.why.expect("a reason").contains("nothing was detected"));
}

#[test]
fn a_missing_number_is_beyond_every_limit() {
    let silent = missing(good(45), 4, 1);
    assert_eq!(verdict(&silent, &silent, "{metric: delay_median_h, max: 48}").status, Status::BelowMin);
}

#[test]
fn refusing_hard_files_is_a_regression_even_if_the_number_rises() {
    let before = missing(good(45), 4, 8);
    let mut after = before.clone();
    for file in after.values_mut().filter(|file| file.counts.tally.missed > 0) {
        let tally = Tally { rejected: 4, ..Tally::default() };
        file.counts = Counts { tally, ..Counts::default() };
    }
    let verdict = verdict(&before, &after, TOLERANT);
    assert!(verdict.value.value() > verdict.baseline.value());
    assert_eq!(verdict.status, Status::Regressed);
    assert!(verdict.why.expect("a reason").contains("refuses 16 jobs"));
}

#[test]
fn a_rule_that_matches_nothing_fails() {
    let typo = verdict(&good(45), &good(45), "{metric: event_f1, where: {model: lgmb}, min: 0.1}");
    assert_eq!(typo.status, Status::MatchedNothing);
    let files = good(45);
    let baseline = Baseline::from(&lgbm(&files));
    let run = card(&[("lgbm", Role::Model, &files), ("ets", Role::Model, &files)]);
    let verdicts = check(&run, Some(&baseline), &[rule("{metric: event_f1, max_drop: 0.05}")]).expect("comparable");
    let statuses: Vec<Status> = verdicts.iter().map(|verdict| verdict.status).collect();
    assert_eq!(statuses, [Status::MatchedNothing, Status::Passed]);
    assert_eq!(exit_code(&verdicts, false), 1);
}

#[test]
fn a_rule_without_a_model_leaves_floors_out() {
    let files = good(45);
    let run = card(&[("lgbm", Role::Model, &files), ("random", Role::Floor, &files), ("oracle", Role::Oracle, &files)]);
    let verdicts = check(&run, None, &[rule("{metric: event_f1, min: 0.5}")]).expect("limits need no baseline");
    assert_eq!(verdicts.len(), 1);
    let floor = check(&run, None, &[rule("{metric: event_f1, where: {model: random}, min: 0.5}")]).expect("no baseline needed");
    assert_eq!(floor[0].status, Status::Passed);
}

#[test]
fn runs_on_another_basis_are_not_compared() {
    let files = good(45);
    let (run, rules) = (lgbm(&files), [rule(TOLERANT)]);
    assert_eq!(check(&run, None, &[]), Err(GateError::NoRules));
    assert_eq!(check(&run, None, &rules), Err(GateError::NoBaseline { suite: "gate".to_owned() }));

    let mut other = Baseline::from(&run);
    other.basis.protocol = "p0".to_owned();
    other.basis.files.remove("file-003");
    other.basis.files.insert("file-004".to_owned(), "d0".to_owned());
    let error = check(&run, Some(&other), &rules).expect_err("another basis").to_string();
    for part in ["protocol `p1`, the baseline has `p0`", "new files: file-003", "files changed: file-004"] {
        assert!(error.contains(part), "{error}");
    }
    // A limit needs no baseline, and the numbers of one that cannot be compared are not shown.
    let limited = check(&run, Some(&other), &[rule("{metric: event_f1, min: 0.5}")]).expect("limits need no baseline");
    assert_eq!((limited[0].status, limited[0].baseline.value()), (Status::Passed, None));
}

#[test]
fn a_baseline_reads_as_it_was_written() {
    let baseline = Baseline::from(&lgbm(&good(25)));
    let json = baseline.to_json();
    assert_eq!(Baseline::from_json(&json).expect("its own format"), baseline);
    let newer = json.replacen("\"format\": 1", "\"format\": 2", 1);
    assert!(Baseline::from_json(&newer).expect_err("another format").to_string().contains("bless it again"));
}

#[test]
fn other_settings_of_the_same_name_are_compared_and_named() {
    let files = good(45);
    let mut baseline = Baseline::from(&lgbm(&files));
    baseline.models[0].config.digest = "bbbbbbbbbbbb".to_owned();
    let verdicts = check(&lgbm(&files), Some(&baseline), &[rule(TOLERANT)]).expect("comparable");
    assert_eq!(verdicts[0].status, Status::Passed);
    assert!(verdicts[0].why.as_deref().expect("a remark").contains("settings changed"));
}

#[test]
fn the_console_names_the_files_that_moved() {
    let before = good(45);
    let mut after = missing(good(45), 2, 2);
    let worst = after.get_mut("file-044").expect("a faulted file");
    (worst.counts.tally.detected, worst.counts.tally.missed, worst.counts.tally.false_pages) = (0, 4, 2);
    let baseline = Baseline::from(&lgbm(&before));
    let rules = [
        rule("{metric: event_precision, min: 0.5}"),
        rule("{metric: event_f1, where: {model: lgbm}, max_drop: 0.05}"),
        rule("{metric: event_recall, max_drop: 0.3}"),
        rule("{metric: event_f1, where: {model: prophet}, min: 0.1}"),
        rule("{metric: false_pages_per_100d, max: 0.05}"),
    ];
    let verdicts = check(&lgbm(&after), Some(&baseline), &rules).expect("comparable");
    insta::assert_snapshot!(text::render(&verdicts), @r"
    rule matched nothing  prophet  event_f1  (the run has no row for `prophet`, it has: lgbm)
    beyond the limit      lgbm  false_pages_per_100d  0.06; max 0.05
    regressed             lgbm  event_f1  .79, was .96: drop .17 [.10, .26], allowed .05
                          file-044  drop .03  detected 4 → 0, false pages 0 → 2
                          file-001  drop .01  detected 4 → 2
                          file-004  drop .01  detected 4 → 2
                          file-007  drop .01  detected 4 → 2
                          file-010  drop .01  detected 4 → 2
    passed                lgbm  event_precision  .89; min .50
    passed                lgbm  event_recall  .72, was 1.00: drop .28 [.18, .38], allowed .30
    gate: 1 rule matched nothing, 1 beyond the limit, 1 regressed, 2 passed
    ");
}

/// The status of every verdict of a rule on a run with agents, against itself as the baseline.
fn of_agents(yaml: &str) -> Vec<(String, Status)> {
    let card = super::report_cause::card();
    let verdicts = check(&card, Some(&Baseline::from(&card)), &[rule(yaml)]).expect("comparable");
    let line =
        |verdict: &Verdict| (text::render(std::slice::from_ref(verdict)).lines().next().unwrap_or_default().to_owned(), verdict.status);
    verdicts.iter().map(line).collect()
}

#[test]
fn a_rule_names_agents_models_and_triggers() {
    let found = of_agents("{metric: cause_right, where: {agent: segment-scan}, min: 0.5, max_drop: 0.05}");
    assert!(matches!(found.as_slice(), [(line, Status::Passed)] if line.contains("segment-scan  cause_right")), "{found:?}");
    let found = of_agents("{metric: cause_right, where: {agent: segment-scan, trigger: oracle}, min: 0.95}");
    assert!(matches!(found.as_slice(), [(line, Status::BelowMin)] if line.contains("segment-scan on oracle")), "{found:?}");
    let found = of_agents("{metric: e2e_right, where: {agent: segment-scan}, max_drop: 0}");
    assert_eq!(found.len(), 2, "lgbm and arima: {found:?}");
    let found = of_agents("{metric: e2e_right, where: {agent: segment-scan, model: lgbm}, max_drop: 0}");
    assert!(matches!(found.as_slice(), [(line, Status::Passed)] if line.contains("lgbm + segment-scan")), "{found:?}");
    assert_eq!(of_agents("{metric: specificity, min: 0.2}").len(), 2, "floors are left out unless named");
    assert_eq!(of_agents("{metric: specificity, where: {agent: abstain}, min: 0.2}").len(), 1);
}

#[test]
fn a_rule_on_a_row_that_is_not_there_says_what_is() {
    let found = of_agents("{metric: cause_right, where: {model: lgbm}, min: 0.5}");
    assert!(matches!(found.as_slice(), [(line, Status::MatchedNothing)] if line.contains("no row for `lgbm`, it has: ")), "{found:?}");
    let found = of_agents("{metric: event_f1, where: {model: lgbm}, min: 0.5}");
    assert!(matches!(found.as_slice(), [(line, Status::MatchedNothing)] if line.contains("none for `event_f1`")), "{found:?}");
}

#[test]
fn a_baseline_with_agents_reads_as_it_is_written() {
    let baseline = Baseline::from(&super::report_cause::card());
    assert_eq!(Baseline::from_json(&baseline.to_json()).expect("its own format"), baseline);
}
