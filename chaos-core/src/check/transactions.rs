//! Whether transactions were isolated from each other as they were promised to be.
//!
//! The clients append to lists and read them, several in one transaction: what Jepsen calls
//! *list-append*. Because nothing is ever taken out of a list and all elements differ, every read
//! tells in which order everything before it was written, and so which transaction came before
//! which. A cycle of those is a proof that no order of them explains what was seen. The method is
//! that of Kingsbury and Alvaro, *Elle: Inferring Isolation Anomalies from Experimental
//! Observations* (VLDB 2020); the anomalies are Adya's.
//!
//! Registers are judged too: rows with a version column, which tells as much as a list, and plain
//! values, which tell less (see [`KeyOrder`]). The forms of their steps stand in `docs/checking.md`.
//!
//! ```
//! use chaos_core::check::Validity;
//! use chaos_core::check::transactions::{Model, Transactions};
//!
//! // Each of the two did not see what the other one wrote.
//! let lines = r#"
//! {"process": 0, "type": "invoke", "f": "txn"}
//! {"process": 1, "type": "invoke", "f": "txn"}
//! {"process": 0, "type": "ok", "f": "txn", "value": [["r", "x", []], ["append", "y", 1]]}
//! {"process": 1, "type": "ok", "f": "txn", "value": [["r", "y", []], ["append", "x", 2]]}
//! "#;
//! let transactions = Transactions::from_jsonl(lines.as_bytes())?;
//! assert_eq!(transactions.check(Model::SnapshotIsolation).validity, Validity::Valid);
//! let report = transactions.check(Model::Serializable);
//! assert_eq!(report.validity, Validity::Violated);
//! assert_eq!(report.anomalies[0].kind.name(), "G2-item");
//! # Ok::<(), chaos_core::history::HistoryError>(())
//! ```
//!
//! A history of a million transactions is checked in about a second: lists are not kept, only how
//! much of the longest one each read saw.

use crate::history::{EntryKind, History, HistoryError, Process};

mod anomaly;
mod components;
mod cycles;
mod datum;
mod direct;
mod explain;
mod graph;
mod hashing;
mod ingest;
mod json;
mod key_order;
mod log;
mod model;
mod order;
mod register;
#[cfg(test)]
mod register_tests;
mod report;
mod scan;
mod step;
#[cfg(test)]
mod tests;

pub use self::anomaly::{Anomaly, AnomalyKind, CycleKind, Order};
use self::cycles::{Found, Search};
pub use self::datum::Datum;
use self::graph::Graph;
use self::ingest::Ingest;
pub use self::key_order::KeyOrder;
use self::log::{Log, Status};
pub use self::model::{Model, UnknownModel};
use self::register::Form;
pub use self::report::TransactionReport;
pub use self::step::{Step, Written};

/// How many edges a search for proofs goes along before it is given up. It takes about a second.
const STEPS: u64 = 50_000_000;

/// A history of transactions, ready to be checked.
#[derive(Debug)]
pub struct Transactions {
    log: Log,
    /// The anomalies that were found within single transactions, and those without a cycle.
    found: Vec<Anomaly>,
    /// Whether something was left out because it would have taken too much memory.
    truncated: bool,
}

/// Takes the entries of a history one after another, without keeping the lists that were read.
///
/// ```
/// use chaos_core::check::transactions::{Model, Step, TransactionsBuilder};
/// use chaos_core::history::{EntryKind, Process};
///
/// let mut builder = TransactionsBuilder::new();
/// let client = Process::Client(0);
/// builder.push(EntryKind::Invoke, &client, &[])?;
/// builder.push(EntryKind::Ok, &client, &[Step::Append("x".into(), 1.into())])?;
/// builder.push(EntryKind::Invoke, &client, &[])?;
/// builder.push(EntryKind::Ok, &client, &[Step::Read("x".into(), Some(&[1.into()]))])?;
/// builder.finish().check(Model::StrictSerializable).into_result()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct TransactionsBuilder {
    ingest: Ingest,
}

impl TransactionsBuilder {
    /// An empty history.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry. What an invocation was going to do is not looked at: its completion
    /// says it again.
    ///
    /// # Errors
    ///
    /// When a process invokes something while another operation of it is under way, or an element
    /// is appended to the same key twice.
    pub fn push(
        &mut self,
        kind: EntryKind,
        process: &Process,
        steps: &[Step<'_>],
    ) -> Result<(), HistoryError> {
        self.ingest.push(kind, process, steps)
    }

    /// Ends the history. What was invoked and did not complete is left out, unless its completion
    /// was pushed as [`EntryKind::Info`].
    #[must_use]
    pub fn finish(self) -> Transactions {
        Transactions::of(self.ingest)
    }
}

impl Transactions {
    /// The transactions of a history whose values are lists of steps: of lists `["append", key, element]`
    /// and `["r", key, [element, ..]]`; of rows with versions `["w", key, {"version": 4}]` and
    /// `["r", key, {"version": 3}]`; of plain values `["w", key, value]` and `["r", key, value]`. `null`
    /// stands for the state before the first write.
    ///
    /// What was invoked and did not complete may have taken effect. Entries of others than clients,
    /// such as `nemesis`, are left out.
    ///
    /// # Errors
    ///
    /// When a value is not such a list; when a process invokes something while another operation of
    /// it is under way; when an element is appended to the same key twice.
    pub fn from_history(history: &History) -> Result<Self, HistoryError> {
        json::from_history(history).map(Self::of)
    }

    /// Reads the transactions of a history from JSON, one entry a line, as
    /// [`from_history`](Self::from_history) does, but without keeping the history.
    ///
    /// # Errors
    ///
    /// As [`from_history`](Self::from_history); when `source` cannot be read; when a line is no
    /// entry.
    pub fn from_jsonl(source: impl std::io::BufRead) -> Result<Self, HistoryError> {
        json::from_jsonl(source).map(Self::of)
    }

    fn of(ingest: Ingest) -> Self {
        let Ingest { mut log, mut found, truncated, .. } = ingest;
        order::settle(&mut log);
        register::settle(&mut log, &mut found);
        direct::find(&log, &mut found);
        Self { log, found, truncated }
    }

    /// Assumes something of the order in which values without a version were written, to find more.
    /// By default nothing is.
    ///
    /// Lists and versions tell their order themselves: there it changes nothing. Where what is assumed
    /// contradicts itself, that is an anomaly of its own, `cyclic-versions`, and not used for others.
    #[must_use]
    pub fn assuming(mut self, order: KeyOrder) -> Self {
        if self.log.form == Form::Values {
            key_order::assume(&mut self.log, order, &mut self.found);
        }
        self
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// Checks whether the transactions are possible under a model.
    ///
    /// The answer is unknown where there is nothing to judge by: no transaction comes before another
    /// one, by what they read and wrote or by an order that the model looks at. It is exact otherwise, but for a history so contradictory that a search is given up.
    #[must_use]
    pub fn check(&self, model: Model) -> TransactionReport {
        let graph = Graph::of(&self.log, model.order());
        let mut anomalies = self.found.clone();
        let given_up = self.find_cycles(model, &graph, &mut anomalies);
        anomalies.sort_by_key(|anomaly| anomaly.kind);

        let is_violated = anomalies.iter().any(|anomaly| model.rules_out(anomaly.kind));
        let unknown = if is_violated {
            None
        } else if self.truncated {
            Some("its lists contradict each other too often for all of them to be kept")
        } else if given_up {
            Some("the search for a cycle was given up")
        } else if !graph.has_dependencies() {
            Some(report::VACUOUS)
        } else {
            None
        };
        let validity = match (is_violated, unknown) {
            (true, _) => crate::check::Validity::Violated,
            (false, Some(_)) => crate::check::Validity::Unknown,
            (false, None) => crate::check::Validity::Valid,
        };
        let is_committed = |status: &Status| *status == Status::Committed;
        let statuses = self.log.transactions.iter().map(|transaction| transaction.status);
        let committed = statuses.filter(is_committed).count();
        TransactionReport { model, validity, unknown, anomalies, committed }
    }

    /// Finds cycles of every kind, and says whether a search that the model depends on was given up.
    fn find_cycles(&self, model: Model, graph: &Graph, anomalies: &mut Vec<Anomaly>) -> bool {
        let mut search = Search::new(graph, model.order(), STEPS);
        let mut given_up = false;
        let orders = [Order::Data, Order::Process, Order::RealTime];
        for order in orders.into_iter().filter(|order| *order <= model.order()) {
            for kind in CycleKind::ALL {
                let found = match search.find(kind, order) {
                    Found::None => continue,
                    Found::GivenUp => {
                        given_up |= model.rules_out(AnomalyKind::Cycle(kind, order));
                        continue;
                    }
                    Found::Some(cycles) => cycles,
                };
                for cycle in found {
                    let anomaly = self.anomaly(&cycle);
                    if !anomalies.contains(&anomaly) {
                        anomalies.push(anomaly);
                    }
                }
            }
        }
        given_up
    }

    fn anomaly(&self, cycle: &cycles::Cycle) -> Anomaly {
        let entry =
            |(number, _): &(u32, _)| u64::from(self.log.transactions[*number as usize].completed);
        Anomaly {
            kind: cycle.kind(),
            transactions: cycle.steps.iter().map(entry).collect(),
            dependencies: cycle.steps.iter().map(|(_, edge)| edge.name()).collect(),
            because: explain::explain(&self.log, cycle),
        }
    }
}
