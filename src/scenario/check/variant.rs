//! Checks of `injected:` against the case of the base.

use super::Checker;
use crate::scenario::case::Case;
use crate::scenario::dimension::Filter;
use crate::scenario::spec::{InjectedSpec, VariantSpec, When};
use crate::scenario::variant::{DECOY, Injected};
use crate::yaml::{Spanned, YamlError};

/// What a variant puts into the tickets of its base.
pub(in crate::scenario) fn injected(spec: &VariantSpec, case: &Case, text: &str, file: &str) -> Result<Vec<Injected>, Vec<YamlError>> {
    let mut checker = Checker { text, file, errors: Vec::new() };
    if spec.format.value != 1 {
        checker.report(spec.format.referenced, format!("format {} is not known: this version reads format 1", spec.format.value));
    }
    if spec.injected.value.is_empty() {
        checker.report(spec.injected.referenced, "`injected` is empty: a variant puts at least one text into tickets");
    }
    let found = spec.injected.value.iter().filter_map(|item| checker.injection(item, case)).collect();
    if checker.errors.is_empty() { Ok(found) } else { Err(checker.errors) }
}

impl Checker<'_> {
    fn injection(&mut self, item: &Spanned<InjectedSpec>, case: &Case) -> Option<Injected> {
        let written = &item.value;
        let body = self.words(&written.text.body, case);
        let subject = written.text.subject.as_ref().map(|subject| self.words(subject, case));
        let share = self.share(&written.share);
        if share == Some(0.0) {
            self.report(written.share.referenced, "a share of 0 puts the text into no ticket");
        }
        if written.when == When::Incident && case.faults.is_empty() {
            self.report(item.referenced, "the base has no fault, so that no ticket comes while one acts: say `when: always`");
        }
        let scope = written.scope.as_ref().map_or(Some(Filter::new()), |scope| self.filter(scope, &case.dimensions));
        Some(Injected { subject, body, place: written.place, share: share?, when: written.when, scope: scope? })
    }

    fn words(&mut self, words: &Spanned<String>, case: &Case) -> String {
        let trimmed = words.value.trim();
        if trimmed.is_empty() {
            self.report(words.referenced, "a text needs words");
        }
        if trimmed.contains(DECOY) && case.benign.iter().all(|event| event.kind != "decoy_deployment") {
            self.report(words.referenced, format!("`{DECOY}` stands for a decoy deployment, and the base has none"));
        }
        trimmed.to_owned()
    }
}
