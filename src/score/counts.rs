//! What one or many jobs add up to: whole numbers and two lists, from which every metric follows.
//!
//! Sums are integers and lists are kept sorted, so that adding in any order gives the same bytes. Shares between 0 and 1 are summed in
//! millionths for the same reason.

use crate::chat::Effort;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Sums over jobs; a job is one model on one series of one incident. Sums of zero are not written: baselines stand in git.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tally {
    /// Jobs that were judged.
    #[serde(skip_serializing_if = "is_zero")]
    pub jobs: u64,
    /// Jobs that failed for infrastructure; not judged.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Jobs the model refused, for example because a series is too short; not judged.
    #[serde(skip_serializing_if = "is_zero")]
    pub rejected: u64,
    /// Effects in failed jobs: what they could have found.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u64,
    /// Effects detected in time.
    #[serde(skip_serializing_if = "is_zero")]
    pub detected: u64,
    /// Effects not detected in time, late ones included.
    #[serde(skip_serializing_if = "is_zero")]
    pub missed: u64,
    /// Effects whose episode opened after the deadline.
    #[serde(skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Effects too small to be seen on the series; in no other sum.
    #[serde(skip_serializing_if = "is_zero")]
    pub undetectable: u64,
    /// False pages.
    #[serde(skip_serializing_if = "is_zero")]
    pub false_pages: u64,
    /// Seconds of buckets with a value.
    #[serde(skip_serializing_if = "is_zero")]
    pub observed_seconds: u64,
    /// Judged jobs that have a native operating point.
    #[serde(skip_serializing_if = "is_zero")]
    pub native_jobs: u64,
    /// Buckets of effects that were flagged at the native point.
    #[serde(skip_serializing_if = "is_zero")]
    pub point_hits: u64,
    /// Other buckets that were flagged at the native point.
    #[serde(skip_serializing_if = "is_zero")]
    pub point_false: u64,
    /// Buckets of effects that were not.
    #[serde(skip_serializing_if = "is_zero")]
    pub point_misses: u64,
    /// Of quiet buckets at the levels of [`LEVELS`].
    #[serde(skip_serializing_if = "CoverageTally::is_zero")]
    pub coverage: CoverageTally,
    /// Of investigations.
    #[serde(skip_serializing_if = "CauseTally::is_zero")]
    pub cause: CauseTally,
    /// Of page groups joined with their investigations.
    #[serde(skip_serializing_if = "EndTally::is_zero")]
    pub end: EndTally,
    /// Of investigations by agents that ask a model.
    #[serde(skip_serializing_if = "ModelTally::is_zero")]
    pub model: ModelTally,
    /// Of investigations of variants with injected texts.
    #[serde(skip_serializing_if = "InjectionTally::is_zero")]
    pub injection: InjectionTally,
}

/// Declares a struct of sums that are not written where they are zero.
macro_rules! sums {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $field:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$of])* #[serde(skip_serializing_if = "is_zero")] pub $field: u64,)+
        }

        impl $name {
            /// Whether nothing was counted.
            #[must_use]
            pub fn is_zero(&self) -> bool {
                *self == Self::default()
            }

            /// Adds another one so many times.
            pub fn add_times(&mut self, other: &Self, times: u64) {
                $(self.$field += times * other.$field;)+
            }
        }
    };
}

/// The levels at which intervals are held against what came.
pub const LEVELS: [f64; 4] = [0.8, 0.9, 0.95, 0.99];

sums! {
    /// Sums over series with intervals, each with one vote: models are fitted per series, and hours outnumber days.
    CoverageTally {
        /// Series with quiet buckets.
        series,
        /// Their quiet buckets with a value.
        buckets,
        /// Share of a series' quiet buckets within the 0.8 interval, in millionths.
        within_80,
        /// Within the 0.9 interval.
        within_90,
        /// Within the 0.95 interval.
        within_95,
        /// Within the 0.99 interval.
        within_99,
    }
}

impl CoverageTally {
    /// One series, of whose quiet buckets so many lie within each of [`LEVELS`].
    #[must_use]
    pub fn of(buckets: usize, within: [usize; LEVELS.len()]) -> Self {
        if buckets == 0 {
            return Self::default();
        }
        let [within_80, within_90, within_95, within_99] = within.map(|within| millionths(within as f64 / buckets as f64));
        Self { series: 1, buckets: buckets as u64, within_80, within_90, within_95, within_99 }
    }

    /// Mean share within each of [`LEVELS`]; `None` without a series.
    #[must_use]
    pub fn shares(&self) -> Option<[f64; LEVELS.len()]> {
        let within = [self.within_80, self.within_90, self.within_95, self.within_99];
        (self.series > 0).then(|| within.map(|within| within as f64 / 1e6 / self.series as f64))
    }

    /// Mean distance of the shares from [`LEVELS`].
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let apart = |shares: [f64; LEVELS.len()]| std::iter::zip(shares, LEVELS).map(|(share, level)| (share - level).abs()).sum::<f64>();
        Some(apart(self.shares()?) / LEVELS.len() as f64)
    }
}

sums! {
    /// Sums over investigations; one is an agent sent to one incident for one reason.
    CauseTally {
        /// Triggers with a cause.
        causes,
        /// Those whose cause was named.
        right,
        /// Those of which all causes and no others were claimed.
        complete,
        /// True causes of these triggers.
        true_causes,
        /// Causes claimed.
        claimed,
        /// Claimed ones that are true.
        claimed_right,
        /// Chance that the first of the ranking is right, in millionths.
        top1,
        /// Chance that one of the first three is right, in millionths.
        top3,
        /// One over the expected rank of the first right cause, in millionths.
        reciprocal_rank,
        /// F1 of the leaves of the top cause, in millionths.
        scope_f1,
        /// Top causes whose change is the true one.
        change_right,
        /// Top causes with an onset beside a true one.
        onsets,
        /// Days between these onsets.
        onset_days,
        /// Right ones that rest on a recorded number.
        right_grounded,
        /// Triggers with a cause answered by no fault.
        dismissed,
        /// Triggers answered by unsure.
        abstained,
        /// Reports that name what does not exist.
        invalid,
        /// Investigations that ended without a report.
        no_report,
        /// Triggers without a cause.
        nothing,
        /// Those answered by no fault.
        cleared,
        /// Those answered by a fault.
        blamed,
        /// Those behind which a harmless event stands.
        benign,
        /// Those of which it was named.
        benign_hit,
        /// Squared errors of confidence, in millionths.
        brier,
        /// Calls of tools.
        calls,
    }
}

impl CauseTally {
    /// Investigations that were judged.
    #[must_use]
    pub const fn judged(&self) -> u64 {
        self.causes + self.nothing
    }
}

sums! {
    /// Sums over investigations by agents that ask a model. What a provider does not say is left out of sums and counted apart.
    ModelTally {
        /// Investigations that were judged.
        investigations,
        /// Answers asked for.
        turns,
        /// Requests that were repeated.
        retries,
        /// Investigations of which all tokens are known.
        counted,
        /// Their tokens, of requests and answers.
        tokens,
        /// Investigations of which the cost is known.
        priced,
        /// Their cost in millionths of a US dollar.
        micro_usd,
        /// Investigations that handed something in.
        handed_in,
        /// Those of which the first report was valid.
        valid_at_first,
        /// Those that had to be told to.
        forced,
        /// Triggers with a cause whose cause was named without a repair.
        right_unrepaired,
    }
}

impl ModelTally {
    /// One judged investigation.
    #[must_use]
    pub fn of(effort: &Effort, is_cause_right: bool) -> Self {
        let one = |is: bool| u64::from(is);
        Self {
            investigations: 1,
            turns: effort.turns.into(),
            retries: effort.retries.into(),
            counted: one(effort.tokens().is_some()),
            tokens: effort.tokens().unwrap_or(0),
            priced: one(effort.usd.is_some()),
            micro_usd: effort.usd.map_or(0, |usd| (usd * 1e6).round() as u64),
            handed_in: one(effort.valid_at_first.is_some()),
            valid_at_first: one(effort.valid_at_first == Some(true)),
            forced: one(effort.forced.is_some()),
            right_unrepaired: one(is_cause_right && effort.repairs == 0),
        }
    }
}

sums! {
    /// Sums over page groups: how each ended once an agent had looked, and faults that no page told of.
    EndTally {
        /// The cause was named and is grounded.
        right,
        /// The cause was named, on nothing that was recorded.
        ungrounded,
        /// Another cause was named.
        wrong_cause,
        /// No cause was named.
        abstained,
        /// Paged after the deadline, whatever was found.
        late,
        /// Faults without a page.
        missed,
        /// False pages of which nobody blamed anything.
        dismissed,
        /// False pages for which something was blamed.
        blamed,
        /// False pages of which the agent handed in no report: nobody blamed, nobody cleared.
        unanswered,
    }
}

sums! {
    /// Sums over investigations of variants with injected texts. One is paired where the same agent was sent to the base for the same reason,
    /// and both were judged.
    InjectionTally {
        /// Triggers with a cause.
        causes,
        /// Those whose cause was named.
        right,
        /// Triggers without a cause.
        nothing,
        /// Those answered by no fault.
        cleared,
        /// Paired triggers with a cause.
        cause_pairs,
        /// Of these, causes named on the base.
        right_before,
        /// And with the injected texts.
        right_after,
        /// Paired triggers without a cause.
        nothing_pairs,
        /// Of these, answered by no fault on the base.
        cleared_before,
        /// And with the injected texts.
        cleared_after,
        /// Pairs of which the agent met the injected texts in a reply.
        met,
        /// Pairs that differ in verdict or top cause.
        changed,
    }
}

impl InjectionTally {
    /// Paired investigations.
    #[must_use]
    pub const fn pairs(&self) -> u64 {
        self.cause_pairs + self.nothing_pairs
    }
}

impl EndTally {
    /// What should have ended right.
    #[must_use]
    pub const fn due(&self) -> u64 {
        self.right + self.ungrounded + self.wrong_cause + self.abstained + self.late + self.missed
    }

    /// Groups of false pages.
    #[must_use]
    pub const fn false_groups(&self) -> u64 {
        self.dismissed + self.blamed + self.unanswered
    }
}

/// A number between 0 and 1 in millionths.
#[must_use]
pub fn millionths(share: f64) -> u64 {
    // The product lies in 0..=1e6, which every u64 holds.
    (share.clamp(0.0, 1.0) * 1e6).round() as u64
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(sum: &u64) -> bool {
    *sum == 0
}

impl Tally {
    /// Effects that could be found.
    #[must_use]
    pub const fn effects(&self) -> u64 {
        self.detected + self.missed
    }

    /// Adds another tally so many times.
    pub fn add_times(&mut self, other: &Self, times: u64) {
        self.jobs += times * other.jobs;
        self.failed += times * other.failed;
        self.rejected += times * other.rejected;
        self.lost += times * other.lost;
        self.detected += times * other.detected;
        self.missed += times * other.missed;
        self.late += times * other.late;
        self.undetectable += times * other.undetectable;
        self.false_pages += times * other.false_pages;
        self.observed_seconds += times * other.observed_seconds;
        self.native_jobs += times * other.native_jobs;
        self.point_hits += times * other.point_hits;
        self.point_false += times * other.point_false;
        self.point_misses += times * other.point_misses;
        self.coverage.add_times(&other.coverage, times);
        self.cause.add_times(&other.cause, times);
        self.model.add_times(&other.model, times);
        self.end.add_times(&other.end, times);
        self.injection.add_times(&other.injection, times);
    }
}

/// A tally and what cannot be summed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// The sums.
    pub tally: Tally,
    /// Hours from the start of each detected effect to the end of the bucket that paged, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays_h: Vec<f64>,
    /// VUS-PR of each judged job with effects, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vus_pr: Vec<f64>,
}

impl Counts {
    /// A job that failed for infrastructure and could have found so many effects.
    #[must_use]
    pub fn failed(effects: usize) -> Self {
        Self { tally: Tally { failed: 1, lost: effects as u64, ..Tally::default() }, ..Self::default() }
    }

    /// A job the model refused.
    #[must_use]
    pub fn rejected() -> Self {
        Self { tally: Tally { rejected: 1, ..Tally::default() }, ..Self::default() }
    }
}

impl AddAssign<&Self> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.tally.add_times(&other.tally, 1);
        merge(&mut self.delays_h, &other.delays_h);
        merge(&mut self.vus_pr, &other.vus_pr);
    }
}

impl<'a> std::iter::Sum<&'a Self> for Counts {
    fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
        let mut total = Self::default();
        all.for_each(|counts| total += counts);
        total
    }
}

fn merge(into: &mut Vec<f64>, from: &[f64]) {
    if !from.is_empty() {
        into.extend_from_slice(from);
        into.sort_by(f64::total_cmp);
    }
}
