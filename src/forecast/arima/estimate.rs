//! Maximum likelihood: the exact Gaussian likelihood with σ², the mean and the regression coefficients concentrated out, climbed by L-BFGS
//! with exact derivatives.
//!
//! At the best regression coefficients the likelihood does not change with them to first order, so its derivatives are those at fixed
//! ones (the envelope theorem).

use std::f64::consts::TAU;

use super::polynomial::{Orders, unsqueezed};
use super::regression::{Design, Profile};
use super::state_space::{Evidence, StateSpace};
use crate::stats::dual::{Dual, Real};
use crate::stats::lbfgs::{Options, minimize};

/// Residual variance below this share of the variance of the differences counts as this share: a perfect fit has no likelihood.
const LEAST_VARIANCE: f64 = 1e-12;
/// And below this share of their mean square it is rounding.
const ROUNDING: f64 = 1e-24;
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

/// What is to be explained: the differences, of which the design has explained a first part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) orders: Orders,
    pub(super) design: &'a Design,
    /// What ordinary least squares on the design leaves of the differences.
    residuals: &'a [Option<f64>],
    /// Mean square of the differences.
    pub(super) square: f64,
}

/// The coefficients of largest likelihood.
#[derive(Debug, Clone)]
pub(super) struct Estimate {
    pub(super) coefficients: Vec<f64>,
    pub(super) mean: f64,
    /// Weight of every regressor column.
    pub(super) weights: Vec<f64>,
    pub(super) variance: f64,
    pub(super) log_likelihood: f64,
    /// Number of differences behind it, and of numbers estimated from them.
    pub(super) observed: usize,
    pub(super) estimated: usize,
    /// The unconstrained numbers behind the coefficients: where a refit starts.
    pub(super) free: Vec<f64>,
}

impl Estimate {
    /// Akaike's information criterion with the correction for short series.
    pub(super) fn aicc(&self) -> f64 {
        let (n, k) = (self.observed as f64, self.estimated as f64);
        if self.log_likelihood == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        if n - k - 1.0 <= 0.0 { f64::INFINITY } else { 2.0 * (k - self.log_likelihood) + 2.0 * k * (k + 1.0) / (n - k - 1.0) }
    }
}

/// How far to climb.
const FAR: Options = Options { memory: 8, max_iterations: 200, gradient_tolerance: 1e-5, value_tolerance: 1e-9 };
/// Far enough to rank models: what is left is less than a tenth of what tells two apart.
const RANK: Options = Options { memory: 8, max_iterations: 60, gradient_tolerance: 1e-4, value_tolerance: 1e-6 };

/// Scale of what is left to explain.
#[derive(Debug, Clone, Copy)]
struct Units {
    /// Mean square; never 0.
    square: f64,
    /// Least variance that counts.
    least: f64,
    complete: bool,
}

impl<'a> Problem<'a> {
    pub(super) fn new(orders: Orders, differences: &[Option<f64>], design: &'a Design) -> Self {
        Self { orders, design, residuals: &design.residuals, square: mean_square(differences) }
    }

    fn units(&self) -> Units {
        let left = mean_square(self.residuals);
        let square = left.max(ROUNDING * self.square);
        let complete = self.residuals.iter().all(Option::is_some);
        Units { square, least: (LEAST_VARIANCE * left).max(ROUNDING * self.square), complete }
    }

    /// Climbs from `warm`, or from several fixed starts and what another search has `found`. The mean square must be positive and finite.
    pub(super) fn estimate(&self, warm: Option<&[f64]>, found: Option<&[f64]>) -> Estimate {
        let starts = match warm {
            Some(warm) => vec![warm_start(warm)],
            None => self.starts(found, STARTS.len()),
        };
        // An earlier fit away from the edges is already next to its top.
        let near = warm.is_some_and(|warm| starts[0] == warm);
        match self.orders.coefficients() {
            0..=2 => self.climb::<2>(starts, near),
            3..=4 => self.climb::<4>(starts, near),
            _ => self.climb::<8>(starts, near),
        }
    }

    /// A rough fit from the first fixed start and from `near`, for comparison with other orders.
    pub(super) fn rank(&self, near: Option<&[f64]>) -> Estimate {
        let (units, starts) = (self.units(), self.starts(near, 1));
        let free = match self.orders.coefficients() {
            0..=2 => self.highest::<2>(units, starts, &RANK),
            3..=4 => self.highest::<4>(units, starts, &RANK),
            _ => self.highest::<8>(units, starts, &RANK),
        };
        self.estimate_at(units, free)
    }

    fn starts(&self, found: Option<&[f64]>, fixed: usize) -> Vec<Vec<f64>> {
        let found = found.filter(|found| found.len() == self.orders.coefficients());
        found.map(warm_start).into_iter().chain(STARTS[..fixed].iter().map(|start| self.start(*start))).collect()
    }

    fn climb<const N: usize>(&self, starts: Vec<Vec<f64>>, near: bool) -> Estimate {
        let units = self.units();
        if near || units.complete || self.orders.states() < SLOW_STATES {
            return self.estimate_at(units, self.highest::<N>(units, starts, &FAR));
        }
        let filled: Vec<Option<f64>> = self.residuals.iter().map(|w| w.or(Some(0.0))).collect();
        let complete = Problem { residuals: &filled, ..*self };
        let hill = complete.highest::<N>(complete.units(), starts, &FAR);
        self.estimate_at(units, self.highest::<N>(units, vec![hill], &FAR))
    }

    /// The highest point reached from at least one start.
    fn highest<const N: usize>(&self, units: Units, starts: Vec<Vec<f64>>, options: &Options) -> Vec<f64> {
        let mut workspace = Workspace::<N>::new(self);
        let mut objective = |free: &[f64], gradient: &mut [f64]| workspace.objective(self, units, free, gradient);
        let mut best = (f64::INFINITY, starts[0].clone());
        for mut free in starts {
            let value = minimize(&mut objective, &mut free, options).value;
            if value < best.0 {
                best = (value, free);
            }
        }
        best.1
    }

    fn start(&self, partials: [f64; 4]) -> Vec<f64> {
        let mut free = Vec::with_capacity(self.orders.coefficients());
        let sizes = [self.orders.ar, self.orders.ma, self.orders.seasonal_ar, self.orders.seasonal_ma];
        // The moving averages enter the constraint with the opposite sign.
        for ((size, partial), sign) in sizes.into_iter().zip(partials).zip([1.0, -1.0, 1.0, -1.0]) {
            free.extend((0..size).map(|i| if i == 0 { unsqueezed(sign * partial) } else { 0.0 }));
        }
        free
    }

    fn estimate_at(&self, units: Units, free: Vec<f64>) -> Estimate {
        let mut coefficients = vec![0.0; self.orders.coefficients()];
        self.orders.constrain(&free, &mut coefficients, &mut vec![0.0; 2 * free.len()]);
        let mut profile = Profile::new(self.orders, self.design, self.residuals);
        profile.solve(&coefficients, self.residuals, units.complete);
        let (mean, weights) = self.design.weights(&profile.added);
        let evidence = evidence_at(self.orders, &coefficients, &profile.residuals);
        let variance = (evidence.squares / evidence.count as f64).max(units.least);
        let log_likelihood = log_likelihood(&evidence, variance);
        let estimated = coefficients.len() + self.design.width() + 1;
        Estimate { coefficients, mean, weights, variance, log_likelihood, observed: evidence.count, estimated, free }
    }
}

/// The unconstrained numbers of an earlier fit, away from the edges.
fn warm_start(earlier: &[f64]) -> Vec<f64> {
    let edge = unsqueezed(WARM_PARTIAL);
    earlier.iter().map(|x| x.clamp(-edge, edge)).collect()
}

fn mean_square(values: &[Option<f64>]) -> f64 {
    values.iter().flatten().map(|w| w * w).sum::<f64>() / values.iter().flatten().count() as f64
}

/// What values say about given coefficients.
pub(super) fn evidence_at(orders: Orders, coefficients: &[f64], values: &[Option<f64>]) -> Evidence<f64> {
    StateSpace::<f64>::new(orders).evidence(coefficients, values, values.iter().all(Option::is_some))
}

/// The exact log-likelihood at a variance.
pub(super) fn log_likelihood(evidence: &Evidence<f64>, variance: f64) -> f64 {
    let n = evidence.count as f64;
    -0.5 * (n * libm::log(TAU * variance) + evidence.log_variances() + evidence.squares / variance)
}

/// All memory of the objective: an evaluation takes none.
struct Workspace<'a, const N: usize> {
    space: StateSpace<Dual<N>>,
    profile: Profile<'a>,
    plain: Vec<f64>,
    plain_scratch: Vec<f64>,
    free: Vec<Dual<N>>,
    coefficients: Vec<Dual<N>>,
    scratch: Vec<Dual<N>>,
}

impl<'a, const N: usize> Workspace<'a, N> {
    fn new(problem: &Problem<'a>) -> Self {
        let size = problem.orders.coefficients();
        let (zero, zeros) = (Dual::constant(0.0), vec![Dual::constant(0.0); size]);
        Self {
            space: StateSpace::new(problem.orders),
            profile: Profile::new(problem.orders, problem.design, problem.residuals),
            plain: vec![0.0; size],
            plain_scratch: vec![0.0; 2 * size],
            free: zeros.clone(),
            coefficients: zeros,
            scratch: vec![zero; 2 * size],
        }
    }

    /// Half of mean log variance plus log of the concentrated σ², and its gradient, `N` components per pass.
    fn objective(&mut self, problem: &Problem<'_>, units: Units, free: &[f64], gradient: &mut [f64]) -> f64 {
        problem.orders.constrain(free, &mut self.plain, &mut self.plain_scratch);
        self.profile.solve(&self.plain, problem.residuals, units.complete);
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
        for (i, x) in self.free.iter_mut().enumerate() {
            // A place before `from` wraps to a number beyond N, which makes it a constant.
            *x = Dual::variable(free[i], i.wrapping_sub(from));
        }
        problem.orders.constrain(&self.free, &mut self.coefficients, &mut self.scratch);
        let evidence = self.space.evidence(&self.coefficients, &self.profile.residuals, units.complete);
        let share = 1.0 / evidence.count as f64;
        let variance = evidence.squares * share;
        let variance = if variance.value < units.least { Dual::constant(units.least) } else { variance };
        // In units of its own, so that the climb does not depend on the scale of the values.
        ((variance * (1.0 / units.square)).ln() + evidence.log_variances() * share) * 0.5
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::difference::Differencing;
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
        let mut points: Vec<Vec<f64>> = vec![vec![0.0; 4], vec![3.0, -2.0, 0.4, 8.0], vec![-0.7, 0.2, -6.0, 9.0]];
        let mut rng = Seed::derive(["arima", "points"]).rng();
        points.extend((0..20).map(|_| (0..4).map(|_| 4.0 * rng.random::<f64>() - 2.0).collect()));
        points
    }

    /// Two columns, one of them sparse, and a constant where asked for.
    fn design(differences: &[Option<f64>], columns: bool, with_mean: bool) -> Design {
        let ramp = (0..differences.len()).map(|t| (t * t % 23) as f64).collect();
        let sparse = (0..differences.len()).map(|t| if t % 17 == 3 { 1.0 } else { 0.0 }).collect();
        let columns = if columns { vec![ramp, sparse] } else { Vec::new() };
        Design::new(&columns, &Differencing::new(0, 0, 1), differences, with_mean)
    }

    #[test]
    fn derivatives_are_those_of_the_objective() {
        for (gaps, columns, with_mean) in [(false, false, false), (false, true, true), (true, false, true), (true, true, false)] {
            let differences = differences(120, gaps);
            let design = design(&differences, columns, with_mean);
            let problem = Problem::new(ORDERS, &differences, &design);
            let units = problem.units();
            let mut workspace = Workspace::<4>::new(&problem);
            for mut free in points() {
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
                    assert!((gradient[i] - slope).abs() < 1e-6 * slope.abs().max(1.0), "{free:?}, {i}: {} against {slope}", gradient[i]);
                }
            }
        }
    }

    #[test]
    fn the_regression_coefficients_are_those_of_largest_likelihood() {
        for gaps in [false, true] {
            let differences = differences(120, gaps);
            let design = design(&differences, true, true);
            let mut profile = Profile::new(ORDERS, &design, &design.residuals);
            let mut coefficients = [0.0; 4];
            for point in points() {
                ORDERS.constrain(&point, &mut coefficients, &mut [0.0; 8]);
                profile.solve(&coefficients, &design.residuals, !gaps);
                let squares = |residuals: &[Option<f64>]| evidence_at(ORDERS, &coefficients, residuals).squares;
                let least = squares(&profile.residuals);
                for (t, size) in [(0, 1e-3), (1, -1e-3), (2, 1e-3)] {
                    // A step along any basis column, up or down, must not help.
                    let mut moved = profile.clone();
                    moved.added[t] += size;
                    moved.subtract(&design.residuals);
                    assert!(squares(&moved.residuals) >= least * (1.0 - 1e-12), "{point:?}, column {t}");
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
                orders.constrain(&point, &mut coefficients, &mut [0.0; 8]);
                let fast = space.evidence(&coefficients, &differences, true);
                let plain = space.evidence(&coefficients, &differences, false);
                assert!((fast.squares / plain.squares - 1.0).abs() < 1e-8, "{season} {point:?}: {fast:?} against {plain:?}");
                assert!((fast.log_variances() - plain.log_variances()).abs() < 1e-7, "{season} {point:?}: {fast:?} against {plain:?}");
            }
        }
    }

    #[test]
    fn the_likelihood_of_white_noise_is_known() {
        let orders = Orders { ar: 0, ma: 0, seasonal_ar: 0, seasonal_ma: 0, season: 1 };
        let differences = [Some(1.0), Some(-2.0), None, Some(3.0)];
        let design = design(&differences, false, false);
        let estimate = Problem::new(orders, &differences, &design).estimate(None, None);
        assert!((estimate.variance - 14.0 / 3.0).abs() < 1e-12);
        assert!((estimate.log_likelihood + 1.5 * (libm::log(TAU * 14.0 / 3.0) + 1.0)).abs() < 1e-12);
    }
}
