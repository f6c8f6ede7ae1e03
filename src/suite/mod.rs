//! Suites: which scenarios, seeds and models form a matrix, and the rules its scores must meet.

pub mod matrix;
pub mod spec;

pub use matrix::{Cell, Matrix, PlanError};
pub use spec::{Detection, InvestigationSpec, ModelSpec, ORACLE, RuleSpec, Seeds, Suite, SuiteError, Where};
