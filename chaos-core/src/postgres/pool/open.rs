//! A pool of the application, seen from outside: asked for its connections, and emptied.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio_postgres::SimpleQueryMessage;

use super::watch::PoolWatch;
use crate::error::with_sources;
use crate::postgres::session::process_of;

/// How long a connection may be missing before it is not coming back.
const MOMENT: Duration = Duration::from_secs(1);

/// What a connection is asked: its settings, its transaction and what it holds.
///
/// The session that is asked is usually a new one, which has looked up nothing yet. One `SELECT` of all
/// this would have the server read twenty functions and a view from its catalogue, which takes it a
/// third as long as starting the session did; `SHOW` needs none of them. Advisory locks are visible
/// from elsewhere, and asked for on a connection that is kept.
///
/// All statements of a message have one time, and outside of a transaction it is that of theirs.
const QUESTION: &str = "/* chaos: follow-up */ \
    SHOW role; SHOW session_authorization; SHOW search_path; SHOW TimeZone; SHOW statement_timeout; \
    SHOW lock_timeout; SHOW default_transaction_isolation; SHOW default_transaction_read_only; \
    SELECT pg_catalog.now(), pg_catalog.statement_timestamp(), pg_catalog.pg_my_temp_schema(); \
    SELECT pg_catalog.pg_listening_channels() AS \"listening to\"";

/// The column of the channels.
const LISTENING: &str = "listening to";

/// In what state a connection of a pool is.
#[derive(Debug)]
pub(crate) struct SessionState {
    /// The process that serves it.
    pub(crate) process: Option<i32>,
    /// What it says of itself, one thing to a line.
    pub(crate) words: String,
}

impl SessionState {
    fn read(process: Option<i32>, answer: &[SimpleQueryMessage]) -> Self {
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let mut lines = Vec::new();
        for row in rows {
            let name = row.columns().first().map_or("", |column| column.name());
            let value = row.get(0).unwrap_or_default();
            match row.len() {
                1 if name == LISTENING => lines.push(format!("{LISTENING} {value}")),
                1 => lines.push(format!("{name} = {value}")),
                _ => {
                    if row.get(0) != row.get(1) {
                        lines.push("in the midst of a transaction".to_owned());
                    }
                    if row.get(2).is_some_and(|schema| schema != "0") {
                        lines.push("with temporary tables".to_owned());
                    }
                }
            }
        }
        Self { process, words: lines.join("\n") }
    }
}

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
    pub(crate) async fn follow_up(&self) -> Result<Vec<SessionState>, String> {
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
                    states.push(SessionState::read(process_of(&client), &answer));
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
