//! Isolation levels, and what each of them rules out.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::anomaly::{AnomalyKind, CycleKind, Order};

/// A consistency model of transactions.
///
/// What each of them rules out follows Adya, *Weak Consistency* (1999), with the extensions that
/// Kingsbury and Alvaro describe in *Elle* (VLDB 2020): for lists, repeatable read is Adya's
/// PL-2.99, and snapshot isolation is what Cerone and Gotsman call generalized. A *session* model
/// holds each process to its own order as well, a *strong* model everybody to real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Model {
    /// Adya's PL-1: writes are not interleaved.
    ReadUncommitted,
    /// Adya's PL-2: nothing is read that was not committed, or not finished.
    ReadCommitted,
    /// Once some effect of a transaction was seen, all of them are. On lists, which keep their
    /// history, it rules out what read committed does.
    MonotonicAtomicView,
    /// Each transaction agrees with itself, and sees all or nothing of another.
    ReadAtomic,
    /// Adya's PL-CS: no update is lost.
    CursorStability,
    /// Adya's PL-2+: each transaction reads from a consistent state.
    ConsistentView,
    /// Adya's PL-2.99: what was read does not change.
    RepeatableRead,
    /// Snapshots may differ in the order of independent transactions.
    ParallelSnapshotIsolation,
    /// Each transaction reads from one snapshot, and no two concurrent ones write the same key.
    SnapshotIsolation,
    /// Adya's PL-3: some order of the transactions, one after another, explains everything.
    Serializable,
    /// Read uncommitted in the order of each process.
    StrongSessionReadUncommitted,
    /// Read committed in the order of each process.
    StrongSessionReadCommitted,
    /// Snapshot isolation in the order of each process.
    StrongSessionSnapshotIsolation,
    /// Serializable in the order of each process.
    StrongSessionSerializable,
    /// Read uncommitted in real time.
    StrongReadUncommitted,
    /// Read committed in real time.
    StrongReadCommitted,
    /// Snapshot isolation in real time.
    StrongSnapshotIsolation,
    /// Serializable in real time; Adya's PL-SS, also called strong serializable.
    StrictSerializable,
}

use Model::{
    ConsistentView, CursorStability, MonotonicAtomicView, ParallelSnapshotIsolation, ReadAtomic,
    ReadCommitted, ReadUncommitted, RepeatableRead, Serializable, SnapshotIsolation,
    StrictSerializable, StrongReadCommitted, StrongReadUncommitted, StrongSessionReadCommitted,
    StrongSessionReadUncommitted, StrongSessionSerializable, StrongSessionSnapshotIsolation,
    StrongSnapshotIsolation,
};

impl Model {
    /// All of them, the weaker ones before the stronger ones that imply them.
    pub const ALL: [Self; 18] = [
        ReadUncommitted,
        ReadCommitted,
        MonotonicAtomicView,
        ReadAtomic,
        CursorStability,
        ConsistentView,
        RepeatableRead,
        ParallelSnapshotIsolation,
        SnapshotIsolation,
        Serializable,
        StrongSessionReadUncommitted,
        StrongSessionReadCommitted,
        StrongSessionSnapshotIsolation,
        StrongSessionSerializable,
        StrongReadUncommitted,
        StrongReadCommitted,
        StrongSnapshotIsolation,
        StrictSerializable,
    ];

    /// Its name, such as `snapshot-isolation`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ReadUncommitted => "read-uncommitted",
            ReadCommitted => "read-committed",
            MonotonicAtomicView => "monotonic-atomic-view",
            ReadAtomic => "read-atomic",
            CursorStability => "cursor-stability",
            ConsistentView => "consistent-view",
            RepeatableRead => "repeatable-read",
            ParallelSnapshotIsolation => "parallel-snapshot-isolation",
            SnapshotIsolation => "snapshot-isolation",
            Serializable => "serializable",
            StrongSessionReadUncommitted => "strong-session-read-uncommitted",
            StrongSessionReadCommitted => "strong-session-read-committed",
            StrongSessionSnapshotIsolation => "strong-session-snapshot-isolation",
            StrongSessionSerializable => "strong-session-serializable",
            StrongReadUncommitted => "strong-read-uncommitted",
            StrongReadCommitted => "strong-read-committed",
            StrongSnapshotIsolation => "strong-snapshot-isolation",
            StrictSerializable => "strict-serializable",
        }
    }

    /// The models that it implies directly: a history that satisfies it satisfies them too.
    const fn implies(self) -> &'static [Self] {
        match self {
            ReadUncommitted => &[],
            ReadCommitted => &[ReadUncommitted],
            MonotonicAtomicView => &[ReadCommitted],
            ReadAtomic => &[MonotonicAtomicView],
            CursorStability => &[ReadCommitted],
            ConsistentView => &[CursorStability],
            RepeatableRead => &[CursorStability, MonotonicAtomicView],
            ParallelSnapshotIsolation => &[ReadAtomic],
            SnapshotIsolation => &[ParallelSnapshotIsolation, ConsistentView],
            Serializable => &[RepeatableRead, SnapshotIsolation],
            StrongSessionReadUncommitted => &[ReadUncommitted],
            StrongSessionReadCommitted => &[ReadCommitted, StrongSessionReadUncommitted],
            StrongSessionSnapshotIsolation => &[SnapshotIsolation, StrongSessionReadCommitted],
            StrongSessionSerializable => &[Serializable, StrongSessionSnapshotIsolation],
            StrongReadUncommitted => &[StrongSessionReadUncommitted],
            StrongReadCommitted => &[StrongSessionReadCommitted, StrongReadUncommitted],
            StrongSnapshotIsolation => &[StrongSessionSnapshotIsolation, StrongReadCommitted],
            StrictSerializable => &[StrongSessionSerializable, StrongSnapshotIsolation],
        }
    }

    /// Whether a history that satisfies it satisfies `other` too.
    #[must_use]
    pub fn is_at_least(self, other: Self) -> bool {
        self == other || self.implies().iter().any(|weaker| weaker.is_at_least(other))
    }

    /// Whether it rules this anomaly out.
    #[must_use]
    pub fn rules_out(self, anomaly: AnomalyKind) -> bool {
        self.rules_out_itself(anomaly)
            || self.implies().iter().any(|weaker| weaker.rules_out(anomaly))
    }

    /// Whether it rules this anomaly out by what it adds to the models that it implies.
    fn rules_out_itself(self, anomaly: AnomalyKind) -> bool {
        use AnomalyKind as Kind;
        let Kind::Cycle(cycle, order) = anomaly else {
            return match anomaly {
                Kind::DuplicateElements | Kind::UnwrittenRead | Kind::CyclicVersions => {
                    self == ReadUncommitted
                }
                Kind::AbortedRead
                | Kind::IntermediateRead
                | Kind::IncompatibleOrder
                | Kind::DirtyUpdate
                | Kind::FutureRead => self == ReadCommitted,
                Kind::Internal => self == ReadAtomic,
                Kind::LostUpdate => {
                    matches!(self, CursorStability | ParallelSnapshotIsolation)
                }
                Kind::Cycle(..) => false,
            };
        };
        let Some((most, of)) = self.forbidden_cycles() else { return false };
        cycle <= most && order <= of
    }

    /// The mildest cycle that it rules out itself, and the orders with which it does.
    pub(super) const fn forbidden_cycles(self) -> Option<(CycleKind, Order)> {
        Some(match self {
            ReadUncommitted => (CycleKind::Write, Order::Data),
            ReadCommitted => (CycleKind::Information, Order::Data),
            MonotonicAtomicView | ReadAtomic | CursorStability | ParallelSnapshotIsolation => {
                return None;
            }
            ConsistentView => (CycleKind::SingleAntiDependency, Order::Data),
            SnapshotIsolation => (CycleKind::NonadjacentAntiDependencies, Order::Data),
            RepeatableRead | Serializable => (CycleKind::AntiDependencies, Order::Data),
            StrongSessionReadUncommitted => (CycleKind::Write, Order::Process),
            StrongSessionReadCommitted => (CycleKind::Information, Order::Process),
            StrongSessionSnapshotIsolation => {
                (CycleKind::NonadjacentAntiDependencies, Order::Process)
            }
            StrongSessionSerializable => (CycleKind::AntiDependencies, Order::Process),
            StrongReadUncommitted => (CycleKind::Write, Order::RealTime),
            StrongReadCommitted => (CycleKind::Information, Order::RealTime),
            StrongSnapshotIsolation => (CycleKind::NonadjacentAntiDependencies, Order::RealTime),
            StrictSerializable => (CycleKind::AntiDependencies, Order::RealTime),
        })
    }

    /// The greatest order that it or a model which it implies looks at.
    pub(super) fn order(self) -> Order {
        if self.is_at_least(StrongReadUncommitted) {
            Order::RealTime
        } else if self.is_at_least(StrongSessionReadUncommitted) {
            Order::Process
        } else {
            Order::Data
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no model of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no model `{name}`; known are {}", known())]
pub struct UnknownModel {
    name: String,
}

fn known() -> String {
    Model::ALL.map(Model::name).join(", ")
}

impl FromStr for Model {
    type Err = UnknownModel;

    /// Reads a name such as `snapshot-isolation`, or one of Adya's such as `PL-SI`.
    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        let known = Self::ALL.into_iter().find(|model| model.name() == name);
        known.or_else(|| alias(name)).ok_or_else(|| UnknownModel { name: name.to_owned() })
    }
}

fn alias(name: &str) -> Option<Model> {
    Some(match name {
        "PL-1" => ReadUncommitted,
        "PL-2" => ReadCommitted,
        "PL-CS" => CursorStability,
        "PL-2+" => ConsistentView,
        "PL-2.99" => RepeatableRead,
        "PL-SI" => SnapshotIsolation,
        "PL-3" | "conflict-serializable" => Serializable,
        "strong-session-PL-1" => StrongSessionReadUncommitted,
        "strong-session-PL-2" => StrongSessionReadCommitted,
        "strong-PL-1" => StrongReadUncommitted,
        "strong-PL-2" => StrongReadCommitted,
        "PL-SS" | "strong-serializable" => StrictSerializable,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_model_rules_out_what_a_weaker_one_does() {
        for strong in Model::ALL {
            for weak in Model::ALL {
                if !strong.is_at_least(weak) {
                    continue;
                }
                for kind in AnomalyKind::all() {
                    assert!(
                        !weak.rules_out(kind) || strong.rules_out(kind),
                        "{weak} rules out {kind}, and {strong} does not"
                    );
                }
            }
        }
    }

    #[test]
    fn what_tells_the_models_apart() {
        let write_skew = AnomalyKind::Cycle(CycleKind::AntiDependencies, Order::Data);
        assert!(!SnapshotIsolation.rules_out(write_skew));
        assert!(RepeatableRead.rules_out(write_skew));
        let read_skew = AnomalyKind::Cycle(CycleKind::SingleAntiDependency, Order::Data);
        assert!(SnapshotIsolation.rules_out(read_skew));
        assert!(!ReadCommitted.rules_out(read_skew));
        let stale = AnomalyKind::Cycle(CycleKind::SingleAntiDependency, Order::RealTime);
        assert!(!Serializable.rules_out(stale));
        assert!(StrongSnapshotIsolation.rules_out(stale));
        assert!(!StrongSessionSerializable.rules_out(stale));
        assert!(!RepeatableRead.rules_out(AnomalyKind::Internal));
        assert!(ReadAtomic.rules_out(AnomalyKind::Internal));
    }

    #[test]
    fn names_are_read_and_unknown_ones_refused() {
        for model in Model::ALL {
            assert_eq!(model.name().parse(), Ok(model));
        }
        assert_eq!("strong-serializable".parse(), Ok(StrictSerializable));
        let error = "serialisable".parse::<Model>().unwrap_err().to_string();
        assert!(error.starts_with("there is no model `serialisable`; known are read-uncommitted"));
    }
}
