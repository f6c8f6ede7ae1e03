//! The server: listens on a thread of its own, keeps what it received, stops when dropped.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::answer::{self, Answer};
use super::body::{ClosedByScript, End, Scripted};
use super::script::Script;
use super::{MockError, failure};

/// A scripted server that runs until it is dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A request as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body; `null` when there is none, and a string when it is not JSON.
    pub body: Value,
    /// What answered: `rule 1`, `turn 0`, `forced submit_report`, `models`, …
    pub answered_by: String,
}

impl Received {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Received {
    /// Without the secret that a request may carry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |name: &str| name == AUTHORIZATION.as_str() || name.contains("key") || name == "cookie";
        let shown = |(name, value): &(String, String)| (name.clone(), if secret(name) { "[hidden]".to_owned() } else { value.clone() });
        let headers: Vec<(String, String)> = self.headers.iter().map(shown).collect();
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &headers)
            .field("body", &self.body)
            .field("answered_by", &self.answered_by)
            .finish()
    }
}

struct State {
    script: Script,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    received: Vec<Received>,
    /// How often each body has come, by digest.
    attempts: BTreeMap<String, u32>,
    log: Option<File>,
}

impl Server {
    /// Starts to listen; port 0 takes any free one.
    ///
    /// # Errors
    /// [`MockError::Listen`] when the address is taken or not ours.
    pub fn start(script: Script, address: SocketAddr) -> Result<Self, MockError> {
        Self::run(script, address, None)
    }

    /// The same, with a line of JSON per request, without its headers, appended to a file.
    ///
    /// # Errors
    /// [`MockError::Log`] when the file cannot be written, [`MockError::Listen`] when the address is taken or not ours.
    pub fn start_logged(script: Script, address: SocketAddr, log: &Path) -> Result<Self, MockError> {
        let file = File::options().create(true).append(true).open(log);
        let file = file.map_err(|source| MockError::Log { file: log.to_owned(), source })?;
        Self::run(script, address, Some(file))
    }

    fn run(script: Script, address: SocketAddr, log: Option<File>) -> Result<Self, MockError> {
        let failed = |source| MockError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let state = Arc::new(State { script, seen: Mutex::new(Seen { log, ..Seen::default() }) });
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(accept(listener, shared));
                // A sender that is gone is a server that was dropped.
                let _ = stopped.await;
            });
        };
        let thread = std::thread::Builder::new().name("mock-llm".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Where clients find it: `http://127.0.0.1:PORT/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Everything received so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.state.seen().received.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server has been printed by its thread.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl State {
    /// What was seen; a panic elsewhere does not make it less true.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener that does not block, within a runtime");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // A client that went away, or too many open files: no reason to stop, and the latter takes a while.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small events are sent at once, as by servers in the field.
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(Arc::clone(&state), request));
            // Closed by the script or by the client.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn serve(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Scripted>, ClosedByScript> {
    let (head, body) = request.into_parts();
    // A body that is cut off is answered by nobody.
    let body = body.collect().await.map_err(|_| ClosedByScript)?.to_bytes();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let received = Received {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: match body.len() {
            0 => Value::Null,
            _ => serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()),
        },
        answered_by: String::new(),
    };
    let answer = state.answer(&head.method, received);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    match answer.before_headers {
        End::Whole => Ok(response(answer)),
        End::Closed => Err(ClosedByScript),
        End::Hangs => std::future::pending().await,
    }
}

fn response(answer: Answer) -> Response<Scripted> {
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &answer.headers {
        // A placeholder may have brought characters that no header can hold.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

impl State {
    /// Chooses the answer and keeps the request, in the order requests came.
    fn answer(&self, method: &Method, mut received: Received) -> Answer {
        let mut seen = self.seen();
        let path = received.path.strip_prefix("/v1").unwrap_or(&received.path);
        let (answer, attempt) = match (method.as_str(), path) {
            ("POST", "/chat/completions") if received.body.is_object() => {
                let digest = digest(&received.body);
                let attempt = seen.attempts.entry(digest.clone()).or_default();
                *attempt += 1;
                (answer::to_chat(&self.script, received.body.clone(), *attempt, &digest), Some(*attempt))
            }
            ("POST", "/chat/completions") => {
                (answer::failed("request refused", 400, &failure::invalid("the body is not a JSON object")), None)
            }
            ("GET", "/models") => (answer::models(&self.script), None),
            ("GET", "/healthz") => (answer::json_body("healthz", 200, &json!({"status": "ok"})), None),
            (_, "/chat/completions" | "/models" | "/healthz") => {
                (answer::failed("wrong method", 405, &failure::invalid(format!("{method} is not allowed here"))), None)
            }
            _ => {
                let why = format!("no `{}` here; there are POST /v1/chat/completions, GET /v1/models, GET /healthz", received.path);
                (answer::failed("unknown path", 404, &failure::unknown_path(why)), None)
            }
        };
        received.answered_by.clone_from(&answer.by);
        seen.note(&received, &answer, attempt);
        seen.received.push(received);
        answer
    }
}

impl Seen {
    /// A line of the log. Headers stay out of it: one of them is a secret.
    fn note(&mut self, received: &Received, answer: &Answer, attempt: Option<u32>) {
        let number = self.received.len() + 1;
        let Some(log) = &mut self.log else { return };
        let line = json!({
            "request": number, "method": received.method, "path": received.path, "attempt": attempt,
            "answered_by": answer.by, "status": answer.status, "body": received.body,
        });
        // A full disk does not change what the model says.
        let _ = log.write_all(format!("{line}\n").as_bytes());
    }
}

/// Twelve hexadecimal digits over a body; the order of its fields does not matter.
fn digest(body: &Value) -> String {
    Sha256::digest(body.to_string().as_bytes()).iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
