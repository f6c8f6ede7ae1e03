//! Rankings with ties: where the right answer stands when equal confidences are put in random order.
//!
//! Ties take the expected rank and never the order of a list: a report that names everything at one confidence has said nothing.

/// Causes that share a confidence, best group first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tie {
    /// Different answers in the group.
    pub answers: usize,
    /// How many of them are right.
    pub right: usize,
}

/// Groups answers by confidence, highest first.
#[must_use]
pub fn ties(mut answers: Vec<(f64, bool)>) -> Vec<Tie> {
    answers.sort_by(|a, b| b.0.total_cmp(&a.0));
    answers
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| Tie { answers: group.len(), right: group.iter().filter(|(_, right)| *right).count() })
        .collect()
}

/// The expected rank of the first right answer, from 1; none where nothing is right.
///
/// Of `t` answers in random order of which `r` are right, the first right one is expected at `(t + 1) / (r + 1)`.
#[must_use]
pub fn expected_rank(ties: &[Tie]) -> Option<f64> {
    let mut before = 0;
    for tie in ties {
        if tie.right > 0 {
            return Some(before as f64 + (tie.answers + 1) as f64 / (tie.right + 1) as f64);
        }
        before += tie.answers;
    }
    None
}

/// The chance that a right answer is among the first `k`.
#[must_use]
pub fn top(ties: &[Tie], k: usize) -> f64 {
    let mut before = 0;
    for tie in ties {
        if tie.right > 0 {
            let drawn = k.saturating_sub(before).min(tie.answers);
            let wrong = tie.answers - tie.right;
            // All of the drawn are wrong with probability C(wrong, drawn) / C(answers, drawn).
            let none = (0..drawn).map(|i| wrong.saturating_sub(i) as f64 / (tie.answers - i) as f64).product::<f64>();
            return 1.0 - none;
        }
        before += tie.answers;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_ties_ranks_are_places() {
        let ranked = ties(vec![(0.2, true), (0.9, false), (0.5, false)]);
        assert_eq!(expected_rank(&ranked), Some(3.0));
        assert_eq!([top(&ranked, 1), top(&ranked, 2), top(&ranked, 3)], [0.0, 0.0, 1.0]);
        assert_eq!(expected_rank(&ties(vec![(0.2, false)])), None);
    }

    #[test]
    fn ties_take_the_expected_rank() {
        let ranked = ties(vec![(0.5, true), (0.5, false), (0.5, false), (0.5, false)]);
        assert_eq!(expected_rank(&ranked), Some(2.5));
        assert!((top(&ranked, 1) - 0.25).abs() < 1e-12 && (top(&ranked, 3) - 0.75).abs() < 1e-12);
        let two = ties(vec![(0.9, false), (0.5, true), (0.5, true), (0.5, false)]);
        assert!((expected_rank(&two).expect("two are right") - (1.0 + 4.0 / 3.0)).abs() < 1e-12);
        assert!((top(&two, 2) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(top(&two, 3), 1.0);
    }
}
