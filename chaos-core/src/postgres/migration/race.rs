//! Running a migration twice at once.

use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures::future::{Either, join, select};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::Migration;
use super::error::MigrationError;
use super::relay::{self, Point, Watched, What};
use super::report::{conclude, on_one_line, short};
use super::single::{Look, until_gone};
use crate::check::CheckFailed;
use crate::error::{TestError, with_sources};
use crate::journal::Journal;
use crate::link::Target;
use crate::outcome::sqlstate;
use crate::postgres::Postgres;
use crate::postgres::error::PostgresError;
use crate::postgres::schema::SchemaDiff;

/// How long the second run may go on, neither ended nor waiting for a lock, before the first one goes
/// on beside it: it may wait in a way that the server does not see.
const HEAD_START: Duration = Duration::from_secs(2);

/// How often the server is asked whether it waits.
const PERIOD: Duration = Duration::from_millis(2);

/// What became of two runs at once; see [`Migration::race`](super::Migration::race).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[must_use = "ask it something: `.keeps_the_schema()?`"]
pub struct RaceReport {
    races: Vec<RaceRun>,
    #[serde(skip)]
    journal: Option<Journal>,
}

/// Two runs at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RaceRun {
    /// The second run began before this statement of the first one, counted from 1.
    pub statement: usize,
    /// The text of the statement.
    pub sql: String,
    /// Whether the second run had to wait for the first.
    pub second_waited: bool,
    /// What came of the first run.
    pub first: RunEnd,
    /// What came of the second run.
    pub second: RunEnd,
    /// How the schema differs from that after a run alone.
    pub drift: SchemaDiff,
    /// How the content differs from that after a run alone, if that was to be compared.
    pub content: Vec<String>,
}

/// What came of one of two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
#[non_exhaustive]
pub enum RunEnd {
    /// It said that all was well.
    Succeeded,
    /// It failed.
    Failed {
        /// What it returned.
        error: String,
        /// The SQLSTATE, if the server answered.
        sqlstate: Option<String>,
    },
}

impl RunEnd {
    fn of(result: Result<(), TestError>) -> Self {
        match result {
            Ok(()) => Self::Succeeded,
            Err(error) => Self::Failed {
                error: with_sources(error.as_ref()),
                sqlstate: sqlstate(error.as_ref()),
            },
        }
    }
}

impl RaceRun {
    /// Whether the schema, and the content if compared, is that after a run alone.
    #[must_use]
    pub fn has_drifted(&self) -> bool {
        !self.drift.is_empty() || !self.content.is_empty()
    }
}

impl RaceReport {
    /// All races, by statement.
    #[must_use]
    pub fn races(&self) -> &[RaceRun] {
        &self.races
    }

    /// Checks that, whenever the second run began, one of both succeeded and the schema is that
    /// after a run alone. The other may fail.
    ///
    /// # Errors
    ///
    /// When it is not.
    #[track_caller]
    pub fn keeps_the_schema(&self) -> Result<(), CheckFailed> {
        self.check("two migrations at once keep the schema", |race| {
            race.has_drifted()
                || race.first != RunEnd::Succeeded && race.second != RunEnd::Succeeded
        })
    }

    /// Checks that both succeeded too, whenever the second run began.
    ///
    /// # Errors
    ///
    /// When one of them failed.
    #[track_caller]
    pub fn both_succeed(&self) -> Result<(), CheckFailed> {
        self.check("two migrations at once both succeed", |race| {
            race.has_drifted()
                || race.first != RunEnd::Succeeded
                || race.second != RunEnd::Succeeded
        })
    }

    #[track_caller]
    fn check(&self, name: &str, is_wrong: impl Fn(&RaceRun) -> bool) -> Result<(), CheckFailed> {
        let wrong: Vec<_> = self.races.iter().filter(|race| is_wrong(race)).collect();
        let text = wrong.iter().map(|race| format!("\n  {race}")).collect::<String>();
        let text = format!("{} of {} races went wrong:{text}", wrong.len(), self.races.len());
        conclude(self.journal.as_ref(), name, wrong.is_empty(), text)
    }
}

impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { error, sqlstate: Some(code) } => {
                write!(f, "failed: {error} (SQLSTATE {code})")
            }
            Self::Failed { error, sqlstate: None } => write!(f, "failed: {error}"),
        }
    }
}

impl fmt::Display for RaceRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statement, sql, second_waited, first, second, drift, content } = self;
        let waited = if *second_waited { "had to wait and " } else { "" };
        write!(
            f,
            "a second run, begun before statement {statement}, `{}`, {waited}{second}; the first {first}",
            short(sql)
        )?;
        if self.has_drifted() {
            let drift = (!drift.is_empty()).then(|| on_one_line(drift));
            let all: Vec<_> = drift.into_iter().chain(content.iter().cloned()).collect();
            write!(f, "; beside a run alone: {}", all.join("; "))?;
        }
        Ok(())
    }
}

impl fmt::Display for RaceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} races", self.races.len())?;
        self.races.iter().try_for_each(|race| write!(f, "\n  {race}"))
    }
}

pub(super) async fn race<F, E>(migration: &Migration<F>) -> Result<RaceReport, MigrationError>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    let postgres = migration.database().await?;
    let ran = migration.run_once(&postgres, None).await?;
    ran.result.map_err(|source| MigrationError::FailsAlone { source })?;
    if ran.watched.passed().is_empty() {
        return Err(MigrationError::NoStatements);
    }
    let alone = migration.look(&postgres).await?;
    let journal = postgres.link().scope().journal().clone();
    drop(postgres);
    let mut races = Vec::new();
    for statement in 1.. {
        match race_at(migration, statement, &alone).await? {
            Some(race) => races.push(race),
            None => break,
        }
    }
    Ok(RaceReport { races, journal: Some(journal) })
}

/// One race; none if the first run ended before that statement.
async fn race_at<F, E>(
    migration: &Migration<F>,
    statement: usize,
    alone: &Look,
) -> Result<Option<RaceRun>, MigrationError>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    let postgres = migration.database().await?;
    let point = Point { statement, what: What::Pause };
    let (mut one, first) = relay::open(&postgres, Some(point)).await?;
    let (mut other, second) = relay::open(&postgres, None).await?;
    let sides = [(&mut one, &*first), (&mut other, &*second)];
    let Some((first_end, second_end, second_waited)) = both(migration, &postgres, sides).await?
    else {
        return Ok(None);
    };
    drop((one, other));
    until_gone(&postgres, &first).await?;
    until_gone(&postgres, &second).await?;
    let now = migration.look(&postgres).await?;
    let passed = first.passed();
    Ok(Some(RaceRun {
        statement,
        sql: passed.get(statement - 1).map(|passed| passed.sql.clone()).unwrap_or_default(),
        second_waited,
        first: first_end,
        second: second_end,
        drift: alone.schema.diff(&now.schema),
        content: alone.content_differences(&now),
    }))
}

/// Carries both runs through: how each ended, and whether the second one waited. None if the first
/// run ended before it came to its point.
async fn both<F, E>(
    migration: &Migration<F>,
    postgres: &Postgres,
    [(one, first), (other, second)]: [(&mut Client, &Watched); 2],
) -> Result<Option<(RunEnd, RunEnd, bool)>, MigrationError>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    let first_run = pin!((migration.migrate)(one));
    let reached = pin!(first.until_reached());
    let started = select(first_run, reached);
    let first_run = match tokio::time::timeout(migration.patience, started).await {
        Err(_) => return Err(migration.too_long(postgres, first).await?),
        Ok(Either::Left(_)) => return Ok(None),
        Ok(Either::Right(((), first_run))) => first_run,
    };
    let second_run = pin!((migration.migrate)(other));
    let waiting = pin!(until_it_waits(postgres, second));
    let ending = async {
        let (first_end, second_end, waited) = match select(second_run, waiting).await {
            Either::Left((second_end, _)) => {
                first.release();
                (first_run.await, second_end, false)
            }
            Either::Right((waited, second_run)) => {
                first.release();
                let (first_end, second_end) = join(first_run, second_run).await;
                (first_end, second_end, waited?)
            }
        };
        let (first_end, second_end) =
            (first_end.map_err(Into::into), second_end.map_err(Into::into));
        Ok((RunEnd::of(first_end), RunEnd::of(second_end), waited))
    };
    match tokio::time::timeout(migration.patience, ending).await {
        Ok(ended) => ended.map(Some).map_err(|error: PostgresError| error.into()),
        Err(_) => Err(migration.too_long(postgres, second).await?),
    }
}

/// Waits until a run waits for a lock. False if it does not for a while, but goes on.
async fn until_it_waits(postgres: &Postgres, second: &Watched) -> Result<bool, PostgresError> {
    let admin = postgres.admin().await.map_err(|error| match error {
        crate::error::Error::Postgres(error) => error,
        other => PostgresError::io("open a connection")(std::io::Error::other(other)),
    })?;
    let sql = "SELECT cardinality(pg_catalog.pg_blocking_pids($1)) > 0";
    let begun = Instant::now();
    while begun.elapsed() < HEAD_START {
        let process = second.process().unwrap_or_default();
        let row = admin.query_one(sql, &[&process]).await;
        if row.map_err(PostgresError::sql("ask whom a migration waits for"))?.get(0) {
            return Ok(true);
        }
        tokio::time::sleep(PERIOD).await;
    }
    Ok(false)
}
