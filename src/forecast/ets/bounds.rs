//! Smoothing parameters within their bounds, as smooth functions of unconstrained angles.
//!
//! The usual bounds 0 < α < 1, 0 < β < α, 0 < γ < 1 − α, 0.8 < φ < 0.98 hold by sines, which reach a bound at a finite place and with a flat
//! slope: an optimum on a bound is an ordinary one. DIFFERENCE: R also refuses parameters outside the admissible region, which is not
//! checked here; none of 189 fits of the fifteen forms to the series of `tests/golden/series` lies outside.

use super::form::{Form, Seasonal, Trend};
use super::recursion::Smoothing;

/// Smallest share of its interval that a smoothing parameter takes, and largest distance from its end.
const LEAST_SHARE: f64 = 1e-4;
/// Bounds of the damping.
const DAMPING: (f64, f64) = (0.8, 0.98);
/// A warm start stays this share away from the bounds, where the slope of the sines is none.
const WARM_SHARE: f64 = 0.02;

/// Shares of their intervals, and their derivatives by the angles.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Angles {
    share: [f64; 4],
    slope: [f64; 4],
}

impl Angles {
    pub(super) fn read(form: Form, free: &[f64]) -> Self {
        let mut angles = Self::default();
        let mut from = free.iter();
        for (i, has) in places(form).into_iter().enumerate() {
            let Some(angle) = has.then(|| from.next()).flatten() else { continue };
            let width = 0.5 * (1.0 - 2.0 * LEAST_SHARE);
            angles.share[i] = LEAST_SHARE + width * (1.0 + libm::sin(*angle));
            angles.slope[i] = width * libm::cos(*angle);
        }
        angles
    }

    pub(super) fn smoothing(&self, form: Form) -> Smoothing {
        let [alpha, beta, gamma, phi] = self.share;
        let damped = form.trend == Trend::Damped;
        Smoothing {
            alpha,
            beta: alpha * beta,
            gamma: (1.0 - alpha) * gamma,
            phi: if damped { DAMPING.0 + (DAMPING.1 - DAMPING.0) * phi } else { 1.0 },
        }
    }

    pub(super) fn write_slopes(&self, form: Form, by: Smoothing, gradient: &mut [f64]) {
        let [alpha, beta, gamma, _] = self.share;
        let [of_beta, of_gamma] = [if form.has_trend() { by.beta } else { 0.0 }, by.gamma];
        let all = [
            self.slope[0] * (by.alpha + of_beta * beta - of_gamma * gamma),
            self.slope[1] * of_beta * alpha,
            self.slope[2] * of_gamma * (1.0 - alpha),
            self.slope[3] * by.phi * (DAMPING.1 - DAMPING.0),
        ];
        let present = all.into_iter().zip(places(form)).filter(|(_, has)| *has);
        for (slot, (slope, _)) in gradient.iter_mut().zip(present) {
            *slot = slope;
        }
    }
}

/// Which of α, β, γ, φ a form has.
pub(super) fn places(form: Form) -> [bool; 4] {
    [true, form.has_trend(), form.seasonal != Seasonal::None, form.trend == Trend::Damped]
}

/// The shares of an earlier fit, away from the bounds.
pub(super) fn warm_shares(smoothing: &Smoothing) -> [f64; 4] {
    let Smoothing { alpha, beta, gamma, phi } = *smoothing;
    let shares = [alpha, beta / alpha, gamma / (1.0 - alpha), (phi - DAMPING.0) / (DAMPING.1 - DAMPING.0)];
    shares.map(|share| if share.is_finite() { share.clamp(WARM_SHARE, 1.0 - WARM_SHARE) } else { 0.5 })
}
