//! An evaluation harness for systems that detect anomalies in support tickets and product metrics and explain their root cause.
//!
//! Data goes one way, and every arrow is written to disk:
//!
//! ```text
//! scenarios/**.yaml ─ scenario ─▶ Scenario ─ synth(seed) ─▶ Incident { observed, truth }        ◀─ import ─ your CSV
//! evals/<suite>.yaml or flags ─ suite ─▶ Matrix ─▶ jobs
//!       train, test Series ─▶ detect (forecast inside) ─▶ scores, bands ─▶ flags ─▶ pages       BLIND: no scenario, no truth
//!             ▼
//!       record: results/<run>/  appended job by job; a killed run resumes
//!             ▼
//!       score(records, truth) ─▶ Scorecard ─▶ report   and   gate(Scorecard, Baseline, rules) ─▶ exit code
//! ```
//!
//! Modules stand in the order of their layers; each imports only modules above it.

pub mod measured;
pub mod name;
pub mod seed;
pub mod stats;
pub mod time;
pub mod yaml;

pub mod data;

pub mod chat;

pub mod scenario;

pub mod synth;

pub mod import;

pub mod forecast;

pub mod detect;

pub mod tool;

pub mod agent;

pub mod record;

pub mod suite;

pub mod run;

pub mod score;

pub mod report;

pub mod gate;

#[cfg(feature = "otel")]
pub mod trace;

#[cfg(feature = "llm")]
pub mod mock_llm;

pub mod cli;
