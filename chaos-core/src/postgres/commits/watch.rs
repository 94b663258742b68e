//! Watching commits, and what is concluded from what was seen.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use parking_lot::Mutex;

use super::Book;
use super::registrar::{Fate, KnownTransaction, Registrar};
use crate::commit::{Deed, Ending, Resolution, Status, Watchable, Watching, resolve};
use crate::error::Error;
use crate::operation::OperationId;
use crate::outcome::Outcome;
use crate::postgres::Postgres;
use crate::postgres::session::{Asked, SharedEntry};

/// How long the server may take to end a transaction whose client has gone, or to come back.
const LIMIT: Duration = Duration::from_secs(5);

/// How long a connection may take to end after whoever used it was told of its loss.
const MOMENT: Duration = Duration::from_millis(500);

/// How often what goes on is looked at again.
const PAUSE: Duration = Duration::from_millis(2);

const THROUGH_PORT: &str = "clients came through the port of the link, whose transactions are not \
                            followed; those of `pg.pool(..)` and `pg.connect()` are";
const OTHERS: &str = "at the same time a connection was used that is not known to be this \
                      operation's: it was not taken from a pool on the operation's own task";
const UNDER_WAY: &str = "something was under way in the database when the watch began";
const NO_NUMBER: &str = "the answer to its COMMIT was lost, and it has no number by which the server \
                         could be asked: it wrote nothing, or the number was not learnt in time";

/// Watches the commits in one database, so that the server can be asked what became of one whose
/// answer was lost. See [`Postgres::watch_commits`].
///
/// While it exists, each `COMMIT` of a transaction is held back for one question to the server past
/// the link: half a millisecond to a few, on a busy machine.
pub struct CommitWatch {
    pg: Postgres,
    guard: Guard,
    since: Mutex<Since>,
}

/// From when on it is watched.
#[derive(Debug, Clone, Copy)]
struct Since {
    time: Instant,
    doubt: Option<&'static str>,
}

impl fmt::Debug for CommitWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitWatch").field("database", &self.pg.database()).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Watches the commits in this database from now on, to tell what became of an operation whose
    /// answer was lost.
    ///
    /// What is asked of the database until [`resolve`](CommitWatch::resolve) is taken for one
    /// operation's, whoever asks for it. [`Chaos::run`](crate::Chaos::run) needs none of this: it
    /// watches by itself, and keeps the operations of its clients apart.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// # async fn transfer(pool: &deadpool_postgres::Pool) -> TestResult { Ok(()) }
    /// # async fn example(pg: Postgres) -> TestResult {
    /// let pool = pg.pool(1)?;
    /// let watch = pg.watch_commits().await?;
    /// let answer = pg.during(cut().on(commit_complete()), transfer(&pool)).await;
    /// let resolved = watch.resolve(Outcome::of(&answer)).await;
    /// assert_eq!(resolved.outcome, Outcome::Ok, "{resolved}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server cannot be asked now, because it is down or takes no more connections.
    pub async fn watch_commits(&self) -> Result<CommitWatch, Error> {
        let guard = Guard::new(self.watch.book()).await?;
        guard.ask(true);
        let since = Mutex::new(guard.at_rest().await);
        Ok(CommitWatch { pg: self.clone(), guard, since })
    }
}

impl CommitWatch {
    /// Forgets what was seen: from here on the next operation is watched.
    ///
    /// Connections that are about to end have half a second for it. What is still under way then may
    /// be a part of anything, and nothing is concluded.
    pub async fn restart(&self) {
        let since = self.guard.at_rest().await;
        self.guard.book.entries.lock().remove(&None);
        *self.since.lock() = since;
    }

    /// What an operation came to that answered like this, and did all that was asked of the database
    /// since the watch began.
    ///
    /// A transaction whose client has gone is waited for until the server has ended it, and a server
    /// that is down until it is back, each for at most 5 s.
    pub async fn resolve(&self, answer: Outcome) -> Resolution {
        let Since { time, doubt } = *self.since.lock();
        let mut entries = self.guard.entries(None);
        entries.retain(|entry| entry.lock().at >= time);
        let mut deeds = self.guard.judged(entries, answer == Outcome::Ok).await;
        let doubt = doubt.or_else(|| self.guard.is_bypassed().then_some(THROUGH_PORT));
        deeds.extend(doubt.map(|why| Deed::Doubtful(why.to_owned())));
        resolve(answer, &deeds)
    }
}

/// Has a database watched as long as it exists.
struct Guard {
    book: Arc<Book>,
    is_asking: AtomicBool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.ask(false);
        self.book.end();
    }
}

impl Guard {
    async fn new(book: &Arc<Book>) -> Result<Self, Error> {
        book.begin().await?;
        Ok(Self { book: Arc::clone(book), is_asking: AtomicBool::new(false) })
    }

    /// Has the server asked for each transaction before its commit is sent, or not.
    fn ask(&self, asks: bool) {
        let askers = &self.book.askers;
        match (self.is_asking.swap(asks, Ordering::Relaxed), asks) {
            (false, true) => drop(askers.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(askers.fetch_sub(1, Ordering::Relaxed)),
            _ => {}
        }
    }

    /// From when on nothing is under way any more that was begun before.
    async fn at_rest(&self) -> Since {
        let begun = Instant::now();
        loop {
            let is_over = begun.elapsed() >= MOMENT;
            let doubt = self.is_busy().then_some(UNDER_WAY);
            if doubt.is_none() || is_over {
                return Since { time: Instant::now(), doubt };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn is_busy(&self) -> bool {
        let sessions = self.book.sessions.lock();
        sessions.iter().filter_map(Weak::upgrade).any(|session| !session.is_at_rest())
    }

    /// Whether clients came that are not followed.
    fn is_bypassed(&self) -> bool {
        let ours = self.book.ported.load(Ordering::Relaxed);
        self.book.through_port.load(Ordering::Relaxed) > ours
    }

    fn entries(&self, owner: Option<OperationId>) -> Vec<SharedEntry> {
        self.book.entries.lock().get(&owner).cloned().unwrap_or_default()
    }

    /// What became of what was asked for. The server is not asked for what `is_answered`.
    async fn judged(&self, entries: Vec<SharedEntry>, is_answered: bool) -> Vec<Deed> {
        let registrar = self.book.registrar.lock().clone();
        let begun = Instant::now();
        let mut deeds = Vec::with_capacity(entries.len());
        for entry in entries {
            // Whoever used the connection may hear of its end a moment before it has ended.
            while is_open(&entry) && !is_answered && begun.elapsed() < MOMENT {
                tokio::time::sleep(PAUSE).await;
            }
            let (deed, lost) = seen(&entry);
            deeds.push(match (lost, &registrar) {
                (Some(transaction), Some(registrar)) if !is_answered => {
                    Deed::Transaction(Ending::Lost(fate(registrar, &transaction).await))
                }
                _ => deed,
            });
        }
        deeds
    }
}

fn is_open(entry: &SharedEntry) -> bool {
    matches!(entry.lock().asked, Asked::Transaction { is_over: false })
}

/// What is known of it without the server, and what the server can be asked for.
fn seen(entry: &SharedEntry) -> (Deed, Option<KnownTransaction>) {
    let entry = entry.lock();
    if let Some(why) = entry.doubt {
        return (Deed::Doubtful(why.to_owned()), None);
    }
    match &entry.asked {
        Asked::Statement(reply) => (Deed::Statement(*reply), None),
        Asked::Transaction { is_over: false } => (Deed::Transaction(Ending::Open), None),
        Asked::Transaction { is_over: true } => (Deed::Transaction(Ending::NeverCommitted), None),
        Asked::Commit { answer: Some(ending), .. } => (Deed::Transaction(ending.clone()), None),
        Asked::Commit { id, answer: None } => {
            let unknown = Status::Unknown(NO_NUMBER.to_owned());
            (Deed::Transaction(Ending::Lost(unknown)), id.clone())
        }
    }
}

/// What became of a transaction, once the server has ended it.
async fn fate(registrar: &Registrar, transaction: &KnownTransaction) -> Status {
    let begun = Instant::now();
    loop {
        let why = match registrar.fate(transaction).await {
            Fate::Committed => return Status::Committed,
            Fate::Aborted => return Status::Aborted,
            Fate::Forgotten(why) => return Status::Unknown(why),
            Fate::InProgress => "the server still has the transaction in progress".to_owned(),
            Fate::Unreachable(why) => format!("the server cannot be asked: {why}"),
        };
        if begun.elapsed() >= LIMIT {
            return Status::Unknown(format!("{why}, after {LIMIT:?}"));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Watchable for Book {
    fn watch(self: Arc<Self>) -> BoxFuture<'static, Result<Box<dyn Watching>, Error>> {
        Box::pin(async move {
            let guard = Guard::new(&self).await?;
            Ok(Box::new(OperationWatch { guard }) as Box<dyn Watching>)
        })
    }
}

/// Watches the operations of a workload. What was under way before belongs to nobody of them.
struct OperationWatch {
    guard: Guard,
}

impl Watching for OperationWatch {
    fn ask(&self, asks: bool) {
        self.guard.ask(asks);
    }

    fn is_suspect(&self, operation: OperationId) -> bool {
        self.guard.entries(Some(operation)).iter().any(|entry| {
            let asked = &entry.lock().asked;
            matches!(asked, Asked::Commit { answer: Some(Ending::RolledBack), .. })
        })
    }

    fn forget(&self, operation: OperationId) {
        self.guard.book.entries.lock().remove(&Some(operation));
    }

    fn fail(&self, operation: OperationId) {
        self.guard.book.failed.lock().insert(operation);
    }

    fn deeds(&self, operation: OperationId, is_answered: bool) -> BoxFuture<'_, Vec<Deed>> {
        let entries = self.guard.entries(Some(operation));
        Box::pin(self.guard.judged(entries, is_answered))
    }

    fn doubt(&self, began: Instant, ended: Instant) -> Option<String> {
        if self.guard.is_bypassed() {
            return Some(THROUGH_PORT.to_owned());
        }
        let others = self.guard.entries(None);
        let overlaps = others.iter().any(|entry| {
            let entry = entry.lock();
            entry.at <= ended && entry.touched >= began
        });
        overlaps.then(|| OTHERS.to_owned())
    }
}
