//! The line to a language model: chat completions over HTTP, at any address that speaks them.
//!
//! The only place that knows a network or a key. Answers are read by types in which every field may be missing; failures are told apart, repeated
//! a bounded number of times and counted; a key never leaves for anything but its provider, and never comes back in a text.

mod client;
mod limiter;
mod retry;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::chat::secret::Secrets;
use crate::chat::{Answer, Endpoint, Line, LineError, NO_PROVIDER, Request};
use crate::seed::Seed;
use client::Failure;
use limiter::Limiter;
use retry::{Policy, Verdict};

/// One runtime for the whole process.
fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        // `ring` for all of TLS; somebody else in the process may have chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("harness-llm")
            .enable_io()
            .enable_time()
            .build()
            .expect("the system starts a thread")
    })
}

/// Models over HTTP.
pub struct Http {
    in_flight: usize,
    limiters: Mutex<BTreeMap<(String, String), Arc<Limiter>>>,
    /// Addresses and models that want `max_completion_tokens`.
    renamed: Mutex<BTreeSet<(String, String)>>,
    /// Addresses and models that will answer nothing any more, and why.
    blocked: Mutex<BTreeMap<(String, String), String>>,
    clients: Mutex<BTreeMap<String, reqwest::Client>>,
    answered: AtomicU64,
    stop: Arc<AtomicBool>,
}

impl Http {
    /// A line with at most so many requests at once; fewer while a provider says that they are too many. `stop` ends waiting.
    #[must_use]
    pub fn new(in_flight: usize, stop: Arc<AtomicBool>) -> Self {
        Self {
            in_flight,
            limiters: Mutex::default(),
            renamed: Mutex::default(),
            blocked: Mutex::default(),
            clients: Mutex::default(),
            answered: AtomicU64::new(0),
            stop,
        }
    }

    /// Requests allowed at once right now, of the model that is allowed fewest.
    #[must_use]
    pub fn allowed(&self) -> usize {
        let limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        limiters.values().map(|limiter| limiter.allowed()).min().unwrap_or(self.in_flight)
    }

    /// The limiter of a model: what one provider takes for too many says nothing of another.
    fn limiter(&self, of: &(String, String)) -> Arc<Limiter> {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(limiters.entry(of.clone()).or_insert_with(|| Arc::new(Limiter::new(self.in_flight))))
    }

    fn http(&self, to: &Endpoint) -> Result<reqwest::Client, LineError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}", to.connect_seconds);
        if let Some(client) = clients.get(&name) {
            return Ok(client.clone());
        }
        // A redirect would carry the key along.
        let built = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs_f64(to.connect_seconds))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("incident-harness/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = built.map_err(|error| LineError::Blocked { why: format!("no HTTP client: {error}") })?;
        clients.insert(name, client.clone());
        Ok(client)
    }

    async fn attempts(
        &self,
        to: &Endpoint,
        request: &Request,
        key: Option<&str>,
        secrets: &Secrets,
        failures: &AtomicU32,
    ) -> Result<Answer, LineError> {
        let http = self.http(to)?;
        let name = (to.base_url.clone(), request.model.clone());
        let limiter = self.limiter(&name);
        let mut policy = Policy::new(to.retries, Seed::derive(["retry", &request.key()]), self.answered.load(Ordering::Relaxed));
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Err(LineError::Cancelled);
            }
            let slot = limiter.enter(&self.stop).await?;
            let renamed = self.renamed.lock().unwrap_or_else(PoisonError::into_inner).contains(&name);
            let exchange = std::pin::pin!(client::exchange(&http, to, request, key, renamed));
            let result = match select(exchange, std::pin::pin!(self.stopped())).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => return Err(LineError::Cancelled),
            };
            drop(slot);
            let failure = match result {
                Ok(completion) => {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    limiter.went_well();
                    let (completion, source) = wire::clean(completion, secrets);
                    return Ok(Answer { completion, source, replayed: false, retries: policy.failed() });
                }
                Err(failure) => failure.map_text(|text| wire::short(secrets.clean(&text))),
            };
            if !renamed && wants_other_name(&failure) {
                self.renamed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
                continue;
            }
            failures.fetch_add(1, Ordering::Relaxed);
            match policy.after(&failure, self.answered.load(Ordering::Relaxed)) {
                Verdict::Again(wait) => {
                    match failure {
                        Failure::Status { status: 429, .. } => limiter.too_many(wait),
                        _ => limiter.went_badly(),
                    }
                    self.rest(wait).await?;
                }
                Verdict::Final(error) => return Err(self.explained(error, &failure, to, request)),
            }
        }
    }

    /// Waits, unless somebody asks to stop.
    async fn rest(&self, wait: Duration) -> Result<(), LineError> {
        tokio::time::timeout(wait, self.stopped()).await.map_or(Ok(()), |()| Err(LineError::Cancelled))
    }

    /// Comes back when somebody asks to stop, and never otherwise.
    async fn stopped(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A failure for good, with the way out; asking the same again would be in vain.
    fn explained(&self, error: LineError, failure: &Failure, to: &Endpoint, request: &Request) -> LineError {
        let (LineError::Blocked { why }, Failure::Status { status, .. }) = (&error, failure) else { return error };
        let way_out = match (status, &to.api_key_env) {
            (401 | 403, Some(name)) if std::env::var(name).is_ok() => format!("check the key in {name}"),
            (401 | 403, Some(name)) => format!("set {name}"),
            (401 | 403, None) => "name the variable that holds its key with api_key_env (--api-key-env)".to_owned(),
            (404, _) if why.contains("tool use") => "choose a model with tool calls, or `tool_mode: prompted`".to_owned(),
            (404, _) => format!("check the address and the model `{}`", request.model),
            _ => "the provider will not answer until this is settled".to_owned(),
        };
        let why = format!("{} {why}: {way_out}", to.base_url);
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        blocked.insert((to.base_url.clone(), request.model.clone()), why.clone());
        LineError::Blocked { why }
    }
}

impl Line for Http {
    fn complete(&self, to: &Endpoint, request: &Request) -> Result<Answer, LineError> {
        if to.base_url.is_empty() {
            return Err(LineError::Blocked { why: NO_PROVIDER.to_owned() });
        }
        let known = self.blocked.lock().unwrap_or_else(PoisonError::into_inner).get(&(to.base_url.clone(), request.model.clone())).cloned();
        if let Some(why) = known {
            return Err(LineError::Blocked { why });
        }
        let secrets = Secrets::of_variables(to.api_key_env.as_deref());
        let key = to.api_key_env.as_ref().and_then(|name| std::env::var(name).ok()).map(|key| key.trim().to_owned());
        let failures = AtomicU32::new(0);
        let attempts = self.attempts(to, request, key.as_deref().filter(|key| !key.is_empty()), &secrets, &failures);
        let Some(seconds) = to.deadline_seconds else { return runtime().block_on(attempts) };
        let limited = async { tokio::time::timeout(Duration::from_secs_f64(seconds.max(0.0)), attempts).await };
        runtime().block_on(limited).unwrap_or_else(|_| match failures.load(Ordering::Relaxed) {
            0 => Err(LineError::Deadline),
            // Time that a provider took by failing is not the agent's.
            failed => Err(LineError::Down { stage: "deadline", why: "the deadline passed between failures".to_owned(), attempts: failed }),
        })
    }
}

/// Whether a model takes the limit of its answer by its newer name only.
fn wants_other_name(failure: &Failure) -> bool {
    matches!(failure, Failure::Status { status: 400, said, .. } if said.contains("max_completion_tokens"))
}
