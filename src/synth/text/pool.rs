//! A pool of sentences: a text file of sections, read once per table.
//!
//! `[section]` opens a section, `= ` starts a subject line of a topic, every other line is a sentence with `{slots}`. Two pools that
//! share no sentence exist per language: what is tuned on `dev` must not know the wording of `eval`.

use std::collections::BTreeMap;

use super::topic::Topic;
use crate::seed::SeedRole;

/// The languages there are sentences in; a ticket in any other language is written in English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
}

/// The text of a pool: the gate uses dev's, so that its baseline outlives a change of the eval pool.
const fn source(role: SeedRole, language: Language) -> &'static str {
    match (role, language) {
        (SeedRole::Dev | SeedRole::Gate, Language::English) => include_str!("dev_en.txt"),
        (SeedRole::Dev | SeedRole::Gate, Language::German) => include_str!("dev_de.txt"),
        (SeedRole::Eval, Language::English) => include_str!("eval_en.txt"),
        (SeedRole::Eval, Language::German) => include_str!("eval_de.txt"),
    }
}

/// What a sentence leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Where in the product.
    In,
    /// On which platform.
    On,
    Version,
    Order,
    Code,
    Amount,
    Name,
    Since,
    /// A small number.
    Number,
}

impl Slot {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "in" => Self::In,
            "on" => Self::On,
            "version" => Self::Version,
            "order" => Self::Order,
            "code" => Self::Code,
            "amount" => Self::Amount,
            "name" => Self::Name,
            "since" => Self::Since,
            "n" => Self::Number,
            _ => return None,
        })
    }
}

/// A part of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Words(&'static str),
    Slot(Slot),
}

/// A sentence with slots.
pub(super) type Sentence = Vec<Piece>;

/// The sentences of one topic.
#[derive(Default)]
pub(super) struct About {
    pub(super) subjects: Vec<Sentence>,
    pub(super) problems: Vec<Sentence>,
}

/// All sentences of one role in one language.
pub(super) struct Pool {
    pub(super) openings: Vec<Sentence>,
    pub(super) contexts: Vec<Sentence>,
    pub(super) details: Vec<Sentence>,
    pub(super) since: Vec<&'static str>,
    pub(super) angry: Vec<Sentence>,
    pub(super) polite: Vec<Sentence>,
    /// Angry, neutral, polite.
    pub(super) closings: [Vec<Sentence>; 3],
    pub(super) first_names: Vec<&'static str>,
    pub(super) last_names: Vec<&'static str>,
    /// By number of the topic; empty for bots in German.
    pub(super) topics: Vec<About>,
}

impl Pool {
    /// The pool of a role; sentences that name a version are left out of a table without one.
    pub(super) fn of(role: SeedRole, language: Language, versions: bool) -> Self {
        let sections = sections(source(role, language));
        let lines = |name: &str| sections.get(name).cloned().unwrap_or_default();
        let sentences = |name: &str| lines(name).into_iter().map(sentence).collect::<Vec<Sentence>>();
        let mut contexts = sentences("context");
        contexts.retain(|sentence| versions || !sentence.contains(&Piece::Slot(Slot::Version)));
        let topics = Topic::ALL.iter().map(|topic| {
            let (subjects, problems): (Vec<&str>, Vec<&str>) = lines(topic.section()).into_iter().partition(|line| line.starts_with("= "));
            About {
                subjects: subjects.into_iter().map(|line| sentence(&line[2..])).collect(),
                problems: problems.into_iter().map(sentence).collect(),
            }
        });
        Self {
            openings: sentences("opening"),
            contexts,
            details: sentences("detail"),
            since: lines("since"),
            angry: sentences("angry"),
            polite: sentences("polite"),
            closings: ["closing.angry", "closing.neutral", "closing.polite"].map(sentences),
            first_names: lines("first"),
            last_names: lines("last"),
            topics: topics.collect(),
        }
    }
}

fn sections(text: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => name = section,
            None => sections.entry(name).or_default().push(line),
        }
    }
    sections
}

/// The pieces of a line. Braces that name no slot stay words; a test holds that there are none.
fn sentence(line: &'static str) -> Sentence {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((before, (slot, after))) = rest.split_once('{').and_then(|(before, open)| Some((before, open.split_once('}')?))) {
        let Some(slot) = Slot::parse(slot) else { break };
        if !before.is_empty() {
            pieces.push(Piece::Words(before));
        }
        pieces.push(Piece::Slot(slot));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Words(rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LANGUAGES: [Language; 2] = [Language::English, Language::German];

    fn lines(role: SeedRole) -> BTreeSet<&'static str> {
        let all = LANGUAGES.iter().flat_map(|language| sections(source(role, *language)).into_values().flatten());
        all.map(|line| line.strip_prefix("= ").unwrap_or(line)).collect()
    }

    #[test]
    fn the_pools_share_no_sentence() {
        let (dev, eval) = (lines(SeedRole::Dev), lines(SeedRole::Eval));
        assert_eq!(dev.intersection(&eval).collect::<Vec<_>>(), Vec::<&&str>::new());
        assert!(dev.len() > 550 && eval.len() > 550);
        assert_eq!(lines(SeedRole::Gate), dev);
    }

    #[test]
    fn every_section_offers_variety() {
        for role in [SeedRole::Dev, SeedRole::Eval] {
            for language in LANGUAGES {
                let pool = Pool::of(role, language, true);
                assert!(pool.openings.len() >= 12 && pool.contexts.len() >= 8 && pool.details.len() >= 8);
                assert!(pool.since.len() >= 6 && pool.angry.len() >= 6 && pool.polite.len() >= 6);
                assert!(pool.closings.iter().all(|closings| closings.len() >= 5));
                assert!(pool.first_names.len() * pool.last_names.len() >= 144);
                for (topic, about) in Topic::ALL.iter().zip(&pool.topics) {
                    let silent = (*topic, language) == (Topic::Bot, Language::German);
                    let (subjects, problems) = if silent { (0, 0) } else { (4, 15) };
                    assert!(about.subjects.len() >= subjects && about.problems.len() >= problems, "{role} {language:?} {topic:?}");
                }
            }
        }
    }

    #[test]
    fn every_brace_is_a_slot() {
        for role in [SeedRole::Dev, SeedRole::Eval] {
            for line in lines(role) {
                let words = sentence(line).into_iter().filter_map(|piece| if let Piece::Words(words) = piece { Some(words) } else { None });
                assert!(words.into_iter().all(|words| !words.contains(['{', '}'])), "{line}");
            }
        }
    }

    #[test]
    fn no_sentence_uses_the_words_of_the_truth() {
        let words = ["deployment", "campaign", "holiday", "quiet", "classic", "injected", "fault", "scenario", "benign", "decoy", "bot"];
        for role in [SeedRole::Dev, SeedRole::Eval] {
            for line in lines(role) {
                let lower = line.to_lowercase();
                assert!(lower.split(|c: char| !c.is_alphanumeric()).all(|word| !words.contains(&word)), "{line}");
            }
        }
    }
}
