//! Activity: users and their sessions, from which dau, wau, events per user and retention are counted.
//!
//! One row per session; every number is a count of real ids. Says nothing of faults.

use super::ticket::Column;
use crate::time::Grid;

/// Users, one row each.
#[derive(Debug, Clone, PartialEq)]
pub struct Users {
    /// Number of each user.
    pub ids: Vec<u64>,
    /// Attributes that stay: platform, country, device, tier.
    pub columns: Vec<Column>,
    /// Day of signup, counted from the first day of the grid; negative before it. Users of one day are a cohort.
    pub signup: Vec<i32>,
}

/// All sessions of an incident, train and test, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityTable {
    /// The days.
    pub grid: Grid,
    /// Per day, whether sessions were recorded at all: where not, a count is missing, not zero.
    pub recorded: Vec<bool>,
    /// The users.
    pub users: Users,
    /// Row of the user of each session, in `users`.
    pub user: Vec<u32>,
    /// Day of each session.
    pub day: Vec<u32>,
    /// Seconds from the start of the day to the start of the session.
    pub second: Vec<u32>,
    /// Events in the session.
    pub events: Vec<u16>,
    /// The version of the app each session ran: the one attribute that changes.
    pub version: Column,
}

impl ActivityTable {
    /// Number of sessions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.user.len()
    }
    /// Whether there is no session.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.user.is_empty()
    }
    /// Names of all dimensions: those of users, then the version.
    pub fn dimensions(&self) -> impl Iterator<Item = &Column> {
        self.users.columns.iter().chain([&self.version])
    }
}
