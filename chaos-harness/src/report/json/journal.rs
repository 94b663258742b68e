//! The journals of a run: `run.jsonl` in its directory, or in one below for each test binary.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chaos_core::journal;

use crate::report::record::RunRecord;
use crate::run_event::{FORMAT_VERSION, RunEvent, RunLine};

const FILE: &str = "run.jsonl";

/// One journal, read and folded.
#[derive(Debug, Default)]
pub(super) struct RunJournal {
    /// Its directory, relative to that of the run; what its paths are relative to.
    pub(super) directory: PathBuf,
    pub(super) run: RunRecord,
    /// What could not be read, in words for a person.
    pub(super) problems: Vec<String>,
}

/// Reads all journals of a run.
pub(super) fn read(run_directory: &Path) -> io::Result<Vec<RunJournal>> {
    let read_one = |path: PathBuf| -> io::Result<RunJournal> {
        let lines = journal::read::<RunLine>(&path)?;
        let directory = path.parent().unwrap_or(&path);
        let mut journal = RunJournal {
            directory: directory.strip_prefix(run_directory).unwrap_or(directory).to_owned(),
            ..RunJournal::default()
        };
        for RunLine { process, event } in &lines.records {
            match event {
                RunEvent::RunStarted(started) if started.version > FORMAT_VERSION => {
                    journal.problems.push(format!(
                        "process {process} wrote version {} of the journal, which is newer than {FORMAT_VERSION}; something may be missing here",
                        started.version
                    ));
                }
                _ => {}
            }
            journal.run.add(*process, event);
        }
        journal.problems.extend(lines.unreadable.iter().map(ToString::to_string));
        Ok(journal)
    };
    paths(run_directory)?.into_iter().map(read_one).collect()
}

fn paths(run_directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = vec![run_directory.join(FILE)];
    for entry in fs::read_dir(run_directory)? {
        paths.push(entry?.path().join(FILE));
    }
    paths.retain(|path| path.is_file());
    paths.sort();
    if paths.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no {FILE} in it or in a directory below"),
        ));
    }
    Ok(paths)
}
