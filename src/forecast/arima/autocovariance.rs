//! ψ weights and autocovariances of an ARMA process from its coefficients.
//!
//! Brockwell & Davis, *Time Series: Theory and Methods* (2nd ed.), §3.3, second method.

use super::polynomial::Orders;
use crate::stats::dual::Real;

/// The weights and autocovariances of one model, with the memory to find them.
#[derive(Debug, Clone)]
pub(super) struct Autocovariances<T> {
    /// ψ₀, ψ₁, … up to the highest lag of θ.
    pub(super) psi: Vec<T>,
    /// γ(0), γ(1), … up to the highest lag of φ.
    pub(super) gamma: Vec<T>,
    residual: Vec<T>,
    matrix: Vec<f64>,
    pivots: Vec<usize>,
    scratch: Vec<f64>,
}

impl<T: Real> Autocovariances<T> {
    pub(super) fn new(orders: &Orders) -> Self {
        let (r, lags, zero) = (orders.states(), orders.ar_lags() + 1, T::constant(0.0));
        Self {
            psi: vec![zero; r],
            gamma: vec![zero; lags],
            residual: vec![zero; lags],
            matrix: vec![0.0; lags * lags],
            pivots: vec![0; lags],
            scratch: vec![0.0; lags],
        }
    }

    /// Solves for innovations of variance 1: γ(k) − Σ φ_i γ(|k−i|) = Σ_{j≥k} θ_j ψ_{j−k}, with `load` = 1, θ₁, θ₂, …. The system is
    /// solved once in plain numbers; its residual then carries the derivatives through the same factors.
    pub(super) fn solve(&mut self, phi: &[T], phi_at: &[usize], load: &[T], ma_lags: usize) {
        let load = &load[..=ma_lags];
        for (j, load) in load.iter().enumerate() {
            let mut psi = *load;
            for &i in phi_at.iter().take_while(|i| **i < j) {
                psi += phi[i] * self.psi[j - 1 - i];
            }
            self.psi[j] = psi;
        }
        let n = self.gamma.len();
        for k in 0..n {
            let mut right = T::constant(0.0);
            for (load, psi) in load.iter().skip(k).zip(&self.psi) {
                right += *load * *psi;
            }
            self.residual[k] = right;
        }
        self.matrix.fill(0.0);
        for k in 0..n {
            self.matrix[k * n + k] += 1.0;
            for &i in phi_at {
                self.matrix[k * n + k.abs_diff(i + 1)] -= phi[i].value();
            }
        }
        factorise(&mut self.matrix, &mut self.pivots);
        for k in 0..n {
            self.scratch[k] = self.residual[k].value();
        }
        solve_factors(&self.matrix, &self.pivots, &mut self.scratch);
        for k in 0..n {
            self.gamma[k] = T::constant(self.scratch[k]);
        }
        for k in 0..n {
            self.residual[k] -= self.gamma[k];
            for &i in phi_at {
                self.residual[k] += phi[i] * self.gamma[k.abs_diff(i + 1)];
            }
        }
        let (matrix, pivots) = (&self.matrix, &self.pivots);
        T::each_component(&mut self.residual, &mut self.scratch, |component| solve_factors(matrix, pivots, component));
        for k in 0..n {
            self.gamma[k] += self.residual[k];
        }
    }
}

/// LU factors with row exchanges, in place.
fn factorise(matrix: &mut [f64], pivots: &mut [usize]) {
    let n = pivots.len();
    for k in 0..n {
        let pivot = (k..n).fold(k, |best, i| if matrix[i * n + k].abs() > matrix[best * n + k].abs() { i } else { best });
        pivots[k] = pivot;
        if pivot != k {
            for j in 0..n {
                matrix.swap(k * n + j, pivot * n + j);
            }
        }
        let (above, below) = matrix.split_at_mut((k + 1) * n);
        let row = &above[k * n..];
        for other in below.chunks_exact_mut(n) {
            let factor = other[k] / row[k];
            if factor != 0.0 {
                for (to, from) in other[k + 1..].iter_mut().zip(&row[k + 1..]) {
                    *to -= factor * from;
                }
            }
            other[k] = factor;
        }
    }
}

/// The solution for one right-hand side, in place.
fn solve_factors(factors: &[f64], pivots: &[usize], right: &mut [f64]) {
    let n = pivots.len();
    for (k, pivot) in pivots.iter().enumerate() {
        right.swap(k, *pivot);
    }
    for k in 0..n {
        let sum: f64 = factors[k * n..k * n + k].iter().zip(&*right).map(|(a, x)| a * x).sum();
        right[k] -= sum;
    }
    for k in (0..n).rev() {
        let sum: f64 = factors[k * n + k + 1..(k + 1) * n].iter().zip(&right[k + 1..]).map(|(a, x)| a * x).sum();
        right[k] = (right[k] - sum) / factors[k * n + k];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_autocovariances_of_an_arma_of_order_one_are_known() {
        let orders = Orders { ar: 1, ma: 1, seasonal_ar: 0, seasonal_ma: 0, season: 1 };
        let (phi, theta) = (-0.6, 0.3);
        let mut process = Autocovariances::<f64>::new(&orders);
        process.solve(&[phi, 0.0], &[0], &[1.0, theta], 1);
        let expected = (1.0 + 2.0 * phi * theta + theta * theta) / (1.0 - phi * phi);
        assert!((process.gamma[0] - expected).abs() < 1e-14, "{process:?}");
        assert!((process.gamma[1] - (phi * expected + theta)).abs() < 1e-14, "{process:?}");
        assert_eq!(process.psi, [1.0, phi + theta]);
    }

    #[test]
    fn rows_are_exchanged_where_a_pivot_is_zero() {
        let (mut matrix, mut pivots, mut right) = ([0.0, 2.0, 1.0, 3.0, 1.0, 0.0, 1.0, 1.0, 1.0], [0; 3], [7.0, 5.0, 6.0]);
        factorise(&mut matrix, &mut pivots);
        solve_factors(&matrix, &pivots, &mut right);
        for (got, expected) in right.iter().zip([1.0, 2.0, 3.0]) {
            assert!((got - expected).abs() < 1e-14, "{right:?}");
        }
    }
}
