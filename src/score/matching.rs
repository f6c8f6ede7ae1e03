//! Which effects were found and which pages were false: the join of flags and truth on one series.
//!
//! An effect is detected when an episode *opens* between its first bucket and its deadline, so a detector that always flags finds nothing:
//! its only episode opened long before. Flags in a window or in the recovery after it are never false pages; all others are walked in
//! time order, each uncovered one being a false page that covers the next `renotify`. One more false flag therefore never raises F1: it
//! can only cost an opening or add a false page.

use serde::{Deserialize, Serialize};

use crate::detect::page::{FalsePages, Paging, episodes};

/// Where a fault shows on one series, in buckets of the test range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectWindow {
    /// First bucket of the effect.
    pub first: usize,
    /// Last bucket of the effect.
    pub last: usize,
    /// An episode that opens up to so many buckets after `first` detects the effect.
    pub deadline: usize,
}

impl EffectWindow {
    /// Whether an episode that opens here detects the effect.
    #[must_use]
    pub const fn is_in_time(&self, bucket: usize) -> bool {
        self.first <= bucket && bucket <= self.first + self.deadline
    }

    /// Whether the effect is present.
    #[must_use]
    pub const fn contains(&self, bucket: usize) -> bool {
        self.first <= bucket && bucket <= self.last
    }

    /// Whether a flag here cannot be false: the effect, the recovery after it, and the time in which it may still be detected.
    ///
    /// The last matters for an effect shorter than its deadline by more than a recovery: a flag must not be right and false at once.
    #[must_use]
    pub fn excuses(&self, bucket: usize, paging: Paging) -> bool {
        self.first <= bucket && bucket <= (self.last + paging.renotify).max(self.first + self.deadline)
    }
}

/// What became of one effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// An episode opened in time, at this bucket.
    Detected(usize),
    /// The first episode within the window opened after the deadline, at this bucket: a miss.
    Late(usize),
    /// No episode opened within the window.
    Missed,
}

/// Effects and false pages of one series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matching {
    /// One entry per effect window, in the order given.
    pub effects: Vec<Found>,
    /// The buckets of false pages, in time order.
    pub false_pages: Vec<usize>,
}

/// Joins the flags of a series with its effect windows.
#[must_use]
pub fn matching(flags: &[bool], windows: &[EffectWindow], paging: Paging) -> Matching {
    let openings: Vec<usize> = episodes(flags, paging).iter().map(|episode| episode.first).collect();
    let effects = windows.iter().map(|window| find(window, &openings)).collect();
    let mut walk = FalsePages::new(paging);
    let false_pages = flags
        .iter()
        .enumerate()
        .filter(|&(bucket, &flagged)| flagged && !windows.iter().any(|window| window.excuses(bucket, paging)))
        .filter_map(|(bucket, _)| walk.takes(bucket).then_some(bucket))
        .collect();
    Matching { effects, false_pages }
}

fn find(window: &EffectWindow, openings: &[usize]) -> Found {
    let first_where = |fits: &dyn Fn(usize) -> bool| openings.iter().copied().find(|&bucket| fits(bucket));
    match first_where(&|bucket| window.is_in_time(bucket)) {
        Some(bucket) => Found::Detected(bucket),
        None => first_where(&|bucket| window.contains(bucket)).map_or(Found::Missed, Found::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGING: Paging = Paging { quiet: 2, renotify: 7 };
    const WINDOW: EffectWindow = EffectWindow { first: 10, last: 20, deadline: 3 };

    fn run(at: &[usize]) -> Matching {
        let flags: Vec<bool> = (0..60).map(|bucket| at.contains(&bucket)).collect();
        matching(&flags, &[WINDOW], PAGING)
    }

    #[test]
    fn an_episode_that_opens_in_time_detects() {
        assert_eq!(run(&[10]), Matching { effects: vec![Found::Detected(10)], false_pages: vec![] });
        assert_eq!(run(&[13]).effects, [Found::Detected(13)]);
    }

    #[test]
    fn an_episode_after_the_deadline_is_late_and_not_false() {
        assert_eq!(run(&[14]), Matching { effects: vec![Found::Late(14)], false_pages: vec![] });
        assert_eq!(run(&[21]).effects, [Found::Missed]);
    }

    #[test]
    fn an_episode_that_opened_before_the_effect_does_not_detect() {
        assert_eq!(run(&[8, 10, 12]), Matching { effects: vec![Found::Missed], false_pages: vec![8] });
        assert_eq!(run(&[7, 10]), Matching { effects: vec![Found::Detected(10)], false_pages: vec![7] });
    }

    #[test]
    fn recovery_is_excused_and_what_follows_is_not() {
        assert!(run(&[10, 27]).false_pages.is_empty());
        assert_eq!(run(&[10, 28]).false_pages, [28]);
    }

    #[test]
    fn a_false_page_covers_the_next_renotify() {
        assert_eq!(run(&[30, 33, 36, 37, 43, 44]).false_pages, [30, 37, 44]);
    }

    #[test]
    fn a_flag_that_may_still_detect_is_never_false() {
        let short = EffectWindow { first: 10, last: 10, deadline: 12 };
        let flags: Vec<bool> = (0..30).map(|bucket| bucket == 21).collect();
        assert_eq!(matching(&flags, &[short], PAGING), Matching { effects: vec![Found::Detected(21)], false_pages: vec![] });
    }

    #[test]
    fn one_episode_may_detect_two_effects() {
        let windows = [WINDOW, EffectWindow { first: 9, last: 30, deadline: 3 }];
        let flags: Vec<bool> = (0..60).map(|bucket| bucket == 11).collect();
        assert_eq!(matching(&flags, &windows, PAGING).effects, [Found::Detected(11), Found::Detected(11)]);
    }
}
