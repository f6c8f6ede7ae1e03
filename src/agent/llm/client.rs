//! One request and its answer, through async-openai: its addresses, its JSON and its event streams, with our headers, timeouts and failures.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use futures_util::StreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::Value;
use tokio::time::timeout;

use super::retry;
use super::wire::{self, Heard};
use crate::chat::{Endpoint, Request};

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// The server answered with a failure.
    Status {
        status: u16,
        /// What it says, in one line.
        said: String,
        /// How long it asks to wait.
        asks: Option<Duration>,
    },
    /// No answer, or none that can be read.
    Broken { stage: &'static str, why: String },
}

impl Failure {
    fn broken(stage: &'static str, why: impl Into<String>) -> Self {
        Self::Broken { stage, why: why.into() }
    }

    pub(super) fn map_text(self, clean: impl Fn(String) -> String) -> Self {
        match self {
            Self::Status { status, said, asks } => Self::Status { status, said: clean(said), asks },
            Self::Broken { stage, why } => Self::Broken { stage, why: clean(why) },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, said, .. } => write!(f, "the provider answers {status} ({said})"),
            Self::Broken { why, .. } => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

/// An address and perhaps a key; nothing from the environment goes along.
struct Plain {
    base: String,
    key: Option<SecretString>,
    none: SecretString,
}

impl Config for Plain {
    fn headers(&self) -> HeaderMap {
        use secrecy::ExposeSecret;
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key
            && let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        headers
    }
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }
    fn api_base(&self) -> &str {
        &self.base
    }
    fn api_key(&self) -> &SecretString {
        self.key.as_ref().unwrap_or(&self.none)
    }
}

/// Sends a request and reads its answer.
pub(super) async fn exchange(
    http: &reqwest::Client,
    to: &Endpoint,
    request: &Request,
    key: Option<&str>,
    renamed: bool,
) -> Result<Heard, Failure> {
    let config =
        Plain { base: to.base_url.trim_end_matches('/').to_owned(), key: key.map(SecretString::from), none: SecretString::from("") };
    let (sender, pulse) = (http.clone(), Arc::new(Pulse::default()));
    let felt = Arc::clone(&pulse);
    let send = tower::service_fn(move |factory: HttpRequestFactory| {
        let (http, pulse) = (sender.clone(), Arc::clone(&felt));
        async move {
            let response = http.execute(factory.build().await?).await?;
            if response.status().is_success() { Ok(watched(response, pulse)) } else { Err(failed(response).await) }
        }
    });
    let client = Client::build(http.clone(), config).with_http_service(send);
    let total = Duration::from_secs_f64(to.total_seconds);
    let answer = async {
        match to.stream {
            true => streamed(&client, to, request, wire::body(request, true, renamed), &pulse).await,
            false => whole(&client, request, wire::body(request, false, renamed)).await,
        }
    };
    timeout(total, answer).await.unwrap_or_else(|_| Err(Failure::broken("total", format!("no whole answer within {} s", to.total_seconds))))
}

async fn whole(client: &Client<Plain>, request: &Request, body: Value) -> Result<Heard, Failure> {
    let answer: Value = client.chat().create_byot(body).await.map_err(told)?;
    wire::read(&answer, request).map_err(|why| Failure::broken("not chat", why))
}

async fn streamed(client: &Client<Plain>, to: &Endpoint, request: &Request, body: Value, pulse: &Pulse) -> Result<Heard, Failure> {
    let first = Duration::from_secs_f64(to.first_byte_seconds);
    let idle = Duration::from_secs_f64(to.idle_seconds);
    let late = || Failure::broken("first byte", format!("nothing came within {} s", to.first_byte_seconds));
    let opening = tokio::time::Instant::now();
    let opened = timeout(first, client.chat().create_stream_byot::<_, Value>(body)).await;
    let mut stream = opened.map_err(|_| late())?.map_err(told)?;
    let mut pieces = wire::Pieces::default();
    let mut wait = first.saturating_sub(opening.elapsed());
    let mut beats = 0;
    loop {
        let next = timeout(wait, stream.next()).await;
        let before = std::mem::replace(&mut beats, pulse.beats());
        wait = idle;
        let Ok(next) = next else {
            match (before, beats) {
                (_, 0) => return Err(late()),
                // Comments are no events, but somebody is at work.
                (before, now) if now > before => continue,
                _ => return Err(Failure::broken("idle", format!("the stream fell silent for {} s", to.idle_seconds))),
            }
        };
        match next {
            None => break,
            Some(Ok(chunk)) => pieces.add(&chunk).map_err(|why| Failure::broken("broken", why))?,
            // A stream that said how it ends has ended, however the connection does.
            Some(Err(_)) if pieces.has_ended() => break,
            Some(Err(error)) => return Err(told(error)),
        }
    }
    if pieces.is_empty() || !(pieces.has_ended() || pulse.done()) {
        return Err(Failure::broken("broken", "the stream was cut off before its end"));
    }
    Ok(pieces.whole(request))
}

/// What the bytes of an answer tell that its events do not: that somebody is at work, and that all has been said.
#[derive(Default)]
struct Pulse {
    beats: AtomicU64,
    done: AtomicBool,
}

impl Pulse {
    /// Pieces that came so far, comments among them.
    fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Whether `[DONE]` came: the end, for servers that give no reason for it.
    fn done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    fn feel(&self, tail: &mut Vec<u8>, piece: &[u8]) {
        const DONE: &[u8] = b"[DONE]";
        self.beats.fetch_add(1, Ordering::Relaxed);
        tail.extend_from_slice(piece);
        if tail.windows(DONE.len()).any(|window| window == DONE) {
            self.done.store(true, Ordering::Relaxed);
        }
        tail.drain(..tail.len().saturating_sub(DONE.len() - 1));
    }
}

/// The same response, felt as it passes.
fn watched(response: reqwest::Response, pulse: Arc<Pulse>) -> reqwest::Response {
    let mut head = hyper::Response::new(());
    *head.status_mut() = response.status();
    head.headers_mut().clone_from(response.headers());
    let mut tail = Vec::new();
    let bytes = response.bytes_stream().inspect(move |piece| {
        if let Ok(piece) = piece {
            pulse.feel(&mut tail, piece);
        }
    });
    head.map(|()| reqwest::Body::wrap_stream(bytes)).into()
}

/// What a failed response says.
async fn failed(response: reqwest::Response) -> OpenAIError {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let asks = retry::asked(header, jiff::Timestamp::now());
    let body = timeout(Duration::from_secs(10), response.text()).await.ok().and_then(Result::ok).unwrap_or_default();
    OpenAIError::Boxed(Box::new(Failure::Status { status, said: wire::said(&body), asks }))
}

/// An error of the library as one of ours.
fn told(error: OpenAIError) -> Failure {
    match error {
        OpenAIError::Boxed(inner) => match inner.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(other) => match other.downcast::<OpenAIError>() {
                Ok(inner) => told(*inner),
                Err(other) => Failure::broken("broken", other.to_string()),
            },
        },
        OpenAIError::Reqwest(error) => {
            let stage = if error.is_connect() { "connect" } else { "broken" };
            Failure::broken(stage, chain(&error.without_url()))
        }
        OpenAIError::JSONDeserialize(error, body) => {
            Failure::broken("not chat", format!("the answer is no JSON ({error}): {}", wire::said(&body)))
        }
        OpenAIError::ApiError(error) => Failure::Status { status: error.status_code.as_u16(), said: error.api_error.message, asks: None },
        other => Failure::broken("broken", other.to_string()),
    }
}

/// An error with its causes in one line: of a connection, the last says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = inner.source();
    }
    text
}
