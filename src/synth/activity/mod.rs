//! Activity: users, the days on which they come, and their sessions.
//!
//! `model` says how likely each user is to come on each day and what faults do to that, `people` draws the users, `walk` their days
//! and sessions, `tally` counts watched series from that walk, `expect` computes where a fault can be seen, `table` writes every
//! session. A user comes on a day with probability retention(age) × weekday × harmless events, independent of other days; has
//! 1 + Poisson sessions then, of 1 + Poisson events each. So all expectations are sums over user classes in closed form.
//!
//! As with tickets, a fault never touches the stream of the normal sessions: it drops existing ones by one uniform per session or per
//! day of a user, or adds others from a stream of its own. So the series without faults, the twin, has the same noise.

mod count;
mod expect;
mod model;
mod people;
mod table;
mod tally;
mod walk;

use super::SynthError;
use super::Synthesis;
use crate::data::activity::ActivityTable;
use crate::data::truth::Window;
use crate::scenario::case::Watched;
use crate::scenario::value::Metric;

pub(super) use model::Model;
pub(super) use tally::Tally;

/// A table has at most so many sessions: about 2 GB.
const MAX_SESSIONS: u32 = 100_000_000;

/// The model of a synthesis, if the scenario has users.
pub(super) fn model<'a>(synthesis: &'a Synthesis<'_>) -> Result<Option<Model<'a>>, SynthError> {
    let Some(activity) = &synthesis.scenario.case.activity else { return Ok(None) };
    let model = Model::new(synthesis, activity);
    let expected = model.expected_sessions();
    if expected <= f64::from(MAX_SESSIONS) {
        return Ok(Some(model));
    }
    Err(SynthError::TooManySessions { scenario: synthesis.scenario.id.to_string(), expected, limit: MAX_SESSIONS })
}

/// Whether a series of a scenario is one of users.
pub(super) fn is_of_users(watched: &Watched) -> bool {
    watched.metric != Metric::Tickets
}

/// All sessions of an incident.
pub(super) fn table(model: &Model<'_>) -> ActivityTable {
    table::table(model, &people::People::draw(model))
}

/// Counts of watched series, one tally each.
pub(super) fn tallies(model: &Model<'_>, watched: &[&Watched]) -> Vec<Tally> {
    tally::tallies(model, &people::People::draw(model), watched)
}

/// The expected values of a watched series over its recorded days, added up, without any fault.
pub(super) fn expected_total(model: &Model<'_>, watched: &Watched) -> f64 {
    expect::expected_total(model, watched)
}

/// Where a fault shows on a watched series, and its largest difference in sds of the twin's day.
pub(super) fn effect(model: &Model<'_>, fault: usize, watched: &Watched) -> (Option<Window>, f64) {
    expect::effect(model, fault, watched)
}
