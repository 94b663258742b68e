//! Faults of those who write to a table, at the statement or at the commit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AbortCommits, ForgetPreparedStatements, LoseCommitAnswers, SessionFaultKind, Slow, SqlError,
};
use crate::fault::SqlCode;

/// When a fault of those who write acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Moment {
    /// At an `INSERT`, `UPDATE` or `DELETE`, before it does anything.
    Statement,
    /// At the commit of a transaction that changed a row, or of a statement outside of one.
    Commit,
}

/// Has whoever writes to `table` fail with this SQLSTATE; the transaction is aborted as by any error.
///
/// It acts at the statement, or [`at_commit`](SqlError::at_commit); every time, or so many
/// [`times`](SqlError::times). It is made with a trigger, which an application sees that looks at its
/// schema. Creating and removing it waits for open transactions that use the table.
///
/// Any other statement can be made to fail on its way to the server: see
/// [`error`](crate::fault::error()).
///
/// ```
/// use chaos_core::prelude::*;
///
/// let fault = sql_error("accounts", SqlState::T_R_SERIALIZATION_FAILURE).at_commit().times(3);
/// let fault = sql_error("accounts", "UD001".parse::<SqlCode>()?);
/// # Ok::<(), chaos_core::fault::InvalidSqlState>(())
/// ```
///
/// # Panics
///
/// When a `SqlState` was made from a text that is none; parsing a [`SqlCode`] returns the error
/// instead.
#[track_caller]
pub fn sql_error(table: impl Into<String>, code: impl Into<SqlCode>) -> SqlError {
    let (table, sqlstate, moment) = (table.into(), code.into(), Moment::Statement);
    SessionFaultKind::SqlError { table, sqlstate, moment, times: None }.into()
}

/// Has every statement that writes to `table` take longer by `delay`.
///
/// Made with a trigger, as [`sql_error`].
///
/// # Panics
///
/// When `delay` is 0.
#[track_caller]
pub fn slow_writes(table: impl Into<String>, delay: Duration) -> Slow {
    slow(table.into(), delay, Moment::Statement)
}

/// Has every commit of a transaction that wrote to `table` take longer by `delay`.
///
/// No `statement_timeout` bounds it; `transaction_timeout` does, in PostgreSQL 17 or newer. Made with
/// a trigger, as [`sql_error`].
///
/// # Panics
///
/// When `delay` is 0.
#[track_caller]
pub fn slow_commits(table: impl Into<String>, delay: Duration) -> Slow {
    slow(table.into(), delay, Moment::Commit)
}

#[track_caller]
fn slow(table: String, delay: Duration, moment: Moment) -> Slow {
    assert!(!delay.is_zero(), "a delay of 0 does nothing; leave it out");
    SessionFaultKind::Slow { table, delay, moment, times: None }.into()
}

/// Has every session that writes to `table` forget its prepared statements, as behind a pooler that
/// hands on another one: those that are executed later fail with SQLSTATE 26000
/// (`invalid_sql_statement_name`).
///
/// Made with a trigger, as [`sql_error`].
pub fn forget_prepared_statements(table: impl Into<String>) -> ForgetPreparedStatements {
    SessionFaultKind::ForgetPreparedStatements { table: table.into(), times: None }.into()
}

/// Ends sessions in the midst of the commit of a transaction that wrote to `table`, **before** it is
/// committed.
///
/// The client is told SQLSTATE 57P01 or nothing, which it is told of a commit that did take place,
/// too: its [`Outcome`](crate::outcome::Outcome) is `Unknown`, and the truth is that nothing was
/// written. [`lose_commit_answers`] is the other way round.
///
/// Made with a trigger, as [`sql_error`].
pub fn abort_commits(table: impl Into<String>) -> AbortCommits {
    SessionFaultKind::AbortCommits { table: table.into(), times: None }.into()
}

/// Ends sessions in the midst of a commit, **after** it was committed and before anybody is told.
///
/// The client finds its connection closed: its [`Outcome`](crate::outcome::Outcome) is `Unknown`,
/// and the truth is that everything was written. [`abort_commits`] is the other way round.
///
/// The server is made to wait for a standby that does not exist, so it needs a server of its own
/// (`cx.postgres_server()`). On a shared one, cut the link behind the answer:
/// `pg.inject(cut().when_seen(seen(b"COMMIT\0").downstream()))`.
pub fn lose_commit_answers() -> LoseCommitAnswers {
    SessionFaultKind::LoseCommitAnswers { times: None }.into()
}
