//! How many crates chaos-harness adds to a project that already has tokio and deadpool-postgres.
//!
//! The quick start has all of these. The README publishes the number in a comment,
//! `<!-- dependency-budget: 12 -->`, and this task fails when it is another one.

use std::collections::BTreeSet;

use crate::console;
use crate::error::Error;
use crate::{program, workspace};

const PROJECT: &str = "quickstart";

/// What a project is taken to have already.
const BASE: [&str; 3] = ["deadpool-postgres", "tokio", "tokio-postgres"];

/// What it adds to its development dependencies.
const ADDED: [&str; 1] = ["chaos-harness"];

const MARKER: &str = "<!-- dependency-budget: ";

/// The number depends on the system; the one published is that of the commonest.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Counts them, and compares the number with that in the README.
pub(crate) fn run() -> Result<(), Error> {
    console::step("Counting the crates that chaos-harness adds to tokio and deadpool-postgres.");
    let base = crates_below(&tree("normal,build")?, &BASE);
    let with_it = crates_below(&tree("normal,build,dev")?, &ADDED);
    let added: Vec<&String> = with_it.difference(&base).collect();
    for name in &added {
        console::note(name);
    }
    println!("{} crates without it, {} more with it.", base.len(), added.len());
    match published()? {
        None => {
            console::note("The README does not publish the number.");
            Ok(())
        }
        Some(published) if published == added.len() => {
            console::note("The README publishes the same number.");
            Ok(())
        }
        Some(published) => Err(Error::other(format!(
            "the README publishes {published} crates and there are {}; write {MARKER}{} --> there, \
             and the number in the sentence beside it",
            added.len(),
            added.len()
        ))),
    }
}

/// What the project is built of over these kinds of dependencies, each line with its depth before
/// it. Without development dependencies the features that those ask for are not there either, nor
/// the crates behind them.
fn tree(kinds: &str) -> Result<String, Error> {
    let mut cargo = workspace::cargo();
    cargo.args(["tree", "--package", PROJECT, "--edges", kinds, "--target", TARGET]);
    cargo.args(["--prefix", "depth", "--no-dedupe", "--format", " {p}"]);
    program::output(&mut cargo)
}

/// These direct dependencies and all that they need, as `tokio v1.49.0`.
fn crates_below(tree: &str, direct: &[&str]) -> BTreeSet<String> {
    let mut is_below = false;
    let mut crates = BTreeSet::new();
    for line in tree.lines() {
        let mut words = line.split(' ');
        let (Some(depth), Some(name), Some(version)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        match depth {
            "0" => continue,
            "1" => is_below = direct.contains(&name),
            _ => {}
        }
        if is_below {
            crates.insert(format!("{name} {version}"));
        }
    }
    crates
}

fn published() -> Result<Option<usize>, Error> {
    if !workspace::root().join("README.md").exists() {
        return Ok(None);
    }
    number_in(&workspace::read("README.md")?)
}

fn number_in(readme: &str) -> Result<Option<usize>, Error> {
    let Some((_, rest)) = readme.split_once(MARKER) else { return Ok(None) };
    let number = rest.split(" -->").next().unwrap_or_default();
    number.parse().map(Some).map_err(|_| {
        Error::other(format!("the README has no number in its comment {MARKER}{number}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_and_only_below_what_was_asked_for() {
        let tree = "0 quickstart v0.1.0 (/somewhere)\n1 tokio v1.49.0\n2 syn v2.0.1 (proc-macro)\n\
                    1 serde v1.0.0\n2 serde_core v1.0.0\n1 tokio-postgres v0.7.18\n\
                    2 tokio v1.49.0\n3 syn v2.0.1 (proc-macro)\n";
        let expected = ["syn v2.0.1", "tokio v1.49.0", "tokio-postgres v0.7.18"];
        let expected = BTreeSet::from(expected.map(str::to_owned));
        assert_eq!(crates_below(tree, &["tokio", "tokio-postgres"]), expected);
    }

    #[test]
    fn the_number_is_read_from_the_readme() {
        assert_eq!(number_in("x\n<!-- dependency-budget: 38 -->\n38 crates").unwrap(), Some(38));
        assert_eq!(number_in("nothing").unwrap(), None);
        assert!(number_in("<!-- dependency-budget: many -->").is_err());
    }
}
