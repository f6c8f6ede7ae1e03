//! Standard deviations of forecasts, in closed form.
//!
//! Hyndman, Koehler, Ord & Snyder (2008), §6.3: class 1 (additive errors), class 2 (multiplicative errors, rest additive), class 3
//! (multiplicative errors and season). All exact for normal errors and known parameters.

use super::form::{Errors, Form, Seasonal};
use super::recursion::{Smoothing, State};

/// What a spread depends on besides the horizon.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread<'a> {
    pub(super) form: Form,
    pub(super) smoothing: Smoothing,
    pub(super) variance: f64,
    pub(super) state: &'a State,
    /// Multiplicative errors scale with the mean, but no less than with this.
    pub(super) least_mean: f64,
}

impl Spread<'_> {
    /// One standard deviation per mean.
    pub(super) fn of(&self, means: &[f64]) -> Vec<f64> {
        match (self.form.errors, self.form.seasonal) {
            (Errors::Additive, _) => self.additive(means.len()),
            (Errors::Multiplicative, Seasonal::Multiplicative) => self.multiplicative_season(means),
            (Errors::Multiplicative, _) => self.multiplicative_errors(means),
        }
    }

    /// c₁, c₂, …: what an error adds to the mean of later buckets, cⱼ = α + βφⱼ + γ[m divides j] with φⱼ = φ + … + φʲ.
    fn carried(&self, ahead: usize) -> impl Iterator<Item = f64> {
        let Smoothing { alpha, beta, gamma, phi } = self.smoothing;
        let season = self.state.season.len();
        let (mut power, mut reach) = (1.0, 0.0);
        (1..ahead.max(1)).map(move |j| {
            power *= phi;
            reach += power;
            let seasonal = if season > 0 && j % season == 0 { gamma } else { 0.0 };
            alpha + beta * reach + seasonal
        })
    }

    fn additive(&self, ahead: usize) -> Vec<f64> {
        let mut sum = 1.0;
        let later = self.carried(ahead).map(move |c| {
            sum += c * c;
            sum
        });
        std::iter::once(1.0).chain(later).take(ahead).map(|sum: f64| (self.variance * sum).sqrt()).collect()
    }

    /// v = (1 + σ²)θ − μ² with θₕ = μₕ² + σ² Σ cⱼ² θₕ₋ⱼ.
    fn multiplicative_errors(&self, means: &[f64]) -> Vec<f64> {
        let squares: Vec<f64> = self.carried(means.len()).map(|c| c * c).collect();
        let mut theta: Vec<f64> = Vec::with_capacity(means.len());
        for mean in means {
            let mean = mean.abs().max(self.least_mean);
            let carried: f64 = squares.iter().zip(theta.iter().rev()).map(|(square, theta)| square * theta).sum();
            theta.push(mean * mean + self.variance * carried);
        }
        let of = |(theta, mean): (&f64, &f64)| {
            let mean = mean.abs().max(self.least_mean);
            // θ − μ² is a sum of squares; the difference alone may round below zero.
            (self.variance * theta + (theta - mean * mean).max(0.0)).sqrt()
        };
        theta.iter().zip(means).map(of).collect()
    }

    /// Level and season share the errors of earlier buckets of the same phase, so their product has no short formula; its first two
    /// moments obey a recursion. Q = E[x xᵀq²] and M = E[x q] over level and slope x and the growth q of one phase, for each phase anew.
    fn multiplicative_season(&self, means: &[f64]) -> Vec<f64> {
        let (ahead, season) = (means.len(), self.state.season.len());
        let mut spreads = vec![0.0; ahead];
        for phase in 0..season.min(ahead) {
            let factor = self.state.season[(self.state.next + phase) % season];
            let mut moments = Moments::new(self.state);
            for (h, spread) in spreads.iter_mut().enumerate() {
                let own = h % season == phase;
                let grown = moments.grown(self.smoothing.phi);
                if own {
                    let (mean, square) = (factor * grown.mean, factor * factor * grown.square);
                    let least = mean.abs().max(self.least_mean);
                    *spread = (self.variance * square.max(least * least) + (square - mean * mean).max(0.0)).sqrt();
                }
                moments.advance(grown, self.smoothing, if own { self.smoothing.gamma } else { 0.0 }, self.variance);
            }
        }
        spreads
    }
}

/// Moments of level and slope, weighted by the growth q of the season of one phase.
#[derive(Debug, Clone, Copy)]
struct Moments {
    level: f64,
    slope: f64,
    level_square: f64,
    product: f64,
    slope_square: f64,
}

/// E[pq] and E[p²q²] of p = level + φ·slope, and E[p·slope·q²].
#[derive(Debug, Clone, Copy)]
struct Grown {
    mean: f64,
    square: f64,
    with_slope: f64,
}

impl Moments {
    fn new(state: &State) -> Self {
        let (level, slope) = (state.level, state.slope);
        Self { level, slope, level_square: level * level, product: level * slope, slope_square: slope * slope }
    }

    fn grown(&self, phi: f64) -> Grown {
        Grown {
            mean: self.level + phi * self.slope,
            square: self.level_square + 2.0 * phi * self.product + phi * phi * self.slope_square,
            with_slope: self.product + phi * self.slope_square,
        }
    }

    /// p(1 + αε), φb + βpε and q(1 + γε) for a normal ε of variance v: E ε² = v, E ε⁴ = 3v².
    fn advance(&mut self, grown: Grown, smoothing: Smoothing, gamma: f64, v: f64) {
        let Smoothing { alpha, beta, phi, .. } = smoothing;
        // E[(1 + γε)²], E[ε(1 + γε)²], E[ε²(1 + γε)²].
        let (d0, d1, d2) = (1.0 + gamma * gamma * v, 2.0 * gamma * v, v + 3.0 * gamma * gamma * v * v);
        let slope_square = phi * phi * self.slope_square * d0 + 2.0 * phi * beta * grown.with_slope * d1 + beta * beta * grown.square * d2;
        self.product = phi * grown.with_slope * (d0 + alpha * d1) + beta * grown.square * (d1 + alpha * d2);
        self.level_square = grown.square * (d0 + 2.0 * alpha * d1 + alpha * alpha * d2);
        self.slope_square = slope_square;
        self.slope = phi * self.slope + beta * gamma * v * grown.mean;
        self.level = grown.mean * (1.0 + alpha * gamma * v);
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand::RngExt;

    use super::super::form::{Letters, Trend};
    use super::*;
    use crate::seed::Seed;
    use crate::stats::normal;

    const SMOOTHING: Smoothing = Smoothing { alpha: 0.4, beta: 0.1, gamma: 0.3, phi: 0.9 };

    fn state(form: Form) -> State {
        let season = match form.seasonal {
            Seasonal::None => Vec::new(),
            Seasonal::Additive => vec![20.0, -5.0, -15.0],
            Seasonal::Multiplicative => vec![1.3, 0.9, 0.8],
        };
        State { level: 100.0, slope: if form.has_trend() { 2.0 } else { 0.0 }, season, next: 1 }
    }

    fn smoothing(form: Form) -> Smoothing {
        Smoothing {
            beta: if form.has_trend() { SMOOTHING.beta } else { 0.0 },
            gamma: if form.seasonal == Seasonal::None { 0.0 } else { SMOOTHING.gamma },
            phi: if form.trend == Trend::Damped { SMOOTHING.phi } else { 1.0 },
            ..SMOOTHING
        }
    }

    /// The last value of a path drawn from the model.
    fn path(form: Form, sd: f64, ahead: usize, rng: &mut impl Rng) -> f64 {
        let mut state = state(form);
        let mut value = 0.0;
        for _ in 0..ahead {
            let mean = state.means(form, smoothing(form).phi, 1)[0];
            let error = sd * normal::quantile(rng.random::<f64>());
            value = if form.errors == Errors::Additive { mean + error } else { mean * (1.0 + error) };
            state.advance(form, smoothing(form), Some(value), 1e-9);
        }
        value
    }

    #[test]
    fn spreads_are_those_of_drawn_paths() {
        const PATHS: usize = 20_000;
        for form in Letters::ANY.forms(None, true, true) {
            let (state, smoothing) = (state(form), smoothing(form));
            let sd: f64 = if form.errors == Errors::Additive { 5.0 } else { 0.08 };
            let spread = Spread { form, smoothing, variance: sd * sd, state: &state, least_mean: 0.0 };
            let spreads = spread.of(&state.means(form, smoothing.phi, 10));
            for ahead in [1, 3, 10] {
                let mut rng = Seed::derive(["ets", "paths", &form.to_string()]).rng();
                let drawn: Vec<f64> = (0..PATHS).map(|_| path(form, sd, ahead, &mut rng)).collect();
                let mean = drawn.iter().sum::<f64>() / PATHS as f64;
                let variance = drawn.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / PATHS as f64;
                // The sd of 20,000 draws has a standard error of 0.5 %.
                let ratio = variance.sqrt() / spreads[ahead - 1];
                assert!((ratio - 1.0).abs() < 0.025, "{form}, {ahead} ahead: {ratio}");
            }
        }
    }
}
