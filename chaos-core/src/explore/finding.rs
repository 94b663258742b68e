//! What was found wrong after a fault.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::duration::{Display, rounded};
use crate::postgres::OpenSession;
use crate::postgres::fingerprint::Fingerprint;

/// What is wrong after a fault.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The check of the exploration does not hold.
    Check,
    /// What the tables hold in the end is not what a run without faults leaves.
    Divergence,
    /// The next operation on the same pool fails.
    FollowUp,
    /// The next operation on the same pool gets a session that is not as it was.
    Session,
    /// A session of the application is left in the midst of something.
    OpenSession,
    /// A connection did not come back to its pool.
    Connection,
    /// The operation did not come to an end.
    Hang,
    /// The operation fails again when it is called again, although nothing is broken any more.
    Retry,
}

/// Something wrong, in words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// In words. Runs with the same words have the same cause.
    pub words: String,
}

impl Finding {
    fn new(kind: FindingKind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into() }
    }

    pub(super) fn check(error: &str) -> Self {
        Self::new(FindingKind::Check, format!("the check does not hold: {error}"))
    }

    pub(super) fn follow_up(error: &str) -> Self {
        let words = format!("the next operation on the same pool fails: {error}");
        Self::new(FindingKind::FollowUp, words)
    }

    pub(super) fn missing(count: usize) -> Self {
        let words = match count {
            1 => "a connection did not come back to its pool".to_owned(),
            _ => format!("{count} connections did not come back to their pool"),
        };
        Self::new(FindingKind::Connection, words)
    }

    pub(super) fn hang(limit: Duration) -> Self {
        let limit = Display(rounded(limit));
        Self::new(FindingKind::Hang, format!("the operation did not come to an end within {limit}"))
    }

    pub(super) fn retry(error: &str) -> Self {
        let words = format!("the operation failed, and fails again when it is repeated: {error}");
        Self::new(FindingKind::Retry, words)
    }

    pub(super) fn open_session(session: &OpenSession) -> Self {
        Self::new(FindingKind::OpenSession, session.to_string())
    }

    /// What a session says that those of a run without faults do not.
    pub(super) fn session(state: &str, expected: &BTreeSet<String>) -> Option<Self> {
        if expected.is_empty() || expected.contains(state) {
            return None;
        }
        let usual: BTreeSet<&str> = expected.iter().flat_map(|it| it.lines()).collect();
        let odd: Vec<&str> = state.lines().filter(|line| !usual.contains(line)).collect();
        let odd = if odd.is_empty() { state.replace('\n', ", ") } else { odd.join(", ") };
        let words = format!("the next operation on the same pool gets a session {odd}");
        Some(Self::new(FindingKind::Session, words))
    }

    /// How what the tables hold differs.
    pub(super) fn divergence(expected: &Fingerprint, found: &Fingerprint) -> Option<Self> {
        let differences = expected.differences(found);
        if differences.is_empty() {
            return None;
        }
        let tables = differences.iter().map(|difference| {
            let rows = |count: u64| if count == 1 { "row" } else { "rows" };
            match (difference.before, difference.after) {
                (Some(before), Some(after)) if before.rows() == after.rows() => {
                    let count = after.rows();
                    {
                        let (table, rows) = (&difference.table, rows(count));
                        format!("{table} has {count} {rows}, as many as there, but not the same")
                    }
                }
                (Some(before), Some(after)) => {
                    let count = after.rows();
                    let (table, rows) = (&difference.table, rows(count));
                    format!("{table} has {count} {rows} instead of {}", before.rows())
                }
                _ => difference.to_string(),
            }
        });
        let tables: Vec<_> = tables.collect();
        let words = format!(
            "the content differs in the end from that of a run without faults: {}",
            tables.join("; ")
        );
        Some(Self::new(FindingKind::Divergence, words))
    }
}
