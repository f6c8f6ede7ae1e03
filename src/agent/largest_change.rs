//! Largest change: blames the single value that moved the total most, and the latest change on it. No noise model, no search.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::culprit::kind_of;
use super::days::{Days, day_of};
use super::look::Look;
use super::report::{AffectedSegment, Cause, Evidence, IncidentReport};
use super::writing::{self, Finding};
use super::{Agent, Case, Halt};
use crate::tool::Desk;
use crate::tool::reply::{Deployment, Scope};

/// The agent that blames what moved most.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LargestChange {
    /// Days of the baseline.
    baseline_days: i64,
    /// Below this relative change, nothing is blamed.
    least: f64,
    confidence: f64,
}

impl Default for LargestChange {
    fn default() -> Self {
        Self { baseline_days: 7, least: 0.1, confidence: 0.5 }
    }
}

/// A value that moved.
struct Moved {
    metric: String,
    scope: Scope,
    baseline: f64,
    current: f64,
    evidence: Option<Evidence>,
}

impl Moved {
    fn excess(&self) -> f64 {
        (self.current - self.baseline).abs() / self.baseline.max(1.0).sqrt()
    }
}

impl Agent for LargestChange {
    fn investigate(&self, _: &Case<'_>, desk: &mut Desk<'_>) -> Result<IncidentReport, Halt> {
        let mut look = Look::new(desk, &[]);
        let window = Days::ending(look.today(), 1);
        let mut largest: Option<Moved> = None;
        for metric in look.metrics() {
            for dimension in look.dimensions(&metric) {
                for moved in self.moved(&mut look, &metric, &dimension, window)? {
                    if largest.as_ref().is_none_or(|known| moved.excess() > known.excess()) {
                        largest = Some(moved);
                    }
                }
            }
        }
        let log = look.changes(Days::ending(window.to, 7))?.map(|seen| seen.reply.changes).unwrap_or_default();
        match largest {
            Some(moved) => writing::write(&mut look, self.blame(moved, log, window)),
            None => writing::write(&mut look, Finding::quiet(window, 1.0 - self.confidence)),
        }
    }

    fn settings(&self) -> Value {
        json!(self)
    }
}

impl LargestChange {
    /// Values of a dimension that moved by more than the least.
    fn moved(&self, look: &mut Look<'_, '_>, metric: &str, dimension: &str, window: Days) -> Result<Vec<Moved>, Halt> {
        let Some(seen) = look.segments(metric, dimension, window, window.before(self.baseline_days.clamp(1, 366)))? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (at, segment) in seen.reply.segments.iter().enumerate() {
            let (Some(baseline), Some(current)) = (segment.baseline, segment.current) else { continue };
            if (current - baseline).abs() < self.least * baseline {
                continue;
            }
            let scope = Scope::from([(dimension.to_owned(), segment.value.clone())]);
            let evidence = look.evidence(&seen.call, &format!("segments.{at}.current"), &scope, window);
            found.push(Moved { metric: metric.to_owned(), scope, baseline, current, evidence });
        }
        Ok(found)
    }

    fn blame(&self, moved: Moved, log: Vec<Deployment>, window: Days) -> Finding {
        let fits = |change: &&Deployment| {
            kind_of(change).is_some() && change.platform.as_ref().is_none_or(|p| moved.scope.get("platform").is_none_or(|q| p == q))
        };
        let change = log.iter().rfind(fits);
        let kind = change.and_then(kind_of).unwrap_or("segment_outage");
        let onset = change.and_then(|change| day_of(&change.at)).unwrap_or(window.to);
        let cause = Cause {
            kind: kind.to_owned(),
            change: change.map(|change| change.id.clone()),
            scope: moved.scope.clone(),
            onset: Some(onset.to_string()),
            confidence: self.confidence,
        };
        let segment = AffectedSegment {
            scope: moved.scope,
            metric: moved.metric,
            baseline: Some(moved.baseline),
            current: Some(moved.current),
            change: (moved.baseline > 0.0).then(|| moved.current / moved.baseline - 1.0),
        };
        let evidence = moved.evidence.into_iter().collect();
        Finding { events: log, segments: vec![segment], evidence, ..Finding::blame(window, cause) }
    }
}
