//! Asking the server what became of a commit whose answer was lost.
//!
//! The number of a transaction is known to nobody but the server, and to it only as long as the
//! transaction goes on. So a connection of the library holds a `COMMIT` back, for as long as it takes
//! to ask for that number past the link ([`registrar`]); from then on the server can be asked what
//! became of it, also when it was killed meanwhile (`pg_xact_status`). That is done while somebody
//! watches: see [`Postgres::watch_commits`](super::Postgres::watch_commits). `cx.run` watches by
//! itself.
//!
//! What cannot be told stays unknown, and says why:
//!
//! * a transaction that wrote nothing has no number;
//! * a statement outside of a transaction commits by itself, before its number can be learnt;
//! * what came through the port of the link (`pg.config()`, `pg.url()`) is not followed;
//! * a `COMMIT` that shares a query with other statements is not held;
//! * a server that was killed may give the number of a transaction that it has forgotten to another:
//!   its control file tells, unless it has written another checkpoint since.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::registrar::Registrar;
pub(super) use self::registrar::{Asking, KnownTransaction};
use super::endpoint::Endpoint;
use super::session::{Entry, Session, SharedEntry};
use crate::error::Error;
use crate::operation::OperationId;

mod registrar;
mod transaction_id;
mod watch;

pub use self::watch::CommitWatch;

/// What was asked of one database while somebody watched.
#[derive(Debug)]
pub(super) struct Book {
    endpoint: Endpoint,
    /// How many watch.
    watchers: AtomicUsize,
    /// How many of them want the server to be asked before a commit is sent.
    askers: AtomicUsize,
    entries: Mutex<HashMap<Option<OperationId>, Vec<SharedEntry>>>,
    /// Operations that did not end well: requests of theirs may still be in a queue.
    failed: Mutex<HashSet<OperationId>>,
    sessions: Mutex<Vec<Weak<Session>>>,
    registrar: Mutex<Option<Arc<Registrar>>>,
    /// How many connections came through the port of the link.
    through_port: Arc<AtomicU64>,
    /// How many of them are ours, because a fault acted at the door.
    ported: AtomicU64,
    /// How often the server answered `COMMIT` by `ROLLBACK`, watched or not.
    rolled_back: AtomicU64,
}

impl Book {
    /// A book of the database behind a link, through whose port so many connections came.
    pub(super) fn new(endpoint: &Endpoint, through_port: Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self {
            endpoint: endpoint.clone(),
            watchers: AtomicUsize::new(0),
            askers: AtomicUsize::new(0),
            entries: Mutex::default(),
            failed: Mutex::default(),
            sessions: Mutex::default(),
            registrar: Mutex::default(),
            through_port,
            ported: AtomicU64::new(0),
            rolled_back: AtomicU64::new(0),
        })
    }

    #[cfg(test)]
    pub(super) fn unwatched() -> Arc<Self> {
        use super::endpoint::{Address, Login};
        let endpoint = Endpoint {
            address: Address::Tcp(([127, 0, 0, 1], 1).into()),
            tcp: None,
            admin: Login { user: String::new(), password: None },
            owner_password: None,
            options: None,
            maintenance: String::new(),
            version: String::new(),
            max_connections: None,
        };
        Self::new(&endpoint, Arc::default())
    }

    /// Notes a connection of ours.
    pub(super) fn opened(&self, session: &Arc<Session>, came_through_port: bool) {
        if came_through_port {
            self.ported.fetch_add(1, Ordering::Relaxed);
        }
        let mut sessions = self.sessions.lock();
        sessions.retain(|session| session.strong_count() > 0);
        sessions.push(Arc::downgrade(session));
    }

    pub(super) fn is_watching(&self) -> bool {
        self.watchers.load(Ordering::Relaxed) > 0
    }

    /// Whether the server is to be asked for a transaction before its commit is sent.
    pub(super) fn is_asking(&self) -> bool {
        self.askers.load(Ordering::Relaxed) > 0
    }

    pub(super) fn has_failed(&self, operation: OperationId) -> bool {
        self.failed.lock().contains(&operation)
    }

    pub(super) fn count_rolled_back(&self) {
        self.rolled_back.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the server answered `COMMIT` by `ROLLBACK`.
    pub(super) fn rolled_back(&self) -> u64 {
        self.rolled_back.load(Ordering::Relaxed)
    }

    /// Notes what was asked for, if somebody watches.
    pub(super) fn enter(&self, owner: Option<OperationId>, entry: Entry) -> Option<SharedEntry> {
        if !self.is_watching() {
            return None;
        }
        let entry = Arc::new(Mutex::new(entry));
        self.entries.lock().entry(owner).or_default().push(Arc::clone(&entry));
        Some(entry)
    }

    /// Asks for the number of the transaction that goes on in a session.
    pub(super) fn ask(&self, process: i32) -> Option<Asking> {
        self.registrar.lock().as_ref().map(|registrar| registrar.transaction_of(process))
    }

    /// Somebody else watches from now on.
    async fn begin(&self) -> Result<(), Error> {
        let is_open = self.registrar.lock().is_some();
        if !is_open {
            let registrar = Registrar::open(self.endpoint.clone()).await?;
            self.registrar.lock().get_or_insert_with(|| Arc::new(registrar));
        }
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// One of those who watch has gone.
    fn end(&self) {
        if self.watchers.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Its session would keep a server from shutting down when its clients have gone.
            *self.registrar.lock() = None;
            self.entries.lock().clear();
            self.failed.lock().clear();
        }
    }
}
