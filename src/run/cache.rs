//! Thresholds computed once: kept below `results/.thresholds/`, by a digest of everything that can change them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::plan::Plan;
use crate::detect::threshold::Threshold;
use crate::seed::digest;
use crate::time::Step;

/// The threshold cache of a results folder.
pub(super) struct Cache {
    folder: PathBuf,
    /// Digest of the program itself: a rebuilt model never meets thresholds of the old one. `None` turns the cache off.
    program: Option<String>,
}

impl Cache {
    pub(super) fn open(results: &Path, plan: &Plan) -> Self {
        let scenarios = serde_json::to_string(&plan.watched_digests()).expect("digests are plain data");
        let program = program_digest().map(|program| digest(format!("{program} {scenarios}").as_bytes(), 16));
        Self { folder: results.join(".thresholds"), program }
    }

    fn path(&self, plan: &Plan, (column, step): (usize, Step)) -> Option<PathBuf> {
        let config = &plan.matrix.columns[column].config;
        let key = format!("{} {} {step}", self.program.as_ref()?, config.digest);
        Some(self.folder.join(format!("{}.json", digest(key.as_bytes(), 16))))
    }

    /// The thresholds that are there; a file that cannot be read is computed again.
    pub(super) fn read(&self, plan: &Plan) -> BTreeMap<(usize, Step), Threshold> {
        let read = |point| {
            let text = fs::read_to_string(self.path(plan, point)?).ok()?;
            Some((point, serde_json::from_str(&text).ok()?))
        };
        plan.operating_points().filter_map(read).collect()
    }

    /// Keeps thresholds; a cache that cannot be written only costs time.
    pub(super) fn write(&self, plan: &Plan, thresholds: &BTreeMap<(usize, Step), Threshold>) {
        for (&point, threshold) in thresholds {
            let Some(path) = self.path(plan, point) else { return };
            let text = serde_json::to_string(threshold).expect("a threshold is plain data with finite numbers");
            // Written through a neighbour: a reader never sees half a file.
            let neighbour = path.with_extension("part");
            let _ =
                fs::create_dir_all(&self.folder).and_then(|()| fs::write(&neighbour, text)).and_then(|()| fs::rename(&neighbour, &path));
        }
    }
}

fn program_digest() -> Option<String> {
    let mut bytes = Vec::new();
    fs::File::open(std::env::current_exe().ok()?).ok()?.read_to_end(&mut bytes).ok()?;
    Some(digest(&bytes, 16))
}
