//! An ephemeral PostgreSQL server, and for each test a database behind a link of its own.
//!
//! All tests of a user that run at the same time share the server, whichever process they run in; it
//! stops soon after the last of them. It listens on a unix socket and on a free port of 127.0.0.1, has
//! a random password, and keeps its data in memory where it can.
//!
//! PostgreSQL 13 to 18 is looked for in `CHAOS_PG_BIN`, `PATH`, `pg_config --bindir`, the cache
//! directory and the usual places of Debian, Fedora, Homebrew and Postgres.app.
//!
//! # Environment
//!
//! | variable | meaning |
//! |---|---|
//! | `CHAOS_PG_BIN` | the directory of `initdb` and `postgres` |
//! | `CHAOS_POSTGRES_URL` | uses this server instead of starting one; only databases made for tests are dropped |
//! | `CHAOS_ALLOW_REMOTE=1` | allows that server to be on another machine |
//! | `CHAOS_PG_DIR` | where servers keep their files while they run |
//! | `CHAOS_CACHE_DIR` | where initialised clusters and installed programs are kept |
//! | `CHAOS_KEEP=1` | keeps the databases of attempts that failed |
//!
//! # The server's supervisor
//!
//! A helper process, which is the running program started again, starts and removes the server. For
//! that the program has to call [`supervise_if_asked`]; `chaos_harness::main!()` does. Under another
//! harness, call it from a test:
//!
//! ```
//! use chaos_core::postgres::supervise_if_asked;
//! use chaos_core::reexec::set_arguments;
//!
//! // With `#[test]` in a real test file. Other tests call `set_arguments` before they start.
//! fn supervisor() {
//!     supervise_if_asked();
//! }
//!
//! set_arguments(["--exact", "supervisor", "--nocapture"].map(Into::into));
//! # supervisor();
//! ```

pub mod audit;
mod commits;
mod connector;
mod directory;
mod end_check;
mod endpoint;
mod error;
pub mod fingerprint;
mod inspection;
pub mod isolation;
mod judge;
pub mod migration;
mod options;
mod pool;
mod process;
mod quoting;
mod reset;
mod sabotage;
pub mod schema;
#[cfg(unix)]
mod server;
#[cfg(not(unix))]
#[path = "postgres/unsupported.rs"]
mod server;
mod session;
mod sessions;
mod stage;
mod storage;
mod template;
#[cfg(feature = "tls")]
mod tls;
#[cfg_attr(not(unix), allow(dead_code, reason = "no server is looked for"))]
mod version;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_postgres::NoTls;

pub use self::commits::CommitWatch;
pub use self::connector::PostgresConnector;
pub use self::directory::cache_directory;
use self::end_check::DatabaseWatch;
pub use self::error::{Looked, PostgresError};
pub use self::options::{DiskHolds, ServerOptions};
pub use self::pool::{ChaosPool, HeldConnection, PooledClient, WaitReport};
pub(crate) use self::pool::{OpenPool, SessionState};
pub use self::process::{
    Part, PostgresServer, Ready, Resource, ServerProcess, ServerStatus, StopMode,
};
pub use self::reset::{Reset, ResetMethod};
use self::server::Database;
pub(crate) use self::sessions::OpenSession;
use self::sessions::Sessions;
pub(crate) use self::stage::{Omitted, Stage};
pub use self::storage::{
    Damage, Damaged, Place, bypass_index, bypass_triggers, corrupt_control_file, flip_bytes,
    flip_wal_tail, forge_xmin, invalid_index, prepared_transaction, remove_file, remove_wal,
    rewind_sequence, truncate_file, zero_page,
};
pub use self::template::Template;
use crate::error::Error;
use crate::event::EventKind;
use crate::link::{Link, Target};
use crate::scope::Scope;

/// The name of the link to a database, as reports know it; that of the second one ends in `-2`.
const LINK: &str = "postgres";

/// A database of the test's own, behind a link of its own.
///
/// Its owner is a role of the same name that is not a superuser. Clones are the same database and the
/// same link. Both exist as long as a clone does, or a pool or a connection that came from one; then the
/// database is dropped, as it is when the process ends, however it ends. If you connect by
/// [`config`](Self::config) or [`url`](Self::url), keep a clone meanwhile.
#[derive(Debug, Clone)]
pub struct Postgres {
    link: Link,
    database: Arc<Database>,
    watch: Arc<DatabaseWatch>,
}

impl Postgres {
    /// A new database on the server that all tests share.
    pub(crate) async fn shared(scope: &Scope) -> Result<Self, Error> {
        Self::open(scope, server::on_shared_server).await
    }

    /// A new database on a server of its own.
    pub(crate) async fn own(scope: &Scope, options: ServerOptions) -> Result<Self, Error> {
        if let Some(reason) = options.disk().and_then(|_| server::obstacle_to_small_disks()) {
            return Err(Error::Unavailable { reason });
        }
        let journal = scope.journal().path().map(Path::to_owned);
        Self::open(scope, move || server::on_own_server(options, journal.as_deref())).await
    }

    async fn open(
        scope: &Scope,
        find: impl FnOnce() -> Result<Arc<Database>, PostgresError> + Send + 'static,
    ) -> Result<Self, Error> {
        // A thread of its own finishes even if this future is dropped, and then gives up what it
        // got.
        let found = tokio::task::spawn_blocking(find).await;
        let database = found.map_err(|error| {
            PostgresError::io("find a database on a thread of its own")(error.into())
        })??;
        Self::behind_a_link(scope, database).await
    }

    async fn behind_a_link(scope: &Scope, database: Arc<Database>) -> Result<Self, Error> {
        let link = Link::postgres(scope, LINK, database.endpoint().upstream())?;
        let watch = DatabaseWatch::new(&database, &link);
        scope.journal().record(EventKind::DatabaseOpened {
            link: link.name().to_owned(),
            database: database.name().to_owned(),
            log: database.log().map(|log| log.to_string_lossy().into_owned()),
        });
        scope.watch_commits_of(watch.book());
        if scope.end_checks().keeps() {
            watch.keep(&link, &database);
        }
        let check: Arc<DatabaseWatch> = Arc::clone(&watch);
        scope.end_checks().add(check).await;
        Ok(Self { link, database, watch })
    }

    /// A pool of connections through the link.
    ///
    /// Its connections go to the server directly until a fault meets them, so the link costs nothing. A
    /// [`PostgresConnector`] opens them; see there for how to cancel their queries.
    ///
    /// The pool waits at most 5 s for a free connection and at most 5 s to open one, because a pool
    /// without timeouts waits for ever under faults. Connections are recycled by
    /// [`RecyclingMethod::Fast`](deadpool_postgres::RecyclingMethod::Fast), the default of the pool.
    ///
    /// # Errors
    ///
    /// When the pool cannot be built; [`PostgresError::PoolTooLarge`] when the server, which takes
    /// 400 connections from all tests together, could never fill it.
    pub fn pool(&self, max_size: usize) -> Result<deadpool_postgres::Pool, Error> {
        Ok(pool::build(self, max_size)?.0)
    }

    /// The connector that opens the connections of [`pool`](Postgres::pool), for a pool that you build.
    #[must_use]
    pub fn connector(&self) -> PostgresConnector {
        PostgresConnector::to(self)
    }

    /// The settings of a connection through the port of the link, for clients that open their
    /// connections themselves.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        self.database.endpoint().through(self.link.address(), self.database())
    }

    /// The URL of a connection through the link, for clients other than `tokio-postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        self.database.endpoint().url_through(self.link.address(), self.database())
    }

    /// The settings of a connection that bypasses the link, with the rights of the database's owner.
    #[must_use]
    pub fn direct_config(&self) -> tokio_postgres::Config {
        self.database.endpoint().direct(self.database())
    }

    /// The URL of a connection that bypasses the link, with the rights of the database's owner.
    #[must_use]
    pub fn direct_url(&self) -> String {
        self.database.endpoint().url_direct(self.database())
    }

    /// Opens one connection through the link, as [`pool`](Postgres::pool) opens them.
    ///
    /// # Errors
    ///
    /// When it cannot be opened within 10 s.
    pub async fn connect(&self) -> Result<tokio_postgres::Client, Error> {
        let (connector, config) = (self.connector(), self.config());
        let connecting = connector.open(&config);
        Ok(endpoint::open(connecting, "through the link", self.clone()).await?)
    }

    /// Opens one connection as superuser that bypasses the link, so that no fault reaches it.
    ///
    /// On a server that `CHAOS_POSTGRES_URL` names it has the rights of the user in that URL.
    ///
    /// # Errors
    ///
    /// When it cannot be opened within 10 s; [`PostgresError::Down`] when that is because the server
    /// of the test's own is down.
    pub async fn admin(&self) -> Result<tokio_postgres::Client, Error> {
        let config = self.database.endpoint().administrator(self.database());
        let opened = endpoint::open(config.connect(NoTls), "as superuser", self.clone()).await;
        Ok(self.or_down(opened).await?)
    }

    /// The pools of connections through the link that still exist.
    pub(crate) fn pools(&self) -> Vec<OpenPool> {
        self.watch.pools()
    }

    /// What everything in the attempt shares.
    pub(crate) fn scope(&self) -> &Scope {
        self.link.scope()
    }

    /// The name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.database.name()
    }

    /// The version of the server, such as `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.database.endpoint().version
    }
}

impl Target for Postgres {
    fn link(&self) -> &Link {
        &self.link
    }

    async fn settled(&self) {
        // An error is no reason to fail: what judges the database next meets it too, and tells of it.
        let Ok(admin) = self.admin().await else { return };
        if let Ok(sessions) = Sessions::of(self, &admin).await {
            sessions.settle(&admin).await.ok();
        }
    }
}

/// Does the job of a server's supervisor and ends the process, if this process was started for
/// that; otherwise returns at once.
///
/// A program that uses a server must call it, before anything else, on the way that
/// [`reexec::set_arguments`](crate::reexec::set_arguments) describes.
pub fn supervise_if_asked() {
    server::supervise_if_asked();
}

/// A PostgreSQL on this machine whose programs can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Installed {
    /// The directory that holds `initdb` and `postgres`.
    pub programs: PathBuf,
    /// Its version, such as `15.18`.
    pub version: String,
}

/// Finds the PostgreSQL from which servers are started.
///
/// # Errors
///
/// [`PostgresError::NotFound`] when there is none; another error when what `CHAOS_PG_BIN` names
/// cannot be used, which installing another one would not change.
pub fn locate() -> Result<Installed, PostgresError> {
    server::installed()
}

/// A database that stays although its test has ended, because of `CHAOS_KEEP=1`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptDatabase {
    /// How to connect to it, past any link.
    pub url: String,
    /// How to dispose of it: a shell command that stops its server if nobody else uses it, or a
    /// statement if the server is not ours.
    pub dispose: String,
}

impl fmt::Display for KeptDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kept: {}\n  to dispose of it: {}", self.url, self.dispose)
    }
}

/// The databases of this process that stay when it ends: with `CHAOS_KEEP=1` all of them, also
/// those that the test has let go, until [`release_databases`] is called; otherwise none.
#[must_use]
pub fn keep_live_databases() -> Vec<KeptDatabase> {
    server::held()
}

/// Gives up what `CHAOS_KEEP=1` held back in this process, because its test has passed.
pub fn release_databases() {
    server::release();
}

/// The databases that a process which has ended held back under `CHAOS_KEEP=1`, however it ended.
///
/// # Errors
///
/// When the place where servers keep their files is not known or cannot be read.
pub fn databases_left_by(process: u32) -> Result<Vec<KeptDatabase>, PostgresError> {
    server::left_by(process)
}
