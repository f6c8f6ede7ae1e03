//! How a text sounds, by a small lexicon of English and German words.
//!
//! Each known word has a weight; a negation among the three words before it turns it round at half its weight, and a word of emphasis
//! right before it adds half. Descriptions of a problem ("crash", "wrong") weigh little: nearly every ticket has one, and only how people
//! write about it is their mood. Unknown words count nothing.

use super::report::Sentiment;
use super::words::tokens;

/// A text below minus this sounds negative, above this positive.
const CLEAR: f64 = 0.2;
/// Words between a negation and what it turns round, at most.
const REACH: usize = 3;

/// Words and their weight from −3 (fury) to 3 (delight).
const LEXICON: &[(&str, i8)] = &[
    ("absurd", -2),
    ("abzocke", -3),
    ("angry", -3),
    ("annoyed", -2),
    ("annoying", -2),
    ("appreciate", 2),
    ("appreciated", 2),
    ("awesome", 3),
    ("awful", -3),
    ("bad", -2),
    ("beschwerde", -2),
    ("bestens", 2),
    ("broken", -1),
    ("cancel", -2),
    ("cheers", 1),
    ("complaint", -2),
    ("danke", 2),
    ("dankbar", 2),
    ("dank", 2),
    ("disappointed", -2),
    ("disappointing", -2),
    ("disaster", -3),
    ("disgrace", -3),
    ("disgusting", -3),
    ("dreist", -3),
    ("dringend", -1),
    ("endlich", -1),
    ("enttäuscht", -2),
    ("enttäuschend", -2),
    ("erwarte", -1),
    ("excellent", 3),
    ("failure", -1),
    ("fantastic", 3),
    ("fantastisch", 3),
    ("fed", -1),
    ("frech", -2),
    ("frechheit", -3),
    ("freundlich", 1),
    ("freundlichen", 0),
    ("froh", 2),
    ("frustrated", -2),
    ("frustrating", -2),
    ("frustrierend", -2),
    ("furious", -3),
    ("genervt", -2),
    ("glad", 2),
    ("good", 1),
    ("grateful", 2),
    ("great", 2),
    ("großartig", 3),
    ("gut", 1),
    ("gute", 1),
    ("happy", 2),
    ("hate", -3),
    ("helpful", 2),
    ("herzlich", 2),
    ("herzliche", 2),
    ("herzlichen", 2),
    ("hilfreich", 2),
    ("horrible", -3),
    ("immediately", -1),
    ("inakzeptabel", -3),
    ("incompetent", -3),
    ("inkompetent", -3),
    ("joke", -2),
    ("katastrophe", -3),
    ("kindly", 1),
    ("kundenfreundlich", 2),
    ("kündige", -2),
    ("kündigen", -1),
    ("lächerlich", -3),
    ("letzte", -1),
    ("lieben", 1),
    ("losing", -1),
    ("love", 2),
    ("lovely", 2),
    ("mad", -2),
    ("mies", -2),
    ("miserabel", -3),
    ("nervt", -2),
    ("nett", 1),
    ("nice", 1),
    ("nutzlos", -3),
    ("nutzloses", -3),
    ("outrageous", -3),
    ("pathetic", -3),
    ("patience", -1),
    ("peinlich", -2),
    ("perfect", 3),
    ("perfekt", 3),
    ("pleased", 2),
    ("poor", -2),
    ("prima", 2),
    ("ridiculous", -3),
    ("sauer", -2),
    ("scandal", -3),
    ("schade", -1),
    ("schlecht", -2),
    ("schlechte", -2),
    ("schlechten", -2),
    ("schlechter", -2),
    ("schlechteren", -2),
    ("schlimm", -2),
    ("schön", 1),
    ("schönen", 1),
    ("schrecklich", -3),
    ("skandal", -3),
    ("sofort", -1),
    ("stinksauer", -3),
    ("stupid", -3),
    ("super", 2),
    ("terrible", -3),
    ("thank", 2),
    ("thanks", 2),
    ("toll", 2),
    ("umgehend", -1),
    ("unacceptable", -3),
    ("ungeduldig", -1),
    ("unhappy", -2),
    ("unprofessional", -3),
    ("unverschämt", -3),
    ("unverschämtheit", -3),
    ("unzufrieden", -2),
    ("upset", -2),
    ("useless", -3),
    ("useful", 1),
    ("verärgert", -3),
    ("waste", -2),
    ("wasting", -2),
    ("wonderful", 3),
    ("worst", -3),
    ("wunderbar", 3),
    ("wütend", -3),
    ("wrong", -1),
    ("zufrieden", 2),
    ("zumutung", -3),
    ("ärger", -2),
    ("ärgerlich", -2),
];
const NEGATIONS: &[&str] = &[
    "aren't",
    "can't",
    "cannot",
    "didn't",
    "doesn't",
    "don't",
    "hardly",
    "isn't",
    "kaum",
    "kein",
    "keine",
    "keinen",
    "keiner",
    "keineswegs",
    "never",
    "nicht",
    "nie",
    "niemals",
    "no",
    "not",
    "wasn't",
    "without",
    "won't",
];
const EMPHASIS: &[&str] = &[
    "absolut",
    "absolutely",
    "äußerst",
    "completely",
    "extrem",
    "extremely",
    "maßlos",
    "really",
    "sehr",
    "so",
    "totally",
    "völlig",
    "very",
    "wirklich",
];

/// How a text, or several, sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// In words.
    pub sentiment: Sentiment,
    /// From −1 (fury) to 1 (delight); 0 where no word is known, and where there is no text.
    pub score: f64,
}

impl Tone {
    fn of(score: f64) -> Self {
        let sentiment = match score {
            score if score < -CLEAR => Sentiment::Negative,
            score if score > CLEAR => Sentiment::Positive,
            _ => Sentiment::Neutral,
        };
        Self { sentiment, score }
    }
}

/// How one text sounds; unknown when it has no word.
#[must_use]
pub fn tone(text: &str) -> Tone {
    let words: Vec<String> = tokens(text).collect();
    if words.is_empty() {
        return Tone { sentiment: Sentiment::Unknown, score: 0.0 };
    }
    let sum: f64 = (0..words.len()).map(|at| weight(&words, at)).sum();
    // Bounded and smooth; 4 makes one strong word clear and two nearly certain.
    Tone::of(sum / (sum * sum + 16.0).sqrt())
}

/// How several texts sound: the mean of their scores; negative or positive also when the balance of clear texts is beyond a fifth.
pub fn tone_of_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Tone {
    let tones: Vec<Tone> = texts.into_iter().map(tone).filter(|tone| tone.sentiment != Sentiment::Unknown).collect();
    if tones.is_empty() {
        return Tone { sentiment: Sentiment::Unknown, score: 0.0 };
    }
    let len = tones.len() as f64;
    let score = tones.iter().map(|tone| tone.score).sum::<f64>() / len;
    let count = |sentiment| tones.iter().filter(|tone| tone.sentiment == sentiment).count() as f64;
    let balance = (count(Sentiment::Positive) - count(Sentiment::Negative)) / len;
    let sentiment = if score * balance > 0.0 {
        Tone::of(if balance.abs() > score.abs() { balance } else { score }).sentiment
    } else {
        Sentiment::Neutral
    };
    Tone { sentiment, score }
}

fn weight(words: &[String], at: usize) -> f64 {
    let Some(known) = known(&words[at]) else { return 0.0 };
    let mut weight = f64::from(known);
    let before = &words[at.saturating_sub(REACH)..at];
    let listed = |list: &[&str], word: &String| list.contains(&word.as_str());
    if before.last().is_some_and(|word| listed(EMPHASIS, word)) {
        weight *= 1.5;
    }
    if before.iter().any(|word| listed(NEGATIONS, word)) { -0.5 * weight } else { weight }
}

fn known(word: &str) -> Option<i8> {
    LEXICON.iter().find(|(known, _)| *known == word).map(|(_, weight)| *weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fury_courtesy_and_plain_reports_are_told_apart() {
        for (text, expected) in [
            ("This is outrageous, I want to cancel.", Sentiment::Negative),
            ("Das ist eine Frechheit!", Sentiment::Negative),
            ("Thank you so much, you are wonderful", Sentiment::Positive),
            ("Vielen Dank für die großartige Hilfe, ich bin sehr zufrieden", Sentiment::Positive),
            ("The invoice for March shows two items.", Sentiment::Neutral),
            ("Die Seite lädt nicht.", Sentiment::Neutral),
            ("  ...  ", Sentiment::Unknown),
        ] {
            assert_eq!(tone(text).sentiment, expected, "{text}: {}", tone(text).score);
        }
    }

    #[test]
    fn a_negation_turns_a_word_round_in_both_languages() {
        for (plain, negated) in [("I am happy", "I am not very happy"), ("Ich bin zufrieden", "Ich bin gar nicht zufrieden")] {
            assert!(tone(plain).score > 0.0 && tone(negated).score < 0.0, "{plain}, {negated}");
        }
        assert!(tone("not bad").score > 0.0);
        assert!(tone("It does not work today, which I find terrible").score < 0.0, "the negation stands too far away");
    }

    #[test]
    fn emphasis_makes_a_word_stronger() {
        assert!(tone("I am extremely disappointed").score < tone("I am disappointed").score);
    }

    #[test]
    fn scores_stay_within_one() {
        for text in ["awful ".repeat(1000), "wonderful ".repeat(1000)] {
            assert!(tone(&text).score.abs() <= 1.0 && tone(&text).score.abs() > 0.9);
        }
    }

    #[test]
    fn several_texts_sound_like_most_of_them() {
        let angry = ["This is unacceptable", "useless", "where is my order", "thanks"];
        assert_eq!(tone_of_all(angry).sentiment, Sentiment::Negative);
        assert_eq!(tone_of_all(["thanks", "terrible"]).sentiment, Sentiment::Neutral);
        assert_eq!(tone_of_all([]).sentiment, Sentiment::Unknown);
    }

    #[test]
    fn no_word_has_two_weights() {
        let words: std::collections::BTreeSet<&str> = LEXICON.iter().map(|(word, _)| *word).collect();
        assert_eq!(words.len(), LEXICON.len());
        assert!(LEXICON.iter().all(|(word, weight)| weight.abs() <= 3 && *word == word.to_lowercase()));
    }
}
