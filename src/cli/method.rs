//! `--interval-method`: where intervals come from.

use clap::Args;

use crate::forecast::{INTERVAL, Interval};
use crate::name::known_names;

/// The option, shared by verbs that build models.
#[derive(Args)]
pub(super) struct IntervalMethod {
    /// Where intervals come from: the model's own way (native), sizes of its out-of-sample errors (conformal), or counts (count) [default:
    /// what suits each model, see `harness list models`].
    #[arg(long, value_name = "METHOD", value_parser = parse)]
    interval_method: Option<Interval>,
}

impl IntervalMethod {
    /// Puts what is given into the settings of a model, over what stands there.
    pub(super) fn put_into(&self, settings: &mut serde_json::Value) {
        if let Some(method) = self.interval_method {
            settings[INTERVAL] = serde_json::to_value(method).expect("a name");
        }
    }
}

fn parse(text: &str) -> Result<Interval, String> {
    serde_json::from_value(text.into())
        .map_err(|_| format!("unknown interval method `{text}` {}", known_names(text, ["native", "conformal", "count"])))
}
