//! Where the files of a run lie.
//!
//! ```text
//! target/chaos/                        CHAOS_DIR, or below the target directory of the workspace
//!   latest -> runs/<run>               the run that began last; under nextest its test binary
//!   report.json                        the report that was made last
//!   locks/                             see `exclusive`
//!   history/                           see `history`
//!   runs/<run>/run.jsonl               see `run_event`
//!   runs/<run>/report.json             see `report::json`
//!   runs/<run>/<test>/attempt-1.jsonl  see `chaos_core::journal`
//!   runs/<run>/<test>/attempt-1.stdout what the attempt printed, unless it printed nothing
//!   runs/<run>/<test>/attempt-1.stderr
//! ```
//!
//! All processes of one nextest run share its id; each test binary has a directory of its own in
//! it, because two binaries may have tests of the same name.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::arguments::LATEST;
use crate::identity::Identity;
use crate::nextest::Nextest;
use crate::run_journal::RunJournal;
use crate::settings::Settings;

mod retention;

/// The name of the journal of a run.
pub(crate) const JOURNAL: &str = "run.jsonl";

/// The directory of a run, which exists.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    root: PathBuf,
    path: PathBuf,
    id: String,
    journal: File,
    /// Set when the journal lacks a line.
    is_incomplete: Arc<AtomicBool>,
}

/// A directory or file of the harness could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to create {}; set CHAOS_DIR to a directory that can be written to", path.display())]
pub(crate) struct Unwritable {
    path: PathBuf,
    source: io::Error,
}

impl RunDirectory {
    /// Makes the directory of a new run, or joins that of the nextest run that this process belongs
    /// to, and removes the directories of runs that are long over.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub(crate) fn create(
        settings: &Settings,
        nextest: Option<&Nextest>,
        identity: &Identity,
    ) -> Result<Self, Unwritable> {
        let root = root(settings, nextest);
        let id = match nextest.and_then(|nextest| nextest.run_id.clone()) {
            Some(id) => file_name(&id),
            None => own_id(),
        };
        let runs = root.join("runs");
        let mut path = runs.join(&id);
        if nextest.is_some() {
            path.push(of_binary(identity));
        }
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            |source| Unwritable { path, source }
        };
        fs::create_dir_all(&path).map_err(unwritable(&path))?;
        let file = path.join(JOURNAL);
        let journal = OpenOptions::new().create(true).append(true).open(&file);
        let journal = journal.map_err(unwritable(&file))?;
        retention::keep(&journal);
        retention::prune(&runs);
        retention::point(&root, &path);
        Ok(Self { root, path, id, journal, is_incomplete: Arc::default() })
    }

    /// The directory that all runs share.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of this run.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The id of this run.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The journal of this run, to be written by one reporter.
    ///
    /// # Errors
    ///
    /// When its handle cannot be duplicated.
    pub(crate) fn journal(&self) -> io::Result<RunJournal> {
        let lacks_all = |_: &io::Error| self.is_incomplete.store(true, Ordering::Relaxed);
        let journal = self.journal.try_clone().inspect_err(lacks_all)?;
        Ok(RunJournal::new(journal, Arc::clone(&self.is_incomplete)))
    }

    /// Whether the journal of this run lacks a line, so that nobody can judge the run by it.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.is_incomplete.load(Ordering::Relaxed)
    }
}

/// The name of the directory that a test binary has in a run of nextest.
pub(crate) fn of_binary(Identity { package, target, .. }: &Identity) -> String {
    file_name(&format!("{package}.{target}"))
}

/// There is no run of this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no run `{run}` in {}{}", runs.display(), newest_of(newest))]
pub(crate) struct NoSuchRun {
    run: String,
    runs: PathBuf,
    newest: Vec<String>,
}

fn newest_of(names: &[String]) -> String {
    match names {
        [] => ", where there are none".to_owned(),
        names => format!("; the newest are `{}`", names[..names.len().min(3)].join("`, `")),
    }
}

/// The directory of the run of this name, or of the run that began last if the name is `latest`.
///
/// # Errors
///
/// When there is none.
pub(crate) fn find(root: &Path, run: &str) -> Result<PathBuf, NoSuchRun> {
    let runs = root.join("runs");
    let newest = retention::newest(&runs);
    let found = if run == LATEST {
        retention::pointed_to(root).or_else(|| newest.first().map(|name| runs.join(name)))
    } else {
        Some(runs.join(file_name(run)))
    };
    match found.filter(|directory| directory.is_dir()) {
        Some(directory) => Ok(directory),
        None => Err(NoSuchRun { run: run.to_owned(), runs, newest }),
    }
}

/// The directories of the runs that are kept, the one in which something was made last first.
pub(crate) fn newest(root: &Path) -> Vec<PathBuf> {
    let runs = root.join("runs");
    retention::newest(&runs).into_iter().map(|name| runs.join(name)).collect()
}

/// A name for files that is safe everywhere, and differs for different texts.
pub(crate) fn file_name(text: &str) -> String {
    const LONGEST: usize = 120;
    let dotted = text.replace("::", ".");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@');
    let mut name: String =
        dotted.chars().map(|c| if is_plain(c) { c } else { '-' }).take(LONGEST).collect();
    if name != dotted || name.starts_with('.') || name.is_empty() {
        let hash = chaos_core::seed::Seed(0).named(text);
        name = format!("{}-{:016x}", name.trim_start_matches('.'), hash.0);
    }
    name
}

/// The directory that all runs of a workspace share.
pub(crate) fn root(settings: &Settings, nextest: Option<&Nextest>) -> PathBuf {
    let workspace = workspace(nextest);
    // Joining leaves an absolute path as it is.
    match (settings.directory(), variable("CARGO_TARGET_DIR")) {
        (Some(directory), _) => workspace.join(directory.value),
        (None, Some(target)) => workspace.join(target).join("chaos"),
        (None, None) => workspace.join("target").join("chaos"),
    }
}

/// The root of the workspace that the tests belong to.
pub(crate) fn workspace(nextest: Option<&Nextest>) -> PathBuf {
    nextest
        .and_then(|nextest| nextest.workspace_root.clone())
        .or_else(|| {
            let start = package()?;
            let locked = start.ancestors().find(|directory| directory.join("Cargo.lock").exists());
            Some(locked.unwrap_or(&start).to_owned())
        })
        .unwrap_or_default()
}

/// The directory of the package that the tests belong to.
pub(crate) fn package() -> Option<PathBuf> {
    variable("CARGO_MANIFEST_DIR").or_else(|| std::env::current_dir().ok())
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Sorts by time, and differs for every process.
fn own_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", now.as_millis(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_found_by_its_name_and_the_latest_one_by_the_pointer() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let error = find(root, LATEST).unwrap_err().to_string();
        assert!(error.ends_with("where there are none"), "{error}");
        for run in ["1", "2", "3"] {
            // Under nextest the pointer leads to one of the test binaries.
            let path = root.join("runs").join(run).join("bank.chaos");
            fs::create_dir_all(&path).unwrap();
            if run == "2" {
                retention::point(root, &path);
            }
        }
        assert_eq!(find(root, "3").unwrap(), root.join("runs/3"));
        assert_eq!(find(root, LATEST).unwrap(), root.join("runs/2"));
        fs::remove_file(root.join("latest")).unwrap();
        assert!(find(root, LATEST).is_ok(), "the newest directory stands in for the pointer");
        for wrong in ["4", "..", "1/bank.chaos", ""] {
            let error = find(root, wrong).unwrap_err().to_string();
            assert!(error.contains("the newest are `"), "{error}");
        }
    }

    #[test]
    fn names_of_tests_become_names_of_files_that_differ() {
        assert_eq!(file_name("pool::drains"), "pool.drains");
        let odd = ["größe", "grö-e", "a/b", "..", "", &"x".repeat(300), &"x".repeat(301)];
        let names: std::collections::HashSet<_> = odd.iter().map(|text| file_name(text)).collect();
        assert_eq!(names.len(), odd.len());
        for name in names {
            assert!(name.len() < 150 && !name.starts_with('.') && !name.contains('/'), "{name}");
        }
    }
}
