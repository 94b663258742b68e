//! Faults of those who write to a table, at the statement or at the commit.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    AbortCommits, ForgetPreparedStatements, LoseCommitAnswers, SessionFaultKind, Slow, SqlError,
};

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

/// A SQLSTATE of an error, such as `40001`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SqlStateCode(String);

/// A text that is no SQLSTATE of an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no SQLSTATE of an error; write five digits and capitals such as 40001, of a class \
     other than 00, 01 and 02, which are no errors"
)]
pub struct NoSqlState {
    text: String,
}

impl SqlStateCode {
    /// The five letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SqlStateCode {
    type Error = NoSqlState;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let letters = text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let is_error = !["00", "01", "02"].iter().any(|class| text.starts_with(class));
        if text.len() == 5 && letters && is_error {
            Ok(Self(text))
        } else {
            Err(NoSqlState { text })
        }
    }
}

impl From<SqlStateCode> for String {
    fn from(code: SqlStateCode) -> Self {
        code.0
    }
}

impl fmt::Display for SqlStateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Has whoever writes to `table` fail with this SQLSTATE, such as `"40001"`; the transaction is
/// aborted as by any error.
///
/// It acts at the statement, or [`at_commit`](SqlError::at_commit); every time, or so many
/// [`times`](SqlError::times). It is made with a trigger, which an application sees that looks at its
/// schema. Creating and removing it waits for open transactions that use the table.
///
/// # Panics
///
/// When `sqlstate` is no SQLSTATE of an error.
#[track_caller]
pub fn sql_error(table: impl Into<String>, sqlstate: &str) -> SqlError {
    let code = SqlStateCode::try_from(sqlstate.to_owned());
    let sqlstate = code.unwrap_or_else(|error| panic!("{error}"));
    let moment = Moment::Statement;
    SessionFaultKind::SqlError { table: table.into(), sqlstate, moment, times: None }.into()
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
