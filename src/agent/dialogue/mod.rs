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
pub(super) mod submit;
mod written;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Halt;
use super::report::IncidentReport;
use crate::chat::{Choice, Completion, LineError, Message, Offer, Request, ToolCall};
use crate::name::nearest;
use crate::tool::{Desk, ToolReply};
use schema::Problem;
use settings::{Model, Prompt, SchemaMode, ToolMode};
use submit::SUBMIT;

/// Characters of a reply that a model is shown; the record keeps all.
const REPLY: usize = 16 * 1024;
/// The same in tokens, for ceilings of cost.
const REPLY_TOKENS: u64 = 6_000;
/// Tokens of instructions, tools and situation, for ceilings of cost.
const FIRST_TOKENS: u64 = 6_000;
/// Reports that are sent back before the investigation ends without one.
const REPAIRS: u32 = 2;
/// Texts where a call was due before the report is forced.
const NUDGES: u32 = 2;
/// Calls that were no calls (unknown tools, arguments that are no JSON) before the report is forced. One budget for all of them.
const BAD_CALLS: u32 = 8;
/// The same call so often is pointed out, and so often ends the investigation.
const STEER: u32 = 3;
const STUCK: u32 = 5;

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
    repairs: u32,
    /// Whether calls are read from text: by setting, or because the provider rejects a named choice.
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
            repairs: 0,
            in_text,
            guessed: 0,
        }
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
        of_tokens.unwrap_or(0.0).max(of_usd.unwrap_or(0.0))
    }

    /// US dollars so far; nothing without prices, or where a provider does not say how many tokens.
    fn usd(&self, desk: &Desk<'_>) -> Option<f64> {
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
            return Err(Halt::Budget);
        }
        // What a report can cite has grown.
        if self.model.schema == SchemaMode::Bounded {
            self.tools.iter_mut().filter(|offer| offer.name == SUBMIT).for_each(|offer| *offer = submit::offer(desk, SchemaMode::Bounded));
        }
        if let Some(tool) = forced {
            let how = if self.in_text { "prompted" } else { "named" };
            if tool == SUBMIT {
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
            self.turns += 1;
            let most = self.model.max_tokens * if longer { 2 } else { 1 };
            let mut request = self.request(&choice, most);
            let answer = desk.complete(self.thread, &self.prompt.digest, &self.model.endpoint, &mut request);
            self.guessed += request.messages.iter().map(length).sum::<u64>() / 4;
            desk.effort_mut().usd = self.usd(desk);
            match answer {
                Ok(answer) if is_cut_off(&answer.completion) => {
                    if longer || self.turns >= self.model.max_turns {
                        return Err(Halt::Truncated);
                    }
                    longer = true;
                }
                Ok(answer) => return self.hear(answer.completion),
                // Some servers know no named choice: what must be called is then said in words.
                Err(LineError::Rejected { .. }) if choice != Choice::Auto => {
                    self.in_text = true;
                    choice = Choice::Auto;
                    let tool = forced.unwrap_or(SUBMIT);
                    if tool == SUBMIT {
                        desk.effort_mut().forced = Some("prompted".to_owned());
                    }
                    self.demand(tool);
                }
                Err(LineError::TooLong { .. }) if !shortened => {
                    shortened = true;
                    self.shorten();
                }
                Err(LineError::TooLong { .. }) => return Err(Halt::Budget),
                Err(error) => return Err(Halt::Line(error)),
            }
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
            Some(_) => Message::User(format!("Result of `{}`:\n{text}", call.name)),
            None => Message::Tool { id: call.id.clone(), text },
        });
    }

    /// Says something that is no answer to a call.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.messages.push(Message::User(text.into()));
    }

    /// Points out that text is not what was due.
    pub(super) fn nudge(&mut self, desk: &mut Desk<'_>, due: &str) {
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
                let schema = self.tools.iter().find(|offer| offer.name == call.name).map(|offer| offer.schema.clone());
                let problem = Problem::new("", why).hint(Some("write one JSON object that fits the schema".to_owned()));
                let mut reply = refusal(&[problem]);
                if call.name != SUBMIT {
                    reply["schema"] = schema.unwrap_or_default();
                }
                self.answer(call, &reply);
                None
            }
        }
    }

    /// Makes a call at the desk and answers it.
    pub(super) fn look(&mut self, desk: &mut Desk<'_>, call: &ToolCall, name: &str, arguments: Value) -> Result<Option<Value>, Halt> {
        if !self.tools.iter().any(|offer| offer.name == name) {
            self.unknown(desk, call, name);
            return Ok(None);
        }
        let made = self.made.entry(format!("{name} {arguments}")).or_default();
        *made += 1;
        let times = *made;
        if times >= STUCK {
            return Err(Halt::StuckLoop);
        }
        let reply = desk.call(name, arguments);
        let id = desk.calls().last().map(|call| call.id.clone()).unwrap_or_default();
        let mut told = match reply {
            ToolReply::Data(data) => json!({"call": id, "ok": true, "reply": data}),
            ToolReply::Rejected { why, hint } => json!({"call": id, "ok": false, "errors": [{"path": "", "message": why, "hint": hint}]}),
        };
        if times >= STEER {
            desk.effort_mut().steered += 1;
            told["note"] = format!("You have made this call {times} times; its answer does not change. Look elsewhere or conclude.").into();
        }
        self.answer(call, &told);
        Ok(Some(told))
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
        let replies: Vec<usize> = (0..self.messages.len()).filter(|&at| matches!(self.messages[at], Message::Tool { .. })).collect();
        for &at in replies.iter().rev().skip(2) {
            if let Message::Tool { text, .. } = &mut self.messages[at]
                && text.len() > 600
            {
                *text = format!("{} … (left out: the conversation is too long)", text.chars().take(400).collect::<String>());
            }
        }
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

/// Whether an answer ended at its greatest length and is of no use: a call that is whole stands.
fn is_cut_off(completion: &Completion) -> bool {
    let whole = |call: &ToolCall| !call.arguments.is_empty() && written::read(&call.arguments).is_ok();
    completion.finish.as_deref() == Some("length") && (completion.calls.is_empty() || !completion.calls.iter().all(whole))
}

fn length(message: &Message) -> u64 {
    let chars = match message {
        Message::System(text) | Message::User(text) | Message::Tool { text, .. } => text.len(),
        Message::Assistant { text, calls } => text.len() + calls.iter().map(|call| call.arguments.len()).sum::<usize>(),
    };
    chars as u64
}

/// A reply as long as a model is shown, cut in its middle.
fn cut(text: String) -> String {
    if text.len() <= REPLY {
        return text;
    }
    let keep = REPLY / 2;
    let head: String = text.chars().take(keep).collect();
    let tail: String = text.chars().skip(text.chars().count().saturating_sub(keep)).collect();
    format!("{head} … ({} of {} characters left out: ask for less) … {tail}", text.len() - REPLY, text.len())
}
