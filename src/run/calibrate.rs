//! Calibration: which fault-free twins thresholds are set on, and the thresholds from their scores.

use std::collections::BTreeMap;

use crate::data::incident::Incident;
use crate::detect::threshold::{Quiet, Threshold, within_budget};
use crate::record::{CalibrationKey, Outcome};
use crate::scenario::Scenario;
use crate::seed::SeedRole;
use crate::suite::Detection;
use crate::synth::{self, SynthError};
use crate::time::Step;

/// Days of fault-free data per step: fifteen pages at the default budget on daily data, less below, where a day costs more to fit.
const DAILY_DAYS: f64 = 1500.0;
const BELOW_DAYS: f64 = 150.0;

/// The twins of development seeds: for each step, replicate after replicate over all files until there are days enough.
///
/// # Errors
/// [`SynthError`] when a scenario cannot be generated.
pub fn sample(scenarios: &[Scenario]) -> Result<Vec<Incident>, SynthError> {
    let mut by_step: BTreeMap<Step, Vec<&Scenario>> = BTreeMap::new();
    // A variant has the twins of its base.
    for scenario in scenarios.iter().filter(|scenario| scenario.variant.is_none()) {
        by_step.entry(scenario.step()).or_default().push(scenario);
    }
    let mut sample = Vec::new();
    for (step, scenarios) in by_step {
        let wanted = if step.is_daily() { DAILY_DAYS } else { BELOW_DAYS };
        let mut days = 0.0;
        for replicate in 0.. {
            for scenario in &scenarios {
                let incident = synth::generate(scenario, SeedRole::Dev, replicate)?;
                days += incident.observed.test_len() as f64 * step.span().as_days() * incident.twin.len() as f64;
                sample.push(incident);
            }
            if days >= wanted {
                break;
            }
        }
    }
    Ok(sample)
}

/// Thresholds per model (by its index among the columns) and step, from the scores of the calibration jobs; failed jobs are left out.
pub fn thresholds<'a>(
    scored: impl IntoIterator<Item = (usize, &'a CalibrationKey, Step, &'a Outcome, &'a [Option<f64>])>,
    detection: &Detection,
) -> BTreeMap<(usize, Step), Threshold> {
    let mut quiet: BTreeMap<(usize, Step), BTreeMap<&CalibrationKey, Quiet>> = BTreeMap::new();
    for (column, key, step, outcome, scores) in scored {
        if *outcome == Outcome::Answered {
            let days = scores.iter().flatten().count() as f64 * step.span().as_days();
            quiet.entry((column, step)).or_default().insert(key, Quiet { scores: scores.to_vec(), days });
        }
    }
    quiet
        .into_iter()
        .filter_map(|((column, step), runs)| {
            let runs: Vec<Quiet> = runs.into_values().collect();
            let threshold = within_budget(&runs, detection.budget, detection.paging(step))?;
            Some(((column, step), threshold))
        })
        .collect()
}
