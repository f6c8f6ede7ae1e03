//! The orders of a seasonal ARIMA by themselves: a stepwise search for the lowest AICc.
//!
//! Hyndman & Khandakar (2008), "Automatic time series forecasting: the forecast package for R", *Journal of Statistical Software* 27(3),
//! as R's `auto.arima` and Python's statsforecast do it: differences first, by tests (see the module `unit_root`); then from four
//! models to their neighbours, one or two orders away or with the constant turned, moving on at the first that is better. A constant is
//! tried where there is at most one difference. Regressors take part in every candidate, and the tests see what ordinary least squares on
//! them leaves.
//!
//! DIFFERENCE: candidates are compared by the exact likelihood, which is fast enough here, not by conditional sums of squares. (Series
//! with gaps and a season beyond 12 are ranked with their missing differences at their expected value; the model chosen is fitted
//! without.) And where there is a seasonal difference, the seasonal moving average may reach the unit circle, which makes the season a
//! fixed pattern, as most counts have. R refuses all roots within 1 % of the circle; here those of each of the four polynomials within
//! 0.1 %, as in the paper.

use serde::{Deserialize, Serialize};

use super::estimate::{Estimate, Problem};
use super::polynomial::is_stationary;
use super::regression::Design;
use super::{Arima, Differencing, FittedArima, Trend, unit_root};
use crate::data::{Known, Series};
use crate::forecast::regression::renamed;
use crate::forecast::season::{self, interpolated_if_moving, season_length};
use crate::forecast::{Fitted, ForecastError, Forecaster};
use crate::seed::Seed;

const NAME: &str = "auto-arima";
/// Fewest points to choose from; two more for every regressor.
const FEWEST: usize = 10;
/// Most models tried, as in R.
const MOST_MODELS: usize = 94;
/// Roots must lie this far outside the unit circle.
const ROOT: f64 = 1.001;
/// Beyond this season gaps make the exact likelihood too slow to rank candidates with.
const LONGEST_RANKED_WITH_GAPS: usize = 12;
/// Steps of (P, Q), then of (p, q), in the order R tries them.
const STEPS: [(isize, isize); 8] = [(-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)];

/// Settings of the search. A refit keeps the orders and estimates the parameters again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoArima {
    /// Season in buckets; absent: from the data. A history of fewer than two seasons is searched without a season.
    pub season: Option<usize>,
    /// Most of p, d, q.
    pub max_order: [usize; 3],
    /// Most of P, D, Q.
    pub max_seasonal: [usize; 3],
    /// Whether public holidays are a regressor, where they are known.
    pub holidays: bool,
}

impl Default for AutoArima {
    fn default() -> Self {
        Self { season: None, max_order: [5, 2, 5], max_seasonal: [2, 1, 2], holidays: true }
    }
}

impl Forecaster for AutoArima {
    fn fit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        Ok(Box::new(self.search(history, known)?))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl AutoArima {
    /// The model of lowest AICc that the search meets; [`FittedArima::settings`] tells its orders.
    ///
    /// # Errors
    /// A history of fewer than ten points (two more per regressor), a season or order out of range, a regressor that is not finite.
    pub fn search(&self, history: &Series, known: &Known) -> Result<FittedArima, ForecastError> {
        self.search_as_arima(history, known).map_err(|error| renamed(NAME, error))
    }

    fn search_as_arima(&self, history: &Series, known: &Known) -> Result<FittedArima, ForecastError> {
        let season = self.season_of(history)?;
        let simplest = Arima { order: [0; 3], seasonal: [0; 3], season: Some(season), trend: Trend::Constant, holidays: self.holidays };
        let largest = Arima { order: self.max_order, ..simplest.clone() };
        largest.check_orders()?;
        Arima { order: self.max_seasonal, ..largest }.check_orders()?;
        let columns = super::Regressors::new(known, self.holidays).columns(known)?;
        let needed = FEWEST + 2 * columns.len();
        if history.observed() < needed {
            let why = format!("{FEWEST} to choose orders from, and two per regressor");
            return Err(ForecastError::TooShort { model: NAME, got: history.observed(), needed, why });
        }
        let Some(plain) = unexplained(history, &columns) else {
            return simplest.estimate(history, known);
        };
        let (d, seasonal_d) = self.differences(plain, season);
        // Gaps may leave too little behind differences.
        for (d, seasonal_d) in [(d, seasonal_d), (d, 0), (0, 0)] {
            let base = Arima { order: [0, d, 0], seasonal: [0, seasonal_d, 0], ..simplest.clone() };
            let found = Search::new(self, base, history, known, &columns).and_then(Search::run);
            if let Some((best, free)) = found {
                return best.estimate_from(history, known, None, Some(&free));
            }
        }
        simplest.estimate(history, known)
    }

    /// The season to search with, 1 for none.
    fn season_of(&self, history: &Series) -> Result<usize, ForecastError> {
        if self.max_seasonal == [0; 3] {
            return Ok(1);
        }
        season::check(NAME, self.season)?;
        let season = self.season.unwrap_or_else(|| season_length(history));
        if history.len() < 2 * season {
            return Ok(1);
        }
        super::check_season(season, history)?;
        Ok(season)
    }

    /// d and D, by tests.
    fn differences(&self, mut values: Vec<f64>, season: usize) -> (usize, usize) {
        let [_, most, _] = self.max_order;
        let [_, most_seasonal, _] = self.max_seasonal;
        let (mut d, mut seasonal) = (0, 0);
        while season > 1 && seasonal < most_seasonal && unit_root::is_strongly_seasonal(&values, season) {
            values = lagged(&values, season);
            seasonal += 1;
        }
        while d < most && unit_root::is_wandering(&values) {
            values = lagged(&values, 1);
            d += 1;
        }
        (d, seasonal)
    }
}

/// The values less their regression on the columns, gaps interpolated; `None` if they are all equal.
fn unexplained(history: &Series, columns: &[Vec<f64>]) -> Option<Vec<f64>> {
    if columns.is_empty() || history.constant().is_some() {
        return interpolated_if_moving(history.values());
    }
    interpolated_if_moving(&Design::new(columns, &Differencing::new(0, 0, 1), history.values(), true).residuals)
}

fn lagged(values: &[f64], lag: usize) -> Vec<f64> {
    values.iter().skip(lag).zip(values).map(|(after, before)| after - before).collect()
}

/// One model of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    ar: usize,
    ma: usize,
    seasonal_ar: usize,
    seasonal_ma: usize,
    constant: bool,
}

/// The best model so far.
struct Best {
    candidate: Candidate,
    aicc: f64,
    free: Vec<f64>,
}

struct Search<'a> {
    /// The differences of every candidate.
    base: Arima,
    history: &'a Series,
    known: &'a Known,
    most: Candidate,
    /// What candidates are ranked on, and its regressions without and with a constant.
    differences: Vec<Option<f64>>,
    designs: [Design; 2],
    tried: Vec<Candidate>,
    best: Option<Best>,
}

impl<'a> Search<'a> {
    /// `None` if there are too few differences for any model.
    fn new(limits: &AutoArima, base: Arima, history: &'a Series, known: &'a Known, columns: &[Vec<f64>]) -> Option<Self> {
        let season = base.season.unwrap_or(1);
        let form = Arima { trend: Trend::None, ..base.clone() }.form(history, known).ok()?;
        let mut differences = form.differences(history.values());
        if season > LONGEST_RANKED_WITH_GAPS {
            let expected = Design::new(columns, &form.differencing, &differences, true).expected(columns, &form.differencing);
            differences.iter_mut().zip(expected).for_each(|(w, expected)| *w = w.or(Some(expected)));
        }
        let designs = [false, true].map(|with_mean| Design::new(columns, &form.differencing, &differences, with_mean));
        let [ar, _, ma] = limits.max_order.map(|most| if season > 1 { most.min(season - 1) } else { most });
        let [seasonal_ar, _, seasonal_ma] = if season > 1 { limits.max_seasonal } else { [0; 3] };
        let most = Candidate { ar, ma, seasonal_ar, seasonal_ma, constant: base.order[1] + base.seasonal[1] <= 1 };
        Some(Self { base, history, known, most, differences, designs, tried: Vec::new(), best: None })
    }

    fn run(mut self) -> Option<(Arima, Vec<f64>)> {
        let most = self.most;
        let start = |ar: usize, ma: usize, seasonal_ar: usize, seasonal_ma: usize| Candidate {
            ar: ar.min(most.ar),
            ma: ma.min(most.ma),
            seasonal_ar: seasonal_ar.min(most.seasonal_ar),
            seasonal_ma: seasonal_ma.min(most.seasonal_ma),
            constant: most.constant,
        };
        for candidate in [start(2, 2, 1, 1), start(0, 0, 0, 0), start(1, 0, 1, 0), start(0, 1, 0, 1)] {
            self.improves(candidate);
        }
        self.improves(Candidate { constant: false, ..start(0, 0, 0, 0) });
        while let Some(best) = &self.best {
            let neighbours = self.neighbours(best.candidate);
            if !neighbours.into_iter().any(|candidate| self.improves(candidate)) {
                break;
            }
        }
        self.best.map(|best| (best.candidate.of(&self.base), best.free))
    }

    fn neighbours(&self, from: Candidate) -> Vec<Candidate> {
        let most = self.most;
        let moved = |order: usize, step: isize, most: usize| order.checked_add_signed(step).filter(|order| *order <= most);
        let seasonal = STEPS.iter().filter_map(|(ar, ma)| {
            let seasonal_ar = moved(from.seasonal_ar, *ar, most.seasonal_ar)?;
            Some(Candidate { seasonal_ar, seasonal_ma: moved(from.seasonal_ma, *ma, most.seasonal_ma)?, ..from })
        });
        let short = STEPS.iter().filter_map(|(ar, ma)| {
            let ar = moved(from.ar, *ar, most.ar)?;
            Some(Candidate { ar, ma: moved(from.ma, *ma, most.ma)?, ..from })
        });
        let turned = most.constant.then_some(Candidate { constant: !from.constant, ..from });
        seasonal.chain(short).chain(turned).collect()
    }

    /// Tries a candidate that has not been tried; whether it is now the best.
    fn improves(&mut self, candidate: Candidate) -> bool {
        if self.tried.contains(&candidate) || self.tried.len() >= MOST_MODELS {
            return false;
        }
        self.tried.push(candidate);
        let Some(estimate) = self.estimate(candidate) else { return false };
        let aicc = estimate.aicc();
        if !(self.best.as_ref().map_or(aicc < f64::INFINITY, |best| aicc < best.aicc)) {
            return false;
        }
        self.best = Some(Best { candidate, aicc, free: estimate.free });
        true
    }

    /// The candidate's fit, unless the history is too short for it or it nearly has a unit root.
    fn estimate(&self, candidate: Candidate) -> Option<Estimate> {
        let form = candidate.of(&self.base).form(self.history, self.known).ok()?;
        let problem = Problem::new(form.orders, &self.differences, &self.designs[usize::from(candidate.constant)]);
        if !(problem.square > 0.0 && problem.square.is_finite()) {
            // Differences that are all zero need no model, and those that overflow have none: the simplest candidate stands for them.
            return (candidate == Candidate { ar: 0, ma: 0, seasonal_ar: 0, seasonal_ma: 0, constant: false }).then(|| form.certain(1));
        }
        let near = self.best.as_ref().map(|best| candidate.near(best));
        let estimate = problem.rank(near.as_deref());
        let [ar, ma, seasonal_ar, seasonal_ma] = form.orders.blocks(&estimate.coefficients);
        let invertible = |ma: &[f64]| is_stationary(&ma.iter().map(|theta| -theta).collect::<Vec<_>>(), ROOT);
        let fixed_season = self.base.seasonal[1] > 0;
        let sound = is_stationary(ar, ROOT) && is_stationary(seasonal_ar, ROOT) && invertible(ma);
        (sound && (fixed_season || invertible(seasonal_ma))).then_some(estimate)
    }
}

impl Candidate {
    fn of(self, base: &Arima) -> Arima {
        Arima {
            order: [self.ar, base.order[1], self.ma],
            seasonal: [self.seasonal_ar, base.seasonal[1], self.seasonal_ma],
            trend: if self.constant { Trend::Constant } else { Trend::None },
            ..base.clone()
        }
    }

    const fn sizes(self) -> [usize; 4] {
        [self.ar, self.ma, self.seasonal_ar, self.seasonal_ma]
    }

    /// The unconstrained numbers of the best model, cut or filled with zeros to these orders.
    fn near(self, best: &Best) -> Vec<f64> {
        let (mut free, mut rest) = (Vec::new(), best.free.as_slice());
        for (size, theirs) in self.sizes().into_iter().zip(best.candidate.sizes()) {
            let (block, after) = rest.split_at(theirs.min(rest.len()));
            free.extend((0..size).map(|i| block.get(i).copied().unwrap_or(0.0)));
            rest = after;
        }
        free
    }
}
