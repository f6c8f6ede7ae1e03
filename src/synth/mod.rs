//! Synthesis: a scenario and a seed become an incident whose truth is known exactly.
//!
//! `drawn` decides when and where things happen, `plan` what is then expected, `draw` how many tickets there are, `tickets` what each
//! of them looks like, `text` what it says, `activity` who uses the product and when. Streams derive from the scenario's id, the seed and
//! a purpose; none is shared, but that a variant has all streams of its base.

mod activity;
mod calendar;
mod changes;
mod draw;
mod drawn;
mod export;
pub mod fault;
mod plan;
mod release;
mod sample;
pub mod text;
mod tickets;
mod truth;

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::Series;
use crate::data::activity::ActivityTable;
use crate::data::archive::{Archive, Texts};
use crate::data::incident::Incident;
use crate::data::known::Columns;
use crate::data::observation::{self, Observation};
use crate::data::ticket::TicketTable;
use crate::name::{IncidentId, ScenarioId};
use crate::scenario::Scenario;
use crate::scenario::case::Watched;
use crate::seed::{Seed, SeedRole, digest};
use crate::time::Span;

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
    /// More sessions than a table holds.
    #[error("scenario `{scenario}` expects {expected:.0} sessions, at most {limit}: lower `users`, `signups` or `length`")]
    TooManySessions {
        /// The scenario.
        scenario: String,
        /// Sessions expected.
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
    Synthesis::new(scenario, role, replicate, MAX_TICKETS)?.incident()
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

/// Makes every session of the incident that [`generate`] makes for the same arguments; `None` where the scenario has no users.
///
/// # Errors
/// As [`generate`], and [`SynthError::TooManySessions`].
pub fn activity(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<Option<ActivityTable>, SynthError> {
    if scenario.case.activity.is_none() {
        return Ok(None);
    }
    let synthesis = Synthesis::new(scenario, role, replicate, MAX_TICKETS)?;
    Ok(activity::model(&synthesis)?.as_ref().map(activity::table))
}

/// What is configured: for every watched series its name and what its values are expected to add up to without any fault.
///
/// # Errors
/// As [`activity`](fn@activity).
pub fn expected_totals(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<Vec<(String, f64)>, SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, MAX_TICKETS)?;
    let case = &scenario.case;
    let of_users = case.watch.iter().any(|(_, watched)| activity::is_of_users(watched));
    let model = if of_users { activity::model(&synthesis)? } else { None };
    let total = |watched: &Watched| match &model {
        Some(model) if activity::is_of_users(watched) => activity::expected_total(model, watched),
        _ => synthesis.plan.total(&plan::mask(case, &watched.filter)),
    };
    Ok(case.watch.iter().map(|(name, watched)| (name.clone(), total(watched))).collect())
}

/// Tickets of an archive begin so many days before test: nobody looks further back for a level, and nothing is recorded there.
const ARCHIVE_DAYS: i64 = 91;

/// Makes the archive of the incident that [`generate`] makes for the same arguments: every session, every change, and the tickets of
/// test and of thirteen weeks before it, under the numbers that [`tickets`] gives them.
///
/// # Errors
/// As [`activity`](fn@activity).
pub fn archive(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<Archive, SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, MAX_ROWS)?;
    let days = &scenario.case.days;
    let first = days.train.saturating_sub(Span::days(ARCHIVE_DAYS).buckets(days.grid.step()));
    let (mut table, causes) = tickets::table_from(&synthesis, first);
    // A day without tickets in the archive is one that was not kept, and not one on which nobody wrote.
    table.recorded[..first].fill(false);
    let table = Arc::new(table);
    Ok(Archive {
        id: synthesis.id(),
        grid: days.grid.clone(),
        tickets: Some(Arc::clone(&table)),
        texts: Some(synthesis.texts(&table, &causes)),
        activity: activity::model(&synthesis)?.as_ref().map(|model| Arc::new(activity::table(model))),
        changes: synthesis.drawn.changes.clone(),
    })
}

/// The texts of the tickets that [`tickets`] makes for the same arguments, row by row.
///
/// # Errors
/// As [`generate`].
pub fn texts(scenario: &Scenario, role: SeedRole, replicate: u32) -> Result<Arc<dyn Texts>, SynthError> {
    let synthesis = Synthesis::new(scenario, role, replicate, MAX_ROWS)?;
    let (table, causes) = tickets::table(&synthesis);
    Ok(synthesis.texts(&Arc::new(table), &causes))
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
    releases: Vec<release::Release>,
    plan: plan::Plan,
    counts: draw::Counts,
}

impl<'a> Synthesis<'a> {
    fn new(scenario: &'a Scenario, role: SeedRole, replicate: u32, limit: u32) -> Result<Self, SynthError> {
        let case = &scenario.case;
        let number = role.seed(replicate).to_string();
        let seed = Seed::derive(["synth", scenario.stream().as_str(), &number]);
        let drawn = drawn::draw(case, seed);
        let level = calendar::level(&case.desk, &case.days);
        let releases = release::releases(case, &drawn);
        let plan = plan::plan(case, &level, &drawn, &releases);
        within(scenario, &plan, limit)?;
        let counts = draw::draw(&plan, &drawn, seed);
        Ok(Self { scenario, role, replicate, seed, drawn, releases, plan, counts })
    }

    fn incident(&self) -> Result<Incident, SynthError> {
        let case = &self.scenario.case;
        let days = &case.days;
        let known = Columns {
            grid: days.grid.clone(),
            holiday_names: days.holiday_names.clone(),
            holidays: days.holidays.clone(),
            regressors: Vec::new(),
        };
        let of_users: Vec<&Watched> =
            case.watch.iter().map(|(_, watched)| watched).filter(|watched| activity::is_of_users(watched)).collect();
        // Users are made only where a series needs them.
        let model = if of_users.is_empty() { None } else { activity::model(self)? };
        let mut tallies = model.as_ref().map_or_else(Vec::new, |model| activity::tallies(model, &of_users)).into_iter();
        let mut series = Vec::new();
        let mut twin = Vec::new();
        for (name, watched) in &case.watch {
            let (seen, without) = if activity::is_of_users(watched) {
                let tally = tallies.next().expect("a scenario that watches users has some: the format sees to it");
                (tally.observed, tally.twin)
            } else {
                let mask = plan::mask(case, &watched.filter);
                (self.values(&self.counts.observed(&mask)), self.values(&self.counts.twin(&mask)))
            };
            series.push(self.watched(name, seen));
            twin.push(self.watched(name, without));
        }
        let observed = Observation { id: self.id(), train: days.train, known, watched: series, changes: self.drawn.changes.clone() };
        Ok(Incident { observed, twin, truth: truth::truth(self, model.as_ref()) })
    }

    fn texts(&self, table: &Arc<TicketTable>, causes: &[Option<usize>]) -> Arc<dyn Texts> {
        let topics = text::topics(&self.scenario.case, causes);
        let own = text::GrammarTexts::new(Arc::clone(table), topics, self.seed.child("text"), self.role);
        match self.injections(table) {
            Some(injections) => Arc::new(text::InjectedTexts::new(own, injections)),
            None => Arc::new(own),
        }
    }

    /// Which tickets of a variant say something else; none where the scenario is no variant.
    fn injections(&self, table: &Arc<TicketTable>) -> Option<text::Injections> {
        let variant = self.scenario.variant.as_ref()?;
        let decoy = self.drawn.events.iter().find(|event| event.kind == "decoy_deployment").and_then(|event| event.change.as_deref());
        let acting: Vec<_> = self.drawn.faults.iter().map(|fault| fault.active.first..fault.active.end).collect();
        let dimensions = &self.scenario.case.dimensions;
        let injected = &variant.injected;
        Some(text::Injections::new(table, injected, &text::Setting { dimensions, acting: &acting, decoy }, self.seed.child("injected")))
    }

    fn id(&self) -> IncidentId {
        self.id_of(&self.scenario.id)
    }

    /// The incident that the same seed makes of a scenario.
    fn id_of(&self, scenario: &ScenarioId) -> IncidentId {
        let number = self.role.seed(self.replicate).to_string();
        let named = Seed::derive(["incident", scenario.as_str(), &number]).as_u64();
        IncidentId::new(format!("inc-{}", digest(&named.to_le_bytes(), 12))).expect("a prefix and hexadecimal digits are a name")
    }

    fn values(&self, counts: &[u64]) -> Vec<Option<f64>> {
        counts.iter().zip(&self.plan.recorded).map(|(count, recorded)| recorded.then_some(*count as f64)).collect()
    }

    fn watched(&self, name: &str, values: Vec<Option<f64>>) -> observation::Watched {
        observation::Watched { name: name.to_owned(), series: Series::new(self.scenario.case.days.grid.clone(), values) }
    }
}
