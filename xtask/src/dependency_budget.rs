//! How many crates chaos-harness adds to a project that already has tokio and deadpool-postgres.
//!
//! The quick start is such a project: its ordinary dependencies are what it had before, and its
//! only development dependency is chaos-harness. The README publishes the number in a comment,
//! `<!-- dependency-budget: 12 -->`, and this task fails when it is another one.

use std::collections::BTreeSet;

use crate::console;
use crate::error::Error;
use crate::{program, workspace};

const PROJECT: &str = "quickstart";
const MARKER: &str = "<!-- dependency-budget: ";

/// The number depends on the system; the one published is that of the commonest.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Counts them, and compares the number with that in the README.
pub(crate) fn run() -> Result<(), Error> {
    console::step("Counting the crates that chaos-harness adds to tokio and deadpool-postgres.");
    let before = crates("normal,build")?;
    let after = crates("normal,build,dev")?;
    let added: Vec<&String> = after.difference(&before).collect();
    for name in &added {
        console::note(name);
    }
    println!("{} crates without it, {} more with it.", before.len(), added.len());
    match published()? {
        None => {
            console::note("The README does not publish the number.");
            Ok(())
        }
        Some(published) if published == added.len() => Ok(()),
        Some(published) => Err(Error::other(format!(
            "the README publishes {published} crates and there are {}; write {MARKER}{} --> there, \
             and the number in the sentence beside it",
            added.len(),
            added.len()
        ))),
    }
}

/// The crates of the project over these kinds of dependencies, each with its version.
fn crates(kinds: &str) -> Result<BTreeSet<String>, Error> {
    let mut cargo = workspace::cargo();
    cargo.args(["tree", "--package", PROJECT, "--edges", kinds, "--target", TARGET]);
    cargo.args(["--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    Ok(names(&program::output(&mut cargo)?))
}

/// `tokio v1.49.0` of each line such as `tokio v1.49.0 (proc-macro)`, but for the project itself.
fn names(tree: &str) -> BTreeSet<String> {
    let words = tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>());
    let names = words.filter(|words| words.len() == 2 && words[0] != PROJECT);
    names.map(|words| words.join(" ")).collect()
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
    fn crates_are_counted_once_and_the_project_is_not() {
        let tree = "quickstart v0.1.0 (/somewhere)\ntokio v1.49.0\nsyn v2.0.1 (proc-macro) (*)\n\
                    tokio v1.49.0 (*)\n\n[dev-dependencies]\n";
        let expected = ["syn v2.0.1", "tokio v1.49.0"].map(str::to_owned);
        assert_eq!(names(tree), BTreeSet::from(expected));
    }

    #[test]
    fn the_number_is_read_from_the_readme() {
        assert_eq!(number_in("x\n<!-- dependency-budget: 38 -->\n38 crates").unwrap(), Some(38));
        assert_eq!(number_in("nothing").unwrap(), None);
        assert!(number_in("<!-- dependency-budget: many -->").is_err());
    }
}
