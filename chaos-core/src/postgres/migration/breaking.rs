//! Breaking a migration at every statement in turn.

use tokio_postgres::Client;

use super::Migration;
use super::error::MigrationError;
use super::relay::{Point, What};
use super::report::{Again, Break, BrokenRun, Left, MigrationReport};
use super::single::Look;
use crate::error::{TestError, with_sources};
use crate::link::Target;
use crate::outcome::sqlstate;

pub(super) async fn everywhere<F, E>(
    migration: &Migration<F>,
) -> Result<MigrationReport, MigrationError>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    let postgres = migration.database().await?;
    let before = migration.look(&postgres).await?;
    let ran = migration.run_once(&postgres, None).await?;
    ran.result.map_err(|source| MigrationError::FailsAlone { source })?;
    let after = migration.look(&postgres).await?;
    let statements: Vec<_> = ran.watched.passed().into_iter().map(|passed| passed.sql).collect();
    if statements.is_empty() {
        return Err(MigrationError::NoStatements);
    }
    let journal = postgres.link().scope().journal().clone();
    drop(postgres);

    let mut runs = Vec::new();
    for statement in 1.. {
        let mut reached = false;
        for &how in &migration.breaks {
            let broken = broken_at(migration, statement, how, &before, &after).await?;
            reached |= broken.is_some() || !applies_to_all(how) && statement <= statements.len();
            runs.extend(broken);
        }
        // Ways that do not apply to this statement say nothing of whether there is another one.
        if !reached && statement >= statements.len() {
            break;
        }
    }
    Ok(MigrationReport { statements, runs, journal: Some(journal) })
}

/// Whether every statement can be broken in this way.
const fn applies_to_all(how: Break) -> bool {
    matches!(how, Break::Refused | Break::ConnectionLost | Break::ServerCrash)
}

/// Breaks a run at one statement; none if it never came there, or if the way does not apply.
async fn broken_at<F, E>(
    migration: &Migration<F>,
    statement: usize,
    how: Break,
    before: &Look,
    after: &Look,
) -> Result<Option<BrokenRun>, MigrationError>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    let postgres = migration.database().await?;
    let point = Point { statement, what: What::Break(how) };
    let broken = migration.run_once(&postgres, Some(point)).await?;
    if !broken.watched.reached() {
        return Ok(None);
    }
    let found = migration.look(&postgres).await?;
    let left = match &found {
        found if found == before => Left::Before,
        found if found == after => Left::After,
        found => Left::Between { changes: before.schema.diff(&found.schema) },
    };
    let again = match migration.run_once(&postgres, None).await?.result {
        Err(error) => Again::Failed {
            error: with_sources(error.as_ref()),
            sqlstate: sqlstate(error.as_ref()),
        },
        Ok(()) => {
            let now = migration.look(&postgres).await?;
            let schema = after.schema.diff(&now.schema);
            let content = after.content_differences(&now);
            match schema.is_empty() && content.is_empty() {
                true => Again::Converged,
                false => Again::Diverged { schema, content },
            }
        }
    };
    let passed = broken.watched.passed();
    let sql = passed.get(statement - 1).map(|passed| passed.sql.clone()).unwrap_or_default();
    let error = broken.result.err().map(|error| with_sources(error.as_ref()));
    Ok(Some(BrokenRun { statement, sql, how, error, left, again }))
}
