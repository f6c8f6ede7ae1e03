//! What agents that ask a model have in common: their settings, one conversation with its limits, the report and its repair.
//!
//! The protocol is that of tools with a final tool: a model looks with tools and hands in `submit_report`. Decided by the presence of calls
//! and never by the reason a provider gives for ending. Whatever goes wrong is answered with what was got and what is allowed, a bounded number of
//! times; then the report is forced, and then the investigation ends with an outcome that names what happened.

mod offered;
pub(super) mod prompted;
pub(super) mod schema;
pub(super) mod settings;
pub(super) mod situation;
mod size;
pub(super) mod submit;
mod written;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Halt;
use super::report::IncidentReport;
use crate::chat::{Choice, Completion, Endpoint, LineError, Message, Offer, Request, ToolCall};
use crate::name::nearest;
use crate::tool::{Desk, ToolReply};
use schema::{Problem, named, violations};
use settings::{Model, Prompt, SchemaMode, ToolMode};
use size::{cut, length, said};
use submit::SUBMIT;

/// The same in tokens, for ceilings of cost.
const REPLY_TOKENS: u64 = 6_000;
/// Tokens of instructions, tools and situation, for ceilings of cost.
const FIRST_TOKENS: u64 = 6_000;
/// Reports that are sent back before the investigation ends without one.
const REPAIRS: u32 = 2;
/// Texts where a call was due before the report is forced.
const NUDGES: u32 = 2;
/// Texts in place of a call that was forced before the investigation ends.
const UNHEARD: u32 = 3;
/// Calls that were no calls (unknown tools, arguments that are no JSON) before the report is forced. One budget for all of them.
const BAD_CALLS: u32 = 8;
/// The same call so often is pointed out, and so often ends the investigation.
const STEER: u32 = 3;
const STUCK: u32 = 5;

/// How a reply begins that goes to a model as text.
const RESULT: &str = "Result of";

/// What a model said: calls to answer, or text.
pub(super) enum Said {
    Calls(Vec<ToolCall>),
    Text,
}

/// One conversation with a model.
pub(super) struct Dialogue<'m> {
    model: &'m Model,
    prompt: &'m Prompt,
    thread: &'static str,
    messages: Vec<Message>,
    tools: Vec<Offer>,
    /// Answers asked for in this conversation.
    turns: u32,
    /// Calls made before, by name and arguments.
    made: BTreeMap<String, u32>,
    bad: u32,
    nudged: u32,
    unheard: u32,
    repairs: u32,
    /// Whether calls are read from text: by setting, or because the provider rejects a named choice or does not heed it.
    in_text: bool,
    /// Tokens where providers do not say: characters over four.
    guessed: u64,
}

impl<'m> Dialogue<'m> {
    /// A conversation that begins with instructions and what is asked.
    pub(super) fn new(model: &'m Model, prompt: &'m Prompt, thread: &'static str, tools: Vec<Offer>, asked: String) -> Self {
        let in_text = model.tool_mode == ToolMode::Prompted;
        let system =
            if in_text { format!("{}\n\n{}", prompt.text.trim(), prompted::instructions(&tools)) } else { prompt.text.trim().to_owned() };
        Self {
            model,
            prompt,
            thread,
            messages: vec![Message::System(system), Message::User(asked)],
            tools,
            turns: 0,
            made: BTreeMap::new(),
            bad: 0,
            nudged: 0,
            unheard: 0,
            repairs: 0,
            in_text,
            guessed: 0,
        }
    }

    /// Goes on where another conversation of the same investigation ended: what was used up stays so, and what the provider cannot do too.
    pub(super) fn after(self, before: &Self) -> Self {
        Self { guessed: before.guessed, in_text: self.in_text || before.in_text, ..self }
    }

    /// Begins with something that was looked up before, as the answer to a call: data stand there, and never orders.
    pub(super) fn given(mut self, name: &str, data: &Value) -> Self {
        let call = ToolCall { id: format!("{name}-1"), name: name.to_owned(), arguments: "{}".to_owned() };
        let (said, answer) = match self.model.tool_mode {
            ToolMode::Native => (
                Message::Assistant { text: String::new(), calls: vec![call.clone()] },
                Message::Tool { id: call.id, text: data.to_string() },
            ),
            ToolMode::Prompted => (
                Message::Assistant { text: json!({"tool": name, "arguments": {}}).to_string(), calls: Vec::new() },
                Message::User(format!("{RESULT} `{name}`:\n{data}")),
            ),
        };
        self.messages.extend([said, answer]);
        self
    }

    /// Tools of the desk by name, as they are offered.
    pub(super) fn offers(desk: &Desk<'_>, wanted: impl Fn(&str) -> bool) -> Vec<Offer> {
        let offer = |tool: &&dyn crate::tool::Tool| Offer {
            name: tool.name().to_owned(),
            about: tool.about().to_owned(),
            schema: tool.schema(),
            strict: false,
        };
        desk.tools().iter().filter(|tool| wanted(tool.name())).map(offer).collect()
    }

    /// Whether it is time to conclude: the last but one answer, four fifths of a budget, or a model that only talks or only errs.
    pub(super) fn is_pressed(&self, desk: &Desk<'_>) -> bool {
        self.turns + 2 >= self.model.max_turns
            || desk.left() == 0
            || self.bad >= BAD_CALLS
            || self.nudged >= NUDGES
            || self.spent(desk) >= 0.8
    }

    /// The part of the budget that is used up.
    fn spent(&self, desk: &Desk<'_>) -> f64 {
        let tokens = desk.effort().tokens().unwrap_or(self.guessed);
        let of_tokens = self.model.budget_tokens.map(|budget| tokens as f64 / budget.max(1) as f64);
        let of_usd = self.model.budget_usd.map(|budget| self.usd(desk).unwrap_or_else(|| self.guess_usd()) / budget);
        let of_time = self.model.budget_seconds.map(|budget| desk.seconds() / budget);
        [of_tokens, of_usd, of_time].into_iter().flatten().fold(0.0, f64::max)
    }

    /// How an investigation ends whose budget is used up: by time, if that ran out.
    fn used_up(&self, desk: &Desk<'_>) -> Halt {
        if self.model.budget_seconds.is_some_and(|budget| desk.seconds() >= budget) { Halt::Deadline } else { Halt::Budget }
    }

    /// Where the model is, with no more time than is left.
    fn endpoint(&self, desk: &Desk<'_>) -> Endpoint {
        let mut endpoint = self.model.endpoint.clone();
        if let Some(budget) = self.model.budget_seconds {
            endpoint.deadline_seconds = Some((budget - desk.seconds()).max(0.001));
        }
        endpoint
    }

    /// US dollars so far; nothing without prices, or where a provider does not say how many tokens.
    fn usd(&self, desk: &Desk<'_>) -> Option<f64> {
        self.model.prices?;
        let answers = desk.turns().iter().filter_map(|turn| turn.answer.as_ref());
        answers.map(|answer| answer.usage.and_then(|usage| self.model.cost(usage.prompt, usage.cached, usage.completion))).sum()
    }

    fn guess_usd(&self) -> f64 {
        self.model.cost(self.guessed, 0, self.guessed / 8).unwrap_or(0.0)
    }

    fn request(&self, choice: &Choice, max_tokens: u32) -> Request {
        let native = self.model.tool_mode == ToolMode::Native;
        Request {
            model: self.model.name.clone(),
            messages: self.messages.clone(),
            tools: if native { self.tools.clone() } else { Vec::new() },
            choice: if native { choice.clone() } else { Choice::Auto },
            temperature: self.model.temperature,
            seed: self.model.seed,
            max_tokens,
            parallel_tool_calls: if native { self.model.parallel_tool_calls } else { None },
            epoch: 0,
        }
    }

    /// Asks for the next answer; a forced choice names the tool that must be called.
    pub(super) fn ask(&mut self, desk: &mut Desk<'_>, forced: Option<&str>) -> Result<Said, Halt> {
        if self.turns >= self.model.max_turns || self.spent(desk) >= 1.0 {
            return Err(self.used_up(desk));
        }
        // What a report can cite has grown.
        if self.model.schema == SchemaMode::Bounded {
            self.tools.iter_mut().filter(|offer| offer.name == SUBMIT).for_each(|offer| *offer = submit::offer(desk, SchemaMode::Bounded));
        }
        if let Some(tool) = forced {
            let how = if self.in_text { "prompted" } else { "named" };
            // A repair, and the writer of two stages, are forced as a matter of course; that a server knows no named choice is told all the same.
            let fell_back = self.in_text && self.model.tool_mode == ToolMode::Native;
            if tool == SUBMIT && (fell_back || self.is_pressed(desk)) {
                desk.effort_mut().forced.get_or_insert_with(|| how.to_owned());
            }
            if self.in_text {
                self.demand(tool);
            }
        }
        let mut choice = match forced {
            Some(tool) if !self.in_text => Choice::Forced(tool.to_owned()),
            _ => Choice::Auto,
        };
        let (mut longer, mut shortened) = (false, false);
        loop {
            let most = self.model.max_tokens * if longer { 2 } else { 1 };
            let mut request = self.request(&choice, most);
            let answer = desk.complete(self.thread, &self.prompt.digest, &self.endpoint(desk), &mut request);
            if let Ok(answer) = &answer {
                self.turns += 1;
                let guess = (length(&request) + said(&answer.completion)) / 4;
                self.guessed += guess;
                desk.effort_mut().estimated_tokens += answer.completion.usage.map_or(guess, |usage| usage.prompt + usage.completion);
            }
            desk.effort_mut().usd = self.usd(desk);
            match answer {
                Ok(answer) if self.is_cut_off(&answer.completion) => {
                    if longer || self.turns >= self.model.max_turns {
                        return Err(Halt::Truncated);
                    }
                    longer = true;
                }
                Ok(answer) => {
                    let heard = self.hear(answer.completion)?;
                    if let (Said::Text, Some(tool)) = (&heard, forced) {
                        self.unheard(desk, tool)?;
                    }
                    return Ok(heard);
                }
                Err(LineError::Rejected { why, .. }) if is_filter(&why) => return Err(Halt::Refused { why }),
                // Some servers know no named choice: what must be called is then said in words.
                Err(LineError::Rejected { .. }) if choice != Choice::Auto => {
                    choice = Choice::Auto;
                    let tool = forced.unwrap_or(SUBMIT);
                    self.fall_back(desk, tool);
                    self.demand(tool);
                }
                Err(LineError::TooLong { .. }) if !shortened => {
                    shortened = true;
                    self.shorten();
                }
                Err(LineError::TooLong { .. }) => return Err(Halt::Budget),
                Err(LineError::Cancelled) => return Err(Halt::Cancelled),
                Err(LineError::Deadline) => return Err(Halt::Deadline),
                Err(error) => return Err(Halt::Line(error)),
            }
        }
    }

    /// Text in place of a call that was forced: some servers take a named choice and do not heed it, so that it is said in words too.
    fn unheard(&mut self, desk: &mut Desk<'_>, tool: &str) -> Result<(), Halt> {
        self.unheard += 1;
        if self.unheard >= UNHEARD {
            return Err(Halt::InvalidOutput { why: format!("text in place of `{tool}`, though it was forced {UNHEARD} times") });
        }
        self.fall_back(desk, tool);
        Ok(())
    }

    /// From now on what must be called is said in words, and calls are read from text.
    fn fall_back(&mut self, desk: &mut Desk<'_>, tool: &str) {
        self.in_text = true;
        if tool == SUBMIT {
            desk.effort_mut().forced = Some("prompted".to_owned());
        }
    }

    /// Says in words what a named choice would have forced.
    fn demand(&mut self, tool: &str) {
        let schema = self.tools.iter().find(|offer| offer.name == tool).map(|offer| offer.schema.to_string()).unwrap_or_default();
        self.messages.push(Message::User(format!(
            "Call `{tool}` now. If you cannot call tools, answer with one JSON object and nothing else: {{\"tool\": \"{tool}\", \"arguments\": \
             {{…}}}}, arguments by this schema: {schema}"
        )));
    }

    /// Takes an answer into the conversation.
    fn hear(&mut self, completion: Completion) -> Result<Said, Halt> {
        if let Some(why) = declined(&completion) {
            return Err(Halt::Refused { why });
        }
        let text = completion.text.unwrap_or_default();
        self.messages.push(Message::Assistant { text: text.clone(), calls: completion.calls.clone() });
        if !completion.calls.is_empty() {
            return Ok(Said::Calls(completion.calls));
        }
        if self.in_text {
            let calls = prompted::calls(&text);
            if !calls.is_empty() {
                return Ok(Said::Calls(calls));
            }
            if let Some(report) = prompted::bare(&text) {
                return Ok(Said::Calls(vec![ToolCall { id: "text-1".to_owned(), name: SUBMIT.to_owned(), arguments: report.to_string() }]));
            }
        }
        Ok(Said::Text)
    }

    /// Answers a call of the model. Every id gets an answer.
    pub(super) fn answer(&mut self, call: &ToolCall, reply: &Value) {
        let text = cut(reply.to_string());
        self.messages.push(match call.id.strip_prefix("text-") {
            Some(_) => Message::User(format!("{RESULT} `{}`:\n{text}", call.name)),
            None => Message::Tool { id: call.id.clone(), text },
        });
    }

    /// Says something that is no answer to a call.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.messages.push(Message::User(text.into()));
    }

    /// Points out that text is not what was due; a model that goes on talking is then forced.
    pub(super) fn nudge(&mut self, desk: &mut Desk<'_>, due: &str) {
        if self.nudged >= NUDGES {
            return;
        }
        self.nudged += 1;
        desk.effort_mut().nudges += 1;
        self.say(format!("That was text, and nobody reads it. {due}"));
    }

    /// The arguments of a call, or an answer that says why they are none.
    pub(super) fn arguments(&mut self, desk: &mut Desk<'_>, call: &ToolCall) -> Option<Value> {
        match written::read(&call.arguments) {
            Ok(value) if value.is_object() => Some(value),
            other => {
                self.bad += 1;
                desk.effort_mut().malformed += 1;
                let why = other
                    .err()
                    .map_or_else(|| "arguments are no JSON object".to_owned(), |error| format!("arguments are no JSON: {error}"));
                let problem = Problem::new("", why).hint(Some("write one JSON object that fits the schema".to_owned()));
                let mut reply = refusal(&[problem]);
                if let Some(offer) = self.tools.iter().find(|offer| offer.name == call.name) {
                    // That of the report is long and stands in the request anyway: its fields are enough.
                    reply["schema"] =
                        if call.name == SUBMIT { json!({"required": offer.schema["required"]}) } else { offer.schema.clone() };
                }
                self.answer(call, &reply);
                None
            }
        }
    }

    /// Whether a tool is on offer.
    pub(super) fn offered(&self, name: &str) -> bool {
        self.tools.iter().any(|offer| offer.name == name)
    }

    /// Makes a call at the desk and answers it.
    pub(super) fn look(&mut self, desk: &mut Desk<'_>, call: &ToolCall, name: &str, arguments: Value) -> Result<Value, Halt> {
        let made = self.made.entry(format!("{name} {arguments}")).or_default();
        *made += 1;
        let times = *made;
        if times >= STUCK {
            return Err(Halt::StuckLoop);
        }
        let reply = desk.call(name, arguments.clone());
        let id = desk.calls().last().map(|call| call.id.clone()).unwrap_or_default();
        let mut told = match reply {
            ToolReply::Data(data) => json!({"call": id, "ok": true, "reply": data}),
            ToolReply::Rejected { why, hint } => {
                let schema = desk.tools().iter().find(|tool| tool.name() == name).map(|tool| tool.schema()).unwrap_or_default();
                let mut problems = violations(&schema, &arguments);
                if problems.is_empty() {
                    problems.push(Problem::new(named(&arguments, &why).unwrap_or_default(), why).hint(hint));
                }
                let mut told = refusal(&problems);
                told["call"] = id.into();
                told
            }
        };
        if times >= STEER {
            desk.effort_mut().steered += 1;
            told["note"] = format!("You have made this call {times} times; its answer does not change. Look elsewhere or conclude.").into();
        }
        self.answer(call, &told);
        Ok(told)
    }

    /// Answers a call of a tool that is not offered.
    pub(super) fn unknown(&mut self, desk: &mut Desk<'_>, call: &ToolCall, name: &str) {
        self.bad += 1;
        desk.effort_mut().unknown_tools += 1;
        let known: Vec<&str> = self.tools.iter().map(|offer| offer.name.as_str()).collect();
        let hint = nearest(name, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        self.answer(call, &refusal(&[Problem::new("", format!("no tool `{name}`, there are: {}", known.join(", "))).hint(hint)]));
    }

    /// Answers a call whose arguments do not fit.
    pub(super) fn refuse(&mut self, desk: &mut Desk<'_>, call: &ToolCall, problems: &[Problem]) {
        self.bad += 1;
        desk.effort_mut().malformed += 1;
        self.answer(call, &refusal(problems));
    }

    /// Reads a report that was handed in; sent back with everything that is wrong, so often and no more.
    pub(super) fn submitted(&mut self, desk: &mut Desk<'_>, call: &ToolCall) -> Result<Option<IncidentReport>, Halt> {
        let read = match self.arguments(desk, call) {
            Some(arguments) => {
                let read = submit::read(desk, self.model.schema, &arguments);
                desk.effort_mut().valid_at_first.get_or_insert(read.is_ok());
                read
            }
            // Already answered.
            None => {
                desk.effort_mut().valid_at_first.get_or_insert(false);
                return self.sent_back(desk, "arguments are no JSON").map(|()| None);
            }
        };
        match read {
            Ok(report) => {
                self.answer(call, &json!({"ok": true}));
                Ok(Some(report))
            }
            Err(problems) => {
                self.answer(call, &refusal(&problems));
                let first = &problems[0];
                self.sent_back(desk, &format!("{} {}", first.path, first.message)).map(|()| None)
            }
        }
    }

    fn sent_back(&mut self, desk: &mut Desk<'_>, why: &str) -> Result<(), Halt> {
        if self.repairs >= REPAIRS {
            return Err(Halt::InvalidOutput { why: format!("after {REPAIRS} repairs: {}", why.trim()) });
        }
        self.repairs += 1;
        desk.effort_mut().repairs += 1;
        Ok(())
    }

    /// Whether a report was sent back, so that the next answer must be one.
    pub(super) fn is_repairing(&self) -> bool {
        self.repairs > 0
    }

    /// Takes the bulk out of all replies but the last two.
    fn shorten(&mut self) {
        let replies = self.messages.iter_mut().rev().filter_map(|message| match message {
            Message::Tool { text, .. } => Some(text),
            Message::User(text) if text.starts_with(RESULT) => Some(text),
            _ => None,
        });
        for text in replies.skip(2).filter(|text| text.len() > 600) {
            *text = format!("{} … (left out: the conversation is too long)", text.chars().take(400).collect::<String>());
        }
    }

    /// Whether an answer ended at its greatest length and is of no use: a call that is whole stands.
    fn is_cut_off(&self, completion: &Completion) -> bool {
        let whole = |call: &ToolCall| !call.arguments.is_empty() && written::read(&call.arguments).is_ok();
        let in_text = || self.in_text && completion.text.as_deref().is_some_and(|text| !prompted::calls(text).is_empty());
        let useful = if completion.calls.is_empty() { in_text() } else { completion.calls.iter().all(whole) };
        completion.finish.as_deref() == Some("length") && !useful
    }
}

/// An answer that refuses.
fn refusal(problems: &[Problem]) -> Value {
    let errors: Vec<Value> =
        problems.iter().map(|problem| json!({"path": problem.path, "message": problem.message, "hint": problem.hint})).collect();
    json!({"ok": false, "errors": errors})
}

/// Why a model declines, if it does.
fn declined(completion: &Completion) -> Option<String> {
    if let Some(refusal) = completion.refusal.as_ref().filter(|refusal| !refusal.trim().is_empty()) {
        return Some(refusal.clone());
    }
    let filtered = completion.finish.as_deref() == Some("content_filter") && completion.calls.is_empty();
    filtered.then(|| completion.text.clone().filter(|text| !text.trim().is_empty()).unwrap_or_else(|| "content filter".to_owned()))
}

/// Whether a provider rejects what was said, and not how.
fn is_filter(why: &str) -> bool {
    let why = why.to_lowercase();
    ["content_filter", "content management policy", "flagged"].iter().any(|words| why.contains(words))
}
