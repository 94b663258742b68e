//! What the clients of a system did and saw, in order: the input of every checker.
//!
//! A [`History`] is a sequence of [`Entry`]s in the model of Jepsen. An operation is *invoked* and
//! later completes: `ok`, it took effect; `fail`, it certainly did not; `info`, nobody knows. A
//! process has at most one operation under way, and does nothing more after an `info`.
//!
//! A [`Recorder`] writes a history while a test runs. Histories are read and written as JSON, one
//! entry a line, in the keys that the tools around Jepsen use (`elle-cli`, Porcupine's loaders); those
//! that Jepsen itself publishes are read as [EDN](History::from_edn).
//!
//! ```
//! use chaos_core::history::History;
//!
//! let lines = r#"
//! {"index": 0, "time": 120, "process": 0, "type": "invoke", "f": "txn", "value": [["append", "x", 1]]}
//! {"index": 1, "time": 450, "process": 0, "type": "ok", "f": "txn", "value": [["append", "x", 1]]}
//! "#;
//! let history = History::from_jsonl(lines.as_bytes())?;
//! assert_eq!(history.entries().len(), 2);
//! # Ok::<(), chaos_core::history::HistoryError>(())
//! ```

mod edn;
mod entry;
mod error;
mod jsonl;
pub(crate) mod lines;
mod operation;
mod recorder;

pub use self::entry::{Entry, EntryKind, Process};
pub use self::error::HistoryError;
pub use self::operation::Operation;
pub use self::recorder::{Pending, RecordedProcess, Recorder};

/// What the clients did and saw, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    entries: Vec<Entry>,
}

impl History {
    /// A history of these entries, which are in the order in which they happened.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// A history in which nothing happened.
    #[must_use]
    pub const fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// The entries, in the order in which they happened.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl FromIterator<Entry> for History {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        Self::new(entries.into_iter().collect())
    }
}
