//! Seeing whom a fault touches.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::session::Saboteur;
use crate::sabotage::SabotageError;
use crate::scope::FaultRecord;

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(10);

/// Looks again and again for sessions that wait for another one, on a session of its own.
#[derive(Debug)]
pub(super) struct Watch {
    end: oneshot::Sender<()>,
    watching: JoinHandle<()>,
}

/// Every session that waits for the one whose process is `$1`, and with which query: one that gives
/// up and tries again waits twice.
const WAITING: &str = "SELECT DISTINCT pid, query_start::text \
     FROM pg_locks JOIN pg_stat_activity USING (pid) \
     WHERE NOT granted AND $1 = ANY (pg_blocking_pids(pid))";

impl Watch {
    /// Counts sessions that wait for the session with the process `holder`.
    ///
    /// Each query that is seen waiting counts once.
    pub(super) fn waiters_for(holder: i32, observer: Saboteur, record: Arc<FaultRecord>) -> Self {
        let (end, mut ended) = oneshot::channel();
        let watching = tokio::spawn(async move {
            let mut before = Vec::new();
            loop {
                let over = tokio::time::timeout(INTERVAL, &mut ended).await.is_ok();
                // Nobody hears of an error: then less is seen, and the next look may succeed.
                if let Ok(now) = waiting(&observer, holder).await {
                    for wait in now.iter().filter(|wait| !before.contains(*wait)) {
                        record.touch(u64::from(wait.0.unsigned_abs()), 1);
                    }
                    before = now;
                }
                if over {
                    break;
                }
            }
        });
        Self { end, watching }
    }

    /// Looks once more, and no longer.
    pub(super) async fn finish(self) {
        self.end.send(()).ok();
        // It can only have panicked, which the test hears of by itself.
        self.watching.await.ok();
    }
}

async fn waiting(
    observer: &Saboteur,
    holder: i32,
) -> Result<Vec<(i32, Option<String>)>, SabotageError> {
    let rows = observer.query("look for sessions that wait", WAITING, &[&holder]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
