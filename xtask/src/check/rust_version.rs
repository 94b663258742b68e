//! Finds places that name another minimum Rust version than the manifest, and dependencies that need
//! a newer one.

use serde_json::Value;

use crate::error::Error;
use crate::workspace;

/// The files that name it beside the manifest, and the text that stands before it.
///
/// `ci.yml` has to name an exact toolchain, so it is kept in step by this check.
const PLACES: [(&str, &str); 2] =
    [("README.md", "Rust version is "), (".github/workflows/ci.yml", "MINIMUM_RUST: ")];

/// A sentence for each place that names another version, or none at all, and for each crate.
pub(crate) fn findings() -> Result<Vec<String>, Error> {
    let minimum = minimum()?;
    let mut findings = newer_than(&minimum, &workspace::packages(&["--all-features"])?);
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

/// The crates that say that they need a newer compiler.
fn newer_than(minimum: &str, packages: &[Value]) -> Vec<String> {
    let number = |version: &str| {
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        [(); 3].map(|()| parts.next().unwrap_or(0))
    };
    let mut newer = Vec::new();
    for package in packages {
        if let Some(needed) = package["rust_version"].as_str() {
            if number(needed) > number(minimum) {
                let (name, version) = (&package["name"], &package["version"]);
                newer.push(format!("Cargo.lock: {name} {version} needs Rust {needed}"));
            }
        }
    }
    newer
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
    use serde_json::json;

    use super::*;

    #[test]
    fn crates_that_need_a_newer_compiler_are_found() {
        let packages = [
            json!({"name": "old", "version": "1.0.0", "rust_version": "1.63.0"}),
            json!({"name": "same", "version": "1.0.0", "rust_version": "1.85"}),
            json!({"name": "silent", "version": "1.0.0", "rust_version": null}),
            json!({"name": "new", "version": "2.1.0", "rust_version": "1.88"}),
        ];
        assert_eq!(
            newer_than("1.85", &packages),
            ["Cargo.lock: \"new\" \"2.1.0\" needs Rust 1.88"]
        );
    }

    #[test]
    fn versions_are_found_in_prose_and_in_yaml() {
        let prose = "It needs Rust 1.85. Rust has modules; Rust 2 does not exist; **Rust `1.90`**";
        assert_eq!(versions_after(prose, "Rust "), ["1.85", "1.90"]);
        assert_eq!(versions_after("Its version is **1.85**; 1.84 is", "version is "), ["1.85"]);
        assert_eq!(versions_after("  MINIMUM_RUST: \"1.85\"\n", "MINIMUM_RUST: "), ["1.85"]);
        assert!(versions_after("", "Rust ").is_empty());
    }
}
