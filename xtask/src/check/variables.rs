//! Compares the environment variables of the README with those that the sources read.

use std::collections::BTreeSet;

use super::files;
use crate::error::Error;
use crate::workspace;

/// Variables that are not for users: they pass from one of our processes to another, or steer tests
/// and benches.
const OURS: [&str; 4] = ["INTERNAL_", "HARNESS_TEST_", "BENCH_", "UPDATE_"];

/// A sentence for each variable that only one side knows.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let mut read = BTreeSet::new();
    for source in files::sources()? {
        let of_the_library = ["chaos-core/src", "chaos-harness/src"];
        if of_the_library.iter().any(|directory| source.starts_with(directory)) {
            let text = workspace::read(&source)?;
            read.extend(variables(without_tests(&text)));
        }
    }
    let documented: BTreeSet<String> = variables(&workspace::read("README.md")?).collect();
    let missing = read.difference(&documented);
    let unknown = documented.difference(&read);
    Ok(missing
        .map(|name| format!("README.md does not tell of {name}"))
        .chain(unknown.map(|name| format!("README.md tells of {name}, which nothing reads")))
        .collect())
}

/// A source up to its tests, which misspell names on purpose.
fn without_tests(source: &str) -> &str {
    source.split_once("#[cfg(test)]\nmod tests {").map_or(source, |(code, _)| code)
}

fn variables(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("CHAOS_").skip(1).filter_map(|rest| {
        let is_part = |character: char| character.is_ascii_uppercase() || character == '_';
        let end = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        let name = &rest[..end];
        (!name.is_empty() && !OURS.iter().any(|ours| name.starts_with(ours)))
            .then(|| format!("CHAOS_{name}"))
    })
}

#[test]
fn names_are_cut_out_of_any_text() {
    let text = "set `CHAOS_SEED=42` or CHAOS_PG_BIN, not CHAOS_INTERNAL_ATTEMPT nor CHAOS_";
    assert_eq!(variables(text).collect::<Vec<_>>(), ["CHAOS_SEED", "CHAOS_PG_BIN"]);
}
