//! Faults of the sessions of a PostgreSQL database, and of what they share: locks, limits, settings.
//!
//! They are real requests to a real server, made by a session of the library's own, so the
//! application meets what it would meet in production, with the SQLSTATE of the server. See
//! [`Postgres::sabotage`](crate::postgres::Postgres::sabotage).

use serde::{Deserialize, Serialize};

mod builder;
mod conflicts;
mod connections;
mod kind;
mod label;
mod locks;
mod schema;
mod sessions;
mod settings;
mod writes;

#[cfg(test)]
mod tests;

pub use self::builder::{
    AbortCommits, CancelQueries, Deadlock, ExhaustConnections, ForgetPreparedStatements,
    HoldSnapshot, LockAdvisory, LockRows, LockTable, LoseCommitAnswers, NoEntry, SchemaChange,
    SequenceChange, SerializationFailure, Setting, Slow, SqlError, TerminateSessions,
};
pub use self::conflicts::{Survivor, deadlock, serialization_failure};
pub use self::connections::{
    close_database, database_connection_limit, exhaust_connections, forbid_login,
    reject_connections, revoke_connect, role_connection_limit,
};
pub use self::kind::SessionFaultKind;
pub use self::locks::{LockMode, UnknownLockMode, lock_advisory, lock_rows, lock_table};
pub use self::schema::{
    add_column, exhaust_sequence, hold_snapshot, rename_column, rename_table, rewind_sequence,
};
pub use self::sessions::{cancel_queries, terminate_sessions};
pub use self::settings::{
    Reach, idle_in_transaction_timeout, idle_session_timeout, lock_timeout, read_only, setting,
    statement_timeout, transaction_timeout,
};
pub use self::writes::{
    Moment, abort_commits, forget_prepared_statements, lose_commit_answers, slow_commits,
    slow_writes, sql_error,
};

/// One fault of the sessions of a database, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionFault {
    /// What goes wrong.
    pub kind: SessionFaultKind,
    /// Whether it may end without having touched anything. Otherwise that fails the test, where it
    /// can be known.
    #[serde(default)]
    pub may_be_idle: bool,
}

impl SessionFault {
    /// A fault of this kind.
    #[must_use]
    pub const fn new(kind: SessionFaultKind) -> Self {
        Self { kind, may_be_idle: false }
    }
}
