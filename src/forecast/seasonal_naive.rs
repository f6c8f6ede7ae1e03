//! Seasonal naive: tomorrow looks like the same hour one season ago.
//!
//! The baseline every other forecaster must beat. The sd of the forecast k seasons ahead is that of the differences over one season
//! times √k. Hyndman & Athanasopoulos, *Forecasting: Principles and Practice* (3rd ed.), §5.2 and §5.5.

use serde::{Deserialize, Serialize};

use super::season::{self, season_length};
use super::{Fitted, ForecastError, Forecaster, Predictive};
use crate::data::{Known, Series};
use crate::seed::Seed;

const NAME: &str = "seasonal-naive";

/// Settings of seasonal naive.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeasonalNaive {
    /// Season in buckets; absent: from the data.
    pub season: Option<usize>,
}

impl Forecaster for SeasonalNaive {
    fn fit(&self, history: &Series, _known: &Known, _seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        season::check(NAME, self.season)?;
        let season = self.season.unwrap_or_else(|| season_length(history));
        let values = history.values();
        let needed = 2 * season;
        let differences: Vec<f64> =
            values.iter().zip(values.iter().skip(season)).filter_map(|(before, after)| Some((*after)? - (*before)?)).collect();
        if values.len() < needed || differences.is_empty() {
            return Err(ForecastError::TooShort { model: NAME, got: history.observed(), needed, why: format!("two seasons of {season}") });
        }
        let sd = (differences.iter().map(|d| d * d).sum::<f64>() / differences.len() as f64).sqrt();
        let mut recent = values[values.len() - season..].to_vec();
        for (slot, value) in recent.iter_mut().enumerate() {
            // A missing bucket takes the latest observed value of its slot.
            *value = value.or_else(|| values.iter().rev().skip(season - 1 - slot).step_by(season).find_map(|value| *value));
        }
        let overall = values.iter().flatten().sum::<f64>() / history.observed() as f64;
        let recent = recent.into_iter().map(|value| value.unwrap_or(overall)).collect();
        Ok(Box::new(FittedSeasonalNaive { settings: self.clone(), recent, next: 0, sd }))
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("settings are plain data")
    }
}

struct FittedSeasonalNaive {
    settings: SeasonalNaive,
    /// One season of values; `next` is the slot of the next bucket.
    recent: Vec<f64>,
    next: usize,
    sd: f64,
}

impl Fitted for FittedSeasonalNaive {
    fn forecast(&self, ahead: &Known) -> Result<Vec<Predictive>, ForecastError> {
        let season = self.recent.len();
        Ok((0..ahead.len())
            .map(|h| Predictive::Normal { mean: self.recent[(self.next + h) % season], sd: self.sd * ((h / season + 1) as f64).sqrt() })
            .collect())
    }

    fn observe(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.recent[self.next] = value;
        }
        self.next = (self.next + 1) % self.recent.len();
    }

    fn refit(&self, history: &Series, known: &Known, seed: Seed) -> Result<Box<dyn Fitted>, ForecastError> {
        self.settings.fit(history, known, seed)
    }
}
