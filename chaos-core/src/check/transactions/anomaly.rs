//! What can be wrong with a history of transactions.

use std::fmt;

use serde::Serialize;

/// What is wrong with a history, by the names of Adya and of Elle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// An element stands twice in a list although it was appended once.
    DuplicateElements,
    /// A value was read that nobody wrote.
    UnwrittenRead,
    /// G1a: what an aborted transaction wrote was read.
    AbortedRead,
    /// G1b: a state was read that its writer went on to change in the same transaction.
    IntermediateRead,
    /// Two reads of a key contradict each other: neither list is a prefix of the other.
    IncompatibleOrder,
    /// A committed transaction wrote on top of what an aborted one had written.
    DirtyUpdate,
    /// A transaction read what it wrote only later.
    FutureRead,
    /// The values of a key have no order, by what is assumed of it.
    CyclicVersions,
    /// A transaction contradicts what it read or wrote itself before.
    Internal,
    /// Two transactions read the same version of a key and both wrote it.
    LostUpdate,
    /// Transactions depend on each other in a cycle.
    Cycle(CycleKind, Order),
}

/// Which dependencies a cycle is made of, the graver before the milder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum CycleKind {
    /// G0: each overwrote what the other wrote.
    Write,
    /// G1c: each read or overwrote what the other wrote.
    Information,
    /// G-single: as G1c, but for one that did not see what the next one wrote. Read skew.
    SingleAntiDependency,
    /// G-nonadjacent: several did not see what the next one wrote, no two in a row.
    NonadjacentAntiDependencies,
    /// G2-item: two in a row did not see what the next one wrote. Write skew.
    AntiDependencies,
}

/// Which order of the transactions a cycle contradicts, besides what they read and wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum Order {
    /// None.
    Data,
    /// The order in which a process executed them.
    Process,
    /// Real time: one had completed before another was invoked.
    RealTime,
}

impl AnomalyKind {
    /// The kinds that no cycle is needed for.
    #[cfg(test)]
    const DIRECT: [Self; 10] = [
        Self::DuplicateElements,
        Self::UnwrittenRead,
        Self::AbortedRead,
        Self::IntermediateRead,
        Self::IncompatibleOrder,
        Self::DirtyUpdate,
        Self::FutureRead,
        Self::CyclicVersions,
        Self::Internal,
        Self::LostUpdate,
    ];

    /// All kinds.
    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let orders = [Order::Data, Order::Process, Order::RealTime];
        let cycles = CycleKind::ALL
            .into_iter()
            .flat_map(move |kind| orders.into_iter().map(move |order| Self::Cycle(kind, order)));
        Self::DIRECT.into_iter().chain(cycles)
    }

    /// Its name, such as `G1a` or `G-single-realtime`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DuplicateElements => "duplicate-elements",
            Self::UnwrittenRead => "unwritten-read",
            Self::AbortedRead => "G1a",
            Self::IntermediateRead => "G1b",
            Self::IncompatibleOrder => "incompatible-order",
            Self::DirtyUpdate => "dirty-update",
            Self::FutureRead => "future-read",
            Self::CyclicVersions => "cyclic-versions",
            Self::Internal => "internal",
            Self::LostUpdate => "lost-update",
            Self::Cycle(kind, order) => kind.name(order),
        }
    }
}

impl CycleKind {
    pub(super) const ALL: [Self; 5] = [
        Self::Write,
        Self::Information,
        Self::SingleAntiDependency,
        Self::NonadjacentAntiDependencies,
        Self::AntiDependencies,
    ];

    fn name(self, order: Order) -> &'static str {
        let [data, process, real_time] = match self {
            Self::Write => ["G0", "G0-process", "G0-realtime"],
            Self::Information => ["G1c", "G1c-process", "G1c-realtime"],
            Self::SingleAntiDependency => ["G-single", "G-single-process", "G-single-realtime"],
            Self::NonadjacentAntiDependencies => {
                ["G-nonadjacent", "G-nonadjacent-process", "G-nonadjacent-realtime"]
            }
            Self::AntiDependencies => ["G2-item", "G2-item-process", "G2-item-realtime"],
        };
        match order {
            Order::Data => data,
            Order::Process => process,
            Order::RealTime => real_time,
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One proof that something is wrong with a history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anomaly {
    /// What is wrong.
    pub kind: AnomalyKind,
    /// The transactions that prove it, by the numbers of the entries that completed them; those of
    /// a cycle in its order.
    pub transactions: Vec<u64>,
    /// Of a cycle, how each next transaction depends on it: `ww`, `wr`, `rw`, `process` or
    /// `realtime`. Empty where there is no cycle.
    pub dependencies: Vec<&'static str>,
    /// Why, in words for a person. Of a cycle, why each transaction comes before the next.
    pub because: Vec<String>,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        for reason in &self.because {
            write!(f, "\n  {reason}")?;
        }
        Ok(())
    }
}
