//! Differencing (1−B)ᵈ(1−Bˢ)ᴰ and its way back.

/// The polynomial (1−B)ᵈ(1−Bˢ)ᴰ: w_t = y_t + Σ c·y_{t−lag} over its lags.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Differencing {
    /// Lag and coefficient of every term but the leading 1, by lag.
    terms: Vec<(usize, f64)>,
}

impl Differencing {
    pub(super) fn new(d: usize, seasonal: usize, season: usize) -> Self {
        let mut polynomial = vec![0.0; d + seasonal * season + 1];
        polynomial[0] = 1.0;
        for lag in std::iter::repeat_n(1, d).chain(std::iter::repeat_n(season, seasonal)) {
            for i in (lag..polynomial.len()).rev() {
                polynomial[i] -= polynomial[i - lag];
            }
        }
        Self { terms: polynomial.into_iter().enumerate().skip(1).filter(|(_, c)| *c != 0.0).collect() }
    }

    /// Number of values before the first difference.
    pub(super) fn lost(&self) -> usize {
        self.terms.last().map_or(0, |(lag, _)| *lag)
    }

    /// The difference at `t`; a difference with a missing operand is missing.
    pub(super) fn difference(&self, values: &[Option<f64>], t: usize) -> Option<f64> {
        self.terms.iter().try_fold(values[t]?, |sum, (lag, c)| Some(sum + c * values[t - lag]?))
    }

    /// What has to be added to a difference at the end of `before` to get the value: −Σ c·y_{t−lag}.
    pub(super) fn base(&self, before: &[f64]) -> f64 {
        -self.terms.iter().map(|(lag, c)| c * before[before.len() - lag]).sum::<f64>()
    }

    /// Whether a property holds for every operand of the next difference, by place among the last `len` values.
    pub(super) fn every(&self, holds: impl Fn(usize) -> bool, len: usize) -> bool {
        self.terms.iter().all(|(lag, _)| holds(len - lag))
    }

    /// Variance of [`Differencing::base`] where some values have one, taken as independent.
    pub(super) fn base_variance(&self, variances: &[Option<f64>]) -> f64 {
        self.terms.iter().map(|(lag, c)| c * c * variances[variances.len() - lag].unwrap_or(0.0)).sum()
    }

    /// The sum −Σ c·x(lag) over lags of at most `limit`, for recursions of the integrated process.
    pub(super) fn carried(&self, limit: usize, x: impl Fn(usize) -> f64) -> f64 {
        -self.terms.iter().take_while(|(lag, _)| *lag <= limit).map(|(lag, c)| c * x(*lag)).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_and_back() {
        let differencing = Differencing::new(1, 1, 3);
        assert_eq!(differencing.terms, [(1, -1.0), (3, -1.0), (4, 1.0)]);
        assert_eq!(differencing.lost(), 4);
        let values = [1.0, 4.0, 9.0, 16.0, 25.0, 2.0];
        let optional: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
        for t in 4..6 {
            let w = differencing.difference(&optional, t).expect("nothing is missing");
            assert_eq!(w + differencing.base(&values[..t]), values[t]);
        }
        assert_eq!(differencing.difference(&[Some(1.0), None, Some(1.0), Some(1.0), Some(1.0)], 4), None);
        assert_eq!(Differencing::new(0, 0, 7).lost(), 0);
    }
}
