//! Holding locks that the application waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::relation::Relation;
use super::session::{PATIENCE, SABOTEUR, Saboteur};
use super::watch::Watch;
use crate::fault::session::LockMode;
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// How often is looked whether another saboteur is in the way.
const LOOK: Duration = Duration::from_millis(25);

/// Holds a lock on a table.
pub(super) async fn table(
    saboteur: Saboteur,
    table: &str,
    mode: LockMode,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let relation = saboteur.table(table).await?;
    let lock = format!("BEGIN; LOCK TABLE {relation} IN {mode} MODE");
    hold(saboteur, &format!("lock {relation}"), &lock, record).await
}

/// Holds rows of a table.
pub(super) async fn rows(
    saboteur: Saboteur,
    table: &str,
    condition: &str,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let relation = saboteur.table(table).await?;
    saboteur.need_rows(&relation, condition).await?;
    let lock = format!("BEGIN; {}", for_update(&relation, condition));
    hold(saboteur, &format!("lock rows of {relation}"), &lock, record).await
}

/// Holds an advisory lock.
pub(super) async fn advisory(
    saboteur: Saboteur,
    key: i64,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let lock = format!("BEGIN; SELECT pg_advisory_xact_lock({key})");
    hold(saboteur, &format!("take the advisory lock {key}"), &lock, record).await
}

/// Keeps a snapshot, which holds up `VACUUM`.
pub(super) async fn snapshot(saboteur: Saboteur) -> Result<Undo, SabotageError> {
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current()";
    saboteur.run("keep a snapshot", begin).await?;
    Ok(undo(async move { Ok(saboteur.run("let a snapshot go", "ROLLBACK").await?) }))
}

/// What locks the rows that meet a condition. Its line of its own ends a comment in the condition.
pub(super) fn for_update(relation: &Relation, condition: &str) -> String {
    format!("SELECT FROM {relation} WHERE ({condition}\n) FOR UPDATE")
}

/// Holds what a transaction has got until the fault ends.
async fn hold(
    saboteur: Saboteur,
    action: &str,
    begin: &str,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    // Before the lock is waited for: those who queue behind it wait for it already.
    let watch = Watch::waiters_for(saboteur.pid().await?, saboteur.another().await?, record);
    let observer = saboteur.another().await?;
    if let Err(error) = saboteur.acquire(&observer, action, begin).await {
        return watch.finish().await.and(Err(error));
    }
    drop(observer);
    Ok(undo(async move {
        watch.finish().await?;
        Ok(saboteur.run("release the lock", "ROLLBACK").await?)
    }))
}

impl Saboteur {
    /// Refuses a condition that is none, or that no row meets.
    pub(super) async fn need_rows(
        &self,
        relation: &Relation,
        condition: &str,
    ) -> Result<(), SabotageError> {
        // It is looked at as a query of the extended protocol, which cannot hold a second statement.
        let query = format!("SELECT FROM {relation} WHERE ({condition}\n) LIMIT 1");
        let found = match self.query("look for rows", &query, &[]).await {
            Err(SabotageError::Sql { source, .. })
                if source.code().is_some_and(|code| code.code().starts_with("42")) =>
            {
                let why = source.as_db_error().map_or("", |error| error.message());
                let problem = format!("{condition:?} is no condition on {relation}: {why}");
                return Err(self.no_target(problem));
            }
            found => found?,
        };
        if found.is_empty() {
            let problem = format!("no row of {relation} meets {condition}");
            return Err(self.no_target(problem));
        }
        Ok(())
    }

    /// Runs statements that begin a transaction and wait for a lock.
    ///
    /// Where another saboteur has it, waiting would be in vain. If it comes to a deadlock with the
    /// application, the saboteur begins anew.
    pub(super) async fn acquire(
        &self,
        observer: &Self,
        action: &str,
        begin: &str,
    ) -> Result<(), SabotageError> {
        let deadline = Instant::now() + PATIENCE;
        let pid = self.pid().await?;
        let modest = self.is_superuser().await?;
        // The one that looks for a deadlock first is the one that fails.
        let timeout = if modest { "SET deadlock_timeout = '5ms'; " } else { "" };
        loop {
            let begin = format!("{timeout}{begin}");
            let mut attempt = std::pin::pin!(self.run(action, &begin));
            let attempted = loop {
                match tokio::time::timeout(LOOK, &mut attempt).await {
                    Ok(attempted) => break attempted,
                    Err(_) => {
                        if let Some(other) = observer.saboteur_ahead_of(pid).await? {
                            let cancel = "SELECT pg_cancel_backend($1)";
                            observer.query("give up a lock", cancel, &[&pid]).await?;
                            attempt.await.ok();
                            self.run("give up a lock", "ROLLBACK").await?;
                            let fault = self.fault().to_owned();
                            return Err(SabotageError::Conflict { fault, other });
                        }
                    }
                }
            };
            let Err(error) = attempted else { return Ok(()) };
            // Who is in the way is seen while it is, which may be over now.
            let obstacle = self.run("give up a lock", "ROLLBACK").await;
            match error {
                SabotageError::Sql { ref source, .. }
                    if source.code() == Some(&SqlState::T_R_DEADLOCK_DETECTED)
                        && Instant::now() < deadline => {}
                error => return obstacle.and(Err(error)),
            }
        }
    }

    /// The label of another saboteur that this process waits for.
    async fn saboteur_ahead_of(&self, pid: i32) -> Result<Option<String>, SabotageError> {
        let ahead = "SELECT application_name FROM pg_stat_activity \
             WHERE pid = ANY (pg_blocking_pids($1)) AND starts_with(application_name, $2)";
        let rows = self.query("look for other saboteurs", ahead, &[&pid, &SABOTEUR]).await?;
        let label = |name: String| format!("`{}`", name.trim_start_matches(SABOTEUR));
        Ok(rows.first().map(|row| label(row.get(0))))
    }
}
