//! Finds places that name another minimum Rust version than the manifest.

use crate::error::Error;
use crate::workspace;

/// The files that name it beside the manifest, and the text that stands before it.
///
/// `ci.yml` has to name an exact toolchain, so it is kept in step by this check.
const PLACES: [(&str, &str); 2] =
    [("README.md", "Rust "), (".github/workflows/ci.yml", "MINIMUM_RUST: ")];

/// A sentence for each place that names another version, or none at all.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let minimum = minimum()?;
    let mut findings = Vec::new();
    for (file, before) in PLACES {
        // Nothing can be wrong in a file that is not written yet.
        if !workspace::root().join(file).exists() {
            continue;
        }
        let named = versions_after(&workspace::read(file)?, before);
        if named.is_empty() {
            findings.push(format!("{file}: does not say \"{before}{minimum}\""));
        }
        let others = named.into_iter().filter(|version| *version != minimum);
        findings.extend(
            others.map(|other| {
                format!("{file}: says {before}{other}, and Cargo.toml says {minimum}")
            }),
        );
    }
    Ok(findings)
}

/// The minimum Rust version of the workspace.
pub(crate) fn minimum() -> Result<String, Error> {
    let manifest = workspace::read("Cargo.toml")?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = line.and_then(|value| value.trim().strip_prefix('"')?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| Error::other("Cargo.toml names no `rust-version`"))
}

/// The versions such as `1.85` that stand right after `before` in `text`.
fn versions_after(text: &str, before: &str) -> Vec<String> {
    let versions = text.split(before).skip(1).map(|rest| {
        let rest = rest.trim_start_matches(['"', '`', '*']);
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.');
        rest[..end.unwrap_or(rest.len())].trim_end_matches('.').to_owned()
    });
    versions.filter(|version| version.contains('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_prose_and_in_yaml() {
        let prose = "It needs Rust 1.85. Rust has modules; Rust 2 does not exist; **Rust `1.90`**";
        assert_eq!(versions_after(prose, "Rust "), ["1.85", "1.90"]);
        assert_eq!(versions_after("  MINIMUM_RUST: \"1.85\"\n", "MINIMUM_RUST: "), ["1.85"]);
        assert!(versions_after("", "Rust ").is_empty());
    }
}
