//! Finds dependencies whose licence is not in the list of `deny.toml`.
//!
//! `cargo deny` does the same and more; this is there for those who do not have it.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::workspace;

/// A sentence for each crate of the lock file with another licence.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let allowed = allowed(&workspace::read("deny.toml")?)?;
    let mut findings = Vec::new();
    for package in workspace::packages(&["--all-features"])? {
        let name = &package["name"];
        match package["license"].as_str() {
            Some(licence) if is_allowed(licence, &allowed) => {}
            Some(licence) => findings.push(format!("{name}: {licence} is not in deny.toml")),
            None => findings.push(format!("{name}: states no licence")),
        }
    }
    Ok(findings)
}

/// The list `allow` of the section `licenses`.
fn allowed(deny: &str) -> Result<BTreeSet<String>, Error> {
    let section = deny.split("\n[").find_map(|section| section.strip_prefix("licenses]"));
    let list = section.and_then(|section| section.split_once("\nallow = [")?.1.split_once(']'));
    let (list, _) = list.ok_or_else(|| Error::other("deny.toml has no list of licences"))?;
    Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Whether an SPDX expression can be satisfied with the allowed licences only.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Older crates write a slash where `OR` stands now.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest, allowed) == Some(true) && rest.is_empty()
}

/// Each of these reads its part of the words, and returns `None` where that part is malformed.
fn any(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut satisfied = all(words, allowed)?;
    while take(words, "OR") {
        satisfied |= all(words, allowed)?;
    }
    Some(satisfied)
}

fn all(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    let mut satisfied = one(words, allowed)?;
    while take(words, "AND") {
        satisfied &= one(words, allowed)?;
    }
    Some(satisfied)
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<bool> {
    if take(words, "(") {
        let satisfied = any(words, allowed)?;
        return take(words, ")").then_some(satisfied);
    }
    let licence = next(words)?;
    if take(words, "WITH") {
        let exception = next(words)?;
        return Some(allowed.contains(&format!("{licence} WITH {exception}")));
    }
    Some(allowed.contains(licence))
}

fn next<'a>(words: &mut &[&'a str]) -> Option<&'a str> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(first)
}

fn take(words: &mut &[&str], expected: &str) -> bool {
    match words.split_first() {
        Some((word, rest)) if *word == expected => {
            *words = rest;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        let deny =
            "[graph]\nx = []\n\n[licenses]\nversion = 2\nallow = [\n  \"MIT\",\n  \"Zlib\",\n]\n";
        assert_eq!(allowed(deny).unwrap(), BTreeSet::from(["MIT", "Zlib"].map(str::to_owned)));
        assert!(allowed("[licenses]\n").is_err());
    }

    #[test]
    fn expressions_are_judged_as_spdx_says() {
        let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned));
        for licence in [
            "MIT",
            "Apache-2.0 OR GPL-3.0",
            "GPL-3.0/MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
        ] {
            assert!(is_allowed(licence, &allowed), "{licence}");
        }
        for licence in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "MIT OR Apache-2.0 AND",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT",
            "",
        ] {
            assert!(!is_allowed(licence, &allowed), "{licence}");
        }
    }
}
