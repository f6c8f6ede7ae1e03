//! Counts with a mean and a dispersion: the negative binomial distribution, and the Poisson distribution at dispersion 0.
//!
//! Mean μ, variance μ + αμ². Tails are incomplete beta functions: P(Y ≥ y) = I_{1−p}(y, r) with r = 1/α and p = r / (r + μ) (Johnson, Kemp &
//! Kotz, *Univariate Discrete Distributions*, 3rd ed., §5.6). Poisson is its limit, taken where the variance differs by 1 in 10,000 at most.

use super::{beta, normal};

/// Where mean and r are both above this, the continued fraction would need hundreds of terms, and a normal distribution of the same variance stands
/// in: its skewness is then below 0.007.
const LARGE: f64 = 1e5;

/// Means above this are scaled down to it, and counts with them: they vary like a gamma distribution then, and logarithms of gamma functions keep
/// seven digits.
const SCALED: f64 = 1e8;

/// A distribution over counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    mean: f64,
    /// r of the negative binomial.
    size: f64,
}

impl Counts {
    /// With mean above 0 and dispersion from 0.
    #[must_use]
    pub fn new(mean: f64, dispersion: f64) -> Self {
        Self { mean, size: (1.0 / dispersion).min(1e4 * mean.max(1.0)) }
    }

    /// Its standard deviation.
    #[must_use]
    pub fn sd(&self) -> f64 {
        (self.mean + self.mean * self.mean / self.size).sqrt()
    }

    fn is_normal(&self) -> bool {
        self.mean.min(self.size) > LARGE
    }

    fn scale(&self) -> f64 {
        (SCALED / self.mean).min(1.0)
    }

    /// ln P(Y ≤ y).
    #[must_use]
    pub fn ln_lower_tail(&self, y: f64) -> f64 {
        let y = y.floor();
        if y < 0.0 {
            return f64::NEG_INFINITY;
        }
        if self.is_normal() {
            return normal::ln_upper_tail((self.mean - y - 0.5) / self.sd());
        }
        let scale = self.scale();
        beta::ln_incomplete(self.size, (y + 1.0) * scale, self.size, self.mean * scale)
    }

    /// ln P(Y ≥ y).
    #[must_use]
    pub fn ln_upper_tail(&self, y: f64) -> f64 {
        let y = y.ceil();
        if y <= 0.0 {
            return 0.0;
        }
        if self.is_normal() {
            return normal::ln_upper_tail((y - 0.5 - self.mean) / self.sd());
        }
        let scale = self.scale();
        beta::ln_incomplete(y * scale, self.size, self.mean * scale, self.size)
    }

    /// The smallest count whose lower tail is at least `p`, for 0 < p < 1.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        let ln_p = libm::log(p);
        let (mut below, mut at) = (-1.0, (self.mean + normal::quantile(p).max(1.0) * self.sd()).ceil());
        while self.ln_lower_tail(at) < ln_p {
            below = at;
            at = 2.0 * at + 1.0;
        }
        while at - below > 1.0 {
            let middle = (0.5 * (below + at)).floor();
            // Neighbouring counts are one float from 2⁵³ on.
            if middle <= below || middle >= at {
                break;
            }
            if self.ln_lower_tail(middle) < ln_p {
                below = middle;
            } else {
                at = middle;
            }
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(Y = y) added up, from the definition.
    fn lower(mean: f64, dispersion: f64, y: u32) -> f64 {
        let mut pmf = if dispersion > 0.0 { (1.0 + dispersion * mean).powf(-1.0 / dispersion) } else { (-mean).exp() };
        let mut sum = pmf;
        for k in 0..y {
            let k = f64::from(k);
            pmf *= if dispersion > 0.0 { (k + 1.0 / dispersion) / (k + 1.0) * mean / (mean + 1.0 / dispersion) } else { mean / (k + 1.0) };
            sum += pmf;
        }
        sum
    }

    #[test]
    fn tails_are_sums_of_probabilities() {
        for (mean, dispersion) in [(0.02, 0.0), (0.3, 2.0), (4.0, 0.0), (4.0, 0.5), (60.0, 0.02), (300.0, 0.0), (300.0, 1.5)] {
            let counts = Counts::new(mean, dispersion);
            for y in [0, 1, 3, 10, 70, 350] {
                let expected = lower(mean, dispersion, y);
                // Poisson as a limit: 1 in 10,000 of the variance, which a tail multiplies by z²/2.
                let (tolerance, got) = (if dispersion > 0.0 { 1e-8 } else { 5e-3 }, counts.ln_lower_tail(f64::from(y)).exp());
                assert!(
                    (got - expected).abs() < tolerance * expected.min(1.0 - expected) + 1e-9,
                    "{mean} {dispersion} {y}: {got} {expected}"
                );
                let above = counts.ln_upper_tail(f64::from(y) + 1.0).exp();
                assert!((got + above - 1.0).abs() < 1e-9, "{mean} {dispersion} {y}: {got} {above}");
            }
        }
    }

    #[test]
    fn a_quantile_is_the_first_count_to_reach_its_probability() {
        for (mean, dispersion) in [(0.02, 0.0), (0.3, 2.0), (4.0, 0.5), (60.0, 0.02), (900.0, 0.3), (1e7, 1e-4)] {
            let counts = Counts::new(mean, dispersion);
            for p in [1e-6, 0.005, 0.1, 0.5, 0.9, 0.995, 1.0 - 1e-9] {
                let q = counts.quantile(p);
                assert!(counts.ln_lower_tail(q) >= libm::log(p), "{mean} {dispersion} {p}: {q}");
                assert!(q == 0.0 || counts.ln_lower_tail(q - 1.0) < libm::log(p), "{mean} {dispersion} {p}: {q}");
            }
        }
    }

    #[test]
    fn far_tails_do_not_underflow() {
        let counts = Counts::new(20.0, 0.05);
        assert!(counts.ln_upper_tail(1e4) < -1000.0 && counts.ln_upper_tail(1e4).is_finite());
        assert!(Counts::new(5e4, 0.0).ln_lower_tail(0.0) < -1e4);
        assert!(Counts::new(1e12, 0.01).ln_upper_tail(5e12).is_finite());
    }

    #[test]
    fn the_normal_stand_in_joins_on_without_a_step() {
        for dispersion in [0.0, 1.0 / (1.000_001 * LARGE)] {
            let (exact, stand_in) = (Counts::new(LARGE, dispersion), Counts::new(LARGE * 1.000_002, dispersion));
            assert!(!exact.is_normal() && stand_in.is_normal());
            for z in [-3.0, 0.0, 3.0] {
                let y = LARGE + z * exact.sd();
                let apart = exact.ln_lower_tail(y) - stand_in.ln_lower_tail(y);
                assert!(apart.abs() < 0.04, "{dispersion} {z}: {apart}");
            }
        }
    }

    #[test]
    fn counts_beyond_all_tickets_are_scaled_down_without_a_step() {
        for size in [2.0, 1e4] {
            let (exact, scaled) = (Counts::new(SCALED, 1.0 / size), Counts::new(1e6 * SCALED, 1.0 / size));
            for z in [-1.2, 0.0, 3.0] {
                let (y, far) = (SCALED + z * exact.sd(), 1e6 * SCALED + z * scaled.sd());
                assert!((exact.ln_lower_tail(y) - scaled.ln_lower_tail(far)).abs() < 1e-3, "{size} {z}");
                assert!((exact.ln_upper_tail(y) - scaled.ln_upper_tail(far)).abs() < 1e-3, "{size} {z}");
            }
        }
    }

    #[test]
    fn large_counts_that_vary_much_keep_their_skewness() {
        // By scipy.stats.nbinom at r = 2: the counts of P(Y ≤ y) = 0.005 and P(Y ≥ y) = 0.005.
        let counts = Counts::new(1e6, 0.5);
        assert!((counts.ln_lower_tail(51_746.0).exp() / 0.005 - 1.0).abs() < 1e-3, "{}", counts.ln_lower_tail(51_746.0).exp());
        assert!((counts.ln_upper_tail(3_715_068.0).exp() / 0.005 - 1.0).abs() < 1e-3, "{}", counts.ln_upper_tail(3_715_068.0).exp());
    }
}
