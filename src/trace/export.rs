//! The way to a collector: OTLP over HTTP for spans, Phoenix's own address for scores.
//!
//! Keys travel in headers and stand in no error: what a server says is quoted without them, and an endpoint without its user and password.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{StatusCode, Url};
use serde_json::json;

use super::Trace;
use super::hide::{Hide, REDACTED};
use super::otlp::encode;
use super::run::RunTraces;
use super::score::Score;
use super::span::{Span, hex};
use crate::record::StoreError;

/// Where `make start` puts Phoenix.
pub const DEFAULT_ENDPOINT: &str = "http://localhost:6006";

/// What one request holds at most, about.
const SPANS: usize = 512;
const BYTES: usize = 4 << 20;
const SCORES: usize = 200;
/// Milliseconds between attempts where a collector says that it is busy, or has not stored yet what was sent.
const PAUSES: &[u64] = &[100, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000];

/// Why traces could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The address is none.
    #[error("`{got}` is no address of a collector ({why}); expected one such as {DEFAULT_ENDPOINT}")]
    Endpoint {
        /// What was given.
        got: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header cannot be sent.
    #[error("{variable}: {why}; expected `name=value,name=value`")]
    Header {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it; never the value.
        why: String,
    },
    /// Nobody answers.
    #[error("{endpoint}: {why}; is a collector running there? `make start` starts Phoenix, --endpoint names another")]
    Unreachable {
        /// The address.
        endpoint: String,
        /// What the system says.
        why: String,
    },
    /// The collector refuses.
    #[error("{url}: {status}{said}{way}")]
    Refused {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it says.
        said: String,
        /// The way out, if there is one.
        way: &'static str,
    },
    /// The run cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Traces.
    pub traces: usize,
    /// Their spans.
    pub spans: usize,
    /// Scores of these.
    pub scores: usize,
    /// Whether the collector takes no scores: any but Phoenix.
    pub unscored: bool,
}

/// A collector to send to.
pub struct Collector {
    client: Client,
    base: Url,
    project: String,
    headers: HeaderMap,
    hide: Hide,
}

impl Collector {
    /// A collector at an address, with or without `/v1/traces`. Headers and what to keep back come from a look-up of environment variables:
    /// `PHOENIX_CLIENT_HEADERS`, `PHOENIX_API_KEY`, and those of [`Hide`].
    ///
    /// # Errors
    /// [`TraceError`] when the address or a header cannot be used; nothing is sent yet.
    pub fn new(endpoint: &str, project: &str, env: impl Fn(&str) -> Option<String>) -> Result<Self, TraceError> {
        let trimmed = endpoint.trim().trim_end_matches('/');
        let bare = trimmed.strip_suffix("/v1/traces").unwrap_or(trimmed);
        let wrong = |why: &str| TraceError::Endpoint { got: without_user(bare), why: why.to_owned() };
        let base = Url::parse(bare).map_err(|error| wrong(&error.to_string()))?;
        if !["http", "https"].contains(&base.scheme()) || base.host_str().is_none() {
            return Err(wrong("not http or https"));
        }
        let headers = headers(&env)?;
        // A second provider in the same process is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            // A key is for the address it was given for.
            .redirect(reqwest::redirect::Policy::none());
        // Without TLS no certificates of the system are needed, and a small container has none.
        let builder = if base.scheme() == "http" { builder.tls_certs_only([]) } else { builder };
        let client = builder.build().map_err(|error| TraceError::Unreachable { endpoint: shown(&base), why: innermost(&error) })?;
        Ok(Self { client, base, project: project.to_owned(), headers, hide: Hide::from_env(env) })
    }

    /// The address, without user and password.
    #[must_use]
    pub fn endpoint(&self) -> String {
        shown(&self.base)
    }

    /// Exports a run: the run itself unless `only` chooses some of its investigations.
    ///
    /// # Errors
    /// [`TraceError`] at the first request that fails; what was sent before stays, and exporting again completes it.
    pub fn export_run(&self, run: &RunTraces<'_>, only: Option<&str>) -> Result<Sent, TraceError> {
        let whole = only.is_none().then(|| Ok(run.run()));
        self.export(whole.into_iter().chain(run.jobs(only)))
    }

    /// Exports traces, in requests of limited size; scores follow when all spans are there.
    ///
    /// # Errors
    /// [`TraceError`] at the first that fails.
    pub fn export(&self, traces: impl IntoIterator<Item = Result<Trace, StoreError>>) -> Result<Sent, TraceError> {
        let mut sent = Sent::default();
        let (mut spans, mut scores, mut bytes) = (Vec::new(), Vec::new(), 0);
        for trace in traces {
            let mut trace = trace?;
            self.hide.apply(&mut trace);
            sent.traces += 1;
            scores.append(&mut trace.scores);
            for span in trace.spans {
                if spans.len() == SPANS || (bytes > 0 && bytes + span.size() > BYTES) {
                    sent.spans += self.send(&std::mem::take(&mut spans))?;
                    bytes = 0;
                }
                bytes += span.size();
                spans.push(span);
            }
        }
        sent.spans += self.send(&spans)?;
        for some in scores.chunks(SCORES) {
            if !self.score(some)? {
                sent.unscored = true;
                break;
            }
            sent.scores += some.len();
        }
        Ok(sent)
    }

    fn send(&self, spans: &[Span]) -> Result<usize, TraceError> {
        if spans.is_empty() {
            return Ok(0);
        }
        // Phoenix takes this type only, without parameters.
        let body = encode(&self.project, spans);
        let url = self.url("v1/traces");
        let request = || self.client.post(&url).header(CONTENT_TYPE, "application/x-protobuf").body(body.clone());
        let busy = |status: StatusCode, _: &str| matches!(status.as_u16(), 429 | 502 | 503 | 504);
        self.until(request, busy)?.map_err(|(status, said)| self.refused(&url, status, &said))?;
        Ok(spans.len())
    }

    /// Whether the collector takes scores at all.
    fn score(&self, scores: &[Score]) -> Result<bool, TraceError> {
        let data: Vec<_> = scores
            .iter()
            .map(|score| {
                json!({
                    "span_id": hex(&score.span), "name": score.name, "annotator_kind": "CODE", "identifier": score.identifier,
                    "result": { "score": score.score, "label": score.label, "explanation": score.explanation },
                })
            })
            .collect();
        let body = json!({ "data": data });
        // Asked so, Phoenix answers when they are stored.
        let url = self.url("v1/span_annotations?sync=true");
        let request = || self.client.post(&url).json(&body);
        // It answers for spans before it has stored those.
        let early = |status: StatusCode, said: &str| {
            matches!(status.as_u16(), 429 | 502 | 503 | 504) || (status == StatusCode::NOT_FOUND && said.contains("do not exist"))
        };
        match self.until(request, early)? {
            Ok(()) => Ok(true),
            Err((status, said)) if [404, 405, 501].contains(&status.as_u16()) && !said.contains("do not exist") => Ok(false),
            Err((status, said)) => Err(self.refused(&url, status, &said)),
        }
    }

    /// Sends until it is taken, refused for good, or the pauses are used up.
    fn until(
        &self,
        request: impl Fn() -> reqwest::blocking::RequestBuilder,
        again: impl Fn(StatusCode, &str) -> bool,
    ) -> Result<Result<(), (StatusCode, String)>, TraceError> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = request().headers(self.headers.clone()).send();
            let answer =
                answer.map_err(|error| TraceError::Unreachable { endpoint: self.endpoint(), why: innermost(&error.without_url()) })?;
            let status = answer.status();
            if status.is_success() {
                return Ok(Ok(()));
            }
            let said = self.said(answer);
            match pauses.next() {
                Some(pause) if again(status, &said) => sleep(Duration::from_millis(*pause)),
                _ => return Ok(Err((status, said))),
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }

    fn refused(&self, url: &str, status: StatusCode, said: &str) -> TraceError {
        let way = match status.as_u16() {
            401 | 403 => "; set PHOENIX_API_KEY",
            415 => "; it takes no OTLP over HTTP as protobuf",
            300..=399 => "; give the address it redirects to",
            _ => "",
        };
        let said: String = said.chars().take(200).collect();
        let said = if said.is_empty() { said } else { format!(" ({said})") };
        TraceError::Refused { url: without_user(url), status: status.as_u16(), said, way }
    }

    /// What the server says, without anything that was sent in a header.
    fn said(&self, answer: Response) -> String {
        let text = answer.text().unwrap_or_default();
        let secrets = self.headers.values().filter_map(|value| value.to_str().ok());
        let secrets = secrets.flat_map(|value| [value, value.strip_prefix("Bearer ").unwrap_or(value)]).filter(|secret| !secret.is_empty());
        secrets.fold(text.trim().to_owned(), |text, secret| text.replace(secret, REDACTED))
    }
}

/// Headers of every request: those of `PHOENIX_CLIENT_HEADERS`, and `authorization` from `PHOENIX_API_KEY` unless they have one.
fn headers(env: &impl Fn(&str) -> Option<String>) -> Result<HeaderMap, TraceError> {
    let mut headers = HeaderMap::new();
    let given = env("PHOENIX_CLIENT_HEADERS").unwrap_or_default();
    for pair in given.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let wrong = |why: &str| TraceError::Header { variable: "PHOENIX_CLIENT_HEADERS", why: why.to_owned() };
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("a part has no `=`"))?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong("a name is none of a header"))?;
        headers.insert(name, secret(&decoded(value.trim())).ok_or_else(|| wrong("a value cannot be sent"))?);
    }
    let key = env("PHOENIX_API_KEY").filter(|key| !key.trim().is_empty());
    if let Some(key) = key.filter(|_| !headers.contains_key(AUTHORIZATION)) {
        let wrong = || TraceError::Header { variable: "PHOENIX_API_KEY", why: "the key cannot be sent in a header".to_owned() };
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", key.trim())).ok_or_else(wrong)?);
    }
    Ok(headers)
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Values may be written with `%2C` for a comma, as in W3C baggage.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped =
            (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        found.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(found).unwrap_or_else(|_| text.to_owned())
}

fn shown(url: &Url) -> String {
    without_user(url.as_str().trim_end_matches('/'))
}

/// An address without what stands before `@`, whether or not it is one.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if scheme.is_empty() { format!("{authority}{path}") } else { format!("{scheme}://{authority}{path}") }
}

/// The cause of causes: what the system says.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<HeaderMap, TraceError> {
        headers(&|name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn headers_are_pairs_and_the_key_is_a_bearer_unless_they_say_otherwise() {
        let found = of(&[("PHOENIX_CLIENT_HEADERS", "x-a=1%2C2, api_key=k"), ("PHOENIX_API_KEY", " key\n")]).expect("headers");
        let text = |name: &str| found[name].to_str().expect("text");
        assert_eq!((text("x-a"), text("api_key"), text("authorization")), ("1,2", "k", "Bearer key"));
        let found = of(&[("PHOENIX_CLIENT_HEADERS", "Authorization=Basic x"), ("PHOENIX_API_KEY", "key")]).expect("headers");
        assert_eq!(found["authorization"], "Basic x");
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_told_without_its_value() {
        for pairs in [[("PHOENIX_CLIENT_HEADERS", "canary")], [("PHOENIX_CLIENT_HEADERS", "a b=canary")], [("PHOENIX_API_KEY", "ca\nnary")]]
        {
            let told = of(&pairs).expect_err("no header").to_string();
            assert!(told.starts_with(pairs[0].0) && !told.contains("nary"), "{told}");
        }
    }

    #[test]
    fn an_address_is_shown_without_user_and_password() {
        assert_eq!(without_user("https://me:canary@host:1/a@b"), "https://host:1/a@b");
        assert_eq!(without_user("me:canary@host"), "host");
        assert_eq!(without_user("http://host"), "http://host");
    }
}
