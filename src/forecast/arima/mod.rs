//! Seasonal ARIMA by exact maximum likelihood.
//!
//! φ(B)Φ(Bˢ)(1−B)ᵈ(1−Bˢ)ᴰ (y − x′β) = c + θ(B)Θ(Bˢ)ε, the differences in state space, started from their stationary distribution. Box &
//! Jenkins, *Time Series Analysis*, chapter 9; Harvey, *Forecasting, Structural Time Series Models and the Kalman Filter*, §3.4.
//! The likelihood is that of the differences, the one Python's statsmodels calls `SARIMAX(exog=x, simple_differencing=True)`.
//! DIFFERENCE: the default of that package keeps the undifferenced series with an almost diffuse start, which is another likelihood
//! with another optimum; forecasts at equal parameters agree.
//!
//! A difference with a missing operand is missing and its update is skipped; the way back from differences then stands on the model's own
//! forecast, whose variance is added to what depends on it.
//!
//! x are the regressor columns of [`Known`], and before them `is_holiday`, 1 on every public holiday: who names a country wants its
//! holidays used, as the other models do, so they take part unless the setting `holidays` is off. One column for all of them, because a
//! history of a year holds each holiday once. β is estimated together with the rest by maximum likelihood. A column that, after
//! differencing, is constant or a sum of those before it cannot be told apart from them and gets the coefficient 0; so a history without
//! a holiday changes nothing. Regressors of a bucket that is observed without having been forecast count as their mean over the history,
//! for [`Fitted::observe`] is not told them.

mod auto;
mod autocovariance;
mod difference;
mod estimate;
mod filter;
mod polynomial;
mod regression;
mod state_space;
mod unit_root;

use serde::{Deserialize, Serialize};

use self::difference::Differencing;
use self::estimate::{Estimate, Problem, evidence_at, log_likelihood};
use self::polynomial::Orders;
use self::regression::{Design, Regressors, effects, wrong_number};
use super::season::{season_length, too_long};
use super::{Fitted, ForecastError, Forecaster};
use crate::data::{Known, Series};
use crate::seed::Seed;

pub use self::auto::AutoArima;
pub use self::filter::FittedArima;

const NAME: &str = "arima";
/// The state grows with the season, and the work with the square of the state.
const LONGEST_SEASON: usize = 60;
/// Highest order of any polynomial, beyond which nothing is identified.
const HIGHEST_ORDER: usize = 8;

/// The constant of the differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Trend {
    /// None: the differences have mean zero.
    #[default]
    #[serde(rename = "n")]
    None,
    /// An intercept, which is a drift after differencing.
    #[serde(rename = "c")]
    Constant,
}

/// Settings of seasonal ARIMA.
///
/// ```
/// use incident_harness::data::{Known, Series};
/// use incident_harness::forecast::{Fitted, Forecaster, arima::Arima};
/// use incident_harness::seed::Seed;
/// use incident_harness::time::{Grid, Step};
/// let grid = Grid::civil("2024-01-01".parse()?, Step::DAY, 77);
/// let value = |t: usize| Some(100.0 + [30.0, 20.0, 20.0, 15.0, 10.0, -40.0, -50.0][t % 7] + (t * t % 11) as f64);
/// let history = Series::new(grid.slice(0..70), (0..70).map(value).collect());
/// let known = Known::stamps(grid);
/// let fitted = Arima::default().fit(&history, &known.window(0..70), Seed::derive(["example"]))?;
/// let week = fitted.forecast(&known.window(70..77))?;
/// assert!(week[0].mean() > 110.0 && week[6].mean() < 70.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arima {
    /// p, d, q.
    pub order: [usize; 3],
    /// P, D, Q over the season.
    pub seasonal: [usize; 3],
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
    /// `n` for none, `c` for a constant.
    pub trend: Trend,
    /// Whether public holidays are a regressor, where they are known.
    pub holidays: bool,
}

impl Default for Arima {
    fn default() -> Self {
        Self { order: [1, 0, 1], seasonal: [1, 1, 1], season: None, trend: Trend::None, holidays: true }
    }
}

impl Forecaster for Arima {
    fn fit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.estimate(history, known)?))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl Arima {
    /// The model of largest likelihood; `known` covers exactly the buckets of the history.
    ///
    /// # Errors
    /// A history that is too short, a season or order out of range, a regressor that is not finite.
    pub fn estimate(&self, history: &Series, known: &Known) -> Result<FittedArima, ForecastError> {
        self.estimate_from(history, known, None, None)
    }

    /// The model at given parameters, in the order intercept (with trend `c`), one per regressor column (`is_holiday` first, where
    /// holidays are known), ar, ma, seasonal ar, seasonal ma, variance.
    ///
    /// # Errors
    /// As [`Arima::estimate`], and a number of parameters that does not fit the orders and columns.
    pub fn with_parameters(&self, history: &Series, known: &Known, parameters: &[f64]) -> Result<FittedArima, ForecastError> {
        let form = self.form(history, known)?;
        let columns = form.regressors.columns(known)?;
        let expected = form.orders.coefficients() + form.estimated_beside();
        if parameters.len() != expected {
            return Err(wrong_number(expected, columns.len(), parameters.len()));
        }
        let (intercept, rest) = parameters.split_at(usize::from(form.with_mean));
        let (weights, rest) = rest.split_at(columns.len());
        let (coefficients, variance) = rest.split_at(form.orders.coefficients());
        let mean = intercept.first().map_or(0.0, |intercept| intercept / form.orders.ar_at_one(coefficients));
        let effects = effects(&columns, weights, history.len());
        let differences: Vec<Option<f64>> =
            form.differences(&without(history.values(), &effects)).into_iter().map(|w| w.map(|w| w - mean)).collect();
        let evidence = evidence_at(form.orders, coefficients, &differences);
        let estimate = Estimate {
            coefficients: coefficients.to_vec(),
            mean,
            weights: weights.to_vec(),
            variance: variance[0],
            log_likelihood: log_likelihood(&evidence, variance[0]),
            observed: evidence.count,
            estimated: expected,
            free: Vec::new(),
        };
        Ok(FittedArima::new(self.clone(), form, estimate, history.values(), &effects))
    }

    /// As [`Arima::estimate`], from the unconstrained numbers of an earlier fit of the same form, or with those that a search has found.
    fn estimate_from(
        &self,
        history: &Series,
        known: &Known,
        earlier: Option<&FittedArima>,
        found: Option<&[f64]>,
    ) -> Result<FittedArima, ForecastError> {
        let form = self.form(history, known)?;
        let columns = form.regressors.columns(known)?;
        let differences = form.differences(history.values());
        let design = Design::new(&columns, &form.differencing, &differences, form.with_mean);
        let warm = earlier.and_then(|earlier| earlier.warm_start(&form));
        let problem = Problem::new(form.orders, &differences, &design);
        let estimate = match problem.square {
            0.0 => form.certain(history.len() - form.differencing.lost()),
            square if square.is_finite() => problem.estimate(warm, found),
            _ => return Err(unsupported("takes values up to 1e150: rescale the series".to_owned())),
        };
        let effects = effects(&columns, &estimate.weights, history.len());
        Ok(FittedArima::new(self.clone(), form, estimate, history.values(), &effects))
    }

    fn check_orders(&self) -> Result<(), ForecastError> {
        match self.order.iter().chain(&self.seasonal).find(|order| **order > HIGHEST_ORDER) {
            Some(order) => Err(unsupported(format!("takes orders up to {HIGHEST_ORDER}, got {order}"))),
            None => Ok(()),
        }
    }

    /// The orders on this history, checked.
    fn form(&self, history: &Series, known: &Known) -> Result<Form, ForecastError> {
        let [ar, d, ma] = self.order;
        let [seasonal_ar, seasonal_d, seasonal_ma] = self.seasonal;
        self.check_orders()?;
        let seasonal = self.seasonal != [0, 0, 0];
        let season = if seasonal { self.season.unwrap_or_else(|| season_length(history)) } else { 1 };
        if seasonal {
            check_season(season, history)?;
        }
        let orders = Orders { ar, ma, seasonal_ar, seasonal_ma, season };
        let form = Form {
            orders,
            differencing: Differencing::new(d, seasonal_d, season),
            with_mean: self.trend == Trend::Constant,
            regressors: Regressors::new(known, self.holidays),
        };
        form.check_length(history)?;
        Ok(form)
    }
}

/// Checks that a season can be used.
fn check_season(season: usize, history: &Series) -> Result<(), ForecastError> {
    if season < 2 {
        return Err(unsupported(format!("takes seasons from 2 buckets, got {season}: drop `season`, or set `seasonal` to [0, 0, 0]")));
    }
    too_long(season, history.step(), LONGEST_SEASON).map_or(Ok(()), |problem| Err(unsupported(problem)))
}

/// The orders, the differencing, whether there is a mean, and the regressors.
#[derive(Debug, Clone, PartialEq)]
struct Form {
    orders: Orders,
    differencing: Differencing,
    with_mean: bool,
    regressors: Regressors,
}

impl Form {
    /// Number of parameters beside the coefficients: the mean, one per regressor column, and the variance.
    fn estimated_beside(&self) -> usize {
        usize::from(self.with_mean) + self.regressors.len() + 1
    }

    /// Every difference of the values, in time order.
    fn differences(&self, values: &[Option<f64>]) -> Vec<Option<f64>> {
        (self.differencing.lost()..values.len()).map(|t| self.differencing.difference(values, t)).collect()
    }

    /// Each lag must be seen twice, and two differences per parameter be left.
    fn check_length(&self, history: &Series) -> Result<(), ForecastError> {
        let lost = self.differencing.lost();
        let parameters = self.orders.coefficients() + self.estimated_beside();
        let wanted = (2 * parameters).max(2 * (self.orders.states() - 1));
        let usable = self.differences(history.values()).iter().flatten().count();
        if usable >= wanted {
            return Ok(());
        }
        let got = history.observed();
        let columns = match self.regressors.len() {
            0 => String::new(),
            1 => " with 1 regressor".to_owned(),
            columns => format!(" with {columns} regressors"),
        };
        let why = format!("differencing takes {lost}, and {wanted} differences without a gap are wanted{columns}, got {usable}");
        Err(ForecastError::TooShort { model: NAME, got, needed: (lost + wanted).max(got + wanted - usable), why })
    }

    /// The model of differences that are all zero.
    fn certain(&self, observed: usize) -> Estimate {
        Estimate {
            coefficients: vec![0.0; self.orders.coefficients()],
            mean: 0.0,
            weights: vec![0.0; self.regressors.len()],
            variance: 0.0,
            log_likelihood: f64::INFINITY,
            observed,
            estimated: 1,
            free: Vec::new(),
        }
    }
}

/// Values less what the regressors add to each.
fn without(values: &[Option<f64>], effects: &[f64]) -> Vec<Option<f64>> {
    values.iter().zip(effects).map(|(value, effect)| value.map(|value| value - effect)).collect()
}

fn unsupported(problem: String) -> ForecastError {
    ForecastError::Unsupported { model: NAME, problem }
}
