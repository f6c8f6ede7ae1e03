//! What verbs that work for long do about interrupts and about models that panic on their threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::tell;
use crate::run::pool;

/// What is told at the first interrupt where jobs in progress are finished.
pub(super) const FINISHING: &str = "\nfinishing jobs in progress; interrupt again to quit at once";

/// The first interrupt sets `stop`, with a line where there is one to tell; the second ends the program at once.
pub(super) fn stop_on_interrupt(stop: &Arc<AtomicBool>, line: Option<&'static str>) -> anyhow::Result<()> {
    let set = Arc::clone(stop);
    ctrlc::set_handler(move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        if let Some(line) = line {
            tell(line);
        }
    })
    .context("cannot listen for interrupts")
}

/// A model that panics becomes a record; its message belongs there, not between two lines of progress.
pub(super) fn silence_worker_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().name() != Some(pool::WORKER) {
            default(info);
        }
    }));
}
