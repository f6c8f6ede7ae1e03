//! What people and programs read of a run.

pub mod detect;
#[cfg(feature = "plot")]
pub mod plot;
