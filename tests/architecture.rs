//! The rules of the house, as tests: who may import whom, what the actors may depend on, how files
//! and things are named, and what the repository speaks of.
//!
//! Each chapter holds one kind of rule as a check over sources, and shows with a planted violation
//! that the check finds it. Here the checks meet the repository.

#[path = "architecture/imports.rs"]
mod imports;
#[path = "architecture/manifest.rs"]
mod manifest;
#[path = "architecture/metrics.rs"]
mod metrics;
#[path = "architecture/names.rs"]
mod names;
#[path = "architecture/prose.rs"]
mod prose;
#[path = "architecture/source.rs"]
mod source;

use source::{Source, Violation, repository};

/// Fails with every violation, a line each.
#[track_caller]
fn none(violations: &[Violation]) {
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// The Rust files of the repository.
fn rust() -> Vec<Source> {
    let mut files = repository().unwrap_or_default();
    files.retain(|file| file.path.ends_with(".rs"));
    assert!(files.len() > 50, "the repository was not found");
    files
}

#[test]
fn every_part_imports_only_what_its_row_allows() {
    let crates = manifest::crates(&repository().unwrap());
    none(&imports::table(&rust(), &crates));
}

#[test]
fn one_file_brings_the_door_together_with_models_and_stores() {
    none(&imports::wiring(&rust()));
}

#[test]
fn one_file_knows_the_actor_of_a_socket() {
    none(&imports::sockets(&rust()));
}

#[test]
fn the_domain_is_deaf_and_blind() {
    none(&imports::domain_words(&rust()));
}

#[test]
fn the_actors_depend_on_no_server_client_or_store() {
    none(&manifest::actors(&repository().unwrap()));
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    none(&names::files(&rust()));
}

#[test]
fn things_are_named_for_what_they_are() {
    none(&names::items(&rust()));
}

#[test]
fn an_operator_finds_every_metric_in_the_table_and_no_other() {
    let table: Vec<_> = switchhook::telemetry::METRICS.iter().map(|metric| metric.name).collect();
    none(&metrics::names(&rust(), &table));
}

#[test]
fn the_repository_speaks_of_the_product_alone() {
    none(&prose::places(&repository().unwrap()));
}
