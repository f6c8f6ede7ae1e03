//! Synthesis: a scenario and a seed become an incident whose truth is known exactly.
//!
//! `drawn` decides when and where things happen, `plan` what is then expected, `draw` how many tickets there are, `tickets` what each
//! of them looks like. Streams derive from the scenario's id, the seed and a purpose; none is shared.

mod calendar;
mod changes;
mod draw;
mod drawn;
mod export;
pub mod fault;
mod plan;
mod sample;
mod tickets;
mod truth;

use std::path::PathBuf;

use crate::data::Series;
use crate::data::incident::Incident;
use crate::data::known::Columns;
use crate::data::observation::{Observation, Watched};
use crate::data::ticket::TicketTable;
use crate::name::IncidentId;
use crate::scenario::Scenario;
use crate::seed::{Seed, SeedRole, digest};

pub use export::export;

/// Why an incident could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// More tickets than counts and tables hold.
    #[error("scenario `{scenario}` expects {expected:.0} tickets, at most {limit}: lower `rate`, `length` or a multiplier")]
    TooMany {
        /// The scenario.
        scenario: String,
        /// Tickets expected.
        expected: f64,
        /// The most there can be.
        limit: u32,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Counts of all buckets together stay below this, so that a count fits in 32 bits.
const MAX_TICKETS: u32 = 1_000_000_000;
/// A table has at most so many rows: about 4 GB.
const MAX_ROWS: u32 = 100_000_000;

/// Makes the incident of a scenario for seed `replicate` of a role: series, change log and truth. The same call gives the same bytes.
///
/// # Errors
/// [`SynthError::TooMany`] when the scenario expects more tickets than a count holds.
pub fn generate(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<Incident, SynthError> {
    Ok(Synthesis::new(scenario, role, replicate, MAX_TICKETS)?.incident())
}

/// Makes every ticket of the incident that [`generate`] makes for the same arguments.
///
/// # Errors
/// As [`generate`].
pub fn tickets(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<TicketTable, SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, MAX_ROWS)?;
    Ok(tickets::table(&synthesis).0)
}

/// As [`tickets`], and per row the number of the fault that caused the ticket: truth, for the scorer and for export only.
///
/// # Errors
/// As [`generate`].
pub fn tickets_with_causes(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<(TicketTable, Vec<Option<usize>>), SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, MAX_ROWS)?;
    Ok(tickets::table(&synthesis))
}

fn within(scenario: &Scenario, plan: &plan::Plan, limit: u32) -> Result<(), SynthError> {
    let expected = plan.expected();
    if expected <= f64::from(limit) {
        return Ok(());
    }
    Err(SynthError::TooMany { scenario: scenario.id.to_string(), expected, limit })
}

/// Everything drawn for one seed of one scenario.
struct Synthesis<'a> {
    scenario: &'a Scenario,
    role: SeedRole,
    replicate: u32,
    seed: Seed,
    drawn: drawn::Drawn<'a>,
    plan: plan::Plan,
    counts: draw::Counts,
}

impl<'a> Synthesis<'a> {
    fn new(scenario: &'a Scenario, role: SeedRole, replicate: u32, limit: u32) -> Result<Self, SynthError> {
        let case = &scenario.case;
        let number = role.seed(replicate).to_string();
        let seed = Seed::derive(["synth", scenario.id.as_str(), &number]);
        let drawn = drawn::draw(case, seed);
        let level = calendar::level(&case.desk, &case.days);
        let plan = plan::plan(case, &level, &drawn);
        within(scenario, &plan, limit)?;
        let counts = draw::draw(&plan, &drawn, seed);
        Ok(Self { scenario, role, replicate, seed, drawn, plan, counts })
    }

    fn incident(&self) -> Incident {
        let case = &self.scenario.case;
        let days = &case.days;
        let known = Columns {
            grid: days.grid.clone(),
            holiday_names: days.holiday_names.clone(),
            holidays: days.holidays.clone(),
            regressors: Vec::new(),
        };
        let mut watched = Vec::new();
        let mut twin = Vec::new();
        for (name, filter) in &case.watch {
            let mask = plan::mask(case, filter);
            watched.push(Watched { name: name.clone(), series: self.series(&self.counts.observed(&mask)) });
            twin.push(Watched { name: name.clone(), series: self.series(&self.counts.twin(&mask)) });
        }
        let observed = Observation { id: self.id(), train: days.train, known, watched, changes: self.drawn.changes.clone() };
        Incident { observed, twin, truth: truth::truth(self) }
    }

    fn id(&self) -> IncidentId {
        let number = self.role.seed(self.replicate).to_string();
        let named = Seed::derive(["incident", self.scenario.id.as_str(), &number]).as_u64();
        IncidentId::new(format!("inc-{}", digest(&named.to_le_bytes(), 12))).expect("a prefix and hexadecimal digits are a name")
    }

    fn series(&self, counts: &[u64]) -> Series {
        let values = counts.iter().zip(&self.plan.recorded).map(|(count, recorded)| recorded.then_some(*count as f64)).collect();
        Series::new(self.scenario.case.days.grid.clone(), values)
    }
}
