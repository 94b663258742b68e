//! What is known of a pool: its connections, who has them, and what went wrong with them.
//!
//! Hooks of the pool and the connector that opens its connections write here; the faults of a
//! [`ChaosPool`](super::ChaosPool) and the check at the end of a test read it.

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use deadpool_postgres::{Pool, WeakPool};
use parking_lot::Mutex;
use tokio_postgres::Client;

use super::faults::PoolFaults;
use super::figures::PoolFigures;
use crate::duration::{Display, rounded};
use crate::leftover::{LeftBehind, Leftover};
use crate::metrics::Source;
use crate::postgres::session::{Holder, Session, process_of};

/// What is known of a pool.
#[derive(Debug)]
pub(in crate::postgres) struct PoolWatch {
    database: String,
    pool: OnceLock<WeakPool>,
    sessions: Mutex<HashMap<i32, Arc<Session>>>,
    /// The pool is being dropped, or was.
    is_gone: AtomicBool,
    found: Mutex<Vec<LeftBehind>>,
    faults: PoolFaults,
    /// Which pool to its database it is, from 1.
    number: usize,
    figures: PoolFigures,
    /// How long a connection may be held.
    bound: Mutex<Option<Duration>>,
}

/// A connection that its pool has not got back.
#[derive(Debug)]
pub(in crate::postgres) struct Missing {
    pub(in crate::postgres) process: Option<i32>,
    pub(in crate::postgres) holder: Option<Holder>,
    /// Whether the pool was dropped meanwhile.
    pub(in crate::postgres) outlives_pool: bool,
}

impl PoolWatch {
    pub(super) fn new(database: &str, number: usize, figures: PoolFigures) -> Arc<Self> {
        Arc::new(Self {
            database: database.to_owned(),
            pool: OnceLock::new(),
            sessions: Mutex::default(),
            is_gone: AtomicBool::new(false),
            found: Mutex::default(),
            faults: PoolFaults::default(),
            number,
            figures,
            bound: Mutex::default(),
        })
    }

    pub(super) fn set_pool(&self, pool: &Pool) {
        // It is set once, by whoever built the pool.
        self.pool.set(pool.weak()).ok();
    }

    /// The pool, unless it was dropped.
    pub(super) fn pool(&self) -> Option<Pool> {
        self.pool.get()?.upgrade()
    }

    /// Which pool to its database it is, from 1.
    pub(in crate::postgres) fn number(&self) -> usize {
        self.number
    }

    /// Its figures.
    pub(super) fn figures(&self) -> &PoolFigures {
        &self.figures
    }

    /// Notes that a connection is being handed out.
    pub(super) fn handed_out(&self) {
        if let Some(pool) = self.pool() {
            self.figures.handed_out(pool.status());
        }
    }

    /// The faults that act on the pool.
    pub(in crate::postgres) fn faults(&self) -> &PoolFaults {
        &self.faults
    }

    /// Has it told at the end of the test who held a connection for longer.
    pub(super) fn set_bound(&self, bound: Duration) {
        *self.bound.lock() = Some(bound);
    }

    /// Notes how long a connection was held.
    pub(super) fn returned(&self, process: Option<i32>, held: Duration, place: &Location<'_>) {
        self.look();
        let Some(bound) = self.bound.lock().filter(|bound| held > *bound) else { return };
        let connection = process.map_or_else(String::new, |number| format!(" {number}"));
        let (held, bound) = (Display(rounded(held)), Display(bound));
        let message =
            format!("connection{connection} was held for {held}, at {place}; the bound is {bound}");
        let found = LeftBehind::new(Leftover::LongHold, &self.database, message);
        self.note(found.of(process).at(Some(place.to_string())));
    }

    /// Notes a connection that was opened.
    pub(in crate::postgres) fn opened(&self, session: &Arc<Session>) {
        self.figures.opened();
        let Some(process) = session.process() else { return };
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, session| !session.is_closed());
        sessions.insert(process, Arc::clone(session));
    }

    /// The connection behind a client.
    pub(in crate::postgres) fn session_of(&self, client: &Client) -> Option<Arc<Session>> {
        self.sessions.lock().get(&process_of(client)?).cloned()
    }

    /// Notes that the pool is dropped.
    pub(in crate::postgres) fn retire(&self) {
        self.is_gone.store(true, Ordering::Release);
    }

    pub(in crate::postgres) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    /// Whether nothing can be learnt of it any more.
    pub(in crate::postgres) fn is_over(&self) -> bool {
        self.is_gone()
            && self.found.lock().is_empty()
            && self.sessions.lock().values().all(|session| session.is_closed())
    }

    /// Whether it spoilt this connection itself.
    pub(in crate::postgres) fn has_poisoned(&self, process: i32) -> bool {
        self.sessions.lock().get(&process).is_some_and(|session| session.is_poisoned())
    }

    /// Who took this connection last.
    pub(in crate::postgres) fn holder_of(&self, process: i32) -> Option<Holder> {
        self.sessions.lock().get(&process)?.holder()
    }

    /// The connections that were handed out and are not back.
    pub(in crate::postgres) fn missing(&self) -> Vec<Missing> {
        let pool = self.pool();
        let outlives_pool = pool.is_none();
        let (idle, absent) = match &pool {
            None => (Vec::new(), None),
            Some(pool) => {
                let mut idle = Vec::new();
                pool.retain(|client, _| {
                    idle.push(process_of(client));
                    true
                });
                let absent = pool.status().size.saturating_sub(idle.len());
                (idle, Some(absent))
            }
        };
        if absent == Some(0) {
            return Vec::new();
        }
        let sessions = self.sessions.lock();
        let held = sessions
            .iter()
            .filter(|(process, session)| !session.is_closed() && !idle.contains(&Some(**process)));
        let mut missing: Vec<Missing> = held
            .map(|(process, session)| Missing {
                process: Some(*process),
                holder: session.holder(),
                outlives_pool,
            })
            .collect();
        // Some may have been lost on the way while somebody had them.
        for _ in missing.len()..absent.unwrap_or_default() {
            missing.push(Missing { process: None, holder: None, outlives_pool });
        }
        missing
    }

    /// Notes that a connection came back, or was closed, in the midst of a transaction.
    pub(in crate::postgres) fn found_open_transaction(
        &self,
        process: Option<i32>,
        culprit: Option<&Holder>,
        victim: Option<&Holder>,
    ) {
        let place = culprit.and_then(Holder::place);
        let connection = process.map_or_else(String::new, |number| format!(" {number}"));
        let mut message =
            format!("connection{connection} was returned to its pool with an open transaction");
        if let Some(culprit) = culprit {
            let held = Display(rounded(culprit.held_for()));
            message.push_str(&format!(" (taken {held} ago{})", at(place.as_deref())));
        }
        match victim {
            Some(victim) => {
                let place = victim.place();
                message.push_str(", and went on in it with its next holder");
                if let Some(place) = place {
                    message.push_str(&format!(" (at {place})"));
                }
                message.push_str(": the pool rolls nothing back");
            }
            None => message.push_str(", and the pool was dropped with it"),
        }
        self.note(
            LeftBehind::new(Leftover::OpenTransaction, &self.database, message)
                .of(process)
                .at(place),
        );
    }

    pub(in crate::postgres) fn note(&self, found: LeftBehind) {
        self.found.lock().push(found);
    }

    /// What went wrong, at the end.
    pub(in crate::postgres) fn found(&self) -> Vec<LeftBehind> {
        let sessions: Vec<_> = self.sessions.lock().values().cloned().collect();
        sessions.iter().for_each(|session| session.confirm());
        self.found.lock().clone()
    }
}

impl Source for PoolWatch {
    fn look(&self) {
        if let Some(pool) = self.pool() {
            self.figures.saw(pool.status());
        }
    }
}

/// ` at src/ledger.rs:40:33`, or how to learn that.
pub(in crate::postgres) fn at(place: Option<&str>) -> String {
    match place {
        Some(place) => format!(" at {place}"),
        None => "; RUST_BACKTRACE=1 shows where".to_owned(),
    }
}
