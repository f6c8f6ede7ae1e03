//! Ticket texts: a seeded grammar that renders subject and body of any ticket on demand.
//!
//! A text follows from the seed, the ticket's number, its attributes and its topic, and from no other ticket, so it is rendered when
//! somebody looks and never stored. Words of a fault and its error codes occur in normal tickets too, less often, so that a word alone
//! proves nothing. Tickets in French and Portuguese are written in English, as are those of bots.

mod injected;
mod pool;
mod topic;

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub use self::injected::{InjectedTexts, Injections, Setting};
use self::pool::{Language, Piece, Pool, Sentence, Slot};
use self::topic::Topics;
pub use self::topic::{Topic, topics};
use super::sample::below;
use crate::data::archive::{Texts, TicketText};
use crate::data::ticket::{Column, TicketTable};
use crate::seed::{Seed, SeedRole};

/// Error codes that occur in one incident.
const CODES: usize = 40;
/// A caused ticket is about its cause with this probability, else about what its tags and queue say.
const ABOUT_THE_CAUSE: f64 = 0.8;
/// A caused ticket that names a code names the one of its topic with this probability.
const COMMON_CODE: f64 = 0.6;

/// The texts of a table.
pub struct GrammarTexts {
    table: Arc<TicketTable>,
    causes: Vec<Option<Topic>>,
    seed: Seed,
    topics: Topics,
    /// English, German.
    pools: [Pool; 2],
    /// Whether a code of the language column is German; none without such a column.
    german: Option<(usize, Vec<bool>)>,
    products: [Phrases; 2],
    platforms: [Phrases; 2],
    version: Option<usize>,
    codes: Vec<String>,
}

/// What a column's codes read like inside a sentence.
struct Phrases {
    column: Option<usize>,
    phrases: Vec<String>,
    /// Where there is no such column.
    otherwise: &'static str,
}

impl Phrases {
    fn of(table: &TicketTable, name: &str, otherwise: &'static str, read: impl Fn(&str) -> String) -> Self {
        let column = table.columns.iter().position(|column| column.name == name);
        let phrases = column.map_or_else(Vec::new, |at| table.columns[at].values.iter().map(|value| read(value)).collect());
        Self { column, phrases, otherwise }
    }

    fn get(&self, table: &TicketTable, row: usize) -> &str {
        self.column.map_or(self.otherwise, |at| &self.phrases[usize::from(table.columns[at].codes[row])])
    }
}

fn product(language: Language, value: &str) -> String {
    let german = language == Language::German;
    match (value, german) {
        ("web_shop", false) => "in the web shop".to_owned(),
        ("web_shop", true) => "im Webshop".to_owned(),
        ("mobile_app", false) => "in the mobile app".to_owned(),
        ("mobile_app", true) => "in der mobilen App".to_owned(),
        ("api", false) => "in the API".to_owned(),
        ("api", true) => "in der API".to_owned(),
        ("reporting", false) => "in the reporting".to_owned(),
        ("reporting", true) => "im Reporting".to_owned(),
        (other, _) => format!("in {}", other.replace('_', " ")),
    }
}

fn platform(language: Language, value: &str) -> String {
    let german = language == Language::German;
    match (value, german) {
        ("web", false) => "in the browser".to_owned(),
        ("web", true) => "im Browser".to_owned(),
        ("android", false) => "on Android".to_owned(),
        ("android", true) => "unter Android".to_owned(),
        ("ios", false) => "on iOS".to_owned(),
        ("ios", true) => "unter iOS".to_owned(),
        (other, false) => format!("on {}", other.replace('_', " ")),
        (other, true) => format!("mit {}", other.replace('_', " ")),
    }
}

/// How a ticket sounds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Angry,
    Neutral,
    Polite,
}

/// What stays the same within one ticket.
struct Ticket<'a> {
    row: usize,
    language: Language,
    pool: &'a Pool,
    code: &'a str,
    order: u32,
}

impl GrammarTexts {
    /// The texts of a table; `causes` holds per row the topic of the fault that caused the ticket, as [`topics`] gives it (a row beyond
    /// its end is a normal ticket).
    #[must_use]
    pub fn new(table: Arc<TicketTable>, causes: Vec<Option<Topic>>, seed: Seed, role: SeedRole) -> Self {
        const LANGUAGES: [Language; 2] = [Language::English, Language::German];
        let version = table.columns.iter().position(|column| column.name == "app_version");
        let language = table.columns.iter().position(|column| column.name == "language");
        let is_german = |column: &Column| column.values.iter().map(|value| value == "de" || value.starts_with("de-")).collect();
        let mut rng = seed.child("codes").rng();
        let codes = (0..CODES).map(|_| format!("E-{}", 1000 + below(&mut rng, 9000))).collect();
        let [anywhere, device] = [["in your system", "im System"], ["on my device", "auf meinem Gerät"]];
        let phrases = |name, otherwise: [&'static str; 2], read: fn(Language, &str) -> String| {
            [0, 1].map(|at| Phrases::of(&table, name, otherwise[at], |value| read(LANGUAGES[at], value)))
        };
        Self {
            topics: Topics::of(&table),
            pools: LANGUAGES.map(|language| Pool::of(role, language, version.is_some())),
            german: language.map(|at| (at, is_german(&table.columns[at]))),
            products: phrases("product", anywhere, product),
            platforms: phrases("platform", device, platform),
            version,
            codes,
            seed,
            causes,
            table,
        }
    }

    fn language(&self, row: usize) -> Language {
        match &self.german {
            Some((at, german)) if german[usize::from(self.table.columns[*at].codes[row])] => Language::German,
            _ => Language::English,
        }
    }

    /// What a ticket is about, and whether that is its cause.
    fn topic(&self, row: usize, rng: &mut ChaCha8Rng) -> (Topic, bool) {
        let (which, percent, about): (u8, usize, f64) = (rng.random(), below(rng, 100), rng.random());
        match self.causes.get(row).copied().flatten() {
            Some(Topic::Bot) => (Topic::Bot, true),
            Some(topic) if about < ABOUT_THE_CAUSE => (topic, true),
            _ => (self.topics.normal(&self.table, row, usize::from(which), u8::try_from(percent).unwrap_or(0)), false),
        }
    }

    fn write(&self, ticket: &Ticket<'_>, sentence: &Sentence, rng: &mut ChaCha8Rng, out: &mut String) {
        let german = usize::from(ticket.language == Language::German);
        for piece in sentence {
            match piece {
                Piece::Words(words) => out.push_str(words),
                Piece::Slot(slot) => match slot {
                    Slot::In => out.push_str(self.products[german].get(&self.table, ticket.row)),
                    Slot::On => out.push_str(self.platforms[german].get(&self.table, ticket.row)),
                    Slot::Version => out.push_str(self.version.map_or("", |at| self.table.columns[at].value(ticket.row))),
                    Slot::Order => number(u64::from(ticket.order), out),
                    Slot::Code => out.push_str(ticket.code),
                    Slot::Amount => amount(ticket.language, rng, out),
                    Slot::Name => {
                        out.push_str(pick(&ticket.pool.first_names, rng));
                        out.push(' ');
                        out.push_str(pick(&ticket.pool.last_names, rng));
                    }
                    Slot::Since => out.push_str(pick(&ticket.pool.since, rng)),
                    Slot::Number => number(2 + below(rng, 8) as u64, out),
                },
            }
        }
    }

    /// A sentence behind what stands there already.
    fn add(&self, ticket: &Ticket<'_>, sentences: &[Sentence], rng: &mut ChaCha8Rng, out: &mut String) {
        if let Some(sentence) = choose(sentences, rng) {
            if !out.is_empty() {
                out.push(' ');
            }
            self.write(ticket, sentence, rng, out);
        }
    }

    fn body(&self, ticket: &Ticket<'_>, topic: Topic, caused: bool, rng: &mut ChaCha8Rng) -> String {
        let pool = ticket.pool;
        let about = &pool.topics[topic as usize];
        let mut body = String::with_capacity(320);
        if topic == Topic::Bot {
            self.add(ticket, &about.problems, rng, &mut body);
            return body;
        }
        let mood = mood(caused, rng);
        if rng.random::<f64>() < 0.85 {
            self.add(ticket, &pool.openings, rng, &mut body);
        }
        if mood == Mood::Angry && rng.random::<f64>() < 0.4 {
            self.add(ticket, &pool.angry, rng, &mut body);
        }
        let first = below(rng, about.problems.len());
        self.add(ticket, &about.problems[first..=first], rng, &mut body);
        for (share, sentences) in [(0.5, &pool.contexts), (0.5, &pool.details)] {
            if rng.random::<f64>() < share {
                self.add(ticket, sentences, rng, &mut body);
            }
        }
        if rng.random::<f64>() < 0.25 {
            // Another one of the same topic: any but the first.
            let second = (first + 1 + below(rng, about.problems.len() - 1)) % about.problems.len();
            self.add(ticket, &about.problems[second..=second], rng, &mut body);
        }
        match mood {
            Mood::Angry => self.add(ticket, &pool.angry, rng, &mut body),
            Mood::Polite => self.add(ticket, &pool.polite, rng, &mut body),
            Mood::Neutral => {}
        }
        self.add(ticket, &pool.closings[mood as usize], rng, &mut body);
        body
    }
}

impl Texts for GrammarTexts {
    fn text(&self, row: usize) -> TicketText {
        let id = self.table.ids[row];
        let mut digits = String::with_capacity(20);
        number(id, &mut digits);
        let mut rng = self.seed.child(&digits).rng();
        let (topic, caused) = self.topic(row, &mut rng);
        let language = if topic == Topic::Bot { Language::English } else { self.language(row) };
        let common = caused && rng.random::<f64>() < COMMON_CODE;
        let code = if common { topic as usize } else { below(&mut rng, CODES) };
        let pool = &self.pools[usize::from(language == Language::German)];
        let order = 2_000_000 + rng.random::<u32>() % 7_000_000;
        let ticket = Ticket { row, language, pool, code: &self.codes[code], order };
        let mut subject = String::with_capacity(48);
        self.add(&ticket, &pool.topics[topic as usize].subjects, &mut rng, &mut subject);
        let body = self.body(&ticket, topic, caused, &mut rng);
        TicketText { subject, body }
    }
}

/// Those whom a fault hit are angrier.
fn mood(caused: bool, rng: &mut ChaCha8Rng) -> Mood {
    let (angry, polite) = if caused { (0.48, 0.14) } else { (0.17, 0.33) };
    match rng.random::<f64>() {
        uniform if uniform < angry => Mood::Angry,
        uniform if uniform < angry + polite => Mood::Polite,
        _ => Mood::Neutral,
    }
}

fn choose<'a, T>(choices: &'a [T], rng: &mut ChaCha8Rng) -> Option<&'a T> {
    if choices.is_empty() { None } else { choices.get(below(rng, choices.len())) }
}

fn pick(choices: &[&'static str], rng: &mut ChaCha8Rng) -> &'static str {
    choose(choices, rng).copied().unwrap_or_default()
}

fn amount(language: Language, rng: &mut ChaCha8Rng, out: &mut String) {
    number(5 + below(rng, 400) as u64, out);
    out.push(if language == Language::German { ',' } else { '.' });
    let cents = below(rng, 100) as u64;
    if cents < 10 {
        out.push('0');
    }
    number(cents, out);
    out.push_str(" EUR");
}

/// A number in digits, without the machinery of `format!`.
fn number(mut value: u64, out: &mut String) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_usual() {
        for value in [0, 7, 10, 1_234_567, u64::MAX] {
            let mut out = String::new();
            number(value, &mut out);
            assert_eq!(out, value.to_string());
        }
    }
}
