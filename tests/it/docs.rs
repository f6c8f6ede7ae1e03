//! What help and documents name exists.

use std::path::Path;

use crate::run::{output, stdout};

const VERBS: &[&str] = &["run", "list", "generate", "detect", "score", "report", "gate", "bless"];

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
