//! Placeholders: values that a scripted answer takes from the request, so that it is true to data its author has never seen.
//!
//! `{{what + shift ?? default}}`, shift and default being optional. What:
//!
//! | | |
//! |---|---|
//! | `last.PATH` | the JSON of the last tool message |
//! | `call.N.PATH`, `call.NAME.PATH` | the answer to the N-th call (from 1), or to the last call of a tool |
//! | `call.N.id`, `call.N.name`, `call.N.arguments.PATH` | the call itself; the same by name of the tool |
//! | `user.after "text"`, `system.after "text"` | the word that follows a text in the latest such message that has it |
//! | `user.date`, `system.date` | the first date in the latest such message that has one |
//! | `request.PATH` | the body of the request |
//! | `date` | the time of serving, as HTTP writes dates |
//!
//! A path is dotted; numbers index lists, from the end when negative. A shift is `+2s` (also `m`, `h`, `d`) for `date`, and whole days for the
//! others (`-14d`), which must be dates then. The default is JSON and stands in for what is missing or null. A text that is one placeholder and
//! nothing else becomes the value, of whatever type.

use jiff::civil::Date;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::Value;

use super::request::{ChatRequest, PastCall, json, role};
use super::script::Role;

/// A placeholder that cannot be filled, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("placeholder {{{{{placeholder}}}}}: {why}")]
pub(super) struct Unfilled {
    placeholder: String,
    why: String,
}

/// A text in pieces.
enum Piece<'a> {
    Plain(&'a str),
    Placeholder { text: &'a str, parsed: Placeholder },
}

struct Placeholder {
    source: Source,
    shift: Option<Shift>,
    default: Option<Value>,
}

enum Source {
    Last(Vec<String>),
    Call { which: String, part: Part },
    After { speakers: &'static [Role], text: String },
    Date { speakers: &'static [Role] },
    Request(Vec<String>),
    Now,
}

enum Part {
    Id,
    Name,
    Arguments(Vec<String>),
    Reply(Vec<String>),
}

#[derive(Clone, Copy)]
struct Shift {
    amount: i64,
    unit: char,
}

const USER: &[Role] = &[Role::User];
const SYSTEM: &[Role] = &[Role::System, Role::Developer];
const KNOWN: &str = "known: last.PATH, call.N.PATH, call.TOOL.PATH, call.N.id, user.date, user.after \"text\", system.date, \
                     system.after \"text\", request.PATH, date";

/// Whether the placeholders of a text can be read at all.
pub(super) fn check(text: &str) -> Result<(), Unfilled> {
    pieces(text).map(drop)
}

/// The same of every text in a value.
pub(super) fn check_value(value: &Value) -> Result<(), Unfilled> {
    match value {
        Value::String(text) => check(text),
        Value::Array(items) => items.iter().try_for_each(check_value),
        Value::Object(fields) => fields.values().try_for_each(check_value),
        _ => Ok(()),
    }
}

/// A value with its texts filled.
pub(super) fn fill_value(value: &Value, request: &ChatRequest) -> Result<Value, Unfilled> {
    Ok(match value {
        Value::String(text) => match pieces(text)?.as_slice() {
            [Piece::Placeholder { text, parsed }] => resolve(text, parsed, request)?,
            pieces => Value::String(join(pieces, request)?),
        },
        Value::Array(items) => items.iter().map(|item| fill_value(item, request)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let filled = fields.iter().map(|(name, field)| Ok((name.clone(), fill_value(field, request)?)));
            Value::Object(filled.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}

/// A text with its placeholders filled.
pub(super) fn fill(text: &str, request: &ChatRequest) -> Result<String, Unfilled> {
    join(&pieces(text)?, request)
}

fn join(pieces: &[Piece<'_>], request: &ChatRequest) -> Result<String, Unfilled> {
    let filled = pieces.iter().map(|piece| match piece {
        Piece::Plain(text) => Ok((*text).to_owned()),
        Piece::Placeholder { text, parsed } => resolve(text, parsed, request).map(|value| plain(&value)),
    });
    filled.collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Unfilled> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let unfilled = |placeholder: &str, why: String| Unfilled { placeholder: placeholder.to_owned(), why };
        let (inner, tail) = after.split_once("}}").ok_or_else(|| unfilled(after, "`}}` is missing".to_owned()))?;
        if !before.is_empty() {
            pieces.push(Piece::Plain(before));
        }
        pieces.push(Piece::Placeholder { text: inner, parsed: parse(inner).map_err(|why| unfilled(inner, why))? });
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    Ok(pieces)
}

fn parse(text: &str) -> Result<Placeholder, String> {
    let (rest, default) = match text.split_once("??") {
        Some((rest, default)) => {
            let read = serde_json::from_str(default.trim());
            (rest, Some(read.map_err(|_| format!("the default `{}` is not JSON; a text is `\"text\"`", default.trim()))?))
        }
        None => (text, None),
    };
    let (rest, shift) = split_shift(rest.trim());
    let source = source(rest.trim_end()).ok_or(KNOWN)?;
    if shift.is_some_and(|shift| shift.unit != 'd') && !matches!(source, Source::Now) {
        return Err("days are shifted by days, such as `-14d`".to_owned());
    }
    Ok(Placeholder { source, shift, default })
}

/// `user.date - 14d` → `user.date`, −14 d.
fn split_shift(text: &str) -> (&str, Option<Shift>) {
    let read = || {
        let (at, sign) = text.rmatch_indices(['+', '-']).next()?;
        let unit = text.chars().last().filter(|unit| "smhd".contains(*unit))?;
        let amount: i64 = text[at + 1..text.len() - 1].trim().parse().ok()?;
        Some((text[..at].trim_end(), Shift { amount: if sign == "-" { -amount } else { amount }, unit }))
    };
    read().map_or((text, None), |(rest, shift)| (rest, Some(shift)))
}

fn source(text: &str) -> Option<Source> {
    let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    let quoted = |text: &str| text.trim().strip_prefix('"')?.strip_suffix('"').filter(|text| !text.is_empty()).map(str::to_owned);
    let (head, tail) = text.split_once('.').unwrap_or((text, ""));
    Some(match (head, tail) {
        ("date", "") => Source::Now,
        ("last", "") => Source::Last(Vec::new()),
        ("last", tail) => Source::Last(path(tail)),
        ("request", tail) if !tail.is_empty() => Source::Request(path(tail)),
        ("user", "date") => Source::Date { speakers: USER },
        ("system", "date") => Source::Date { speakers: SYSTEM },
        ("user", tail) => Source::After { speakers: USER, text: quoted(tail.strip_prefix("after")?)? },
        ("system", tail) => Source::After { speakers: SYSTEM, text: quoted(tail.strip_prefix("after")?)? },
        ("call", tail) => {
            let (which, part) = tail.split_once('.')?;
            let part = match part.split_once('.').unwrap_or((part, "")) {
                ("id", "") => Part::Id,
                ("name", "") => Part::Name,
                ("arguments", "") => Part::Arguments(Vec::new()),
                ("arguments", tail) => Part::Arguments(path(tail)),
                _ => Part::Reply(path(part)),
            };
            Source::Call { which: which.to_owned(), part }
        }
        _ => return None,
    })
}

fn resolve(text: &str, placeholder: &Placeholder, request: &ChatRequest) -> Result<Value, Unfilled> {
    let found = find(placeholder, request);
    match (&placeholder.default, found) {
        (Some(default), Err(_) | Ok(Value::Null)) => Ok(default.clone()),
        (_, Ok(value)) => Ok(value),
        (None, Err(why)) => Err(Unfilled { placeholder: text.to_owned(), why }),
    }
}

fn find(placeholder: &Placeholder, request: &ChatRequest) -> Result<Value, String> {
    let value = match &placeholder.source {
        Source::Now => return served(placeholder.shift).map(Value::String),
        Source::Last(path) => {
            let last = request.messages().iter().rev().find(|message| role(message) == Some(Role::Tool));
            at(&json(last.ok_or("there is no tool message")?), path)?
        }
        Source::Call { which, part } => part_of(call(which, request.calls())?, part)?,
        Source::Request(path) => at(request.body(), path)?,
        Source::After { speakers, text } => {
            let word = request.texts(speakers).rev().find_map(|message| word_after(&message, text));
            Value::String(word.ok_or_else(|| format!("no such message says \"{text}\" before a word"))?)
        }
        Source::Date { speakers } => {
            let date = request.texts(speakers).rev().find_map(|message| first_date(&message));
            Value::String(date.ok_or("no such message has a date")?.to_string())
        }
    };
    match placeholder.shift {
        Some(shift) if !value.is_null() => shifted(&value, shift).map(Value::String),
        _ => Ok(value),
    }
}

fn call<'a>(which: &str, calls: &'a [PastCall]) -> Result<&'a PastCall, String> {
    match which.parse::<usize>() {
        Ok(number) => number.checked_sub(1).and_then(|at| calls.get(at)).ok_or_else(|| format!("{} calls have been made", calls.len())),
        Err(_) => calls.iter().rev().find(|call| call.name == which).ok_or_else(|| {
            let names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
            format!("`{which}` has not been called (called: {})", names.join(", "))
        }),
    }
}

fn part_of(call: &PastCall, part: &Part) -> Result<Value, String> {
    match part {
        Part::Id => Ok(Value::String(call.id.clone())),
        Part::Name => Ok(Value::String(call.name.clone())),
        Part::Arguments(path) => at(&call.arguments, path),
        Part::Reply(path) => at(call.reply.as_ref().ok_or("the call has no answer")?, path),
    }
}

/// The value at a path, or what is there in its place.
fn at(value: &Value, path: &[String]) -> Result<Value, String> {
    path.iter()
        .try_fold(value, |value, step| match value {
            Value::Object(fields) => fields.get(step).ok_or_else(|| {
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                format!("no `{step}` (there are: {})", names.join(", "))
            }),
            Value::Array(items) => {
                let index = step.parse::<i64>().ok();
                let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
                let index = index.map(|index| if index < 0 { index + length } else { index });
                let item = index.and_then(|index| usize::try_from(index).ok()).and_then(|index| items.get(index));
                item.ok_or_else(|| format!("no `{step}` in a list of {length}"))
            }
            other => Err(format!("no `{step}` in {}", short(other))),
        })
        .cloned()
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain(['…']).collect() }
}

fn word_after(message: &str, text: &str) -> Option<String> {
    let (_, rest) = message.split_once(text)?;
    let word = rest.split_whitespace().next()?.trim_matches(|c: char| ".,;:!?()[]\"'`".contains(c));
    (!word.is_empty()).then(|| word.to_owned())
}

fn first_date(message: &str) -> Option<Date> {
    message
        .char_indices()
        .find_map(|(at, _)| message.get(at..at + 10)?.parse().ok().filter(|_| message[at..].starts_with(|c: char| c.is_ascii_digit())))
}

fn shifted(value: &Value, shift: Shift) -> Result<String, String> {
    let date = value.as_str().and_then(|text| text.get(..10)?.parse::<Date>().ok());
    let date = date.ok_or_else(|| format!("{} is no date that could be shifted", short(value)))?;
    let moved = Span::new().try_days(shift.amount).and_then(|days| date.checked_add(days));
    moved.map(|date| date.to_string()).map_err(|error| error.to_string())
}

/// The time of serving as RFC 9110 writes it.
fn served(shift: Option<Shift>) -> Result<String, String> {
    let seconds = shift.map_or(0, |Shift { amount, unit }| {
        amount.saturating_mul(match unit {
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => 1,
        })
    });
    let moved = Timestamp::now().checked_add(SignedDuration::from_secs(seconds)).map_err(|error| error.to_string())?;
    DateTimePrinter::new().timestamp_to_rfc9110_string(&moved).map_err(|error| error.to_string())
}
