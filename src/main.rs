//! `harness`: parse, dispatch, map errors to exit codes.

use std::process::ExitCode;

fn main() -> ExitCode {
    incident_harness::cli::main()
}
