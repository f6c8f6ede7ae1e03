//! The eyes of an agent: typed questions to the desk, some of which may be withheld.
//!
//! What is withheld or rejected comes back as nothing to see; a used-up budget ends the investigation. An ablation is the same agent with fewer eyes.

use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Halt;
use super::days::Days;
use super::report::Evidence;
use crate::tool::reply::{CheckDeployments, QueryMetric, Range, Scope, SegmentByDimension, TicketSamples, TicketStats};
use crate::tool::{AskError, Desk, ToolReply};

/// Names of tools and metrics that an agent must do without; `metrics` stands for every metric.
pub type Withheld = Vec<String>;

/// A reply and the call it came from.
#[derive(Debug, Clone)]
pub(super) struct Seen<T> {
    pub(super) call: String,
    pub(super) reply: T,
}

/// A desk with some tools withheld.
pub(super) struct Look<'a, 'd> {
    desk: &'a mut Desk<'d>,
    withheld: &'a [String],
    /// Calls that are not to be used yet.
    reserve: usize,
}

impl<'a, 'd> Look<'a, 'd> {
    pub(super) fn new(desk: &'a mut Desk<'d>, withheld: &'a [String]) -> Self {
        Self { desk, withheld, reserve: 0 }
    }

    /// Keeps half of the calls, at most so many, until told otherwise: with these left, there is nothing more to see.
    pub(super) fn keep(&mut self, calls: usize) {
        self.reserve = calls.min((self.desk.calls().len() + self.desk.left()) / 2);
    }

    pub(super) fn desk(&self) -> &Desk<'d> {
        self.desk
    }

    fn sees(&self, name: &str) -> bool {
        !self.withheld.iter().any(|withheld| withheld == name)
    }

    /// Metrics that can be asked for.
    pub(super) fn metrics(&self) -> Vec<String> {
        if !self.sees("metrics") {
            return Vec::new();
        }
        self.desk.metrics().into_iter().map(|name| name.to_string()).filter(|name| self.sees(name)).collect()
    }

    /// Dimensions of a metric with more than one value.
    pub(super) fn dimensions(&self, metric: &str) -> Vec<String> {
        self.desk.dimensions(metric).into_iter().filter(|(_, values)| values.len() > 1).map(|(name, _)| name).collect()
    }

    /// The day of the last instant that can be seen.
    pub(super) fn today(&self) -> Date {
        let now = self.desk.now();
        let before = now.checked_sub(jiff::SignedDuration::from_secs(1));
        before.unwrap_or_else(|_| now.clone()).date()
    }

    /// The share of today that is over: 1 when now is midnight.
    pub(super) fn elapsed(&self) -> f64 {
        let time = self.desk.now().time();
        let seconds = f64::from(time.hour()) * 3600.0 + f64::from(time.minute()) * 60.0 + f64::from(time.second());
        if seconds == 0.0 { 1.0 } else { seconds / 86_400.0 }
    }

    fn ask<T: DeserializeOwned>(&mut self, tool: &str, arguments: Value) -> Result<Option<Seen<T>>, Halt> {
        let kept = self.reserve > 0 && self.desk.left() <= self.reserve;
        if !self.sees(tool) || kept {
            return Ok(None);
        }
        match self.desk.ask::<T>(tool, arguments) {
            Ok((call, reply)) => Ok(Some(Seen { call, reply })),
            Err(AskError::Rejected(_)) => Ok(None),
            Err(AskError::Budget { .. }) => Err(Halt::Budget),
        }
    }

    /// A metric, day by day.
    pub(super) fn daily(&mut self, metric: &str, range: impl Into<Range>, filters: &Scope) -> Result<Option<Seen<QueryMetric>>, Halt> {
        let range: Range = range.into();
        self.ask("query_metric", json!({"metric": metric, "range": range, "filters": filters}))
    }

    /// A metric by combinations of dimensions.
    pub(super) fn groups(
        &mut self,
        metric: &str,
        range: impl Into<Range>,
        by: &[&str],
        filters: &Scope,
    ) -> Result<Option<Seen<QueryMetric>>, Halt> {
        let range: Range = range.into();
        self.ask("query_metric", json!({"metric": metric, "range": range, "group_by": by, "filters": filters}))
    }

    /// The values of one dimension, before and now.
    pub(super) fn segments(
        &mut self,
        metric: &str,
        dimension: &str,
        range: impl Into<Range>,
        baseline: Days,
    ) -> Result<Option<Seen<SegmentByDimension>>, Halt> {
        let range: Range = range.into();
        let arguments = json!({"metric": metric, "dimension": dimension, "range": range, "baseline_range": baseline.range()});
        self.ask("segment_by_dimension", arguments)
    }

    /// The change log.
    pub(super) fn changes(&mut self, days: Days) -> Result<Option<Seen<CheckDeployments>>, Halt> {
        self.ask("check_deployments", json!({"range": days.range()}))
    }

    /// The tickets of a day.
    pub(super) fn stats(&mut self, day: Date, baseline_days: i64) -> Result<Option<Seen<TicketStats>>, Halt> {
        self.ask("fetch_ticket_stats", json!({"date": day.to_string(), "baseline_days": baseline_days}))
    }

    /// Some tickets of a day.
    pub(super) fn samples(&mut self, day: Date, limit: usize) -> Result<Option<Seen<TicketSamples>>, Halt> {
        self.ask("fetch_ticket_samples", json!({"date": day.to_string(), "limit": limit, "strategy": "diverse"}))
    }

    /// Tickets of a day drawn at random, as many as one call gives.
    pub(super) fn random_tickets(&mut self, day: Date) -> Result<Option<Seen<TicketSamples>>, Halt> {
        self.ask("fetch_ticket_samples", json!({"date": day.to_string(), "limit": 100, "strategy": "random"}))
    }

    /// Evidence for a number at a path of a recorded reply; nothing if the reply has no number there.
    pub(super) fn evidence(&self, call: &str, field: &str, scope: &Scope, window: Days) -> Option<Evidence> {
        let recorded = self.desk.calls().iter().find(|recorded| recorded.id == call)?;
        let ToolReply::Data(reply) = &recorded.reply else { return None };
        let value = reply.pointer(&format!("/{}", field.replace('.', "/")))?.as_f64()?;
        Some(Evidence { call: call.to_owned(), field: field.to_owned(), scope: scope.clone(), window: window.range(), value })
    }
}
