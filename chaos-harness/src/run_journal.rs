//! The journal of a run: `run.jsonl`.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chaos_core::journal::write_line;

use crate::report::Reporter;
use crate::run_event::{RunEvent, RunLine};

/// Writes every event of the run as one line.
#[derive(Debug)]
pub(crate) struct RunJournal {
    file: File,
    /// Set when a line could not be written, for whoever judges the run by its journal.
    is_broken: Arc<AtomicBool>,
}

impl RunJournal {
    /// Appends to this file, which other processes may be appending to.
    pub(crate) fn new(file: File, is_broken: Arc<AtomicBool>) -> Self {
        Self { file, is_broken }
    }
}

impl Reporter for RunJournal {
    fn event(&mut self, event: &RunEvent) {
        let is_passing = matches!(event, RunEvent::AttemptProgress(_) | RunEvent::Measuring(_));
        if is_passing || self.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let line = RunLine { process: std::process::id(), event: event.clone() };
        if let Err(error) = write_line(&self.file, &line) {
            // The tests are worth more than their record, so the run goes on.
            eprintln!("the journal of the run is incomplete from here on: {error}");
            self.is_broken.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_judges_by_it_is_told_that_it_lacks_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.jsonl");
        let is_broken = Arc::new(AtomicBool::new(false));
        let event = crate::report::sample::events().remove(0);
        RunJournal::new(File::create(&path).unwrap(), Arc::clone(&is_broken)).event(&event);
        assert!(!is_broken.load(Ordering::Relaxed));
        // What was opened to be read cannot be written to.
        RunJournal::new(File::open(&path).unwrap(), Arc::clone(&is_broken)).event(&event);
        assert!(is_broken.load(Ordering::Relaxed));
    }
}
