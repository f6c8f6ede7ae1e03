//! `two-stage`: an investigator decides one step at a time, and hands its findings over to a writer.
//!
//! Every step is typed: an action, the reasoning behind it, its parameters, what has been found so far and how sure that is. After at most
//! ten steps, or when the investigator says so, the writer sees the steps and their replies and hands in the report.

use serde::Deserialize;
use serde_json::{Value, json};

use super::dialogue::schema::violations;
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
/// Most steps of the investigator.
const STEPS: u32 = 10;
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
        let notes = self.look(&asked, desk)?;
        self.write(&asked, &notes, desk)
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
    /// Decides and makes steps until the investigator hands over; returns what the writer is told.
    fn look(&self, asked: &str, desk: &mut Desk<'_>) -> Result<String, Halt> {
        let offer = offer(desk, self.model.schema);
        let schema = offer.schema.clone();
        let mut dialogue = Dialogue::new(&self.model, &self.model.prompt, "investigator", vec![offer], asked.to_owned());
        let mut notes = String::new();
        let mut number = 0;
        let mut findings: Vec<String> = Vec::new();
        // Steps that were none are bounded by the turns of the dialogue.
        while number < STEPS && !dialogue.is_pressed(desk) {
            let Said::Calls(calls) = dialogue.ask(desk, Some(STEP))? else {
                dialogue.nudge(desk, "Decide one step with `next_step`.");
                continue;
            };
            let mut handed_over = None;
            for (at, call) in calls.iter().enumerate() {
                if at > 0 {
                    dialogue.answer(
                        call,
                        &json!({"ok": false, "errors": [{"path": "", "message": "one step at a time; this one was not made"}]}),
                    );
                    continue;
                }
                let Some(step) = self.step(&mut dialogue, desk, call, &schema) else { continue };
                number += 1;
                findings.clone_from(&step.key_findings);
                notes.push_str(&format!(
                    "Step {number}: {} because {} (confidence {:.2})\nparameters: {}\n",
                    step.action, step.reasoning, step.confidence, step.parameters
                ));
                if step.action == HAND_OVER {
                    let hypothesis = step.parameters["preliminary_hypothesis"].as_str().unwrap_or_default().to_owned();
                    dialogue.answer(call, &json!({"ok": true}));
                    handed_over = Some(hypothesis);
                } else if let Some(told) = dialogue.look(desk, call, &step.action, step.parameters)? {
                    let text: String = told.to_string().chars().take(SHOWN).collect();
                    notes.push_str(&format!("reply: {text}\n"));
                }
            }
            if let Some(hypothesis) = handed_over {
                notes.push_str(&format!("\nPreliminary hypothesis: {hypothesis}\n"));
                break;
            }
        }
        notes.push_str(&format!(
            "\nKey findings:\n{}\n",
            findings.iter().map(|finding| format!("- {finding}")).collect::<Vec<_>>().join("\n")
        ));
        Ok(notes)
    }

    /// Reads a step; one that is none is answered with what is wrong.
    fn step(&self, dialogue: &mut Dialogue<'_>, desk: &mut Desk<'_>, call: &ToolCall, schema: &Value) -> Option<Step> {
        if call.name != STEP {
            dialogue.unknown(desk, call, &call.name);
            return None;
        }
        let arguments = dialogue.arguments(desk, call)?;
        let problems = violations(schema, &arguments);
        match Step::deserialize(&arguments) {
            Ok(step) if problems.is_empty() => Some(step),
            _ => {
                dialogue.refuse(desk, call, &problems);
                None
            }
        }
    }

    /// The second conversation: findings in, report out.
    fn write(&self, asked: &str, notes: &str, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let tools = vec![submit::offer(desk, self.model.schema)];
        let told = format!("{asked}\nThe investigation:\n{notes}");
        let mut dialogue = Dialogue::new(&self.model, &self.model.writer, "writer", tools, told);
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
