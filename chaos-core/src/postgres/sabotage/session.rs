//! The session of a saboteur.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

use crate::postgres::{Postgres, endpoint};
use crate::sabotage::SabotageError;

/// How long a saboteur waits for a lock, or for one of its statements altogether.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a question is asked again that has no answer yet.
pub(super) const AGAIN: Duration = Duration::from_millis(2);

/// How the names of the sessions of saboteurs begin; the label of the fault follows.
pub(super) const SABOTEUR: &str = "chaos: saboteur, ";

/// Whose sessions a fault is for: a condition on `pg_stat_activity`.
///
/// Sessions of the library say so in their name, and the server's own processes are no clients.
pub(super) fn of_application() -> String {
    let not_ours = endpoint::not_ours();
    format!("datname = current_database() AND backend_type = 'client backend' AND {not_ours}")
}

/// How much of a label fits into the name of a session, which the server cuts at 63 bytes.
const LABEL: usize = 46;

/// What to do about a refusal.
const REMEDY: &str = "name a superuser in CHAOS_POSTGRES_URL, or take a server of its own with \
     `cx.postgres_server()`";

/// A session of a saboteur: who it is for, and what it is to do.
#[derive(Debug)]
pub(super) struct Saboteur {
    client: Client,
    /// Kept, so that the database and its server stay until the fault is undone.
    pub(super) pg: Postgres,
    fault: String,
}

impl Saboteur {
    /// Opens a session in the database with the powers of the administrator, past any link.
    pub(super) async fn open(pg: &Postgres, fault: &str) -> Result<Self, SabotageError> {
        Self::open_in(pg, fault, pg.database()).await
    }

    /// Opens another one, for the same fault.
    pub(super) async fn another(&self) -> Result<Self, SabotageError> {
        Self::open(&self.pg, &self.fault).await
    }

    /// Opens one outside of the database, for what cannot be done from within.
    pub(super) async fn open_outside(pg: &Postgres, fault: &str) -> Result<Self, SabotageError> {
        let database = pg.database.endpoint().maintenance.clone();
        Self::open_in(pg, fault, &database).await
    }

    async fn open_in(pg: &Postgres, fault: &str, database: &str) -> Result<Self, SabotageError> {
        let mut config = pg.database.endpoint().own_session(database, PATIENCE);
        config.application_name(session_name(fault));
        let client = endpoint::open(config.connect(NoTls), "for a saboteur", pg.clone()).await;
        let client = pg.or_down(client).await.map_err(|source| SabotageError::Connect {
            fault: fault.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self { client, pg: pg.clone(), fault: fault.to_owned() })
    }

    /// The label of the fault.
    pub(super) fn fault(&self) -> &str {
        &self.fault
    }

    /// Runs statements of the simple protocol.
    pub(super) async fn run(&self, action: &str, sql: &str) -> Result<(), SabotageError> {
        self.client.batch_execute(sql).await.map_err(|source| self.refused(action, source))
    }

    /// Runs statements, all of them or none.
    pub(super) async fn change(&self, action: &str, sql: &str) -> Result<(), SabotageError> {
        let changed = self.run(action, &format!("BEGIN; {sql}; COMMIT")).await;
        if changed.is_err() {
            // It says nothing new if the connection is lost.
            self.client.batch_execute("ROLLBACK").await.ok();
        }
        changed
    }

    pub(super) async fn query(
        &self,
        action: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, SabotageError> {
        self.client.query(sql, parameters).await.map_err(|source| self.refused(action, source))
    }

    /// The process that serves this session.
    pub(super) async fn pid(&self) -> Result<i32, SabotageError> {
        let row = self.query("ask for a process", "SELECT pg_backend_pid()", &[]).await?;
        Ok(row[0].get(0))
    }

    /// Asks again and again until there is an answer.
    pub(super) async fn until<T, F>(
        &self,
        action: &str,
        mut ask: impl FnMut() -> F,
    ) -> Result<T, SabotageError>
    where
        F: Future<Output = Result<Option<T>, SabotageError>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
            if Instant::now() > deadline {
                return Err(self.timed_out(action, String::new()));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    pub(super) fn timed_out(&self, action: &str, obstacle: String) -> SabotageError {
        let (fault, action) = (self.fault.clone(), action.to_owned());
        SabotageError::TimedOut { fault, action, limit: PATIENCE, obstacle }
    }

    /// Refuses what only a superuser can do, before it is half done.
    pub(super) async fn need_superuser(&self, what_for: &str) -> Result<(), SabotageError> {
        if self.is_superuser().await? {
            return Ok(());
        }
        let needs = format!("a superuser, {what_for}");
        let fault = self.fault.clone();
        Err(SabotageError::NotPermitted { fault, needs, remedy: REMEDY, source: None })
    }

    pub(super) async fn is_superuser(&self) -> Result<bool, SabotageError> {
        let sql = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user";
        let rows = self.query("ask for powers", sql, &[]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// The role of the application.
    pub(super) fn application_role(&self) -> String {
        self.pg.database.endpoint().owner(self.pg.database()).user
    }

    /// What the refusal of a statement means.
    fn refused(&self, action: &str, source: tokio_postgres::Error) -> SabotageError {
        let (fault, action) = (self.fault.clone(), action.to_owned());
        match source.code() {
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => SabotageError::NotPermitted {
                fault,
                needs: format!("the right to {action}"),
                remedy: REMEDY,
                source: Some(source),
            },
            Some(&SqlState::LOCK_NOT_AVAILABLE) => self.timed_out(&action, String::new()),
            _ => SabotageError::Sql { fault, action, source },
        }
    }
}

/// What the sessions of a fault are called.
pub(super) fn session_name(fault: &str) -> String {
    let shown = |letter: &char| letter.is_ascii_graphic() || *letter == ' ';
    let label: String = fault.chars().filter(shown).take(LABEL).collect();
    format!("{SABOTEUR}{label}")
}

/// Refuses what would reach others on a shared server.
pub(super) fn need_own_server(
    pg: &Postgres,
    fault: &str,
    reach: &'static str,
) -> Result<(), SabotageError> {
    if pg.database.is_alone() {
        return Ok(());
    }
    Err(SabotageError::SharedServer { fault: fault.to_owned(), reach })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saboteur_is_told_from_the_application() {
        assert!(session_name("lock").starts_with(endpoint::OURS));
        assert!(of_application().ends_with("application_name NOT LIKE E'chaos: %'"));
    }
}
