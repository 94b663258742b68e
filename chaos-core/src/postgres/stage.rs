//! A database that is put back to what it held, again and again, and looked at in between.
//!
//! An exploration runs the same scenario hundreds of times. So everything here is done on one
//! connection of the administrator that is kept, in as few round trips as it takes: one puts the
//! content back, one tells which sessions there are, and one takes the fingerprint of all tables.
//!
//! What the tables held at first is kept in tables of a schema of the library's own, beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow, Statement};

use super::error::PostgresError;
use super::fingerprint::{
    Fingerprint, FingerprintError, Selection, TABLES, Table, TableFingerprint,
};
use super::quoting::literal;
use super::sessions::{OpenSession, Sessions};
use super::{Postgres, endpoint};

mod content;
mod generated;

/// The schema that keeps what the tables held.
const SCHEMA: &str = "chaos_initial";

/// How long the administrator waits for a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// What values as text must not depend on.
const SETTINGS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; \
    SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; SET bytea_output = 'hex'; \
    SET jit = off; SET row_security = off";

/// A database that is put back to what it held when this was made.
#[derive(Debug)]
pub(crate) struct Stage {
    postgres: Postgres,
    admin: Client,
    tables: Vec<Table>,
    restore: String,
    sessions: Sessions,
    locks: Statement,
    /// The tables that are compared, and the statement that does it.
    judged: Option<Judged>,
}

#[derive(Debug)]
struct Judged {
    names: Vec<String>,
    sql: String,
    statement: Statement,
}

/// What a fingerprint leaves out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Omitted {
    selection: Selection,
    /// Columns that no two runs need to agree about, and why.
    reasons: BTreeMap<(String, String), &'static str>,
}

impl Omitted {
    pub(crate) fn table(&mut self, table: String) {
        self.selection.omit_table(table);
    }

    pub(crate) fn column(&mut self, column: String) {
        self.selection.omit_column(None, column);
    }

    pub(crate) fn generated(&mut self, table: &str, column: &str, why: &'static str) {
        self.selection.omit_column(Some(table.to_owned()), column.to_owned());
        self.reasons.insert((table.to_owned(), column.to_owned()), why);
    }

    /// The columns that were left out without being asked for, and why.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = String> + '_ {
        self.reasons.iter().map(|((table, column), why)| format!("{table}.{column}, {why}"))
    }
}

impl Stage {
    /// Keeps what the tables hold now.
    pub(crate) async fn set(postgres: &Postgres) -> Result<Self, PostgresError> {
        let admin = connect(postgres).await?;
        let tables = tables(&admin).await?;
        let content = content::Content::read(&admin, &tables).await?;
        content.keep(&admin).await?;
        let restore = content.restore();
        let sessions = Sessions::of(postgres, &admin).await?;
        let locks = prepared(&admin, &locks(postgres)).await?;
        let postgres = postgres.clone();
        Ok(Self { postgres, admin, tables, restore, sessions, locks, judged: None })
    }

    /// Opens the connection of the administrator anew, because the server was killed.
    pub(crate) async fn reconnect(&mut self) -> Result<(), PostgresError> {
        self.admin = connect(&self.postgres).await?;
        self.sessions = Sessions::of(&self.postgres, &self.admin).await?;
        self.locks = prepared(&self.admin, &locks(&self.postgres)).await?;
        if let Some(judged) = &mut self.judged {
            judged.statement = prepared(&self.admin, &judged.sql).await?;
        }
        Ok(())
    }

    /// Puts the content back.
    pub(crate) async fn restore(&self) -> Result<(), PostgresError> {
        if self.restore.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.admin.batch_execute(&self.restore).await {
            self.admin.batch_execute("ROLLBACK").await.ok();
            return Err(PostgresError::sql("put the content of the tables back")(error));
        }
        Ok(())
    }

    /// What is to be left out of fingerprints: what was asked for, and what a sequence generates.
    pub(crate) async fn omissions(&self, asked: &Omitted) -> Result<Omitted, FingerprintError> {
        let mut omitted = asked.clone();
        omitted.selection.check(&self.tables)?;
        for (table, column) in generated::columns(&self.admin).await? {
            omitted.generated(&table, &column, "whose values come from a sequence");
        }
        Ok(omitted)
    }

    /// Has fingerprints leave this out.
    pub(crate) async fn judge_without(&mut self, omitted: &Omitted) -> Result<(), PostgresError> {
        let judged = self.tables.iter().filter(|table| omitted.selection.has_table(table));
        let judged: Vec<_> = judged.collect();
        let digests = judged.iter().enumerate().map(|(index, table)| {
            let columns = table.columns.iter();
            let columns = columns.filter(|column| omitted.selection.has_column(table, column));
            format!(
                "SELECT {index}::int4, d.c, d.s::text FROM ({}) AS d (c, s)",
                table.digest(columns)
            )
        });
        let digests: Vec<_> = digests.collect();
        if digests.is_empty() {
            self.judged = None;
            return Ok(());
        }
        let names = judged.iter().map(|table| table.name.clone()).collect();
        let sql = digests.join(" UNION ALL ");
        let statement = prepared(&self.admin, &sql).await?;
        self.judged = Some(Judged { names, sql, statement });
        Ok(())
    }

    /// What the tables hold.
    pub(crate) async fn fingerprint(&self) -> Result<Fingerprint, PostgresError> {
        let mut tables = BTreeMap::new();
        if let Some(Judged { names, statement, .. }) = &self.judged {
            let rows = self.admin.query(statement, &[]).await;
            for row in rows.map_err(PostgresError::sql("take the fingerprint of the tables"))? {
                let (index, count, sum): (i32, i64, Option<String>) =
                    (row.get(0), row.get(1), row.get(2));
                let sum = sum.and_then(|sum| sum.parse().ok()).unwrap_or_default();
                let print = TableFingerprint::from_sum(count.unsigned_abs(), sum);
                if let Some(name) = usize::try_from(index).ok().and_then(|index| names.get(index)) {
                    tables.insert(name.clone(), print);
                }
            }
        }
        Ok(Fingerprint { selection: Selection::default(), tables })
    }

    /// The columns of these tables, each with a digest of its own, to find out which of them differ
    /// from run to run.
    pub(crate) async fn digests_of(
        &self,
        tables: &BTreeSet<String>,
        omitted: &Omitted,
    ) -> Result<BTreeMap<(String, String), TableFingerprint>, PostgresError> {
        let mut digests = BTreeMap::new();
        for table in self.tables.iter().filter(|table| tables.contains(&table.name)) {
            for column in &table.columns {
                if !omitted.selection.has_column(table, column) {
                    continue;
                }
                let sql =
                    format!("SELECT d.c, d.s::text FROM ({}) AS d (c, s)", table.digest([column]));
                let row = self.admin.query_one(&sql, &[]).await;
                let row = row.map_err(PostgresError::sql(format!("read table {}", table.name)))?;
                let (count, sum): (i64, Option<String>) = (row.get(0), row.get(1));
                let sum = sum.and_then(|sum| sum.parse().ok()).unwrap_or_default();
                let print = TableFingerprint::from_sum(count.unsigned_abs(), sum);
                digests.insert((table.name.clone(), column.clone()), print);
            }
        }
        Ok(digests)
    }

    /// The tables that were not there when the content was kept, or are gone.
    pub(crate) async fn changed_tables(&self) -> Result<Vec<String>, PostgresError> {
        let now = tables(&self.admin).await?;
        let names = |tables: &[Table]| -> BTreeSet<String> {
            tables.iter().map(|table| table.name.clone()).collect()
        };
        Ok(names(&now).symmetric_difference(&names(&self.tables)).cloned().collect())
    }

    /// How many advisory locks each process of the server holds in the database, of those that hold any.
    pub(crate) async fn advisory_locks(&self) -> Result<BTreeMap<i32, i64>, PostgresError> {
        let rows = self.admin.query(&self.locks, &[]).await;
        let rows = rows.map_err(PostgresError::sql("ask the server for its advisory locks"))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Waits until nothing is going to change any more. Returns the sessions that do something after a
    /// moment still.
    pub(crate) async fn settle(&self) -> Result<Vec<OpenSession>, PostgresError> {
        self.sessions.settle(&self.admin).await
    }

    /// Waits as [`settle`](Self::settle) does, and says what the tables hold then. It takes one round
    /// trip where nothing is to be waited for: the server answers the second question behind the first.
    pub(crate) async fn settled_fingerprint(
        &self,
    ) -> Result<(Vec<OpenSession>, Fingerprint), PostgresError> {
        let (sessions, content) =
            futures::try_join!(self.sessions.list(&self.admin), self.fingerprint())?;
        if self.sessions.are_at_rest(&sessions) {
            return Ok((Vec::new(), content));
        }
        let busy = self.settle().await?;
        Ok((busy, self.fingerprint().await?))
    }

    /// Ends the sessions of the application, and waits until they are gone.
    pub(crate) async fn expel(&self) -> Result<(), PostgresError> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let sessions = self.sessions.list(&self.admin).await?;
            if sessions.is_empty() {
                return Ok(());
            }
            let processes: Vec<i32> = sessions.iter().map(|session| session.process).collect();
            let ended = "SELECT pg_catalog.pg_terminate_backend(it) FROM unnest($1::int4[]) it";
            let ended = self.admin.query(ended, &[&processes]).await;
            ended.map_err(PostgresError::sql("end the sessions of the application"))?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }
}

async fn connect(postgres: &Postgres) -> Result<Client, PostgresError> {
    let endpoint = postgres.database.endpoint();
    let mut config = endpoint.own_session(postgres.database(), PATIENCE);
    config.application_name(format!("{}exploration", endpoint::OURS));
    let connecting = config.connect(NoTls);
    let opened = endpoint::open(connecting, "to put tables back", postgres.clone()).await;
    let admin = postgres.or_down(opened).await?;
    admin
        .batch_execute(SETTINGS)
        .await
        .map_err(PostgresError::sql("settle the forms of values"))?;
    Ok(admin)
}

async fn prepared(admin: &Client, sql: &str) -> Result<Statement, PostgresError> {
    let prepared = admin.prepare(sql).await;
    prepared.map_err(PostgresError::sql("prepare what is asked of the tables"))
}

/// Who holds how many advisory locks of the database.
fn locks(postgres: &Postgres) -> String {
    format!(
        "SELECT l.pid, pg_catalog.count(*) FROM pg_catalog.pg_lock_status() l \
         WHERE l.locktype = 'advisory' AND l.pid IS NOT NULL AND l.database = \
           (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = {}) \
         GROUP BY 1",
        literal(postgres.database())
    )
}

async fn tables(admin: &Client) -> Result<Vec<Table>, PostgresError> {
    let rows = asked(admin, "list the tables", TABLES).await?;
    let tables = rows.iter().map(Table::listed).filter(|table| !table.is_view);
    let ours = format!("{SCHEMA}.");
    Ok(tables.filter(|table| !table.name.starts_with(&ours)).collect())
}

/// Asks a question whose answers are text.
async fn asked(
    admin: &Client,
    action: &str,
    sql: &str,
) -> Result<Vec<SimpleQueryRow>, PostgresError> {
    let messages = admin.simple_query(sql).await.map_err(PostgresError::sql(action))?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.collect())
}
