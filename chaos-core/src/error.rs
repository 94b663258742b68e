//! What can go wrong in the library itself, apart from the faults that it injects.

use crate::link::LinkError;
use crate::postgres::PostgresError;

/// The error of the library's fallible operations.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A link could not be opened.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// PostgreSQL could not be found, started or used.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// What the test needs is not there, so that it has to be skipped.
    #[error("skipped: {reason}")]
    Unavailable {
        /// What is missing.
        reason: String,
    },
}

/// The error of a test: anything that can be shown.
pub type TestError = Box<dyn std::error::Error + Send + Sync>;

/// What a test returns.
pub type TestResult<T = ()> = Result<T, TestError>;
