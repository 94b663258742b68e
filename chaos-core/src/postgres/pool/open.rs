//! A pool of the application, seen from outside: asked for its connections, and emptied.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio_postgres::SimpleQueryMessage;

use super::watch::PoolWatch;
use crate::error::with_sources;

/// How long a connection may be missing before it is not coming back.
const MOMENT: Duration = Duration::from_secs(1);

/// What a connection is asked: its settings and what it holds, one to a line. Outside of a
/// transaction every statement is a transaction of its own, which begins with it.
pub(crate) const QUESTION: &str = "/* chaos: follow-up */ \
    SELECT pg_catalog.concat_ws(E'\\n', \
        CASE WHEN pg_catalog.now() <> pg_catalog.statement_timestamp() \
             THEN 'in the midst of a transaction' END, \
        'role = ' || current_user, \
        'search_path = ' || pg_catalog.current_setting('search_path'), \
        'TimeZone = ' || pg_catalog.current_setting('TimeZone'), \
        'statement_timeout = ' || pg_catalog.current_setting('statement_timeout'), \
        'lock_timeout = ' || pg_catalog.current_setting('lock_timeout'), \
        'default_transaction_isolation = ' || \
            pg_catalog.current_setting('default_transaction_isolation'), \
        'default_transaction_read_only = ' || \
            pg_catalog.current_setting('default_transaction_read_only'), \
        CASE WHEN pg_catalog.pg_my_temp_schema() <> 0 THEN 'with temporary tables' END, \
        (SELECT 'listening to ' || pg_catalog.string_agg(it, ', ') \
           FROM pg_catalog.pg_listening_channels() it), \
        (SELECT 'with ' || pg_catalog.count(*) || ' advisory lock(s)' FROM pg_catalog.pg_locks l \
          WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'advisory' \
         HAVING pg_catalog.count(*) > 0))";

/// A pool of the application.
#[derive(Debug, Clone)]
pub(crate) struct OpenPool {
    pool: Pool,
    watch: Arc<PoolWatch>,
}

impl OpenPool {
    pub(in crate::postgres) fn of(watch: &Arc<PoolWatch>) -> Option<Self> {
        Some(Self { pool: watch.pool()?, watch: Arc::clone(watch) })
    }

    /// Takes every connection that the pool has to give, as the next operations would, and asks it
    /// in what state it is. Returns what they say.
    ///
    /// A connection that died in the pool costs one operation, which is nobody's fault; as many are
    /// forgiven as the pool may have.
    ///
    /// # Errors
    ///
    /// What the next operation would be told.
    pub(crate) async fn follow_up(&self) -> Result<Vec<String>, String> {
        let mut taken = Vec::new();
        let mut states = Vec::new();
        let mut forgiven = 0;
        loop {
            let status = self.pool.status();
            if !taken.is_empty() && status.available == 0 {
                return Ok(states);
            }
            let client = match self.pool.get().await {
                Ok(client) => client,
                Err(error) => return Err(format!("no connection: {}", with_sources(&error))),
            };
            match client.simple_query(QUESTION).await {
                Ok(answer) => {
                    let rows = answer.iter().filter_map(|message| match message {
                        SimpleQueryMessage::Row(row) => row.get(0),
                        _ => None,
                    });
                    states.extend(rows.map(str::to_owned));
                    taken.push(client);
                }
                Err(error) if error.as_db_error().is_none() && forgiven < status.max_size => {
                    forgiven += 1;
                }
                Err(error) => return Err(with_sources(&error)),
            }
        }
    }

    /// Closes the connections that nobody has.
    pub(crate) fn close_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Waits until every connection is back. Returns how many are not after a moment.
    pub(crate) async fn missing(&self) -> usize {
        let begun = Instant::now();
        loop {
            let missing = self.watch.missing().len();
            if missing == 0 || begun.elapsed() > MOMENT {
                return missing;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
