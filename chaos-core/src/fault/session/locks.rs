//! Faults that hold what others wait for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{LockAdvisory, LockRows, LockTable, SessionFaultKind};

/// Holds a lock on a table, in [`LockMode::AccessExclusive`] unless another
/// [`mode`](LockTable::mode) is chosen, so that whoever needs it waits.
///
/// The name is written as in SQL: `accounts`, `billing.accounts` or `"Weird name"`.
///
/// The application waits, or fails with SQLSTATE 55P03 (`lock_not_available`) where it has a
/// `lock_timeout` or says `NOWAIT`, or with 57014 where it has a `statement_timeout`. Sessions that
/// wait are what is counted; they are looked for every 10 ms, so one that gives up sooner may be
/// missed, and one that says `NOWAIT` is never seen.
pub fn lock_table(table: impl Into<String>) -> LockTable {
    let mode = LockMode::AccessExclusive;
    SessionFaultKind::LockTable { table: table.into(), mode }.into()
}

/// Holds the rows of `table` that meet `condition`, as `SELECT FOR UPDATE` does.
///
/// The condition is SQL, such as `id = 1`, and has to hold for at least one row. Whoever writes or
/// locks such a row waits, or fails with SQLSTATE 55P03 as with [`lock_table`], where it is said how
/// that is counted; `SKIP LOCKED` skips it.
pub fn lock_rows(table: impl Into<String>, condition: impl Into<String>) -> LockRows {
    SessionFaultKind::LockRows { table: table.into(), condition: condition.into() }.into()
}

/// Holds an advisory lock: `pg_advisory_lock(key)` waits, `pg_try_advisory_lock(key)` is false.
pub fn lock_advisory(key: i64) -> LockAdvisory {
    SessionFaultKind::LockAdvisory { key }.into()
}

/// The modes of locks on tables, from the weakest to the strongest, as the manual of PostgreSQL has
/// them under "Table-Level Locks".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockMode {
    /// What a `SELECT` takes; holds up `ALTER TABLE`, `DROP TABLE` and `TRUNCATE`.
    AccessShare,
    /// What `SELECT FOR UPDATE` takes.
    RowShare,
    /// What `INSERT`, `UPDATE` and `DELETE` take; holds up `CREATE INDEX`.
    RowExclusive,
    /// What `VACUUM` and `CREATE INDEX CONCURRENTLY` take.
    ShareUpdateExclusive,
    /// What `CREATE INDEX` takes; holds up writers.
    Share,
    /// What `CREATE TRIGGER` takes; holds up writers.
    ShareRowExclusive,
    /// Holds up everyone but those who only read.
    Exclusive,
    /// What `ALTER TABLE` takes; holds up everyone.
    AccessExclusive,
}

impl LockMode {
    const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// As it is written in SQL: `ACCESS EXCLUSIVE`.
    #[must_use]
    pub const fn as_sql(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_sql())
    }
}

/// A text that is no mode of a lock on a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no mode of a lock on a table; write ACCESS SHARE, ROW SHARE, ROW EXCLUSIVE, SHARE \
     UPDATE EXCLUSIVE, SHARE, SHARE ROW EXCLUSIVE, EXCLUSIVE or ACCESS EXCLUSIVE"
)]
pub struct UnknownLockMode {
    text: String,
}

/// Reads a mode as it is written in SQL, in capitals or not.
impl FromStr for LockMode {
    type Err = UnknownLockMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |mode: &Self| mode.as_sql().eq_ignore_ascii_case(text.trim());
        Self::ALL.into_iter().find(named).ok_or_else(|| UnknownLockMode { text: text.to_owned() })
    }
}
