//! Traces: what a collector receives of a run and of an investigation, read from the bytes it was sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex, OnceLock};

use incident_harness::agent::Trajectory;
use incident_harness::chat::{Choice, Completion, Message, Source, ToolCall, Turn, Usage};
use incident_harness::record::Clock;
use incident_harness::tool::{Call, ToolReply};
use incident_harness::trace::{Alone, Hide, REDACTED, Trace, encode, of_investigation};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::run::{code, harness, small_library, stderr, stdout};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    path: String,
    headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// A collector on a port of its own; answers by path and by how often that was asked for.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    received: Arc<Mutex<Vec<Request>>>,
}

impl Collector {
    fn new(answer: fn(&str, usize) -> (u16, &'static str)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::<Request>::new()));
        let all = Arc::clone(&received);
        // Ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                std::thread::spawn(move || serve(stream, &all, answer));
            }
        });
        Self { endpoint, received }
    }

    pub(crate) fn usual() -> Self {
        Self::new(|_, _| (200, ""))
    }

    pub(crate) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.received.lock().expect("no test panics while it holds it"))
    }
}

fn serve(stream: TcpStream, received: &Mutex<Vec<Request>>, answer: fn(&str, usize) -> (u16, &'static str)) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let path = line.split(' ').nth(1).expect("a path").to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().expect("a length")];
        reader.read_exact(&mut body).expect("a whole body");
        let mut all = received.lock().expect("no test panics while it holds it");
        let times = all.iter().filter(|request| request.path == path).count();
        all.push(Request { path: path.clone(), headers, body });
        drop(all);
        let (status, said) = answer(&path, times);
        write!(reader.get_mut(), "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{said}", said.len()).expect("an answer");
    }
}

pub(crate) fn spans(requests: &[Request]) -> Vec<Span> {
    let of_traces = requests.iter().filter(|request| request.path == "/v1/traces");
    let decoded = of_traces.map(|request| ExportTraceServiceRequest::decode(request.body.as_slice()).expect("a request of the protocol"));
    decoded.flat_map(|request| request.resource_spans).flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
}

fn scores(requests: &[Request]) -> Vec<Json> {
    let of_scores = requests.iter().filter(|request| request.path.starts_with("/v1/span_annotations"));
    let bodies = of_scores.map(|request| serde_json::from_slice::<Json>(&request.body).expect("JSON"));
    bodies.flat_map(|body| body["data"].as_array().expect("a list").clone()).collect()
}

pub(crate) fn attribute<'a>(span: &'a Span, name: &str) -> Option<&'a Value> {
    span.attributes.iter().find(|pair| pair.key == name)?.value.as_ref()?.value.as_ref()
}

pub(crate) fn text<'a>(span: &'a Span, name: &str) -> Option<&'a str> {
    match attribute(span, name)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

pub(crate) fn kind(span: &Span) -> &str {
    text(span, "openinference.span.kind").expect("every span has a kind")
}

/// The program, with no collector but the one that is given.
pub(crate) fn said(folder: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = harness(folder, arguments);
    let unset = ["PHOENIX_API_KEY", "PHOENIX_CLIENT_HEADERS", "PHOENIX_PROJECT_NAME", "HTTP_PROXY", "http_proxy"];
    for name in unset {
        command.env_remove(name);
    }
    command.envs(env.iter().copied()).output().expect("the program starts")
}

fn run(agents: &str, investigation: &str, extra: &[&str], env: &[(&str, &str)]) -> (TempDir, Output) {
    let folder = small_library(&["quiet/small-poisson.yaml", "segment_outage/one-queue-billing.yaml"]);
    let suite = format!(
        "format: 1\nid: s\nscenarios: [scenarios]\nseeds: {{role: dev, count: 1}}\nmodels: [seasonal-naive]\nagents: [{agents}]\ninvestigation: {{{investigation}}}\n"
    );
    fs::write(folder.path().join("suite.yaml"), suite).expect("a suite");
    let arguments: Vec<&str> = ["run", "suite.yaml"].into_iter().chain(extra.iter().copied()).collect();
    let ran = said(folder.path(), &arguments, env);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    (folder, ran)
}

/// One run for all tests that only export it.
fn usual() -> &'static Path {
    static RUN: OnceLock<TempDir> = OnceLock::new();
    RUN.get_or_init(|| run("latest-deploy, segment-scan", "end_to_end: [latest-deploy]", &[], &[]).0).path()
}

fn export(arguments: &[&str], env: &[(&str, &str)]) -> (Vec<Request>, Output) {
    let collector = Collector::usual();
    let arguments: Vec<&str> =
        ["trace", "results/latest", "--endpoint", &collector.endpoint].into_iter().chain(arguments.iter().copied()).collect();
    let ran = said(usual(), &arguments, env);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    (collector.take(), ran)
}

#[test]
fn a_run_is_a_trace_of_its_detections_and_each_job_one_of_agent_and_tools() {
    let (requests, ran) = export(&[], &[]);
    let spans = spans(&requests);
    let investigations = fs::read_to_string(usual().join("results/latest/investigations.jsonl")).expect("records");
    let jobs = investigations.lines().count();
    let by_id: BTreeMap<&[u8], &Span> = spans.iter().map(|span| (span.span_id.as_slice(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "identifiers are unique");
    assert!(spans.iter().all(|span| span.trace_id.len() == 16 && span.span_id.len() == 8 && span.kind == 1));

    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    assert_eq!(roots.len(), jobs + 1);
    assert_eq!(spans.iter().map(|span| &span.trace_id).collect::<BTreeSet<_>>().len(), roots.len(), "a trace each");
    let whole = roots.iter().find(|span| span.name.starts_with("run ")).expect("the run");
    for root in &roots {
        assert_eq!((kind(root), text(root, "session.id")), ("CHAIN", whole.name.strip_prefix("run ")));
        let linked = root.links.iter().any(|link| link.span_id == whole.span_id && link.trace_id == whole.trace_id);
        assert!(linked || root.span_id == whole.span_id, "{}", root.name);
    }
    for span in &spans {
        let Some(parent) = by_id.get(span.parent_span_id.as_slice()) else { continue };
        let nested = (kind(parent), kind(span));
        assert!([("CHAIN", "CHAIN"), ("CHAIN", "AGENT"), ("AGENT", "TOOL")].contains(&nested), "{nested:?}");
        assert_eq!(parent.trace_id, span.trace_id);
        let (from, to) = (span.start_time_unix_nano, span.end_time_unix_nano);
        assert!(parent.start_time_unix_nano <= from && from <= to && to <= parent.end_time_unix_nano, "{} in {}", span.name, parent.name);
    }
    let of = |kinds: &str| spans.iter().filter(|span| kind(span) == kinds).count();
    let detections = fs::read_to_string(usual().join("results/latest/detections.jsonl")).expect("records").lines().count();
    assert_eq!((of("CHAIN"), of("AGENT")), (1 + detections + jobs, jobs));
    assert!(of("TOOL") > jobs);
    assert!(stderr(&ran).contains(&format!("{} traces, {} spans, ", roots.len(), spans.len())), "{}", stderr(&ran));
}

#[test]
fn a_job_says_what_was_asked_and_answered_by_whom_and_how_that_was_scored() {
    let (requests, _) = export(&[], &[]);
    let (spans, scores) = (spans(&requests), scores(&requests));
    let is_oracle = |span: &&Span| span.name == "segment_outage/one-queue-billing.yaml oracle 0";
    let job = spans
        .iter()
        .filter(is_oracle)
        .find(|span| text(span, "metadata").is_some_and(|text| text.contains("segment-scan")))
        .expect("a job");
    assert!(text(job, "input.value").is_some_and(|text| text.contains(" paged on ")));
    assert!(text(job, "output.value").is_some_and(|text| text.starts_with("fault: ")));
    let metadata: Json = serde_json::from_str(text(job, "metadata").expect("metadata")).expect("JSON");
    assert_eq!(
        (&metadata["scenario"], &metadata["seed"], &metadata["agent"], &metadata["epoch"], &metadata["trigger"]),
        (&json!("segment_outage/one-queue-billing.yaml"), &json!(0), &json!("segment-scan"), &json!(0), &json!({"oracle": 0}))
    );
    let status = job.status.as_ref().expect("said, not left open");
    assert_eq!((status.code, job.events.len()), (1, 0));
    let own = hex(&job.span_id);
    let own: BTreeMap<&str, &Json> =
        scores.iter().filter(|score| score["span_id"] == own).map(|score| (score["name"].as_str().expect("a name"), score)).collect();
    assert_eq!(own.keys().copied().collect::<Vec<_>>(), ["brier", "cause_right", "complete", "grounded", "scope_f1"]);
    assert_eq!(own["cause_right"]["result"]["score"], 1.0);
    assert_eq!((&own["cause_right"]["annotator_kind"], &own["cause_right"]["identifier"]), (&json!("CODE"), &json!("harness")));
    assert!(scores.iter().any(|score| score["name"] == "specificity") && scores.iter().any(|score| score["name"] == "end_to_end"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_second_export_sends_the_same_bytes_by_whatever_path_the_run_is_named() {
    let (first, _) = export(&[], &[]);
    let folder = fs::canonicalize(usual().join("results/latest")).expect("a run");
    let collector = Collector::usual();
    let ran = said(usual(), &["trace", folder.to_str().expect("text")], &[("PHOENIX_COLLECTOR_ENDPOINT", &collector.endpoint)]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let second = collector.take();
    let bodies = |requests: &[Request]| requests.iter().map(|request| (request.path.clone(), request.body.clone())).collect::<Vec<_>>();
    assert!(bodies(&first) == bodies(&second));
}

#[test]
fn one_investigation_can_be_exported_and_a_dry_run_sends_nothing() {
    let (all, _) = export(&[], &[]);
    let (none, dry) = export(&["--dry-run"], &[]);
    assert!(none.is_empty());
    let total = spans(&all).len();
    let counted: usize = stdout(&dry).split([' ', ',']).skip(3).filter_map(|word| word.parse::<usize>().ok()).take(3).sum();
    assert_eq!(counted, total, "{}", stdout(&dry));
    let records = fs::read_to_string(usual().join("results/latest/investigations.jsonl")).expect("records");
    let record: Json = serde_json::from_str(records.lines().next().expect("a record")).expect("JSON");
    let (one, _) = export(&["--only", &record["id"].as_str().expect("an id")[..8]], &[]);
    let (all, one) = (spans(&all), spans(&one));
    assert_eq!(one.iter().filter(|span| span.parent_span_id.is_empty()).count(), 1);
    assert!(one.iter().all(|span| all.contains(span)), "the same spans");
}

/// The fields of a message: number, wire type and content.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                let before = bytes;
                varint(&mut bytes);
                found.push((key >> 3, 0, &before[..before.len() - bytes.len()]));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut bytes)).expect("a length"),
            5 => 4,
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, key & 7, &bytes[..length]));
        bytes = &bytes[length..];
    }
    found
}

#[test]
fn the_bytes_have_the_field_numbers_of_the_protocol() {
    let trace = conversation();
    let body = encode("p", &trace.spans);
    let only = |bytes, number| fields(bytes).into_iter().find(|(field, ..)| *field == number).expect("the field").2;
    let scope_spans = only(only(&body, 1), 2);
    let wire: Vec<&[u8]> = fields(scope_spans).into_iter().filter(|(number, ..)| *number == 2).map(|(.., span)| span).collect();
    assert_eq!(wire.len(), trace.spans.len());
    let (root, good, rejected) = (wire[0], wire[4], wire[wire.len() - 1]);
    let numbers = |span| fields(span).into_iter().map(|(number, kind, _)| (number, kind)).collect::<BTreeSet<_>>();
    // trace_id, span_id, name, kind, start, end, attributes, status; then the parent and the exception.
    let always = [(1, 2), (2, 2), (5, 2), (6, 0), (7, 1), (8, 1), (9, 2), (15, 2)];
    assert_eq!(numbers(root), always.into_iter().chain([(11, 2)]).collect());
    assert_eq!(numbers(good), always.into_iter().chain([(4, 2)]).collect());
    assert_eq!(numbers(rejected), always.into_iter().chain([(4, 2), (11, 2)]).collect());
    assert_eq!((only(root, 1), only(root, 2)), (&trace.spans[0].trace[..], &trace.spans[0].id[..]));
    assert_eq!(only(root, 7), 1_000_000_000_000_000_000u64.to_le_bytes());
    assert_eq!((only(good, 6), fields(only(good, 15))), (&[1][..], vec![(3, 0, &[1][..])]), "internal, OK");
    assert_eq!(only(only(rejected, 15), 3), [2], "error");
    let event = only(rejected, 11);
    assert_eq!((only(event, 2), only(event, 1)), (&b"exception"[..], &(trace.spans[trace.spans.len() - 1].to.to_le_bytes())[..]));
    let resource = only(only(&body, 1), 1);
    let named: Vec<&[u8]> = fields(resource).into_iter().map(|(.., pair)| only(pair, 1)).collect();
    assert_eq!(named, [&b"service.name"[..], b"openinference.project.name"]);
}

fn tool_call(id: &str, name: &str) -> ToolCall {
    ToolCall { id: id.to_owned(), name: name.to_owned(), arguments: r#"{"a":1}"#.to_owned() }
}

fn turn(said: Vec<Message>, answer: Option<Completion>, calls: &[&str]) -> Turn {
    Turn {
        thread: "main".to_owned(),
        model: "asked-for".to_owned(),
        prompt: "p1".to_owned(),
        said,
        offered: vec!["look".to_owned(), "report".to_owned()],
        choice: Choice::Auto,
        parameters: json!({"temperature": 0.0, "max_tokens": 9}),
        failed: answer.is_none().then(|| "no answer for 60 s".to_owned()),
        source: answer.is_some().then_some(Source::Scripted),
        answer,
        retries: 1,
        calls: calls.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// Two turns with a model, the second without an answer; one call before the first, two after it, of which one is refused.
fn conversation() -> Trace {
    let answer = Completion {
        text: Some("let me look".to_owned()),
        calls: vec![tool_call("call_x", "look"), tool_call("call_y", "look")],
        finish: Some("tool_calls".to_owned()),
        usage: Some(Usage { prompt: 229, completion: 21, cached: 100 }),
        model: Some("answered-by".to_owned()),
        ..Completion::default()
    };
    let call = |id: &str, reply| Call { id: id.to_owned(), tool: "look".to_owned(), arguments: json!({"a": 1}), reply };
    let refused = ToolReply::Rejected { why: "secret-argument".to_owned(), hint: None };
    let said = vec![
        Message::Assistant { text: "let me look".to_owned(), calls: answer.calls.clone() },
        Message::Tool { id: "call_x".to_owned(), text: "secret-result".to_owned() },
    ];
    let trajectory = Trajectory {
        calls: vec![call("c1", ToolReply::Data(json!(0))), call("c2", ToolReply::Data(json!("secret-result"))), call("c3", refused)],
        report: None,
        halted: Some("the provider is down".to_owned()),
        turns: vec![
            turn(vec![Message::System("be brief".to_owned()), Message::User("secret-question".to_owned())], Some(answer), &["c2", "c3"]),
            turn(said, None, &[]),
        ],
        effort: None,
    };
    let clock = Clock {
        seconds: 5.0,
        started: Some(1_000_000_000.0),
        turns: vec![(0.5, 2.0), (3.0, 4.0)],
        calls: vec![(0.1, 0.2), (2.0, 2.25), (2.25, 2.5)],
    };
    of_investigation(&Alone {
        agent: "react",
        asked: "secret-question",
        session: Some("s"),
        base_url: None,
        trajectory: &trajectory,
        clock: &clock,
    })
}

fn decoded(trace: &Trace) -> Vec<Span> {
    let request = Request { path: "/v1/traces".to_owned(), headers: BTreeMap::new(), body: encode("p", &trace.spans) };
    spans(&[request])
}

#[test]
fn a_call_stands_below_the_turn_it_followed_from() {
    let spans = decoded(&conversation());
    let names: Vec<(&str, &str)> = spans.iter().map(|span| (kind(span), span.name.as_str())).collect();
    assert_eq!(
        names,
        [
            ("CHAIN", "investigate react"),
            ("AGENT", "react"),
            ("LLM", "main turn 1"),
            ("LLM", "main turn 2"),
            ("TOOL", "look"),
            ("TOOL", "look"),
            ("TOOL", "look")
        ]
    );
    let parent = |at: usize| spans.iter().position(|span| span.span_id == spans[at].parent_span_id);
    assert_eq!([1, 2, 3, 4, 5, 6].map(parent), [Some(0), Some(1), Some(1), Some(1), Some(2), Some(2)]);
    assert_eq!([4, 5, 6].map(|at| text(&spans[at], "tool.id").expect("an id")), ["c1", "call_x", "call_y"], "as the model called them");
    let times = |at: usize| (spans[at].start_time_unix_nano, spans[at].end_time_unix_nano);
    let second = 1_000_000_000;
    assert_eq!(times(0), (second * second, (second + 5) * second));
    assert_eq!(times(2), (second * second + second / 2, (second + 2) * second));
    assert_eq!(times(5), ((second + 2) * second, (second + 2) * second + second / 4));
}

#[test]
fn a_turn_has_the_conversation_so_far_the_answer_and_its_tokens() {
    let spans = decoded(&conversation());
    let first = &spans[2];
    for (name, value) in [
        ("llm.model_name", "answered-by"),
        ("llm.request.model_name", "asked-for"),
        ("llm.finish_reason", "tool_calls"),
        ("llm.input_messages.0.message.role", "system"),
        ("llm.input_messages.1.message.content", "secret-question"),
        ("llm.output_messages.0.message.content", "let me look"),
        ("llm.output_messages.0.message.tool_calls.1.tool_call.id", "call_y"),
        ("llm.output_messages.0.message.tool_calls.1.tool_call.function.arguments", r#"{"a":1}"#),
        ("llm.tools.1.tool.json_schema", r#"{"function":{"name":"report"},"type":"function"}"#),
    ] {
        assert_eq!(text(first, name), Some(value), "{name}");
    }
    let tokens =
        ["prompt", "completion", "total", "prompt_details.cache_read"].map(|part| attribute(first, &format!("llm.token_count.{part}")));
    assert_eq!(tokens, [229, 21, 250, 100].map(Value::IntValue).each_ref().map(Some));
    let second = &spans[3];
    assert_eq!(text(second, "llm.input_messages.3.message.tool_call_id"), Some("call_x"), "what was said before stands before it");
    assert_eq!(text(second, "llm.output_messages.0.message.role"), None);
}

#[test]
fn what_failed_has_status_error_and_an_exception() {
    let spans = decoded(&conversation());
    let problems: Vec<Option<(&str, &str)>> = spans
        .iter()
        .map(|span| {
            let status = span.status.as_ref().expect("said, not left open");
            let event = span.events.first();
            assert_eq!(status.code, if event.is_some() { 2 } else { 1 }, "{}", span.name);
            let held = |name: &str| {
                let pair = event?.attributes.iter().find(|pair| pair.key == name)?;
                match pair.value.as_ref()?.value.as_ref()? {
                    Value::StringValue(text) => Some(text.as_str()),
                    _ => None,
                }
            };
            held("exception.type").zip(held("exception.message"))
        })
        .collect();
    let halted = Some(("halted", "the provider is down"));
    let no_answer = Some(("no answer", "no answer for 60 s"));
    assert_eq!(problems, [halted, halted, None, no_answer, None, None, Some(("rejected", "secret-argument"))]);
}

#[test]
fn an_investigation_of_a_run_that_was_halted_is_an_error_and_the_run_is_not() {
    let collector = Collector::usual();
    run("segment-scan", "calls: 3", &["--trace"], &[("PHOENIX_COLLECTOR_ENDPOINT", &collector.endpoint)]);
    let spans = spans(&collector.take());
    let agents: Vec<&Span> = spans.iter().filter(|span| kind(span) == "AGENT").collect();
    assert!(!agents.is_empty());
    for agent in agents {
        let status = agent.status.as_ref().expect("a status");
        assert_eq!((status.code, status.message.as_str()), (2, "budget used up before a conclusion"));
        assert_eq!(agent.events[0].name, "exception");
    }
    assert_eq!(spans[0].status.as_ref().map(|status| status.code), Some(1), "{}", spans[0].name);
}

/// The trace as text, after what the variables name was kept back.
fn hidden(names: &[&str]) -> String {
    let mut trace = conversation();
    Hide::from_env(|name| names.contains(&name.strip_prefix("OPENINFERENCE_HIDE_")?).then(|| "True".to_owned())).apply(&mut trace);
    format!("{:?}", decoded(&trace))
}

#[test]
fn each_switch_keeps_back_its_part() {
    let all = hidden(&[]);
    for part in ["secret-question", "secret-result", "secret-argument", "input.mime_type", "llm.invocation_parameters", "llm.tools."] {
        assert!(all.contains(part), "{part}");
    }
    assert!(!all.contains(REDACTED));
    let inputs = hidden(&["INPUTS"]);
    assert!(!inputs.contains("secret-question") && !inputs.contains("input.mime_type") && !inputs.contains("llm.input_messages"));
    assert!(inputs.contains(REDACTED) && inputs.contains("secret-result") && inputs.contains("llm.output_messages"));
    let outputs = hidden(&["OUTPUTS"]);
    assert!(!outputs.contains("output.mime_type") && !outputs.contains("llm.output_messages") && outputs.contains(REDACTED));
    assert!(outputs.contains("secret-question") && !outputs.contains("secret-argument"), "errors quote arguments");
    let both = hidden(&["INPUTS", "OUTPUTS"]);
    assert!(!both.contains("secret-"), "{both}");
    for (switch, gone, stays) in [
        ("INPUT_MESSAGES", "llm.input_messages", "llm.output_messages"),
        ("OUTPUT_MESSAGES", "llm.output_messages", "llm.input_messages"),
        ("LLM_INVOCATION_PARAMETERS", "llm.invocation_parameters", "llm.tools."),
        ("LLM_TOOLS", "llm.tools.", "llm.invocation_parameters"),
    ] {
        let text = hidden(&[switch]);
        assert!(!text.contains(gone) && text.contains(stays) && text.contains("input.value"), "{switch}");
    }
}

#[test]
fn the_switches_are_read_from_the_environment_and_take_reasons_of_scores_along() {
    let (requests, _) = export(&[], &[("OPENINFERENCE_HIDE_OUTPUTS", "true")]);
    let spans = spans(&requests);
    let outputs: BTreeSet<&str> = spans.iter().filter_map(|span| text(span, "output.value")).collect();
    assert_eq!(outputs, BTreeSet::from([REDACTED]));
    assert!(scores(&requests).iter().all(|score| score["result"]["explanation"].is_null()));
}

#[test]
fn a_collector_that_is_not_there_is_told_in_one_line_and_the_run_stays_done() {
    let (folder, ran) = run("abstain", "", &["--trace"], &[("PHOENIX_COLLECTOR_ENDPOINT", "http://me:canary@127.0.0.1:1")]);
    let told = stderr(&ran);
    let line = told.lines().last().expect("a line");
    assert!(line.starts_with("traces not sent: http://127.0.0.1:1: ") && line.contains("harness trace results/"), "{told}");
    assert!(!told.contains("canary"));
    let again = said(folder.path(), &["trace", "results/latest", "--endpoint", "http://127.0.0.1:1"], &[]);
    assert_eq!((code(&again), stdout(&again).as_str()), (3, ""));
    let none = said(folder.path(), &["trace", "results/latest", "--endpoint", "localhost:6006"], &[]);
    assert_eq!(code(&none), 2);
    assert!(stderr(&none).contains("`localhost:6006` is no address of a collector"), "{}", stderr(&none));
}

#[test]
fn a_key_is_sent_in_a_header_and_stands_in_no_body_and_no_error() {
    let keys =
        [("PHOENIX_API_KEY", "canary-key"), ("OPENAI_API_KEY", "canary-other"), ("PHOENIX_CLIENT_HEADERS", "x-tenant=canary%2Ctenant")];
    let (requests, ran) = export(&[], &keys);
    assert!(requests.len() > 1);
    for request in &requests {
        assert_eq!(request.headers["authorization"], "Bearer canary-key");
        assert_eq!(request.headers["x-tenant"], "canary,tenant");
        assert!(!request.body.windows(6).any(|bytes| bytes == b"canary"), "{}", request.path);
    }
    assert!(!format!("{}{}", stdout(&ran), stderr(&ran)).contains("canary"));
    let strict = Collector::new(|_, _| (401, "no such key: canary-key"));
    let refused = said(usual(), &["trace", "results/latest", "--endpoint", &strict.endpoint], &keys);
    assert_eq!(code(&refused), 3);
    let told = stderr(&refused);
    assert!(told.contains("401 (no such key: __REDACTED__); set PHOENIX_API_KEY") && !told.contains("canary"), "{told}");
}

#[test]
fn spans_are_protobuf_without_parameters_and_the_address_may_name_its_path() {
    let collector = Collector::usual();
    let endpoint = format!("{}/v1/traces/", collector.endpoint);
    let ran = said(usual(), &["trace", "results/latest", "--project", "mine"], &[("PHOENIX_COLLECTOR_ENDPOINT", &endpoint)]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let requests = collector.take();
    let paths: BTreeSet<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, BTreeSet::from(["/v1/span_annotations?sync=true", "/v1/traces"]));
    for request in requests.iter().filter(|request| request.path == "/v1/traces") {
        assert_eq!(request.headers["content-type"], "application/x-protobuf");
        assert!(request.body.windows(4).any(|bytes| bytes == b"mine"), "the project");
    }
}

#[test]
fn a_busy_collector_is_asked_again_and_scores_wait_until_their_spans_are_stored() {
    let collector = Collector::new(|path, times| match (path, times) {
        ("/v1/traces", 0) => (503, "queue is full"),
        ("/v1/traces", _) => (200, ""),
        (_, 0) => (404, "Spans with IDs 00 do not exist."),
        _ => (200, "{}"),
    });
    let ran = said(usual(), &["trace", "results/latest", "--endpoint", &collector.endpoint], &[]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let requests = collector.take();
    assert_eq!(requests[0].body, requests[1].body);
    let scored: Vec<&Request> = requests.iter().filter(|request| request.path != "/v1/traces").collect();
    assert_eq!(scored[0].body, scored[1].body);
}

#[test]
fn a_collector_that_knows_no_scores_still_gets_the_spans() {
    let plain = Collector::new(|path, _| if path == "/v1/traces" { (200, "") } else { (404, "404 page not found") });
    let ran = said(usual(), &["trace", "results/latest", "--endpoint", &plain.endpoint], &[]);
    assert_eq!(code(&ran), 0);
    assert!(stderr(&ran).contains("no scores: only Phoenix takes them"), "{}", stderr(&ran));
}

#[test]
fn a_single_investigation_is_sent_where_a_collector_is_named_and_its_report_stays_the_same() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/deployment/android-crash.yaml");
    let arguments = ["investigate", file.to_str().expect("text"), "--agent", "latest-deploy"];
    let folder = TempDir::new().expect("a temporary folder");
    let collector = Collector::usual();
    let sent = said(folder.path(), &arguments, &[("PHOENIX_COLLECTOR_ENDPOINT", &collector.endpoint)]);
    let spans = spans(&collector.take());
    assert_eq!(spans.iter().map(kind).take(3).collect::<Vec<_>>(), ["CHAIN", "AGENT", "TOOL"]);
    assert!(spans[0].start_time_unix_nano > 1_700_000_000_000_000_000);
    let alone = said(folder.path(), &arguments, &[]);
    let lost = said(folder.path(), &arguments, &[("PHOENIX_COLLECTOR_ENDPOINT", "http://127.0.0.1:1")]);
    assert_eq!((code(&sent), stdout(&sent), stderr(&sent)), (0, stdout(&alone), String::new()));
    assert_eq!((code(&lost), stdout(&lost)), (0, stdout(&alone)));
    assert!(stderr(&lost).starts_with("trace not sent: http://127.0.0.1:1: ") && stderr(&lost).lines().count() == 1, "{}", stderr(&lost));
}

#[test]
fn a_run_whose_timings_keep_no_beginning_is_exported_from_its_start() {
    let (folder, _) = run("latest-deploy", "", &[], &[]);
    let file = folder.path().join("results/latest/timings.jsonl");
    let old: String = fs::read_to_string(&file)
        .expect("timings")
        .lines()
        .map(|line| {
            let mut timing: Json = serde_json::from_str(line).expect("JSON");
            for entry in timing.as_object_mut().expect("an object").values_mut() {
                entry.as_object_mut().expect("an object").retain(|field, _| ["key", "seconds"].contains(&field.as_str()));
            }
            format!("{timing}\n")
        })
        .collect();
    fs::write(&file, old).expect("timings");
    let collector = Collector::usual();
    let ran = said(folder.path(), &["trace", "results/latest", "--endpoint", &collector.endpoint], &[]);
    assert_eq!(code(&ran), 0, "{}", stderr(&ran));
    let spans = spans(&collector.take());
    let start = spans[0].start_time_unix_nano;
    assert!(start > 1_700_000_000_000_000_000 && spans.iter().all(|span| span.start_time_unix_nano == start));
}
