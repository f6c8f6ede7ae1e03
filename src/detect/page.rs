//! From flagged buckets to pages: people are woken by pages, and only those are scored.
//!
//! An episode opens at a flagged bucket with no flag in the `quiet` buckets before it and ends after `quiet` buckets without a flag. It
//! pages when it opens and every `renotify` buckets while it is open. Everything here is decided at the end of a bucket from the buckets
//! up to it, so that what is scored is what a running system would have sent.

use serde::{Deserialize, Serialize};

/// How flags become pages, in buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paging {
    /// So many buckets without a flag end an episode.
    pub quiet: usize,
    /// An open episode pages again after so many buckets.
    pub renotify: usize,
}

/// A run of flags that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The flagged bucket that opened it.
    pub first: usize,
    /// Its last flagged bucket.
    pub last: usize,
    /// The buckets at whose ends it paged, the first among them.
    pub pages: Vec<usize>,
}

/// What the end of one bucket brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Opened,
    Paged,
    Flagged,
    Nothing,
}

/// Takes buckets in order and says when to page.
#[derive(Debug)]
struct Pager {
    paging: Paging,
    last_flag: Option<usize>,
    next_page: usize,
}

impl Pager {
    const fn new(paging: Paging) -> Self {
        Self { paging, last_flag: None, next_page: 0 }
    }

    fn step(&mut self, bucket: usize, flagged: bool) -> Event {
        let since = self.last_flag.map(|last| bucket - last);
        if flagged {
            self.last_flag = Some(bucket);
            if since.is_none_or(|since| since > self.paging.quiet) {
                self.next_page = bucket + self.paging.renotify.max(1);
                return Event::Opened;
            }
        }
        // At the end of the last of `quiet` silent buckets the episode is over and no longer pages.
        let open = flagged || since.is_some_and(|since| since < self.paging.quiet);
        if open && bucket == self.next_page {
            self.next_page += self.paging.renotify.max(1);
            return Event::Paged;
        }
        if flagged { Event::Flagged } else { Event::Nothing }
    }
}

/// The episodes of a run of flags, in time order.
///
/// ```
/// use incident_harness::detect::page::{Paging, episodes};
/// let flags = [false, true, false, true, false, false, false, true];
/// let found = episodes(&flags, Paging { quiet: 2, renotify: 7 });
/// assert_eq!(found.iter().map(|episode| (episode.first, episode.last)).collect::<Vec<_>>(), [(1, 3), (7, 7)]);
/// ```
#[must_use]
pub fn episodes(flags: &[bool], paging: Paging) -> Vec<Episode> {
    let mut found: Vec<Episode> = Vec::new();
    let mut pager = Pager::new(paging);
    for (bucket, &flagged) in flags.iter().enumerate() {
        let event = pager.step(bucket, flagged);
        if event == Event::Opened {
            found.push(Episode { first: bucket, last: bucket, pages: vec![bucket] });
        } else if let Some(episode) = found.last_mut() {
            if event == Event::Paged {
                episode.pages.push(bucket);
            }
            if flagged {
                episode.last = bucket;
            }
        }
    }
    found
}

/// Whether a score flags its bucket: strictly above the threshold, never where there is none.
#[must_use]
pub fn is_flag(score: Option<f64>, threshold: f64) -> bool {
    score.is_some_and(|score| score > threshold)
}

/// How many pages scores send at a threshold.
#[must_use]
pub fn count_pages(scores: &[Option<f64>], threshold: f64, paging: Paging) -> usize {
    let mut pager = Pager::new(paging);
    scores
        .iter()
        .enumerate()
        .filter(|&(bucket, &score)| matches!(pager.step(bucket, is_flag(score, threshold)), Event::Opened | Event::Paged))
        .count()
}

/// Counts false pages: flags are walked in time order, each one not yet covered is a false page and covers the next `renotify`.
///
/// This is the least number of stretches of `renotify` buckets that cover all flags given, so one more flag never lowers it.
#[derive(Debug)]
pub struct FalsePages {
    renotify: usize,
    covered_until: usize,
}

impl FalsePages {
    /// A walk that has seen nothing.
    #[must_use]
    pub fn new(paging: Paging) -> Self {
        Self { renotify: paging.renotify.max(1), covered_until: 0 }
    }

    /// Whether the next flag (in time order) is a false page.
    pub fn takes(&mut self, bucket: usize) -> bool {
        let uncovered = bucket >= self.covered_until;
        if uncovered {
            self.covered_until = bucket + self.renotify;
        }
        uncovered
    }
}

/// How many false pages scores of a fault-free series send at a threshold: what an alert budget is about.
#[must_use]
pub fn count_false_pages(scores: &[Option<f64>], threshold: f64, paging: Paging) -> usize {
    let mut walk = FalsePages::new(paging);
    scores.iter().enumerate().filter(|&(bucket, &score)| is_flag(score, threshold) && walk.takes(bucket)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGING: Paging = Paging { quiet: 2, renotify: 7 };

    fn flags(n: usize, at: &[usize]) -> Vec<bool> {
        (0..n).map(|bucket| at.contains(&bucket)).collect()
    }

    #[test]
    fn a_flag_after_quiet_opens_a_new_episode() {
        let found = episodes(&flags(12, &[0, 2, 5]), PAGING);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].first, found[0].last), (0, 2));
        assert_eq!((found[1].first, found[1].last), (5, 5));
    }

    #[test]
    fn an_open_episode_pages_again_and_a_closed_one_does_not() {
        let found = episodes(&[true; 16], PAGING);
        assert_eq!(found, [Episode { first: 0, last: 15, pages: vec![0, 7, 14] }]);
        // Bucket 7 is the first after the last flag: the episode still counts as open. Bucket 8 ends it.
        assert_eq!(episodes(&flags(16, &[0, 1, 2, 3, 4, 5, 6]), PAGING)[0].pages, [0, 7]);
        assert_eq!(episodes(&flags(16, &[0, 1, 2, 3, 4, 5]), PAGING)[0].pages, [0]);
    }

    #[test]
    fn without_quiet_every_flag_is_an_episode() {
        assert_eq!(episodes(&[true; 3], Paging { quiet: 0, renotify: 7 }).len(), 3);
    }

    #[test]
    fn counting_pages_agrees_with_listing_them() {
        for pattern in 0_u32..4096 {
            let scores: Vec<Option<f64>> = (0..12).map(|bit| Some(f64::from(pattern >> bit & 1))).collect();
            let flags: Vec<bool> = scores.iter().map(|score| *score == Some(1.0)).collect();
            for paging in [Paging { quiet: 1, renotify: 3 }, Paging { quiet: 3, renotify: 1 }, Paging { quiet: 0, renotify: 0 }] {
                let listed: usize = episodes(&flags, paging).iter().map(|episode| episode.pages.len()).sum();
                assert_eq!(count_pages(&scores, 0.5, paging), listed, "{pattern:b}");
            }
        }
    }

    #[test]
    fn a_score_at_the_threshold_is_no_flag() {
        assert_eq!(count_pages(&[Some(2.0), None, Some(2.1)], 2.0, PAGING), 1);
    }

    #[test]
    fn steady_flags_cost_one_false_page_per_renotify() {
        let scores = vec![Some(1.0); 15];
        assert_eq!(count_false_pages(&scores, 0.0, PAGING), 3);
        assert_eq!(count_pages(&scores, 0.0, PAGING), 3);
        // Two separate episodes within `renotify` are two pages but one false page.
        let apart: Vec<Option<f64>> = (0..8).map(|i| Some(if i == 0 || i == 5 { 1.0 } else { 0.0 })).collect();
        assert_eq!((count_pages(&apart, 0.5, PAGING), count_false_pages(&apart, 0.5, PAGING)), (2, 1));
    }
}
