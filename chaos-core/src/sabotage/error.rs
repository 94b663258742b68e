//! Why a fault could not take effect, or could not be undone.

use std::io;
use std::time::Duration;

use crate::postgres::PostgresError;

/// Why a fault could not take effect, or could not be undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SabotageError {
    /// It would reach tests that it has nothing to do with.
    #[error(
        "the fault `{fault}` is refused on a server that is shared: it {reach}; take a server of \
         its own with `cx.postgres_server()`"
    )]
    SharedServer {
        /// The fault.
        fault: String,
        /// Whom it would reach.
        reach: &'static str,
    },
    /// The server cannot do it yet.
    #[error(
        "the fault `{fault}` needs PostgreSQL {needs} or newer, and this server is {version}; name \
         the programs of a newer one in CHAOS_PG_BIN"
    )]
    TooOld {
        /// The fault.
        fault: String,
        /// The oldest major version that can do it.
        needs: u16,
        /// The version of the server.
        version: String,
    },
    /// The user of the sabotage may not do it.
    #[error("the fault `{fault}` needs {needs}; {remedy}")]
    NotPermitted {
        /// The fault.
        fault: String,
        /// What is needed.
        needs: String,
        /// What to do.
        remedy: &'static str,
        /// The refusal of the server, where it was asked.
        source: Option<tokio_postgres::Error>,
    },
    /// What is to be broken is not there, or is something else.
    #[error("the fault `{fault}` cannot take effect: {problem}")]
    NoTarget {
        /// The fault.
        fault: String,
        /// What is missing, and what there is instead.
        problem: String,
    },
    /// Another fault that is in effect stands in the way.
    #[error("the fault `{fault}` cannot take effect while {other} is; clear that one before")]
    Conflict {
        /// The fault.
        fault: String,
        /// The other one, or what it has hold of.
        other: String,
    },
    /// It took too long until the fault was in effect, or undone.
    #[error("gave up after {limit:?} to {action} for the fault `{fault}`{obstacle}")]
    TimedOut {
        /// The fault.
        fault: String,
        /// What was tried.
        action: String,
        /// How long.
        limit: Duration,
        /// Who is in the way, as far as it is known.
        obstacle: String,
    },
    /// No session could be opened to do it.
    #[error("cannot connect for the fault `{fault}`")]
    Connect {
        /// The fault.
        fault: String,
        /// Why.
        source: Box<PostgresError>,
    },
    /// The server refused something, or the connection to it broke.
    #[error("failed to {action} for the fault `{fault}`")]
    Sql {
        /// The fault.
        fault: String,
        /// What was tried.
        action: String,
        /// The error of the driver.
        source: tokio_postgres::Error,
    },
    /// A file of the server could not be used.
    #[error("failed to {action} for the fault `{fault}`")]
    File {
        /// The fault.
        fault: String,
        /// What was tried.
        action: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The thread on which faults are done and undone could not be started.
    #[error("cannot start the thread of the saboteurs")]
    Thread {
        /// The error of the operating system.
        source: io::Error,
    },
    /// A bug of the library.
    #[error("the fault `{fault}` panicked on the thread of the library, which is a bug of it")]
    Panicked {
        /// The fault.
        fault: String,
    },
}
