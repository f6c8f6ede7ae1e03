//! The archive of an incident: everything tools may look into. No truth, no name, no path.

use std::sync::Arc;

use super::activity::ActivityTable;
use super::change::Change;
use super::ticket::TicketTable;
use crate::name::IncidentId;
use crate::time::Grid;

/// What a customer wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketText {
    /// Subject line.
    pub subject: String,
    /// Body.
    pub body: String,
}

/// The texts of a ticket table, rendered or read on demand.
pub trait Texts: Send + Sync {
    /// The text of a row.
    fn text(&self, row: usize) -> TicketText;
}

/// Tickets, activity and changes of one incident, train and test.
#[derive(Clone)]
pub struct Archive {
    /// Opaque.
    pub id: IncidentId,
    /// The buckets of the incident.
    pub grid: Grid,
    /// All tickets, if the incident has any.
    pub tickets: Option<Arc<TicketTable>>,
    /// Their texts; absent where only counts were imported.
    pub texts: Option<Arc<dyn Texts>>,
    /// All sessions, if the incident has any.
    pub activity: Option<Arc<ActivityTable>>,
    /// The change log, oldest first.
    pub changes: Vec<Change>,
}
