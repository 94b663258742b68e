//! Faults that take effect through a request: in a server, a session, a process, a file or a pool.
//!
//! A fault of a link takes effect at once and cannot fail. Taking a lock, changing a setting or
//! signalling a process takes a moment, can be refused, and has to be undone by the same means. So
//! guards, blocks and schedules are the same as for links, with `await` and `?`:
//!
//! | | a link | everything else |
//! |---|---|---|
//! | guard | `let fault = pg.inject(cut()); .. fault.clear();` | `let fault = pg.sabotage(lock_table("t")).await?; .. fault.clear().await?;` |
//! | block | `pg.during(cut(), future).await` | `pg.sabotage(lock_table("t")).during(future).await?` |
//! | schedule | `.hold(1.secs(), &pg, cut())` | `.hold(1.secs(), &pg, lock_table("t"))` |
//!
//! # The contract
//!
//! * A fault is plain data, with a type for each domain ([`FaultSpec`](crate::fault::FaultSpec) has a
//!   variant of each). [`Sabotages`] says what it can be injected into.
//! * The fault *is in effect* when `sabotage` returns. It is listed as active from the request on,
//!   because a pending lock request blocks others already.
//! * Everything is done and undone on a thread of the library, never on the caller's: it goes on when the
//!   caller's future is dropped, and when the test panics or blocks its runtime. A fault whose caller is
//!   gone is undone.
//! * Dropping the guard requests the end of the fault, and neither waits nor fails; `clear` waits and
//!   returns the error, if there is one. What cannot be undone after a drop is a note in the journal.
//! * After `kill -9` of the test nothing is left that affects others: what is done in a session ends with
//!   it, and what is stored affects only the test's own database or its own server.
//!
//! # Adding a domain
//!
//! A type for its faults with `Display` and serde, a variant of `FaultSpec`, builder functions
//! whose types are named in `injectable!`, and a body of [`Sabotages::prepare`] that does it:
//!
//! ```text
//! Prepared::new(scope, target_name, fault, move |record| async move {
//!     ...;                                    // return once it is in effect
//!     record.touch(pid, 1);                   // whenever it touches something: see FaultRecord
//!     Ok(undo(async move { ... }))            // what ends it; also when the guard is dropped
//! })
//! ```
//!
//! `prepare` must not do anything yet. The future has to end by itself: it is not interrupted, so that
//! nothing is left half done, and should undo what it did before it fails.

use std::future::{Future, IntoFuture};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::error::{Error, with_sources};
use crate::event::EventKind;
use crate::scope::{FaultRecord, Scope};

mod error;
mod prepared;
mod runtime;

pub use self::error::SabotageError;
pub(crate) use self::prepared::injectable;
pub use self::prepared::{Prepared, Sabotages};
pub(crate) use self::runtime::spawn;

/// Ends a fault that is in effect.
pub(crate) type Undo = BoxFuture<'static, Result<(), Error>>;

/// What ends a fault, for [`Prepared::new`].
pub(crate) fn undo(future: impl Future<Output = Result<(), Error>> + Send + 'static) -> Undo {
    future.boxed()
}

/// A fault that is about to be injected: await it for a guard, or wrap it around a future.
#[derive(Debug)]
#[must_use = "a fault takes effect when it is awaited: `pg.sabotage(..).await?`"]
pub struct Sabotaging {
    prepared: Prepared,
}

impl Sabotaging {
    pub(crate) fn new(prepared: Prepared) -> Self {
        Self { prepared }
    }

    /// Has the fault take effect, awaits `future`, and undoes the fault.
    ///
    /// It is undone also when the future panics, or is dropped before it is ready.
    ///
    /// # Errors
    ///
    /// When the fault cannot take effect, in which case the future is not polled, and when it cannot
    /// be undone.
    pub async fn during<F: Future>(self, future: F) -> Result<F::Output, Error> {
        let sabotage = self.await?;
        let output = future.await;
        sabotage.clear().await?;
        Ok(output)
    }
}

impl IntoFuture for Sabotaging {
    type Output = Result<Sabotage, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        begin(self.prepared).boxed()
    }
}

/// Has a fault take effect on the thread of the library.
async fn begin(prepared: Prepared) -> Result<Sabotage, Error> {
    let (sender, receiver) = oneshot::channel();
    let same = prepared.clone();
    // Until there is a guard, which somebody has or which is dropped.
    let underway = prepared.scope().begin_request();
    spawn(async move {
        let began = begin_here(&prepared).await;
        // If nobody waits for it any more, the guard is dropped here, which ends the fault.
        drop(sender.send(began));
        drop(underway);
    })?;
    receiver.await.unwrap_or_else(|_| Err(same.panicked()))
}

async fn begin_here(prepared: &Prepared) -> Result<Sabotage, Error> {
    let record = prepared.start();
    let begun = AssertUnwindSafe(prepared.begin(&record)).catch_unwind().await;
    let began = begun.unwrap_or_else(|_| Err(prepared.panicked()));
    match began {
        Ok(undo) => {
            let end = End { scope: prepared.scope().clone(), record, undo };
            Ok(Sabotage { end: Some(end) })
        }
        Err(error) => {
            record.fail();
            Err(error)
        }
    }
}

/// A fault that is in effect; it is undone when this is cleared or dropped.
#[derive(Debug)]
#[must_use = "dropping the guard ends the fault; bind it to a named variable"]
pub struct Sabotage {
    end: Option<End>,
}

struct End {
    scope: Scope,
    record: Arc<FaultRecord>,
    undo: Undo,
}

impl std::fmt::Debug for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("End").field("record", &self.record).finish_non_exhaustive()
    }
}

impl Sabotage {
    /// Ends the fault, and returns when it is no longer in effect.
    ///
    /// # Errors
    ///
    /// When it cannot be undone.
    pub async fn clear(mut self) -> Result<(), Error> {
        let Some(end) = self.end.take() else { return Ok(()) };
        let fault = end.record.spec().to_string();
        end.spawn().await.unwrap_or_else(|_| Err(SabotageError::Panicked { fault }.into()))
    }

    /// How often the fault acted so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.end.as_ref().map_or(0, |end| end.record.hits())
    }

    /// How many sessions, connections or other things it touched so far.
    #[must_use]
    pub fn touched(&self) -> u64 {
        self.end.as_ref().map_or(0, |end| end.record.connections())
    }

    /// The record that the ledger of the attempt has of the fault.
    #[must_use]
    pub fn record(&self) -> Option<&FaultRecord> {
        self.end.as_ref().map(|end| &*end.record)
    }
}

impl Drop for Sabotage {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            // Nobody waits from the very beginning, so that an error is told in the journal however
            // soon it comes.
            let (sender, receiver) = oneshot::channel();
            drop(receiver);
            end.spawn_telling(sender);
        }
    }
}

impl End {
    /// Ends the fault on the thread of the library.
    fn spawn(self) -> oneshot::Receiver<Result<(), Error>> {
        let (sender, receiver) = oneshot::channel();
        self.spawn_telling(sender);
        receiver
    }

    /// Ends the fault on the thread of the library, and tells `sender` what came of it; the journal,
    /// if nobody waits for that and it is an error.
    fn spawn_telling(self, sender: oneshot::Sender<Result<(), Error>>) {
        let underway = self.scope.begin_request();
        let spawned = spawn(async move {
            let Self { scope, record, undo } = self;
            let undone = AssertUnwindSafe(undo).catch_unwind().await;
            let fault = || record.spec().to_string();
            let result =
                undone.unwrap_or_else(|_| Err(SabotageError::Panicked { fault: fault() }.into()));
            record.end();
            if let Err(Err(error)) = sender.send(result) {
                let (target, why) = (record.target(), with_sources(&error));
                let message = format!("{} on {target} could not be undone: {why}", fault());
                scope.journal().record(EventKind::Note { message });
            }
            drop(underway);
        });
        // The thread runs since the fault began.
        drop(spawned);
    }
}
