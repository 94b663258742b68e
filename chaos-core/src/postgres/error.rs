//! Why PostgreSQL could not be found, started or used.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why PostgreSQL could not be found, started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// A file or a process could not be used.
    #[error("failed to {action}")]
    Io {
        /// What was tried.
        action: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The server refused something, or the connection to it broke.
    #[error("failed to {action}")]
    Sql {
        /// What was tried.
        action: String,
        /// The error of the driver.
        source: tokio_postgres::Error,
    },
    /// No connection could be opened, because the server of the test's own is down.
    #[error("failed to {action}: the server is down; `pg.server()?.start()` starts it")]
    Down {
        /// What was tried.
        action: String,
        /// The error of the driver.
        source: tokio_postgres::Error,
    },
    /// No usable PostgreSQL is installed.
    #[error(
        "found no PostgreSQL {OLDEST} to {NEWEST}; looked at:\n{}install it with `apt-get install postgresql`, \
         `dnf install postgresql-server`, `brew install postgresql` or, without root, `cargo xtask \
         postgres` in a clone of chaos-harness; or name the directory that holds `initdb` and \
         `postgres` in CHAOS_PG_BIN",
        Lines(.looked)
    )]
    NotFound {
        /// Every place that was looked at.
        looked: Vec<Looked>,
    },
    /// An environment variable holds something that cannot be used.
    #[error("{variable} {problem}")]
    Variable {
        /// The name of the variable.
        variable: &'static str,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// The place that was chosen for servers cannot hold them.
    #[error("cannot keep a server in {}: {problem}", directory.display())]
    Directory {
        /// The directory.
        directory: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A program of PostgreSQL failed, or said something unexpected.
    #[error("{program} {problem}")]
    Program {
        /// The program and its arguments.
        program: String,
        /// How it failed, with what it printed.
        problem: String,
    },
    /// The server could not be started, or the one that was given not be used.
    #[error("no server is available: {reason}")]
    Start {
        /// Why, as its supervisor tells it; with the end of the server's log where there is one.
        reason: String,
    },
    /// A setting of a server cannot be used.
    #[error("`{name}` {problem}")]
    Setting {
        /// The setting.
        name: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// Something was asked of a server that others use too.
    #[error(
        "this server is shared with other tests, which would be {what} too; use a server of your \
         own: `cx.postgres_server()`"
    )]
    Shared {
        /// What would happen to them.
        what: &'static str,
    },
    /// The processes of a server could not be made to do something.
    #[error("failed to {action}: {reason}")]
    Process {
        /// What was tried.
        action: String,
        /// Why not, with the end of the server's log where it says more.
        reason: String,
    },
    /// Something took too long.
    #[error("gave up after {limit:?}: {action}")]
    TimedOut {
        /// What was waited for, and who is known to be in the way.
        action: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// This program does not know how to start itself again as the supervisor of a server.
    #[error(
        "this program cannot supervise a server: call `chaos_core::reexec::set_arguments` with the \
         arguments that lead to a call of `chaos_core::postgres::supervise_if_asked`, as \
         `chaos_harness::main!()` does"
    )]
    NoSupervisor,
    /// Servers are started on Unix only.
    #[error("PostgreSQL cannot be started on this platform")]
    Platform,
    /// What makes a template failed. Nothing of it is kept: the next test tries again.
    #[error("the migration of the template `{template}` failed")]
    Migration {
        /// The name of the template.
        template: String,
        /// The error of the migration.
        source: crate::error::TestError,
    },
    /// A database could not be reset.
    #[error("the database cannot be reset: {problem}")]
    Reset {
        /// What stands in the way, and what to do.
        problem: String,
    },
    /// A pool could never have all of its connections.
    #[error(
        "a pool of {wanted} connections cannot be filled: the server takes {limit} in all \
         (max_connections), from all tests that run at the same time; ask for a smaller pool, or \
         raise max_connections on a server that CHAOS_POSTGRES_URL names"
    )]
    PoolTooLarge {
        /// How many connections the pool was to have.
        wanted: usize,
        /// How many the server takes.
        limit: usize,
    },
    /// A pool could not be built.
    #[error("failed to build a pool of connections")]
    Pool {
        /// The error of the pool.
        source: deadpool_postgres::BuildError,
    },
}

/// The oldest and the newest major version that can be used.
pub(super) const OLDEST: u16 = 13;
pub(super) const NEWEST: u16 = 18;

#[cfg_attr(not(unix), allow(dead_code, reason = "only servers need all of it"))]
impl PostgresError {
    /// For `map_err`: what was tried when the operating system said no.
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action: action.into(), source }
    }

    /// For `map_err`: what was tried with a file or a directory.
    pub(super) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        Self::io(format!("{verb} {}", path.display()))
    }

    /// For `map_err`: what was tried when the server said no.
    pub(super) fn sql(action: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Sql { action: action.into(), source }
    }

    /// The message and all its sources, in one text.
    pub(super) fn with_sources(&self) -> String {
        crate::error::with_sources(self)
    }
}

/// A place where PostgreSQL was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Looked {
    /// The place: a variable, a command, a directory or a pattern.
    pub place: String,
    /// Why it was not used.
    pub reason: String,
}

struct Lines<'a>(&'a [Looked]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Looked { place, reason }| writeln!(f, "  {place}: {reason}"))
    }
}
