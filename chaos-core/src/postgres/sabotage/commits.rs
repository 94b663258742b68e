//! Ending sessions in the midst of a commit, on either side of the point of no return.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::session::{AGAIN, Saboteur, need_own_server, of_application};
use super::trigger::{self, CLASS, Trap};
use super::watch::{Look, Watch};
use crate::fault::session::Moment;
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// What a lock is called on which commits are parked: its key is below zero, those of traps above.
fn parking(record: &FaultRecord) -> String {
    format!("{CLASS}, -{}", record.id().0)
}

/// Ends sessions before their transaction is committed.
///
/// A deferred trigger parks them on a lock, and they are ended there.
pub(super) async fn abort(
    saboteur: Saboteur,
    table: &str,
    times: Option<NonZeroU32>,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let parking = parking(&record);
    let observer = saboteur.another().await?;
    let (class, number) = (CLASS, record.id().0);
    saboteur.run("take a lock", &format!("SELECT pg_advisory_lock({parking})")).await?;
    // Longer than any timeout for locks of the application.
    let act = format!(
        "PERFORM set_config('lock_timeout', '0', true); \
         PERFORM pg_advisory_xact_lock_shared({parking});"
    );
    let trap = Trap { table, moment: Moment::Commit, act, times };
    let set = trigger::prepare(saboteur, trap, &record).await?;
    // As numbers without a sign, as the server shows them.
    let parked = format!(
        "{} AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted \
         AND locktype = 'advisory' AND classid = {class} AND objid = {}::bigint::oid)",
        of_application(),
        u64::from(u32::MAX) + 1 - number
    );
    let watch = Watch::every(
        AGAIN,
        Executioner { observer, parked, record, times: None, ended: Vec::new() },
    );
    Ok(undo(async move {
        // Whoever is parked at this moment goes on.
        set.disarm().await?;
        watch.finish().await?;
        Ok(set.remove().await?)
    }))
}

/// Ends sessions after their transaction was committed.
///
/// The server waits for a standby that does not exist, as it does after a commit is on its own disk,
/// and sessions are ended while they wait for it.
pub(super) async fn lose_answers(
    saboteur: Saboteur,
    times: Option<NonZeroU32>,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    need_own_server(&saboteur.pg, saboteur.fault(), "holds up the commits of everyone")?;
    let claimed = saboteur.claim("system setting synchronous_standby_names")?;
    let (observer, probe) = (saboteur.another().await?, saboteur.another().await?);
    probe
        .run("wait for a standby", "SET synchronous_commit = on; SET statement_timeout = 0")
        .await?;
    let end = saboteur.alter_system("synchronous_standby_names", "chaos_ghost").await?;
    if let Err(error) = saboteur.await_waiting(&probe).await {
        saboteur.restore_system(&end).await?;
        return Err(error);
    }
    let parked = format!("{} AND wait_event = 'SyncRep'", of_application());
    let watch =
        Watch::every(AGAIN, Executioner { observer, parked, record, times, ended: Vec::new() });
    Ok(undo(async move {
        let ended = saboteur.restore_system(&end).await;
        // Those who wait are let go by a process of the server that reads its settings, too.
        let passed = probe.run("wait until commits pass again", COMMIT).await;
        watch.finish().await?;
        drop(claimed);
        Ok(ended.and(passed)?)
    }))
}

/// A transaction that changes nothing, and is written to the log all the same.
const COMMIT: &str = "SELECT pg_logical_emit_message(true, 'chaos', '')";

impl Saboteur {
    /// Waits until commits wait for a standby, which a probe shows.
    async fn await_waiting(&self, probe: &Self) -> Result<(), SabotageError> {
        let pid = probe.pid().await?;
        let waits = "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'";
        self.until("wait until commits wait for a standby", || async {
            let mut commit = std::pin::pin!(probe.run("wait for a standby", COMMIT));
            loop {
                if let Ok(passed) = tokio::time::timeout(AGAIN, &mut commit).await {
                    return passed.map(|()| None);
                }
                if !self.query("look at a probe", waits, &[&pid]).await?.is_empty() {
                    // It is committed, and is only told not to wait.
                    let cancel = "SELECT pg_cancel_backend($1)";
                    self.query("let a probe go", cancel, &[&pid]).await?;
                    return commit.await.map(Some);
                }
            }
        })
        .await
    }
}

/// Ends every session that is parked.
struct Executioner {
    observer: Saboteur,
    parked: String,
    record: Arc<FaultRecord>,
    times: Option<NonZeroU32>,
    /// Processes that were ended, and when they had begun. They take a moment.
    ended: Vec<(i32, String)>,
}

impl Look for Executioner {
    async fn look(&mut self) -> Result<(), SabotageError> {
        let parked = format!(
            "SELECT pid, backend_start::text FROM pg_stat_activity WHERE {} ORDER BY query_start",
            self.parked
        );
        for row in self.observer.query("look for parked sessions", &parked, &[]).await? {
            let session: (i32, String) = (row.get(0), row.get(1));
            if self.ended.contains(&session) {
                continue;
            }
            if self.times.is_some_and(|times| self.ended.len() >= times.get() as usize) {
                // It is not to wait for ever. What it has committed it is told.
                let cancel = "SELECT pg_cancel_backend($1)";
                self.observer.query("let a session go", cancel, &[&session.0]).await?;
                continue;
            }
            // Before, so that it is counted when the client hears of it.
            self.record.touch(u64::from(session.0.unsigned_abs()), 1);
            let end = "SELECT pg_terminate_backend($1)";
            self.observer.query("end a parked session", end, &[&session.0]).await?;
            self.ended.push(session);
        }
        Ok(())
    }
}
