//! A session that looks at a database in one snapshot, and leaves it as it was.

use std::time::Duration;

use tokio_postgres::error::DbError;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::endpoint::OURS;
use super::error::PostgresError;
use super::{Postgres, endpoint};

/// How long to wait for a lock that somebody else holds.
const LOCK_LIMIT: Duration = Duration::from_secs(5);

/// What the answers to our questions must not depend on.
///
/// Timeouts may be set for the database, as a fault. Values are compared as text, so their form has
/// to be the same in every session. Indexes are what is judged, so they are not believed.
const SETTINGS: &str = "\
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL TimeZone = 'UTC';
SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL IntervalStyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL row_security = off;
SET LOCAL constraint_exclusion = off;
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';
SET LOCAL enable_indexscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_tidscan = off;
SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
    WHERE name = 'transaction_timeout';
";

/// Whether the session may create, inside its own transaction, what it needs to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It only reads.
    Read,
    /// It creates things, none of which outlive it: the transaction is rolled back.
    Scratch,
}

/// A session of the administrator, past the link, inside one transaction that is never committed.
#[derive(Debug)]
pub(super) struct Inspection {
    client: Client,
    /// Such as 150018 for 15.18.
    version: u32,
}

impl Inspection {
    pub(super) async fn begin(postgres: &Postgres, access: Access) -> Result<Self, PostgresError> {
        let mut config = postgres.database.endpoint().administrator(postgres.database());
        // Not only below: a limit that is set for the database would stop the statement that lifts it.
        let options = config.get_options().unwrap_or_default();
        config
            .options(format!("{options} -c statement_timeout=0"))
            .application_name(format!("{OURS}inspection"));
        let connecting = config.connect(NoTls);
        let opened = endpoint::open(connecting, "to inspect the database", postgres.clone()).await;
        let client = postgres.or_down(opened).await?;
        let mode = match access {
            Access::Read => "READ ONLY",
            Access::Scratch => "READ WRITE",
        };
        let milliseconds = LOCK_LIMIT.as_millis();
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ {mode}; {SETTINGS} \
             SET LOCAL lock_timeout = {milliseconds}"
        );
        client.batch_execute(&begin).await.map_err(PostgresError::sql("begin an inspection"))?;
        let mut inspection = Self { client, version: 0 };
        let rows = inspection
            .rows("read the version", "SELECT pg_catalog.current_setting('server_version_num')")
            .await?;
        inspection.version = rows.first().map_or(0, |row| number(row, 0));
        Ok(inspection)
    }

    /// The major version of the server.
    pub(super) fn major(&self) -> u32 {
        self.version / 10_000
    }

    /// Asks what the server must be able to answer. All values are text.
    pub(super) async fn rows(
        &self,
        action: &str,
        sql: &str,
    ) -> Result<Vec<SimpleQueryRow>, PostgresError> {
        let messages = self.client.simple_query(sql).await.map_err(PostgresError::sql(action))?;
        Ok(rows_of(messages))
    }

    /// Asks what the server may refuse to answer, in which case the inspection goes on.
    pub(super) async fn ask(
        &self,
        action: &str,
        sql: &str,
    ) -> Result<Result<Vec<SimpleQueryRow>, Box<DbError>>, PostgresError> {
        let guarded = format!("SAVEPOINT inspection; {sql}; RELEASE SAVEPOINT inspection");
        let error = match self.client.simple_query(&guarded).await {
            Ok(messages) => return Ok(Ok(rows_of(messages))),
            Err(error) => error,
        };
        let answer = error.as_db_error().filter(|_| !self.client.is_closed()).cloned();
        let Some(answer) = answer else { return Err(PostgresError::sql(action)(error)) };
        self.client
            .batch_execute("ROLLBACK TO SAVEPOINT inspection")
            .await
            .map_err(PostgresError::sql(action))?;
        Ok(Err(Box::new(answer)))
    }

    /// Has the rest of the transaction give up at once where somebody else holds a lock.
    pub(super) async fn no_longer_wait(&self) -> Result<(), PostgresError> {
        // No shorter: a lock may be held for a moment, as by whoever extends a table.
        let sql = "SET LOCAL lock_timeout = '100ms'";
        self.client.batch_execute(sql).await.map_err(PostgresError::sql("limit waiting"))
    }

    /// Forbids the rest of the transaction to write.
    pub(super) async fn only_read(&self) -> Result<(), PostgresError> {
        let sql = "SET LOCAL transaction_read_only = on";
        self.client.batch_execute(sql).await.map_err(PostgresError::sql("forbid writing"))
    }

    /// Ends the transaction. Dropping does the same, a moment later.
    pub(super) async fn end(self) -> Result<(), PostgresError> {
        let ended = self.client.batch_execute("ROLLBACK").await;
        ended.map_err(PostgresError::sql("end an inspection"))
    }
}

fn rows_of(messages: Vec<SimpleQueryMessage>) -> Vec<SimpleQueryRow> {
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.collect()
}

/// The value of a column, or nothing if it is null.
pub(super) fn text(row: &SimpleQueryRow, column: usize) -> String {
    row.get(column).unwrap_or_default().to_owned()
}

/// The value of a column that holds a count, 0 if it is null.
pub(super) fn number<N: std::str::FromStr + Default>(row: &SimpleQueryRow, column: usize) -> N {
    row.get(column).and_then(|value| value.parse().ok()).unwrap_or_default()
}

/// Whether a column holds true.
pub(super) fn flag(row: &SimpleQueryRow, column: usize) -> bool {
    matches!(row.get(column), Some("t" | "true"))
}

/// SQL for the name of the relation with this object id, with its schema, as SQL would write it.
pub(super) fn name_of(oid: &str) -> String {
    format!(
        "(SELECT pg_catalog.format('%I.%I', name_n.nspname, name_c.relname) \
            FROM pg_catalog.pg_class name_c \
            JOIN pg_catalog.pg_namespace name_n ON name_n.oid = name_c.relnamespace \
           WHERE name_c.oid = {oid})"
    )
}
