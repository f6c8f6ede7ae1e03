//! The threshold that spends an alert budget: B false pages per series per 100 days, set on fault-free data before the test window is seen.

use serde::{Deserialize, Serialize};

use super::page::{Paging, count_false_pages};

/// Scores of one fault-free series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    /// Score per bucket; `None` where the bucket is missing.
    pub scores: Vec<Option<f64>>,
    /// Observed days.
    pub days: f64,
}

/// A threshold and what it was set on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Scores strictly above it are flagged.
    pub value: f64,
    /// False pages at this threshold on the fault-free data.
    pub pages: usize,
    /// Days of fault-free data.
    pub days: f64,
}

/// The lowest threshold that stays within `per_100_days` false pages, counted as the scorer counts them.
///
/// More flags never make fewer false pages, so the walk down the distinct scores stops at the first that breaks the budget. `None` without a
/// single score.
#[must_use]
pub fn within_budget(quiet: &[Quiet], per_100_days: f64, paging: Paging) -> Option<Threshold> {
    let days: f64 = quiet.iter().map(|run| run.days).sum();
    let allowed = (per_100_days * days / 100.0).floor();
    let mut scores: Vec<f64> = quiet.iter().flat_map(|run| run.scores.iter().flatten().copied()).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.dedup();
    let mut best = Threshold { value: *scores.first()?, pages: 0, days };
    for &value in &scores[1..] {
        let pages: usize = quiet.iter().map(|run| count_false_pages(&run.scores, value, paging)).sum();
        if pages as f64 > allowed {
            break;
        }
        best = Threshold { value, pages, days };
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGING: Paging = Paging { quiet: 2, renotify: 7 };

    fn quiet(scores: &[f64]) -> Quiet {
        Quiet { scores: scores.iter().copied().map(Some).collect(), days: scores.len() as f64 }
    }

    #[test]
    fn the_budget_is_spent_and_not_exceeded() {
        let mut scores = vec![0.1; 200];
        (scores[20], scores[90], scores[160]) = (5.0, 4.0, 3.0);
        let threshold = within_budget(&[quiet(&scores)], 1.0, PAGING).expect("there are scores");
        assert_eq!(threshold, Threshold { value: 3.0, pages: 2, days: 200.0 });
    }

    #[test]
    fn a_budget_below_one_page_flags_nothing_seen_so_far() {
        let threshold = within_budget(&[quiet(&[1.0, 9.0, 2.0])], 1.0, PAGING).expect("there are scores");
        assert_eq!((threshold.value, threshold.pages), (9.0, 0));
    }

    #[test]
    fn a_constant_score_never_pages() {
        let threshold = within_budget(&[quiet(&[0.0; 300])], 1.0, PAGING).expect("there are scores");
        assert_eq!((threshold.value, threshold.pages), (0.0, 0));
    }

    #[test]
    fn without_scores_there_is_no_threshold() {
        assert_eq!(within_budget(&[], 1.0, PAGING), None);
    }
}
