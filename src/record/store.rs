//! The run folder: appended to while jobs finish, sorted files at the end, and read back by everything after.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::DetectionKey;
use super::manifest::Manifest;
use super::outcome::{Investigation, PageGroup, Points, Record};
use crate::agent::Trajectory;
use crate::data::observation::Observation;
use crate::data::truth::GroundTruth;
use crate::name::IncidentId;

/// Why the run folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// File or folder.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The results folder cannot be made or written.
    #[error("{path}: cannot write results here ({source}); choose another folder with --out")]
    Unwritable {
        /// The folder.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what a run writes.
    #[error("{path}:{line}: not a record of this format ({source})")]
    Format {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A file of the run is gone.
    #[error("{path}: missing from the run; `harness run --resume {run}` computes it again")]
    Gone {
        /// The file.
        path: String,
        /// The run folder.
        run: String,
    },
    /// A file holds more or fewer buckets than its incident.
    #[error("{path}: {got}, expected {expected}; the file was changed: delete it, and `harness run --resume {run}` computes it again")]
    Length {
        /// The file.
        path: String,
        /// What it holds.
        got: String,
        /// What it should hold.
        expected: String,
        /// The run folder.
        run: String,
    },
    /// Another version of the harness wrote it.
    #[error("{path}: record format {got}, this harness reads format 1; read it with the version that wrote it ({version})")]
    Version {
        /// The manifest.
        path: String,
        /// Its format.
        got: u32,
        /// The version that wrote it.
        version: String,
    },
    /// There is no run.
    #[error("{path}: no run here (no manifest.json); expected a folder that `harness run` wrote, for example results/latest")]
    NoRun {
        /// The folder.
        path: String,
    },
    /// The run has not finished.
    #[error("{path}: jobs are missing ({done} done); finish it with `harness run --resume {path}`")]
    Incomplete {
        /// The folder.
        path: String,
        /// Finished jobs.
        done: usize,
    },
}

/// A run folder.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) folder: PathBuf,
}

impl Store {
    /// Makes a new run folder below `results` and points `latest` at it.
    ///
    /// # Errors
    /// [`StoreError::Unwritable`] before any work is done.
    pub fn create(results: &Path, name: &str) -> Result<Self, StoreError> {
        let unwritable = |source| StoreError::Unwritable { path: results.display().to_string(), source };
        let mut folder = results.join(name);
        let mut suffix = 2;
        while folder.exists() {
            folder = results.join(format!("{name}-{suffix}"));
            suffix += 1;
        }
        for part in ["points", "incidents", "trajectories"] {
            fs::create_dir_all(folder.join(part)).map_err(unwritable)?;
        }
        let store = Self { folder };
        store.write("journal.jsonl", b"").map_err(|error| match error {
            StoreError::Io { source, .. } => unwritable(source),
            other => other,
        })?;
        store.point_latest(results);
        Ok(store)
    }

    /// Opens a run folder.
    ///
    /// # Errors
    /// [`StoreError::NoRun`] when it holds no manifest.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        if !folder.join("manifest.json").is_file() {
            return Err(StoreError::NoRun { path: folder.display().to_string() });
        }
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `latest` is a convenience: where links are not possible, nothing else suffers.
    fn point_latest(&self, results: &Path) {
        let latest = results.join("latest");
        let Some(name) = self.folder.file_name() else { return };
        if latest.is_symlink() || !latest.exists() {
            let _ = fs::remove_file(&latest);
            #[cfg(unix)]
            let _ = std::os::unix::fs::symlink(name, &latest);
            #[cfg(windows)]
            let _ = std::os::windows::fs::symlink_dir(name, &latest);
        }
    }

    /// Writes a whole file, through a neighbour, so that a kill leaves the old one or the new one.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        let io = |source| StoreError::Io { path: path.display().to_string(), source };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io)?;
        }
        let mut neighbour = path.clone().into_os_string();
        neighbour.push(".part");
        fs::write(&neighbour, bytes).map_err(io)?;
        fs::rename(&neighbour, &path).map_err(io)
    }

    /// Writes a value as JSON that people can read.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let mut text = serde_json::to_vec_pretty(value).expect("records are plain data with finite numbers");
        text.push(b'\n');
        self.write(name, &text)
    }

    /// Reads a JSON file of the run.
    ///
    /// # Errors
    /// [`StoreError`] with the file, and the line if it is not what a run writes.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let path = self.folder.join(name);
        let text = self.text(&path)?;
        serde_json::from_str(&text).map_err(|source| StoreError::Format { path: path.display().to_string(), line: source.line(), source })
    }

    fn text(&self, path: &Path) -> Result<String, StoreError> {
        fs::read_to_string(path).map_err(|source| {
            let path = path.display().to_string();
            match source.kind() {
                io::ErrorKind::NotFound => StoreError::Gone { path, run: self.folder.display().to_string() },
                _ => StoreError::Io { path, source },
            }
        })
    }

    fn length(&self, name: &str, got: String, expected: String) -> StoreError {
        let (path, run) = (self.folder.join(name).display().to_string(), self.folder.display().to_string());
        StoreError::Length { path, got, expected, run }
    }

    /// Writes one value per line.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_lines<T: Serialize>(&self, name: &str, values: &[T]) -> Result<(), StoreError> {
        let mut text = Vec::new();
        for value in values {
            serde_json::to_writer(&mut text, value).expect("records are plain data with finite numbers");
            text.push(b'\n');
        }
        self.write(name, &text)
    }

    /// Reads one value per line.
    ///
    /// # Errors
    /// [`StoreError`] with file and line.
    pub fn read_lines<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, StoreError> {
        let path = self.folder.join(name);
        let text = self.text(&path)?;
        text.lines()
            .enumerate()
            .map(|(number, line)| {
                serde_json::from_str(line).map_err(|source| StoreError::Format {
                    path: path.display().to_string(),
                    line: number + 1,
                    source,
                })
            })
            .collect()
    }

    /// The manifest.
    ///
    /// # Errors
    /// [`StoreError::Version`] when another format was written.
    pub fn manifest(&self) -> Result<Manifest, StoreError> {
        let manifest: Manifest = self.read_json("manifest.json")?;
        if manifest.format == 1 {
            return Ok(manifest);
        }
        let path = self.folder.join("manifest.json").display().to_string();
        Err(StoreError::Version { path, got: manifest.format, version: manifest.version })
    }

    /// All detections, sorted by key.
    ///
    /// # Errors
    /// [`StoreError::Incomplete`] when the run has not finished.
    pub fn detections(&self) -> Result<Vec<Record>, StoreError> {
        self.read_lines("detections.jsonl")
    }

    /// What a detection said of each of so many test buckets.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn points(&self, key: &DetectionKey, buckets: usize) -> Result<Points, StoreError> {
        let name = format!("points/{}.json", key.digest());
        let points: Points = self.read_json(&name)?;
        if points.scores.len() == buckets && (points.bands.is_empty() || points.bands.len() == buckets) {
            return Ok(points);
        }
        let got = format!("{} scores and {} bands", points.scores.len(), points.bands.len());
        Err(self.length(&name, got, format!("one of each for {buckets} test buckets (floors: no bands)")))
    }

    /// Keeps what a detection said of each bucket; called before its journal entry, so that an entry always has its points.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_points(&self, key: &DetectionKey, points: &Points) -> Result<(), StoreError> {
        let text = serde_json::to_vec(points).expect("scores are finite");
        self.write(&format!("points/{}.json", key.digest()), &text)
    }

    /// All investigations, sorted by key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn investigations(&self) -> Result<Vec<Investigation>, StoreError> {
        self.read_lines("investigations.jsonl")
    }

    /// The page groups of every model, sorted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn groups(&self) -> Result<Vec<PageGroup>, StoreError> {
        self.read_lines("groups.jsonl")
    }

    /// Every call of an investigation, and its report.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn trajectory(&self, id: &str) -> Result<Trajectory, StoreError> {
        self.read_json(&format!("trajectories/{id}.json"))
    }

    /// Keeps a trajectory; called before its journal entry.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write_trajectory(&self, id: &str, trajectory: &Trajectory) -> Result<(), StoreError> {
        let text = serde_json::to_vec(trajectory).expect("replies are plain data with finite numbers");
        self.write(&format!("trajectories/{id}.json"), &text)
    }

    /// The observable part of an incident.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn observed(&self, incident: &IncidentId) -> Result<Observation, StoreError> {
        let name = format!("incidents/{incident}/observed.json");
        let observed: Observation = self.read_json(&name)?;
        let buckets = observed.known.grid.len();
        if let Some(odd) = observed.watched.iter().find(|watched| watched.series.len() != buckets) {
            let got = format!("{} buckets of `{}`", odd.series.len(), odd.name);
            return Err(self.length(&name, got, format!("{buckets} as on its calendar")));
        }
        if observed.train >= buckets {
            return Err(self.length(&name, format!("{} buckets of train", observed.train), format!("fewer than its {buckets} buckets")));
        }
        Ok(observed)
    }

    /// Every incident of the run, sorted.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn incidents(&self) -> Result<Vec<IncidentId>, StoreError> {
        let path = self.folder.join("incidents");
        let io = |source| StoreError::Io { path: path.display().to_string(), source };
        let mut ids = Vec::new();
        for entry in fs::read_dir(&path).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            // What else people put there is theirs.
            ids.extend(name.to_str().and_then(|name| IncidentId::new(name).ok()));
        }
        ids.sort();
        Ok(ids)
    }

    /// The truth of an incident.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn truth(&self, incident: &IncidentId) -> Result<GroundTruth, StoreError> {
        self.read_json(&format!("incidents/{incident}/truth.json"))
    }
}
