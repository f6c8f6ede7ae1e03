//! How long what is said is: for budgets where providers do not count, and for replies that are too long to be shown.

use crate::chat::{Completion, Message, Request, ToolCall};

/// Characters of a reply that a model is shown; the record keeps all.
const REPLY: usize = 16 * 1024;

/// Characters of a request.
pub(super) fn length(request: &Request) -> u64 {
    let messages = request.messages.iter().map(|message| match message {
        Message::System(text) | Message::User(text) | Message::Tool { text, .. } => text.len(),
        Message::Assistant { text, calls } => text.len() + written(calls),
    });
    let tools = request.tools.iter().map(|offer| offer.about.len() + offer.schema.to_string().len());
    messages.chain(tools).sum::<usize>() as u64
}

/// Characters of an answer.
pub(super) fn said(completion: &Completion) -> u64 {
    (completion.text.as_deref().map_or(0, str::len) + written(&completion.calls)) as u64
}

fn written(calls: &[ToolCall]) -> usize {
    calls.iter().map(|call| call.name.len() + call.arguments.len()).sum()
}

/// A reply as long as a model is shown, cut in its middle.
pub(super) fn cut(text: String) -> String {
    if text.len() <= REPLY {
        return text;
    }
    let keep = REPLY / 2;
    let head: String = text.chars().take(keep).collect();
    let tail: String = text.chars().skip(text.chars().count().saturating_sub(keep)).collect();
    format!("{head} … ({} of {} characters left out: ask for less) … {tail}", text.len() - REPLY, text.len())
}
