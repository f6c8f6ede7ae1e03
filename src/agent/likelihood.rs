//! The likelihood ratio of scaled counts: is a scope scaled while the rest is not, is everything scaled, or do only shares move?
//!
//! A count is quasi-Poisson around `g` times its expectation, where ln g ~ N(0, sd²) is a factor that all counts of a window share: a busy
//! day is busy everywhere, so it moves totals and leaves shares alone. Each hypothesis is maximised over its factors; the value is
//! ln L(hypothesis) − ln L(nothing). Generalises the ripple effect (a scope's parts move in proportion; HotSpot, Sun et al. 2018):
//! the maximum likelihood factor of a scope is its count over its expectation.

/// A count and what was expected of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Cell {
    pub(super) current: f64,
    pub(super) expected: f64,
}

impl Cell {
    /// What is left of this one without a part.
    pub(super) fn without(self, part: Self) -> Self {
        Self { current: (self.current - part.current).max(0.0), expected: (self.expected - part.expected).max(0.0) }
    }

    /// Current over expected, minus one.
    pub(super) fn change(self) -> f64 {
        if self.expected > 0.0 { self.current / self.expected - 1.0 } else { 0.0 }
    }

    fn over(self, dispersion: f64) -> Self {
        Self { current: self.current / dispersion, expected: (self.expected / dispersion).max(1e-9) }
    }
}

/// How counts vary when nothing happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Noise {
    /// Variance over mean of a part, given the total.
    pub(super) dispersion: f64,
    /// Sd of the logarithm of the shared factor.
    pub(super) shared_sd: f64,
}

/// The most likely ln g of some counts in which nothing happens but g, and the likelihood there.
fn shared(cell: Cell, sd: f64) -> (f64, f64) {
    let precision = 1.0 / (sd * sd);
    let mut u = 0.0;
    // Concave in u: Newton's method from 0, with steps bounded so that the exponential cannot run away.
    for _ in 0..50 {
        let scaled = cell.expected * libm::exp(u);
        let step = ((cell.current - scaled - u * precision) / (scaled + precision)).clamp(-1.0, 1.0);
        u += step;
        if step.abs() < 1e-10 {
            break;
        }
    }
    (u, cell.current * u - cell.expected * libm::exp(u) - 0.5 * u * u * precision)
}

/// The most likely shared factor of counts in which nothing happens.
pub(super) fn factor(cell: Cell, noise: Noise) -> f64 {
    libm::exp(shared(cell.over(noise.dispersion), noise.shared_sd).0)
}

/// The best likelihood of a count whose own factor is free, without the shared one.
fn free(cell: Cell) -> f64 {
    if cell.current > 0.0 { cell.current * (libm::log(cell.current / cell.expected) - 1.0) } else { 0.0 }
}

/// A scope scaled by a factor of its own, the rest not. With an empty rest: everything scaled.
pub(super) fn scaled(inside: Cell, all: Cell, noise: Noise) -> f64 {
    let rest = all.without(inside).over(noise.dispersion);
    let (inside, all) = (inside.over(noise.dispersion), all.over(noise.dispersion));
    let rest_value = if rest.expected <= 1e-6 * all.expected { 0.0 } else { shared(rest, noise.shared_sd).1 };
    free(inside) + rest_value - shared(all, noise.shared_sd).1
}

/// Shares moved and the total did not.
pub(super) fn mixed(parts: &[Cell], noise: Noise) -> f64 {
    let scaled: Vec<Cell> = parts.iter().map(|part| part.over(noise.dispersion)).collect();
    let all = scaled
        .iter()
        .fold(Cell::default(), |sum, part| Cell { current: sum.current + part.current, expected: sum.expected + part.expected });
    scaled.iter().map(|part| free(*part) + part.current).sum::<f64>() - free(all) - all.current
}

/// Whether one part alone moved: how much more likely it is that its siblings did not move than that they took some of the excess.
///
/// The share of the excess outside the part is near 0 if the part is the whole scope, and anywhere around a third if the part only
/// shows the excess most.
pub(super) fn alone(part: Cell, siblings: &[Cell], factor: f64, noise: Noise) -> f64 {
    const SPREAD: (f64, f64) = (0.35, 0.2);
    let excess = |cell: &Cell| cell.current - factor * cell.expected;
    let inside = excess(&part);
    let outside: f64 = siblings.iter().map(excess).sum();
    let total = inside + outside;
    if total * inside <= 0.0 || inside.abs() < 1e-9 {
        return f64::NEG_INFINITY;
    }
    let variance = |cell: &Cell| noise.dispersion * (factor * cell.expected).max(1.0);
    let expected: f64 = siblings.iter().map(|cell| cell.expected).sum();
    let sd = (siblings.iter().map(variance).sum::<f64>() + (0.3 * noise.shared_sd * factor * expected).powi(2)).sqrt();
    let largest = siblings.iter().map(|cell| excess(cell) * inside.signum() / variance(cell).sqrt()).fold(0.0, f64::max);
    let sd = (sd / total.abs()).max(1e-3);
    let fraction = outside / total;
    let spread_sd = SPREAD.1.hypot(sd);
    let density = |at: f64, sd: f64| -0.5 * (at / sd).powi(2) - libm::log(sd);
    // One sibling far out says more than their sum, in which the others drown it.
    let outlier = (0.5 * (largest * largest - 9.0)).max(0.0);
    // A fraction below zero is as good as zero.
    density(fraction.max(0.0), sd) - density(fraction.max(0.0) - SPREAD.0, spread_sd) - outlier
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE: Noise = Noise { dispersion: 1.0, shared_sd: 0.07 };

    fn cell(current: f64, expected: f64) -> Cell {
        Cell { current, expected }
    }

    #[test]
    fn a_busy_day_is_not_a_scope() {
        let all = cell(440.0, 400.0);
        assert!(scaled(cell(110.0, 100.0), all, NOISE) < 0.5);
        assert!(scaled(all, all, NOISE) < 1.5);
    }

    #[test]
    fn a_scaled_scope_beats_a_scaled_whole() {
        let all = cell(560.0, 400.0);
        let inside = scaled(cell(260.0, 100.0), all, NOISE);
        assert!(inside > 50.0 && inside > scaled(all, all, NOISE), "{inside}");
    }

    #[test]
    fn moved_shares_are_more_likely_than_a_scope_when_the_total_stays() {
        let parts = [cell(110.0, 160.0), cell(290.0, 240.0)];
        let all = cell(400.0, 400.0);
        assert!(mixed(&parts, NOISE) > scaled(parts[1], all, NOISE) + 2.0);
    }

    #[test]
    fn a_part_that_shows_most_of_the_excess_is_not_alone_if_others_moved() {
        let quiet = [cell(101.0, 100.0), cell(52.0, 50.0)];
        assert!(alone(cell(200.0, 100.0), &quiet, 1.0, NOISE) > 0.0);
        let moved = [cell(140.0, 100.0), cell(52.0, 50.0)];
        assert!(alone(cell(200.0, 100.0), &moved, 1.0, NOISE) < 0.0);
    }
}
