//! Skill: how much of the way from the best trivial row to perfection a row has gone.
//!
//! Published benchmarks are beaten by constant answers; a score means nothing without the floor beside it.

use super::Metric;
use super::metric::{Better, Unit};
use super::scorecard::{ModelRow, Role};
use crate::agent::FLOORS;

/// What an agent stands for in tables.
#[must_use]
pub fn role_of_agent(name: &str) -> Role {
    if FLOORS.contains(&name) { Role::Floor } else { Role::Model }
}

/// The best floor by a metric among the rows for the same triggers and the same model.
#[must_use]
pub fn best_floor<'a>(rows: &'a [ModelRow], like: &ModelRow, metric: &Metric) -> Option<(&'a ModelRow, f64)> {
    let alike =
        |row: &&ModelRow| row.role == Role::Floor && row.trigger == like.trigger && (row.agent.is_none() || row.config == like.config);
    let scored = rows.iter().filter(alike).filter_map(|row| Some((row, row.metric(metric.name).value()?)));
    // The first of equals: rows of a role stand by name.
    scored.min_by(|a, b| match metric.better {
        Better::Higher => b.1.total_cmp(&a.1),
        Better::Lower => a.1.total_cmp(&b.1),
    })
}

/// `(score − floor) / (perfect − floor)`: 0 is the best floor, 1 perfection; none without a floor, or where the floor is perfect.
#[must_use]
pub fn skill(rows: &[ModelRow], row: &ModelRow, metric: &Metric) -> Option<f64> {
    let perfect = match (metric.unit, metric.better) {
        (Unit::Share, Better::Higher) => 1.0,
        (_, Better::Lower) => 0.0,
        (_, Better::Higher) => return None,
    };
    let (_, floor) = best_floor(rows, row, metric)?;
    let value = row.metric(metric.name).value()?;
    (floor != perfect).then(|| (value - floor) / (perfect - floor))
}
