//! What help and documents name exists.

use std::path::Path;

use incident_harness::scenario::Scenario;
use incident_harness::scenario::variant::{Unbased, is_variant};
use incident_harness::suite::{Matrix, Suite};

use crate::run::{output, stdout};

const VERBS: &[&str] = &[
    "run",
    "list",
    "generate",
    "check",
    "detect",
    "investigate",
    "explain",
    "score",
    "report",
    "trace",
    "stale",
    "gate",
    "bless",
    #[cfg(feature = "llm")]
    "mock-llm",
];

#[test]
fn every_scenario_and_suite_that_help_and_documents_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts: Vec<(String, String)> =
        VERBS.iter().map(|verb| ((*verb).to_owned(), stdout(&output(root, &[verb, "--help"])))).collect();
    texts.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"].map(|name| {
        let text = std::fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name.to_owned(), text)
    }));
    let mut named = 0;
    for (place, text) in &texts {
        for word in text.split(|c: char| c.is_whitespace() || "`()[]\"',;".contains(c)) {
            let word = word.trim_end_matches(['.', ':']);
            if ["scenarios/", "evals/", "results/reference/", "src/", "tests/"].iter().any(|room| word.starts_with(room))
                && !word.contains('<')
            {
                assert!(root.join(word).exists(), "{place} names {word}, which does not exist");
                named += 1;
            }
        }
    }
    assert!(named > 20, "there is something to check: {named}");
}

#[test]
fn readme_names_every_verb() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md");
    let commands = readme.split_once("## Commands").expect("a section").1;
    for verb in VERBS {
        assert!(commands.contains(&format!("`{verb}`")), "README has no `{verb}`");
    }
}

#[test]
fn the_scenario_its_variant_and_the_suite_that_readme_shows_are_read() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md");
    let blocks = readme.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    // Parts of a file have no format.
    let blocks: Vec<&str> = blocks.filter(|block| block.contains("format: 1")).collect();
    let (suites, scenarios): (Vec<&str>, Vec<&str>) = blocks.into_iter().partition(|block| block.contains("\nmodels:"));
    let (variants, scenarios): (Vec<&str>, Vec<&str>) = scenarios.into_iter().partition(|block| is_variant(block));
    assert_eq!((suites.len(), scenarios.len(), variants.len()), (1, 1, 1));
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("suite.yaml");
    std::fs::write(&file, suites[0]).expect("a file");
    let suite = Suite::load(&file).expect("README's suite is one");
    assert_eq!(suite.models.iter().map(|model| model.label.as_str()).collect::<Vec<_>>(), ["arima", "lgbm", "lgbm-small"]);
    Matrix::plan(&suite.models, &suite.detection, &[]).expect("its models and settings exist");
    let base = Scenario::parse(scenarios[0], "README.md", "README.md").expect("README's scenario is one");
    let variant = Unbased::parse(variants[0], "README.md").expect("README's variant is one");
    assert!(variant.base().ends_with(&format!("{}.yaml", base.id.as_str().replace("segment-outage.", "segment_outage/"))));
    variant.of(base, "README.md").expect("it is one of the scenario above it");
}
