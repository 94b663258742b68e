//! Why an exploration failed.

use crate::error::{Error, TestError};
use crate::postgres::fingerprint::FingerprintError;

use super::report::Explored;
use super::token::InvalidToken;

/// Why an exploration failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExploreError {
    /// A promise does not hold at some points.
    #[error("{0}")]
    Violated(Box<Explored>),
    /// The scenario failed before any fault.
    #[error("the scenario fails without any fault: failed to {action}")]
    Baseline {
        /// What failed.
        action: &'static str,
        /// Its error.
        source: TestError,
    },
    /// The scenario leaves something wrong behind without any fault.
    #[error("the scenario goes wrong without any fault: {problem}")]
    Unsound {
        /// What is wrong.
        problem: String,
    },
    /// Two runs without faults exchange other messages, so that points have no names.
    #[error(
        "two runs of the scenario without faults differ at {place}: {first} in the first, {second} \
         in the second; have the operation do the same every time, one thing after the other"
    )]
    Differs {
        /// The first message that differs, as tokens name it.
        place: String,
        /// What it was in the first run.
        first: String,
        /// What it was in the second run.
        second: String,
    },
    /// The scenario sent nothing through the link.
    #[error(
        "the scenario exchanges no message with the server, so that there is nothing to explore; \
         is its pool built with `pg.pool(..)` or over `pg.config()`, from the database that \
         `setup` is given?"
    )]
    NoMessages,
    /// No point was tried.
    #[error("no point was tried: {why}")]
    NothingTried {
        /// Why not.
        why: String,
    },
    /// What is to be replayed was not met.
    #[error(
        "`{token}` was not met: the operation came to its end without such a message or poll; has \
         the scenario changed since?"
    )]
    NotMet {
        /// The token.
        token: String,
    },
    /// The token cannot be understood.
    #[error("the environment variable CHAOS_REPLAY is wrong: {0}")]
    Token(#[from] InvalidToken),
    /// What two runs leave behind could not be compared.
    #[error("failed to compare what runs leave behind")]
    Fingerprint(#[from] FingerprintError),
    /// The library could not do its part.
    #[error("failed to explore")]
    Library(#[from] Error),
}

impl From<crate::postgres::PostgresError> for ExploreError {
    fn from(error: crate::postgres::PostgresError) -> Self {
        Self::Library(error.into())
    }
}
