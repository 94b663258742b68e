//! Whether a history of concurrent operations could have been made one after another.
//!
//! A history is *linearizable* (Herlihy and Wing, 1990) if every operation can be placed at one
//! moment between its invocation and its completion, so that one after another they do what a
//! sequential [`Model`] says. An operation of unknown outcome may be placed at any moment after its
//! invocation, or not at all.
//!
//! ```
//! use chaos_core::check::Validity;
//! use chaos_core::check::linearizability::{Linearizability, Register};
//! use chaos_core::history::History;
//!
//! let lines = r#"
//! {"process": 0, "type": "invoke", "f": "write", "value": 1}
//! {"process": 0, "type": "ok", "f": "write", "value": 1}
//! {"process": 1, "type": "invoke", "f": "read", "value": null}
//! {"process": 1, "type": "ok", "f": "read", "value": null}
//! "#;
//! let report = Linearizability::of(Register).check(&History::from_jsonl(lines.as_bytes())?)?;
//! // The write had completed before the read began, which did not see it.
//! assert_eq!(report.validity, Validity::Violated);
//! # Ok::<(), chaos_core::history::HistoryError>(())
//! ```
//!
//! The search is that of Wing and Gong (1993) with Lowe's memory of what was tried before (2017),
//! and parts a history by keys where it may (Horn and Kroening, 2015). The problem is NP-complete:
//! what takes too many steps or too much memory is [unknown](Validity::Unknown). The bounds count
//! steps and bytes, so the same history always has the same answer.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::Validity;
use crate::history::{History, HistoryError};

mod calls;
#[cfg(test)]
mod model_tests;
mod models;
mod placed;
mod search;
#[cfg(test)]
mod tests;

use self::calls::Calls;
pub use self::calls::{Answer, Asked};
pub use self::models::{Counter, FencedLease, FifoQueue, Lock, Map, Once, Register, Set, Text};
use self::search::{Search, Turn};

/// What operations do, one after another.
pub trait Model {
    /// What there is between two operations.
    type State: Clone + Eq + std::hash::Hash;
    /// An operation, with its result if it is known.
    type Call;

    /// What there is before the first operation.
    fn initial(&self) -> Self::State;

    /// Reads an operation from a history. `None` leaves it out, as a read of unknown outcome may be.
    ///
    /// # Errors
    ///
    /// When the model has no such operation: what is wrong, and what is expected.
    fn call(&self, asked: Asked<'_>) -> Result<Option<Self::Call>, String>;

    /// What there is after the operation, or `None` if it could not have had that result.
    ///
    /// An operation of unknown outcome could have had any result.
    fn step(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;

    /// About how many bytes a state takes on the heap, for the bound on memory.
    fn heap_bytes(&self, state: &Self::State) -> usize {
        let _ = state;
        0
    }
}

/// Checks histories against a model.
#[derive(Debug, Clone)]
pub struct Linearizability<M> {
    model: M,
    per_key: bool,
    steps: u64,
    bytes: usize,
}

impl<M: Model> Linearizability<M> {
    /// A check against this model, of at most 50 million steps (about a minute at worst) and 1 GiB.
    #[must_use]
    pub fn of(model: M) -> Self {
        Self { model, per_key: false, steps: 50_000_000, bytes: 1 << 30 }
    }

    /// Takes the values of the history for pairs of a key and a value, and each key for an object of
    /// its own. That is far cheaper than one model of all keys, and says the same of operations that
    /// concern one key each.
    #[must_use]
    pub fn per_key(mut self) -> Self {
        self.per_key = true;
        self
    }

    /// Gives up after so many steps. A step places one operation.
    #[must_use]
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.steps = steps;
        self
    }

    /// Gives up when what was tried takes about so many bytes.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Checks a history.
    ///
    /// # Errors
    ///
    /// When the history is not well formed, or has an operation that the model does not know.
    pub fn check(&self, history: &History) -> Result<LinearizabilityReport, HistoryError> {
        let mut parts: BTreeMap<String, Calls<M::Call>> = BTreeMap::new();
        for (key, calls) in calls::by_key(&self.model, history, self.per_key)? {
            parts.insert(key, calls);
        }
        Ok(self.judge(&parts))
    }

    /// Takes turns between the keys, each turn with four times the steps of the one before, so that
    /// one which explodes does not hide the guilty one behind it.
    fn judge(&self, parts: &BTreeMap<String, Calls<M::Call>>) -> LinearizabilityReport {
        let operations = parts.values().map(|calls| calls.operations.len()).sum();
        let mut searches: Vec<_> =
            parts.iter().map(|(key, calls)| (key, Search::new(&self.model, calls))).collect();
        let mut report = LinearizabilityReport {
            validity: Validity::Valid,
            operations,
            keys: parts.len(),
            is_concurrent: parts.values().any(Calls::is_concurrent),
            violation: None,
            unknown: None,
        };
        if operations == 0 {
            report.validity = Validity::Unknown;
            report.unknown = Some("it has no operation that could be wrong");
        }
        let mut left = self.steps;
        let mut turn = 10_000_u64;
        while !searches.is_empty() {
            let mut next = Vec::new();
            for (key, mut search) in searches {
                let steps = turn.min(left);
                let held: usize =
                    next.iter().map(|(_, search): &(_, Search<'_, M>)| search.bytes()).sum();
                let outcome = search.run(steps, self.bytes.saturating_sub(held));
                left -= outcome.steps.min(left);
                match outcome.turn {
                    Turn::Linearizable => {}
                    Turn::Violated => {
                        report.validity = Validity::Violated;
                        report.unknown = None;
                        let violation = search.violation(self.per_key.then_some(key));
                        report.violation = Some(Box::new(violation));
                        return report;
                    }
                    Turn::Over if left > 0 => next.push((key, search)),
                    Turn::Over => report.give_up("it takes more steps than are allowed"),
                    Turn::Full => report.give_up("it takes more memory than is allowed"),
                }
            }
            searches = next;
            turn = turn.saturating_mul(4);
        }
        report
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinearizabilityReport {
    /// Whether the history is linearizable.
    pub validity: Validity,
    /// How many operations were judged.
    pub operations: usize,
    /// How many keys they were for; 1 where the history was not parted by keys.
    pub keys: usize,
    /// Whether any two operations overlapped. If not, any system would have done.
    pub is_concurrent: bool,
    /// Why it is not linearizable.
    pub violation: Option<Box<Violation>>,
    /// Why nothing can be said.
    pub unknown: Option<&'static str>,
}

impl LinearizabilityReport {
    fn give_up(&mut self, why: &'static str) {
        self.validity = self.validity.max(Validity::Unknown);
        self.unknown = Some(why);
    }

    /// Makes an error of anything but a linearizable history.
    ///
    /// # Errors
    ///
    /// The report itself, when the history is not linearizable, or nobody knows.
    pub fn into_result(self) -> Result<(), Self> {
        if self.validity == Validity::Valid { Ok(()) } else { Err(self) }
    }
}

/// Why a history is not linearizable: the most of it that is, and what cannot come next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The key, where the history was parted by keys.
    pub key: Option<String>,
    /// The most operations that can be placed one after another, in that order.
    pub placed: Vec<String>,
    /// The operations of which one would have to come next, and none can.
    pub stuck: Vec<String>,
    /// The entries of the history that invoked or completed those, counted from 0.
    pub entries: Vec<u64>,
}

impl Violation {
    /// The same, for where the key is told in another place.
    pub(super) fn without_key(&self) -> String {
        Self { key: None, ..self.clone() }.to_string()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        if let Some(key) = &self.key {
            write!(f, "of key {key}: ")?;
        }
        let from = self.placed.len().saturating_sub(SHOWN);
        if from > 0 {
            write!(f, "after {from} operations and then ")?;
        } else if !self.placed.is_empty() {
            f.write_str("after ")?;
        }
        write!(f, "{}", self.placed[from..].join(", "))?;
        write!(f, " none of these can be next: {}", self.stuck.join(", "))
    }
}

impl std::error::Error for LinearizabilityReport {}

impl fmt::Display for LinearizabilityReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, .. } = self;
        match (self.validity, &self.violation, self.unknown) {
            (Validity::Violated, Some(violation), _) => {
                write!(f, "{operations} operations are not linearizable: {violation}")
            }
            (Validity::Unknown, _, Some(why)) => {
                write!(f, "whether {operations} operations are linearizable is unknown: {why}")
            }
            _ => write!(f, "{operations} operations are linearizable"),
        }
    }
}

/// A value for people.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    }
}
