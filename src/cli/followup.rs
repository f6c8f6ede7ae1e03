//! What a follow-up question changes for agents that read no words: the day looked at, and the part of the data.
//!
//! "What about yesterday?" keeps the part and moves the day, "and for android?" keeps the day and narrows the part. What is not understood
//! changes nothing. Models read the question themselves.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

use super::narrow::Scope;

/// Days that words name, as days from the one in view.
const DAYS: &[(&str, i64)] = &[
    ("day before yesterday", -2),
    ("yesterday", -1),
    ("day before", -1),
    ("previous day", -1),
    ("day earlier", -1),
    ("tomorrow", 1),
    ("next day", 1),
    ("day after", 1),
    ("day later", 1),
    ("last week", -7),
    ("week ago", -7),
    ("week before", -7),
    ("week earlier", -7),
    ("next week", 7),
    ("week later", 7),
];
/// Words that give up the part that was asked about before.
const WHOLE: &[&str] = &["overall", "in all", "in total", "altogether", "everything", "everywhere", "everyone", "all of it", "whole"];
/// Words before a value that is asked about.
const BEFORE: &[&str] = &["for", "on", "in", "only", "of", "about", "from", "at", "with", "just"];
/// Words that a question which is nothing but a value may have besides.
const FILLING: &[&str] = &["and", "or", "what", "how", "about", "for", "on", "in", "only", "just", "the", "then", "ok", "so", "of"];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// Lower case, words apart by one blank, with a blank at both ends.
fn plain(text: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '=') { c } else { ' ' };
    let words: String = text.to_lowercase().chars().map(kept).collect();
    let words: Vec<&str> = words.split_whitespace().map(|word| word.trim_end_matches('.')).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

fn says(plain: &str, words: &str) -> bool {
    plain.contains(&format!(" {words} "))
}

/// The day that a question names, `view` being the one in view and `today` the one the conversation began at.
pub(super) fn day(text: &str, view: Date, today: Date) -> Option<Date> {
    let plain = plain(text);
    if let Some(date) = plain.split_whitespace().find_map(|word| word.parse().ok()) {
        return Some(date);
    }
    if says(&plain, "today") {
        return Some(today);
    }
    if let Some((_, days)) = DAYS.iter().find(|(words, _)| says(&plain, words)) {
        return view.checked_add(days.days()).ok();
    }
    let (_, weekday) = WEEKDAYS.iter().find(|(name, _)| says(&plain, name))?;
    let back = i64::from(view.weekday().since(*weekday));
    view.checked_sub(back.days()).ok()
}

/// The part of the data that a question is about, `before` being the one asked about until now. A value of a dimension replaces the one before.
pub(super) fn scope(text: &str, dimensions: &[(String, Vec<String>)], before: &Scope) -> Scope {
    let plain = plain(text);
    let mut scope = if WHOLE.iter().any(|words| says(&plain, words)) { Scope::new() } else { before.clone() };
    let found = dimensions.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let mut named: Vec<(&String, &String)> = found.filter(|(name, value)| is_asked(text, &plain, name, value)).collect();
    // `ios beta` is meant where both `ios` and `ios beta` stand.
    let all = named.clone();
    named.retain(|(name, value)| !all.iter().any(|(other, longer)| other == name && longer.len() > value.len() && longer.contains(*value)));
    for (name, value) in named {
        scope.insert(name.clone(), value.clone());
    }
    scope
}

fn is_asked(text: &str, plain: &str, name: &str, value: &str) -> bool {
    let short = value.chars().count() <= 2;
    let word = self::plain(value);
    let word = word.trim();
    if word.is_empty() {
        return false;
    }
    let (name, parted) = (name.to_lowercase(), name.to_lowercase().replace('_', " "));
    if says(plain, &format!("{name}={word}")) || says(plain, &format!("{name} {word}")) || says(plain, &format!("{parted} {word}")) {
        return true;
    }
    // `in` is a word and `IN` is India.
    if short && !text.split(|c: char| !c.is_alphanumeric()).any(|part| part == value) {
        return false;
    }
    let after = |before: &&str| says(plain, &format!("{before} {word}")) || says(plain, &format!("{before} the {word}"));
    let rest = plain.replace(&format!(" {word} "), " ");
    BEFORE.iter().any(after) || (says(plain, word) && rest.split_whitespace().all(|word| FILLING.contains(&word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn asked(text: &str, before: &[(&str, &str)]) -> String {
        let of = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let dimensions = [
            ("app_version".to_owned(), of(&["3.2.1", "3.3.0"])),
            ("country".to_owned(), of(&["DE", "IN", "US"])),
            ("platform".to_owned(), of(&["android", "ios"])),
            ("product".to_owned(), of(&["Mobile App"])),
            ("type".to_owned(), of(&["Incident", "Problem"])),
        ];
        let before = before.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        crate::report::paragraph::scope(&scope(text, &dimensions, &before))
    }

    #[test]
    fn days_are_counted_from_the_one_in_view() {
        let day = |text: &str| day(text, date("2024-04-25"), date("2024-04-26")).map(|day| day.to_string()).unwrap_or_default();
        let questions =
            ["what about yesterday?", "And the day before yesterday?", "on 2024-03-01?", "today?", "last week?", "on Monday", "why?"];
        let expected = ["2024-04-24", "2024-04-23", "2024-03-01", "2024-04-26", "2024-04-18", "2024-04-22", ""];
        assert_eq!(questions.map(day), expected);
    }

    #[test]
    fn a_follow_up_narrows_replaces_and_gives_up_the_part_it_is_about() {
        assert_eq!(asked("and for android?", &[]), "platform=android");
        assert_eq!(asked("ios?", &[("platform", "android")]), "platform=ios");
        assert_eq!(asked("and only in DE", &[("platform", "ios")]), "country=DE platform=ios");
        assert_eq!(asked("what about yesterday?", &[("platform", "ios")]), "platform=ios");
        assert_eq!(asked("and overall?", &[("platform", "ios")]), "everything");
        assert_eq!(asked("with app version 3.3.0?", &[]), "app_version=3.3.0");
        assert_eq!(asked("for the mobile app", &[]), "product=Mobile App");
    }

    #[test]
    fn words_that_happen_to_be_values_are_words() {
        for text in ["what is the problem?", "was it in the app?", "tell us more", "is that an incident or not"] {
            assert_eq!(asked(text, &[]), "everything", "{text}");
        }
    }
}
