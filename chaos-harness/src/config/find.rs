//! Where `chaos.toml` lies.
//!
//! `CHAOS_CONFIG` names it. Otherwise it is looked for in the directory of the package and in those
//! above it, up to the root of the workspace: the nearest one counts, and it alone. Nothing is read
//! from above the workspace, so that a file in somebody's home directory changes no test.

use std::io;
use std::path::{Path, PathBuf};

use super::{File, Mistake};

/// The name of the file.
pub(crate) const NAME: &str = "chaos.toml";

/// The file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("failed to read the settings in {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}", join(mistakes))]
    Mistakes { path: PathBuf, mistakes: Vec<Mistake> },
}

impl ConfigError {
    /// The directory of a file that was read and could not be understood.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Mistakes { path, .. } => path.parent(),
        }
    }
}

fn join(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Reads the file that `chosen` names, or the nearest one in `package` and the directories above it
/// up to `workspace`.
///
/// # Errors
///
/// When the file that was chosen is not there, or one cannot be read or understood.
pub(crate) fn read(
    chosen: Option<&Path>,
    package: &Path,
    workspace: &Path,
) -> Result<Option<File>, ConfigError> {
    let candidates = match chosen {
        // Joining leaves an absolute path as it is.
        Some(path) => vec![workspace.join(path)],
        None => directories(package, workspace).map(|directory| directory.join(NAME)).collect(),
    };
    for path in candidates {
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                return File::parse(&path, &text).map(Some).map_err(|mistakes| {
                    let seen = mistakes.into_iter().map(|mistake| mistake.seen_from(workspace));
                    ConfigError::Mistakes { path: path.clone(), mistakes: seen.collect() }
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && chosen.is_none() => {}
            Err(source) => {
                // The root itself, which somebody has taken for the file, has no path within it.
                let within = path.strip_prefix(workspace).map(Path::to_owned);
                let within = within.ok().filter(|within| !within.as_os_str().is_empty());
                let path = within.unwrap_or(path);
                return Err(ConfigError::Unreadable { path, source });
            }
        }
    }
    Ok(None)
}

fn directories<'a>(package: &'a Path, workspace: &'a Path) -> impl Iterator<Item = &'a Path> {
    let within = package.ancestors().take_while(move |directory| directory.starts_with(workspace));
    // A package may lie outside of the directory of its workspace.
    let outside = !package.starts_with(workspace);
    within.chain(outside.then_some(package)).chain(outside.then_some(workspace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_counts_and_none_above_the_workspace() {
        let directory = tempfile::tempdir().unwrap();
        let workspace = directory.path().join("workspace");
        let package = workspace.join("crates/bank");
        std::fs::create_dir_all(&package).unwrap();
        let write = |path: &Path| std::fs::write(path.join(NAME), "").unwrap();
        let found = || read(None, &package, &workspace).unwrap().map(|file| file.path);
        write(directory.path());
        assert_eq!(found(), None);
        write(&workspace);
        assert_eq!(found(), Some(workspace.join(NAME)));
        write(&package);
        assert_eq!(found(), Some(package.join(NAME)));
        let chosen = read(Some(Path::new("chaos.toml")), &package, &workspace).unwrap();
        assert_eq!(chosen.unwrap().path, workspace.join(NAME));
        let missing = read(Some(Path::new("other.toml")), &package, &workspace).unwrap_err();
        assert!(missing.to_string().contains("other.toml"), "{missing}");
        let elsewhere = directory.path().join("elsewhere");
        let found = read(None, &elsewhere, &workspace).unwrap();
        assert_eq!(found.unwrap().path, workspace.join(NAME));
    }
}
