//! Multiple seasons by Loess: take the seasons off, smooth what is left, put the seasons of the end back on.
//!
//! Decomposition: MSTL, Bandara, Hyndman & Bergmeir, "MSTL: a seasonal-trend decomposition algorithm for time series with multiple seasonal
//! patterns" (2021), by the `stlrs` crate with the windows of R's `forecast::mstl`. The seasonally adjusted series is forecast by the
//! non-seasonal form of [`super::ets`] of smallest AICc, each season by its last repetition, as R's `stlf` and statsforecast do.
//!
//! **Seasons.** The first is that of the data. A second, longer one is taken where the history holds it at least three times (a week
//! below a day) or twice (a year on daily data) and what the first leaves over clearly resembles itself one such season ago. Any length will do,
//! which is the way out for seasons too long for `arima` or `ets`.
//!
//! **Intervals.** Residuals of the adjusted series are too small: each value has pulled its own season towards itself. statsforecast takes
//! them as they are; here their variance is multiplied by what the Loess weights imply for independent residuals: the variance of a value
//! against a season learnt without it, over that of a value against its own.
//!
//! Missing values lie on a straight line for the decomposition and are missing again afterwards. Holidays and regressors of [`Known`]
//! are ignored.

use serde::{Deserialize, Serialize};
use stlrs::Mstl as Decomposition;

use super::ets::{Ets, FittedEts, unit_of};
use super::regression::renamed;
use super::season::{self, interpolated, season_length};
use super::{Fitted, ForecastError, Forecaster, Predictive};
use crate::data::{Known, Series};
use crate::seed::Seed;

const NAME: &str = "mstl";
/// Weeks that a history below a day must hold before the week is looked for.
const REPEATS: usize = 3;

/// Rounds of season and trend in one decomposition: statsmodels' five. DIFFERENCE: R stops after two, which moves seasons by up to 3 % of the
/// sd of the series.
const INNER_LOOPS: usize = 5;

const BEYOND_BOUNDS: &str = "forecast a number beyond all bounds: rescale the series or forecast fewer buckets";

/// Settings of the decomposition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mstl {
    /// Seasons in buckets; absent: from the step and the data.
    pub seasons: Option<Vec<usize>>,
}

impl Forecaster for Mstl {
    fn fit(&self, history: &Series, _known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.estimate(history)?))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl Mstl {
    /// The decomposition of a history and the smoothing of what is left.
    ///
    /// # Errors
    /// Fewer than two of the longest season, or a season out of range.
    pub fn estimate(&self, history: &Series) -> Result<FittedMstl, ForecastError> {
        self.estimate_from(history, None)
    }

    fn estimate_from(&self, history: &Series, earlier: Option<&FittedEts>) -> Result<FittedMstl, ForecastError> {
        let asked = self.checked()?;
        // Seasons that are asked for come sorted.
        let longest = asked.as_ref().and_then(|seasons| seasons.last().copied()).unwrap_or_else(|| season_length(history));
        if history.observed() < 2 * longest {
            let why = format!("two seasons of {longest}");
            return Err(ForecastError::TooShort { model: NAME, got: history.observed(), needed: 2 * longest, why });
        }
        let unit = unit_of(history.values());
        let values: Vec<Option<f64>> = history.values().iter().map(|value| value.map(|value| value / unit)).collect();
        let filled = interpolated(&values);
        let seasons = asked.unwrap_or_else(|| found(history, &filled, longest));
        let parts = if history.constant().is_some() { Vec::new() } else { seasonal_parts(&filled, &seasons)? };
        let adjusted = (values.iter().enumerate())
            .map(|(t, value)| value.map(|value| (value - parts.iter().map(|part| part[t]).sum::<f64>()) * unit))
            .collect();
        let adjusted = Series::new(history.grid().clone(), adjusted);
        let rest = match earlier {
            Some(earlier) => earlier.estimate_again(&adjusted),
            None => Ets::without_season().estimate(&adjusted),
        }
        .map_err(|error| renamed(NAME, error))?;
        let ends = parts.iter().zip(&seasons).map(|(part, season)| part[part.len() - season..].to_vec()).collect();
        Ok(FittedMstl {
            settings: self.clone(),
            unit,
            parts: ends,
            observed: 0,
            rest,
            inflation: inflation(history.len(), &seasons).sqrt(),
        })
    }

    /// The seasons asked for, in order.
    fn checked(&self) -> Result<Option<Vec<usize>>, ForecastError> {
        let Some(seasons) = &self.seasons else { return Ok(None) };
        let mut seasons = seasons.clone();
        seasons.sort_unstable();
        seasons.dedup();
        if seasons.is_empty() {
            let problem = "takes one season or several, got []: leave `seasons` out to find them in the data".to_owned();
            return Err(ForecastError::Unsupported { model: NAME, problem });
        }
        seasons.iter().try_for_each(|season| season::check(NAME, Some(*season)))?;
        Ok(Some(seasons))
    }
}

/// One seasonal part per season.
fn seasonal_parts(filled: &[f64], seasons: &[usize]) -> Result<Vec<Vec<f64>>, ForecastError> {
    let mut loess = stlrs::Stl::params();
    loess.inner_loops(INNER_LOOPS);
    let parts = Decomposition::params()
        .stl_params(loess)
        .fit(filled, seasons)
        .map_err(|error| ForecastError::Failed { model: NAME, problem: error.to_string() })?;
    Ok(parts.into_parts().0)
}

/// The season of the data, and a longer one if it is there.
fn found(history: &Series, filled: &[f64], first: usize) -> Vec<usize> {
    let (longer, repeats) = match history.step().per_day() {
        0 => return vec![first],
        1 => (365, 2),
        per_day => (7 * per_day, REPEATS),
    };
    let whole = longer.is_multiple_of(first) || history.step().per_day() == 1;
    let enough = longer > first && filled.len() >= repeats * longer && history.observed() >= 2 * longer;
    let there = whole && enough && history.constant().is_none() && repeats_itself(filled, first, longer);
    if there { vec![first, longer] } else { vec![first] }
}

/// Whether what the first season leaves over resembles itself one longer season ago.
///
/// Of the variance left over a share ρ comes back, the autocorrelation at that lag. A season averaged over K repetitions brings noise of
/// about (1 − ρ)/K, so it pays from ρ = 1/(K + 1); asked is half as much again. A slow wander resembles itself at any lag,
/// so at half the season it must resemble itself clearly less.
fn repeats_itself(filled: &[f64], first: usize, longer: usize) -> bool {
    let Ok(parts) = seasonal_parts(filled, &[first]) else { return false };
    let left: Vec<f64> = filled.iter().zip(&parts[0]).map(|(value, part)| value - part).collect();
    let left = without_line(&left);
    let share = autocorrelation(&left, longer);
    let asked = (1.5 / ((filled.len() / longer) as f64 + 1.0)).max(0.1);
    share >= asked && share - autocorrelation(&left, longer / 2) >= 0.5 * asked
}

/// Values minus their least-squares line.
fn without_line(values: &[f64]) -> Vec<f64> {
    let n = values.len() as f64;
    let (centre, mean) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
    let product: f64 = values.iter().enumerate().map(|(t, value)| (t as f64 - centre) * (value - mean)).sum();
    let slope = product / (n * (n * n - 1.0) / 12.0);
    values.iter().enumerate().map(|(t, value)| value - mean - slope * (t as f64 - centre)).collect()
}

/// Correlation of values of mean zero with themselves `lag` buckets ago; 0 without variance.
fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let pairs = || values.iter().zip(&values[lag..]);
    let product: f64 = pairs().map(|(before, after)| before * after).sum();
    let squares = pairs().map(|(before, _)| before * before).sum::<f64>() * pairs().map(|(_, after)| after * after).sum::<f64>();
    if squares > 0.0 { product / squares.sqrt() } else { 0.0 }
}

/// By how much the variance of a value against a season learnt before exceeds that of the residuals.
///
/// The state of a season is a weighted mean of the values of its phase, w the tricube weights of Loess. Independent residuals of
/// variance 1 against their own season have variance 1 − 2w₀ + Σw², averaged over the repetitions; a new value against the last state has
/// 1 + Σw². Of several seasons the differences from 1 add up. Cleveland, Cleveland, McRae & Terpenning, "STL", *Journal of Official
/// Statistics* 6 (1990), §2.
fn inflation(buckets: usize, seasons: &[usize]) -> f64 {
    let (mut ahead, mut left) = (1.0, 1.0);
    for (i, season) in seasons.iter().enumerate() {
        let (repeats, window) = (buckets / season, 7 + 4 * (i + 1));
        // The mean over a season belongs to the trend.
        let own = 1.0 - 1.0 / *season as f64;
        let lost: f64 = (0..repeats).map(|at| 2.0 * weights(repeats, window, at).0 - weights(repeats, window, at).1).sum();
        left -= own * lost / repeats as f64;
        ahead += own * weights(repeats, window, repeats - 1).1;
    }
    ahead / left.max(LEAST_LEFT)
}

/// Residuals of long seasons seen twice say little; their variance counts as at least this share.
const LEAST_LEFT: f64 = 0.2;

/// Weight of the value itself, and the sum of squared weights, of a local mean at repetition `at` of `repeats`.
fn weights(repeats: usize, window: usize, at: usize) -> (f64, f64) {
    let nearest = window.min(repeats);
    let from = at.saturating_sub((nearest - 1) / 2).min(repeats - nearest);
    let farthest = (at - from).max(from + nearest - 1 - at) + (window - nearest) / 2;
    let tricube = |k: usize| {
        let share = k.abs_diff(at) as f64 / farthest.max(1) as f64;
        let rest = (1.0 - share * share * share).max(0.0);
        rest * rest * rest
    };
    let (mut sum, mut squares) = (0.0, 0.0);
    for k in from..from + nearest {
        sum += tricube(k);
        squares += tricube(k) * tricube(k);
    }
    (1.0 / sum, squares / (sum * sum))
}

/// A decomposition after its fit.
#[derive(Debug, Clone)]
pub struct FittedMstl {
    settings: Mstl,
    /// Seasonal parts are in this unit.
    unit: f64,
    /// The last repetition of each season.
    parts: Vec<Vec<f64>>,
    /// Buckets since the fit.
    observed: usize,
    rest: FittedEts,
    /// Factor on the sd of the rest.
    inflation: f64,
}

impl FittedMstl {
    /// What the seasons add to the `h`-th bucket ahead, counted from 0.
    fn seasonal(&self, h: usize) -> f64 {
        self.unit * self.parts.iter().map(|part| part[(self.observed + h) % part.len()]).sum::<f64>()
    }

    /// The last repetition of each season, in time order.
    #[must_use]
    pub fn parts(&self) -> Vec<Vec<f64>> {
        self.parts.iter().map(|part| part.iter().map(|value| value * self.unit).collect()).collect()
    }

    /// The seasons, in buckets.
    #[must_use]
    pub fn seasons(&self) -> Vec<usize> {
        self.parts.iter().map(Vec::len).collect()
    }
}

impl Fitted for FittedMstl {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let moments = self.rest.moments(ahead.len()).into_iter().enumerate();
        let forecasts: Vec<Predictive> =
            moments.map(|(h, (mean, sd))| Predictive::Normal { mean: mean + self.seasonal(h), sd: sd * self.inflation }).collect();
        if forecasts.iter().all(Predictive::is_sound) {
            return Ok(forecasts);
        }
        Err(ForecastError::Failed { model: NAME, problem: BEYOND_BOUNDS.to_owned() })
    }

    fn observe(&mut self, value: Option<f64>) {
        let seasonal = self.seasonal(0);
        self.rest.observe(value.map(|value| value - seasonal));
        self.observed += 1;
    }

    fn refit(&self, history: &Series, _known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.settings.estimate_from(history, Some(&self.rest))?))
    }
}
