//! The journal of a run: `run.jsonl`.

use std::fs::File;

use chaos_core::journal::write_line;

use crate::report::Reporter;
use crate::run_event::{RunEvent, RunLine};

/// Writes every event of the run as one line.
#[derive(Debug)]
pub(crate) struct RunJournal {
    file: File,
    is_broken: bool,
}

impl RunJournal {
    /// Appends to this file, which other processes may be appending to.
    pub(crate) fn new(file: File) -> Self {
        Self { file, is_broken: false }
    }
}

impl Reporter for RunJournal {
    fn event(&mut self, event: &RunEvent) {
        if matches!(event, RunEvent::AttemptProgress(_) | RunEvent::Measuring(_)) || self.is_broken
        {
            return;
        }
        let line = RunLine { process: std::process::id(), event: event.clone() };
        if let Err(error) = write_line(&self.file, &line) {
            // The tests are worth more than their record, so the run goes on.
            eprintln!("the journal of the run is incomplete from here on: {error}");
            self.is_broken = true;
        }
    }
}
