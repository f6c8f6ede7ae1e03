//! Data that crosses borders between rooms. Blind rooms see all of it except `truth` and `incident`.

pub mod activity;
pub mod archive;
pub mod change;
pub mod holiday;
pub mod incident;
pub mod known;
pub mod observation;
pub mod series;
pub mod ticket;
pub mod truth;

pub use change::{Change, ChangeKind};
pub use known::Known;
pub use series::Series;
