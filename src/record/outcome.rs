//! What came of a job.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::keys::{CalibrationKey, DetectionKey, InvestigationKey, Trigger};
use crate::agent::Alert;
use crate::agent::report::IncidentReport;
use crate::chat::Effort;
use crate::detect::threshold::Threshold;
use crate::detect::{Band, Detection};
use crate::name::{ConfigId, IncidentId};
use crate::time::Step;

/// What an investigation used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Calls, tokens or money.
    Budget,
    /// Time.
    Deadline,
}

/// How a job ended. What an agent fails to do is its own and counts as wrong; what breaks around it is never a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model or agent answered.
    Answered,
    /// The agent declined to answer.
    Refused {
        /// What it says.
        why: String,
    },
    /// The answer was cut off at its greatest length.
    Truncated,
    /// The agent made the same step again and again.
    StuckLoop,
    /// What the agent handed in is no report.
    InvalidOutput {
        /// What is wrong with it.
        why: String,
    },
    /// The agent came to no conclusion within a limit.
    Halted(Limit),
    /// Somebody asked to stop: a resumed run does the job again.
    Cancelled,
    /// The model cannot take this series: too short, constant, a season too long.
    ModelRejected {
        /// What the model says.
        why: String,
    },
    /// Something broke: a panic, a value that is not a number.
    Infra {
        /// Where.
        stage: String,
        /// What.
        why: String,
    },
}

impl Outcome {
    /// Why there is no answer, in words; none where there is one.
    #[must_use]
    pub fn why(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Answered => return None,
            Self::Refused { why } => format!("refused: {why}").into(),
            Self::Truncated => "the answer was cut off at its greatest length".into(),
            Self::StuckLoop => "the same step again and again".into(),
            Self::InvalidOutput { why } => format!("no report was handed in: {why}").into(),
            Self::Halted(Limit::Budget) => "budget used up before a conclusion".into(),
            Self::Halted(Limit::Deadline) => "deadline passed before a conclusion".into(),
            Self::Cancelled => "cancelled".into(),
            Self::ModelRejected { why } | Self::Infra { why, .. } => why.into(),
        })
    }

    /// Whether the job was done, well or badly, by whoever was to do it: such an outcome is judged.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        !matches!(self, Self::Cancelled | Self::Infra { .. })
    }
}

/// An operating point applied to one detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flagged {
    /// Scores strictly above it are flagged.
    pub threshold: f64,
    /// Flagged buckets, counted from the start of test.
    pub flags: Vec<usize>,
    /// Buckets that page, counted from the start of test.
    pub pages: Vec<usize>,
}

/// The record of one detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was computed.
    pub key: DetectionKey,
    /// How it ended.
    pub outcome: Outcome,
    /// How often parameters were estimated.
    pub fits: usize,
    /// At the interval level; absent for floors and failures.
    pub native: Option<Flagged>,
    /// At the alert budget; absent for failures.
    pub budget: Option<Flagged>,
}

/// What a detection said of each test bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Points {
    /// Score; `null` where the bucket is missing.
    pub scores: Vec<Option<f64>>,
    /// Expected value, lower and upper end of the interval; empty for floors.
    pub bands: Vec<Band>,
}

impl From<Detection> for Points {
    fn from(detection: Detection) -> Self {
        Self { scores: detection.scores, bands: detection.bands }
    }
}

/// What models were paid. Estimated where a provider does not say how many tokens it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Paid {
    /// US dollars, by the prices of the agent; zero without.
    pub usd: f64,
    /// Tokens of requests and answers.
    pub tokens: u64,
}

impl Paid {
    /// Whether nothing was paid.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds another.
    pub fn add(&mut self, other: Self) {
        self.usd += other.usd;
        self.tokens += other.tokens;
    }
}

/// A line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Scores on a fault-free twin, from which thresholds are set.
    Calibration {
        /// What was computed.
        key: CalibrationKey,
        /// How it ended.
        outcome: Outcome,
        /// Score per bucket; empty for failures.
        scores: Vec<Option<f64>>,
        /// Wall-clock seconds it took.
        seconds: f64,
    },
    /// A detection. Its operating points are applied at the end, when thresholds are known.
    Detection {
        /// What was computed.
        key: DetectionKey,
        /// How it ended.
        outcome: Outcome,
        /// How often parameters were estimated.
        fits: usize,
        /// When, and how long.
        #[serde(flatten)]
        clock: Clock,
    },
    /// An investigation. What the agent did and concluded stands in its trajectory.
    Investigation {
        /// What was computed.
        key: InvestigationKey,
        /// How it ended.
        outcome: Outcome,
        /// What was paid for it, recordings left out.
        #[serde(default, skip_serializing_if = "Paid::is_nothing")]
        paid: Paid,
        /// When, and how long.
        #[serde(flatten)]
        clock: Clock,
    },
}

/// The record of one investigation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Investigation {
    /// What was computed.
    pub key: InvestigationKey,
    /// The name of its file below `trajectories/`, and what `harness explain` takes.
    pub id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The last bucket the agent could see, counted from the first of train.
    pub bucket: usize,
    /// What a person asked; absent where something was paged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// What was said to have been paged; absent where somebody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
    /// Calls made, refused ones included.
    pub calls: usize,
    /// What asking a model came to; absent for agents that ask none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// What it concluded; absent unless it answered.
    pub report: Option<IncidentReport>,
}

/// Pages of one model on one incident that belong together: one investigation per agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PageGroup {
    /// The incident.
    pub incident: IncidentId,
    /// The detector.
    pub model: ConfigId,
    /// What its investigations are keyed by.
    pub trigger: Trigger,
    /// The pages: test bucket and series, by time.
    pub pages: Vec<(usize, String)>,
}

/// A threshold with what it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThresholdRecord {
    /// The detector.
    pub model: ConfigId,
    /// The width of a bucket.
    pub step: Step,
    /// The threshold; absent where every calibration job failed.
    pub threshold: Option<Threshold>,
}

/// When one job was done, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// A detection.
    Detection {
        /// What was computed.
        key: DetectionKey,
        /// When, and how long.
        #[serde(flatten)]
        clock: Clock,
    },
    /// An investigation.
    Investigation {
        /// What was computed.
        key: InvestigationKey,
        /// When, and how long.
        #[serde(flatten)]
        clock: Clock,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_written_by_these_names() {
        let why = || "why".to_owned();
        for (outcome, json) in [
            (Outcome::Answered, r#""answered""#),
            (Outcome::Refused { why: why() }, r#"{"refused":{"why":"why"}}"#),
            (Outcome::Truncated, r#""truncated""#),
            (Outcome::StuckLoop, r#""stuck_loop""#),
            (Outcome::InvalidOutput { why: why() }, r#"{"invalid_output":{"why":"why"}}"#),
            (Outcome::Halted(Limit::Budget), r#"{"halted":"budget"}"#),
            (Outcome::Halted(Limit::Deadline), r#"{"halted":"deadline"}"#),
            (Outcome::Cancelled, r#""cancelled""#),
            (Outcome::ModelRejected { why: why() }, r#"{"model_rejected":{"why":"why"}}"#),
            (Outcome::Infra { stage: "agent".to_owned(), why: why() }, r#"{"infra":{"stage":"agent","why":"why"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&outcome).expect("plain data"), json);
            assert_eq!(serde_json::from_str::<Outcome>(json).expect("its own format"), outcome);
            assert_eq!(outcome.why().is_none(), outcome == Outcome::Answered, "{json}");
        }
    }
}
