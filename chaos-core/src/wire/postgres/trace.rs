//! What messages passed, for those who are to number them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::direction::Direction;
use crate::trigger::message::MessageKind;

/// A message that passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Which connection of the link, counted from 1.
    pub(crate) connection: u64,
    pub(crate) direction: Direction,
    /// Which message of this direction of the connection, counted from 1.
    pub(crate) nth: u64,
    pub(crate) kind: MessageKind,
    /// What it is in words: its kind, and its SQL, tag or SQLSTATE.
    pub(crate) summary: String,
}

/// The messages of all connections of a link, while they are asked for. Clones are the same trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trace {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    is_wanted: AtomicBool,
    passed: Mutex<Vec<Passed>>,
}

impl Trace {
    /// Records from now on.
    pub(crate) fn start(&self) {
        self.inner.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Records no longer.
    pub(crate) fn stop(&self) {
        self.inner.is_wanted.store(false, Ordering::Relaxed);
    }

    /// What was recorded since the last call.
    pub(crate) fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut *self.inner.passed.lock())
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.inner.is_wanted.load(Ordering::Relaxed)
    }

    pub(super) fn record(&self, passed: Passed) {
        self.inner.passed.lock().push(passed);
    }
}
