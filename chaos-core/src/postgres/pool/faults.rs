//! The faults that act on a pool, and where they act: when a connection is opened, used again and
//! handed out.

use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Hook, HookError};
use parking_lot::Mutex;

use super::waits;
use super::watch::PoolWatch;
use crate::fault::{Poison, PoolFault, PoolFaultKind};
use crate::postgres::session::Session;
use crate::scope::FaultRecord;
use crate::seed::{Draws, Seed};

/// How long spoiling a connection, or making it well again, may take. A fault of the link may hold it
/// up, and no timeout of the pool covers it.
const LIMIT: Duration = Duration::from_secs(5);

tokio::task_local! {
    /// Whoever is running takes connections for the library: no fault is for it.
    static FOR_THE_LIBRARY: ();
}

/// Takes connections from a pool that no fault is for, and that nobody has to answer for.
pub(super) async fn for_the_library<F: Future>(future: F) -> F::Output {
    FOR_THE_LIBRARY.scope((), future).await
}

fn is_for_the_library() -> bool {
    FOR_THE_LIBRARY.try_with(|()| ()).is_ok()
}

/// The faults that act on a pool.
#[derive(Debug, Default)]
pub(in crate::postgres) struct PoolFaults {
    active: Mutex<Vec<Arc<Active>>>,
    /// Whether there are any, for those who hurry.
    any: AtomicBool,
    checkouts: AtomicU64,
    connects: AtomicU64,
}

/// A fault that acts on a pool.
#[derive(Debug)]
pub(super) struct Active {
    fault: PoolFault,
    record: Arc<FaultRecord>,
    seed: Seed,
    meetings: AtomicU64,
}

impl Active {
    /// What to draw from if the fault acts on the one that the pool has as number `ordinal`.
    fn strikes(&self, ordinal: u64) -> Option<Draws> {
        let meeting = self.meetings.fetch_add(1, Ordering::Relaxed) + 1;
        let mut draws = self.seed.numbered(ordinal).draws();
        let fires = self.fault.trigger.fires(NonZeroU64::new(meeting)?, ordinal, &mut draws);
        fires.then_some(draws)
    }

    fn touch(&self, ordinal: u64) {
        self.record.touch(ordinal, 1);
    }
}

impl PoolFaults {
    pub(super) fn begin(
        &self,
        fault: PoolFault,
        record: Arc<FaultRecord>,
        seed: Seed,
    ) -> Arc<Active> {
        let seed = seed.numbered(record.id().0);
        let active = Arc::new(Active { fault, record, seed, meetings: AtomicU64::new(0) });
        let mut all = self.active.lock();
        all.push(Arc::clone(&active));
        self.any.store(true, Ordering::Release);
        active
    }

    pub(super) fn end(&self, active: &Arc<Active>) {
        let mut all = self.active.lock();
        all.retain(|it| !Arc::ptr_eq(it, active));
        self.any.store(!all.is_empty(), Ordering::Release);
    }

    fn now(&self) -> Vec<Arc<Active>> {
        let any = self.any.load(Ordering::Acquire) && !is_for_the_library();
        if any { self.active.lock().clone() } else { Vec::new() }
    }

    /// Acts on a connection that is about to be opened.
    pub(in crate::postgres) async fn admit(&self) -> io::Result<()> {
        waits::admitted();
        let ordinal = self.connects.fetch_add(1, Ordering::Relaxed) + 1;
        for active in self.now() {
            match &active.fault.kind {
                PoolFaultKind::SlowConnect { delay } => {
                    if let Some(mut draws) = active.strikes(ordinal) {
                        active.touch(ordinal);
                        tokio::time::sleep(delay.draw(&mut draws)).await;
                    }
                }
                PoolFaultKind::FailConnect | PoolFaultKind::FailCheckout
                    if active.strikes(ordinal).is_some() =>
                {
                    active.touch(ordinal);
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether an idle connection can be used again.
    fn recycle(&self, ordinal: u64) -> bool {
        self.now().iter().all(|active| {
            let acts = matches!(
                active.fault.kind,
                PoolFaultKind::DieAtRecycle | PoolFaultKind::FailCheckout
            );
            let dies = acts && active.strikes(ordinal).is_some();
            if dies {
                active.touch(ordinal);
            }
            !dies
        })
    }

    /// Acts on a connection that is about to be handed out.
    async fn hand_out(&self, ordinal: u64, client: &ClientWrapper, session: &Session) {
        for active in self.now() {
            let strikes =
                |active: &Active| active.strikes(ordinal).inspect(|_| active.touch(ordinal));
            match &active.fault.kind {
                PoolFaultKind::SlowCheckout { delay } => {
                    if let Some(mut draws) = strikes(&active) {
                        tokio::time::sleep(delay.draw(&mut draws)).await;
                    }
                }
                PoolFaultKind::HandOutDead if strikes(&active).is_some() => end(client).await,
                PoolFaultKind::Poison { with } if strikes(&active).is_some() => {
                    spoil(client, session, with).await;
                }
                _ => {}
            }
        }
    }
}

/// What is done with an idle connection before the pool looks at it.
pub(super) fn before_recycling(watch: &Arc<PoolWatch>) -> Hook {
    let watch = Arc::clone(watch);
    Hook::sync_fn(move |_, _| {
        waits::admitted();
        let next = watch.faults().checkouts.load(Ordering::Relaxed) + 1;
        match watch.faults().recycle(next) {
            true => Ok(()),
            false => Err(HookError::message("a fault found it unusable")),
        }
    })
}

/// What is done with every connection before it is handed out.
pub(super) fn before_handing_out(watch: &Arc<PoolWatch>) -> Hook {
    let watch = Arc::clone(watch);
    Hook::async_fn(move |client, _| {
        let watch = Arc::clone(&watch);
        Box::pin(async move {
            if is_for_the_library() {
                return Ok(());
            }
            watch.handed_out();
            let ordinal = watch.faults().checkouts.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(session) = watch.session_of(client) {
                mend(client, &session).await;
                watch.faults().hand_out(ordinal, client, &session).await;
                session.hand_out();
            }
            Ok(())
        })
    })
}

/// Makes a connection well again that the library spoilt.
async fn mend(client: &ClientWrapper, session: &Session) {
    let Some(mend) = session.mend() else { return };
    // Apart, because a transaction that failed takes nothing else.
    let mending = async {
        client.batch_execute("ROLLBACK").await?;
        client.batch_execute(&mend).await
    };
    if let Ok(Ok(())) = tokio::time::timeout(LIMIT, mending).await {
        session.mended();
    }
}

async fn spoil(client: &ClientWrapper, session: &Session, with: &Poison) {
    session.poison(with.mend());
    let spoilt = tokio::time::timeout(LIMIT, client.batch_execute(&with.spoil())).await;
    if !with.fails() && matches!(spoilt, Ok(Err(_))) {
        // Whoever has it meets the same error as the statement, or none.
        session.poison(format!("ROLLBACK; {}", with.mend()));
    }
}

/// Ends the session on the server, and waits until the driver knows.
async fn end(client: &ClientWrapper) {
    let ending = async {
        // The answer is the end of the session.
        client.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").await.ok();
        while !client.is_closed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Under a fault of the link it may take longer, and is handed out before it is dead.
    tokio::time::timeout(LIMIT, ending).await.ok();
}
