//! Linear systems with a symmetric positive definite matrix.

/// The lower factor L of A = L·Lᵀ, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    size: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factorises a square matrix given row after row, of which the lower triangle is read; `None` if it is not positive definite.
    #[must_use]
    pub fn of(size: usize, mut matrix: Vec<f64>) -> Option<Self> {
        for i in 0..size {
            for j in 0..=i {
                let (above, row) = matrix.split_at_mut(i * size);
                let other = if j == i { &row[..j] } else { &above[j * size..j * size + j] };
                let sum = row[j] - row[..j].iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
                if j < i {
                    row[j] = sum / above[j * size + j];
                } else if sum > 0.0 && sum.is_finite() {
                    row[i] = sum.sqrt();
                } else {
                    return None;
                }
            }
        }
        Some(Self { size, lower: matrix })
    }

    /// L⁻¹x, in place.
    fn forward(&self, x: &mut [f64]) {
        for i in 0..self.size {
            let row = &self.lower[i * self.size..];
            let known: f64 = row[..i].iter().zip(&*x).map(|(a, x)| a * x).sum();
            x[i] = (x[i] - known) / row[i];
        }
    }

    /// A⁻¹x, in place.
    pub fn solve(&self, x: &mut [f64]) {
        self.forward(x);
        for i in (0..self.size).rev() {
            let known: f64 = (i + 1..self.size).map(|j| self.lower[j * self.size + i] * x[j]).sum();
            x[i] = (x[i] - known) / self.lower[i * self.size + i];
        }
    }

    /// xᵀA⁻¹x; `x` is used up.
    #[must_use]
    pub fn inverse_form(&self, mut x: Vec<f64>) -> f64 {
        self.forward(&mut x);
        x.iter().map(|x| x * x).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_solved() {
        let matrix = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, -2.0, 1.0, 6.0];
        let factors = Cholesky::of(3, matrix).expect("positive definite");
        let mut x = [2.0, 9.0, 14.0];
        factors.solve(&mut x);
        // 4a + 2b − 2c = 2, 2a + 5b + c = 9, −2a + b + 6c = 14.
        for (row, right) in [([4.0, 2.0, -2.0], 2.0), ([2.0, 5.0, 1.0], 9.0), ([-2.0, 1.0, 6.0], 14.0)] {
            let left: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum();
            assert!((left - right).abs() < 1e-12, "{x:?}");
        }
        let form: f64 = [2.0, 9.0, 14.0].iter().zip(x).map(|(b, x)| b * x).sum();
        assert!((factors.inverse_form(vec![2.0, 9.0, 14.0]) - form).abs() < 1e-12);
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_no_factor() {
        assert_eq!(Cholesky::of(2, vec![1.0, 0.0, 2.0, 1.0]), None);
        assert_eq!(Cholesky::of(1, vec![f64::NAN]), None);
    }
}
