//! Two independent samples: Welch's t test and the Mann–Whitney U test, both two-sided.
//!
//! Welch (1947), Biometrika 34, with the degrees of freedom of Satterthwaite (1946); Mann & Whitney (1947) in the normal approximation with the
//! correction for ties (Lehmann 1975, Nonparametrics, §1.4) and for continuity.

use super::{beta, normal};

/// A statistic and how often chance alone would give one as extreme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// t, or U of the first sample.
    pub statistic: f64,
    /// Two-sided.
    pub p_value: f64,
}

/// The mean, if there is a value.
#[must_use]
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The sample standard deviation, if there are two values.
#[must_use]
pub fn sd(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    Some(values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (values.len() - 1) as f64)
}

/// Welch's t of `a` against `b`; none with fewer than two values in a sample or without any spread.
#[must_use]
pub fn welch(a: &[f64], b: &[f64]) -> Option<Outcome> {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (va, vb) = (variance(a)? / n, variance(b)? / m);
    if va + vb <= 0.0 {
        return None;
    }
    let t = (mean(a)? - mean(b)?) / (va + vb).sqrt();
    let freedom = (va + vb) * (va + vb) / (va * va / (n - 1.0) + vb * vb / (m - 1.0));
    Some(Outcome { statistic: t, p_value: beta::incomplete(freedom / 2.0, 0.5, freedom / (freedom + t * t)) })
}

/// U of `a` against `b`; none with an empty sample or where all values are equal.
#[must_use]
pub fn mann_whitney(a: &[f64], b: &[f64]) -> Option<Outcome> {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let mut all: Vec<(f64, bool)> = a.iter().map(|&value| (value, true)).chain(b.iter().map(|&value| (value, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut rank_sum, mut ties, mut below) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|x, y| x.0 == y.0) {
        let size = equal.len() as f64;
        rank_sum += equal.iter().filter(|(_, of_a)| *of_a).count() as f64 * (below + (size + 1.0) / 2.0);
        ties += size * size * size - size;
        below += size;
    }
    let u = rank_sum - n * (n + 1.0) / 2.0;
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if a.is_empty() || b.is_empty() || variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let z = (u.max(n * m - u) - n * m / 2.0 - 0.5) / variance.sqrt();
    Some(Outcome { statistic: u, p_value: (2.0 * normal::cdf(-z)).min(1.0) })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        a: Vec<f64>,
        b: Vec<f64>,
        t: f64,
        t_p: f64,
        u: f64,
        u_p: f64,
    }

    fn near(got: f64, wanted: f64) -> bool {
        (got - wanted).abs() <= 1e-11 * wanted.abs() + 1e-300
    }

    #[test]
    fn both_tests_agree_with_scipy() {
        let text = include_str!("../../tests/golden/tests/two_samples.json");
        let golden: Golden = serde_json::from_str(text).expect("the fixture is good JSON");
        for (i, case) in golden.cases.iter().enumerate() {
            let t = welch(&case.a, &case.b).expect("the samples have spread");
            assert!(near(t.statistic, case.t) && near(t.p_value, case.t_p), "{i}: {t:?}, scipy {} {}", case.t, case.t_p);
            let u = mann_whitney(&case.a, &case.b).expect("the samples have spread");
            assert!(near(u.statistic, case.u) && near(u.p_value, case.u_p), "{i}: {u:?}, scipy {} {}", case.u, case.u_p);
        }
    }

    #[test]
    fn samples_without_spread_have_no_test() {
        assert_eq!(welch(&[1.0], &[1.0, 2.0]), None);
        assert_eq!(welch(&[1.0, 1.0], &[2.0, 2.0]), None);
        assert_eq!(mann_whitney(&[], &[1.0]), None);
        assert_eq!(mann_whitney(&[3.0, 3.0], &[3.0]), None);
    }
}
