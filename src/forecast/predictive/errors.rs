//! How large errors were, as a distribution: what an interval learnt from errors rests on.
//!
//! Of n errors the i-th smallest is exceeded with probability (n + 1 − i)/(n + 1), the rank that makes split conformal intervals valid in finite
//! samples (Vovk, Gammerman & Shafer, *Algorithmic Learning in a Random World*, 2005; Lei et al., "Distribution-free predictive inference for
//! regression", *JASA* 113, 2018). Ranks say little of the last errors and nothing beyond the largest, where alarms are decided: the last
//! tenth, and at least five errors, make way for the tail of the normal distribution that leaves as much there. So levels above 0.9
//! rest on an assumption, and hold less than they say where errors have heavier tails.

use std::f64::consts::LN_2;

use crate::stats::normal;

/// Share of the errors that the tail is fitted to, and their least number.
const TAIL: f64 = 0.1;
const LEAST_IN_TAIL: usize = 5;

/// Sizes of errors, in whatever unit they were given.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorSizes {
    /// Ascending.
    sizes: Vec<f64>,
    /// Where the fitted tail begins: a size, and ln of the probability to exceed it.
    knee: f64,
    ln_knee: f64,
    /// The standard deviation of the normal distribution beyond the knee.
    sd: f64,
}

impl ErrorSizes {
    /// The distribution of some errors; `None` if there are none, or all are 0.
    #[must_use]
    pub fn new(errors: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sizes: Vec<f64> = errors.into_iter().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let largest = *sizes.last()?;
        if largest <= 0.0 || !largest.is_finite() {
            return None;
        }
        let n = sizes.len();
        let in_tail = ((n as f64 * TAIL).ceil() as usize).max(LEAST_IN_TAIL).min(n);
        // A knee of 0 has no normal distribution: the tail then begins at the first error that is larger.
        let at = (n - in_tail..n).find(|i| sizes[*i] > 0.0)?;
        let (knee, share) = (sizes[at], (n - at) as f64 / (n + 1) as f64);
        let sd = knee / normal::quantile(1.0 - 0.5 * share);
        Some(Self { sizes, knee, ln_knee: libm::log(share), sd })
    }

    /// Root of the mean square.
    #[must_use]
    pub fn root_mean_square(&self) -> f64 {
        let largest = self.sizes[self.sizes.len() - 1];
        let squares: f64 = self.sizes.iter().map(|size| size / largest).map(|share| share * share).sum();
        largest * (squares / self.sizes.len() as f64).sqrt()
    }

    /// ln of the probability of an error at least as large.
    #[must_use]
    pub fn ln_tail(&self, size: f64) -> f64 {
        let size = size.abs();
        if size >= self.knee {
            return LN_2 + normal::ln_upper_tail(size / self.sd);
        }
        let smaller = self.sizes.partition_point(|other| *other < size);
        let below = if smaller == 0 { 0.0 } else { self.sizes[smaller - 1] };
        let above = self.sizes[smaller];
        let part = if above > below { (size - below) / (above - below) } else { 0.0 };
        let ranks = (self.sizes.len() + 1) as f64;
        libm::log((ranks - smaller as f64 - part) / ranks)
    }

    /// The size that is exceeded with probability 1 − `level`, for 0 < level < 1.
    #[must_use]
    pub fn reach(&self, level: f64) -> f64 {
        let ln_tail = libm::log1p(-level);
        if ln_tail <= self.ln_knee {
            return self.sd * normal::quantile(0.5 + 0.5 * level);
        }
        let rank = level * (self.sizes.len() + 1) as f64;
        let whole = rank.floor() as usize;
        let at = |i: usize| if i == 0 { 0.0 } else { self.sizes[(i - 1).min(self.sizes.len() - 1)] };
        (at(whole) + (rank - rank.floor()) * (at(whole + 1) - at(whole))).min(self.knee)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::normal;

    #[test]
    fn normal_errors_give_normal_bounds() {
        let errors = (1..2000).map(|i| normal::quantile(f64::from(i) / 2000.0));
        let sizes = ErrorSizes::new(errors).expect("errors");
        for (level, tolerance) in [(0.5, 0.01), (0.8, 0.01), (0.9, 0.01), (0.95, 0.05), (0.99, 0.05), (0.999, 0.3)] {
            let exact = normal::quantile(0.5 + 0.5 * level);
            assert!((sizes.reach(level) - exact).abs() < tolerance, "{level}: {} {exact}", sizes.reach(level));
        }
        assert!((sizes.root_mean_square() - 1.0).abs() < 0.01);
    }

    #[test]
    fn errors_of_zero_are_no_distribution() {
        assert_eq!(ErrorSizes::new([0.0, -0.0]), None);
        assert_eq!(ErrorSizes::new([]), None);
    }

    proptest! {
        #[test]
        fn a_bound_has_the_tail_of_its_level(errors in prop::collection::vec(-5..6_i32, 1..80), level in 0.01..0.9999f64) {
            let Some(sizes) = ErrorSizes::new(errors.iter().map(|e| f64::from(*e))) else { return Ok(()) };
            let reach = sizes.reach(level);
            prop_assert!(reach >= 0.0 && reach.is_finite());
            // Among equal errors the tail jumps over the level.
            prop_assert!(sizes.ln_tail(reach * (1.0 + 1e-9) + 1e-12) <= (1.0 - level).ln() + 1e-6);
            prop_assert!(sizes.ln_tail(reach * (1.0 - 1e-9) - 1e-12) >= (1.0 - level).ln() - 1e-6 || reach == 0.0);
        }

        #[test]
        fn larger_errors_are_never_likelier(errors in prop::collection::vec(-9.0..9.0f64, 2..60), a in 0.0..40.0f64, b in 0.0..40.0f64) {
            let sizes = ErrorSizes::new(errors).expect("no error is 0");
            prop_assert!((a < b) <= (sizes.ln_tail(a) >= sizes.ln_tail(b)));
        }
    }
}
