//! An ephemeral PostgreSQL server, and a database of one's own behind a link of its own.

use std::io;

use crate::error::Error;
use crate::link::{Link, Target};
use crate::scope::Scope;

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
}

/// A database of one's own, behind a link of its own.
///
/// Clones are the same database and the same link. The database is dropped with the last of them.
#[derive(Debug, Clone)]
pub struct Postgres {
    link: Link,
}

impl Postgres {
    /// A new database on the server that all tests share.
    pub(crate) async fn shared(_scope: &Scope) -> Result<Self, Error> {
        unimplemented!()
    }

    /// A new database on a server of its own.
    pub(crate) async fn own(_scope: &Scope) -> Result<Self, Error> {
        unimplemented!()
    }

    /// A pool of connections through the link.
    ///
    /// It waits at most 5 s for a free connection and at most 5 s to open one, because a pool
    /// without timeouts waits for ever under faults.
    ///
    /// # Errors
    ///
    /// When the pool cannot be built.
    pub fn pool(&self, _max_size: usize) -> Result<deadpool_postgres::Pool, Error> {
        unimplemented!()
    }

    /// The settings of a connection through the link.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        unimplemented!()
    }

    /// The URL of a connection through the link, for clients other than `tokio-postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        unimplemented!()
    }

    /// Opens one connection through the link.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub async fn connect(&self) -> Result<tokio_postgres::Client, Error> {
        unimplemented!()
    }

    /// Opens one connection as superuser that passes by the link, so that no fault reaches it.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub async fn admin(&self) -> Result<tokio_postgres::Client, Error> {
        unimplemented!()
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        unimplemented!()
    }
}

impl Target for Postgres {
    fn link(&self) -> &Link {
        &self.link
    }
}
