//! VUS and AUC against published packages and the published table of a deterministic detector.

use std::f64::consts::TAU;

use incident_harness::score::vus::{area, volume};
use serde_json::Value;

use super::support::data;

fn is_close(got: f64, expected: f64, within: f64, what: &str) {
    assert!((got - expected).abs() < within, "{what}: got {got}, expected {expected}");
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("an array").iter().map(|number| number.as_f64().expect("a number")).collect()
}

#[test]
fn volumes_and_areas_agree_with_the_python_packages_on_small_cases() {
    let Some(path) = data("metric_fixtures.json") else { return };
    let fixtures: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON");
    let mut compared = 0;
    for case in fixtures["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let labels: Vec<bool> = floats(&case["labels"]).iter().map(|label| *label == 1.0).collect();
        let scores = floats(&case["score"]);
        let Some(areas) = area(&labels, &scores) else {
            assert!(volume(&labels, &scores, 4).is_none(), "{name}");
            continue;
        };
        is_close(areas.pr, case["expected"]["auc_pr_average_precision"].as_f64().expect("a number"), 1e-12, name);
        for (window, expected) in case["expected"]["vus"].as_object().expect("windows") {
            // Where every row is positive the package fails.
            let (Some(pr), Some(roc)) = (expected["vus_pr"].as_f64(), expected["vus_roc"].as_f64()) else { continue };
            let got = volume(&labels, &scores, window.parse().expect("a number")).expect("has positives");
            is_close(got.pr, pr, 1e-12, name);
            is_close(got.roc, roc, 1e-12, name);
            compared += 1;
        }
    }
    assert_eq!(compared, 33);
}

/// A NAB series as TSB-AD has it: without its first row; positives are the rows after the first of each window, to its last.
fn series(path: &str) -> Option<(Vec<bool>, Vec<f64>)> {
    let csv = std::fs::read_to_string(data(&format!("nab/data/{path}"))?).expect("readable");
    let labels = std::fs::read_to_string(data("nab/labels/combined_windows.json")?).expect("readable");
    let labels: Value = serde_json::from_str(&labels).expect("JSON");
    let rows: Vec<(&str, f64)> = csv
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').expect("two columns"))
        .map(|(stamp, value)| (stamp, value.trim().parse().expect("a number")))
        .collect();
    let row_of = |stamp: &Value| {
        let stamp = stamp.as_str().expect("a stamp").trim_end_matches(".000000");
        rows.iter().position(|row| row.0 == stamp).expect("labels name rows")
    };
    let windows: Vec<(usize, usize)> =
        labels[path].as_array().expect("windows").iter().map(|window| (row_of(&window[0]), row_of(&window[1]))).collect();
    let is_positive = |row: usize| windows.iter().any(|&(left, right)| left < row && row <= right);
    Some(((1..rows.len()).map(is_positive).collect(), rows[1..].iter().map(|row| row.1).collect()))
}

fn scaled(values: &[f64]) -> Vec<f64> {
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), &value| (low.min(value), high.max(value)));
    values.iter().map(|value| (value - low) / (high - low)).collect()
}

/// Sum over k of input[k] · exp(sign · 2πi · jk / n), for every j. Quadratic, and exact enough for ranks.
fn transform(input: &[(f64, f64)], sign: f64) -> Vec<(f64, f64)> {
    let n = input.len();
    let turns: Vec<(f64, f64)> = (0..n).map(|k| (TAU * k as f64 / n as f64).sin_cos()).map(|(sin, cos)| (cos, sign * sin)).collect();
    let at = |j: usize| {
        let (mut re, mut im, mut turn) = (0.0, 0.0, 0);
        for &(a, b) in input {
            let (cos, sin) = turns[turn];
            re += a * cos - b * sin;
            im += a * sin + b * cos;
            turn += j;
            if turn >= n {
                turn -= n;
            }
        }
        (re, im)
    };
    (0..n).map(at).collect()
}

/// The spectral residual detector as TSB-AD has it, its padding with ends of the *series* included.
fn spectral_residual(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mean = values.iter().sum::<f64>() / n as f64;
    let sd = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
    let series = scaled(&values.iter().map(|value| (value - mean) / sd).collect::<Vec<_>>());
    let spectrum = transform(&series.iter().map(|&value| (value, 0.0)).collect::<Vec<_>>(), -1.0);
    let log_amplitude: Vec<f64> = spectrum.iter().map(|(re, im)| re.hypot(*im).ln()).collect();

    let half = (n - 1).div_ceil(2);
    let mut padded = vec![series[0]; 49];
    padded.extend_from_slice(&log_amplitude[1..=half]);
    padded.extend(vec![series[n - 1]; 50]);
    let averages: Vec<f64> = padded.windows(100).map(|window| window.iter().sum::<f64>() / 100.0).collect();
    let mirrored = averages[..half - (n - 1) % 2].iter().rev();
    let averages: Vec<f64> = averages.iter().chain(mirrored).copied().collect();
    let residual = |k: usize| if k == 0 { 0.0 } else { log_amplitude[k] - averages[k - 1] };

    let rebuilt: Vec<(f64, f64)> = (0..n)
        .map(|k| {
            let phase = spectrum[k].1.atan2(spectrum[k].0);
            (residual(k).exp() * phase.cos(), residual(k).exp() * phase.sin())
        })
        .collect();
    transform(&rebuilt, 1.0).iter().map(|(re, im)| re.hypot(*im) / n as f64).collect()
}

/// File, rows, window, VUS-PR and VUS-ROC of the spectral residual, and VUS-PR of a ramp. Published by TSB-AD (`uni_mergedTable_VUS-PR.csv`);
/// VUS-ROC and the ramp were computed with its code.
const PUBLISHED: &[(&str, usize, usize, f64, f64, f64)] = &[
    ("realKnownCause/ec2_request_latency_system_failure.csv", 4031, 6, 0.134_766_416_3, 0.522_197_183_2, 0.226_0),
    ("realTraffic/occupancy_6005.csv", 2379, 22, 0.103_600_131_1, 0.513_567_649_2, 0.192_2),
    ("realKnownCause/nyc_taxi.csv", 10319, 125, 0.130_986_830_7, 0.584_993_244_9, 0.293_6),
    ("realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv", 4031, 8, 0.120_207_414_8, 0.499_733_696_4, 0.100_0),
    ("realTraffic/speed_6005.csv", 2499, 8, 0.108_454_821_5, 0.498_109_937_0, 0.999_8),
];

#[test]
fn the_spectral_residual_has_its_published_volumes_on_nab() {
    for &(path, rows, window, pr, roc, _) in PUBLISHED {
        let Some((labels, values)) = series(path) else { return };
        assert_eq!(values.len(), rows, "{path}");
        let got = volume(&labels, &spectral_residual(&values), window).expect("has positives");
        is_close(got.pr, pr, 6e-11, path);
        is_close(got.roc, roc, 6e-11, path);
    }
}

#[test]
fn a_ramp_has_its_published_volumes_on_nab() {
    for &(path, rows, window, _, _, expected) in PUBLISHED {
        let Some((labels, _)) = series(path) else { return };
        let ramp: Vec<f64> = (0..rows).map(|row| row as f64 / (rows - 1) as f64).collect();
        is_close(volume(&labels, &ramp, window).expect("has positives").pr, expected, 6e-5, path);
    }
}

#[test]
fn simple_scores_of_nab_001_have_their_published_areas() {
    let Some((labels, values)) = series(PUBLISHED[0].0) else { return };
    let steps: Vec<f64> = std::iter::once(0.0).chain(values.windows(2).map(|pair| (pair[1] - pair[0]).abs())).collect();
    let ramp: Vec<f64> = (0..values.len()).map(|row| row as f64 / (values.len() - 1) as f64).collect();
    let perfect: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    for (name, scores, auc_pr, auc_roc, vus_pr, vus_roc) in [
        ("abs-diff", scaled(&steps), 0.144_464, 0.514_315, 0.136_470, 0.519_166),
        ("ramp", ramp, 0.360_244, 0.770_343, 0.226_025, 0.688_088),
        ("perfect", perfect, 1.0, 1.0, 1.0, 1.0),
    ] {
        let (areas, volumes) = (area(&labels, &scores).expect("has positives"), volume(&labels, &scores, 6).expect("has positives"));
        is_close(areas.pr, auc_pr, 6e-7, name);
        is_close(areas.roc, auc_roc, 6e-7, name);
        is_close(volumes.pr, vus_pr, 6e-7, name);
        is_close(volumes.roc, vus_roc, 6e-7, name);
    }
}
