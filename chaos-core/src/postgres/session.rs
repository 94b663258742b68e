//! Connections of the application, as the library sees them: which server process serves them, in
//! which state the server left them, and who has them.
//!
//! Connections that the library opens are followed: those of pools that come from
//! [`Postgres::pool`](super::Postgres::pool), and others without a word on who has them. What they do is read from their own bytes on the way; nothing is asked of the server.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub(super) use self::account::{Asked, Entry, SharedEntry};
use self::protocol::Tracker;
use super::commits::{Asking, Book, KnownTransaction};
use super::pool::watch::PoolWatch;
use crate::operation;

mod account;
mod driver;
mod place;
mod protocol;
mod stream;

pub(super) use self::driver::drive;
pub(super) use self::place::process_of;
pub(super) use self::stream::FollowedStream;

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    pool: Weak<PoolWatch>,
    book: Arc<Book>,
    tracker: Mutex<Tracker>,
    holders: Mutex<Holders>,
    is_closed: AtomicBool,
    /// What makes it well again, if the library itself spoilt it: then what it is left in is nobody's
    /// fault.
    mend: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Holders {
    now: Option<Holder>,
    before: Option<Holder>,
    /// Who seems to have left a transaction open, and who went on in it.
    suspicion: Option<(Option<Holder>, Option<Holder>)>,
}

/// Who took a connection from its pool, and when.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    since: Instant,
    location: Option<&'static Location<'static>>,
    backtrace: Option<Arc<Backtrace>>,
}

impl Holder {
    /// Whoever is running.
    fn caller() -> Self {
        // Made only where the user asked for backtraces, as those of panics are.
        let backtrace = Backtrace::capture();
        let is_captured = backtrace.status() == BacktraceStatus::Captured;
        let backtrace = is_captured.then(|| Arc::new(backtrace));
        Self { since: Instant::now(), location: None, backtrace }
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn held_for(&self) -> Duration {
        self.since.elapsed()
    }

    /// Where it was taken, as `file:line:column`, if that is known.
    pub(super) fn place(&self) -> Option<String> {
        let location = self.location.map(ToString::to_string);
        location.or_else(|| place::caller_in(self.backtrace.as_deref()?))
    }
}

impl Session {
    /// A connection, of a pool or of nobody, whose transactions are told to this book.
    pub(super) fn new(pool: Option<&Arc<PoolWatch>>, book: &Arc<Book>) -> Arc<Self> {
        Arc::new(Self {
            pool: pool.map_or_else(Weak::new, Arc::downgrade),
            book: Arc::clone(book),
            tracker: Mutex::new(Tracker::new(Arc::clone(book))),
            holders: Mutex::default(),
            is_closed: AtomicBool::new(false),
            mend: Mutex::default(),
        })
    }

    /// The process of the server, once it has said so.
    pub(super) fn process(&self) -> Option<i32> {
        self.tracker.lock().process()
    }

    /// Notes that whoever is running takes the connection from its pool.
    pub(super) fn hand_out(&self) {
        let holder = Holder::caller();
        let mut holders = self.holders.lock();
        holders.before = holders.now.replace(holder);
        self.tracker.lock().hand_out_to(operation::running());
    }

    /// Notes where it was taken from its pool, which a pool cannot tell by itself.
    pub(super) fn taken_at(&self, location: &'static Location<'static>) {
        if let Some(now) = &mut self.holders.lock().now {
            now.location = Some(location);
        }
    }

    /// Who took it last, whether or not it was returned since.
    pub(super) fn holder(&self) -> Option<Holder> {
        self.holders.lock().now.clone()
    }

    /// Notes that the library spoilt it, and what makes it well again.
    pub(super) fn poison(&self, mend: String) {
        *self.mend.lock() = Some(mend);
    }

    /// What makes it well again, if the library spoilt it.
    pub(super) fn mend(&self) -> Option<String> {
        self.mend.lock().clone()
    }

    /// Notes that it is well again.
    pub(super) fn mended(&self) {
        *self.mend.lock() = None;
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.mend.lock().is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Whether it surely is in no transaction, and nothing is under way.
    fn is_quiet(&self) -> bool {
        self.tracker.lock().settled() == protocol::State::Idle
    }

    /// Whether nothing is under way, or it has ended.
    pub(super) fn is_at_rest(&self) -> bool {
        self.is_quiet() || self.is_closed()
    }

    /// Where in bytes that are about to be written a `COMMIT` begins before which the server is to be
    /// asked for the transaction.
    fn commit_in(&self, bytes: &[u8]) -> Option<usize> {
        self.book.is_asking().then(|| self.tracker.lock().commit_in(bytes)).flatten()
    }

    /// Asks the server for the transaction that is about to be committed.
    fn ask(&self) -> Option<Asking> {
        self.book.ask(self.process()?)
    }

    fn know(&self, id: Option<KnownTransaction>) {
        self.tracker.lock().know(id);
    }

    /// Notes that its stream is gone.
    fn ended(&self) {
        self.tracker.lock().close();
        if self.pool.strong_count() == 0 {
            self.is_closed.store(true, Ordering::Release);
        }
    }

    fn written(&self, bytes: &[u8]) {
        let mut tracker = self.tracker.lock();
        let was_suspicious = tracker.is_suspicious();
        let is_confirmed = tracker.written(bytes);
        let is_suspicious = tracker.is_suspicious();
        drop(tracker);
        if is_confirmed {
            self.confirm();
        } else if was_suspicious && !is_suspicious {
            self.holders.lock().suspicion = None;
        }
    }

    fn read(&self, bytes: &[u8]) {
        let is_suspicious = self.tracker.lock().read(bytes);
        if is_suspicious {
            let mut holders = self.holders.lock();
            holders.suspicion = Some((holders.before.clone(), holders.now.clone()));
        }
    }

    /// Tells the pool of what is suspicious, as nothing will clear it any more.
    pub(super) fn confirm(&self) {
        let Some((culprit, victim)) = self.holders.lock().suspicion.take() else { return };
        if let Some(pool) = self.pool.upgrade().filter(|_| !self.is_poisoned()) {
            pool.found_open_transaction(self.process(), culprit.as_ref(), victim.as_ref());
        }
    }

    /// Notes that nobody drives the connection any more.
    fn close(&self) {
        let pool = self.pool.upgrade().filter(|pool| pool.is_gone() && !self.is_poisoned());
        if let Some(pool) = pool.filter(|_| self.tracker.lock().ended_in_transaction()) {
            self.confirm();
            pool.found_open_transaction(self.process(), self.holder().as_ref(), None);
        }
        self.is_closed.store(true, Ordering::Release);
    }
}
