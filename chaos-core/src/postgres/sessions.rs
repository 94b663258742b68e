//! The sessions of the application in a database, and waiting for them to come to rest.
//!
//! A client that lost its connection does not wait for what the server makes of its last statement,
//! and the server goes on: a `COMMIT` that arrived is carried out, and a session whose client is gone
//! may still have a statement before it that it has not read. So nothing is going to change any more
//! only when every session is idle *and* there are no more of them than connections are open on the
//! link. No time says that; both are counted.

use std::fmt;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, Row, Statement};

use super::Postgres;
use super::endpoint::{PAST_LINK, not_ours};
use super::error::PostgresError;
use super::quoting::literal;
use crate::link::Link;

/// How much of the last statement belongs in a sentence.
const WORDS: usize = 120;

/// How long sessions get to come to rest before what they do is their fault.
const MOMENT: Duration = Duration::from_secs(1);

/// How often sessions are looked at in a row before the processor is left to them for a moment.
const EAGER: u32 = 4;

/// A session of the application.
#[derive(Debug, Clone)]
pub(crate) struct OpenSession {
    pub(super) process: i32,
    state: String,
    statement: String,
    is_past_link: bool,
}

impl OpenSession {
    fn read(row: &Row) -> Self {
        let text = |column: usize| row.get::<_, Option<String>>(column).unwrap_or_default();
        Self { process: row.get(0), state: text(1), statement: text(2), is_past_link: row.get(3) }
    }

    /// Whether it does nothing and is in no transaction.
    fn is_at_rest(&self) -> bool {
        self.state == "idle"
    }
}

impl fmt::Display for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: String = self.statement.split_whitespace().collect::<Vec<_>>().join(" ");
        let words: String = words.chars().take(WORDS).collect();
        write!(f, "a session is {}; its last statement: {words}", self.state)
    }
}

/// Asks a server for the sessions of the application in one database, on a connection of the
/// administrator.
#[derive(Debug)]
pub(super) struct Sessions {
    link: Link,
    look: Statement,
}

impl Sessions {
    pub(super) async fn of(postgres: &Postgres, admin: &Client) -> Result<Self, PostgresError> {
        let look = admin.prepare(&question(postgres.database())).await;
        let look =
            look.map_err(PostgresError::sql("prepare to ask the server for its sessions"))?;
        Ok(Self { link: postgres.link.clone(), look })
    }

    pub(super) async fn list(&self, admin: &Client) -> Result<Vec<OpenSession>, PostgresError> {
        let rows = admin.query(&self.look, &[]).await;
        let rows = rows.map_err(PostgresError::sql("ask the server for its sessions"))?;
        Ok(rows.iter().map(OpenSession::read).collect())
    }

    /// Whether every session does nothing and has a connection of the link, so that nothing is going
    /// to change any more.
    pub(super) fn are_at_rest(&self, sessions: &[OpenSession]) -> bool {
        at_rest(sessions, self.link.connections().open)
    }

    /// Waits until [they are at rest](Self::are_at_rest), for at most a second. Returns the sessions
    /// that do something after that still.
    pub(super) async fn settle(&self, admin: &Client) -> Result<Vec<OpenSession>, PostgresError> {
        let begun = Instant::now();
        for look in 0.. {
            let sessions = self.list(admin).await?;
            if self.are_at_rest(&sessions) {
                return Ok(Vec::new());
            }
            if begun.elapsed() > MOMENT {
                let busy = sessions.into_iter().filter(|session| !session.is_at_rest());
                return Ok(busy.collect());
            }
            if look >= EAGER {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        unreachable!("the loop has no other end")
    }
}

/// Whether these sessions are at rest while so many connections are open on the link.
fn at_rest(sessions: &[OpenSession], open: u64) -> bool {
    let through_link = sessions.iter().filter(|session| !session.is_past_link);
    through_link.count() as u64 <= open && sessions.iter().all(OpenSession::is_at_rest)
}

/// Past the view of the same name, which looks up names that nobody asks for.
fn question(database: &str) -> String {
    format!(
        "SELECT s.pid, s.state, s.query, s.application_name = {} \
         FROM pg_catalog.pg_stat_get_activity(NULL) s \
         WHERE s.datid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = {}) \
           AND s.backend_type = 'client backend' AND s.pid <> pg_catalog.pg_backend_pid() \
           AND {}",
        literal(PAST_LINK),
        literal(database),
        not_ours()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(state: &str, is_past_link: bool) -> OpenSession {
        let (state, statement) = (state.to_owned(), String::new());
        OpenSession { process: 1, state, statement, is_past_link }
    }

    #[test]
    fn sessions_are_at_rest_when_all_are_idle_and_none_has_lost_its_connection() {
        let (idle, past) = (session("idle", false), session("idle", true));
        assert!(at_rest(&[], 0));
        assert!(at_rest(std::slice::from_ref(&idle), 1));
        assert!(!at_rest(std::slice::from_ref(&idle), 0), "its client is gone");
        assert!(at_rest(&[idle.clone(), past], 1), "nobody counts those past the link");
        assert!(
            !at_rest(&[idle.clone(), session("active", true)], 2),
            "these do something as well"
        );
        assert!(!at_rest(&[idle, session("idle in transaction", false)], 2));
    }
}
