//! How long the directories of runs are kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many runs are kept, those that are still going on not counted.
const KEPT: usize = 20;

/// Marks the run that `journal` belongs to as going on, until this process ends however it does.
pub(super) fn keep(journal: &File) {
    // Without the mark the run is as safe as its age makes it.
    lock::shared(journal).ok();
}

/// Removes all but the newest runs, and none that goes on.
///
/// What cannot be removed stays: another process may be removing it too.
pub(super) fn prune(runs: &Path) {
    let mut directories = directories_by_age(runs).unwrap_or_default();
    let excess = directories.len().saturating_sub(KEPT);
    for directory in directories.drain(..excess) {
        if !goes_on(&directory) {
            fs::remove_dir_all(&directory).ok();
        }
    }
}

/// The names of the runs, the one in whose directory something was made last first.
pub(super) fn newest(runs: &Path) -> Vec<String> {
    let directories = directories_by_age(runs).unwrap_or_default();
    let names = directories.iter().rev().filter_map(|path| path.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

fn directories_by_age(runs: &Path) -> io::Result<Vec<PathBuf>> {
    let mut directories = Vec::new();
    for entry in fs::read_dir(runs)? {
        let entry = entry?;
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        directories.push((modified.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
    }
    directories.sort();
    Ok(directories.into_iter().map(|(_, path)| path).collect())
}

fn goes_on(directory: &Path) -> bool {
    let nested = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut candidates = nested.chain([directory.to_owned()]).map(|path| path.join("run.jsonl"));
    candidates.any(|journal| File::open(journal).is_ok_and(|journal| lock::is_held(&journal)))
}

#[cfg(unix)]
mod lock {
    use std::fs::File;

    use rustix::fs::{FlockOperation, flock};

    pub(super) fn shared(file: &File) -> std::io::Result<()> {
        Ok(flock(file, FlockOperation::NonBlockingLockShared)?)
    }

    pub(super) fn is_held(file: &File) -> bool {
        flock(file, FlockOperation::NonBlockingLockExclusive).is_err()
    }
}

#[cfg(not(unix))]
mod lock {
    use std::fs::File;

    pub(super) fn shared(_file: &File) -> std::io::Result<()> {
        Ok(())
    }

    /// An open file cannot be removed here, so the run protects itself.
    pub(super) fn is_held(_file: &File) -> bool {
        false
    }
}

/// Lets `latest` point to the run.
pub(super) fn point(root: &Path, run: &Path) {
    let Ok(target) = run.strip_prefix(root) else { return };
    let temporary = root.join(format!(".latest-{}", std::process::id()));
    let made = symlink(target, &temporary);
    // Renaming replaces the old pointer in one step. Without a pointer, the newest directory is
    // found by its time.
    if made.and_then(|()| fs::rename(&temporary, root.join("latest"))).is_err() {
        fs::remove_file(&temporary).ok();
    }
}

/// The directory of the run that `latest` points to, or into.
pub(super) fn pointed_to(root: &Path) -> Option<PathBuf> {
    let pointer = root.join("latest");
    let target = fs::read_link(&pointer)
        .or_else(|_| fs::read_to_string(&pointer).map(|path| PathBuf::from(path.trim())));
    let run: PathBuf = target.ok()?.iter().take(2).collect();
    Some(root.join(run))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Symbolic links need a privilege on Windows, so the pointer is a file that holds the path.
#[cfg(not(unix))]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    fs::write(link, target.to_string_lossy().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn old_runs_are_removed_and_a_run_that_goes_on_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let runs = directory.path().join("runs");
        let mut journals = Vec::new();
        for run in 0..30 {
            let path = runs.join(format!("{run:02}"));
            fs::create_dir_all(&path).unwrap();
            journals.push(File::create(path.join("run.jsonl")).unwrap());
            let age = std::time::Duration::from_secs(1_000 - run);
            File::open(&path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
        keep(&journals[3]);
        prune(&runs);
        let left = directories_by_age(&runs).unwrap();
        let left: Vec<_> =
            left.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(left.len(), KEPT + 1);
        assert!(left.contains(&"03") && left.contains(&"29") && !left.contains(&"09"), "{left:?}");
    }

    #[test]
    #[cfg(unix)]
    fn the_pointer_follows_the_latest_run() {
        let directory = tempfile::tempdir().unwrap();
        for run in ["runs/a", "runs/b"] {
            point(directory.path(), &directory.path().join(run));
            let target = fs::read_link(directory.path().join("latest")).unwrap();
            assert_eq!(target, Path::new(run));
        }
    }
}
