//! Checks of `questions:`, and which of them tell what is to be found.

use super::Checker;
use crate::scenario::Question;
use crate::scenario::case::{Case, Fault};
use crate::scenario::spec::Spec;

impl Checker<'_> {
    pub(super) fn questions(&mut self, spec: &Spec, case: &Case) -> Vec<Question> {
        let mut questions: Vec<Question> = Vec::new();
        for written in &spec.questions {
            let id = &written.id;
            if id.value.is_empty() || questions.iter().any(|known| known.id == id.value) {
                self.report(id.referenced, format!("question id `{}` is empty or given twice", id.value));
            }
            if written.text.value.trim().is_empty() {
                self.report(written.text.referenced, "a question needs words");
            }
            let text = written.text.value.trim().to_owned();
            let leading = written.leading.unwrap_or_else(|| telling(case).iter().any(|word| names(&text, word)));
            questions.push(Question { id: id.value.clone(), kind: written.kind, text, leading });
        }
        questions
    }
}

/// Words of the truth: values of the scopes of faults, versions and titles of the changes that cause them.
fn telling(case: &Case) -> Vec<&str> {
    let mut words: Vec<&str> = Vec::new();
    for fault in &case.faults {
        let values = |(dim, codes): &(usize, Vec<u16>)| {
            codes.iter().map(|code| case.dimensions[*dim].values[usize::from(*code)].as_str()).collect::<Vec<_>>()
        };
        words.extend(fault.scopes.iter().flatten().flat_map(values));
        words.extend(fault.version.as_deref());
        words.extend(caused_by(case, fault));
    }
    words
}

fn caused_by<'a>(case: &'a Case, fault: &Fault) -> Vec<&'a str> {
    let crate::scenario::case::Start::Change(index) = &fault.start else { return Vec::new() };
    let label = &case.changes[*index].label;
    label.title.as_deref().into_iter().chain(label.version.as_deref()).collect()
}

/// Whether a text holds a value as whole words. `_` reads as a space; only values in capitals, such as countries, must match in case.
fn names(text: &str, value: &str) -> bool {
    let capitals = value.chars().any(char::is_alphabetic) && !value.chars().any(char::is_lowercase);
    let plain = |text: &str| if capitals { text.to_owned() } else { text.to_lowercase().replace('_', " ") };
    let (text, value) = (plain(text), plain(value));
    let inside = |c: char| c.is_alphanumeric();
    text.match_indices(&value).any(|(at, _)| !text[..at].ends_with(inside) && !text[at + value.len()..].starts_with(inside))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_value_counts_as_a_whole_word_and_a_country_only_in_capitals() {
        assert!(names("Why did Android lose sessions?", "android"));
        assert!(names("Is the web shop down?", "web_shop"));
        assert!(!names("Are androids to blame?", "android"));
        assert!(!names("What happened in January?", "IN"));
        assert!(names("What happened in IN?", "IN"));
    }
}
