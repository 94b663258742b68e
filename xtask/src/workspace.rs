//! The workspace that this program belongs to.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::Error;
use crate::program;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a member of a workspace")
}

/// Cargo, the one that runs this program, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    // The name and not the path in the environment, so that the command shown is the one to type:
    // rustup puts the very same cargo first on the path.
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root());
    cargo
}

/// The files that are or would be committed, relative to the root.
pub(crate) fn files() -> Result<Vec<PathBuf>, Error> {
    let mut files = if root().join(".git").exists() { listed_by_git()? } else { found_by_walk()? };
    files.sort();
    Ok(files)
}

fn listed_by_git() -> Result<Vec<PathBuf>, Error> {
    let mut git = Command::new("git");
    git.current_dir(root());
    // The checkout may belong to somebody else, as it does in a container.
    git.arg("-c").arg(format!("safe.directory={}", root().display()));
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let names = program::output(&mut git)?;
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    // A file that was deleted but not yet committed is still listed.
    Ok(files.filter(|file| root().join(file).is_file()).collect())
}

/// What stands in for git in an unpacked archive: everything but what a build leaves behind.
fn found_by_walk() -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let path = root().join(&directory);
        for entry in std::fs::read_dir(&path).map_err(Error::file("list", &path))? {
            let entry = entry.map_err(Error::file("list", &path))?;
            let file = directory.join(entry.file_name());
            let kind = entry.file_type().map_err(Error::file("look at", entry.path()))?;
            if kind.is_file() {
                files.push(file);
            } else if kind.is_dir() && file != Path::new("target") {
                directories.push(file);
            }
        }
    }
    Ok(files)
}

/// The Rust sources among them.
pub(crate) fn sources() -> Result<Vec<PathBuf>, Error> {
    let is_source = |file: &PathBuf| file.extension() == Some(OsStr::new("rs"));
    Ok(files()?.into_iter().filter(is_source).collect())
}

/// The text of a file of the workspace.
pub(crate) fn read(file: impl AsRef<Path>) -> Result<String, Error> {
    let path = root().join(file);
    std::fs::read_to_string(&path).map_err(Error::file("read", &path))
}

/// The packages of the lock file, as `cargo metadata` describes them, members included.
pub(crate) fn locked_packages() -> Result<Vec<Value>, Error> {
    packages(&["--all-features"])
}

/// The members of the workspace, as `cargo metadata` describes them.
pub(crate) fn members() -> Result<Vec<Value>, Error> {
    packages(&["--no-deps"])
}

fn packages(options: &[&str]) -> Result<Vec<Value>, Error> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version", "1"]).args(options);
    let text = program::output(&mut cargo)?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Error::other(format!("`cargo metadata` printed no JSON: {error}")))?;
    Ok(metadata["packages"].as_array().cloned().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_and_a_walk_find_the_sources() {
        for files in [files().unwrap(), found_by_walk().unwrap()] {
            assert!(files.contains(&PathBuf::from("xtask/src/workspace.rs")));
            assert!(files.contains(&PathBuf::from("Cargo.toml")));
            assert!(!files.iter().any(|file| file.starts_with("target")));
        }
    }
}
