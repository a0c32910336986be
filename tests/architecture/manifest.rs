//! What the manifests say.

use std::collections::BTreeSet;

use toml::Table;

use super::source::{Source, Violation};

/// Everything the library of the actors builds on. No web server, HTTP client or store: what a call
/// is stays apart from how it is reached, asked and kept. `fail` is where tests plant faults; it
/// compiles to nothing without them.
const ACTORS: [&str; 10] = [
    "actix",
    "fail",
    "futures-util",
    "metrics",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "toml",
    "tracing",
];

const PATH: &str = "actors/Cargo.toml";

/// Holds the manifest of the actors against the list, both ways.
pub(crate) fn actors(files: &[Source]) -> Vec<Violation> {
    let Some((file, manifest)) = manifests(files).find(|(file, _)| file.path == PATH) else {
        let file = Source { path: PATH.to_owned(), text: String::new() };
        return vec![file.breaks(1, "is missing or cannot be read")];
    };
    let mut broken = Vec::new();
    let names: Vec<_> = names(&manifest, "dependencies").collect();
    for name in names.iter().filter(|name| !ACTORS.contains(&name.as_str())) {
        let rule = format!("the actors do not depend on `{name}`");
        broken.push(file.breaks(line_of(file, name), rule));
    }
    for name in ACTORS.iter().filter(|name| !names.iter().any(|other| other == *name)) {
        broken.push(file.breaks(1, format!("`{name}` is on the list and not used: strike it")));
    }
    // Elsewhere a dependency would escape the list.
    for table in ["build-dependencies", "target"].iter().filter(|key| manifest.contains_key(**key))
    {
        broken.push(file.breaks(line_of(file, table), format!("the actors have no `{table}`")));
    }
    broken
}

/// The libraries that code of the workspace can name, `std` among them.
pub(crate) fn crates(files: &[Source]) -> BTreeSet<String> {
    let mut crates: BTreeSet<_> = ["std", "core", "alloc"].map(str::to_owned).into();
    for (_, manifest) in manifests(files) {
        for table in ["dependencies", "dev-dependencies"] {
            crates.extend(names(&manifest, table).map(|name| name.replace('-', "_")));
        }
    }
    crates
}

fn manifests(files: &[Source]) -> impl Iterator<Item = (&Source, Table)> {
    let manifests = files.iter().filter(|file| file.path.ends_with("Cargo.toml"));
    manifests.filter_map(|file| Some((file, file.text.parse().ok()?)))
}

fn names(manifest: &Table, table: &str) -> impl Iterator<Item = String> {
    let table = manifest.get(table).and_then(|table| table.as_table());
    table.into_iter().flat_map(|table| table.keys().cloned())
}

fn line_of(file: &Source, name: &str) -> usize {
    let line = |line: &str| line.trim_start_matches('[').starts_with(name);
    file.text.lines().position(line).unwrap_or_default() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(more: &str) -> [Source; 1] {
        let listed = ACTORS.map(|name| format!("{name}.workspace = true\n")).concat();
        [Source::new(PATH, &format!("[dependencies]\n{listed}{more}"))]
    }

    #[test]
    fn a_dependency_that_is_not_listed_is_found() {
        assert!(actors(&manifest("")).is_empty());
        for more in ["awc = \"3\"", "redis.workspace = true", "[build-dependencies]\ncc = \"1\""] {
            let found = actors(&manifest(more));
            assert_eq!(found.len(), 1, "{more}: {found:?}");
            assert!(found.iter().all(|found| found.to_string().contains("actors/Cargo.toml:12:")));
        }
    }

    #[test]
    fn a_listed_dependency_that_is_gone_is_found() {
        assert_eq!(actors(&[Source::new(PATH, "[dependencies]\n")]).len(), ACTORS.len());
        assert_eq!(actors(&[]).len(), 1);
    }

    #[test]
    fn a_crate_is_known_by_the_name_that_code_gives_it() {
        assert!(crates(&manifest("")).contains("futures_util"));
    }
}
