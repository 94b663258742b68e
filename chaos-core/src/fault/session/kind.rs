//! The kinds of faults of sessions, with what each of them needs to know.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LockMode, Moment, Reach, Survivor};
use crate::duration;
use crate::fault::SqlCode;

/// The kinds of faults of sessions. What a field names is written as in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant says where its fields are explained")]
pub enum SessionFaultKind {
    /// See [`terminate_sessions`](super::terminate_sessions()).
    TerminateSessions {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<NonZeroU32>,
    },
    /// See [`cancel_queries`](super::cancel_queries()).
    CancelQueries {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_most: Option<NonZeroU32>,
    },
    /// See [`lock_table`](super::lock_table()).
    LockTable { table: String, mode: LockMode },
    /// See [`lock_rows`](super::lock_rows()).
    LockRows { table: String, condition: String },
    /// See [`lock_advisory`](super::lock_advisory()).
    LockAdvisory { key: i64 },
    /// See [`deadlock`](super::deadlock()).
    Deadlock {
        table: String,
        condition: String,
        survivor: Survivor,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`serialization_failure`](super::serialization_failure()).
    SerializationFailure {
        table: String,
        condition: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`exhaust_connections`](super::exhaust_connections()).
    ExhaustConnections { leaving: u32 },
    /// See [`role_connection_limit`](super::role_connection_limit()).
    RoleConnectionLimit { limit: u32 },
    /// See [`database_connection_limit`](super::database_connection_limit()).
    DatabaseConnectionLimit { limit: u32 },
    /// See [`close_database`](super::close_database()).
    CloseDatabase,
    /// See [`forbid_login`](super::forbid_login()).
    ForbidLogin,
    /// See [`revoke_connect`](super::revoke_connect()).
    RevokeConnect,
    /// See [`reject_connections`](super::reject_connections()).
    RejectConnections,
    /// See [`setting`](super::setting()).
    Setting { name: String, value: String, reach: Reach },
    /// See [`sql_error`](super::sql_error()).
    SqlError {
        table: String,
        sqlstate: SqlCode,
        moment: Moment,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`slow_writes`](super::slow_writes()) and [`slow_commits`](super::slow_commits()).
    Slow {
        table: String,
        #[serde(with = "duration::text")]
        delay: Duration,
        moment: Moment,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`forget_prepared_statements`](super::forget_prepared_statements()).
    ForgetPreparedStatements {
        table: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`abort_commits`](super::abort_commits()).
    AbortCommits {
        table: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`lose_commit_answers`](super::lose_commit_answers()).
    LoseCommitAnswers {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<NonZeroU32>,
    },
    /// See [`rename_table`](super::rename_table()).
    RenameTable { table: String },
    /// See [`rename_column`](super::rename_column()).
    RenameColumn { table: String, column: String },
    /// See [`add_column`](super::add_column()).
    AddColumn { table: String },
    /// See [`exhaust_sequence`](super::exhaust_sequence()).
    ExhaustSequence { sequence: String },
    /// See [`rewind_sequence`](super::rewind_sequence()).
    RewindSequence { sequence: String, to: i64 },
    /// See [`hold_snapshot`](super::hold_snapshot()).
    HoldSnapshot,
}

impl SessionFaultKind {
    /// The name of the function that builds it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TerminateSessions { .. } => "terminate_sessions",
            Self::CancelQueries { .. } => "cancel_queries",
            Self::LockTable { .. } => "lock_table",
            Self::LockRows { .. } => "lock_rows",
            Self::LockAdvisory { .. } => "lock_advisory",
            Self::Deadlock { .. } => "deadlock",
            Self::SerializationFailure { .. } => "serialization_failure",
            Self::ExhaustConnections { .. } => "exhaust_connections",
            Self::RoleConnectionLimit { .. } => "role_connection_limit",
            Self::DatabaseConnectionLimit { .. } => "database_connection_limit",
            Self::CloseDatabase => "close_database",
            Self::ForbidLogin => "forbid_login",
            Self::RevokeConnect => "revoke_connect",
            Self::RejectConnections => "reject_connections",
            Self::Setting { .. } => "setting",
            Self::SqlError { .. } => "sql_error",
            Self::Slow { moment: Moment::Statement, .. } => "slow_writes",
            Self::Slow { moment: Moment::Commit, .. } => "slow_commits",
            Self::ForgetPreparedStatements { .. } => "forget_prepared_statements",
            Self::AbortCommits { .. } => "abort_commits",
            Self::LoseCommitAnswers { .. } => "lose_commit_answers",
            Self::RenameTable { .. } => "rename_table",
            Self::RenameColumn { .. } => "rename_column",
            Self::AddColumn { .. } => "add_column",
            Self::ExhaustSequence { .. } => "exhaust_sequence",
            Self::RewindSequence { .. } => "rewind_sequence",
            Self::HoldSnapshot => "hold_snapshot",
        }
    }

    /// Whether it can be known that the fault touched something.
    ///
    /// The server tells nobody who failed to find a table or a number, or whose rubbish stays.
    #[must_use]
    pub const fn is_observable(&self) -> bool {
        !matches!(
            self,
            Self::RenameTable { .. }
                | Self::RenameColumn { .. }
                | Self::AddColumn { .. }
                | Self::ExhaustSequence { .. }
                | Self::HoldSnapshot
        )
    }

    /// What it means that the fault touched nothing, and what the reason may be.
    pub(crate) const fn silence(&self) -> &'static str {
        match self {
            Self::TerminateSessions { .. } => {
                "found no session of the application; is the pool connected to this database \
                 already?"
            }
            Self::CancelQueries { .. } => {
                "found no query of the application; does one run when the fault takes effect?"
            }
            Self::LockTable { .. } | Self::LockRows { .. } | Self::LockAdvisory { .. } => {
                "no session waited for it; does the application use what is locked, and wait for \
                 longer than 10ms?"
            }
            Self::Deadlock { .. } | Self::SerializationFailure { .. } => {
                "no session wrote the rows; does the application write rows of this condition, and \
                 wait for longer than 10ms?"
            }
            Self::ExhaustConnections { .. }
            | Self::RoleConnectionLimit { .. }
            | Self::DatabaseConnectionLimit { .. }
            | Self::CloseDatabase
            | Self::ForbidLogin
            | Self::RevokeConnect
            | Self::RejectConnections => {
                "nobody tried to connect through the link; does the pool have all of its \
                 connections already? `terminate_sessions()` makes it open new ones."
            }
            Self::Setting { reach: Reach::NewSessions, .. } => {
                "no session was opened under it through the link; does the pool have all of its \
                 connections already? Those that are open are reached by `.open_sessions_too()` on \
                 a server of their own."
            }
            Self::Setting { reach: Reach::AllSessions, .. } => {
                "the application had no session; is the pool connected to this database?"
            }
            Self::SqlError { .. }
            | Self::Slow { .. }
            | Self::ForgetPreparedStatements { .. }
            | Self::AbortCommits { .. } => "nobody wrote to the table; does the application?",
            Self::LoseCommitAnswers { .. } => "nobody committed anything; does the application?",
            Self::RewindSequence { .. } => "nobody drew a number; does the application use it?",
            Self::RenameTable { .. }
            | Self::RenameColumn { .. }
            | Self::AddColumn { .. }
            | Self::ExhaustSequence { .. }
            | Self::HoldSnapshot => "nothing can be known of whom it touched.",
        }
    }
}
