//! Seasonal ARIMA by exact maximum likelihood.
//!
//! φ(B)Φ(Bˢ)(1−B)ᵈ(1−Bˢ)ᴰ y = c + θ(B)Θ(Bˢ)ε, the differences in state space, started from their stationary distribution. Box &
//! Jenkins, *Time Series Analysis*, chapter 9; Harvey, *Forecasting, Structural Time Series Models and the Kalman Filter*, §3.4.
//! The likelihood is that of the differences, the one Python's statsmodels calls `SARIMAX(simple_differencing=True)`.
//! DIFFERENCE: the default of that package keeps the undifferenced series with an almost diffuse start, which is another likelihood
//! with another optimum; forecasts at equal parameters agree.
//!
//! Holidays and regressors of [`Known`] are ignored. A difference with a missing operand is missing and its update is skipped; the way
//! back from differences then stands on the model's own forecast, whose variance is added to what depends on it.

mod autocovariance;
mod difference;
mod estimate;
mod filter;
mod polynomial;
mod state_space;

use serde::{Deserialize, Serialize};

use self::difference::Differencing;
use self::estimate::{Estimate, Problem, log_likelihood};
use self::polynomial::Orders;
use super::season::season_length;
use super::{Fitted, ForecastError, Forecaster};
use crate::data::{Known, Series};
use crate::seed::Seed;

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
}

impl Default for Arima {
    fn default() -> Self {
        Self { order: [1, 0, 1], seasonal: [1, 1, 1], season: None, trend: Trend::None }
    }
}

impl Forecaster for Arima {
    fn fit(&self, history: &Series, _known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.estimate(history)?))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl Arima {
    /// The model of largest likelihood.
    ///
    /// # Errors
    /// A history that is too short, or a season or order out of range.
    pub fn estimate(&self, history: &Series) -> Result<FittedArima, ForecastError> {
        self.estimate_from(history, None)
    }

    /// The model at given parameters, in the order intercept (with trend `c`), ar, ma, seasonal ar, seasonal ma, variance.
    ///
    /// # Errors
    /// As [`Arima::estimate`], and a number of parameters that does not fit the orders.
    pub fn with_parameters(&self, history: &Series, parameters: &[f64]) -> Result<FittedArima, ForecastError> {
        let form = self.form(history)?;
        let expected = form.orders.coefficients() + usize::from(form.with_mean) + 1;
        if parameters.len() != expected {
            return Err(unsupported(format!("takes {expected} parameters with these orders, got {}", parameters.len())));
        }
        let (intercept, rest) = parameters.split_at(usize::from(form.with_mean));
        let (coefficients, variance) = rest.split_at(form.orders.coefficients());
        let mean = intercept.first().map_or(0.0, |intercept| intercept / form.orders.ar_at_one(coefficients));
        let differences = form.differences(history.values());
        let problem = form.problem(&differences);
        let log_likelihood = log_likelihood(&problem.evidence_at(coefficients, mean), variance[0]);
        let estimate = Estimate { coefficients: coefficients.to_vec(), mean, variance: variance[0], log_likelihood, free: Vec::new() };
        Ok(FittedArima::new(self.clone(), form, estimate, history.values()))
    }

    /// As [`Arima::estimate`], from the unconstrained numbers of an earlier fit of the same form.
    fn estimate_from(&self, history: &Series, earlier: Option<&FittedArima>) -> Result<FittedArima, ForecastError> {
        let form = self.form(history)?;
        let differences = form.differences(history.values());
        let warm = earlier.and_then(|earlier| earlier.warm_start(&form));
        let estimate =
            if differences.iter().flatten().all(|w| *w == 0.0) { form.certain() } else { form.problem(&differences).estimate(warm) };
        Ok(FittedArima::new(self.clone(), form, estimate, history.values()))
    }

    /// The orders on this history, checked.
    fn form(&self, history: &Series) -> Result<Form, ForecastError> {
        let [ar, d, ma] = self.order;
        let [seasonal_ar, seasonal_d, seasonal_ma] = self.seasonal;
        if let Some(order) = self.order.iter().chain(&self.seasonal).find(|order| **order > HIGHEST_ORDER) {
            return Err(unsupported(format!("takes orders up to {HIGHEST_ORDER}, got {order}")));
        }
        let seasonal = self.seasonal != [0, 0, 0];
        let season = if seasonal { self.season.unwrap_or_else(|| season_length(history)) } else { 1 };
        if seasonal && season < 2 {
            return Err(unsupported(format!("takes seasons from 2 buckets, got {season}: drop `season`, or set `seasonal` to [0, 0, 0]")));
        }
        if season > LONGEST_SEASON {
            let step = coarser_step(season, history.step().seconds());
            let way = step.map_or_else(String::new, |step| format!(" with --step {step}"));
            return Err(unsupported(format!("takes seasons up to {LONGEST_SEASON}, got {season}: sum to a coarser step{way}")));
        }
        let orders = Orders { ar, ma, seasonal_ar, seasonal_ma, season };
        let form = Form { orders, differencing: Differencing::new(d, seasonal_d, season), with_mean: self.trend == Trend::Constant };
        form.check_length(history)?;
        Ok(form)
    }
}

/// The orders, the differencing and whether there is a mean.
#[derive(Debug, Clone, PartialEq)]
struct Form {
    orders: Orders,
    differencing: Differencing,
    with_mean: bool,
}

impl Form {
    /// Every difference of the values, in time order.
    fn differences(&self, values: &[Option<f64>]) -> Vec<Option<f64>> {
        (self.differencing.lost()..values.len()).map(|t| self.differencing.difference(values, t)).collect()
    }

    fn problem<'a>(&self, differences: &'a [Option<f64>]) -> Problem<'a> {
        Problem { orders: self.orders, differences, with_mean: self.with_mean }
    }

    /// Each lag must be seen twice, and two differences per parameter be left.
    fn check_length(&self, history: &Series) -> Result<(), ForecastError> {
        let lost = self.differencing.lost();
        let parameters = self.orders.coefficients() + usize::from(self.with_mean) + 1;
        let wanted = (2 * parameters).max(2 * (self.orders.states() - 1)).max(2);
        let usable = self.differences(history.values()).iter().flatten().count();
        if usable >= wanted {
            return Ok(());
        }
        let why = format!("differencing takes {lost}, and {wanted} differences without a gap are wanted, got {usable}");
        Err(ForecastError::TooShort { model: NAME, got: history.observed(), needed: lost + wanted, why })
    }

    /// The model of differences that are all zero.
    fn certain(&self) -> Estimate {
        let coefficients = vec![0.0; self.orders.coefficients()];
        Estimate { coefficients, mean: 0.0, variance: 0.0, log_likelihood: f64::INFINITY, free: Vec::new() }
    }
}

fn unsupported(problem: String) -> ForecastError {
    ForecastError::Unsupported { model: NAME, problem }
}

/// The finest customary step, longer than `seconds`, that divides the season into at most [`LONGEST_SEASON`] buckets.
fn coarser_step(season: usize, seconds: i64) -> Option<&'static str> {
    const STEPS: [(i64, &str); 9] = [
        (300, "5min"),
        (900, "15min"),
        (1800, "30min"),
        (3600, "1h"),
        (7200, "2h"),
        (10_800, "3h"),
        (21_600, "6h"),
        (43_200, "12h"),
        (86_400, "1d"),
    ];
    let length = i64::try_from(season).ok()?.checked_mul(seconds)?;
    STEPS.iter().find(|(step, _)| step % seconds == 0 && length % step == 0 && length / step <= 60).map(|(_, name)| *name)
}
