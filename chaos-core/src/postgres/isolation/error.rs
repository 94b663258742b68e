//! Why an interleaving could not be carried through.

use std::time::Duration;

use super::report::StepOutcome;
use crate::duration::Display as Shown;
use crate::error::Error;

/// Why an interleaving could not be carried through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterleavingError {
    /// A step is of a session that there is not.
    #[error("step {step} is of session `{session}`; the sessions are: {}", known.join(", "))]
    UnknownSession {
        /// Which step, counted from 1.
        step: usize,
        /// The session that was named.
        session: String,
        /// The sessions that there are.
        known: Vec<String>,
    },
    /// Two sessions have the same name.
    #[error("there are two sessions `{session}`; give each a name of its own")]
    DuplicateSession {
        /// The name.
        session: String,
    },
    /// A step was to block and did not.
    #[error("step {step} of `{session}` was to block and did not: {what}: {outcome}")]
    DidNotBlock {
        /// Which step, counted from 1.
        step: usize,
        /// Its session.
        session: String,
        /// What it does.
        what: String,
        /// What came of it.
        outcome: StepOutcome,
    },
    /// A step cannot begin, because its session waits and nothing before it would end the wait.
    #[error(
        "step {step} of `{session}` can never begin: the session still waits for {} with: {what}",
        waits_for.join(", ")
    )]
    Waiting {
        /// Which step, counted from 1.
        step: usize,
        /// Its session.
        session: String,
        /// What the session is at.
        what: String,
        /// Whom it waits for: sessions by name, others by process.
        waits_for: Vec<String>,
    },
    /// A step took too long, and not because of a session that has nothing to do.
    #[error(
        "step {step} of `{session}` was not done after {}: {what}{}",
        Shown(*patience),
        if waits_for.is_empty() { String::new() } else { format!("; it waits for {}", waits_for.join(", ")) }
    )]
    TooLong {
        /// Which step, counted from 1.
        step: usize,
        /// Its session.
        session: String,
        /// What it does.
        what: String,
        /// Whom it waits for, if the server knows.
        waits_for: Vec<String>,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The preparation failed, or a session could not begin, or the server could not be asked.
    #[error("failed to {action}")]
    Sql {
        /// What was tried.
        action: String,
        /// The error of the driver.
        source: tokio_postgres::Error,
    },
    /// A session could not be opened.
    #[error(transparent)]
    Connect(#[from] Error),
}

impl InterleavingError {
    pub(super) fn sql(action: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Sql { action: action.into(), source }
    }
}
