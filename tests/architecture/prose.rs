//! What the repository speaks of: the product, not the machine it was written or built on.

use super::source::{Source, Violation};

/// Places on somebody's machine. In two pieces, for this file is checked like any other.
const MACHINE: [&str; 3] = [concat!("/wo", "rk/"), concat!("/tm", "p/"), concat!("/ro", "ot/")];

/// Registries and their mirrors: which one serves a build is the builder's own affair.
const REGISTRIES: [&str; 7] = [
    concat!("crates", ".io"),
    concat!("npm", "js.org"),
    concat!("npm", "js.com"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("deb.", "debian.org"),
    concat!("arti", "factory"),
];

/// Written by tools; they name their registries.
const LOCKS: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Lines that name a place that is none of the reader's.
pub(crate) fn places(files: &[Source]) -> Vec<Violation> {
    let mut broken = Vec::new();
    let is_lock = |file: &&Source| LOCKS.iter().any(|lock| file.path.ends_with(lock));
    for file in files.iter().filter(|file| !is_lock(file)) {
        for (before, line) in file.text.lines().enumerate() {
            for place in MACHINE.iter().filter(|place| line.contains(**place)) {
                broken
                    .push(file.breaks(before + 1, format!("names a place on a machine: {place}")));
            }
            let line = line.to_lowercase();
            for host in REGISTRIES.iter().filter(|host| line.contains(**host)) {
                broken.push(file.breaks(before + 1, format!("names a registry: {host}")));
            }
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_on_a_machine_and_a_registry_are_found() {
        for place in MACHINE.iter().chain(&REGISTRIES) {
            let text = format!("First.\nSee {place}notes.md.\n");
            let found = places(&[Source::new("README.md", &text)]);
            assert_eq!(found.len(), 1, "{place}: {found:?}");
            assert!(found.iter().all(|found| found.to_string().starts_with("README.md:2: ")));
            assert!(places(&[Source::new("Cargo.lock", &text)]).is_empty());
        }
        assert!(places(&[Source::new("README.md", "It keeps calls in DATA_DIR.")]).is_empty());
    }
}
