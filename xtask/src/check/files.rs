//! The files that the checks look at.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::Error;
use crate::program;
use crate::workspace::root;

/// The files that are or would be committed, relative to the root.
pub(super) fn files() -> Result<Vec<PathBuf>, Error> {
    if root().join(".git").exists() { listed_by_git() } else { found_by_walk() }
}

/// The Rust sources among them.
pub(super) fn sources() -> Result<Vec<PathBuf>, Error> {
    let is_source = |file: &PathBuf| file.extension() == Some(OsStr::new("rs"));
    Ok(files()?.into_iter().filter(is_source).collect())
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

#[test]
fn git_and_a_walk_find_the_sources() {
    for files in [files().unwrap(), found_by_walk().unwrap()] {
        assert!(files.contains(&PathBuf::from("xtask/src/check/files.rs")));
        assert!(files.contains(&PathBuf::from("Cargo.toml")));
        assert!(!files.iter().any(|file| file.starts_with("target")));
    }
}
