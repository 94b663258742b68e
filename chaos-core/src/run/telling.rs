//! Telling the journal of operations, thousands of which may end in a second.
//!
//! One `write` for each would be the better part of what a run costs beside its load. So those that
//! succeed wait for one another, for [`TOGETHER`], where they are written to a file; one that does not
//! is written at once, and with it those before.

use std::cell::RefCell;
use std::time::Duration;

use super::Operation;
use crate::event::{Event, EventKind};
use crate::journal::Journal;
use crate::metrics::nanos;
use crate::outcome::Outcome;

/// For how long an operation that succeeded may wait until others are written with it. When none ends
/// any more it waits for the end of the step, too.
const TOGETHER: Duration = Duration::from_millis(20);

/// What the journal is yet to be told.
pub(super) struct Telling {
    journal: Journal,
    /// In the order in which they ended.
    pending: RefCell<Vec<Event>>,
}

impl Telling {
    pub(super) fn new(journal: &Journal) -> Self {
        Self { journal: journal.clone(), pending: RefCell::default() }
    }

    /// An operation ended.
    pub(super) fn tell(&self, operation: &Operation) {
        let event = EventKind::Operation {
            client: operation.client,
            began: nanos(operation.began),
            outcome: operation.outcome,
            error: operation.error.clone(),
            sqlstate: operation.sqlstate.clone(),
        };
        let mut pending = self.pending.borrow_mut();
        pending.push(Event::new(operation.ended, event));
        let waits = operation.ended.saturating_sub(pending[0].time());
        let may_wait = operation.outcome == Outcome::Ok && self.journal.path().is_some();
        if !may_wait || waits >= TOGETHER {
            self.journal.record_all(&pending);
            pending.clear();
        }
    }

    /// Tells what waits.
    pub(super) fn flush(&self) {
        self.journal.record_all(&self.pending.take());
    }
}

/// Also when the run panics, or is given up.
impl Drop for Telling {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::DurationUnits;

    fn operation(ended: u64, outcome: Outcome) -> Operation {
        Operation::new(0, Duration::ZERO, ended.ms(), outcome)
    }

    #[test]
    fn what_succeeds_is_told_soon_what_fails_at_once_and_all_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("attempt-1.jsonl");
        let journal = Journal::create(&path).unwrap();
        let told = || {
            let lines = crate::journal::read::<Event>(&path).unwrap();
            lines.records.iter().map(|it| it.time().as_millis()).collect::<Vec<_>>()
        };
        let telling = Telling::new(&journal);
        telling.tell(&operation(100, Outcome::Ok));
        telling.tell(&operation(119, Outcome::Ok));
        assert_eq!(told(), []);
        telling.tell(&operation(120, Outcome::Ok));
        assert_eq!(told(), [100, 119, 120]);
        telling.tell(&operation(121, Outcome::Ok));
        telling.tell(&operation(122, Outcome::Unknown));
        assert_eq!(told()[3..], [121, 122]);
        telling.tell(&operation(123, Outcome::Ok));
        drop(telling);
        assert_eq!(told()[5..], [123]);
    }

    #[test]
    fn a_journal_in_memory_is_told_at_once() {
        let journal = Journal::in_memory();
        let telling = Telling::new(&journal);
        telling.tell(&operation(100, Outcome::Ok));
        assert_eq!(journal.events().len(), 1);
    }
}
