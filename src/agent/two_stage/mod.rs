//! `two-stage`: an investigator decides one step at a time, and hands its findings over to a writer.
//!
//! Every step is typed: an action, the reasoning behind it, its parameters, what has been found so far and how sure that is. After at most
//! ten steps, or when the investigator says so, the writer sees the steps and their replies and hands in the report.

use serde::Deserialize;
use serde_json::{Value, json};

use super::dialogue::schema::{Problem, violations};
use super::dialogue::settings::{Model, SchemaMode};
use super::dialogue::situation::situation;
use super::dialogue::submit::{self, SUBMIT};
use super::dialogue::{Dialogue, Said};
use super::report::IncidentReport;
use super::{Agent, Case, Halt, Ways};
use crate::chat::{Offer, ToolCall};
use crate::tool::Desk;

const INVESTIGATOR: &str = include_str!("investigator.md");
const WRITER: &str = include_str!("writer.md");
/// The tool of a step.
const STEP: &str = "next_step";
/// The action that hands over.
const HAND_OVER: &str = "generate_insights";
/// What the writer knows the investigation as.
const INVESTIGATION: &str = "investigation";
/// Most steps of the investigator.
const STEPS: usize = 10;
/// Characters of one reply that the writer is shown.
const SHOWN: usize = 6_000;

/// The agent.
pub(super) struct TwoStage {
    model: Model,
}

/// Builds it.
pub(super) fn two_stage(settings: &Value) -> Result<Box<dyn Agent>, serde_json::Error> {
    Ok(Box::new(TwoStage { model: Model::read(settings, [INVESTIGATOR, WRITER])? }))
}

/// A step as the investigator decides it.
#[derive(Deserialize)]
struct Step {
    action: String,
    reasoning: String,
    parameters: Value,
    key_findings: Vec<String>,
    confidence: f64,
}

impl Agent for TwoStage {
    fn investigate(&self, case: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let asked = situation(case, desk);
        let (before, findings) = self.look(&asked, desk)?;
        self.write(&asked, &before, &findings, desk)
    }

    fn settings(&self) -> Value {
        let mut settings = self.model.identity();
        settings["kind"] = "two-stage".into();
        settings
    }

    fn ways(&self) -> Option<Ways> {
        Some(self.model.ways())
    }
}

/// The typed step, with the tools as actions.
fn offer(desk: &Desk<'_>, mode: SchemaMode) -> Offer {
    let tools = desk.tools();
    let actions: Vec<&str> = tools.iter().map(|tool| tool.name()).chain([HAND_OVER]).collect();
    let text = |about: &str| match mode {
        SchemaMode::Bounded => json!({"type": "string", "maxLength": 200, "description": about}),
        SchemaMode::Strict => json!({"type": "string", "description": about}),
    };
    let mut findings = json!({"type": "array", "items": text("one finding, with its numbers and the id of its call"), "description": "all that is known so far"});
    if mode == SchemaMode::Bounded {
        findings["maxItems"] = 4.into();
    }
    let parameters: Vec<String> = tools.iter().map(|tool| format!("{}: {} {}", tool.name(), tool.about(), tool.schema())).collect();
    Offer {
        name: STEP.to_owned(),
        about: format!(
            "Decide the next step. Parameters by action:\n{}\n{HAND_OVER}: hands over to the writer of the report, with parameters \
             {{\"preliminary_hypothesis\": \"…\"}}",
            parameters.join("\n")
        ),
        schema: json!({
            "type": "object",
            "properties": {
                "action": {"type": "string", "enum": actions},
                "reasoning": text("why this step"),
                "parameters": {"type": "object", "description": "the arguments of the action"},
                "key_findings": findings,
                "confidence": {"type": "number", "description": "0 to 1: how sure you are of the cause by now"},
            },
            "required": ["action", "reasoning", "parameters", "key_findings", "confidence"],
            "additionalProperties": false,
        }),
        // Parameters differ by action, which strict schemas cannot say.
        strict: false,
    }
}

impl TwoStage {
    /// Decides and makes steps until the investigator hands over; returns the conversation and what the writer is shown of it.
    fn look(&self, asked: &str, desk: &mut Desk<'_>) -> Result<(Dialogue<'_>, Value), Halt> {
        let offer = offer(desk, self.model.schema);
        let schema = offer.schema.clone();
        let mut dialogue = Dialogue::new(&self.model, &self.model.prompt, "investigator", vec![offer], asked.to_owned());
        let mut steps: Vec<Value> = Vec::new();
        let mut findings = Vec::new();
        let mut hypothesis = None;
        // Steps that were none are bounded by the turns of the dialogue.
        while steps.len() < STEPS && hypothesis.is_none() && !dialogue.is_pressed(desk) {
            let Said::Calls(calls) = dialogue.ask(desk, Some(STEP))? else {
                dialogue.nudge(desk, "Decide one step with `next_step`.");
                continue;
            };
            let (first, others) = calls.split_first().expect("calls are never none");
            if let Some(step) = self.step(&mut dialogue, desk, first, &schema) {
                let mut made = json!({
                    "step": steps.len() + 1, "action": step.action, "reasoning": step.reasoning, "confidence": step.confidence,
                    "parameters": step.parameters,
                });
                findings = step.key_findings;
                if step.action == HAND_OVER {
                    hypothesis = Some(step.parameters["preliminary_hypothesis"].as_str().unwrap_or_default().to_owned());
                    dialogue.answer(first, &json!({"ok": true}));
                } else {
                    made["reply"] = shown(dialogue.look(desk, first, &step.action, step.parameters)?);
                }
                steps.push(made);
            }
            for call in others {
                let error = json!({"path": "", "message": "one step at a time; this one was not made"});
                dialogue.answer(call, &json!({"ok": false, "errors": [error]}));
            }
        }
        Ok((dialogue, json!({"steps": steps, "key_findings": findings, "preliminary_hypothesis": hypothesis})))
    }

    /// Reads a step; one that is none is answered with what is wrong.
    fn step(&self, dialogue: &mut Dialogue<'_>, desk: &mut Desk<'_>, call: &ToolCall, schema: &Value) -> Option<Step> {
        if call.name != STEP {
            dialogue.unknown(desk, call, &call.name);
            return None;
        }
        let arguments = dialogue.arguments(desk, call)?;
        let mut problems = violations(schema, &arguments);
        if arguments["action"] == HAND_OVER && !arguments["parameters"]["preliminary_hypothesis"].is_string() {
            problems.push(Problem::new("/parameters/preliminary_hypothesis", "is missing"));
        }
        if arguments["confidence"].as_f64().is_some_and(|confidence| !(0.0..=1.0).contains(&confidence)) {
            problems.push(Problem::new("/confidence", format!("{} is not between 0 and 1", arguments["confidence"])));
        }
        match Step::deserialize(&arguments) {
            Ok(step) if problems.is_empty() => Some(step),
            _ => {
                dialogue.refuse(desk, call, &problems);
                None
            }
        }
    }

    /// The second conversation: findings in, report out. They stand where replies of tools stand, because they hold what customers wrote.
    fn write(&self, asked: &str, before: &Dialogue<'_>, findings: &Value, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let tools = vec![submit::offer(desk, self.model.schema)];
        let dialogue = Dialogue::new(&self.model, &self.model.writer, "writer", tools, asked.to_owned());
        let mut dialogue = dialogue.after(before).given(INVESTIGATION, findings);
        loop {
            match dialogue.ask(desk, Some(SUBMIT))? {
                Said::Text => dialogue.nudge(desk, "Hand in the report with `submit_report`."),
                Said::Calls(calls) => {
                    for call in &calls {
                        if call.name != SUBMIT {
                            dialogue.unknown(desk, call, &call.name);
                        } else if let Some(report) = dialogue.submitted(desk, call)? {
                            return Ok(report);
                        }
                    }
                }
            }
        }
    }
}

/// A reply as the writer is shown it.
fn shown(reply: Value) -> Value {
    let text = reply.to_string();
    if text.chars().count() <= SHOWN { reply } else { format!("{}…", text.chars().take(SHOWN).collect::<String>()).into() }
}
