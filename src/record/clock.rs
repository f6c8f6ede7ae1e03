//! When a job was done, and when its steps were. Stands in `journal.jsonl` and `timings.jsonl` only, which no comparison of runs reads.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::tool::{Stamp, Step};

/// The time a job took. All numbers are rounded to a microsecond.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Its beginning, in seconds since 1970; absent in records of runs that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<f64>,
    /// Turns with a model in order: beginning and end, in seconds since the beginning of the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<(f64, f64)>,
    /// Calls of tools in order, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<(f64, f64)>,
}

/// A clock that runs.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    started: f64,
    since: Instant,
}

impl Watch {
    /// Starts now.
    #[must_use]
    pub fn start() -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Self { started, since: Instant::now() }
    }

    /// Seconds since the start.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    /// The time until now.
    #[must_use]
    pub fn stop(&self) -> Clock {
        Clock { seconds: micro(self.seconds()), started: Some(micro(self.started)), ..Clock::default() }
    }
}

impl Clock {
    /// With the steps of a desk that was opened so many seconds after the start.
    #[must_use]
    pub fn with_steps(mut self, opened: f64, stamps: &[Stamp]) -> Self {
        for stamp in stamps {
            let span = (micro(opened + stamp.from), micro(opened + stamp.to));
            match stamp.of {
                // Steps are numbered in order and each is stamped once, so that the number need not be kept.
                Step::Turn(_) => self.turns.push(span),
                Step::Call(_) => self.calls.push(span),
            }
        }
        self
    }
}

fn micro(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_kept_in_order_from_the_beginning_of_the_job_to_a_microsecond() {
        let stamp = |of, from, to| Stamp { of, from, to };
        let stamps = [stamp(Step::Turn(0), 0.0, 1.5), stamp(Step::Call(0), 1.5, 1.500_000_4), stamp(Step::Call(1), 1.6, 1.7)];
        let clock = Clock { seconds: 2.0, started: Some(5.0), ..Clock::default() }.with_steps(0.25, &stamps);
        assert_eq!(clock.turns, [(0.25, 1.75)]);
        assert_eq!(clock.calls, [(1.75, 1.75), (1.85, 1.95)]);
    }

    #[test]
    fn timings_without_a_beginning_are_read() {
        let clock: Clock = serde_json::from_str(r#"{"seconds":0.5}"#).expect("an older record");
        assert_eq!(clock, Clock { seconds: 0.5, ..Clock::default() });
    }
}
