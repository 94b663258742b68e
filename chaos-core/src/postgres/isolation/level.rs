//! Isolation levels.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The isolation levels of PostgreSQL. `READ UNCOMMITTED` is `READ COMMITTED` there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsolationLevel {
    /// Every statement sees what was committed before it began.
    ReadCommitted,
    /// The transaction sees what was committed before its first statement: snapshot isolation.
    RepeatableRead,
    /// As if the transactions ran one after the other.
    Serializable,
}

impl IsolationLevel {
    /// All of them, from the weakest to the strongest.
    pub const ALL: [Self; 3] = [Self::ReadCommitted, Self::RepeatableRead, Self::Serializable];
}

impl fmt::Display for IsolationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        })
    }
}
