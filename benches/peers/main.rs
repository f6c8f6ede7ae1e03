//! Our forecasters beside the Python packages they follow: the same work on the same series, CPU time of one thread.
//!
//! `make bench-peers` builds the Python environment and runs this. Both sides stay alive and do one repetition in turn, so that a slow
//! moment of the machine meets both; the first is not counted, and medians are printed. A comparison of answers goes with every row: a
//! side that did less would not answer alike.

#[cfg(unix)]
mod cases;
#[cfg(unix)]
mod compare;
#[cfg(unix)]
mod python;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    compare::main()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("peers: the clock of CPU time is read on Unix only");
}
