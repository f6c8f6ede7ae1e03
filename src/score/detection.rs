//! One job against the truth: scores become flags at two frozen thresholds, flags become counts.

use super::counts::{Counts, CoverageTally, LEVELS, Tally};
use super::matching::{EffectWindow, Found, Matching, matching};
use super::vus;
use crate::detect::native_threshold;
use crate::detect::page::{Paging, is_flag};
use crate::time::Step;

/// Everything needed to judge the answer of one model on one series.
///
/// ```
/// use incident_harness::detect::page::Paging;
/// use incident_harness::score::{EffectWindow, Judged, Metric};
/// use incident_harness::time::Step;
/// let counts = Judged {
///     scores: &[0.3, 0.1, 0.4, 5.2, 4.1, 0.2].map(Some),
///     native: Some(2.0),
///     budget: 3.5,
///     windows: &[EffectWindow { first: 3, last: 4, deadline: 3 }],
///     quiet: &[true, true, true, false, false, false],
///     paging: Paging { quiet: 2, renotify: 7 },
///     step: Step::DAY,
///     undetectable: 0,
///     vus_window: 3,
/// }
/// .counts();
/// assert_eq!(counts.delays_h, [24.0]);
/// let f1 = Metric::named("event_f1").and_then(|metric| metric.of(&counts).value());
/// assert_eq!(f1, Some(1.0));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Judged<'a> {
    /// Per test bucket, `None` where it is missing.
    pub scores: &'a [Option<f64>],
    /// Threshold of the native point; none for floors.
    pub native: Option<f64>,
    /// Threshold of the alert budget.
    pub budget: f64,
    /// The detectable effects on this series, in test buckets.
    pub windows: &'a [EffectWindow],
    /// Per test bucket whether nothing happens in it and nothing just did.
    pub quiet: &'a [bool],
    /// How flags become pages.
    pub paging: Paging,
    /// Width of a bucket.
    pub step: Step,
    /// Faults that cannot be seen on this series.
    pub undetectable: usize,
    /// The window of VUS-PR, in buckets.
    pub vus_window: usize,
}

impl Judged<'_> {
    /// Effects and false pages at the alert budget.
    #[must_use]
    pub fn matching(&self) -> Matching {
        let flags: Vec<bool> = self.scores.iter().map(|&score| is_flag(score, self.budget)).collect();
        matching(&flags, self.windows, self.paging)
    }

    /// What this job adds to its file.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let found = self.matching();
        let is = |kind: fn(&Found) -> bool| found.effects.iter().filter(|effect| kind(effect)).count() as u64;
        let detected = is(|effect| matches!(effect, Found::Detected(_)));
        let observed = self.scores.iter().flatten().count() as u64;
        let mut tally = Tally {
            jobs: 1,
            detected,
            missed: found.effects.len() as u64 - detected,
            late: is(|effect| matches!(effect, Found::Late(_))),
            undetectable: self.undetectable as u64,
            false_pages: found.false_pages.len() as u64,
            observed_seconds: observed * self.step.seconds().unsigned_abs(),
            ..Tally::default()
        };
        self.add_points(&mut tally);
        Counts { tally, delays_h: self.delays(&found), vus_pr: self.vus_pr().into_iter().collect() }
    }

    /// A page comes at the end of its bucket, so a delay is never zero.
    fn delays(&self, found: &Matching) -> Vec<f64> {
        let bucket_h = self.step.seconds() as f64 / 3600.0;
        let mut delays: Vec<f64> = std::iter::zip(self.windows, &found.effects)
            .filter_map(|(window, effect)| match effect {
                Found::Detected(opened) => Some((opened - window.first + 1) as f64 * bucket_h),
                Found::Late(_) | Found::Missed => None,
            })
            .collect();
        delays.sort_by(f64::total_cmp);
        delays
    }

    fn add_points(&self, tally: &mut Tally) {
        let Some(native) = self.native else { return };
        tally.native_jobs = 1;
        tally.coverage = self.coverage();
        for (bucket, score) in self.scores.iter().enumerate() {
            match (score.map(|score| score > native), self.is_effect(bucket)) {
                (Some(true), true) => tally.point_hits += 1,
                (Some(true), false) => tally.point_false += 1,
                (Some(false), true) => tally.point_misses += 1,
                (Some(false), false) | (None, _) => {}
            }
        }
    }

    /// A score says at which level its bucket would just lie within the interval.
    fn coverage(&self) -> CoverageTally {
        let quiet: Vec<f64> =
            std::iter::zip(self.scores, self.quiet).filter(|(_, quiet)| **quiet).filter_map(|(score, _)| *score).collect();
        let within = |level| quiet.iter().filter(|score| **score <= native_threshold(level)).count();
        CoverageTally::of(quiet.len(), LEVELS.map(within))
    }

    /// Missing buckets have neither score nor label: the series is closed up over them.
    fn vus_pr(&self) -> Option<f64> {
        let observed = || self.scores.iter().enumerate().filter_map(|(bucket, score)| Some((bucket, (*score)?)));
        let labels: Vec<bool> = observed().map(|(bucket, _)| self.is_effect(bucket)).collect();
        let scores: Vec<f64> = observed().map(|(_, score)| score).collect();
        vus::volume(&labels, &scores, self.vus_window).map(|volume| volume.pr)
    }

    fn is_effect(&self, bucket: usize) -> bool {
        self.windows.iter().any(|window| window.contains(bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: EffectWindow = EffectWindow { first: 3, last: 5, deadline: 2 };

    fn judged<'a>(scores: &'a [Option<f64>], windows: &'a [EffectWindow]) -> Judged<'a> {
        let paging = Paging { quiet: 1, renotify: 2 };
        Judged { scores, native: Some(2.0), budget: 4.0, windows, quiet: &[], paging, step: Step::HOUR, undetectable: 0, vus_window: 2 }
    }

    #[test]
    fn the_two_operating_points_are_counted_apart() {
        let scores = [3.0, 0.0, 0.0, 3.0, 5.0, 0.0, 0.0, 0.0, 0.0, 9.0].map(Some);
        let counts = judged(&scores, &[WINDOW]).counts();
        assert_eq!((counts.tally.detected, counts.tally.missed, counts.tally.false_pages), (1, 0, 1));
        assert_eq!((counts.tally.point_hits, counts.tally.point_false, counts.tally.point_misses), (2, 2, 1));
        assert_eq!(counts.delays_h, [2.0]);
    }

    #[test]
    fn missing_buckets_are_neither_observed_nor_labelled() {
        let scores = [Some(0.0), None, Some(0.0), None, Some(5.0), None, Some(1.0), Some(1.0)];
        let tally = judged(&scores, &[WINDOW]).counts().tally;
        assert_eq!(tally.observed_seconds, 5 * 3600);
        assert_eq!((tally.point_hits, tally.point_misses), (1, 0));
    }

    #[test]
    fn a_floor_has_no_native_point() {
        let scores = [Some(9.0); 8];
        let tally = Judged { native: None, ..judged(&scores, &[WINDOW]) }.counts().tally;
        assert_eq!((tally.native_jobs, tally.point_hits + tally.point_false + tally.point_misses), (0, 0));
    }

    #[test]
    fn coverage_counts_quiet_buckets_with_a_value() {
        // Two-sided tails of .25, .15, .02 and .001, a bucket that is not quiet, and a missing one.
        let scores = [0.25, 0.15, 0.02, 0.001, 0.5].map(|tail: f64| Some(-tail.log10()));
        let scores = [&scores[..], &[None]].concat();
        let quiet = [true, true, true, true, false, true];
        let coverage = Judged { quiet: &quiet, ..judged(&scores, &[]) }.counts().tally.coverage;
        assert_eq!(
            coverage,
            CoverageTally { series: 1, buckets: 4, within_80: 250_000, within_90: 500_000, within_95: 500_000, within_99: 750_000 }
        );
        assert_eq!(coverage.shares(), Some([0.25, 0.5, 0.5, 0.75]));
        assert!((coverage.error().expect("a series") - (0.55 + 0.4 + 0.45 + 0.24) / 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_negative_has_no_volume_and_no_delay() {
        let counts = judged(&[Some(9.0), Some(1.0)], &[]).counts();
        assert!(counts.vus_pr.is_empty() && counts.delays_h.is_empty());
        assert_eq!(counts.tally.false_pages, 1);
    }
}
