//! Ending sessions, and cancelling what they do.

use std::num::NonZeroU32;

use super::session::{Saboteur, of_application};
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// Ends sessions of the application, the oldest first, and waits until they are gone.
pub(super) async fn sessions(
    saboteur: Saboteur,
    at_most: Option<NonZeroU32>,
    record: &FaultRecord,
) -> Result<Undo, SabotageError> {
    let pids =
        signal(&saboteur, "pg_terminate_backend", &of_application(), at_most, record).await?;
    // One that is busy elsewhere, in a long write to a file say, may take a while.
    saboteur
        .until("wait for the end of terminated sessions", || async {
            let left = "SELECT FROM pg_stat_activity WHERE pid = ANY ($1)";
            let left = saboteur.query("look for terminated sessions", left, &[&pids]).await?;
            Ok(left.is_empty().then_some(()))
        })
        .await?;
    Ok(undo(async { Ok(()) }))
}

/// Cancels queries of the application, those of the oldest sessions first.
pub(super) async fn queries(
    saboteur: Saboteur,
    at_most: Option<NonZeroU32>,
    record: &FaultRecord,
) -> Result<Undo, SabotageError> {
    let busy = format!("{} AND state = 'active'", of_application());
    signal(&saboteur, "pg_cancel_backend", &busy, at_most, record).await?;
    Ok(undo(async { Ok(()) }))
}

async fn signal(
    saboteur: &Saboteur,
    function: &str,
    whom: &str,
    at_most: Option<NonZeroU32>,
    record: &FaultRecord,
) -> Result<Vec<i32>, SabotageError> {
    let chosen = format!(
        "SELECT pid, {function}(pid) FROM (SELECT pid FROM pg_stat_activity \
         WHERE {whom} ORDER BY backend_start, pid LIMIT $1) AS chosen"
    );
    let limit = at_most.map(|count| i64::from(count.get()));
    let rows = saboteur.query("signal sessions", &chosen, &[&limit]).await?;
    let pids: Vec<i32> = rows.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
    for pid in &pids {
        record.touch(u64::from(pid.unsigned_abs()), 1);
    }
    Ok(pids)
}
