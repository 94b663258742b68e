//! The report as a file, for programs: `report.json`, described in `docs/report-schema.md`.
//!
//! It is made from the journal of a run alone, so it can be made again from any directory of a run,
//! also of one that was killed. Under nextest a run has a process for each test, and none of them
//! knows that it is the last; there the report is made when `--chaos-report` asks for it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Reporter;
use super::record::RunRecord;
use super::redact::redact_json;
use crate::run_event::RunEvent;

mod build;
mod document;
mod journal;

pub(crate) use self::document::Report;

/// The name of the file.
pub(crate) const FILE: &str = "report.json";

/// A report could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub(crate) struct ReportError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl ReportError {
    fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { action, path, source }
    }
}

/// Writes the report when the run ends.
#[derive(Debug)]
pub(crate) struct JsonReport {
    run_directory: PathBuf,
    root: PathBuf,
    error: Option<ReportError>,
}

impl JsonReport {
    /// A report of the run in `run_directory`, a copy of which is written to `root`, where all
    /// runs lie.
    pub(crate) fn new(run_directory: &Path, root: &Path) -> Self {
        Self { run_directory: run_directory.to_owned(), root: root.to_owned(), error: None }
    }
}

impl Reporter for JsonReport {
    fn event(&mut self, event: &RunEvent) {
        if let RunEvent::RunEnded(_) = event {
            self.error = make(&self.run_directory, &self.root).err();
            if let Some(error) = &self.error {
                let source = std::error::Error::source(error).map(ToString::to_string);
                eprintln!("warning: {error}: {}", source.unwrap_or_default());
            }
        }
    }
}

/// Makes the report of a run from its journal, in the directory of the run and in `root`, where all
/// runs lie. Gives the path of the former.
///
/// # Errors
///
/// When there is no journal, or a file cannot be read or written.
pub(crate) fn make(run_directory: &Path, root: &Path) -> Result<PathBuf, ReportError> {
    let journals = journal::read(run_directory);
    let journals =
        journals.map_err(ReportError::new("read the journal of the run in", run_directory))?;
    let directory = run_directory.strip_prefix(root).unwrap_or(run_directory);
    let text = to_text(&build::build(directory, &journals));
    let path = run_directory.join(FILE);
    for path in [&path, &root.join(FILE)] {
        replace(path, &text).map_err(ReportError::new("write", path))?;
    }
    Ok(path)
}

/// What the journals of a run say.
///
/// # Errors
///
/// When there is no journal, or a file cannot be read.
pub(crate) fn records(run_directory: &Path) -> Result<Vec<RunRecord>, ReportError> {
    let journals = journal::read(run_directory);
    let journals =
        journals.map_err(ReportError::new("read the journal of the run in", run_directory))?;
    Ok(journals.into_iter().map(|journal| journal.run).collect())
}

fn to_text(report: &Report) -> Vec<u8> {
    let mut value = serde_json::to_value(report).expect("a report has only text as keys");
    redact_json(&mut value);
    let mut text = serde_json::to_vec_pretty(&value).expect("what was made from JSON is JSON");
    text.push(b'\n');
    text
}

/// Puts a file into the place of another at once, so that no reader sees half of it.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    fs::write(&temporary, text)?;
    fs::rename(&temporary, path).inspect_err(|_| {
        // The error of the renaming is the one to be told.
        fs::remove_file(&temporary).ok();
    })
}

#[cfg(test)]
mod tests;
