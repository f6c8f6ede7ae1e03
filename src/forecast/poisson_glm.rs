//! Poisson regression on the calendar: the logarithm of the mean is a sum of a trend, the phase of the season, the weekday and what is known of
//! the stamp. Intervals are those of counts.
//!
//! Columns: a linear trend; the phase of the season (one column each, or ten Fourier pairs from 32 phases on), by the clock on the wall where
//! the season is a day; weekdays where the season does not hold them and three weeks are there; two yearly Fourier pairs from two years on;
//! one column for public holidays and one per regressor. Coefficients maximise the Poisson likelihood (McCullagh & Nelder, *Generalized
//! Linear Models*, 2nd ed., §6.2) with a ridge so light that it only speaks where the counts do not: a phase without any ticket, columns that
//! say the same. The spread is negative binomial: its dispersion solves Pearson's χ² = degrees of freedom (op. cit., §6.2.3), and the
//! uncertainty of the coefficients adds to it.
//!
//! A bucket without a value is left out. A history must hold counts; of values observed later those below 0 are left out too. Observing a value changes nothing until the next refit.

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::interval::{dispersion, no_count};
use super::season::{self, season_length};
use super::{Fitted, FoldError, ForecastError, Forecaster, Predictive};
use crate::data::{Known, Series};
use crate::seed::Seed;
use crate::stats::cholesky::Cholesky;
use crate::time::Step;

const NAME: &str = "poisson-glm";
/// Seasons with more phases are Fourier series.
const MOST_PHASES: usize = 31;
const FOURIER_PAIRS: usize = 10;
const YEARLY_PAIRS: usize = 2;
/// Days of history before weekdays or the year get columns.
const THREE_WEEKS: i64 = 21;
const TWO_YEARS: i64 = 730;
/// Precision of the prior on every coefficient: that of a hundredth of one ticket.
const RIDGE: f64 = 0.01;
/// Added to the curvature in proportion, so that equal columns can be solved for.
const DAMPING: f64 = 1e-10;
/// Logarithms beyond this are no counts.
const LARGEST_LOG: f64 = 300.0;
/// The mean of a count is never 0.
const LEAST_MEAN: f64 = 1e-9;

/// Settings of Poisson regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoissonGlm {
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
    /// Whether the logarithm of the mean has a linear trend.
    pub trend: bool,
}

impl Default for PoissonGlm {
    fn default() -> Self {
        Self { season: None, trend: true }
    }
}

impl Forecaster for PoissonGlm {
    fn fit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        season::check(NAME, self.season)?;
        let season = self.season.unwrap_or_else(|| season_length(history));
        if let Some((stamp, value)) = no_count(history) {
            return Err(unsupported(format!(
                "takes whole numbers from 0, got {value} at {stamp}: use a model of real values, such as `ets`"
            )));
        }
        self.learn(season, history, known)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

impl PoissonGlm {
    /// Learns a history in which later values may be none of counts: what stands in for an alarm, or a correction. Those below 0 are left out.
    fn learn(&self, season: usize, history: &Series, known: &Known) -> Result<Box<dyn Fitted>, ForecastError> {
        let design = Design::new(self, season, history, known)?;
        let needed = (2 * season).max(2 * design.base_width());
        if history.observed() < needed {
            let why = format!("two seasons of {season} and two values per coefficient");
            return Err(ForecastError::TooShort { model: NAME, got: history.observed(), needed, why });
        }
        let rows = design.rows(history, known);
        let fit = Regression::fit(&rows).ok_or_else(|| {
            failed("its coefficients cannot be solved for: leave out regressors that say the same, or rescale the series")
        })?;
        Ok(Box::new(FittedPoissonGlm { settings: self.clone(), design, fit, next: history.len() }))
    }
}

fn unsupported(problem: String) -> ForecastError {
    ForecastError::Unsupported { model: NAME, problem }
}

fn failed(problem: &str) -> ForecastError {
    ForecastError::Failed { model: NAME, problem: problem.to_owned() }
}

/// Which columns a row has.
#[derive(Debug, Clone)]
struct Design {
    season: usize,
    step: Step,
    /// Buckets of the history, the unit of the trend; absent without a trend.
    trend: Option<f64>,
    weekdays: bool,
    yearly: bool,
    holidays: bool,
    /// Regressors by name, with what to subtract and divide by.
    regressors: Vec<(String, f64, f64)>,
}

impl Design {
    fn new(settings: &PoissonGlm, season: usize, history: &Series, known: &Known) -> Result<Self, ForecastError> {
        let step = history.step();
        let length = history.len() as i64 * step.seconds();
        let day = 86_400;
        let holds_weekdays = (season as i64 * step.seconds()) % (7 * day) == 0 || step.seconds() > day;
        let seen = |at: usize| history.values()[at].is_some() && known.holidays()[at].is_some();
        let mut regressors = Vec::new();
        for (name, values) in known.regressors() {
            let (mean, sd) = scale(values).ok_or_else(|| not_finite(name))?;
            regressors.push((name.to_owned(), mean, sd));
        }
        let mut design = Self {
            season,
            step,
            trend: settings.trend.then_some(history.len() as f64),
            weekdays: false,
            yearly: false,
            holidays: (0..history.len()).any(seen),
            regressors,
        };
        // What is optional must not make a series too short.
        let room = |design: &Self, more: usize| history.observed() >= 2 * (design.width() + more);
        design.weekdays = !holds_weekdays && length >= THREE_WEEKS * day && room(&design, 6);
        design.yearly = length >= TWO_YEARS * day && room(&design, 2 * YEARLY_PAIRS);
        Ok(design)
    }

    fn season_width(&self) -> usize {
        if self.season <= MOST_PHASES { self.season - 1 } else { 2 * FOURIER_PAIRS }
    }

    /// Columns that every history has.
    fn base_width(&self) -> usize {
        1 + usize::from(self.trend.is_some()) + self.season_width() + usize::from(self.holidays) + self.regressors.len()
    }

    fn width(&self) -> usize {
        self.base_width() + 6 * usize::from(self.weekdays) + 2 * YEARLY_PAIRS * usize::from(self.yearly)
    }

    /// The phase of a bucket that is so many after the start of the history.
    fn phase(&self, bucket: usize, stamp: DateTime) -> usize {
        if self.step.per_day() == self.season {
            let seconds = i64::from(stamp.hour()) * 3600 + i64::from(stamp.minute()) * 60;
            return usize::try_from(seconds / self.step.seconds()).unwrap_or(0) % self.season;
        }
        bucket % self.season
    }

    /// Appends the row of a bucket; `at` is its place in `known`.
    fn write(&self, bucket: usize, stamp: DateTime, known: &Known, at: usize, row: &mut Vec<f64>) -> Result<(), ForecastError> {
        row.push(1.0);
        row.extend(self.trend.map(|length| bucket as f64 / length - 0.5));
        let phase = self.phase(bucket, stamp);
        if self.season <= MOST_PHASES {
            row.extend((1..self.season).map(|other| f64::from(u8::from(phase == other))));
        } else {
            fourier(row, FOURIER_PAIRS, phase as f64 / self.season as f64);
        }
        if self.weekdays {
            let weekday = stamp.weekday().to_monday_zero_offset();
            row.extend((1..7).map(|other| f64::from(u8::from(weekday == other))));
        }
        if self.yearly {
            fourier(row, YEARLY_PAIRS, f64::from(stamp.day_of_year()) / 365.25);
        }
        if self.holidays {
            row.push(f64::from(u8::from(known.holidays()[at].is_some())));
        }
        for (name, mean, sd) in &self.regressors {
            let value = known.regressors().find(|(other, _)| other == name).map_or(f64::NAN, |(_, values)| values[at]);
            if !value.is_finite() {
                return Err(not_finite(name));
            }
            row.push((value - mean) / sd);
        }
        Ok(())
    }

    fn rows(&self, history: &Series, known: &Known) -> Rows {
        let mut rows = Rows { width: self.width(), values: Vec::new(), counts: Vec::new() };
        for (bucket, value) in history.values().iter().enumerate() {
            let count = value.filter(|value| *value >= 0.0);
            // Regressors were found to be finite.
            if let (Some(count), Ok(())) = (count, self.write(bucket, history.grid().datetime(bucket), known, bucket, &mut rows.values)) {
                rows.counts.push(count);
            } else {
                rows.values.truncate(rows.counts.len() * rows.width);
            }
        }
        rows
    }
}

fn not_finite(name: &str) -> ForecastError {
    unsupported(format!("takes finite regressors only: `{name}` is not"))
}

/// Mean and sd of a column; sd 1 where it is constant, `None` where it is not finite.
fn scale(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n).sqrt();
    (mean.is_finite() && sd.is_finite()).then_some((mean, if sd > 1e-12 * mean.abs() { sd } else { 1.0 }))
}

fn fourier(row: &mut Vec<f64>, pairs: usize, turn: f64) {
    for k in 1..=pairs {
        let angle = std::f64::consts::TAU * turn * k as f64;
        row.extend([libm::sin(angle), libm::cos(angle)]);
    }
}

/// What is explained and by what.
struct Rows {
    width: usize,
    values: Vec<f64>,
    counts: Vec<f64>,
}

impl Rows {
    fn iter(&self) -> impl Iterator<Item = (&[f64], f64)> {
        self.values.chunks_exact(self.width).zip(self.counts.iter().copied())
    }

    /// Σ weight · x xᵀ, lower triangle, with the ridge.
    fn information(&self, weight: impl Fn(usize) -> f64) -> Vec<f64> {
        let width = self.width;
        let mut matrix = vec![0.0; width * width];
        for (number, (row, _)) in self.iter().enumerate() {
            let weight = weight(number);
            for (i, x) in row.iter().enumerate().filter(|(_, x)| **x != 0.0) {
                for (slot, other) in matrix[i * width..=i * width + i].iter_mut().zip(row) {
                    *slot += weight * x * other;
                }
            }
        }
        (0..width).for_each(|i| matrix[i * width + i] += RIDGE + DAMPING * matrix[i * width + i]);
        matrix
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Coefficients, and what is uncertain about them.
#[derive(Debug, Clone)]
struct Regression {
    coefficients: Vec<f64>,
    dispersion: f64,
    precision: Cholesky,
}

impl Regression {
    /// Newton's method, which is iteratively reweighted least squares here, with halved steps where a whole one goes too far.
    fn fit(rows: &Rows) -> Option<Self> {
        let n = rows.counts.len() as f64;
        let start = libm::log(rows.counts.iter().sum::<f64>().max(0.5) / n);
        let mut coefficients = vec![0.0; rows.width];
        coefficients[0] = start;
        // The intercept is drawn to the overall mean, everything else to no effect.
        let pull = |i: usize, coefficient: f64| if i == 0 { coefficient - start } else { coefficient };
        let objective = |coefficients: &[f64]| {
            let fit: f64 =
                rows.iter().map(|(row, count)| (dot(row, coefficients), count)).map(|(log, count)| count * log - libm::exp(log)).sum();
            let prior: f64 = coefficients.iter().enumerate().map(|(i, c)| pull(i, *c)).map(|c| c * c).sum();
            fit - 0.5 * RIDGE * prior
        };
        let mut value = objective(&coefficients);
        for _ in 0..100 {
            let means: Vec<f64> = rows.iter().map(|(row, _)| libm::exp(dot(row, &coefficients))).collect();
            let mut step: Vec<f64> = coefficients.iter().enumerate().map(|(i, c)| -RIDGE * pull(i, *c)).collect();
            for ((row, count), mean) in rows.iter().zip(&means) {
                step.iter_mut().zip(row).for_each(|(slot, x)| *slot += (count - mean) * x);
            }
            Cholesky::of(rows.width, rows.information(|i| means[i]))?.solve(&mut step);
            let mut share = 1.0;
            let better = loop {
                let moved: Vec<f64> = coefficients.iter().zip(&step).map(|(c, step)| c + share * step).collect();
                let there = objective(&moved);
                if there > value {
                    break Some((moved, there));
                }
                share *= 0.5;
                if share < 1e-10 {
                    break None;
                }
            };
            let Some((moved, there)) = better else { break };
            let done = there - value <= 1e-13 * value.abs().max(1.0);
            (coefficients, value) = (moved, there);
            if done {
                break;
            }
        }
        let means: Vec<f64> = rows.iter().map(|(row, _)| libm::exp(dot(row, &coefficients)).max(LEAST_MEAN)).collect();
        let errors: Vec<FoldError> =
            rows.counts.iter().zip(&means).map(|(count, mean)| FoldError { mean: *mean, sd: 0.0, error: count - mean }).collect();
        let dispersion = dispersion(&errors, (n - rows.width as f64).max(1.0));
        let precision = Cholesky::of(rows.width, rows.information(|i| means[i] / (1.0 + dispersion * means[i])))?;
        Some(Self { coefficients, dispersion, precision })
    }

    fn predictive(&self, row: Vec<f64>) -> Result<Predictive, ForecastError> {
        let log = dot(&row, &self.coefficients);
        if log.is_nan() || log > LARGEST_LOG {
            return Err(failed(
                "its mean grows beyond every count: set `trend` to false, learn from a longer history, or rescale the series",
            ));
        }
        // A relative variance of the mean acts as dispersion.
        Ok(Predictive::Count { mean: libm::exp(log).max(LEAST_MEAN), dispersion: self.dispersion + self.precision.inverse_form(row) })
    }
}

struct FittedPoissonGlm {
    settings: PoissonGlm,
    design: Design,
    fit: Regression,
    /// Buckets of the history and those observed since.
    next: usize,
}

impl Fitted for FittedPoissonGlm {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let grid = ahead.grid();
        let one = |at: usize| {
            let mut row = Vec::with_capacity(self.design.width());
            self.design.write(self.next + at, grid.datetime(at), ahead, at, &mut row)?;
            self.fit.predictive(row)
        };
        (0..ahead.len()).map(one).collect()
    }

    fn observe(&mut self, _value: Option<f64>) {
        self.next += 1;
    }

    fn refit(&self, history: &Series, known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.settings.learn(self.design.season, history, known)
    }
}
