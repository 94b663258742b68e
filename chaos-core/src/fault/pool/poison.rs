//! What can be wrong with a connection that a pool hands out.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration;

/// What is wrong with a connection that a pool hands out, as its last holder would have left it.
///
/// The pool does not notice any of it with its default, `RecyclingMethod::Fast`; which method
/// notices what is in the manual of deadpool-postgres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Poison {
    /// A transaction is open: what the next holder writes is lost unless it commits by itself.
    OpenTransaction,
    /// A transaction is open and failed: everything fails with SQLSTATE 25P02.
    AbortedTransaction,
    /// The search path is empty: unqualified names are not found (42P01), or are those of another
    /// schema.
    SearchPath,
    /// A temporary table without rows hides the table of this name.
    TemporaryTable(String),
    /// Transactions are read-only (25006).
    ReadOnly,
    /// Statements are cancelled after so long (57014). From 1 ms on.
    StatementTimeout(#[serde(with = "duration::text")] Duration),
    /// Any statements, and those that undo them.
    Sql {
        /// What spoils the connection.
        spoil: String,
        /// What makes it well again.
        mend: String,
    },
}

impl Poison {
    /// Any statements that spoil a connection, and those that make it well again.
    pub fn sql(spoil: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Sql { spoil: spoil.into(), mend: mend.into() }
    }

    /// What spoils a connection.
    pub(crate) fn spoil(&self) -> String {
        match self {
            Self::OpenTransaction => "BEGIN".to_owned(),
            Self::AbortedTransaction => "BEGIN; SELECT 1/0".to_owned(),
            Self::SearchPath => "SET search_path TO ''".to_owned(),
            Self::TemporaryTable(name) => {
                let name = format!("\"{}\"", name.replace('"', "\"\""));
                format!("CREATE TEMPORARY TABLE {name} (LIKE {name} INCLUDING ALL)")
            }
            Self::ReadOnly => "SET default_transaction_read_only TO on".to_owned(),
            Self::StatementTimeout(limit) => {
                format!("SET statement_timeout TO {}", limit.as_millis().max(1))
            }
            Self::Sql { spoil, .. } => spoil.clone(),
        }
    }

    /// What makes it well again, after a rollback.
    pub(crate) fn mend(&self) -> String {
        match self {
            Self::OpenTransaction | Self::AbortedTransaction => String::new(),
            Self::SearchPath => "RESET search_path".to_owned(),
            Self::TemporaryTable(_) => "DISCARD TEMPORARY".to_owned(),
            Self::ReadOnly => "RESET default_transaction_read_only".to_owned(),
            Self::StatementTimeout(_) => "RESET statement_timeout".to_owned(),
            Self::Sql { mend, .. } => mend.clone(),
        }
    }

    /// Whether the statements that spoil it fail when they do what they are to do.
    pub(crate) fn fails(&self) -> bool {
        matches!(self, Self::AbortedTransaction)
    }
}

impl fmt::Display for Poison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenTransaction => f.write_str("open transaction"),
            Self::AbortedTransaction => f.write_str("aborted transaction"),
            Self::SearchPath => f.write_str("empty search_path"),
            Self::TemporaryTable(name) => write!(f, "temporary table {name}"),
            Self::ReadOnly => f.write_str("read-only"),
            Self::StatementTimeout(limit) => {
                write!(f, "statement_timeout {}", duration::Display(*limit))
            }
            Self::Sql { spoil, .. } => f.write_str(spoil),
        }
    }
}
