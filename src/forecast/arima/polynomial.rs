//! Lag polynomials of a seasonal ARMA model, and the map from any real numbers to stationary or invertible ones.

use crate::stats::dual::Real;

/// Partial autocorrelations stay inside this bound, so that the stationary variance stays finite.
const LARGEST_PARTIAL: f64 = 0.999_99;

/// The orders of φ(B)Φ(Bˢ)w = θ(B)Θ(Bˢ)ε after differencing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Orders {
    pub(super) ar: usize,
    pub(super) ma: usize,
    pub(super) seasonal_ar: usize,
    pub(super) seasonal_ma: usize,
    pub(super) season: usize,
}

impl Orders {
    /// Highest lag of φ(B)Φ(Bˢ).
    pub(super) const fn ar_lags(&self) -> usize {
        self.ar + self.seasonal_ar * self.season
    }
    /// Highest lag of θ(B)Θ(Bˢ).
    pub(super) const fn ma_lags(&self) -> usize {
        self.ma + self.seasonal_ma * self.season
    }
    /// Length of the state vector.
    pub(super) fn states(&self) -> usize {
        self.ar_lags().max(self.ma_lags() + 1)
    }
    /// Number of coefficients: ar, ma, seasonal ar, seasonal ma.
    pub(super) const fn coefficients(&self) -> usize {
        self.ar + self.ma + self.seasonal_ar + self.seasonal_ma
    }

    /// The four blocks of a coefficient vector, in the order ar, ma, seasonal ar, seasonal ma.
    pub(super) fn blocks<'a, T>(&self, coefficients: &'a [T]) -> [&'a [T]; 4] {
        let (ar, rest) = coefficients.split_at(self.ar);
        let (ma, rest) = rest.split_at(self.ma);
        let (seasonal_ar, rest) = rest.split_at(self.seasonal_ar);
        [ar, ma, seasonal_ar, &rest[..self.seasonal_ma]]
    }

    /// The φ₁, φ₂, … of w_t = Σ φ_i w_{t−i} + … and the θ₁, θ₂, … of … + ε_t + Σ θ_j ε_{t−j}, into `phi` and `theta`, which hold one
    /// entry per state.
    pub(super) fn expand<T: Real>(&self, coefficients: &[T], phi: &mut [T], theta: &mut [T]) {
        let [ar, ma, seasonal_ar, seasonal_ma] = self.blocks(coefficients);
        multiply(ar, seasonal_ar, self.season, -1.0, phi);
        multiply(ma, seasonal_ma, self.season, 1.0, theta);
    }

    /// φ(1)Φ(1): the intercept over it is the mean.
    pub(super) fn ar_at_one(&self, coefficients: &[f64]) -> f64 {
        let [ar, _, seasonal_ar, _] = self.blocks(coefficients);
        (1.0 - ar.iter().sum::<f64>()) * (1.0 - seasonal_ar.iter().sum::<f64>())
    }

    /// Coefficients of a stationary and invertible model from any real numbers; `scratch` holds two entries per coefficient.
    pub(super) fn constrain<T: Real>(&self, free: &[T], coefficients: &mut [T], scratch: &mut [T]) {
        let mut at = 0;
        for (size, sign) in [(self.ar, 1.0), (self.ma, -1.0), (self.seasonal_ar, 1.0), (self.seasonal_ma, -1.0)] {
            stationary(&free[at..at + size], &mut coefficients[at..at + size], scratch);
            for coefficient in &mut coefficients[at..at + size] {
                *coefficient = *coefficient * sign;
            }
            at += size;
        }
    }
}

/// Lags 1, 2, … of (1 + sign·Σ a_i Bⁱ)(1 + sign·Σ b_j Bʲˢ), times sign.
fn multiply<T: Real>(short: &[T], long: &[T], season: usize, sign: f64, product: &mut [T]) {
    product.fill(T::constant(0.0));
    for (i, a) in short.iter().enumerate() {
        product[i] += *a;
    }
    for (j, b) in long.iter().enumerate() {
        let lag = (j + 1) * season;
        product[lag - 1] += *b;
        for (i, a) in short.iter().enumerate() {
            product[lag + i] += *a * *b * sign;
        }
    }
}

/// Coefficients of a stationary autoregression from any real numbers: each is squeezed to a partial autocorrelation, and the
/// Durbin–Levinson recursion turns these into coefficients. Monahan (1984), "A note on enforcing stationarity in
/// autoregressive-moving average models", *Biometrika* 71.
fn stationary<T: Real>(free: &[T], coefficients: &mut [T], scratch: &mut [T]) {
    for (k, x) in free.iter().enumerate() {
        let partial = *x / (*x * *x + T::constant(1.0)).sqrt() * LARGEST_PARTIAL;
        scratch[..k].copy_from_slice(&coefficients[..k]);
        for i in 0..k {
            coefficients[i] = scratch[i] - partial * scratch[k - 1 - i];
        }
        coefficients[k] = partial;
    }
}

/// Whether every root of 1 − Σ a_i Bⁱ has a magnitude above `root`: the recursion of [`stationary`] backwards must stay inside the unit
/// interval.
pub(super) fn is_stationary(coefficients: &[f64], root: f64) -> bool {
    let mut scale = 1.0;
    let mut left: Vec<f64> = coefficients
        .iter()
        .map(|coefficient| {
            scale *= root;
            coefficient * scale
        })
        .collect();
    while let Some(last) = left.pop() {
        if last.is_nan() || last.abs() >= 1.0 {
            return false;
        }
        left = (0..left.len()).map(|i| (left[i] + last * left[left.len() - 1 - i]) / (1.0 - last * last)).collect();
    }
    true
}

/// The real number that [`stationary`] squeezes to a partial autocorrelation.
pub(super) fn unsqueezed(partial: f64) -> f64 {
    let partial = partial / LARGEST_PARTIAL;
    partial / (1.0 - partial * partial).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_multiply() {
        let orders = Orders { ar: 1, ma: 1, seasonal_ar: 1, seasonal_ma: 1, season: 3 };
        let (mut phi, mut theta) = ([9.0; 5], [9.0; 5]);
        orders.expand(&[0.5, 0.2, 0.1, -0.4], &mut phi, &mut theta);
        // (1 − 0.5B)(1 − 0.1B³) = 1 − 0.5B − 0.1B³ + 0.05B⁴ and (1 + 0.2B)(1 − 0.4B³).
        assert_eq!(phi, [0.5, 0.0, 0.1, -0.05, 0.0]);
        assert_eq!(theta, [0.2, 0.0, -0.4, -0.4 * 0.2, 0.0]);
        assert_eq!((orders.ar_lags(), orders.states(), orders.coefficients()), (4, 5, 4));
    }

    #[test]
    fn any_numbers_become_a_stationary_autoregression() {
        for free in [[0.3, -2.0, 40.0], [-1e6, 1e6, 1e9], [0.0, 0.0, 0.0]] {
            let (mut phi, mut scratch) = ([0.0; 3], [0.0; 3]);
            stationary(&free, &mut phi, &mut scratch);
            assert!(is_stationary(&phi, 1.0), "{free:?} {phi:?}");
        }
        let mut phi = [0.0];
        stationary(&[unsqueezed(0.7)], &mut phi, &mut [0.0]);
        assert!((phi[0] - 0.7).abs() < 1e-12);
    }

    #[test]
    fn a_root_inside_the_circle_is_seen() {
        // (1 − 0.9B)(1 − 0.5B), with roots 1.11 and 2, and 1 + 0.98B².
        assert!(is_stationary(&[1.4, -0.45], 1.1) && !is_stationary(&[1.4, -0.45], 1.12));
        assert!(is_stationary(&[0.0, -0.98], 1.01) && !is_stationary(&[0.0, -0.98], 1.02));
        assert!(is_stationary(&[], 1.0) && !is_stationary(&[f64::NAN], 1.0));
    }
}
