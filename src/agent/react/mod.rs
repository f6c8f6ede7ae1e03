//! `react`: a model looks with tools until it hands in a report. Native tool calling; ends by the tool `submit_report`.
//!
//! Yao et al., ReAct (ICLR 2023), with the final answer as a tool call.

use serde_json::{Value, json};

use super::dialogue::settings::Model;
use super::dialogue::situation::situation;
use super::dialogue::submit::{self, SUBMIT};
use super::dialogue::{Dialogue, Said};
use super::report::IncidentReport;
use super::{Agent, Case, Halt, Ways};
use crate::tool::Desk;

/// The instructions shipped with `react`.
const PROMPT: &str = include_str!("prompt.md");
/// Those of `ticket-analyst`.
const ANALYST: &str = include_str!("ticket_analyst.md");
/// The tools of `ticket-analyst`.
const TICKETS: &[&str] = &["fetch_ticket_samples", "fetch_ticket_stats"];
/// What is said to a model that only talks.
const DUE: &str = "Call a tool, or hand in the report with `submit_report`.";

/// The agent.
pub(super) struct React {
    model: Model,
    kind: &'static str,
    /// Tools on offer besides the report; absent: all.
    tools: Option<&'static [&'static str]>,
}

/// Builds `react`.
pub(super) fn react(settings: &Value) -> Result<Box<dyn Agent>, serde_json::Error> {
    Ok(Box::new(React { model: Model::read(settings, [PROMPT, ""])?, kind: "react", tools: None }))
}

/// Builds `ticket-analyst`: the same with the two ticket tools alone.
pub(super) fn ticket_analyst(settings: &Value) -> Result<Box<dyn Agent>, serde_json::Error> {
    Ok(Box::new(React { model: Model::read(settings, [ANALYST, ""])?, kind: "ticket-analyst", tools: Some(TICKETS) }))
}

impl Agent for React {
    fn investigate(&self, case: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut tools = Dialogue::offers(desk, |name| self.tools.is_none_or(|tools| tools.contains(&name)));
        tools.push(submit::offer(desk, self.model.schema));
        let mut dialogue = Dialogue::new(&self.model, &self.model.prompt, "agent", tools, situation(case, desk));
        loop {
            let due = dialogue.is_pressed(desk) || dialogue.is_repairing();
            match dialogue.ask(desk, due.then_some(SUBMIT))? {
                Said::Text => dialogue.nudge(desk, DUE),
                Said::Calls(calls) => {
                    // The report last, so that what was called beside it can support it.
                    let (reports, others): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.name == SUBMIT);
                    for call in others {
                        if !dialogue.offered(&call.name) {
                            dialogue.unknown(desk, call, &call.name);
                        } else if let Some(arguments) = dialogue.arguments(desk, call) {
                            dialogue.look(desk, call, &call.name, arguments)?;
                        }
                    }
                    for (at, call) in reports.into_iter().enumerate() {
                        // Several at once would use up the repairs of several answers.
                        if at > 0 {
                            dialogue.answer(call, &json!({"ok": false, "errors": [{"path": "", "message": "one report at a time"}]}));
                        } else if let Some(report) = dialogue.submitted(desk, call)? {
                            return Ok(report);
                        }
                    }
                }
            }
        }
    }

    fn settings(&self) -> Value {
        let mut settings = self.model.identity();
        settings["kind"] = self.kind.into();
        settings
    }

    fn ways(&self) -> Option<Ways> {
        Some(self.model.ways())
    }
}
