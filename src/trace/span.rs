//! A span as data: identifiers, times, OpenInference attributes. Knows neither a wire format nor a collector.

use std::collections::BTreeMap;

use crate::record::Clock;
use crate::seed::Seed;

/// Sixteen bytes.
pub type TraceId = [u8; 16];
/// Eight bytes.
pub type SpanId = [u8; 8];

pub(super) const TEXT: &str = "text/plain";
pub(super) const JSON: &str = "application/json";

/// `openinference.span.kind`, as far as it is used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A run, a job.
    Chain,
    /// An agent at its desk.
    Agent,
    /// A turn with a model.
    Llm,
    /// A call of a tool.
    Tool,
}

impl Kind {
    /// As the specification writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Chain => "CHAIN",
            Self::Agent => "AGENT",
            Self::Llm => "LLM",
            Self::Tool => "TOOL",
        }
    }
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Count(i64),
    /// Several texts.
    Texts(Vec<String>),
}

/// Why a span did not end well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// `exception.type`.
    pub kind: String,
    /// `exception.message`.
    pub message: String,
}

/// The identifiers of one trace: SHA-256 of the names of its job.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    seed: Seed,
}

impl Ids {
    /// Of a job, named by parts.
    #[must_use]
    pub fn new(job: &[&str]) -> Self {
        Self { seed: Seed::derive(["trace"].iter().chain(job)) }
    }

    /// Of the trace: the first sixteen bytes.
    #[must_use]
    pub fn trace(&self) -> TraceId {
        std::array::from_fn(|at| self.seed.bytes()[at])
    }

    /// The same in hexadecimal digits.
    #[must_use]
    pub fn trace_hex(&self) -> String {
        hex(&self.trace())
    }

    /// Of a step within it.
    #[must_use]
    pub fn span(&self, step: &str) -> SpanId {
        let bytes = self.seed.child(step).bytes();
        std::array::from_fn(|at| bytes[at])
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nanoseconds since 1970 of a moment of a job, counted in seconds from its beginning. Microseconds are what clocks keep.
pub(super) fn nanos(clock: &Clock, seconds: f64) -> u64 {
    let micros = |seconds: f64| (seconds * 1e6).round().max(0.0) as u64;
    (micros(clock.started.unwrap_or(0.0)) + micros(seconds)) * 1000
}

/// One span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Itself.
    pub id: SpanId,
    /// The span around it, in the same trace.
    pub parent: Option<SpanId>,
    /// What people read first.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Beginning, in nanoseconds since 1970.
    pub from: u64,
    /// End.
    pub to: u64,
    /// By name, flattened as OpenInference has it.
    pub attributes: BTreeMap<String, Value>,
    /// Why it did not end well; absent: status OK.
    pub error: Option<Exception>,
    /// Spans of other traces that it belongs to.
    pub links: Vec<(TraceId, SpanId)>,
}

impl Span {
    /// A span without time and content.
    #[must_use]
    pub fn new(ids: &Ids, step: &str, name: String, kind: Kind) -> Self {
        let attributes = BTreeMap::from([("openinference.span.kind".to_owned(), Value::Text(kind.word().to_owned()))]);
        let (trace, id) = (ids.trace(), ids.span(step));
        Self { trace, id, parent: None, name, kind, from: 0, to: 0, attributes, error: None, links: Vec::new() }
    }

    /// Sets an attribute.
    pub fn set(&mut self, name: impl Into<String>, value: Value) {
        self.attributes.insert(name.into(), value);
    }

    /// Sets a text.
    pub fn text(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.set(name, Value::Text(value.into()));
    }

    /// Sets what went in.
    pub fn input(&mut self, value: &str, mime: &str) {
        self.text("input.value", value);
        self.text("input.mime_type", mime);
    }

    /// Sets what came out.
    pub fn output(&mut self, value: &str, mime: &str) {
        self.text("output.value", value);
        self.text("output.mime_type", mime);
    }

    /// A text attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name)? {
            Value::Text(text) => Some(text),
            Value::Count(_) | Value::Texts(_) => None,
        }
    }

    /// About how many bytes it takes on the wire.
    pub(super) fn size(&self) -> usize {
        let of = |(name, value): (&String, &Value)| {
            name.len()
                + match value {
                    Value::Text(text) => text.len(),
                    Value::Count(_) => 8,
                    Value::Texts(texts) => texts.iter().map(String::len).sum(),
                }
        };
        100 + self.attributes.iter().map(of).sum::<usize>()
    }
}
