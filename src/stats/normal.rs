//! The standard normal distribution: probabilities, quantiles and far tails.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LN_10, PI};

/// P(Z ≤ z).
#[must_use]
pub fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Density at z.
#[must_use]
pub fn pdf(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * PI).sqrt()
}

/// ln P(Z > z), accurate far beyond the point where the probability itself underflows.
#[must_use]
pub fn ln_upper_tail(z: f64) -> f64 {
    if z < 20.0 {
        return libm::log(0.5 * libm::erfc(z * FRAC_1_SQRT_2));
    }
    // Asymptotic series of Mills' ratio (Abramowitz & Stegun 26.2.12); relative error below 1e-7 for z ≥ 20.
    let u = 1.0 / (z * z);
    let series = 1.0 - u * (1.0 - u * (3.0 - 15.0 * u));
    -0.5 * z * z - libm::log(z) - 0.5 * libm::log(2.0 * PI) + libm::log(series)
}

/// −log10 of the two-sided tail probability of |z|: 0 at the centre, 2 at the edge of a 99 % interval.
#[must_use]
pub fn surprise(z: f64) -> f64 {
    (-(LN_2 + ln_upper_tail(z.abs())) / LN_10).max(0.0)
}

/// The z with P(Z ≤ z) = p, for 0 < p < 1 (Acklam's rational approximation, then two Newton steps).
#[must_use]
pub fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    if p > 0.5 {
        return -quantile(1.0 - p);
    }
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] =
        [-54.476_098_798_224_06, 161.585_836_858_040_9, -155.698_979_859_886_6, 66.801_311_887_719_72, -13.280_681_552_885_72];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let mut z = if p < 0.024_25 {
        let q = (-2.0 * libm::log(p)).sqrt();
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5]) / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    } else {
        let q = p - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    };
    for _ in 0..2 {
        let error = cdf(z) - p;
        let density = pdf(z);
        if density == 0.0 {
            break;
        }
        z -= error / density;
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_published_values() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_963_984_540_054), (0.995, 2.575_829_303_548_901), (1e-6, -4.753_424_308_822_899)] {
            assert!((quantile(p) - z).abs() < 1e-12, "{p}: {}", quantile(p));
        }
    }

    #[test]
    fn the_far_tail_continues_the_near_one() {
        let below = ln_upper_tail(20.0 - 1e-9);
        let above = ln_upper_tail(20.0);
        assert!((below - above).abs() < 1e-5);
        assert!(surprise(60.0).is_finite());
        assert!((surprise(quantile(0.995)) - 2.0).abs() < 1e-9);
    }
}
