//! Transactions that nobody ends.

use std::collections::BTreeMap;

use super::finding::{Finding, FindingKind};
use super::report::Audit;
use crate::postgres::error::PostgresError;
use crate::postgres::inspection::{Inspection, text};

/// Transactions that were prepared and neither committed nor rolled back.
pub(super) async fn prepared(
    inspection: &Inspection,
    audit: &mut Audit,
) -> Result<(), PostgresError> {
    let rows = inspection
        .rows(
            "look for prepared transactions",
            "SELECT gid, owner, prepared, pg_catalog.format('%L', gid)
               FROM pg_catalog.pg_prepared_xacts
              WHERE database = pg_catalog.current_database() ORDER BY prepared, gid",
        )
        .await?;
    for row in rows {
        let (gid, owner, since, literal) =
            (text(&row, 0), text(&row, 1), text(&row, 2), text(&row, 3));
        audit.find(Finding::new(
            FindingKind::PreparedTransaction,
            gid,
            format!("prepared by {owner} at {since}; it holds its locks, over restarts too"),
            format!("`COMMIT PREPARED {literal}` or `ROLLBACK PREPARED {literal}`"),
        ));
    }
    Ok(())
}

/// Sessions that do nothing inside a transaction, by process and by when they last did something.
pub(super) type Idle = BTreeMap<(String, String), String>;

pub(super) async fn idle_in_transaction(inspection: &Inspection) -> Result<Idle, PostgresError> {
    // Otherwise a second look in the same transaction shows what the first one did.
    inspection.rows("look again", "SELECT pg_catalog.pg_stat_clear_snapshot()").await?;
    let rows = inspection
        .rows(
            "look for sessions idle in a transaction",
            "SELECT pid, state_change,
                    pg_catalog.format('%s, application %L, user %I, transaction since %s, idle since %s, last query: %s',
                        state, application_name, usename, xact_start, state_change,
                        pg_catalog.left(pg_catalog.regexp_replace(query, '\\s+', ' ', 'g'), 200))
               FROM pg_catalog.pg_stat_activity
              WHERE datname = pg_catalog.current_database()
                AND state LIKE 'idle in transaction%' AND pid <> pg_catalog.pg_backend_pid()",
        )
        .await?;
    Ok(rows.iter().map(|row| ((text(row, 0), text(row, 1)), text(row, 2))).collect())
}

/// Those that have done nothing between two looks.
pub(super) fn report(before: &Idle, after: &Idle, audit: &mut Audit) {
    for ((pid, _), description) in after.iter().filter(|(key, _)| before.contains_key(*key)) {
        audit.find(Finding::new(
            FindingKind::IdleInTransaction,
            format!("process {pid}"),
            description.clone(),
            format!(
                "commit or roll back on every path; `SELECT pg_terminate_backend({pid})` ends it"
            ),
        ));
    }
}
