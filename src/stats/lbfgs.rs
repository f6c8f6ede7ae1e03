//! L-BFGS: a smooth minimum from values and gradients, without a matrix.
//!
//! Two-loop recursion over the last few steps with a bracketing line search for the strong Wolfe conditions; a step to where the
//! objective is not finite counts as too long. All memory is taken once per call. Nocedal & Wright, *Numerical Optimization* (2nd
//! ed.), algorithms 7.4 and 7.5, and §3.5 for the conditions and the cubic interpolation.

/// When to stop, and how much to remember.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Steps remembered.
    pub memory: usize,
    /// Most iterations (each a direction and a line search).
    pub max_iterations: usize,
    /// Converged once no component of the gradient is larger than this.
    pub gradient_tolerance: f64,
    /// Converged once an iteration lowers the value by no more than this, relative to the larger of its magnitude and 1.
    pub value_tolerance: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory: 8, max_iterations: 1000, gradient_tolerance: 1e-6, value_tolerance: 1e-12 }
    }
}

/// What came of a minimisation; the point itself is in `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// The objective there; infinite if the start was infeasible.
    pub value: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Calls of the objective.
    pub evaluations: usize,
    /// Whether a tolerance was met (not so: out of iterations, or no step found that goes down).
    pub converged: bool,
}

/// Value and gradient (written into the second argument); an infinite value marks a point outside the domain.
type Objective<'a> = dyn FnMut(&[f64], &mut [f64]) -> f64 + 'a;

/// Share of the promised decrease that a step must keep (sufficient decrease).
const DECREASE: f64 = 1e-4;
/// Share of the starting slope that may remain after a step (curvature).
const CURVATURE: f64 = 0.9;
/// Most evaluations in one line search.
const TRIALS: usize = 40;

/// Minimises `objective` from `x`, which ends at the best point found; never worse than where it began.
pub fn minimize(objective: &mut Objective<'_>, x: &mut [f64], options: &Options) -> Outcome {
    let n = x.len();
    let mut history = History::new(n, options.memory.max(1));
    let mut line = Line::new(n);
    let (mut gradient, mut direction) = (vec![0.0; n], vec![0.0; n]);
    let mut value = objective(x, &mut gradient);
    let mut outcome = Outcome { value, iterations: 0, evaluations: 1, converged: false };
    if !value.is_finite() {
        outcome.value = f64::INFINITY;
        return outcome;
    }
    while outcome.iterations < options.max_iterations {
        if largest(&gradient) <= options.gradient_tolerance {
            outcome.converged = true;
            break;
        }
        history.direction(&gradient, &mut direction);
        let mut slope = dot(&gradient, &direction);
        if !(slope < 0.0 && slope.is_finite()) {
            history.clear();
            history.direction(&gradient, &mut direction);
            slope = dot(&gradient, &direction);
        }
        let first = if history.is_empty() { (1.0 / dot(&gradient, &gradient).sqrt()).min(1.0) } else { 1.0 };
        outcome.iterations += 1;
        let found = line.search(objective, x, value, &direction, slope, first, &mut outcome.evaluations);
        let Some(reached) = found else {
            if history.is_empty() {
                break;
            }
            // Old curvature can mislead; the steepest descent gets one try before giving up.
            history.clear();
            continue;
        };
        history.remember(&line.point, x, &line.gradient, &gradient);
        x.copy_from_slice(&line.point);
        gradient.copy_from_slice(&line.gradient);
        let gained = value - reached;
        value = reached;
        if gained <= options.value_tolerance * value.abs().max(1.0) {
            outcome.converged = true;
            break;
        }
    }
    outcome.value = value;
    outcome
}

/// The last steps and gradient differences, in a ring of rows.
struct History {
    n: usize,
    memory: usize,
    steps: Vec<f64>,
    changes: Vec<f64>,
    /// 1 / (step · change) per row.
    rho: Vec<f64>,
    alpha: Vec<f64>,
    len: usize,
    next: usize,
    /// Inverse curvature along the latest step: the size of the starting matrix.
    scale: f64,
}

impl History {
    fn new(n: usize, memory: usize) -> Self {
        let (rows, zeros) = (vec![0.0; n * memory], vec![0.0; memory]);
        Self { n, memory, steps: rows.clone(), changes: rows, rho: zeros.clone(), alpha: zeros, len: 0, next: 0, scale: 1.0 }
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn clear(&mut self) {
        (self.len, self.scale) = (0, 1.0);
    }

    /// Row number of the `age`-th latest step.
    fn row(&self, age: usize) -> usize {
        (self.next + self.memory - 1 - age) % self.memory
    }

    fn step(&self, row: usize) -> &[f64] {
        &self.steps[row * self.n..(row + 1) * self.n]
    }

    fn change(&self, row: usize) -> &[f64] {
        &self.changes[row * self.n..(row + 1) * self.n]
    }

    /// Keeps a step if the curvature along it is clearly positive.
    fn remember(&mut self, to: &[f64], from: &[f64], gradient: &[f64], before: &[f64]) {
        let (row, span) = (self.next, self.next * self.n..(self.next + 1) * self.n);
        for (slot, (a, b)) in self.steps[span.clone()].iter_mut().zip(to.iter().zip(from)) {
            *slot = a - b;
        }
        for (slot, (a, b)) in self.changes[span].iter_mut().zip(gradient.iter().zip(before)) {
            *slot = a - b;
        }
        let (curvature, change) = (dot(self.step(row), self.change(row)), dot(self.change(row), self.change(row)));
        if curvature > f64::EPSILON * change && curvature.is_finite() && change.is_finite() {
            self.rho[row] = 1.0 / curvature;
            self.scale = curvature / change;
            self.next = (row + 1) % self.memory;
            self.len = (self.len + 1).min(self.memory);
        }
    }

    /// Writes −H·gradient.
    fn direction(&mut self, gradient: &[f64], direction: &mut [f64]) {
        for (d, g) in direction.iter_mut().zip(gradient) {
            *d = -g;
        }
        for age in 0..self.len {
            let row = self.row(age);
            self.alpha[row] = self.rho[row] * dot(self.step(row), direction);
            add(direction, -self.alpha[row], self.change(row));
        }
        direction.iter_mut().for_each(|d| *d *= self.scale);
        for age in (0..self.len).rev() {
            let row = self.row(age);
            let beta = self.rho[row] * dot(self.change(row), direction);
            add(direction, self.alpha[row] - beta, self.step(row));
        }
    }
}

/// One end of the bracket: step length, value and slope there.
#[derive(Clone, Copy)]
struct End {
    at: f64,
    value: f64,
    slope: f64,
}

/// A line search and the point it last tried.
struct Line {
    point: Vec<f64>,
    gradient: Vec<f64>,
}

impl Line {
    fn new(n: usize) -> Self {
        Self { point: vec![0.0; n], gradient: vec![0.0; n] }
    }

    /// Evaluates at `from + at · direction`.
    fn try_step(&mut self, objective: &mut Objective<'_>, from: &[f64], direction: &[f64], at: f64, evaluations: &mut usize) -> End {
        for (slot, (x, d)) in self.point.iter_mut().zip(from.iter().zip(direction)) {
            *slot = x + at * d;
        }
        let value = objective(&self.point, &mut self.gradient);
        *evaluations += 1;
        End { at, value, slope: dot(&self.gradient, direction) }
    }

    /// The value at a step that meets the strong Wolfe conditions, or at the lowest found; `None` if nothing lower was found.
    ///
    /// `low` always goes down far enough and still descends; `high` is too high, climbs, or is outside the domain. So a good step
    /// lies between them, and every trial moves one of them.
    #[expect(clippy::too_many_arguments, reason = "the state of the outer loop, borrowed in parts")]
    fn search(
        &mut self,
        objective: &mut Objective<'_>,
        from: &[f64],
        value: f64,
        direction: &[f64],
        slope: f64,
        first: f64,
        evaluations: &mut usize,
    ) -> Option<f64> {
        let start = End { at: 0.0, value, slope };
        let (mut low, mut high): (End, Option<End>) = (start, None);
        let mut at = first;
        for _ in 0..TRIALS {
            let trial = self.try_step(objective, from, direction, at, evaluations);
            let sound = trial.value.is_finite() && trial.slope.is_finite();
            // NaN compares false, so an unsound trial never lands in `low`.
            if !sound || trial.value > value + DECREASE * at * slope || (low.at > 0.0 && trial.value >= low.value) {
                high = Some(trial);
            } else if trial.slope.abs() <= CURVATURE * -slope {
                return Some(trial.value);
            } else if trial.slope > 0.0 {
                high = Some(trial);
            } else {
                low = trial;
            }
            at = match high {
                None => at * 4.0,
                Some(high) => between(low, high),
            };
            if !at.is_finite() || high.is_some_and(|high| high.at - low.at <= 1e-14 * high.at) {
                break;
            }
        }
        // DIFFERENCE: the textbook fails here; a lower point is progress even where rounding hides the curvature.
        let best = match high {
            Some(high) if high.value < low.value => high,
            _ => low,
        };
        (best.value < value).then(|| self.try_step(objective, from, direction, best.at, evaluations).value)
    }
}

/// The minimiser of the cubic through both ends, kept away from them; the middle where there is none.
fn between(low: End, high: End) -> f64 {
    let width = high.at - low.at;
    let middle = low.at + 0.5 * width;
    if !(high.value.is_finite() && high.slope.is_finite()) {
        return low.at + 0.1 * width;
    }
    let d = low.slope + high.slope - 3.0 * (high.value - low.value) / width;
    let root = (d * d - low.slope * high.slope).sqrt();
    let cubic = high.at - width * (high.slope + root - d) / (high.slope - low.slope + 2.0 * root);
    if cubic.is_finite() { cubic.clamp(low.at + 0.1 * width, high.at - 0.1 * width) } else { middle }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (slot, x) in to.iter_mut().zip(what) {
        *slot += factor * x;
    }
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let mut sum = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
            sum += a * a + 100.0 * b * b;
            gradient[i] += -2.0 * a - 400.0 * b * x[i];
            gradient[i + 1] += 200.0 * b;
        }
        sum
    }

    #[test]
    fn the_valley_of_rosenbrock_is_walked_to_its_end() {
        for n in [2, 10, 50] {
            // All at −1.2 would lead to a second, local minimum near x₁ = −1 in more than three dimensions (Kok & Sandrock, 2009).
            let mut x: Vec<f64> = (0..n).map(|i| if i % 2 == 0 { -1.2 } else { 1.0 }).collect();
            let outcome = minimize(&mut rosenbrock, &mut x, &Options { value_tolerance: 0.0, ..Options::default() });
            assert!(outcome.converged, "{n}: {outcome:?}");
            assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{n}: {x:?}");
        }
    }

    #[test]
    fn a_badly_scaled_parabola_takes_few_evaluations() {
        let mut parabola = |x: &[f64], gradient: &mut [f64]| {
            let mut sum = 0.0;
            for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
                let weight = libm::pow(10.0, i as f64);
                *g = 2.0 * weight * (x - 1.0);
                sum += weight * (x - 1.0) * (x - 1.0);
            }
            sum
        };
        let mut x = [0.0; 5];
        let outcome = minimize(&mut parabola, &mut x, &Options::default());
        assert!(outcome.converged && outcome.evaluations < 120, "{outcome:?}");
        assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{x:?}");
    }

    #[test]
    fn a_step_out_of_the_domain_is_shortened() {
        // x − ln x: the minimum is 1, and from 30 the first full step leads below 0.
        let mut barrier = |x: &[f64], gradient: &mut [f64]| {
            if x[0] <= 0.0 {
                return f64::INFINITY;
            }
            gradient[0] = 20.0 * (1.0 - 1.0 / x[0]);
            20.0 * (x[0] - libm::log(x[0]))
        };
        for start in [30.0, 1e-3] {
            let mut x = [start];
            let outcome = minimize(&mut barrier, &mut x, &Options::default());
            assert!(outcome.converged && (x[0] - 1.0).abs() < 1e-5, "{x:?} {outcome:?}");
        }
    }

    #[test]
    fn an_infeasible_start_stays_and_says_so() {
        let mut x = [2.0];
        let outcome = minimize(&mut |_: &[f64], _: &mut [f64]| f64::NAN, &mut x, &Options::default());
        assert_eq!((x[0], outcome.value, outcome.converged), (2.0, f64::INFINITY, false));
    }

    #[test]
    fn nothing_to_choose_is_converged() {
        let outcome = minimize(&mut |_: &[f64], _: &mut [f64]| 3.0, &mut [], &Options::default());
        assert!(outcome.converged);
        assert_eq!((outcome.value, outcome.evaluations), (3.0, 1));
    }

    #[test]
    fn a_kink_never_leads_upwards() {
        let mut kink = |x: &[f64], gradient: &mut [f64]| {
            gradient[0] = x[0].signum() + 0.2 * x[0];
            x[0].abs() + 0.1 * x[0] * x[0]
        };
        let mut x = [3.7];
        let outcome = minimize(&mut kink, &mut x, &Options::default());
        assert!(outcome.value < 1e-6, "{outcome:?} at {x:?}");
    }

    #[test]
    fn the_value_reported_is_the_value_at_the_point() {
        let mut x = [-1.2, 1.0];
        let outcome = minimize(&mut rosenbrock, &mut x, &Options { max_iterations: 7, ..Options::default() });
        assert!(!outcome.converged);
        assert_eq!(outcome.iterations, 7);
        assert_eq!(outcome.value, rosenbrock(&x, &mut [0.0; 2]));
    }
}
