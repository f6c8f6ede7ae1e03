//! The gate from the outside: bless a run, worsen a model on purpose, see it go red.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::run::{code, output, stderr, stdout};

/// A suite over the whole library, one seed, one model under the label `arima`.
fn suite(folder: &Path, model: &str) {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let text = format!(
        "format: 1\nid: small\nscenarios: [{}]\nseeds: {{role: gate, count: 1}}\nmodels:\n  - {model}\ngate:\n  \
         - {{metric: event_f1, where: {{model: arima}}, min: 0.2, max_drop: 0.05}}\n",
        library.display()
    );
    fs::write(folder.join("suite.yaml"), text).expect("a suite");
}

/// Runs the suite with this model and gates it; returns exit code and verdicts.
fn run_and_gate(folder: &Path, model: &str) -> (i32, String) {
    suite(folder, model);
    let ran = output(folder, &["run", "suite.yaml"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let gated = output(folder, &["gate", "results/latest", "--baseline", "baseline.json"]);
    (code(&gated), stdout(&gated) + &stderr(&gated))
}

fn blessed() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    suite(folder.path(), "arima");
    let ran = output(folder.path(), &["run", "suite.yaml"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let bless = output(folder.path(), &["bless", "results/latest", "--baseline", "baseline.json"]);
    assert_eq!(code(&bless), 0, "{}", stderr(&bless));
    folder
}

#[test]
fn the_gate_is_green_on_the_same_model_and_red_on_a_worse_or_renamed_one() {
    let folder = blessed();
    let (code, text) = run_and_gate(folder.path(), "arima");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 passed"), "{text}");

    // Differenced twice and nothing else: it follows every bump and knows no weekday.
    let (code, text) = run_and_gate(folder.path(), "arima: {order: [0, 2, 0], seasonal: [0, 0, 0]}");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("regressed"), "{text}");
    assert!(text.contains(".yaml"), "the files that moved are named: {text}");

    let (code, text) = run_and_gate(folder.path(), "arima: {as: arima-renamed}");
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("rule matched nothing"), "{text}");
}

#[test]
fn a_run_without_rules_cannot_be_gated() {
    let folder = crate::run::small_library(&["quiet/small-poisson.yaml"]);
    let ran = output(folder.path(), &["run", "scenarios", "--models", "arima", "--seeds", "1"]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let gated = output(folder.path(), &["gate", "results/latest"]);
    assert_eq!(code(&gated), 2);
    assert!(stderr(&gated).contains("no gate rules"), "{}", stderr(&gated));
}
