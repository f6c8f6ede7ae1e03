//! A forecaster as a detector: forecast, score, observe, and learn again every so often.
//!
//! Rolling origin with refits (Tashman 2000, *Out-of-sample tests of forecasting accuracy*): each test bucket is forecast from what came before
//! it, scored by −log10 of the two-sided tail probability of its value, then observed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use super::{Band, DetectError, Detection, Detector};
use crate::data::{Known, Series};
use crate::forecast::{Fitted, Forecaster, Predictive};
use crate::seed::Seed;
use crate::time::{Span, Step};

/// A score no value exceeds: a forecast without any spread calls every other value infinitely strange, which JSON cannot say.
const LARGEST_SCORE: f64 = 1e9;

/// From where test buckets are forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Each bucket from all before it.
    #[default]
    Rolling,
    /// All buckets from the end of train: the historical set-up of some models.
    FixedOrigin,
}

/// What later forecasts see of a flagged value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnAlarm {
    /// The value as it was.
    #[default]
    Keep,
    /// What was expected instead.
    Replace,
}

/// How often parameters are estimated again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Refit {
    /// Every 7 days on daily data, every 24 hours below.
    #[default]
    Auto,
    /// At this cadence.
    Every(Span),
    /// Only once, on train.
    Never,
}

impl Refit {
    /// The cadence in buckets; `None` is never.
    #[must_use]
    pub fn buckets(self, step: Step) -> Option<usize> {
        let span = match self {
            Self::Never => return None,
            Self::Every(span) => span,
            Self::Auto if step.is_daily() => Span::days(7),
            Self::Auto => Span::hours(24),
        };
        Some(span.buckets(step).max(1))
    }
}

impl std::str::FromStr for Refit {
    type Err = crate::time::TimeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "never" => Ok(Self::Never),
            "auto" => Ok(Self::Auto),
            span => Ok(Self::Every(span.parse()?)),
        }
    }
}

impl std::fmt::Display for Refit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Auto => f.write_str("auto"),
            Self::Every(span) => span.fmt(f),
        }
    }
}

impl TryFrom<String> for Refit {
    type Error = crate::time::TimeError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Refit> for String {
    fn from(refit: Refit) -> Self {
        refit.to_string()
    }
}

/// How a forecaster is run over the test range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// From where buckets are forecast.
    pub origin: Origin,
    /// How often parameters are estimated again.
    pub refit: Refit,
    /// What later forecasts see of a flagged value.
    pub on_alarm: OnAlarm,
    /// Level of the reported interval, in 0..1; a value outside it is flagged at the native point.
    pub interval: f64,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { origin: Origin::Rolling, refit: Refit::Auto, on_alarm: OnAlarm::Keep, interval: 0.99 }
    }
}

/// The score above which a value lies outside the interval of a level.
#[must_use]
pub fn native_threshold(level: f64) -> f64 {
    -libm::log10(1.0 - level)
}

/// A forecaster that scores by how improbable a value is under its forecast.
pub struct Residual {
    name: String,
    model: Box<dyn Forecaster>,
    protocol: Protocol,
    /// Test buckets judged so far, for whoever shows progress; no answer depends on it.
    judged: Arc<AtomicUsize>,
}

impl Residual {
    /// Runs a forecaster, called `name` in errors, under a protocol.
    #[must_use]
    pub fn new(name: impl Into<String>, model: Box<dyn Forecaster>, protocol: Protocol) -> Self {
        Self { name: name.into(), model, protocol, judged: Arc::default() }
    }

    /// Counts the test buckets judged so far, over all calls.
    #[must_use]
    pub fn judged(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.judged)
    }

    fn fixed(&self, train: &Series, test: &Series, known: &Known, seed: Seed) -> Result<Detection, DetectError> {
        let fitted = self.model.fit(train, &known.window(0..train.len()), seed.child("fit 0"))?;
        let ahead = fitted.forecast(&known.window(train.len()..train.len() + test.len()))?;
        let mut detection = Detection { scores: Vec::with_capacity(test.len()), bands: Vec::with_capacity(test.len()), fits: 1 };
        for (t, predictive) in ahead.iter().enumerate() {
            self.judge(&mut detection, predictive, test.values()[t], || test.grid().label(t))?;
        }
        Ok(detection)
    }

    fn rolling(&self, train: &Series, test: &Series, known: &Known, seed: Seed) -> Result<Detection, DetectError> {
        let grid = known.grid();
        let cadence = self.protocol.refit.buckets(train.step());
        let threshold = native_threshold(self.protocol.interval);
        let mut history = train.values().to_vec();
        let mut fitted: Box<dyn Fitted> = self.model.fit(train, &known.window(0..train.len()), seed.child("fit 0"))?;
        let mut detection = Detection { scores: Vec::with_capacity(test.len()), bands: Vec::with_capacity(test.len()), fits: 1 };
        for (t, &value) in test.values().iter().enumerate() {
            let now = train.len() + t;
            if t > 0 && cadence.is_some_and(|every| t % every == 0) {
                let longer = Series::new(grid.slice(0..now), history.clone());
                let seed = seed.child(&format!("fit {}", detection.fits));
                fitted = fitted.refit(&longer, &known.window(0..now), seed)?;
                detection.fits += 1;
            }
            let ahead = fitted.forecast(&known.window(now..now + 1))?;
            let predictive = ahead.first().ok_or_else(|| self.not_finite("no forecast", &grid.label(now)))?;
            let score = self.judge(&mut detection, predictive, value, || grid.label(now))?;
            let replaced = self.protocol.on_alarm == OnAlarm::Replace && score.is_some_and(|score| score > threshold);
            let seen = if replaced { Some(predictive.mean()) } else { value };
            history.push(seen);
            fitted.observe(seen);
        }
        Ok(detection)
    }

    fn judge(
        &self,
        detection: &mut Detection,
        predictive: &Predictive,
        value: Option<f64>,
        stamp: impl Fn() -> String,
    ) -> Result<Option<f64>, DetectError> {
        if !predictive.is_sound() {
            return Err(self.not_finite(&format!("mean {}, sd {}", predictive.mean(), predictive.sd()), &stamp()));
        }
        let (lower, upper) = predictive.interval(self.protocol.interval);
        let score = value.map(|value| predictive.surprise(value).min(LARGEST_SCORE));
        if score.is_some_and(f64::is_nan) {
            return Err(self.not_finite("a score that is not a number", &stamp()));
        }
        self.judged.fetch_add(1, Ordering::Relaxed);
        detection.bands.push(Band { expected: predictive.mean(), lower, upper });
        detection.scores.push(score);
        Ok(score)
    }

    fn not_finite(&self, got: &str, stamp: &str) -> DetectError {
        DetectError::NotFinite { model: self.name.clone(), got: got.to_owned(), stamp: stamp.to_owned() }
    }
}

impl Detector for Residual {
    fn detect(&self, train: &Series, test: &Series, known: &Known, seed: Seed) -> Result<Detection, DetectError> {
        // A single value is too short rather than constant: the model says how many points it needs.
        if let Some(value) = train.constant().filter(|_| train.observed() > 1) {
            return Err(DetectError::ConstantTrain { value, n: train.observed() });
        }
        match self.protocol.origin {
            Origin::Rolling => self.rolling(train, test, known, seed),
            Origin::FixedOrigin => self.fixed(train, test, known, seed),
        }
    }
}
