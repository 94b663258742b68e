//! Checks of the repository that no compiler makes. They are tests, so `cargo test` makes them.

mod file_length;
mod files;
mod let_chains;
mod licences;
mod machine_paths;
mod rust_version;
mod variables;

use crate::error::Error;

/// Fails with a line for each place that a check has found.
fn assert_nothing_found(findings: Result<Vec<String>, Error>) {
    let findings = findings.unwrap_or_else(|error| panic!("{error}"));
    assert!(findings.is_empty(), "found:\n  {}", findings.join("\n  "));
}

#[test]
fn no_source_has_a_let_chain_which_the_minimum_rust_version_does_not_know() {
    assert_nothing_found(let_chains::findings());
}

#[test]
fn the_same_minimum_rust_version_is_named_everywhere_and_suffices_for_every_dependency() {
    assert_nothing_found(rust_version::findings());
}

#[test]
fn every_dependency_has_a_licence_of_deny_toml() {
    assert_nothing_found(licences::findings());
}

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    assert_nothing_found(machine_paths::findings());
}

#[test]
fn no_source_is_too_long() {
    assert_nothing_found(file_length::findings());
}

#[test]
fn the_readme_tells_of_every_environment_variable() {
    assert_nothing_found(variables::findings());
}
