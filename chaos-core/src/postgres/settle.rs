//! Waiting for a server that still works for connections that are gone.
//!
//! A client that lost its connection does not wait for what the server makes of its last statement,
//! and the server goes on: a `COMMIT` that arrived is carried out. What is in the database is judged
//! once that is over.

use std::time::{Duration, Instant};

use super::Postgres;

/// For how long to wait at most. A statement that takes longer is one of the test's own.
const LIMIT: Duration = Duration::from_secs(2);

/// How long a session may take to read what has arrived for it.
const READS_WITHIN: Duration = Duration::from_millis(20);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Sessions that carry something out, and those in a transaction, whose next statement may have
/// arrived.
const BUSY: &str = "SELECT count(*) FILTER (WHERE state = 'active'), \
                    count(*) FILTER (WHERE state LIKE 'idle in transaction%') \
                    FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// Waits until no session of the database carries anything out, for at most 2 s.
///
/// An error is no reason to fail: what judges the database next meets it too, and tells of it.
pub(super) async fn settle(postgres: &Postgres) {
    let Ok(admin) = postgres.admin().await else { return };
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        let Ok(row) = admin.query_one(BUSY, &[]).await else { return };
        let (active, open): (i64, i64) = (row.get(0), row.get(1));
        if active == 0 && (open == 0 || began.elapsed() > READS_WITHIN) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
