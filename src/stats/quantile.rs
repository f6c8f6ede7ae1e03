//! Quantiles of samples by linear interpolation between order statistics (type 7 of Hyndman & Fan 1996, the default of NumPy and R).

/// The `q` quantile of sorted numbers; nothing of an empty sample.
#[must_use]
pub fn sorted(values: &[f64], q: f64) -> Option<f64> {
    let top = values.len().checked_sub(1)?;
    let at = top as f64 * q.clamp(0.0, 1.0);
    let below = (at.floor() as usize).min(top);
    let above = (below + 1).min(top);
    Some(between(values[below], values[above], at - below as f64))
}

/// The `q` quantile of a sample in which the value of `unit` stands `weights[unit]` times; `values` are (value, unit) sorted by value.
#[must_use]
pub fn repeated(values: &[(f64, usize)], weights: &[u32], q: f64) -> Option<f64> {
    let total: u64 = values.iter().map(|&(_, unit)| u64::from(weights[unit])).sum();
    let top = total.checked_sub(1)?;
    let at = top as f64 * q.clamp(0.0, 1.0);
    let below = (at.floor() as u64).min(top);
    let above = (below + 1).min(top);
    let mut seen = 0;
    let mut low = None;
    for &(value, unit) in values {
        seen += u64::from(weights[unit]);
        if low.is_none() && seen > below {
            low = Some(value);
        }
        if seen > above {
            return low.map(|low| between(low, value, at - below as f64));
        }
    }
    None
}

fn between(low: f64, high: f64, share: f64) -> f64 {
    if share == 0.0 { low } else { low + share * (high - low) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_between_order_statistics() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(sorted(&values, 0.5), Some(3.0));
        assert!((sorted(&values, 0.9).expect("not empty") - 6.8).abs() < 1e-12);
        assert_eq!(sorted(&values, 1.0), Some(8.0));
        assert_eq!(sorted(&[], 0.5), None);
    }

    #[test]
    fn repeating_a_unit_is_writing_it_twice() {
        let values = [(1.0, 0), (2.0, 1), (4.0, 0), (8.0, 2)];
        let weights = [2, 0, 1];
        for q in [0.0, 0.1, 0.5, 0.77, 0.9, 1.0] {
            assert_eq!(repeated(&values, &weights, q), sorted(&[1.0, 1.0, 4.0, 4.0, 8.0], q), "{q}");
        }
        assert_eq!(repeated(&values, &[0, 0, 0], 0.5), None);
    }
}
