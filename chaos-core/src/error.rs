//! What can go wrong in the library itself, apart from the faults that it injects.

use crate::link::LinkError;
use crate::postgres::PostgresError;
use crate::sabotage::SabotageError;

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
    /// A fault could not take effect, or could not be undone.
    #[error(transparent)]
    Sabotage(#[from] SabotageError),
    /// A server of Toxiproxy could not do what it was asked for.
    #[cfg(feature = "toxiproxy")]
    #[error(transparent)]
    Toxiproxy(#[from] crate::toxiproxy::ToxiproxyError),
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

/// The text of an error and of the whole chain of its sources, because the outermost one often says
/// little.
#[must_use]
pub fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = error.source();
    }
    text
}
