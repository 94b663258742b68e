//! One run of a migration, on a database of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::Migration;
use super::error::MigrationError;
use super::relay::{self, Point, Watched};
use super::report::Break;
use crate::error::TestError;
use crate::postgres::Postgres;
use crate::postgres::error::PostgresError;
use crate::postgres::fingerprint::Fingerprint;
use crate::postgres::schema::Schema;

/// How long the server may take to notice that a connection is gone.
const NOTICE: Duration = Duration::from_secs(20);

/// How often it is asked.
const PERIOD: Duration = Duration::from_millis(2);

/// What a database is like at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) schema: Schema,
    pub(super) content: Option<Fingerprint>,
}

impl Look {
    /// How the content differs after, in words.
    pub(super) fn content_differences(&self, after: &Self) -> Vec<String> {
        let both = self.content.as_ref().zip(after.content.as_ref());
        let differences = both.map(|(before, after)| before.differences(after));
        differences.unwrap_or_default().iter().map(ToString::to_string).collect()
    }
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) result: Result<(), TestError>,
    pub(super) watched: Arc<Watched>,
}

impl<F, E> Migration<F>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    /// A database that the migration can start from.
    pub(super) async fn database(&self) -> Result<Postgres, MigrationError> {
        let postgres = match self.breaks.contains(&Break::ServerCrash) {
            true => self.cx.postgres_server().await?,
            false => self.cx.postgres().await?,
        };
        if !self.start.is_empty() {
            let client = postgres.connect().await?;
            for sql in &self.start {
                let made = client.batch_execute(sql).await;
                made.map_err(|source| MigrationError::Start { sql: sql.clone(), source })?;
            }
        }
        Ok(postgres)
    }

    pub(super) async fn look(&self, postgres: &Postgres) -> Result<Look, MigrationError> {
        let schema = postgres.schema().await?;
        let content = match &self.content {
            Some(select) => Some(select(postgres.fingerprint()).await?),
            None => None,
        };
        Ok(Look { schema, content })
    }

    /// Runs it, and waits until the server knows that it has ended.
    pub(super) async fn run_once(
        &self,
        postgres: &Postgres,
        point: Option<Point>,
    ) -> Result<Ran, MigrationError> {
        let (mut client, watched) = relay::open(postgres, point).await?;
        let running = (self.migrate)(&mut client);
        let ran = tokio::time::timeout(self.patience, running).await;
        let Ok(result) = ran else { return Err(self.too_long(postgres, &watched).await?) };
        let result = result.map_err(Into::into);
        drop(client);
        watched.until_done().await;
        until_gone(postgres, &watched).await?;
        if let Some(trouble) = watched.take_trouble() {
            return Err(trouble.into());
        }
        Ok(Ran { result, watched })
    }

    pub(super) async fn too_long(
        &self,
        postgres: &Postgres,
        watched: &Watched,
    ) -> Result<MigrationError, MigrationError> {
        let passed = watched.passed();
        Ok(MigrationError::TooLong {
            statement: passed.len(),
            sql: passed.last().map(|last| last.sql.clone()).unwrap_or_default(),
            waits_for: waits_for(postgres, watched).await?,
            patience: self.patience,
        })
    }
}

/// Waits until the server has ended the session of a connection: until then it may hold locks, and
/// what it did may still be rolled back.
pub(super) async fn until_gone(
    postgres: &Postgres,
    watched: &Watched,
) -> Result<(), MigrationError> {
    let admin = postgres.admin().await?;
    let sql = "SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1";
    let (process, begun) = (watched.process().unwrap_or_default(), Instant::now());
    loop {
        let rows = admin.query(sql, &[&process]).await;
        if rows.map_err(PostgresError::sql("look for a session"))?.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > NOTICE {
            let action = format!("wait for the end of session {process} of a migration");
            return Err(PostgresError::TimedOut { action, limit: NOTICE }.into());
        }
        tokio::time::sleep(PERIOD).await;
    }
}

/// Whom a connection waits for, in words.
async fn waits_for(postgres: &Postgres, watched: &Watched) -> Result<Vec<String>, MigrationError> {
    let admin = postgres.admin().await?;
    let sql = "SELECT format('process %s (%s: %s)', b.pid, o.state, left(o.query, 80))
                 FROM unnest(pg_catalog.pg_blocking_pids($1)) AS b(pid)
                 LEFT JOIN pg_catalog.pg_stat_activity o ON o.pid = b.pid";
    let rows = admin.query(sql, &[&watched.process().unwrap_or_default()]).await;
    let rows = rows.map_err(PostgresError::sql("ask whom a migration waits for"))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
