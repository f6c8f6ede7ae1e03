//! A turn with a model: the conversation until then, what was on offer, the answer and its tokens.

use serde_json::{Value as Json, json};

use super::span::{Exception, JSON, Kind, Span, SpanId, TEXT, Value};
use super::steps::{Told, step_times};
use crate::chat::{Message, Source, Turn};
use crate::tool::REGISTRY;

/// Domains of providers, by the names that OpenInference has for them; `openrouter` it does not name, and a name of one's own is allowed.
const PROVIDERS: &[(&str, &str)] = &[
    ("anthropic.com", "anthropic"),
    ("amazonaws.com", "aws"),
    ("azure.com", "azure"),
    ("cohere.com", "cohere"),
    ("deepseek.com", "deepseek"),
    ("googleapis.com", "google"),
    ("mistral.ai", "mistralai"),
    ("openai.com", "openai"),
    ("openrouter.ai", "openrouter"),
    ("x.ai", "xai"),
];

/// The span of a turn; `said` is the conversation until then.
pub(super) fn span(told: &Told<'_>, parent: SpanId, number: usize, turn: &Turn, said: &[&Message]) -> Span {
    let mut span = Span::new(told.ids, &format!("turn {number}"), format!("{} turn {}", turn.thread, number + 1), Kind::Llm);
    span.parent = Some(parent);
    (span.from, span.to) = step_times(told.clock, &told.clock.turns, number);
    let answered = turn.answer.as_ref().and_then(|answer| answer.model.as_deref());
    // The protocol that is spoken: chat completions, whoever serves them.
    span.text("llm.system", "openai");
    span.text("llm.model_name", answered.unwrap_or(&turn.model));
    span.text("llm.request.model_name", &turn.model);
    span.text("llm.invocation_parameters", with_choice(turn).to_string());
    span.text("llm.prompt_template.version", &turn.prompt);
    if let Some(provider) = told.base_url.and_then(provider).filter(|_| turn.source != Some(Source::Scripted)) {
        span.text("llm.provider", provider);
    }
    for (at, name) in turn.offered.iter().enumerate() {
        span.text(format!("llm.tools.{at}.tool.json_schema"), offer(name).to_string());
    }
    for (at, message) in said.iter().enumerate() {
        tell(&mut span, &format!("llm.input_messages.{at}.message"), message);
    }
    span.input(said.last().map_or("", |message| content(message)), TEXT);
    if let Some(answer) = &turn.answer {
        let text = answer.text.clone().or_else(|| answer.refusal.clone()).unwrap_or_default();
        if text.is_empty() {
            span.output(&json!(answer.calls).to_string(), JSON);
        } else {
            span.output(&text, TEXT);
        }
        tell(&mut span, "llm.output_messages.0.message", &Message::Assistant { text, calls: answer.calls.clone() });
        for (name, value) in [("llm.response.model_name", &answer.model), ("llm.finish_reason", &answer.finish)] {
            if let Some(value) = value {
                span.text(name, value);
            }
        }
        if let Some(usage) = &answer.usage {
            let mut count = |name: &str, tokens: u64| {
                span.set(format!("llm.token_count.{name}"), Value::Count(i64::try_from(tokens).unwrap_or(i64::MAX)));
            };
            count("prompt", usage.prompt);
            count("completion", usage.completion);
            count("total", usage.prompt + usage.completion);
            count("prompt_details.cache_read", usage.cached);
        }
    }
    span.text("metadata", json!({ "thread": turn.thread, "source": turn.source, "retries": turn.retries }).to_string());
    span.error = turn.failed.as_ref().map(|why| Exception { kind: "no answer".to_owned(), message: why.clone() });
    span
}

/// A tool as it was offered. The record has its name alone: what the desk has is looked up, and what an agent made up for its data, as the
/// schema of a report is, cannot be.
fn offer(name: &str) -> Json {
    let function = match REGISTRY.iter().find(|tool| tool.name() == name) {
        Some(tool) => json!({ "name": name, "description": tool.about(), "parameters": tool.schema() }),
        None => json!({ "name": name }),
    };
    json!({ "type": "function", "function": function })
}

/// Who serves the models of an address, if it is a known one.
fn provider(base_url: &str) -> Option<&'static str> {
    let rest = base_url.split_once("://")?.1;
    let authority = rest.split('/').next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?.to_ascii_lowercase();
    let is_below = |domain: &str| host.strip_suffix(domain).is_some_and(|left| left.is_empty() || left.ends_with('.'));
    PROVIDERS.iter().find(|(domain, _)| is_below(domain)).map(|(_, name)| *name)
}

fn with_choice(turn: &Turn) -> Json {
    let mut parameters = turn.parameters.clone();
    if let Some(fields) = parameters.as_object_mut() {
        fields.insert("tool_choice".to_owned(), json!(turn.choice));
    }
    parameters
}

fn content(message: &Message) -> &str {
    match message {
        Message::System(text) | Message::User(text) | Message::Assistant { text, .. } | Message::Tool { text, .. } => text,
    }
}

fn tell(span: &mut Span, at: &str, message: &Message) {
    let role = match message {
        Message::System(_) => "system",
        Message::User(_) => "user",
        Message::Assistant { .. } => "assistant",
        Message::Tool { .. } => "tool",
    };
    span.text(format!("{at}.role"), role);
    if !content(message).is_empty() {
        span.text(format!("{at}.content"), content(message));
    }
    match message {
        Message::Assistant { calls, .. } => {
            for (number, call) in calls.iter().enumerate() {
                let at = format!("{at}.tool_calls.{number}.tool_call");
                span.text(format!("{at}.id"), &call.id);
                span.text(format!("{at}.function.name"), &call.name);
                span.text(format!("{at}.function.arguments"), &call.arguments);
            }
        }
        Message::Tool { id, .. } => span.text(format!("{at}.tool_call_id"), id),
        Message::System(_) | Message::User(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_domain_and_an_address_of_ones_own_by_none() {
        for (url, name) in [
            ("https://api.openai.com/v1", Some("openai")),
            ("https://mine.openai.azure.com/openai/v1", Some("azure")),
            ("https://openrouter.ai/api/v1", Some("openrouter")),
            ("https://API.X.AI:443/v1", Some("xai")),
            ("http://localhost:11434/v1", None),
            ("https://notopenai.com/v1", None),
            ("https://proxy.example/api.openai.com/v1", None),
            ("", None),
        ] {
            assert_eq!(provider(url), name, "{url}");
        }
    }

    #[test]
    fn the_desk_s_tools_are_told_whole_and_those_of_an_agent_by_name() {
        let told = offer("fetch_ticket_stats");
        assert_eq!(told["function"]["parameters"]["properties"]["date"]["type"], "string", "{told}");
        assert!(told["function"]["description"].as_str().is_some_and(|about| !about.is_empty()));
        assert_eq!(offer("submit_report"), json!({ "type": "function", "function": { "name": "submit_report" } }));
    }
}
