//! Fault kinds: how each acts on the tickets of its scope. A kind is one file and one row of [`REGISTRY`].
//!
//! A mechanism turns a checked fault and a seed into an `Action` per bucket of its time; `plan` computes from it where the fault can
//! be seen, `draw` what happens.

mod bot_burst;
mod config_change;
mod data_pipeline_gap;
mod dependency_failure;
mod deployment;
mod policy_change;
mod retention_decline;
mod segment_outage;

use jiff::civil::DateTime;

use super::sample::number;
use crate::scenario::case::{Course, Fault, Profile};
use crate::seed::Seed;

/// A row of the registry.
pub struct Entry {
    /// The key in a scenario file.
    pub name: &'static str,
    /// One line for `harness list`.
    pub about: &'static str,
    act: fn(&Fault, &Setting<'_>, Seed) -> Action,
}

/// Every fault kind, by name.
pub const REGISTRY: &[Entry] = &[
    bot_burst::ENTRY,
    config_change::ENTRY,
    data_pipeline_gap::ENTRY,
    dependency_failure::ENTRY,
    deployment::ENTRY,
    policy_change::ENTRY,
    retention_decline::ENTRY,
    segment_outage::ENTRY,
];

/// What a fault does, per bucket of its time.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    /// Expected tickets of the scope times this.
    Scale(Vec<f64>),
    /// A random factor of mean 1 and this variance.
    Spread(Vec<f64>),
    /// This many more expected, whatever the desk does.
    Add(Vec<f64>),
}

/// What a mechanism knows of the buckets in which its fault acts.
pub(super) struct Setting<'a> {
    /// Their wall-clock starts.
    pub(super) starts: &'a [DateTime],
    /// Expected tickets of the scope without the fault.
    pub(super) normal: &'a [f64],
    /// Variance of the factor that all tickets of a bucket share.
    pub(super) phi: f64,
    /// Weekday weights of the desk.
    pub(super) weekday: &'a [f64; 7],
    /// Width of a bucket in days.
    pub(super) days: f64,
}

/// What a fault does with a seed. The seed is the fault's own.
pub(super) fn action(fault: &Fault, setting: &Setting<'_>, seed: Seed) -> Action {
    let entry = REGISTRY.iter().find(|entry| entry.name == fault.kind).expect("a test holds the registry against the kinds of the format");
    (entry.act)(fault, setting, seed)
}

/// The mechanism of the kinds that bring more or fewer tickets in proportion to the normal.
fn in_proportion(fault: &Fault, setting: &Setting<'_>, seed: Seed) -> Action {
    match &fault.course {
        Course::Scale { profile, multiplier } => {
            let height = number(multiplier, seed, "multiplier") - 1.0;
            let len = setting.starts.len() as f64;
            Action::Scale((0..setting.starts.len()).map(|at| 1.0 + height * profile.at(at as f64, len)).collect())
        }
        Course::Spread(sd) => {
            let sd = number(sd, seed, "sd");
            Action::Spread(setting.normal.iter().map(|normal| variance_for(sd, *normal, setting.phi)).collect())
        }
        Course::Pattern(weights) => {
            let day = |start: &DateTime| usize::try_from(start.weekday().to_monday_zero_offset()).unwrap_or(0);
            let moved = |start: &DateTime| match setting.weekday[day(start)] {
                // A day without any tickets cannot be scaled to have some.
                0.0 => 1.0,
                normal => weights[day(start)] / normal,
            };
            Action::Scale(setting.starts.iter().map(moved).collect())
        }
        Course::Lose(_) | Course::Add(_) | Course::Keep => unreachable!("the format gives these courses to other kinds"),
    }
}

/// The variance v of a factor that makes the sd of a bucket `sd` times as large: from
/// λ + φλ² + (1 + φ)λ²v = sd²·(λ + φλ²).
fn variance_for(sd: f64, normal: f64, phi: f64) -> f64 {
    if normal <= 0.0 {
        return 0.0;
    }
    (sd * sd - 1.0) * (normal + phi * normal * normal) / ((1.0 + phi) * normal * normal)
}

impl Profile {
    /// Height in bucket `at` of `len`.
    pub(super) fn at(self, at: f64, len: f64) -> f64 {
        match self {
            Self::Flat => 1.0,
            Self::Rising => (at + 1.0) / len,
            Self::Fading => libm::exp(-3.0 * at / len),
        }
    }
}
