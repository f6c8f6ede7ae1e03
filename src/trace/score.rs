//! Scores of spans, as Phoenix shows them beside a trace: one annotation per question that was put to the answer.

use super::span::SpanId;
use crate::score::end_to_end::Ending;
use crate::score::explained::JudgedInvestigation;
use crate::score::root_cause::{Expected, JudgedReport, Standing};

/// One score of one span.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The span.
    pub span: SpanId,
    /// The metric.
    pub name: &'static str,
    /// Tells scores of one name apart, so that sending one again replaces it.
    pub identifier: String,
    /// The number.
    pub score: f64,
    /// The same in a word.
    pub label: String,
    /// Why.
    pub explanation: Option<String>,
}

/// How an investigation stands to the truth; nothing where infrastructure failed.
pub(super) fn of(span: SpanId, investigation: &JudgedInvestigation) -> Vec<Score> {
    let Some(judged) = &investigation.judged else { return Vec::new() };
    let score = |name, score: f64, label: &str, explanation| Score {
        span,
        name,
        identifier: "harness".to_owned(),
        score,
        label: label.to_owned(),
        explanation,
    };
    let truth = |name, holds: bool| score(name, share(holds), if holds { "yes" } else { "no" }, None);
    let why = Some(reasons(judged));
    let mut scores = Vec::new();
    match investigation.expected {
        Expected::Causes(_) => {
            scores.push(score("cause_right", share(judged.standing == Standing::Right), standing(judged.standing), why));
            scores.push(truth("complete", judged.complete));
            scores.push(truth("grounded", judged.grounded));
            let overlap = judged.tally.scope_f1 as f64 / 1e6;
            scores.push(score("scope_f1", overlap, &format!("{overlap:.2}"), None));
        }
        Expected::Nothing { .. } => {
            scores.push(score("specificity", share(judged.standing == Standing::Cleared), standing(judged.standing), why));
            scores.extend(judged.benign_hit.map(|hit| truth("benign_hit", hit)));
        }
    }
    let brier = judged.tally.brier as f64 / 1e6;
    scores.push(score("brier", brier, &format!("{brier:.2}"), None));
    scores
}

/// How the page group of a model ended; nothing where that is neither right nor wrong.
pub(super) fn ended(span: SpanId, model: &str, ending: Ending) -> Option<Score> {
    let right = match ending {
        Ending::Right | Ending::Dismissed => true,
        Ending::Recovery | Ending::Failed => return None,
        _ => false,
    };
    let explanation = Some(format!("pages of {model}"));
    Some(Score {
        span,
        name: "end_to_end",
        identifier: model.to_owned(),
        score: share(right),
        label: ending.word().to_owned(),
        explanation,
    })
}

fn share(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

const fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Right => "right",
        Standing::WrongCause => "wrong cause",
        Standing::Abstained => "abstained",
        Standing::Dismissed => "dismissed",
        Standing::Cleared => "cleared",
        Standing::Blamed => "blamed",
        Standing::Invalid => "invalid",
        Standing::NoReport => "no report",
    }
}

fn reasons(judged: &JudgedReport) -> String {
    let line = |check: &crate::score::root_cause::Check| format!("{} {}: {}", if check.holds { "✓" } else { "✗" }, check.what, check.why);
    judged.checks.iter().map(line).collect::<Vec<_>>().join("\n")
}
