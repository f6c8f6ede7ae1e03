//! Known effects as columns: one 0/1 column per public holiday seen in the history, one per regressor.
//!
//! Prophet gives a holiday a column of zeros and ones with a normal prior and an extra regressor the same after scaling, so both go to
//! augurs as regressors.
//!
//! DIFFERENCE: augurs scales a regressor by the mean and sd of its distinct values; here, as in the original, by those of the column.

use std::collections::HashMap;

use crate::data::Known;

/// One column: where its values come from and how they are scaled.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Effect {
    source: Source,
    mean: f64,
    sd: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// A holiday by name.
    Holiday(String),
    /// A regressor by name.
    Regressor(String),
}

/// The effects that a history can teach: `rows` are its buckets with a value.
///
/// # Errors
/// The name of a regressor with a value that is not finite.
pub(super) fn of_history(known: &Known, rows: &[usize]) -> Result<Vec<Effect>, String> {
    let mut seen = vec![false; known.holiday_names().len()];
    for &row in rows {
        if let Some(holiday) = known.holidays()[row] {
            seen[usize::from(holiday)] = true;
        }
    }
    let holidays = known.holiday_names().iter().zip(seen).filter(|(_, seen)| *seen);
    let mut effects: Vec<Effect> = holidays.map(|(name, _)| Effect { source: Source::Holiday(name.clone()), mean: 0.0, sd: 1.0 }).collect();
    for (name, column) in known.regressors() {
        let values: Vec<f64> = rows.iter().map(|&row| column[row]).collect();
        if !values.iter().all(|value| value.is_finite()) {
            return Err(name.to_owned());
        }
        let (mean, sd) = scale(&values);
        effects.push(Effect { source: Source::Regressor(name.to_owned()), mean, sd });
    }
    Ok(effects)
}

/// What to subtract from a regressor and divide it by: nothing where it is constant or a 0/1 switch.
fn scale(values: &[f64]) -> (f64, f64) {
    let first = values.first().copied().unwrap_or(0.0);
    let constant = values.iter().all(|value| *value == first);
    if constant || values.iter().all(|value| *value == 0.0 || *value == 1.0) {
        return (0.0, 1.0);
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0)).sqrt();
    (mean, if sd > 0.0 && sd.is_finite() { sd } else { 1.0 })
}

/// The name augurs knows effect `number` by: names in order are effects in order.
pub(super) fn name(number: usize) -> String {
    format!("effect {number:05}")
}

/// The scaled columns of some buckets of a view.
///
/// # Errors
/// The name of a regressor that is absent or not finite there.
pub(super) fn columns(effects: &[Effect], known: &Known, rows: &[usize]) -> Result<HashMap<String, Vec<f64>>, String> {
    let column = |effect: &Effect| -> Result<Vec<f64>, String> {
        match &effect.source {
            Source::Holiday(name) => {
                let number = known.holiday_names().iter().position(|other| other == name);
                Ok(rows.iter().map(|&row| f64::from(number.is_some() && known.holidays()[row].map(usize::from) == number)).collect())
            }
            Source::Regressor(name) => {
                let (_, values) = known.regressors().find(|(other, _)| other == name).ok_or_else(|| name.clone())?;
                let scaled = rows.iter().map(|&row| (values[row] - effect.mean) / effect.sd);
                scaled.map(|value| value.is_finite().then_some(value)).collect::<Option<_>>().ok_or_else(|| name.clone())
            }
        }
    };
    effects.iter().enumerate().map(|(number, effect)| Ok((name(number), column(effect)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::known::Columns;
    use crate::time::{Grid, Step};

    fn known(holidays: [Option<u16>; 4], price: [f64; 4]) -> Known {
        Known::new(Columns {
            grid: Grid::civil("2024-01-01".parse().expect("a date"), Step::DAY, 4),
            holiday_names: vec!["Christmas".to_owned(), "New Year".to_owned()],
            holidays: holidays.to_vec(),
            regressors: vec![("price".to_owned(), price.to_vec())],
        })
    }

    #[test]
    fn a_holiday_never_seen_gets_no_column() {
        let known = known([None, Some(1), Some(0), None], [1.0, 2.0, 3.0, 6.0]);
        let effects = of_history(&known, &[0, 1, 3]).expect("finite values");
        assert_eq!(effects.len(), 2);
        let columns = columns(&effects, &known, &[0, 1, 2]).expect("finite values");
        assert_eq!(columns[&name(0)], [0.0, 1.0, 0.0]);
        assert!((columns[&name(1)][0] + 2.0 / 7.0_f64.sqrt()).abs() < 1e-12, "{columns:?}");
    }

    #[test]
    fn a_regressor_that_is_not_finite_is_named() {
        let known = known([None; 4], [1.0, f64::NAN, 3.0, 6.0]);
        assert_eq!(of_history(&known, &[0, 1]), Err("price".to_owned()));
        let effects = of_history(&known, &[0, 2]).expect("finite values");
        assert_eq!(columns(&effects, &known, &[1]), Err("price".to_owned()));
    }
}
