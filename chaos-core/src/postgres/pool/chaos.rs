//! A pool that can be broken on purpose, and that knows who has its connections.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    ClientWrapper, Manager, Metrics, Pool, PoolError, Status, TimeoutType, Timeouts,
};
use tokio::runtime::Handle;

use super::client::PooledClient;
use super::exhaustion;
use super::waits::{WaitReport, Waits};
use super::watch::PoolWatch;
use crate::error::Error;
use crate::fault::{
    DieAtRecycle, Exhaust, FailCheckout, FailConnect, HandOutDead, Poisoned, PoolFault,
    PoolFaultKind, SlowCheckout, SlowConnect,
};
use crate::link::Target;
use crate::metrics::Source;
use crate::postgres::Postgres;
use crate::postgres::session::Holder;
use crate::sabotage::{Prepared, Sabotages, Sabotaging, Undo, injectable, undo};
use crate::scope::{FaultRecord, Scope};
use crate::seed::Seed;

/// What reports call the first pool of an attempt.
const NAME: &str = "pool";

/// A pool of connections that can be broken on purpose, and that knows who has them. Clones are the
/// same pool.
///
/// [`pool`](Self::pool) is the ordinary pool underneath, for the code under test: every fault acts on
/// it, and what is left behind is found. Who takes connections from this one instead, with the same
/// verbs, is also told where each was taken, and what callers waited for: see [`waits`](Self::waits).
///
/// ```no_run
/// use chaos_core::prelude::*;
///
/// # async fn serve(pool: deadpool_postgres::Pool) -> TestResult { Ok(()) }
/// # async fn example(pg: Postgres) -> TestResult {
/// let pool = pg.chaos_pool(8)?;
/// let service = serve(pool.pool()); // your code, an ordinary pool
/// pool.sabotage(exhaust()).during(service).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ChaosPool {
    name: Arc<str>,
    pool: Pool,
    watch: Arc<PoolWatch>,
    waits: Arc<Waits>,
    scope: Scope,
    runtime: Option<Handle>,
}

impl fmt::Debug for ChaosPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status();
        f.debug_struct("ChaosPool").field("name", &self.name).field("status", &status).finish()
    }
}

impl Postgres {
    /// A pool as [`pool`](Self::pool) builds them, that can be broken on purpose.
    ///
    /// # Errors
    ///
    /// As for [`pool`](Self::pool).
    pub fn chaos_pool(&self, max_size: usize) -> Result<ChaosPool, Error> {
        let (pool, watch) = super::build(self, max_size)?;
        let scope = self.link().scope().clone();
        Ok(ChaosPool {
            name: scope.name_link(NAME).into(),
            pool,
            watch,
            waits: Arc::default(),
            scope,
            runtime: Handle::try_current().ok(),
        })
    }
}

impl ChaosPool {
    /// The ordinary pool, with the same connections and the same faults.
    #[must_use]
    pub fn pool(&self) -> Pool {
        self.pool.clone()
    }

    /// The name of the pool, as reports know it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes a connection, as the pool's own `get` does, and notes the place of the call.
    ///
    /// # Errors
    ///
    /// Those of the pool.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<PooledClient, PoolError>> + Send + '_ {
        self.taken(self.pool.timeouts(), Location::caller())
    }

    /// Takes a connection within other timeouts than those of the pool.
    ///
    /// # Errors
    ///
    /// Those of the pool.
    #[track_caller]
    pub fn timeout_get(
        &self,
        timeouts: &Timeouts,
    ) -> impl Future<Output = Result<PooledClient, PoolError>> + Send + '_ {
        self.taken(*timeouts, Location::caller())
    }

    async fn taken(
        &self,
        timeouts: Timeouts,
        place: &'static Location<'static>,
    ) -> Result<PooledClient, PoolError> {
        let wait = self.waits.begin(self.pool.status().max_size);
        let mut getting = pin!(self.pool.timeout_get(&timeouts));
        let getting = poll_fn(|context| {
            let polled = getting.as_mut().poll(context);
            if polled.is_pending() {
                // Nobody else tells that somebody waits, while nobody is served.
                self.watch.look();
            }
            polled
        });
        match wait.for_a(getting).await {
            Ok(client) => {
                self.watch.figures().waited(wait.served());
                let session = self.watch.session_of(&client);
                if let Some(session) = &session {
                    session.taken_at(place);
                }
                let process = session.and_then(|session| session.process());
                Ok(PooledClient::new(client, place, process, &self.watch))
            }
            Err(error) => {
                let timed_out = matches!(error, PoolError::Timeout(TimeoutType::Wait));
                wait.failed(timed_out);
                if timed_out {
                    self.watch.figures().timed_out();
                }
                Err(error)
            }
        }
    }

    /// See the pool's own `status`.
    #[must_use]
    pub fn status(&self) -> Status {
        self.pool.status()
    }

    /// See the pool's own `resize`.
    pub fn resize(&self, max_size: usize) {
        self.pool.resize(max_size);
    }

    /// See the pool's own `retain`; returns the connections that were removed.
    pub fn retain(
        &self,
        predicate: impl FnMut(&ClientWrapper, Metrics) -> bool,
    ) -> Vec<ClientWrapper> {
        self.pool.retain(predicate).removed
    }

    /// See the pool's own `timeouts`.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.pool.timeouts()
    }

    /// See the pool's own `manager`.
    #[must_use]
    pub fn manager(&self) -> &Manager {
        self.pool.manager()
    }

    /// See the pool's own `close`.
    pub fn close(&self) {
        self.pool.close();
    }

    /// See the pool's own `is_closed`.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.pool.is_closed()
    }

    /// Injects a fault into the pool: await it for a guard, or have it last for as long as a future
    /// runs. Schedules take it too: `.hold(1.secs(), &pool, exhaust())`.
    ///
    /// ```no_run
    /// # use chaos_core::prelude::*;
    /// # async fn example(pool: chaos_core::postgres::ChaosPool) -> TestResult {
    /// let exhausted = pool.sabotage(exhaust().leaving(1)).await?;
    /// // There is one connection for everybody.
    /// exhausted.clear().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SabotageError`](crate::sabotage::SabotageError) when the pool was dropped, or a connection
    /// that is to be held cannot be opened.
    pub fn sabotage(&self, fault: impl Sabotages<Self>) -> Sabotaging {
        Sabotaging::new(fault.prepare(self))
    }

    /// Closes connections that have been idle for at least so long, as an idle timeout does, and
    /// returns how many.
    pub fn expire_idle(&self, after: Duration) -> usize {
        let expired = self.pool.retain(|_, metrics| metrics.last_used() < after);
        expired.removed.len()
    }

    /// Fails the test if a connection that was taken from this pool (not from the ordinary one) is
    /// held for longer.
    pub fn hold_at_most(&self, bound: Duration) {
        self.watch.set_bound(bound);
    }

    /// The connections that are taken at this moment, by whoever uses the pool, those that were taken
    /// first before the others.
    #[must_use]
    pub fn held(&self) -> Vec<HeldConnection> {
        let now = Instant::now();
        let mut held: Vec<_> = self
            .watch
            .missing()
            .into_iter()
            .map(|missing| {
                let holder = missing.holder;
                HeldConnection {
                    process: missing.process,
                    held_for: holder
                        .as_ref()
                        .map(|holder| now.saturating_duration_since(holder.since())),
                    place: holder.as_ref().and_then(Holder::place),
                }
            })
            .collect();
        held.sort_by_key(|held| std::cmp::Reverse(held.held_for));
        held
    }

    /// What those have waited for who took connections from this pool (not from the ordinary one), so
    /// far.
    #[must_use]
    pub fn waits(&self) -> WaitReport {
        self.waits.report()
    }

    fn begin(&self, fault: PoolFault, record: Arc<FaultRecord>, seed: Seed) -> Undo {
        let active = self.watch.faults().begin(fault, record, seed);
        let watch = Arc::clone(&self.watch);
        undo(async move {
            watch.faults().end(&active);
            Ok(())
        })
    }
}

/// A connection that was taken from a pool and is not back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldConnection {
    /// The process of the server that serves it; unknown if the connection was lost.
    pub process: Option<i32>,
    /// For how long.
    pub held_for: Option<Duration>,
    /// Where it was taken, as `file:line:column`. Of one that was taken from the ordinary pool it is
    /// known with `RUST_BACKTRACE=1`.
    pub place: Option<String>,
}

injectable!(
    ChaosPool,
    PoolFault: DieAtRecycle,
    Exhaust,
    FailCheckout,
    FailConnect,
    HandOutDead,
    Poisoned,
    SlowCheckout,
    SlowConnect
);

impl Sabotages<ChaosPool> for PoolFault {
    fn prepare(self, pool: &ChaosPool) -> Prepared {
        let seed = pool.scope.seed().named(&pool.name);
        let (pool, fault) = (pool.clone(), self.clone());
        let (scope, name) = (pool.scope.clone(), Arc::clone(&pool.name));
        Prepared::new(&scope, &name, self, move |record| {
            let (pool, fault) = (pool.clone(), fault.clone());
            async move {
                match fault.kind {
                    PoolFaultKind::Exhaust { leaving } => {
                        exhaustion::hold(&pool.watch, pool.runtime, leaving, record).await
                    }
                    _ => Ok(pool.begin(fault, record, seed)),
                }
            }
        })
    }
}
