//! Exit codes.

use std::process::ExitCode;

use crate::agent::Halt;
use crate::record::StoreError;
use crate::run::RunError;
use crate::scenario::LoadError;
use crate::score::judge::JudgeError;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done; gate passed, or inconclusive with a warning.
    Done = 0,
    /// Gate: regressed, below `min`, or a rule matched nothing. Investigation: a model that refused, was cut off, went in circles or handed in
    /// nothing that is a report.
    Failed = 1,
    /// Usage; bad scenario, suite or data; runs that cannot be compared.
    Usage = 2,
    /// Infrastructure errors above tolerance: no verdict. A model that cannot be reached, an alert that was not taken.
    Infra = 3,
    /// Nothing matched the selection.
    NothingMatched = 4,
    /// Interrupted once, or reading a run with jobs missing.
    Interrupted = 5,
    /// A budget was used up.
    Budget = 6,
}

impl Exit {
    /// Of two ends the one that more hangs on.
    pub(super) fn worse(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Done => 0,
            Self::NothingMatched => 1,
            Self::Failed => 2,
            Self::Budget => 3,
            Self::Infra => 4,
            Self::Usage => 5,
            Self::Interrupted => 6,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The exit code of an error: 2 unless it is one of the special cases.
pub(super) fn of(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        match cause.downcast_ref::<LoadError>() {
            Some(LoadError::Empty { .. }) => return Exit::NothingMatched,
            Some(_) => return Exit::Usage,
            None => {}
        }
        if let Some(Halt::Budget) = cause.downcast_ref::<Halt>() {
            return Exit::Budget;
        }
        if let Some(RunError::Load(LoadError::Empty { .. })) = cause.downcast_ref::<RunError>() {
            return Exit::NothingMatched;
        }
        if let Some(JudgeError::Store(StoreError::Incomplete { .. })) = cause.downcast_ref::<JudgeError>() {
            return Exit::Interrupted;
        }
    }
    Exit::Usage
}
