//! What is looked at in a database when its test has ended.
//!
//! Half of it is known without the server: which connections their pools have not got back, and
//! which came back in the midst of a transaction ([`PoolWatch`]). The other half the server knows:
//! sessions of the application that are idle in a transaction or hold a lock, and prepared
//! transactions ([`sessions`]). It is asked on a connection of the administrator to another database,
//! so neither the faults of links nor those of this database are in the way.
//!
//! Work that is under way when the test returns is given a moment: what counts is what stays.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Postgres;
use super::commits::Book;
use super::pool::OpenPool;
use super::pool::watch::{Missing, PoolWatch, at};
use super::server::Database;
use super::session::Holder;
use crate::duration::{Display, rounded};
use crate::leftover::{EndCheck, LeftBehind, Leftover, Leftovers, Looking};
use crate::link::Link;

mod sessions;

/// How long something has to stay to be left behind. A task that goes on in the background may be in
/// the midst of a transaction at any moment, and is in another one soon after.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long all of it takes at the most. A harness that has set a deadline waits a little longer.
const LIMIT: Duration = Duration::from_millis(3500);

/// How often what may go away is looked at again.
const PAUSE: Duration = Duration::from_millis(20);

/// What is known of the use of a database.
#[derive(Debug)]
pub(super) struct DatabaseWatch {
    name: String,
    pools: Mutex<Vec<Arc<PoolWatch>>>,
    allowed: Mutex<HashSet<Leftover>>,
    database: Weak<Database>,
    book: Arc<Book>,
    /// The database and its link, without which its connections end.
    kept: Mutex<Option<(Link, Arc<Database>)>>,
}

/// Something that may go away, told from what is in its place later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Hold(Option<i32>, Option<Instant>),
    Transaction(i32, String),
    Lock(i32),
    Prepared(String),
}

impl DatabaseWatch {
    pub(super) fn new(database: &Arc<Database>, link: &Link) -> Arc<Self> {
        Arc::new(Self {
            book: Book::new(database.endpoint(), link.through_port()),
            name: database.name().to_owned(),
            pools: Mutex::default(),
            allowed: Mutex::default(),
            database: Arc::downgrade(database),
            kept: Mutex::default(),
        })
    }

    /// What was asked of the database.
    pub(super) fn book(&self) -> &Arc<Book> {
        &self.book
    }

    pub(super) fn add_pool(&self, pool: Arc<PoolWatch>) {
        let mut pools = self.pools.lock();
        pools.retain(|pool| !pool.is_over());
        pools.push(pool);
    }

    /// The number of the pool that is built next, from 1: the lowest that none has which is not
    /// dropped.
    pub(super) fn next_pool(&self) -> usize {
        let pools = self.pools.lock();
        let taken = |number: &usize| pools.iter().any(|it| !it.is_gone() && it.number() == *number);
        (1..).find(|number| !taken(number)).unwrap_or(1)
    }

    /// The pools that are not dropped.
    pub(super) fn pools(&self) -> Vec<OpenPool> {
        let pools = self.pools.lock();
        pools.iter().filter_map(OpenPool::of).collect()
    }

    /// Keeps the database and its link until this is dropped.
    pub(super) fn keep(&self, link: &Link, database: &Arc<Database>) {
        *self.kept.lock() = Some((link.clone(), Arc::clone(database)));
    }

    fn allow(&self, what: Leftover) {
        self.allowed.lock().insert(what);
    }

    async fn examine(&self) -> Leftovers {
        let mut seen: HashMap<Key, Instant> = HashMap::new();
        let begun = Instant::now();
        let mut server = self.database.upgrade().map(|it| sessions::Witness::new(&it));
        let mut notes: Vec<String> = self.rolled_back().into_iter().collect();
        loop {
            let mut suspects = self.held();
            if let Some(witness) = &mut server {
                match witness.look(&self.name).await {
                    Ok(found) => suspects.extend(self.judged(found)),
                    Err(error) => {
                        notes.push(format!(
                            "what sessions left behind in `{}` could not be looked at: {}",
                            self.name,
                            error.with_sources()
                        ));
                        server = None;
                    }
                }
            }
            let allowed = self.allowed.lock().clone();
            suspects.retain(|(_, found)| !allowed.contains(&found.what));
            let now = Instant::now();
            seen.retain(|key, _| suspects.iter().any(|(suspect, _)| suspect == key));
            for (key, _) in &suspects {
                seen.entry(key.clone()).or_insert(now);
            }
            let is_old = |key: &Key| seen.get(key).is_some_and(|since| now - *since >= PATIENCE);
            let all_old = suspects.iter().all(|(key, _)| is_old(key));
            if all_old || begun.elapsed() > LIMIT {
                let left = suspects.into_iter().filter(|(key, _)| is_old(key));
                let found = self.found();
                let left = found.into_iter().chain(left.map(|(_, found)| found));
                let left = left.filter(|found| !allowed.contains(&found.what)).collect();
                return Leftovers { left, notes };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The commits that were none.
    fn rolled_back(&self) -> Option<String> {
        let count = self.book.rolled_back();
        (count > 0).then(|| {
            format!(
                "in `{}` the server answered COMMIT by ROLLBACK {count} time(s): the transaction had \
                 failed before, and the driver calls its commit a success",
                self.name
            )
        })
    }

    /// What went wrong while the test ran.
    fn found(&self) -> Vec<LeftBehind> {
        self.pools.lock().iter().flat_map(|pool| pool.found()).collect()
    }

    /// The connections that are not back in their pools.
    fn held(&self) -> Vec<(Key, LeftBehind)> {
        let pools = self.pools.lock().clone();
        let missing = pools.iter().flat_map(|pool| pool.missing());
        missing.map(|missing| self.leaked(&missing)).collect()
    }

    fn leaked(&self, missing: &Missing) -> (Key, LeftBehind) {
        let Missing { process, holder, outlives_pool } = missing;
        let name = process.map_or_else(|| "a connection".into(), |it| format!("connection {it}"));
        let place = holder.as_ref().and_then(Holder::place);
        let taken = holder.as_ref().map_or_else(String::new, |holder| {
            let held = Display(rounded(holder.held_for()));
            format!(" (taken {held} ago{})", at(place.as_deref()))
        });
        let how = match (outlives_pool, process) {
            (true, _) => "is still open although its pool was dropped",
            (false, Some(_)) => "was not returned to its pool",
            (false, None) => "was lost, and its place in the pool was not given back",
        };
        let message = format!("{name} {how}{taken}");
        let found = LeftBehind::new(Leftover::Connection, &self.name, message);
        let key = Key::Hold(*process, holder.as_ref().map(Holder::since));
        (key, found.of(*process).at(place))
    }

    /// What of what the server says was left behind.
    fn judged(&self, found: sessions::Found) -> Vec<(Key, LeftBehind)> {
        let pools = self.pools.lock().clone();
        let mut suspects = Vec::new();
        for session in found.sessions {
            let process = session.process;
            if pools.iter().any(|pool| pool.has_poisoned(process)) {
                continue;
            }
            let holder = pools.iter().find_map(|pool| pool.holder_of(process));
            let place = holder.as_ref().and_then(Holder::place);
            let taken = holder.map_or_else(String::new, |_| {
                format!("; taken from its pool{}", at(place.as_deref()))
            });
            let mut add = |what, key, message| {
                let found = LeftBehind::new(what, &self.name, message);
                suspects.push((key, found.of(Some(process)).at(place.clone())));
            };
            if session.is_idle_in_transaction() {
                let key = Key::Transaction(process, session.transaction.clone());
                add(Leftover::OpenTransaction, key, format!("{session}{taken}"));
            } else if session.is_idle() && session.advisory_locks > 0 {
                let count = session.advisory_locks;
                let message = format!("{session} holds {count} advisory lock(s){taken}");
                add(Leftover::Lock, Key::Lock(process), message);
            }
        }
        for (name, owner, since) in found.prepared {
            let message = format!("`{name}`, prepared by `{owner}` at {since}");
            let found = LeftBehind::new(Leftover::PreparedTransaction, &self.name, message);
            suspects.push((Key::Prepared(name), found));
        }
        suspects
    }
}

impl EndCheck for DatabaseWatch {
    fn look(&self) -> Looking<'_> {
        Box::pin(self.examine())
    }

    fn is_let_go(&self) -> bool {
        self.database.strong_count() <= usize::from(self.kept.lock().is_some())
    }
}

impl Postgres {
    /// Lets the test leave something behind in this database, which otherwise fails it.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// # async fn example(pg: Postgres) -> TestResult {
    /// // The worker of this service keeps a connection for its notifications.
    /// pg.allow(Leftover::Connection);
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow(&self, what: Leftover) {
        self.watch.allow(what);
    }
}
