//! The session of a saboteur.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

use crate::postgres::{Postgres, endpoint};
use crate::sabotage::SabotageError;

/// How long a saboteur waits for a lock, or for one of its statements altogether.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a question is asked again that has no answer yet.
const AGAIN: Duration = Duration::from_millis(2);

/// Whom a database belongs to apart from the application: a condition on `pg_stat_activity`.
///
/// Sessions of the library say so in their name, and the server's own processes are no clients.
pub(super) const OF_APPLICATION: &str = "datname = current_database() \
     AND backend_type = 'client backend' AND application_name NOT LIKE 'chaos: %'";

/// A session of a saboteur: who it is for, and what it is to do.
#[derive(Debug)]
pub(super) struct Saboteur {
    client: Client,
    /// Kept, so that the database and its server stay until the fault is undone.
    pub(super) pg: Postgres,
    fault: String,
}

impl Saboteur {
    /// Opens a session with the powers of the administrator, past any link.
    pub(super) async fn open(pg: Postgres, fault: String) -> Result<Self, SabotageError> {
        let mut config = pg.database.endpoint().administrator(pg.database());
        config.application_name(format!("{}saboteur", endpoint::OURS));
        let options = format!("{} {}", config.get_options().unwrap_or_default(), immunity(&pg));
        config.options(options.trim());
        let client = endpoint::open(config.connect(NoTls), "for a saboteur", pg.clone()).await;
        let client = client.map_err(|source| SabotageError::Connect {
            fault: fault.clone(),
            source: Box::new(source),
        })?;
        Ok(Self { client, pg, fault })
    }

    /// The label of the fault.
    pub(super) fn fault(&self) -> String {
        self.fault.clone()
    }

    /// Runs statements of the simple protocol.
    pub(super) async fn run(&self, action: &str, sql: &str) -> Result<(), SabotageError> {
        self.client.batch_execute(sql).await.map_err(|source| self.refused(action, source))
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
                return Err(SabotageError::TimedOut {
                    fault: self.fault(),
                    action: action.to_owned(),
                    limit: PATIENCE,
                    obstacle: String::new(),
                });
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// What the refusal of a statement means.
    fn refused(&self, action: &str, source: tokio_postgres::Error) -> SabotageError {
        SabotageError::Sql { fault: self.fault(), action: action.to_owned(), source }
    }
}

/// Settings that keep a saboteur from being hit by the settings of the database, by those that other
/// faults make, and from waiting for ever.
fn immunity(pg: &Postgres) -> String {
    let patience = PATIENCE.as_millis();
    let mut settings = format!(
        "-c lock_timeout={patience} -c statement_timeout={patience} \
         -c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off \
         -c default_transaction_isolation=read\\ committed -c synchronous_commit=local \
         -c client_min_messages=warning"
    );
    let major = pg.major_version();
    if major >= 14 {
        settings.push_str(" -c idle_session_timeout=0");
    }
    if major >= 17 {
        settings.push_str(" -c transaction_timeout=0");
    }
    settings
}
