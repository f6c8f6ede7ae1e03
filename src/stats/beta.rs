//! The regularised incomplete beta function, by its continued fraction.
//!
//! Didonato & Morris (1992), ACM TOMS 18(3), give the fraction; evaluated by Lentz's method as modified by Thompson and Barnett (1986).

/// I_x(a, b) for a, b > 0 and 0 ≤ x ≤ 1.
#[must_use]
pub fn incomplete(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean; above it the symmetry I_x(a, b) = 1 − I_{1−x}(b, a) leads back.
    if x < (a + 1.0) / (a + b + 2.0) { tail(a, b, x) } else { 1.0 - tail(b, a, 1.0 - x) }
}

fn tail(a: f64, b: f64, x: f64) -> f64 {
    let ln_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log1p(-x);
    libm::exp(ln_front) * fraction(a, b, x) / a
}

/// ln I_x(a, b) with x = u / (u + v), accurate in both tails: neither x nor 1 − x is rounded, and a small probability does not underflow.
#[must_use]
pub fn ln_incomplete(a: f64, b: f64, u: f64, v: f64) -> f64 {
    let ln_front = |a: f64, b: f64, u: f64, v: f64| {
        let beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
        -a * libm::log1p(v / u) - b * libm::log1p(u / v) - beta + libm::log(fraction(a, b, u / (u + v)) / a)
    };
    if u / (u + v) < (a + 1.0) / (a + b + 2.0) {
        return ln_front(a, b, u, v).min(0.0);
    }
    libm::log1p(-libm::exp(ln_front(b, a, v, u)).min(1.0))
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..=3000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        value *= d * c;
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        value *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_cases_have_closed_forms() {
        for x in [0.01, 0.3, 0.5, 0.9, 0.999] {
            assert!((incomplete(1.0, 1.0, x) - x).abs() < 1e-14);
            assert!((incomplete(3.0, 1.0, x) - x * x * x).abs() < 1e-14);
            assert!((incomplete(2.5, 7.0, x) + incomplete(7.0, 2.5, 1.0 - x) - 1.0).abs() < 1e-14);
        }
    }
}
