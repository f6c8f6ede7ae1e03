//! The sum of squared residuals of a Prophet mean, and its gradient, in whichever form is cheaper.

use super::quadratic::Quadratic;
use super::residuals::{ByRow, Rows};

/// The sum of squares as a function of the parameters.
pub(super) enum SumOfSquares {
    /// Any mix of features.
    ByRow(Box<ByRow>),
    /// Additive features only.
    Quadratic(Quadratic),
}

impl SumOfSquares {
    /// The cheaper form that fits the features.
    pub(super) fn new(rows: &Rows) -> Self {
        if rows.multiplicative.iter().any(|share| *share != 0.0) {
            return Self::ByRow(Box::new(ByRow::new(rows)));
        }
        Self::Quadratic(Quadratic::new(rows))
    }

    /// The sum of squared residuals; writes its gradient.
    pub(super) fn evaluate(&mut self, rows: &Rows, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        match self {
            Self::ByRow(by_row) => by_row.evaluate(rows, parameters, gradient),
            Self::Quadratic(quadratic) => quadratic.evaluate(parameters, gradient),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINT: [f64; 8] = [0.3, 0.4, 0.2, -0.5, 0.1, 0.07, -0.2, 0.03];

    #[test]
    fn gradients_are_the_slopes_of_the_values() {
        for (multiplicative, flat) in [(false, false), (true, false), (false, true), (true, true)] {
            let rows = Rows::example(multiplicative, flat);
            let mut squares = SumOfSquares::new(&rows);
            let (mut gradient, mut scratch) = ([0.0; 8], [0.0; 8]);
            squares.evaluate(&rows, &POINT, &mut gradient);
            for j in 0..POINT.len() {
                let mut shifted = POINT;
                shifted[j] += 1e-5;
                let above = squares.evaluate(&rows, &shifted, &mut scratch);
                shifted[j] -= 2e-5;
                let below = squares.evaluate(&rows, &shifted, &mut scratch);
                let slope = (above - below) / 2e-5;
                assert!((slope - gradient[j]).abs() < 1e-7 * (1.0 + slope.abs()), "{multiplicative} {flat} {j}: {slope} {}", gradient[j]);
            }
        }
    }

    #[test]
    fn cross_products_and_rows_agree() {
        for flat in [false, true] {
            let rows = Rows::example(false, flat);
            let mut by_row = ByRow::new(&rows);
            let (mut a, mut b) = ([0.0; 8], [0.0; 8]);
            let one = by_row.evaluate(&rows, &POINT, &mut a);
            let other = Quadratic::new(&rows).evaluate(&POINT, &mut b);
            assert!((one - other).abs() < 1e-12 * one, "{one} {other}");
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-11), "{a:?} {b:?}");
        }
    }
}
