//! Reading scenario files: what is wrong is named with its place, and nothing that is written is ignored.

use std::fs;
use std::path::Path;

use incident_harness::scenario::{LoadError, Scenario, load_folder, locate};
use incident_harness::time::{Span, Step};

const FILE: &str = "scenarios/x.yaml";

const GOOD: &str = "\
format: 1
id: x
title: A release breaks one platform
calendar:
  start: 2024-01-01
  length: 100d
  train: 70d
  step: 1d
tickets:
  rate: 200
  dispersion: {negative_binomial: 0.01}
  weekday: [1, 1, 1, 1, 1, 0.5, 0.5]
changes:
  - deployment: {id: five, at: 12, platform: android, version: 5.2.0}
faults:
  - deployment:
      onset: {between: [5, 20]}
      duration: 3d
      shape: spike
      scope: {platform: android}
      multiplier: {between: [2, 3]}
      attributes:
        priority: {critical: 0.1, high: 0.6, medium: 0.2, low: 0.1}
      tags: {crash: 0.7}
benign:
  - decoy_deployment: {lag: {between: [0d, 2d]}}
watch:
  - tickets
  - tickets: {platform: android}
";

/// The errors of the good file after an edit, without snippets.
fn errors(from: &str, to: &str) -> Vec<String> {
    assert_eq!(GOOD.matches(from).count(), 1, "`{from}` stands once in the good file");
    let errors = Scenario::parse(&GOOD.replace(from, to), FILE, "x.yaml").expect_err("the edit breaks the file");
    errors.iter().map(|error| error.to_string().lines().next().unwrap_or_default().to_owned()).collect()
}

fn error(from: &str, to: &str) -> String {
    let errors = errors(from, to);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].clone()
}

#[test]
fn a_file_without_mistakes_says_what_it_means() {
    let scenario = Scenario::parse(GOOD, FILE, "deployment/x.yaml").expect("the file is good");
    assert_eq!((scenario.id.as_str(), scenario.family()), ("x", "deployment"));
    assert!(scenario.faulted());
    assert_eq!((scenario.step(), scenario.deadline()), (Step::DAY, Span::days(3)));
    let names: Vec<&str> = scenario.case.watch.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["tickets", "tickets{platform=android}"]);
}

#[test]
fn the_deadline_is_shorter_below_a_day_and_can_be_set() {
    let hourly = GOOD.replace("step: 1d", "step: 1h");
    assert_eq!(Scenario::parse(&hourly, FILE, "x.yaml").expect("good").deadline(), Span::hours(12));
    let set = format!("{GOOD}protocol: {{deadline: 5d}}\n");
    assert_eq!(Scenario::parse(&set, FILE, "x.yaml").expect("good").deadline(), Span::days(5));
}

#[test]
fn the_digest_changes_with_the_meaning_and_not_with_comments() {
    let digest = |text: &str| Scenario::parse(text, FILE, "x.yaml").expect("good").digest().to_owned();
    assert_eq!(digest(GOOD), digest(&format!("# a comment\n{GOOD}")));
    assert_ne!(digest(GOOD), digest(&GOOD.replace("rate: 200", "rate: 201")));
    assert_eq!(digest(GOOD).len(), 12);
}

#[test]
fn a_misspelt_key_is_shown_in_its_line() {
    let errors = Scenario::parse(&GOOD.replace("multiplier:", "multiplyer:"), FILE, "x.yaml").expect_err("misspelt");
    assert_eq!(
        errors[0].to_string(),
        "scenarios/x.yaml:21:7: unknown field `multiplyer`, expected one of: onset, change, lag, duration, shape, scope, multiplier, \
         attributes, tags, version, activity; did you mean `multiplier`?\n   |\n21 |       multiplyer: {between: [2, 3]}\n   |       ^^^^^^^^^^"
    );
}

#[test]
fn an_unknown_kind_of_fault_points_at_the_kind() {
    assert_eq!(
        error("  - deployment:\n", "  - deploymnt:\n"),
        "scenarios/x.yaml:16:5: unknown name `deploymnt`, expected one of: deployment, config_change, segment_outage, \
         dependency_failure, data_pipeline_gap, policy_change, bot_burst, retention_decline; did you mean `deployment`?"
    );
}

#[test]
fn a_scope_names_known_dimensions_and_values() {
    assert_eq!(
        error("scope: {platform: android}", "scope: {platfrom: android}"),
        "scenarios/x.yaml:20:15: unknown dimension `platfrom` (known: queue, type, priority, country, language, product, \
         platform, app_version, plan; did you mean `platform`?)"
    );
    assert_eq!(
        error("scope: {platform: android}", "scope: {one_of: [{platform: ios}, {platform: [web, andriod]}]}"),
        "scenarios/x.yaml:20:58: dimension `platform` has no value `andriod` (known: web, android, ios; did you mean `android`?)"
    );
    assert_eq!(
        error("- tickets: {platform: android}", "- tickets: {queue: biling}"),
        "scenarios/x.yaml:29:22: dimension `queue` has no value `biling` (known: technical, billing, product, returns, accounts, \
         sales; did you mean `billing`?)"
    );
}

#[test]
fn every_time_a_seed_can_draw_lies_in_the_test_window() {
    let window = "lies outside the test window, 2024-03-11 to 2024-04-09";
    assert_eq!(error("onset: {between: [5, 20]}", "onset: {between: [5, 30]}"), format!("scenarios/x.yaml:17:14: `30` {window}"));
    assert_eq!(error("onset: {between: [5, 20]}", "onset: 2024-03-10"), format!("scenarios/x.yaml:17:14: `2024-03-10` {window}"));
    assert_eq!(error("onset: {between: [5, 20]}", "onset: {one_of: [3, -1]}"), format!("scenarios/x.yaml:17:14: `-1` {window}"));
    assert_eq!(
        error("onset: {between: [5, 20]}", "onset: {between: [20, 5]}"),
        "scenarios/x.yaml:17:14: `between` runs backwards: its first time is the later one"
    );
    assert_eq!(error("onset: {between: [5, 20]}", "onset: 36h"), "scenarios/x.yaml:17:14: `36h` is not a whole number of buckets of 1d");
    assert_eq!(
        error("onset: {between: [5, 20]}\n", "onset: 29\n      lag: 1d\n"),
        "scenarios/x.yaml:18:12: with this lag the first tickets come after the end of the calendar, 2024-04-09"
    );
    assert_eq!(
        error("{lag: {between: [0d, 2d]}}", "{lag: {between: [0d, 6d]}}"),
        "scenarios/x.yaml:26:29: with this lag the decoy can lie before the test window"
    );
}

#[test]
fn a_time_that_cannot_be_read_is_quoted() {
    let said = error("onset: {between: [5, 20]}", "onset: tomorrow");
    assert!(said.starts_with("scenarios/x.yaml:17:14: `tomorrow` is not a place on the calendar: expected"), "{said}");
}

#[test]
fn shares_sum_to_one() {
    assert_eq!(error("medium: 0.2, low: 0.1}", "medium: 0.1, low: 0.1}"), "scenarios/x.yaml:23:9: shares of `priority` sum to 0.9, not 1");
    let desk = "  weekday: [1, 1, 1, 1, 1, 0.5, 0.5]\n";
    let attributes = format!("{desk}  attributes:\n    plan: {{shares: {{free: 0.5, pro: 0.6}}}}\n");
    assert_eq!(error(desk, &attributes), "scenarios/x.yaml:14:5: shares of `plan` sum to 1.1, not 1");
}

#[test]
fn a_dependent_dimension_has_shares_for_every_value_it_depends_on() {
    let desk = "  weekday: [1, 1, 1, 1, 1, 0.5, 0.5]\n";
    let with = |attributes: &str| format!("{desk}  attributes:\n{attributes}");
    assert_eq!(
        error(desk, &with("    plan: {given: {platform: {web: {free: 1}, ios: {free: 1}}}}\n")),
        "scenarios/x.yaml:14:5: `plan` has no shares for platform `android`"
    );
    assert_eq!(
        errors(desk, &with("    type: {shares: {bug: 0.5, question: 0.5}}\n"))[0],
        "scenarios/x.yaml:14:5: the built-in shares of `priority` depend on `type`, whose values are others here: give `priority` too"
    );
    assert_eq!(
        error(desk, &with("    plan: {given: {team: {a: {free: 1}}}}\n    team: {given: {plan: {free: {a: 1}}}}\n")),
        "scenarios/x.yaml:14:5: the shares of `plan` depend on each other in a circle"
    );
}

#[test]
fn lengths_are_longer_than_zero() {
    assert_eq!(error("duration: 3d", "duration: 0d"), "scenarios/x.yaml:18:17: duration must be longer than zero");
    let said = error("duration: 3d", "duration: -1d");
    assert!(said.starts_with("scenarios/x.yaml:18:17: `-1d` is not a length of time"), "{said}");
    assert_eq!(error("length: 100d", "length: 0d"), "scenarios/x.yaml:6:11: length must be longer than zero");
}

#[test]
fn what_happens_ends_on_the_calendar() {
    assert_eq!(
        error("duration: 3d", "duration: {between: [3d, 12d]}"),
        "scenarios/x.yaml:18:17: with this duration it can last 2 buckets beyond the end of the calendar, 2024-04-09: start earlier, \
         or leave `duration` out to last to the end"
    );
}

#[test]
fn train_leaves_a_test_window() {
    assert_eq!(error("train: 70d", "train: 100d"), "scenarios/x.yaml:7:10: train of 100d leaves no test in a length of 100d");
}

#[test]
fn ids_of_changes_are_unique_and_references_find_them() {
    let change = "  - deployment: {id: five, at: 12, platform: android, version: 5.2.0}\n";
    assert_eq!(
        error(change, &format!("{change}  - policy: {{id: five, at: 2}}\n")),
        "scenarios/x.yaml:15:18: change id `five` is given twice"
    );
    let by = |id: &str| error("onset: {between: [5, 20]}", &format!("change: {id}"));
    assert_eq!(by("fivee"), "scenarios/x.yaml:17:15: unknown change `fivee` (known: five; did you mean `five`?)");
    let policy = GOOD.replace("onset: {between: [5, 20]}", "change: five").replace("- deployment: {id", "- policy: {id");
    let errors = Scenario::parse(&policy, FILE, "x.yaml").expect_err("of another kind");
    let said = errors[0].to_string();
    assert!(said.starts_with("scenarios/x.yaml:17:15: change `five` is a policy, `deployment` is caused by a deployment"), "{said}");
}

#[test]
fn an_effect_on_nothing_is_refused() {
    let nothing = "a multiplier of 1 changes nothing: all draws must lie on one side of it";
    let shift = GOOD.replace("shape: spike", "shape: shift");
    let said = |text: &str| Scenario::parse(text, FILE, "x.yaml").expect_err("no effect")[0].to_string();
    let around = said(&shift.replace("multiplier: {between: [2, 3]}", "multiplier: {between: [0.8, 3]}"));
    assert!(around.contains(nothing) || around.contains("this one adds none"), "{around}");
    let desk = "  weekday: [1, 1, 1, 1, 1, 0.5, 0.5]\n";
    assert_eq!(
        error("scope: {platform: android}", "scope: {platform: android, app_version: 5.2.0}"),
        "scenarios/x.yaml:20:15: no ticket has platform=android and app_version=5.2.0: a fault there changes nothing"
    );
    assert_eq!(
        error(desk, &format!("{desk}  holiday: 0.5\n")),
        "scenarios/x.yaml:13:12: `holiday` has no effect without `calendar.holidays`: name a country there"
    );
    assert_eq!(error("shape: spike", "shape: {variance: 2}"), "scenarios/x.yaml:19:14: this shape keeps the mean: drop `multiplier`");
    assert_eq!(
        error("  - decoy_deployment: {lag: {between: [0d, 2d]}}", "  - holiday: {}"),
        "scenarios/x.yaml:26:5: holidays have no effect here: give `tickets.holiday`, the factor on those days"
    );
}

#[test]
fn attributes_of_a_fault_that_adds_no_tickets_are_refused() {
    let dip = GOOD.replace("shape: spike", "shape: dip").replace("multiplier: {between: [2, 3]}", "multiplier: 0.5");
    let errors = Scenario::parse(&dip, FILE, "x.yaml").expect_err("a dip adds nothing");
    assert!(
        errors[0].to_string().contains("scenarios/x.yaml:23:9: attributes and tags describe the tickets a fault adds"),
        "{}",
        errors[0]
    );
}

#[test]
fn an_unknown_country_and_an_unknown_zone_are_named() {
    assert_eq!(
        error("  step: 1d\n", "  step: 1d\n  holidays: GBR\n"),
        "scenarios/x.yaml:9:13: no holidays for country `GBR` (known: DE, FR, GB, US; did you mean `GB`?)"
    );
    assert_eq!(
        error("  step: 1d\n", "  step: 1d\n  zone: Europe/Berln\n"),
        "scenarios/x.yaml:9:9: unknown time zone `Europe/Berln`: use an IANA name, for example `Europe/Berlin`"
    );
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let text = GOOD.replace("scope: {platform: android}", "scope: {platform: windows}").replace("duration: 3d", "duration: 0d");
    let errors = Scenario::parse(&text, FILE, "x.yaml").expect_err("two mistakes");
    let lines: Vec<u64> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [18, 20]);
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    folder
}

#[test]
fn a_folder_is_read_in_the_order_of_paths() {
    let other = GOOD.replace("id: x", "id: y");
    let folder = folder(&[("b/x.yaml", GOOD), ("a/deep/y.yml", &other), ("a/notes.txt", "no scenario")]);
    let scenarios = load_folder(folder.path()).expect("two good files");
    let seen: Vec<(&str, &str)> = scenarios.iter().map(|s| (s.file.as_str(), s.family())).collect();
    assert_eq!(seen, [("a/deep/y.yml", "a"), ("b/x.yaml", "b")]);
    let single = load_folder(&folder.path().join("b/x.yaml")).expect("a good file");
    assert_eq!((single[0].file.as_str(), single[0].family()), ("b/x.yaml", "b"));
}

#[test]
fn a_file_directly_in_the_folder_given_is_named_with_its_folder() {
    let folder = folder(&[("b/x.yaml", GOOD)]);
    let given = folder.path().join("b");
    let scenarios = load_folder(&given).expect("a good file");
    assert_eq!((scenarios[0].file.as_str(), scenarios[0].family()), ("b/x.yaml", "b"));
    for given in [folder.path(), &given, &given.join("x.yaml")] {
        assert_eq!(locate(given, "b/x.yaml"), folder.path().join("b/x.yaml"));
    }
}

#[test]
fn a_folder_without_scenarios_says_so() {
    let folder = folder(&[("notes.txt", "no scenario")]);
    assert!(matches!(load_folder(folder.path()), Err(LoadError::Empty { .. })));
    assert!(matches!(load_folder(Path::new("no/such/folder")), Err(LoadError::Io { .. })));
}

#[test]
fn every_broken_file_is_reported() {
    let folder = folder(&[("a.yaml", "format: 2\n"), ("b.yaml", &GOOD.replace("rate: 200", "rate: many")), ("c.yaml", GOOD)]);
    let said = load_folder(folder.path()).expect_err("two are broken").to_string();
    assert!(said.contains("a.yaml:1:1: missing field"), "{said}");
    assert!(said.contains("b.yaml:10:9: expected a number, got `many`"), "{said}");
    assert!(!said.contains("c.yaml"), "{said}");
}

#[test]
fn an_id_in_two_files_names_both() {
    let folder = folder(&[("a.yaml", GOOD), ("b.yaml", GOOD)]);
    let said = load_folder(folder.path()).expect_err("the same id").to_string();
    let (a, b) = (folder.path().join("a.yaml"), folder.path().join("b.yaml"));
    assert_eq!(said, format!("{}: id `x` is taken by {}: ids are unique in a run", b.display(), a.display()));
}
