//! Cassettes: recorded answers of language models, so that a run can be repeated offline, for nothing, byte by byte.
//!
//! A recording is found by the content of its request ([`Request::key`]): model, messages without the ids that providers make up, tools,
//! parameters, epoch. One file per scenario; messages and tools that requests share stand in it once. Refusals and failures are not recorded: they
//! would be replayed for ever. What holds a secret is not written, and the answer is not used either.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::secret::Secrets;
use crate::chat::{Answer, Completion, Endpoint, Line, LineError, Request, Source};
use crate::seed::digest;

/// Whether answers are read from recordings, and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Neither.
    Off,
    /// Every request is sent, and its answer recorded in place of the one before.
    Record,
    /// Only recorded answers; a request without one fails, and tells how it differs from the nearest.
    Replay,
    /// Recorded answers where there are any; the others are sent and recorded.
    Auto,
}

impl Mode {
    /// Every mode by its name.
    pub const ALL: [(&'static str, Self); 4] =
        [("off", Self::Off), ("record", Self::Record), ("replay", Self::Replay), ("auto", Self::Auto)];

    /// Whether requests may leave the machine.
    #[must_use]
    pub const fn asks(self) -> bool {
        !matches!(self, Self::Replay)
    }
}

/// Cassettes that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is not one of a cassette.
    #[error("{path}:{line}: not a line of a cassette ({source}): record it again or restore the file")]
    Line {
        /// The file.
        path: String,
        /// Its number, from 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A line names a text that the file does not hold.
    #[error("{path}:{line}: names `{digest}`, which the file does not hold: record it again or restore the file")]
    Torn {
        /// The file.
        path: String,
        /// Its number, from 1.
        line: usize,
        /// What is missing.
        digest: String,
    },
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Entry {
    /// A message or a list of tools that recordings name by its digest.
    Text {
        digest: String,
        value: Value,
    },
    Recording(Box<Recording>),
}

/// One request and its answer, or that the provider rejects it: what a conversation goes on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recording {
    key: String,
    source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rejected: Option<Rejected>,
    /// The request but for messages and tools.
    request: Value,
    tools: String,
    messages: Vec<String>,
    answer: Completion,
}

/// A request that a provider takes for a bad one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rejected {
    /// HTTP status; absent: the conversation was too long.
    status: Option<u16>,
    why: String,
}

impl Recording {
    fn answered(&self) -> Result<Answer, LineError> {
        match &self.rejected {
            None => Ok(Answer { completion: self.answer.clone(), source: self.source, replayed: true, retries: 0 }),
            Some(Rejected { status: Some(status), why }) => Err(LineError::Rejected { status: *status, why: why.clone() }),
            Some(Rejected { status: None, why }) => Err(LineError::TooLong { why: why.clone() }),
        }
    }
}

/// The recordings of one scenario.
#[derive(Default)]
struct Tape {
    texts: BTreeMap<String, Value>,
    recordings: BTreeMap<String, Recording>,
    /// Keys recorded since the tape was opened: the same request gets the same answer from then on, also while recording.
    fresh: BTreeSet<String>,
    /// Keys that somebody is asking for.
    asked: BTreeSet<String>,
}

/// A tape, and whoever waits for an answer that another is asking for.
#[derive(Default)]
struct Shared {
    tape: Mutex<Tape>,
    done: Condvar,
}

/// A folder of cassettes.
pub struct Cassettes {
    folder: PathBuf,
    mode: Mode,
    secrets: Secrets,
    open: Mutex<BTreeMap<String, Arc<Shared>>>,
}

impl Cassettes {
    /// A folder of cassettes; `secrets` never enter it.
    #[must_use]
    pub fn new(folder: PathBuf, mode: Mode, secrets: Secrets) -> Self {
        Self { folder, mode, secrets, open: Mutex::default() }
    }

    /// Whether requests may leave the machine.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What is recorded of a scenario.
    ///
    /// # Errors
    /// [`CassetteError`] when its file cannot be read.
    pub fn recorded(&self, scenario: &str) -> Result<Recorded, CassetteError> {
        let shared = self.tape(scenario)?;
        let tape = shared.tape.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recorded = Recorded::default();
        for one in tape.recordings.values() {
            let first = one.messages.iter().all(|name| tape.texts.get(name).is_some_and(|text| text.get("assistant").is_none()));
            recorded.conversations += u64::from(first);
            recorded.prompt_tokens += one.answer.usage.map_or(0, |usage| usage.prompt);
            recorded.completion_tokens += one.answer.usage.map_or(0, |usage| usage.completion);
        }
        Ok(recorded)
    }

    /// The line of one scenario: recordings before whatever is behind.
    ///
    /// # Errors
    /// [`CassetteError`] when its file cannot be read.
    pub fn line<'a>(&'a self, scenario: &str, behind: &'a dyn Line) -> Result<Replaying<'a>, CassetteError> {
        let tape = self.tape(scenario)?;
        Ok(Replaying { cassettes: self, tape, file: self.folder.join(format!("{scenario}.jsonl")), behind })
    }

    fn tape(&self, scenario: &str) -> Result<Arc<Shared>, CassetteError> {
        let name = format!("{scenario}.jsonl");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !open.contains_key(&name) {
            let tape = if self.mode == Mode::Off { Tape::default() } else { Tape::read(&self.folder.join(&name))? };
            open.insert(name.clone(), Arc::new(Shared { tape: Mutex::new(tape), done: Condvar::new() }));
        }
        Ok(Arc::clone(&open[&name]))
    }
}

/// What is recorded of one scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Conversations: recordings of a first request.
    pub conversations: u64,
    /// Tokens of all requests, where providers said.
    pub prompt_tokens: u64,
    /// Tokens of all answers.
    pub completion_tokens: u64,
}

/// A line that answers from recordings.
pub struct Replaying<'a> {
    cassettes: &'a Cassettes,
    tape: Arc<Shared>,
    file: PathBuf,
    behind: &'a dyn Line,
}

impl Line for Replaying<'_> {
    fn complete(&self, to: &Endpoint, request: &Request) -> Result<Answer, LineError> {
        let mode = self.cassettes.mode;
        if mode == Mode::Off {
            return self.behind.complete(to, request);
        }
        let key = request.key();
        let mut tape = self.lock();
        loop {
            let known = tape.recordings.get(&key).filter(|_| mode != Mode::Record || tape.fresh.contains(&key));
            if let Some(found) = known {
                return found.answered();
            }
            if mode == Mode::Replay {
                return Err(LineError::NotRecorded { why: format!("{}: {}", self.file.display(), tape.nearest(request)) });
            }
            if tape.asked.insert(key.clone()) {
                break;
            }
            tape = self.tape.done.wait(tape).unwrap_or_else(PoisonError::into_inner);
        }
        drop(tape);
        let answered = self.ask(to, request);
        self.lock().asked.remove(&key);
        self.tape.done.notify_all();
        answered
    }
}

impl Replaying<'_> {
    fn lock(&self) -> MutexGuard<'_, Tape> {
        self.tape.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whoever is behind, and keeps what came of it. What may not be kept is not sent.
    fn ask(&self, to: &Endpoint, request: &Request) -> Result<Answer, LineError> {
        let canonical = request.canonical();
        self.scan(&canonical.to_string())?;
        let answer = self.behind.complete(to, request);
        let (completion, source, rejected) = match &answer {
            Ok(answer) if is_answer(&answer.completion) => (answer.completion.clone(), answer.source, None),
            // A conversation goes on from these, so that it can be replayed with them only.
            Err(LineError::Rejected { status, why }) => {
                (Completion::default(), Source::Model, Some(Rejected { status: Some(*status), why: why.clone() }))
            }
            Err(LineError::TooLong { why }) => (Completion::default(), Source::Model, Some(Rejected { status: None, why: why.clone() })),
            _ => return answer,
        };
        self.scan(&serde_json::to_string(&(&completion, &rejected)).unwrap_or_default())?;
        let mut tape = self.lock();
        tape.add(canonical, completion, source, rejected);
        // A run that is killed keeps what it paid for.
        let written = tape.write(&self.file);
        written.map_err(|error| LineError::Down { stage: "recording", why: error.to_string(), attempts: 1 })?;
        answer
    }

    fn scan(&self, text: &str) -> Result<(), LineError> {
        match self.cassettes.secrets.found_in(text) {
            Some(what) => Err(LineError::Secret { why: format!("{}: not recorded, it would hold {what}", self.file.display()) }),
            None => Ok(()),
        }
    }
}

/// Refusals are no answers: the next time may do.
fn is_answer(completion: &Completion) -> bool {
    let refused = completion.refusal.as_ref().is_some_and(|text| !text.trim().is_empty());
    !refused && completion.finish.as_deref() != Some("content_filter")
}

impl Tape {
    fn read(path: &Path) -> Result<Self, CassetteError> {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(CassetteError::Io { path: name, source }),
        };
        let mut tape = Self::default();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line).map_err(|source| CassetteError::Line { path: name.clone(), line: at + 1, source })? {
                Entry::Text { digest, value } => {
                    tape.texts.insert(digest, value);
                }
                Entry::Recording(recording) => {
                    if let Some(missing) =
                        recording.messages.iter().chain([&recording.tools]).find(|digest| !tape.texts.contains_key(*digest))
                    {
                        return Err(CassetteError::Torn { path: name, line: at + 1, digest: missing.clone() });
                    }
                    tape.recordings.insert(recording.key.clone(), *recording);
                }
            }
        }
        Ok(tape)
    }

    fn add(&mut self, mut request: Value, answer: Completion, source: Source, rejected: Option<Rejected>) {
        let key = digest(request.to_string().as_bytes(), 16);
        self.fresh.insert(key.clone());
        let mut keep = |value: Value| {
            let name = digest(value.to_string().as_bytes(), 12);
            self.texts.entry(name.clone()).or_insert(value);
            name
        };
        let tools = keep(request["tools"].take());
        let messages = request["messages"].take().as_array().into_iter().flatten().cloned().map(&mut keep).collect();
        if let Some(fields) = request.as_object_mut() {
            fields.remove("tools");
            fields.remove("messages");
        }
        let recording = Recording { key: key.clone(), source, rejected, request, tools, messages, answer };
        self.recordings.insert(key, recording);
    }

    /// Texts that no recording names are left out.
    fn write(&self, path: &Path) -> Result<(), CassetteError> {
        let failed = |source| CassetteError::Io { path: path.display().to_string(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let named =
            |name: &str| self.recordings.values().any(|one| one.tools == name || one.messages.iter().any(|message| message == name));
        let texts = self.texts.iter().filter(|(name, _)| named(name));
        let texts = texts.map(|(name, value)| Entry::Text { digest: name.clone(), value: value.clone() });
        let recordings = self.recordings.values().map(|one| Entry::Recording(Box::new(one.clone())));
        let mut bytes = Vec::new();
        for entry in texts.chain(recordings) {
            serde_json::to_writer(&mut bytes, &entry).map_err(|error| failed(error.into()))?;
            bytes.push(b'\n');
        }
        // All or nothing: a torn file would cost every recording in it.
        let beside = path.with_extension("jsonl.new");
        std::fs::write(&beside, bytes).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }

    /// How a request differs from the nearest recording.
    fn nearest(&self, request: &Request) -> String {
        let wanted = request.canonical();
        let messages: Vec<Value> = wanted["messages"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = messages.iter().map(|message| digest(message.to_string().as_bytes(), 12)).collect();
        let same = |one: &Recording| std::iter::zip(&names, &one.messages).take_while(|(a, b)| a == b).count();
        let rank =
            |one: &&Recording| (same(one), usize::MAX - one.messages.len().abs_diff(names.len()), one.request["epoch"] == wanted["epoch"]);
        // Of equals the first key, so that the same miss tells the same.
        let Some(best) = self.recordings.values().rev().max_by_key(rank) else {
            return "nothing is recorded; record with --cassettes record".to_owned();
        };
        let shared = same(best);
        for field in ["model", "epoch", "temperature", "seed", "max_tokens", "choice", "parallel_tool_calls"] {
            if best.request[field] != wanted[field] && shared == names.len() && best.messages.len() == names.len() {
                return format!(
                    "not recorded: `{field}` is {}, in the nearest recording {} {}",
                    wanted[field], best.key, best.request[field]
                );
            }
        }
        if shared == names.len() && shared == best.messages.len() {
            return format!("not recorded: the tools differ from those of the nearest recording {}", best.key);
        }
        let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), words);
        let recorded = best.messages.get(shared).and_then(|name| self.texts.get(name));
        let (ours, theirs) = (text(messages.get(shared)), text(recorded));
        let line = std::iter::zip(ours.lines(), theirs.lines()).find(|(a, b)| a != b);
        let (ours, theirs) = line.unwrap_or((ours.lines().last().unwrap_or_default(), theirs.lines().last().unwrap_or_default()));
        let (ours, theirs) = differing(ours, theirs);
        format!(
            "not recorded: message {} of {} differs from the nearest recording {} (of {})\n  recorded: {theirs}\n  now:      {ours}",
            shared + 1,
            names.len(),
            best.key,
            best.messages.len(),
        )
    }
}

/// The text of a message with who says it.
fn words(message: &Value) -> String {
    let Some((role, said)) = message.as_object().and_then(|fields| fields.iter().next()) else { return message.to_string() };
    match said {
        Value::String(text) => format!("{role}: {text}"),
        other => {
            format!("{role}: {}", other["text"].as_str().filter(|text| !text.is_empty()).map_or_else(|| other.to_string(), str::to_owned))
        }
    }
}

/// Two lines from shortly before they differ.
fn differing(a: &str, b: &str) -> (String, String) {
    let same = std::iter::zip(a.chars(), b.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(30);
    let part = |text: &str| {
        let shown: String = text.chars().skip(from).take(110).collect();
        format!("{}{shown}{}", if from > 0 { "…" } else { "" }, if text.chars().count() > from + 110 { "…" } else { "" })
    };
    (part(a), part(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Choice, Message};

    /// Answers with the number of the request.
    struct Counting(Mutex<u32>);

    impl Line for Counting {
        fn complete(&self, _: &Endpoint, request: &Request) -> Result<Answer, LineError> {
            let mut number = self.0.lock().expect("one thread");
            *number += 1;
            let refused = request.messages.contains(&Message::User("refuse".to_owned()));
            let completion =
                Completion { text: Some(format!("answer {number}")), refusal: refused.then(|| "no".to_owned()), ..Completion::default() };
            Ok(Answer { completion, source: Source::Scripted, replayed: false, retries: 0 })
        }
    }

    fn request(text: &str) -> Request {
        Request {
            model: "m".to_owned(),
            messages: vec![Message::System("look".to_owned()), Message::User(text.to_owned())],
            tools: Vec::new(),
            choice: Choice::Auto,
            temperature: None,
            seed: None,
            max_tokens: 9,
            parallel_tool_calls: None,
            epoch: 0,
        }
    }

    fn said(folder: &Path, mode: Mode, behind: &Counting, text: &str) -> Result<String, LineError> {
        let cassettes = Cassettes::new(folder.to_path_buf(), mode, Secrets::default());
        let line = cassettes.line("a", behind).expect("a readable file");
        line.complete(&Endpoint::default(), &request(text)).map(|answer| answer.completion.text.expect("a text"))
    }

    #[test]
    fn what_was_recorded_is_answered_without_asking() {
        let folder = tempfile::tempdir().expect("a folder");
        let behind = Counting(Mutex::new(0));
        assert_eq!(said(folder.path(), Mode::Record, &behind, "why").as_deref(), Ok("answer 1"));
        assert_eq!(said(folder.path(), Mode::Replay, &behind, "why").as_deref(), Ok("answer 1"));
        assert_eq!(said(folder.path(), Mode::Auto, &behind, "why").as_deref(), Ok("answer 1"));
        assert_eq!(said(folder.path(), Mode::Auto, &behind, "when").as_deref(), Ok("answer 2"));
        assert_eq!(said(folder.path(), Mode::Record, &behind, "why").as_deref(), Ok("answer 3"), "recording asks again");
        assert_eq!(said(folder.path(), Mode::Off, &behind, "why").as_deref(), Ok("answer 4"));
    }

    #[test]
    fn a_miss_shows_where_the_nearest_recording_differs() {
        let folder = tempfile::tempdir().expect("a folder");
        let behind = Counting(Mutex::new(0));
        said(folder.path(), Mode::Record, &behind, "Now: 2024-03-01\nAlert: tickets paged on 2024-03-01").expect("an answer");
        let error = said(folder.path(), Mode::Replay, &behind, "Now: 2024-03-01\nAlert: tickets paged on 2024-03-02").expect_err("a miss");
        let text = error.to_string();
        assert!(text.contains("message 2 of 2 differs") && text.contains("paged on 2024-03-02"), "{text}");
        assert_eq!(*behind.0.lock().expect("one thread"), 1, "nobody was asked");
    }

    #[test]
    fn the_same_request_is_asked_once_also_while_recording_and_by_many_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let behind = Counting(Mutex::new(0));
        let cassettes = Cassettes::new(folder.path().to_path_buf(), Mode::Record, Secrets::default());
        let texts: Vec<String> = std::thread::scope(|scope| {
            let ask = || {
                let line = cassettes.line("a", &behind).expect("a readable file");
                line.complete(&Endpoint::default(), &request("why")).expect("an answer").completion.text.expect("a text")
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        assert!(texts.iter().all(|text| text == "answer 1"), "{texts:?}");
    }

    #[test]
    fn a_rejected_request_is_recorded_because_conversations_go_on_from_it() {
        struct Rejecting;
        impl Line for Rejecting {
            fn complete(&self, _: &Endpoint, _: &Request) -> Result<Answer, LineError> {
                Err(LineError::Rejected { status: 400, why: "no named choice".to_owned() })
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let asked = |mode| {
            let cassettes = Cassettes::new(folder.path().to_path_buf(), mode, Secrets::default());
            cassettes.line("a", &Rejecting).expect("a readable file").complete(&Endpoint::default(), &request("why")).expect_err("rejected")
        };
        let first = asked(Mode::Record);
        assert_eq!((asked(Mode::Replay), first.to_string().contains("no named choice")), (first.clone(), true));
    }

    #[test]
    fn refusals_are_not_recorded() {
        let folder = tempfile::tempdir().expect("a folder");
        let behind = Counting(Mutex::new(0));
        said(folder.path(), Mode::Record, &behind, "refuse").expect("an answer");
        assert!(said(folder.path(), Mode::Replay, &behind, "refuse").is_err());
    }

    #[test]
    fn a_secret_is_not_written_and_its_answer_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let behind = Counting(Mutex::new(0));
        let error = said(folder.path(), Mode::Record, &behind, "my key is sk-proj-abcd1234efgh5678ijkl").expect_err("a secret");
        assert!(matches!(&error, LineError::Secret { why } if !why.contains("abcd1234")), "{error}");
        assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "nothing was written");
    }

    #[test]
    fn the_same_recordings_are_the_same_bytes_in_any_order() {
        let bytes = |order: [&str; 2]| {
            let folder = tempfile::tempdir().expect("a folder");
            for text in order {
                // Each with an answer of its own number, so that the order of asking does not matter either.
                said(folder.path(), Mode::Auto, &Counting(Mutex::new(0)), text).expect("an answer");
            }
            std::fs::read(folder.path().join("a.jsonl")).expect("a file")
        };
        assert_eq!(bytes(["one", "two"]), bytes(["two", "one"]));
    }

    #[test]
    fn a_broken_line_is_told_with_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.jsonl"), "{\"text\": 1}\n").expect("a file");
        let cassettes = Cassettes::new(folder.path().to_path_buf(), Mode::Replay, Secrets::default());
        let error = cassettes.line("a", &Counting(Mutex::new(0))).err().expect("no cassette").to_string();
        assert!(error.contains("a.jsonl:1: not a line of a cassette"), "{error}");
    }
}
