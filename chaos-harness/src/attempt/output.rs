//! What an attempt prints: two files, or the terminal.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Where the output of attempts goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Into files.
    Files,
    /// To where the harness prints.
    Inherited,
    /// To the standard error of the harness, because its standard output is read by a machine.
    InheritedOnStderr,
}

/// The two files of an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) stdout: PathBuf,
    pub(crate) stderr: PathBuf,
}

impl Files {
    /// The files beside the journal of the attempt.
    pub(crate) fn beside(journal: &Path) -> Self {
        Self { stdout: journal.with_extension("stdout"), stderr: journal.with_extension("stderr") }
    }

    /// Makes them. What several processes write to one of them is appended.
    ///
    /// # Errors
    ///
    /// When they cannot be made.
    pub(crate) fn create(&self) -> io::Result<(Stdio, Stdio)> {
        let open = |path: &Path| -> io::Result<Stdio> {
            let file: File = OpenOptions::new().create(true).append(true).open(path)?;
            Ok(Stdio::from(file))
        };
        Ok((open(&self.stdout)?, open(&self.stderr)?))
    }

    /// Removes those that stayed empty, and returns the others.
    pub(crate) fn sift(self) -> (Option<PathBuf>, Option<PathBuf>) {
        let keep = |path: PathBuf| {
            let length = fs::metadata(&path).map(|found| found.len());
            if matches!(length, Ok(0)) {
                // An empty file that stays does no harm.
                fs::remove_file(&path).ok();
            }
            length.is_ok_and(|length| length > 0).then_some(path)
        };
        (keep(self.stdout), keep(self.stderr))
    }
}

/// The last part of a file, from the beginning of a line on; nothing when it cannot be read.
pub(crate) fn end_of(path: &Path, bytes: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(bytes);
        file.seek(SeekFrom::Start(start))?;
        let mut end = Vec::new();
        file.take(bytes).read_to_end(&mut end)?;
        let text = String::from_utf8_lossy(&end).into_owned();
        Ok(match text.split_once('\n') {
            Some((_torn, whole)) if start > 0 => whole.to_owned(),
            _ => text,
        })
    };
    read().unwrap_or_default()
}
