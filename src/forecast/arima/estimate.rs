//! Maximum likelihood: the exact Gaussian likelihood with σ² concentrated out, climbed by L-BFGS with exact derivatives.

use std::f64::consts::TAU;

use super::polynomial::{Orders, unsqueezed};
use super::state_space::{Evidence, StateSpace};
use crate::stats::dual::{Dual, Real};
use crate::stats::lbfgs::{Options, minimize};

/// Residual variance below this share of the variance of the differences counts as this share: a perfect fit has no likelihood.
const LEAST_VARIANCE: f64 = 1e-12;
/// Partial autocorrelations of each start, in the order ar, ma, seasonal ar, seasonal ma; later coefficients of a block start at 0.
/// Chosen greedily among 94 on 240 made-up weekly series (white, sluggish, alternating, random walk; regular and drifting seasons):
/// these three together reach the best likelihood that any of the 94 reaches. Comparing them before they have converged does not, for
/// ridges of nearly cancelling roots climb late.
const STARTS: [[f64; 4]; 3] = [[0.5, 0.3, 0.1, -0.8], [-0.8, 0.9, 0.0, -0.8], [0.9, 0.6, -0.5, -0.6]];
/// A start taken from an earlier fit keeps its partial autocorrelations inside this bound, where the gradient still speaks.
const WARM_PARTIAL: f64 = 0.97;
/// From this many states on, the filter that gaps need is so much slower than the fast recursions that a series with gaps first picks
/// its hill with the gaps filled in.
const SLOW_STATES: usize = 20;

/// What is to be explained.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) orders: Orders,
    pub(super) differences: &'a [Option<f64>],
    /// Whether the differences have a mean of their own.
    pub(super) with_mean: bool,
}

/// The coefficients of largest likelihood.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    pub(super) coefficients: Vec<f64>,
    pub(super) mean: f64,
    pub(super) variance: f64,
    pub(super) log_likelihood: f64,
    /// The unconstrained numbers behind them: where a refit starts.
    pub(super) free: Vec<f64>,
}

/// Location and scale of the differences.
#[derive(Debug, Clone, Copy)]
struct Units {
    mean: f64,
    square: f64,
    sd: f64,
    complete: bool,
}

impl Problem<'_> {
    fn units(&self) -> Units {
        let n = self.differences.iter().flatten().count() as f64;
        let mean = self.differences.iter().flatten().sum::<f64>() / n;
        let square = self.differences.iter().flatten().map(|w| w * w).sum::<f64>() / n;
        let complete = self.differences.iter().all(Option::is_some);
        Units { mean, square, sd: (square - mean * mean).max(0.0).sqrt(), complete }
    }

    /// Climbs from `warm`, or from several fixed starts. At least one difference must not be zero.
    pub(super) fn estimate(&self, warm: Option<&[f64]>) -> Estimate {
        match self.parameters() {
            ..=4 => self.climb::<4>(warm),
            5 => self.climb::<5>(warm),
            _ => self.climb::<8>(warm),
        }
    }

    fn parameters(&self) -> usize {
        self.orders.coefficients() + usize::from(self.with_mean)
    }

    fn climb<const N: usize>(&self, warm: Option<&[f64]>) -> Estimate {
        let units = self.units();
        let starts = match warm {
            Some(warm) => vec![self.warm_start(warm)],
            None => STARTS.iter().map(|start| self.start(*start)).collect(),
        };
        // An earlier fit away from the edges is already next to its top.
        let near = warm.is_some_and(|warm| starts[0] == warm);
        if near || units.complete || self.orders.states() < SLOW_STATES {
            return self.estimate_at(units, self.highest::<N>(units, starts));
        }
        let filled: Vec<Option<f64>> = self.differences.iter().map(|w| w.or(Some(if self.with_mean { units.mean } else { 0.0 }))).collect();
        let complete = Problem { differences: &filled, ..*self };
        let hill = complete.highest::<N>(complete.units(), starts);
        self.estimate_at(units, self.highest::<N>(units, vec![hill]))
    }

    /// The highest point reached from at least one start.
    fn highest<const N: usize>(&self, units: Units, starts: Vec<Vec<f64>>) -> Vec<f64> {
        let mut workspace = Workspace::<N>::new(self.orders);
        let mut objective = |free: &[f64], gradient: &mut [f64]| workspace.objective(self, units, free, gradient);
        let options = Options { max_iterations: 200, gradient_tolerance: 1e-5, value_tolerance: 1e-9, ..Options::default() };
        let mut best = (f64::INFINITY, starts[0].clone());
        for mut free in starts {
            let value = minimize(&mut objective, &mut free, &options).value;
            if value < best.0 {
                best = (value, free);
            }
        }
        best.1
    }

    /// The unconstrained numbers of an earlier fit, away from the edges.
    fn warm_start(&self, earlier: &[f64]) -> Vec<f64> {
        let edge = unsqueezed(WARM_PARTIAL);
        earlier.iter().enumerate().map(|(i, x)| if i < self.orders.coefficients() { x.clamp(-edge, edge) } else { *x }).collect()
    }

    fn start(&self, partials: [f64; 4]) -> Vec<f64> {
        let mut free = Vec::with_capacity(self.parameters());
        let sizes = [self.orders.ar, self.orders.ma, self.orders.seasonal_ar, self.orders.seasonal_ma];
        // The moving averages enter the constraint with the opposite sign.
        for ((size, partial), sign) in sizes.into_iter().zip(partials).zip([1.0, -1.0, 1.0, -1.0]) {
            free.extend((0..size).map(|i| if i == 0 { unsqueezed(sign * partial) } else { 0.0 }));
        }
        free.resize(self.parameters(), 0.0);
        free
    }

    fn estimate_at(&self, units: Units, free: Vec<f64>) -> Estimate {
        let mut coefficients = vec![0.0; self.orders.coefficients()];
        self.orders.constrain(&free[..coefficients.len()], &mut coefficients, &mut vec![0.0; 2 * free.len()]);
        let mean = if self.with_mean { units.mean + units.sd * free[coefficients.len()] } else { 0.0 };
        let evidence = self.evidence_at(&coefficients, mean);
        let variance = (evidence.squares / evidence.count as f64).max(LEAST_VARIANCE * units.square);
        let log_likelihood = log_likelihood(&evidence, variance);
        Estimate { coefficients, mean, variance, log_likelihood, free }
    }

    /// What the differences say about given coefficients.
    pub(super) fn evidence_at(&self, coefficients: &[f64], mean: f64) -> Evidence<f64> {
        StateSpace::<f64>::new(self.orders).evidence(coefficients, self.differences, self.units().complete, mean)
    }
}

/// The exact log-likelihood at a variance.
pub(super) fn log_likelihood(evidence: &Evidence<f64>, variance: f64) -> f64 {
    let n = evidence.count as f64;
    -0.5 * (n * libm::log(TAU * variance) + evidence.log_variances() + evidence.squares / variance)
}

/// All memory of the objective.
struct Workspace<const N: usize> {
    space: StateSpace<Dual<N>>,
    free: Vec<Dual<N>>,
    coefficients: Vec<Dual<N>>,
    scratch: Vec<Dual<N>>,
}

impl<const N: usize> Workspace<N> {
    fn new(orders: Orders) -> Self {
        let zeros = vec![Dual::constant(0.0); orders.coefficients()];
        let scratch = vec![Dual::constant(0.0); 2 * orders.coefficients()];
        Self { space: StateSpace::new(orders), free: zeros.clone(), coefficients: zeros, scratch }
    }

    /// Half of mean log variance plus log of the concentrated σ², and its gradient, `N` components per pass.
    fn objective(&mut self, problem: &Problem<'_>, units: Units, free: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = f64::INFINITY;
        for from in (0..free.len().max(1)).step_by(N) {
            let dual = self.dual_objective(problem, units, free, from);
            value = dual.value;
            for (to, slope) in gradient[from..].iter_mut().zip(dual.slopes) {
                *to = slope;
            }
        }
        if value.is_finite() && gradient.iter().all(|slope| slope.is_finite()) { value } else { f64::INFINITY }
    }

    fn dual_objective(&mut self, problem: &Problem<'_>, units: Units, free: &[f64], from: usize) -> Dual<N> {
        // A place before `from` wraps to a number beyond N, which makes it a constant.
        let variable = |i: usize| Dual::variable(free[i], i.wrapping_sub(from));
        let size = self.coefficients.len();
        for (i, x) in self.free.iter_mut().enumerate() {
            *x = variable(i);
        }
        problem.orders.constrain(&self.free, &mut self.coefficients, &mut self.scratch);
        let mean = if problem.with_mean { variable(size) * units.sd + Dual::constant(units.mean) } else { Dual::constant(0.0) };
        let evidence = self.space.evidence(&self.coefficients, problem.differences, units.complete, mean);
        let share = 1.0 / evidence.count as f64;
        let variance = evidence.squares * share;
        let least = LEAST_VARIANCE * units.square;
        let variance = if variance.value < least { Dual::constant(least) } else { variance };
        (variance.ln() + evidence.log_variances() * share) * 0.5
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::seed::Seed;

    const ORDERS: Orders = Orders { ar: 1, ma: 1, seasonal_ar: 1, seasonal_ma: 1, season: 7 };

    fn differences(len: usize, gaps: bool) -> Vec<Option<f64>> {
        let mut rng = Seed::derive(["arima", "estimate"]).rng();
        let mut level = 0.0;
        let mut next = |t: usize| {
            level = 0.7 * level + rng.random::<f64>() - 0.4;
            (!gaps || t % 31 != 30).then_some(40.0 * level)
        };
        (0..len).map(&mut next).collect()
    }

    fn points() -> Vec<Vec<f64>> {
        let mut points: Vec<Vec<f64>> = vec![vec![0.0; 5], vec![3.0, -2.0, 0.4, 8.0, 0.1], vec![-0.7, 0.2, -6.0, 9.0, -0.5]];
        let mut rng = Seed::derive(["arima", "points"]).rng();
        points.extend((0..20).map(|_| (0..5).map(|_| 4.0 * rng.random::<f64>() - 2.0).collect()));
        points
    }

    #[test]
    fn derivatives_are_those_of_the_objective() {
        for (gaps, with_mean) in [(false, false), (false, true), (true, false), (true, true)] {
            let differences = differences(120, gaps);
            let problem = Problem { orders: ORDERS, differences: &differences, with_mean };
            let units = problem.units();
            let mut workspace = Workspace::<4>::new(ORDERS);
            for point in points() {
                let mut free = point[..problem.parameters()].to_vec();
                let (mut gradient, mut ignored) = (vec![0.0; free.len()], vec![0.0; free.len()]);
                workspace.objective(&problem, units, &free, &mut gradient);
                for i in 0..free.len() {
                    let (x, step) = (free[i], 1e-5 * free[i].abs().max(1.0));
                    let mut at = |x: f64| {
                        free[i] = x;
                        workspace.objective(&problem, units, &free, &mut ignored)
                    };
                    let slope = (at(x + step) - at(x - step)) / (2.0 * step);
                    free[i] = x;
                    assert!((gradient[i] - slope).abs() < 1e-6 * slope.abs().max(1.0), "{point:?}, {i}: {} against {slope}", gradient[i]);
                }
            }
        }
    }

    #[test]
    fn the_fast_recursions_give_the_likelihood_of_the_filter() {
        let differences = differences(400, false);
        for season in [7, 24, 60] {
            let orders = Orders { season, ..ORDERS };
            let mut space = StateSpace::<f64>::new(orders);
            for point in points() {
                let mut coefficients = [0.0; 4];
                orders.constrain(&point[..4], &mut coefficients, &mut [0.0; 8]);
                let fast = space.evidence(&coefficients, &differences, true, 0.3);
                let plain = space.evidence(&coefficients, &differences, false, 0.3);
                assert!((fast.squares / plain.squares - 1.0).abs() < 1e-8, "{season} {point:?}: {fast:?} against {plain:?}");
                assert!((fast.log_variances() - plain.log_variances()).abs() < 1e-7, "{season} {point:?}: {fast:?} against {plain:?}");
            }
        }
    }

    #[test]
    fn the_likelihood_of_white_noise_is_known() {
        let orders = Orders { ar: 0, ma: 0, seasonal_ar: 0, seasonal_ma: 0, season: 1 };
        let differences = [Some(1.0), Some(-2.0), None, Some(3.0)];
        let estimate = Problem { orders, differences: &differences, with_mean: false }.estimate(None);
        assert!((estimate.variance - 14.0 / 3.0).abs() < 1e-12);
        assert!((estimate.log_likelihood + 1.5 * (libm::log(TAU * 14.0 / 3.0) + 1.0)).abs() < 1e-12);
    }
}
