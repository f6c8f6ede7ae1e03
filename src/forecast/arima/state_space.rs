//! An ARMA process in companion state space with innovations of variance 1, its stationary start and its Kalman filter.
//!
//! Harvey, *Forecasting, Structural Time Series Models and the Kalman Filter* (1989), §3.4: state i holds what the past says about
//! the value i steps ahead, the transition is a shift plus the first state times φ, and an observation has no noise of its own. So the
//! filtered covariance has a zero first row, and a step costs one multiplication per pair of states instead of a matrix product.
//! Once the innovation variance has settled at 1 the covariance is θθᵀ and stays; a missing value wakes the full filter.

use std::ops::{Div, Mul};

use super::autocovariance::Autocovariances;
use super::polynomial::Orders;
use crate::stats::dual::Real;

/// How near to 1 the innovation variance (and its derivatives, to 0) counts as settled.
const SETTLED: f64 = 1e-10;
/// From this many states on, complete data go through the fast recursions.
const FAST: usize = 6;

/// What is filtered where coefficients are `T`: the same type, or several series side by side, for a filter is linear in what it filters.
pub(super) trait Filtered<T>: Real + Mul<T, Output = Self> + Div<T, Output = Self> {}
impl<T, V: Real + Mul<T, Output = V> + Div<T, Output = V>> Filtered<T> for V {}

/// What one observed value adds to the likelihood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Innovation<T, V = T> {
    /// Observed minus predicted.
    pub(super) error: V,
    /// Its variance, in units of σ²; `None`: settled at 1.
    pub(super) variance: Option<T>,
}

/// Coefficients, prediction of the next state and its covariance, with all the memory that filtering needs.
#[derive(Debug, Clone)]
pub(super) struct StateSpace<T, V = T> {
    orders: Orders,
    /// φ by lag − 1, and the lags where the polynomial has a term.
    phi: Vec<T>,
    phi_at: Vec<usize>,
    /// Loadings of ε on the states: 1, θ₁, θ₂, …, and a final 0.
    load: Vec<T>,
    theta: Vec<T>,
    /// Predicted state, and a final 0.
    state: Vec<V>,
    /// Predicted covariance in units of σ²: the upper triangle of a square matrix.
    covariance: Vec<T>,
    /// θθᵀ, upper triangle.
    noise: Vec<T>,
    /// First row of the covariance, and a final 0.
    top: Vec<T>,
    gain: Vec<T>,
    /// Fast recursions: the gain times its variance, and the direction in which the covariance still moves (with a final 0).
    pull: Vec<T>,
    drift: Vec<T>,
    /// Innovations in a row whose variance was settled.
    calm: usize,
    start: Autocovariances<T>,
}

impl<T: Real, V: Filtered<T>> StateSpace<T, V> {
    pub(super) fn new(orders: Orders) -> Self {
        let r = orders.states();
        let zero = T::constant(0.0);
        // Uneven numbers, so that no two terms of the polynomial cancel.
        let probe: Vec<f64> = (0..orders.coefficients()).map(|i| 0.5 + 0.137 * i as f64).collect();
        let (mut structure, mut theta) = (vec![0.0; r], vec![0.0; r]);
        orders.expand(&probe, &mut structure, &mut theta);
        Self {
            orders,
            phi: vec![zero; r],
            phi_at: (0..r).filter(|i| structure[*i] != 0.0).collect(),
            load: vec![zero; r + 1],
            theta: vec![zero; r],
            state: vec![V::constant(0.0); r + 1],
            covariance: vec![zero; r * r],
            noise: vec![zero; r * r],
            top: vec![zero; r + 1],
            gain: vec![zero; r + 1],
            pull: vec![zero; r],
            drift: vec![zero; r + 1],
            calm: 0,
            start: Autocovariances::new(&orders),
        }
    }

    /// Takes coefficients and forgets every observation; the state has its stationary distribution.
    pub(super) fn reset(&mut self, coefficients: &[T]) {
        self.set(coefficients);
        self.spread_covariance();
    }

    /// Everything of [`StateSpace::reset`] but the covariance beyond its first row.
    fn set(&mut self, coefficients: &[T]) {
        self.orders.expand(coefficients, &mut self.phi, &mut self.theta);
        self.load[0] = T::constant(1.0);
        let r = self.theta.len();
        self.load[1..r].copy_from_slice(&self.theta[..r - 1]);
        self.state.fill(V::constant(0.0));
        self.calm = 0;
        self.start.solve(&self.phi, &self.phi_at, &self.load[..r], self.orders.ma_lags());
        self.first_row();
    }

    /// Covariance of the first state with state i: Σ_{j≥i} φ_j γ(j−i+1) + θ_{j−1} ψ_{j−i}.
    fn first_row(&mut self) {
        let r = self.phi.len();
        self.top.fill(T::constant(0.0));
        for &j in &self.phi_at {
            for i in 0..=j {
                self.top[i] += self.phi[j] * self.start.gamma[j - i + 1];
            }
        }
        for i in 0..r {
            for j in i..=self.orders.ma_lags().min(r - 1) {
                self.top[i] += self.load[j] * self.start.psi[j - i];
            }
        }
    }

    /// The stationary covariance P = TPTᵀ + θθᵀ from its first row, last row first.
    fn spread_covariance(&mut self) {
        let r = self.phi.len();
        for i in (0..r).rev() {
            for j in (i..r).rev() {
                let noise = self.load[i] * self.load[j];
                self.noise[i * r + j] = noise;
                let after = if j + 1 < r { self.covariance[(i + 1) * r + j + 1] } else { T::constant(0.0) };
                let turned = self.phi[i] * (self.phi[j] * self.top[0] + self.top[j + 1]) + self.phi[j] * self.top[i + 1];
                self.covariance[i * r + j] = turned + after + noise;
            }
        }
    }

    /// The predicted next value.
    pub(super) fn predicted(&self) -> V {
        self.state[0]
    }

    /// Variance of the next innovation in units of σ².
    pub(super) fn next_variance(&self) -> T {
        if self.settled() { T::constant(1.0) } else { self.covariance[0] }
    }

    /// φ by lag − 1.
    pub(super) fn phi(&self) -> &[T] {
        &self.phi
    }
    /// 1, θ₁, θ₂, … : one entry per state.
    pub(super) fn load(&self) -> &[T] {
        &self.load[..self.phi.len()]
    }
    /// The predicted state.
    pub(super) fn state(&self) -> &[V] {
        &self.state[..self.phi.len()]
    }

    /// What the predicted covariance of states i ≤ j still has beyond θθᵀ; `None` once settled.
    pub(super) fn excess(&self) -> Option<impl Fn(usize, usize) -> T> {
        let r = self.phi.len();
        (!self.settled()).then_some(move |i: usize, j: usize| self.covariance[i * r + j] - self.noise[i * r + j])
    }

    fn settled(&self) -> bool {
        self.calm > self.phi.len()
    }

    fn watch(&mut self, variance: T) {
        let calm = (variance - T::constant(1.0)).magnitude() < SETTLED;
        self.calm = if calm { self.calm + 1 } else { 0 };
    }

    /// Takes in the next value, or `None`, and predicts the one after.
    pub(super) fn step(&mut self, value: Option<V>) -> Option<Innovation<T, V>> {
        let Some(value) = value else {
            self.step_missing();
            return None;
        };
        let error = value - self.state[0];
        if self.settled() {
            self.step_settled(value, error);
            return Some(Innovation { error, variance: None });
        }
        let variance = self.covariance[0];
        self.step_observed(value, error, variance);
        self.watch(variance);
        if self.settled() {
            self.covariance.copy_from_slice(&self.noise);
        }
        Some(Innovation { error, variance: Some(variance) })
    }

    fn step_settled(&mut self, value: V, error: V) {
        let r = self.phi.len();
        for i in 0..r {
            self.state[i] = self.state[i + 1] + error * self.load[i + 1];
        }
        self.add_phi_times(value);
    }

    fn add_phi_times(&mut self, first: V) {
        for &i in &self.phi_at {
            self.state[i] += first * self.phi[i];
        }
    }

    fn step_observed(&mut self, value: V, error: V, variance: T) {
        let r = self.phi.len();
        self.top[..r].copy_from_slice(&self.covariance[..r]);
        let precision = T::constant(1.0) / variance;
        for i in 1..r {
            self.gain[i] = self.top[i] * precision;
        }
        for i in 0..r {
            self.state[i] = self.state[i + 1] + error * self.gain[i + 1];
        }
        self.add_phi_times(value);
        for i in 0..r {
            let (to, from) = self.covariance.split_at_mut((i + 1) * r);
            let (to, noise) = (&mut to[i * r + i..], &self.noise[i * r + i..(i + 1) * r]);
            let pull = self.top[i + 1];
            if i + 1 < r {
                let moved = from[i + 1..r].iter().zip(&self.gain[i + 1..r]);
                for ((to, noise), (next, gain)) in to.iter_mut().zip(noise).zip(moved) {
                    *to = *noise + (*next - pull * *gain);
                }
            }
            // The last state comes from nowhere but the noise.
            to[r - 1 - i] = noise[r - 1 - i];
        }
    }

    fn step_missing(&mut self) {
        let r = self.phi.len();
        let first = self.state[0];
        for i in 0..r {
            self.state[i] = self.state[i + 1];
        }
        self.add_phi_times(first);
        self.top[..r].copy_from_slice(&self.covariance[..r]);
        for i in 0..r {
            for j in i..r {
                let after = if j + 1 < r { self.covariance[(i + 1) * r + j + 1] } else { T::constant(0.0) };
                let turned = self.phi[i] * (self.phi[j] * self.top[0] + self.top[j + 1]) + self.phi[j] * self.top[i + 1];
                self.covariance[i * r + j] = turned + after + self.noise[i * r + j];
            }
        }
        self.calm = 0;
    }

    /// Filters values from the stationary start; `complete` promises that none is missing.
    pub(super) fn filter(
        &mut self,
        coefficients: &[T],
        values: impl Iterator<Item = Option<V>>,
        complete: bool,
        mut each: impl FnMut(Innovation<T, V>),
    ) {
        if complete && self.phi.len() >= FAST {
            self.set(coefficients);
            self.fast(values.flatten(), each);
            return;
        }
        self.reset(coefficients);
        for value in values {
            if let Some(innovation) = self.step(value) {
                each(innovation);
            }
        }
    }

    /// The filter for complete data: from a stationary start the covariance moves along one direction only, so a step costs a few
    /// multiplications per state. Morf, Sidhu & Kailath (1974), "Some new algorithms for recursive estimation in constant, linear,
    /// discrete-time systems", *IEEE Transactions on Automatic Control* 19. Leaves the covariance behind.
    fn fast(&mut self, values: impl Iterator<Item = V>, mut each: impl FnMut(Innovation<T, V>)) {
        let r = self.phi.len();
        let mut variance = self.top[0];
        for i in 0..r {
            self.pull[i] = self.phi[i] * variance + self.top[i + 1];
        }
        self.drift[..r].copy_from_slice(&self.pull);
        let mut weight = -(T::constant(1.0) / variance);
        for value in values {
            let error = value - self.state[0];
            if self.settled() {
                self.step_settled(value, error);
                each(Innovation { error, variance: None });
                continue;
            }
            each(Innovation { error, variance: Some(variance) });
            let (first, lead) = (self.state[0], self.drift[0]);
            let scaled = error / variance;
            let step = weight * lead;
            let next_variance = variance + step * lead;
            let ratio = lead / next_variance;
            weight += step * step / variance;
            // What φ adds lands one place up, where the shift of the loop below picks it up.
            for &i in &self.phi_at {
                self.state[i + 1] += first * self.phi[i];
                self.drift[i + 1] += self.phi[i] * lead;
            }
            let (state, drift) = (&mut self.state[..=r], &mut self.drift[..=r]);
            for (i, pull) in self.pull[..r].iter_mut().enumerate() {
                state[i] = state[i + 1] + scaled * *pull;
                let moved = drift[i + 1];
                *pull += moved * step;
                drift[i] = moved - *pull * ratio;
            }
            // The places beyond the last state are empty again.
            self.state[r] = V::constant(0.0);
            self.drift[r] = T::constant(0.0);
            variance = next_variance;
            self.watch(variance);
        }
    }
}

impl<T: Real> StateSpace<T> {
    /// Sum of squared innovations over their variances, and of log variances.
    pub(super) fn evidence(&mut self, coefficients: &[T], values: &[Option<f64>], complete: bool) -> Evidence<T> {
        let mut evidence = Evidence::new();
        let values = values.iter().map(|value| value.map(T::constant));
        self.filter(coefficients, values, complete, |innovation| evidence.add(innovation));
        evidence
    }
}

/// What the differences say about coefficients, apart from σ².
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<T> {
    /// Σ error² / variance.
    pub(super) squares: T,
    log_variances: T,
    product: T,
    /// Number of innovations.
    pub(super) count: usize,
}

impl<T: Real> Evidence<T> {
    fn new() -> Self {
        Self { squares: T::constant(0.0), log_variances: T::constant(0.0), product: T::constant(1.0), count: 0 }
    }

    fn add(&mut self, innovation: Innovation<T>) {
        let square = innovation.error * innovation.error;
        self.count += 1;
        let Some(variance) = innovation.variance else {
            self.squares += square;
            return;
        };
        self.squares += square / variance;
        self.product = self.product * variance;
        // A logarithm per step would cost more than the step.
        if !(1e-100..1e100).contains(&self.product.value()) {
            self.log_variances += self.product.ln();
            self.product = T::constant(1.0);
        }
    }

    /// Σ ln variance.
    pub(super) fn log_variances(&self) -> T {
        self.log_variances + self.product.ln()
    }
}
