//! Holding locks that the application waits for.

use std::sync::Arc;

use super::session::Saboteur;
use super::watch::Watch;
use crate::fault::LockMode;
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

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

/// Holds what a transaction has got until the fault ends.
async fn hold(
    saboteur: Saboteur,
    action: &str,
    begin: &str,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    // Before the lock is waited for: those who queue behind it wait for it already.
    let observer = Saboteur::open(saboteur.pg.clone(), saboteur.fault()).await?;
    let watch = Watch::waiters_for(saboteur.pid().await?, observer, record);
    if let Err(error) = saboteur.run(action, begin).await {
        watch.finish().await;
        return Err(error);
    }
    Ok(undo(async move {
        watch.finish().await;
        Ok(saboteur.run("release the lock", "ROLLBACK").await?)
    }))
}
