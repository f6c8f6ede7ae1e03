//! What tickets of a scope say now that they did not say a week before.

use super::super::Halt;
use super::super::days::{Days, shift};
use super::super::look::Look;
use super::super::words::{Word, over_represented, tokens};
use crate::tool::reply::{SampledTicket, Scope};

/// Words that people in trouble use, and people with a wish do not: English and German, beginnings of words.
const TROUBLE: [&str; 24] = [
    "absturz",
    "abgestürzt",
    "angemeldet",
    "anmeld",
    "ausfall",
    "broken",
    "crash",
    "down",
    "einloggen",
    "error",
    "fail",
    "fehler",
    "freez",
    "kaputt",
    "langsam",
    "login",
    "offline",
    "outage",
    "slow",
    "stürzt",
    "timeout",
    "unavailable",
    "unreachable",
    "wrong",
];
/// Texts that must use a word before it counts.
const LEAST: usize = 4;
/// Fewer texts of a scope than these say nothing about it: then all are heard.
const FEW: usize = 12;
/// Words kept.
const KEPT: usize = 6;

/// What tickets say.
#[derive(Debug, Clone, Default)]
pub(super) struct Voices {
    /// The most telling words first.
    pub(super) words: Vec<Word>,
}

impl Voices {
    /// Listens to a day and to the same weekday before the window.
    pub(super) fn hear(look: &mut Look<'_, '_>, scope: &Scope, window: Days) -> Result<Self, Halt> {
        let weeks = window.len().div_euclid(7) + 1;
        let Some(now) = look.random_tickets(window.to)? else { return Ok(Self::default()) };
        let Some(before) = look.random_tickets(shift(window.to, -7 * weeks))? else { return Ok(Self::default()) };
        let of_scope = texts(&now.reply.tickets, scope);
        let here = if of_scope.len() < FEW { texts(&now.reply.tickets, &Scope::new()) } else { of_scope };
        let there = texts(&before.reply.tickets, &Scope::new());
        let mut words = over_represented(here.iter().map(String::as_str), there.iter().map(String::as_str), LEAST);
        // That tickets of a platform name it is no news.
        words.retain(|word| scope.values().all(|value| !value.to_lowercase().contains(&word.word)));
        words.truncate(KEPT);
        Ok(Self { words })
    }

    /// Whether they speak of trouble more than before.
    pub(super) fn of_trouble(&self) -> bool {
        self.words.iter().any(|word| TROUBLE.iter().any(|trouble| word.word.starts_with(trouble)))
    }
}

fn texts(tickets: &[SampledTicket], scope: &Scope) -> Vec<String> {
    let inside = |ticket: &&SampledTicket| scope.iter().all(|(dimension, value)| ticket.attributes.get(dimension) == Some(value));
    let text = |ticket: &SampledTicket| {
        let parts = [ticket.subject.as_deref(), ticket.body.as_deref()];
        let joined = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let says_something = tokens(&joined).next().is_some();
        says_something.then_some(joined)
    };
    tickets.iter().filter(inside).filter_map(text).collect()
}
