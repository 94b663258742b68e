//! What the code under test traced: the feature `tracing`.

use std::path::Path;

use chaos_core::event::EventKind;
use chaos_core::journal::Journal;
use chaos_core::trace::{self, LevelFilter};

use super::excerpt::Line;
use crate::attempt::spec::Spec;
use crate::config::run::TraceLevel;

/// Keeps traces until what is returned is dropped, and sees to it that there is a subscriber.
pub(crate) fn begin(spec: &Spec, journal: &Journal) -> Option<trace::Keeping> {
    if spec.diagnostics.is_zero() {
        return None;
    }
    let level = match spec.trace {
        TraceLevel::Off => None,
        TraceLevel::Error => Some(LevelFilter::ERROR),
        TraceLevel::Warn => Some(LevelFilter::WARN),
        TraceLevel::Info => Some(LevelFilter::INFO),
        TraceLevel::Debug => Some(LevelFilter::DEBUG),
        TraceLevel::Trace => Some(LevelFilter::TRACE),
    };
    match trace::keep(journal) {
        Ok(keeping) => {
            if let Some(level) = level {
                trace::install(level);
            }
            Some(keeping)
        }
        Err(error) => {
            let message = format!("traces are not kept: {error}");
            journal.record(EventKind::Note { message });
            None
        }
    }
}

/// What was kept beside a journal.
pub(super) fn lines(journal: &Path) -> Vec<Line> {
    let line = |line: trace::TraceLine| {
        let (at, source) = (line.time(), "trace".to_owned());
        Line { at, source, text: line.to_string(), is_routine: false }
    };
    trace::read(journal).into_iter().map(line).collect()
}

/// Removes it.
pub(super) fn remove(journal: &Path) {
    trace::remove(journal);
}
