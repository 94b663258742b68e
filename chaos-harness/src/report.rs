//! Who is told what happens in a run.
//!
//! The runner hands every [`RunEvent`], once and in order, to one [`FanOut`]. Whatever is shown or
//! stored is a function of these events.

pub(crate) mod inventory;
pub(crate) mod issue;
pub(crate) mod json;
mod judgement;
pub(crate) mod record;
pub(crate) mod redact;
mod reproduce;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod terminal;
pub(crate) mod words;

use parking_lot::Mutex;

use crate::run_event::RunEvent;

/// Consumes the events of a run.
pub(crate) trait Reporter: Send {
    /// Takes the next event.
    fn event(&mut self, event: &RunEvent);

    /// Whether it has a use for [`RunEvent::AttemptProgress`], which costs a look into the journal
    /// of every running attempt ten times a second.
    fn wants_progress(&self) -> bool {
        false
    }
}

/// Hands every event to several reporters, from any thread.
pub(crate) struct FanOut {
    reporters: Mutex<Vec<Box<dyn Reporter>>>,
    wants_progress: bool,
}

impl FanOut {
    /// A fan-out to these reporters, each of which is told of an event before the next one is.
    pub(crate) fn new(reporters: Vec<Box<dyn Reporter>>) -> Self {
        let wants_progress = reporters.iter().any(|reporter| reporter.wants_progress());
        Self { reporters: Mutex::new(reporters), wants_progress }
    }

    /// Whether any of the reporters wants to know what running attempts do.
    pub(crate) fn wants_progress(&self) -> bool {
        self.wants_progress
    }

    /// Tells all reporters.
    pub(crate) fn event(&self, event: &RunEvent) {
        for reporter in self.reporters.lock().iter_mut() {
            reporter.event(event);
        }
    }
}

/// The kind of a fault from its label: `latency` of `latency 80ms ↓`.
fn fault_kind(label: &str) -> &str {
    label.split(' ').next().unwrap_or(label)
}
