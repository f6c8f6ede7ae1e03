//! What several tests need: development data from `HARNESS_DATA`.

use std::io::Write;
use std::path::{Path, PathBuf};

use incident_harness::forecast::{self, Forecaster, INTERVAL, UnknownModel};

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

/// A numeric column of a CSV file by name, an empty cell being missing.
///
/// # Panics
/// When the file has no such column or a cell is neither empty nor a number.
pub(crate) fn column(file: &Path, name: &str) -> Vec<Option<f64>> {
    let mut reader = csv::Reader::from_path(file).expect("a readable CSV file");
    let place = reader.headers().expect("a header").iter().position(|header| header == name).expect("the column exists");
    let cell = |text: &str| (!text.is_empty()).then(|| text.parse().expect("a number"));
    reader.records().map(|record| cell(&record.expect("a whole row")[place])).collect()
}

/// A forecaster that states its intervals in its own way, as the original it is held against does.
///
/// # Errors
/// As [`forecast::build`].
pub(crate) fn native(name: &str, settings: &serde_json::Value) -> Result<Box<dyn Forecaster>, UnknownModel> {
    let mut settings = settings.clone();
    settings[INTERVAL] = "native".into();
    forecast::build(name, &settings)
}
