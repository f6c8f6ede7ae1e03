//! What is kept back from a collector, by the switches every OpenInference program has.

use super::Trace;
use super::span::{Span, Value};

/// What stands where a value was kept back.
pub const REDACTED: &str = "__REDACTED__";

/// Which parts are kept back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hide {
    /// `OPENINFERENCE_HIDE_INPUTS`: all input, messages included.
    pub inputs: bool,
    /// `OPENINFERENCE_HIDE_OUTPUTS`: all output, messages included.
    pub outputs: bool,
    /// `OPENINFERENCE_HIDE_INPUT_MESSAGES`.
    pub input_messages: bool,
    /// `OPENINFERENCE_HIDE_OUTPUT_MESSAGES`.
    pub output_messages: bool,
    /// `OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS`.
    pub parameters: bool,
    /// `OPENINFERENCE_HIDE_LLM_TOOLS`.
    pub tools: bool,
}

impl Hide {
    /// From a look-up of environment variables; `true`, `1`, `yes` and `on` are on.
    #[must_use]
    pub fn from_env(of: impl Fn(&str) -> Option<String>) -> Self {
        let on = |name: &str| {
            let value = of(&format!("OPENINFERENCE_HIDE_{name}")).unwrap_or_default();
            ["true", "1", "yes", "on"].contains(&value.trim().to_ascii_lowercase().as_str())
        };
        Self {
            inputs: on("INPUTS"),
            outputs: on("OUTPUTS"),
            input_messages: on("INPUT_MESSAGES"),
            output_messages: on("OUTPUT_MESSAGES"),
            parameters: on("LLM_INVOCATION_PARAMETERS"),
            tools: on("LLM_TOOLS"),
        }
    }

    /// Keeps them back. Values become [`REDACTED`]; types, messages, parameters and tools go.
    pub fn apply(&self, trace: &mut Trace) {
        for span in &mut trace.spans {
            self.span(span);
        }
        if self.inputs || self.outputs {
            // Reasons of scores quote the report.
            trace.scores.iter_mut().for_each(|score| score.explanation = None);
        }
    }

    fn span(&self, span: &mut Span) {
        span.attributes.retain(|name, _| !self.gone(name));
        for (hidden, name) in [(self.inputs, "input.value"), (self.outputs, "output.value")] {
            if let Some(value) = span.attributes.get_mut(name).filter(|_| hidden) {
                *value = Value::Text(REDACTED.to_owned());
            }
        }
        // Errors quote arguments and answers.
        if let Some(error) = span.error.as_mut().filter(|_| self.inputs || self.outputs) {
            REDACTED.clone_into(&mut error.message);
        }
    }

    fn gone(&self, name: &str) -> bool {
        (self.inputs && name == "input.mime_type")
            || (self.outputs && name == "output.mime_type")
            || ((self.inputs || self.input_messages) && name.starts_with("llm.input_messages."))
            || ((self.outputs || self.output_messages) && name.starts_with("llm.output_messages."))
            || (self.parameters && name == "llm.invocation_parameters")
            || (self.tools && name.starts_with("llm.tools."))
    }
}
