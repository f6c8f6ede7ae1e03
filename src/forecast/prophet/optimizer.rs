//! The optimizer that augurs' Prophet calls: native, without Stan.

use std::sync::{Arc, OnceLock};

use augurs::prophet::optimizer::{Data, Error, InitialParams, OptimizeOpts, OptimizedParams};
use augurs::prophet::{Optimizer, PositiveFloat, TrendIndicator};

use super::posterior::Posterior;

/// Finds the maximum of the posterior and leaves what the forecast needs of it, which augurs does not hand out, in `found`.
#[derive(Debug, Clone, Default)]
pub(super) struct Native {
    pub(super) found: Arc<OnceLock<Found>>,
}

/// What an optimum says about the spread of forecasts, in units of the scaled series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    /// Standard deviation of the observation noise.
    pub(super) noise: f64,
    /// Number of possible changes of the rate per length of the history.
    pub(super) changes: usize,
    /// Mean size of a change of the rate.
    pub(super) mean_change: f64,
    /// Negative log posterior, with |δ| as it is.
    pub(super) objective: f64,
}

impl Optimizer for Native {
    fn optimize(&self, init: &InitialParams, data: &Data, _opts: &OptimizeOpts) -> Result<OptimizedParams, Error> {
        if data.trend_indicator == TrendIndicator::Logistic {
            return Err(Error::static_str("logistic growth is not implemented"));
        }
        let mut posterior = Posterior::new(data);
        let mut parameters = posterior.parameters(init.k, init.m, &init.delta, &init.beta, *init.sigma_obs);
        posterior.maximise(&mut parameters);
        let mut gradient = vec![0.0; parameters.len()];
        let objective = posterior.evaluate(&parameters, &mut gradient, 0.0);
        let noise = Posterior::noise(&parameters);
        let (delta, sorted) = parameters[3..].split_at(init.delta.len());
        let mut beta = vec![0.0; sorted.len()];
        for (value, &column) in sorted.iter().zip(&posterior.rows.order) {
            beta[column] = *value;
        }
        let mean_change = delta.iter().map(|delta| delta.abs()).sum::<f64>() / delta.len().max(1) as f64;
        let found = Found { noise, changes: delta.len(), mean_change, objective };
        // A second fit of the same value would keep the first result; a model is fitted once.
        self.found.get_or_init(|| found);
        let mut trend = vec![0.0; posterior.rows.len()];
        posterior.rows.trend(&parameters[1..], &mut trend);
        let sigma_obs = PositiveFloat::try_new(noise).map_err(Error::custom)?;
        Ok(OptimizedParams { k: parameters[1], m: parameters[2], sigma_obs, delta: delta.to_vec(), beta, trend })
    }
}
