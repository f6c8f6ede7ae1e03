//! The house rule: a module imports only lower layers, and the blind rooms cannot name the truth.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the lowest layer to the highest, in the order of `lib.rs`.
const LAYERS: &[&str] = &[
    "name", "seed", "measured", "time", "yaml", "stats", "data", "chat", "scenario", "synth", "import", "forecast", "detect", "tool",
    "agent", "record", "suite", "run", "score", "report", "gate", "trace", "mock_llm", "cli",
];

/// What the blind rooms may import besides each other.
const BLIND: &[&str] = &["forecast", "detect", "tool", "agent"];
const SEEN_BY_THE_BLIND: &[&str] = &["name", "seed", "measured", "time", "yaml", "stats", "data", "chat"];
const TRUTH: &[&str] = &["data::truth", "data::incident", "GroundTruth", "Incident"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).expect("src is readable").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `(file below src, room, code without comments)` of every source file.
fn rooms() -> Vec<(String, String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    files
        .into_iter()
        .map(|path| {
            let file = path.strip_prefix(&src).expect("below src").display().to_string();
            let room = file.split(['/', '.']).next().expect("a first part").to_owned();
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            (file, room, code)
        })
        .collect()
}

/// Rooms named after `crate::`, groups such as `crate::{a::B, c}` included.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut name = String::new();
            let mut open = true;
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => open = true,
                    c if depth == 1 && open && (c.is_alphanumeric() || c == '_') => name.push(c),
                    _ if !name.is_empty() => {
                        found.push(std::mem::take(&mut name));
                        open = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    found.extend((!name.is_empty()).then(|| std::mem::take(&mut name)));
                    break;
                }
            }
        } else {
            found.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found
}

/// Whether code names a path or type, and not only a longer name that begins with it.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| !code[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn a_room_imports_only_lower_layers() {
    let rank = |room: &str| LAYERS.iter().position(|layer| *layer == room);
    for (file, room, code) in rooms() {
        if room == "lib" || room == "main" {
            continue;
        }
        let own = rank(&room).unwrap_or_else(|| panic!("{file}: `{room}` has no layer"));
        for import in imports(&code).into_iter().filter(|import| *import != room) {
            let used = rank(&import).unwrap_or_else(|| panic!("{file}: `{import}` has no layer"));
            assert!(used < own, "{file}: `{room}` imports `{import}`, which is not a lower layer");
        }
    }
}

#[test]
fn the_blind_rooms_cannot_name_the_truth() {
    for (file, room, code) in rooms().into_iter().filter(|(_, room, _)| BLIND.contains(&room.as_str())) {
        for import in imports(&code).into_iter().filter(|import| *import != room) {
            let allowed = SEEN_BY_THE_BLIND.contains(&import.as_str()) || BLIND.contains(&import.as_str());
            assert!(allowed, "{file}: the blind room `{room}` imports `{import}`");
        }
        for word in TRUTH {
            assert!(!names(&code, word), "{file}: the blind room `{room}` names `{word}`");
        }
    }
}

#[test]
fn one_file_names_the_library_of_tables() {
    let named: Vec<String> = rooms().into_iter().filter(|(_, _, code)| code.contains("polars")).map(|(file, _, _)| file).collect();
    assert_eq!(named, ["tool/query.rs"]);
}
