//! What several tests need: development data from `HARNESS_DATA`.

use std::io::Write;
use std::path::PathBuf;

/// A file below `HARNESS_DATA`, or `None` (told on the process's own stderr) when the variable is not set.
///
/// # Panics
/// When the variable is set and the file is missing.
pub(crate) fn data(path: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("HARNESS_DATA") else {
        // Past the capture of the test runner, so that a skipped test is seen.
        writeln!(std::io::stderr().lock(), "skipped: HARNESS_DATA not set").expect("stderr is open");
        return None;
    };
    let file = PathBuf::from(root).join(path);
    assert!(file.exists(), "{} is missing although HARNESS_DATA is set", file.display());
    Some(file)
}
