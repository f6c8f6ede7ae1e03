//! Scenario files of a folder, in the order of their paths. A variant brings its base along, wherever that lies.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Scenario;
use super::variant::{Unbased, is_variant};
use crate::yaml::YamlError;

/// Why scenarios could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no scenario file.
    #[error("no scenario (*.yaml, *.yml) in {}", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Everything that is wrong with every file.
    #[error("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Broken {
        /// One entry per problem, in the order of files.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// In one file.
    #[error(transparent)]
    File(#[from] YamlError),
    /// Two files have the same id.
    #[error("{second}: id `{id}` is taken by {first}: ids are unique in a run")]
    SameId {
        /// The id.
        id: String,
        /// The file that has it.
        first: String,
        /// The file that has it too.
        second: String,
    },
}

/// Reads every scenario below a folder, or the one of a file, sorted by path.
///
/// # Errors
/// [`LoadError::Empty`] when there is none, [`LoadError::Broken`] with the problems of all files.
pub fn load_folder(path: &Path) -> Result<Vec<Scenario>, LoadError> {
    let files = find(path)?;
    if files.is_empty() {
        return Err(LoadError::Empty { path: path.to_owned() });
    }
    let mut problems = Vec::new();
    let mut scenarios = Vec::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for (below, file) in files {
        let text = fs::read_to_string(&file).map_err(|source| LoadError::Io { path: file.clone(), source })?;
        let name = file.display().to_string();
        match read(&text, &file, &below) {
            Ok(scenario) => {
                if let Some(first) = taken.get(scenario.id.as_str()) {
                    problems.push(Problem::SameId { id: scenario.id.to_string(), first: first.clone(), second: name });
                } else {
                    taken.insert(scenario.id.to_string(), name);
                }
                scenarios.push(scenario);
            }
            Err(errors) => problems.extend(errors.into_iter().map(Problem::File)),
        }
    }
    if problems.is_empty() { Ok(scenarios) } else { Err(LoadError::Broken { problems }) }
}

/// A scenario, or a variant of the one that its file names.
fn read(text: &str, file: &Path, below: &str) -> Result<Scenario, Vec<YamlError>> {
    let name = file.display().to_string();
    if !is_variant(text) {
        return Scenario::parse(text, &name, below);
    }
    let variant = Unbased::parse(text, &name).map_err(|error| vec![error])?;
    let base = base(&variant, file).map_err(|error| vec![error])?;
    variant.of(base, below)
}

/// The scenario that a variant names, by a path relative to its own file.
fn base(variant: &Unbased<'_>, file: &Path) -> Result<Scenario, YamlError> {
    let given = variant.base();
    let path = file.parent().unwrap_or(Path::new("")).join(given);
    let text = fs::read_to_string(&path).map_err(|source| {
        let at = path.display();
        variant.refused(format!("cannot read the base {at}: {source}; expected the path of a scenario file, relative to this one"))
    })?;
    if is_variant(&text) {
        return Err(variant.refused(format!("`{given}` is a variant itself: name the base of that one")));
    }
    Scenario::parse(&text, &path.display().to_string(), given).map_err(|errors| {
        let first =
            errors.first().map_or_else(String::new, |error| format!("{}:{}:{}: {}", error.file, error.line, error.column, error.message));
        variant.refused(format!("the base is broken: {first}"))
    })
}

/// The path of a loaded file as a user can type it, from what [`load_folder`] was given and the name it gave.
#[must_use]
pub fn locate(given: &Path, file: &str) -> PathBuf {
    if given.ends_with(file) {
        return given.to_owned();
    }
    let below = given.join(file);
    let beside = given.parent().map(|folder| folder.join(file));
    [Some(&below), beside.as_ref(), Some(&PathBuf::from(file))].into_iter().flatten().find(|path| path.is_file()).unwrap_or(&below).clone()
}

/// Names of files and paths to open. A name is the path below the folder, with `/`; a file that lies directly in the folder given, or is
/// given itself, carries the name of its folder, which stands for its family.
fn find(path: &Path) -> Result<Vec<(String, PathBuf)>, LoadError> {
    let failed = |at: &Path| {
        let path = at.to_owned();
        move |source| LoadError::Io { path, source }
    };
    let is_file = fs::metadata(path).map_err(failed(path))?.is_file();
    let folder = if is_file { path.parent() } else { Some(path) };
    let family = folder.and_then(Path::file_name).map(|family| family.to_string_lossy().into_owned());
    let named = |name: String| family.as_ref().map_or_else(|| name.clone(), |family| format!("{family}/{name}"));
    if is_file {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        return Ok(vec![(named(name), path.to_owned())]);
    }
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), path.to_owned())];
    while let Some((below, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let entry = entry.map_err(failed(&folder))?.path();
            let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let top = below.is_empty();
            if entry.is_dir() {
                folders.push((if top { name } else { format!("{below}/{name}") }, entry));
            } else if entry.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
                files.push((if top { named(name) } else { format!("{below}/{name}") }, entry));
            }
        }
    }
    files.sort();
    Ok(files)
}
