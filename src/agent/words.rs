//! Words that some texts use more than others do.
//!
//! Log-odds ratio with an informative Dirichlet prior: Monroe, Colaresi and Quinn, "Fightin' Words: Lexical Feature Selection and
//! Evaluation for Identifying the Content of Political Conflict", Political Analysis 16 (2008), section 3.5.1, equations 16, 20 and 22. A
//! word counts once per text, so that a text that repeats itself does not weigh more; the prior is the word's share of both sets.

use std::collections::{BTreeMap, BTreeSet};

/// Weight of the prior, in texts.
const PRIOR: f64 = 50.0;

/// Words too common in English or German to say what a text is about, in alphabetical order.
const STOP_WORDS: &[&str] = &[
    "a", "aber", "about", "after", "all", "alle", "alles", "also", "always", "am", "an", "and", "any", "are", "as", "at", "auch", "auf",
    "aus", "be", "because", "been", "bei", "beim", "best", "bin", "bis", "bitte", "but", "by", "can", "cannot", "could", "da", "danke",
    "dann", "das", "dass", "dear", "dem", "den", "der", "des", "die", "diese", "dieser", "do", "doch", "does", "durch", "ein", "eine",
    "einem", "einen", "einer", "er", "es", "for", "from", "für", "ganz", "get", "good", "gruß", "grüße", "grüßen", "guten", "habe",
    "haben", "hallo", "hat", "have", "he", "hello", "her", "here", "hi", "him", "his", "how", "i", "ich", "if", "ihr", "ihre", "ihrem",
    "ihren", "im", "immer", "in", "ins", "into", "is", "ist", "it", "its", "jetzt", "just", "kann", "keine", "kind", "können", "könnten",
    "man", "mein", "meine", "meinem", "meinen", "meiner", "mich", "mir", "mit", "more", "my", "nach", "nicht", "no", "noch", "not", "now",
    "nur", "oder", "of", "on", "one", "only", "or", "our", "out", "please", "regards", "schon", "sehr", "sein", "seit", "she", "sich",
    "sie", "since", "sind", "so", "some", "such", "support", "tag", "team", "than", "thank", "thanks", "that", "the", "their", "then",
    "there", "they", "this", "to", "too", "um", "und", "uns", "unser", "unsere", "unserem", "us", "very", "vielen", "vom", "von", "vor",
    "war", "was", "we", "wenn", "werden", "what", "when", "where", "which", "while", "who", "wie", "will", "wir", "wird", "with", "would",
    "wurde", "you", "your", "zu", "zum", "zur",
];

/// A word and how unevenly it is used.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The word, in lower case.
    pub word: String,
    /// Log-odds in sds: above 2 is more than chance for a word chosen beforehand.
    pub z: f64,
    /// Texts of the set that use it.
    pub here: usize,
    /// Texts of the other set that use it.
    pub there: usize,
}

/// Words and error codes of a text in lower case: runs of letters, digits and inner `'`, `-`, `_` and `.`.
pub fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    let inner = |c: char| matches!(c, '\'' | '’' | '-' | '_' | '.');
    text.split(move |c: char| !(c.is_alphanumeric() || inner(c)))
        .map(move |word| word.trim_matches(inner))
        .filter(|word| !word.is_empty())
        .map(|word| word.to_lowercase().replace('’', "'"))
}

/// The words that most set `texts` apart from `against`: those used by at least `least` texts and with z above 2, the most telling first,
/// equally telling ones in alphabetical order. Stop words, numbers and single letters are left out.
pub fn over_represented<'a, 'b>(
    texts: impl IntoIterator<Item = &'a str>,
    against: impl IntoIterator<Item = &'b str>,
    least: usize,
) -> Vec<Word> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut totals = (0.0, 0.0);
    for text in texts {
        for word in distinct(text) {
            counts.entry(word).or_default().0 += 1;
            totals.0 += 1.0;
        }
    }
    for text in against {
        for word in distinct(text) {
            counts.entry(word).or_default().1 += 1;
            totals.1 += 1.0;
        }
    }
    let told = counts.into_iter().filter(|(_, (here, _))| *here >= least.max(1));
    let mut words: Vec<Word> = told.map(|(word, (here, there))| Word { z: z(here, there, totals), word, here, there }).collect();
    words.retain(|word| word.z > 2.0);
    words.sort_by(|a, b| b.z.total_cmp(&a.z).then_with(|| a.word.cmp(&b.word)));
    words
}

fn distinct(text: &str) -> BTreeSet<String> {
    let speaks = |word: &String| word.chars().nth(1).is_some() && word.chars().any(char::is_alphabetic);
    tokens(text).filter(|word| speaks(word) && STOP_WORDS.binary_search(&word.as_str()).is_err()).collect()
}

/// Difference of log-odds over its sd.
fn z(here: usize, there: usize, (all_here, all_there): (f64, f64)) -> f64 {
    let (here, there) = (here as f64, there as f64);
    let prior = PRIOR * (here + there) / (all_here + all_there);
    let log_odds = |count: f64, all: f64| libm::log((count + prior) / (all + PRIOR - count - prior));
    let variance = 1.0 / (here + prior) + 1.0 / (there + prior);
    (log_odds(here, all_here) - log_odds(there, all_there)) / variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: &[&str] = &["Hello, my invoice is wrong", "the app is slow", "how do I export?", "where is my order", "my invoice again"];

    fn many<'a>(texts: &[&'a str], times: usize) -> Vec<&'a str> {
        texts.iter().copied().cycle().take(texts.len() * times).collect()
    }

    #[test]
    fn stop_words_can_be_looked_up() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn words_of_the_fault_stand_first() {
        let caused = many(&["the app crashed with E-4312", "crash: E-4312 in checkout", "my invoice is wrong"], 10);
        let words = over_represented(caused, many(NORMAL, 10), 3);
        assert_eq!(words[0].word, "e-4312");
        assert_eq!((words[0].here, words[0].there), (20, 0));
        assert!(words.iter().all(|word| !["invoice", "the", "slow"].contains(&word.word.as_str())), "{words:?}");
    }

    #[test]
    fn equal_sets_have_no_words_of_their_own() {
        assert_eq!(over_represented(many(NORMAL, 10), many(NORMAL, 20), 1), []);
        assert_eq!(over_represented([], many(NORMAL, 1), 1), []);
    }

    #[test]
    fn a_text_that_repeats_a_word_counts_once() {
        let repeated = "crash ".repeat(100);
        let words = over_represented([repeated.as_str()], many(NORMAL, 4), 1);
        assert!(words.iter().all(|word| word.here == 1));
    }

    #[test]
    fn equally_telling_words_stand_in_alphabetical_order() {
        let words = over_represented(many(&["zebra apple mango"], 20), many(NORMAL, 20), 1);
        assert_eq!(words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>(), ["apple", "mango", "zebra"]);
    }

    #[test]
    fn z_agrees_with_the_formula_by_hand() {
        // 9 of 100 against 1 of 100: prior 2.5, odds 11.5/138.5 against 3.5/146.5.
        let expected = ((11.5_f64 / 138.5).ln() - (3.5_f64 / 146.5).ln()) / (1.0 / 11.5_f64 + 1.0 / 3.5).sqrt();
        assert!((z(9, 1, (100.0, 100.0)) - expected).abs() < 1e-12);
    }

    #[test]
    fn codes_and_versions_are_words() {
        let found: Vec<String> = tokens("Can’t log in (error E-4312, version 5.2.0)... Größe!").collect();
        assert_eq!(found, ["can't", "log", "in", "error", "e-4312", "version", "5.2.0", "größe"]);
    }
}
