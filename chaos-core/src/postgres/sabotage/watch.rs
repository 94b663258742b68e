//! Seeing whom a fault touches, and acting on it, until the fault ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::session::{Saboteur, of_application};
use crate::link::{Link, Target};
use crate::postgres::Postgres;
use crate::sabotage::SabotageError;
use crate::scope::FaultRecord;

/// How often is looked.
pub(super) const INTERVAL: Duration = Duration::from_millis(10);

/// Something that is looked at again and again.
pub(super) trait Look: Send + 'static {
    /// Looks once. An error is nobody's business: less is seen, and the next look may succeed.
    fn look(&mut self) -> impl Future<Output = Result<(), SabotageError>> + Send;

    /// Is done after the last look.
    fn end(&mut self) -> impl Future<Output = Result<(), SabotageError>> + Send {
        async { Ok(()) }
    }
}

/// Somebody who looks, until it is told not to.
#[derive(Debug)]
pub(super) struct Watch {
    end: oneshot::Sender<()>,
    watching: JoinHandle<Result<(), SabotageError>>,
}

impl Watch {
    /// Looks now, and then every `interval`.
    pub(super) fn every(interval: Duration, mut looker: impl Look) -> Self {
        let (end, mut ended) = oneshot::channel();
        let watching = tokio::spawn(async move {
            loop {
                let over = tokio::time::timeout(interval, &mut ended).await.is_ok();
                looker.look().await.ok();
                if over {
                    return looker.end().await;
                }
            }
        });
        Self { end, watching }
    }

    /// Counts sessions that wait for the session with the process `holder`: each of their queries
    /// that is seen waiting, once.
    pub(super) fn waiters_for(holder: i32, observer: Saboteur, record: Arc<FaultRecord>) -> Self {
        Self::every(INTERVAL, Waiters { holder, observer, record, before: Vec::new() })
    }

    /// Counts connections that are opened through the link.
    pub(super) fn connections(pg: &Postgres, record: Arc<FaultRecord>) -> Self {
        let link = pg.link().clone();
        let seen = link.connections().total;
        Self::every(INTERVAL, Arrivals { link, record, seen })
    }

    /// Looks once more, and no longer.
    pub(super) async fn finish(self) -> Result<(), SabotageError> {
        self.end.send(()).ok();
        // It can only have panicked, which the test hears of by itself.
        self.watching.await.unwrap_or(Ok(()))
    }
}

struct Waiters {
    holder: i32,
    observer: Saboteur,
    record: Arc<FaultRecord>,
    before: Vec<Waiter>,
}

/// A session that waits, and since when it is busy with its query: one that gives up and tries again
/// waits twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) pid: i32,
    query: Option<String>,
}

impl Look for Waiters {
    async fn look(&mut self) -> Result<(), SabotageError> {
        let now = waiters(&self.observer, self.holder).await?;
        for waiter in now.iter().filter(|waiter| !self.before.contains(*waiter)) {
            self.record.touch(u64::from(waiter.pid.unsigned_abs()), 1);
        }
        self.before = now;
        Ok(())
    }
}

/// The sessions of the application that wait for the one with the process `holder`.
pub(super) async fn waiters(
    observer: &Saboteur,
    holder: i32,
) -> Result<Vec<Waiter>, SabotageError> {
    let waiting = format!(
        "SELECT DISTINCT pid, query_start::text FROM pg_locks JOIN pg_stat_activity USING (pid) \
         WHERE NOT granted AND {} AND $1 = ANY (pg_blocking_pids(pid))",
        of_application()
    );
    let rows = observer.query("look for sessions that wait", &waiting, &[&holder]).await?;
    Ok(rows.iter().map(|row| Waiter { pid: row.get(0), query: row.get(1) }).collect())
}

struct Arrivals {
    link: Link,
    record: Arc<FaultRecord>,
    seen: u64,
}

impl Look for Arrivals {
    async fn look(&mut self) -> Result<(), SabotageError> {
        let total = self.link.connections().total;
        for ordinal in self.seen + 1..=total {
            self.record.touch(ordinal, 1);
        }
        self.seen = total;
        Ok(())
    }
}
