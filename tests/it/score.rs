//! Scores end to end: jobs without models, intervals, scorecards and the pick.

use incident_harness::detect::page::Paging;
use incident_harness::measured::{Measured, Why};
use incident_harness::name::ConfigId;
use incident_harness::score::pick::Standing;
use incident_harness::score::sample::{FileCounts, Files, paired_drop};
use incident_harness::score::scorecard::{Basis, ModelCounts, Role};
use incident_harness::score::{Counts, EffectWindow, Judged, Metric, Scorecard, Tally};
use incident_harness::seed::Seed;
use incident_harness::stats::bootstrap::Resampling;
use incident_harness::time::Step;
use proptest::prelude::*;
use rand::RngExt;
use serde_json::Value;

const PAGING: Paging = Paging { quiet: 2, renotify: 7 };
const DAYS: usize = 120;

/// A job of 120 days, two in three with an effect that starts after the first two weeks.
fn window(job: usize) -> Vec<EffectWindow> {
    let mut rng = Seed::derive(["test", "window", &job.to_string()]).rng();
    let (first, length) = (rng.random_range(14..100_u32) as usize, rng.random_range(1..15_u32) as usize);
    if job.is_multiple_of(3) { vec![] } else { vec![EffectWindow { first, last: first + length, deadline: 3 }] }
}

fn judge(scores: &[Option<f64>], windows: &[EffectWindow], budget: f64) -> Counts {
    let judged =
        Judged { scores, native: None, budget, windows, quiet: &[], paging: PAGING, step: Step::DAY, undetectable: 0, vus_window: 3 };
    judged.counts()
}

fn event_f1(counts: &Counts) -> Option<f64> {
    Metric::named("event_f1").expect("a row of the registry").of(counts).value()
}

fn pooled(score: impl Fn(usize, usize) -> f64, threshold: f64) -> Counts {
    let job = |job: usize| {
        let scores: Vec<Option<f64>> = (0..DAYS).map(|bucket| Some(score(job, bucket))).collect();
        judge(&scores, &window(job), threshold)
    };
    (0..2000).map(job).collect::<Vec<_>>().iter().sum()
}

#[test]
fn always_flagging_earns_nothing_and_random_a_little() {
    let always = pooled(|_, _| 1.0, 0.0);
    assert_eq!(event_f1(&always), Some(0.0));
    assert!(always.tally.effects() > 1000 && always.tally.false_pages > 20_000);

    let draws: Vec<Vec<f64>> = (0..2000)
        .map(|job: usize| {
            let mut rng = Seed::derive(["test", "random", &job.to_string()]).rng();
            (0..DAYS).map(|_| rng.random()).collect()
        })
        .collect();
    let random = event_f1(&pooled(|job, bucket| draws[job][bucket], 0.98)).expect("there are effects");
    assert!(random > 0.01 && random < 0.2, "{random}");

    let silent = pooled(|_, _| 0.0, 1.0);
    assert_eq!(event_f1(&silent), Some(0.0));
    let perfect = pooled(|job, bucket| f64::from(u8::from(window(job).iter().any(|window| window.contains(bucket)))), 0.5);
    assert_eq!(event_f1(&perfect), Some(1.0));
}

proptest! {
    #[test]
    fn one_more_false_flag_never_raises_f1(
        flags in prop::collection::vec(any::<bool>(), 80),
        sparse in prop::collection::vec(0..80_usize, 0..6),
        mask in any::<bool>(),
        windows in prop::collection::vec((0..80_usize, 0..10_usize, 0..25_usize), 0..3),
        extra in 0..80_usize,
        quiet in 0..6_usize,
        renotify in 0..12_usize,
    ) {
        let windows: Vec<EffectWindow> =
            windows.iter().map(|&(first, length, deadline)| EffectWindow { first, last: first + length, deadline }).collect();
        let paging = Paging { quiet, renotify };
        prop_assume!(!windows.iter().any(|window| window.excuses(extra, paging)));
        let mut scores: Vec<Option<f64>> =
            (0..80).map(|bucket| Some(f64::from(u8::from(if mask { flags[bucket] } else { sparse.contains(&bucket) })))).collect();
        let f1 = |scores: &[Option<f64>]| {
            let judged = Judged {
                scores, native: None, budget: 0.5, windows: &windows, quiet: &[], paging, step: Step::DAY, undetectable: 0, vus_window: 0,
            };
            // One found effect elsewhere, so that the number exists and false pages show.
            let mut counts = judged.counts();
            counts.tally.detected += 1;
            event_f1(&counts)
        };
        let before = f1(&scores);
        scores[extra] = Some(1.0);
        prop_assert!(f1(&scores) <= before);
    }
}

#[test]
fn bca_intervals_agree_with_scipy() {
    let golden: Value = serde_json::from_str(include_str!("../golden/bootstrap/bca.json")).expect("JSON");
    let floats = |value: &Value| -> Vec<f64> {
        value.as_array().expect("an array").iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    for case in golden["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let samples: Vec<Vec<f64>> = case["samples"].as_array().expect("samples").iter().map(floats).collect();
        // The two columns of a ratio are one sample of pairs; the two samples of a pooled mean are strata.
        let strata: Vec<usize> = match name {
            "pooled" => samples.iter().enumerate().flat_map(|(stratum, sample)| vec![stratum; sample.len()]).collect(),
            _ => vec![0; samples[0].len()],
        };
        let weigh = |values: &[f64], weights: &[u32]| -> f64 { std::iter::zip(values, weights).map(|(v, w)| v * f64::from(*w)).sum() };
        let all: Vec<f64> = samples.concat();
        let mut statistic = |weights: &[u32]| match name {
            "ratio" => Some(weigh(&samples[0], weights) / weigh(&samples[1], weights)),
            _ => Some(weigh(&all, weights) / f64::from(weights.iter().sum::<u32>())),
        };
        let (level, lower, upper) = (case["level"].as_f64(), case["lower"].as_f64(), case["upper"].as_f64());
        let (level, lower, upper) = (level.expect("level"), lower.expect("lower"), upper.expect("upper"));

        let mut ours = Resampling::stratified(&strata, 4000, Seed::derive(["test", name])).distribution(&mut statistic);
        let drawn = ours.bca(level).expect("defined everywhere");
        // The ends of two bootstraps differ by their draws: within a tenth of the width.
        let slack = 0.1 * (upper - lower);
        assert!((drawn.lower - lower).abs() < slack && (drawn.upper - upper).abs() < slack, "{name}: {drawn:?} {lower} {upper}");

        ours.replicates = floats(&case["replicates"]).into_iter().map(Some).collect();
        let same_draws = ours.bca(level).expect("defined everywhere");
        assert!((same_draws.lower - lower).abs() < 1e-9, "{name}: {} {lower}", same_draws.lower);
        assert!((same_draws.upper - upper).abs() < 1e-9, "{name}: {} {upper}", same_draws.upper);
    }
}

/// Files whose two effects are found with a chance, with a false page now and then.
fn random_files(n: usize, chance: f64, name: &str) -> Files {
    let mut rng = Seed::derive(["test", "files", name]).rng();
    let mut file = |faulted: bool| {
        let detected = if faulted { u64::from(rng.random::<f64>() < chance) + u64::from(rng.random::<f64>() < chance) } else { 0 };
        let missed = if faulted { 2 - detected } else { 0 };
        let false_pages = u64::from(rng.random::<f64>() < 0.3);
        let tally = Tally { jobs: 2, detected, missed, false_pages, observed_seconds: 184 * 86_400, ..Tally::default() };
        let delays_h = (0..detected).map(|_| f64::from(rng.random_range(1..4_u32)) * 24.0).collect::<Vec<_>>();
        let mut counts = Counts { tally, ..Counts::default() };
        counts += &Counts { delays_h, ..Counts::default() };
        FileCounts { faulted, counts }
    };
    (0..n).map(|i| (format!("file-{i:03}"), file(i % 3 != 0))).collect()
}

fn model(name: &str, role: Role, files: Files) -> ModelCounts {
    ModelCounts { config: ConfigId { name: name.to_owned(), digest: "000000000000".to_owned() }, agent: None, trigger: None, role, files }
}

fn card(models: Vec<ModelCounts>) -> Scorecard {
    Scorecard::from_counts(Basis::default(), models)
}

#[test]
fn intervals_cover_the_truth_about_as_often_as_they_say() {
    // The F1 of the population: two thirds of files, two effects each at .7; .3 false pages per file.
    let (tp, fp, missed) = (2.0 / 3.0 * 2.0 * 0.7, 0.3, 2.0 / 3.0 * 2.0 * 0.3);
    let truth = 2.0 * tp / (2.0 * tp + fp + missed);
    let covered = (0..300)
        .filter(|run| {
            let card = card(vec![model("m", Role::Model, random_files(30, 0.7, &format!("coverage-{run}")))]);
            let cell = &card.models[0].metrics["event_f1"];
            assert!(cell.flagged);
            cell.interval.expect("30 files").contains(truth)
        })
        .count();
    assert!((270..=296).contains(&covered), "{covered} of 300");
}

#[test]
fn few_files_have_a_value_and_no_interval() {
    let card = card(vec![model("m", Role::Model, random_files(19, 0.7, "few"))]);
    let cell = &card.models[0].metrics["event_f1"];
    assert!(cell.value.value().is_some());
    assert_eq!((cell.interval, cell.flagged, cell.files), (None, false, 19));
    // Recall rests on the 12 files with effects alone.
    assert_eq!(card.models[0].metrics["event_recall"].files, 12);
}

#[test]
fn permuted_jobs_and_files_give_the_same_bytes() {
    let jobs: Vec<Counts> = (0..60)
        .map(|job| {
            let scores: Vec<Option<f64>> = (0..DAYS).map(|bucket| Some(((bucket * 7919 + job * 104_729) % 97) as f64)).collect();
            judge(&scores, &window(job), 95.0)
        })
        .collect();
    let scorecard = |order: &[usize]| {
        let mut files = Files::new();
        for &job in order {
            let file = files.entry(format!("file-{}", job % 20)).or_insert_with(|| FileCounts { faulted: true, ..Default::default() });
            file.counts += &jobs[job];
        }
        card(vec![model("b", Role::Model, files.clone()), model("a", Role::Floor, files)]).to_json()
    };
    let forward: Vec<usize> = (0..60).collect();
    let mut backward = forward.clone();
    backward.reverse();
    assert_eq!(scorecard(&forward), scorecard(&backward));
    let read = Scorecard::from_json(&scorecard(&forward)).expect("its own format");
    assert_eq!(read.to_json(), scorecard(&forward));
}

#[test]
fn a_failed_job_is_not_a_zero() {
    let whole = random_files(30, 0.7, "failed");
    let mut holed = whole.clone();
    for id in ["file-001", "file-002"] {
        let effects = holed[id].counts.tally.effects() as usize;
        holed.insert(id.to_owned(), FileCounts { faulted: true, counts: Counts::failed(effects) });
    }
    let mut without = whole.clone();
    without.retain(|id, _| id != "file-001" && id != "file-002");

    let card = card(vec![
        model("holed", Role::Model, holed),
        model("gone", Role::Model, [("x".to_owned(), FileCounts { faulted: true, counts: Counts::failed(2) })].into()),
        model("without", Role::Model, without),
    ]);
    let row = |name: &str| card.models.iter().find(|row| row.config.name == name).expect("a row");
    assert_eq!(row("holed").metrics, row("without").metrics);
    assert_eq!(row("gone").metric("event_f1"), Measured::Missing(Why::Failed));
    let bracket = row("holed").bracket.expect("two jobs failed");
    let value = row("holed").metric("event_f1").value().expect("28 files");
    assert!(bracket.lower < value && value < bracket.upper, "{bracket:?} {value}");
    assert_eq!(row("without").bracket, None);
}

#[test]
fn the_pick_names_what_cannot_be_told_apart_and_what_is_worse() {
    let good = random_files(60, 0.8, "pick");
    // The near model misses one effect that the good one finds; the poor one misses half of them; the floor nearly all.
    let worsened = |every: usize| -> Files {
        let worsen = |(i, (id, file)): (usize, (&String, &FileCounts))| {
            let mut file = file.clone();
            if i % every == 1 && file.counts.tally.detected > 0 {
                file.counts.tally.detected -= 1;
                file.counts.tally.missed += 1;
            }
            (id.clone(), file)
        };
        good.iter().enumerate().map(worsen).collect()
    };
    let floor = random_files(60, 0.05, "floor");
    let models = vec![
        model("prophet", Role::Model, worsened(60)),
        model("arima", Role::Model, worsened(3)),
        model("lgbm", Role::Model, good.clone()),
        model("ets", Role::Model, random_files(60, 0.04, "trivial")),
        model("random", Role::Floor, floor),
        model("oracle", Role::Oracle, random_files(60, 1.0, "oracle")),
        model("broken", Role::Model, Files::new()),
    ];
    let pick = card(models).pick().expect("there are models");
    assert_eq!(pick.best.name, "lgbm");
    assert_eq!(pick.others.iter().map(|other| other.config.name.as_str()).collect::<Vec<_>>(), ["prophet", "arima", "ets", "broken"]);
    assert!(matches!(pick.others[0].standing, Standing::NotDistinguishable(_)));
    assert!(matches!(pick.others[1].standing, Standing::Worse(_)));
    assert_eq!(pick.not_better_than_trivial.iter().map(|config| config.name.as_str()).collect::<Vec<_>>(), ["ets"]);
    insta::assert_snapshot!(pick, @"pick: lgbm; prophet not distinguishable; arima worse by .15 [.10, .22]; ets worse by .68 [.56, .77]; broken without a score; not better than trivial (random): ets");
}

#[test]
fn a_pick_among_few_files_states_no_interval() {
    let models =
        vec![model("lgbm", Role::Model, random_files(12, 0.9, "few-a")), model("arima", Role::Model, random_files(12, 0.3, "few-b"))];
    insta::assert_snapshot!(card(models).pick().expect("there are models"), @"pick: lgbm; arima behind by .23; 12 files: no intervals below 20");
}

#[test]
fn identical_models_differ_by_nothing() {
    let files = random_files(40, 0.5, "same");
    for metric in incident_harness::score::METRICS {
        let drop = paired_drop(&files, &files, metric);
        assert_eq!(drop.value.unwrap_or(0.0), 0.0, "{}", metric.name);
        if let Some(interval) = drop.interval {
            assert_eq!((interval.lower, interval.upper), (0.0, 0.0), "{}", metric.name);
        }
    }
}

#[test]
fn the_oracle_scores_one_on_every_file_with_an_effect_and_never_pages_falsely() {
    use incident_harness::score::judge::{Side, oracle_files};
    use incident_harness::seed::SeedRole;

    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let scenarios = incident_harness::scenario::load_folder(&library).expect("the library is sound");
    let detection = incident_harness::suite::Detection::default();
    for role in [SeedRole::Dev, SeedRole::Gate, SeedRole::Eval] {
        for replicate in 0..5 {
            let side = |scenario| {
                let incident = incident_harness::synth::generate(scenario, role, replicate).expect("ordinary size");
                Side { observed: incident.observed, truth: incident.truth }
            };
            let files = oracle_files(&detection, &scenarios.iter().map(side).collect::<Vec<_>>());
            let watching = scenarios.iter().filter(|scenario| !scenario.case.watch.is_empty()).count();
            assert_eq!(files.len(), watching);
            for (file, FileCounts { faulted, counts }) in &files {
                let case = format!("{file}, {role} {replicate}");
                assert_eq!(counts.tally.false_pages, 0, "{case}");
                assert_eq!(counts.tally.effects() > 0, *faulted, "{case}");
                if *faulted {
                    assert_eq!(event_f1(counts), Some(1.0), "{case}");
                    // What it loses is on the ramps that VUS puts around a window of which the truth knows the ends.
                    let vus = Metric::named("vus_pr").expect("a row").of(counts).value().expect("there are effects");
                    assert!(vus > 0.9, "{case}: {vus}");
                }
            }
        }
    }
}
