//! Which answer a request gets.

use std::fmt;

use super::request::{ChatRequest, role, text};
use super::script::{Reply, Role, Script, When};

/// Where in a script an answer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// The rule with this number, from 1.
    Rule(usize),
    /// The reply to this forced function.
    Forced(String),
    /// The turn with this number, from 0 as `turn:` counts.
    Turn(usize),
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(number) => write!(f, "rule {number}"),
            Self::Forced(function) => write!(f, "forced {function}"),
            Self::Turn(number) => write!(f, "turn {number}"),
        }
    }
}

/// What a script says to a request.
#[derive(Debug)]
pub(super) enum Picked<'a> {
    /// An answer, and where it stands.
    Reply(&'a Reply, Form),
    /// A forced choice that the script refuses.
    ForcedRejected,
    /// Nothing in the script answers.
    Nothing,
}

/// Rules in order, then the refusal of forced choices, then `forced`, then turns. `attempt` counts sendings of the same body, from 1.
pub(super) fn pick<'a>(script: &'a Script, request: &ChatRequest, attempt: u32) -> Picked<'a> {
    for (number, rule) in script.rules.iter().enumerate().filter(|(_, rule)| matches(&rule.when, request, attempt)) {
        if let Some(reply) = nth(&rule.then.value, attempt) {
            return Picked::Reply(reply, Form::Rule(number + 1));
        }
    }
    if let Some(forced) = request.forced() {
        if script.reject_forced {
            return Picked::ForcedRejected;
        }
        if let Some(reply) = script.forced.get(forced).and_then(|reply| nth(&reply.value, attempt)) {
            return Picked::Reply(reply, Form::Forced(forced.to_owned()));
        }
    }
    let last = script.turns.len().checked_sub(1);
    let turn = last.map(|last| request.turn().min(last));
    let reply = turn.and_then(|turn| nth(&script.turns.get(turn)?.value, attempt).map(|reply| (reply, turn)));
    reply.map_or(Picked::Nothing, |(reply, turn)| Picked::Reply(reply, Form::Turn(turn)))
}

/// The answer to the n-th sending of the same body.
fn nth(reply: &Reply, attempt: u32) -> Option<&Reply> {
    if reply.attempts.is_empty() {
        return (reply.times.is_none_or(|times| attempt <= times)).then_some(reply);
    }
    let mut until = 0_u32;
    let due = reply.attempts.iter().find(|each| {
        until = until.saturating_add(each.value.times.unwrap_or(1));
        attempt <= until
    });
    due.or(reply.attempts.last()).map(|each| &each.value)
}

fn matches(when: &When, request: &ChatRequest, attempt: u32) -> bool {
    let is = |wanted: &Option<String>, got: Option<&str>| wanted.as_deref().is_none_or(|wanted| Some(wanted) == got);
    let says = |wanted: &Option<String>, roles: &[Role]| {
        wanted.as_deref().is_none_or(|wanted| request.texts(roles).any(|text| text.contains(wanted)))
    };
    let null = || request.messages().iter().any(|message| role(message) == Some(Role::Assistant) && message["content"].is_null());
    when.turn.is_none_or(|turn| turn == request.turn())
        && when.attempt.is_none_or(|wanted| wanted == attempt)
        && when.last_role.is_none_or(|wanted| role(request.last()) == Some(wanted))
        && request.said_last().any(|message| {
            is(&when.tool, request.tool_of(message)) && when.contains.as_deref().is_none_or(|wanted| text(message).contains(wanted))
        })
        && says(&when.tool_contains, &[Role::Tool])
        && says(&when.system_contains, &[Role::System, Role::Developer])
        && says(&when.user_contains, &[Role::User])
        && among(&when.called, request.calls().iter().map(|call| call.name.as_str()))
        && among(&when.offers, request.offered())
        && is(&when.forced, request.forced())
        && is(&when.model, request.body()["model"].as_str())
        && when.stream.is_none_or(|wanted| wanted == request.streamed())
        && when.null_content.is_none_or(|wanted| wanted == null())
}

fn among<'a>(wanted: &Option<String>, mut names: impl Iterator<Item = &'a str>) -> bool {
    wanted.as_deref().is_none_or(|wanted| names.any(|name| name == wanted))
}
