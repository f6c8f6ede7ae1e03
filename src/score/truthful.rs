//! The truthful report: what an agent that knows the truth hands in. What it scores is the best any agent can; anything less is a bug of
//! the scorer.

use super::root_cause::{Expected, TrueCause};
use crate::agent::report::{Cause, ImpactMetrics, IncidentReport, Sentiment, SupportingData, Verdict};

/// The report that says exactly what is expected, and nothing for people.
#[must_use]
pub fn report(expected: &Expected) -> IncidentReport {
    let (verdict, causes, benign) = match expected {
        Expected::Causes(causes) => (Verdict::Fault, causes.iter().map(cause).collect(), None),
        Expected::Nothing { benign } => (Verdict::NoFault, Vec::new(), benign.clone()),
    };
    IncidentReport {
        verdict,
        claimed: causes.clone(),
        ranking: causes,
        benign,
        confidence: 1.0,
        evidence: Vec::new(),
        title: "the truth".to_owned(),
        executive_summary: String::new(),
        root_cause: String::new(),
        impact_metrics: ImpactMetrics::default(),
        affected_services: Vec::new(),
        affected_segments: Vec::new(),
        correlated_events: Vec::new(),
        customer_sentiment: Sentiment::Unknown,
        sample_complaints: Vec::new(),
        recommendations: Vec::new(),
        confidence_score: 1.0,
        supporting_data: SupportingData::default(),
    }
}

/// A scope of several values of one dimension is named by its first: see the matching of claims.
fn cause(truth: &TrueCause) -> Cause {
    Cause {
        kind: truth.kind.clone(),
        change: truth.change.clone(),
        scope: truth.scope.iter().filter_map(|(dimension, values)| Some((dimension.clone(), values.first()?.clone()))).collect(),
        onset: truth.onset.map(|date| date.to_string()),
        confidence: 1.0,
    }
}
