//! Migrations that break at every statement, and that run twice at once.
//!
//! A migration is whatever changes a schema through a `tokio_postgres::Client`: a list of files, a
//! migration tool, code of your own. [`Migration::break_everywhere`] runs it again and again, each
//! time on a database of its own, and has it break at its first statement, its second, and so on,
//! until it comes to its end unbroken. After each it looks what is left of it, runs it once more as
//! a deployment would, and looks whether the schema is then the one of an unbroken run.
//! [`Migration::race`] has a second run begin at every statement of the first one, as two instances
//! of a service do that start together.
//!
//! ```
//! use chaos_core::postgres::migration::Migration;
//! use chaos_core::{Chaos, TestResult};
//! use tokio_postgres::{Client, Error};
//!
//! # const USERS: &str = "CREATE TABLE users (id int)";
//! async fn migrate(client: &mut Client) -> Result<(), Error> {
//!     let transaction = client.transaction().await?;
//!     transaction.batch_execute(USERS).await?;
//!     transaction.commit().await
//! }
//!
//! async fn migrations_fail_cleanly(cx: Chaos) -> TestResult {
//!     let migration = Migration::new(&cx, migrate).starting_from("CREATE TABLE old (id int)");
//!     migration.break_everywhere().await?.leaves_all_or_nothing()?;
//!     migration.race().await?.keeps_the_schema()?;
//!     Ok(())
//! }
//! ```
//!
//! # How it breaks
//!
//! Statements are counted on their way to the server, several in one message too. [`Break`] says what
//! happens at one of them. Statements that are sent in any other way than through the given client
//! are neither counted nor broken.

mod breaking;
mod error;
mod race;
mod relay;
mod report;
mod single;
mod statements;

use std::fmt;
use std::time::Duration;

use tokio_postgres::Client;

pub use self::error::MigrationError;
pub use self::race::{RaceReport, RaceRun, RunEnd};
pub use self::report::{Again, Break, BrokenRun, Left, MigrationReport};
use crate::chaos::Chaos;
use crate::error::TestError;
use crate::postgres::fingerprint::FingerprintRequest;

/// How long one run of a migration may take.
const PATIENCE: Duration = Duration::from_secs(60);

type Select = Box<dyn Fn(FingerprintRequest) -> FingerprintRequest + Send + Sync>;

/// A migration that is to be broken; see the [module](self).
#[must_use = "a migration does nothing until it is broken: `.break_everywhere().await?`"]
pub struct Migration<F> {
    cx: Chaos,
    migrate: F,
    start: Vec<String>,
    breaks: Vec<Break>,
    content: Option<Select>,
    patience: Duration,
}

impl<F, E> Migration<F>
where
    F: AsyncFn(&mut Client) -> Result<(), E>,
    E: Into<TestError>,
{
    /// This migration, of an empty database.
    pub fn new(cx: &Chaos, migrate: F) -> Self {
        let (start, content, patience) = (Vec::new(), None, PATIENCE);
        Self {
            cx: cx.clone(),
            migrate,
            start,
            breaks: Break::OF_CONNECTIONS.to_vec(),
            content,
            patience,
        }
    }

    /// Adds statements that make what the migration starts from.
    pub fn starting_from(mut self, sql: impl Into<String>) -> Self {
        self.start.push(sql.into());
        self
    }

    /// Sets how it is to break. Default: in [all ways](Break::OF_CONNECTIONS) that need no server of
    /// their own.
    pub fn breaking(mut self, breaks: impl Into<Vec<Break>>) -> Self {
        self.breaks = breaks.into();
        self
    }

    /// Has the content compared too, not only the schema: whether a second run has changed rows that
    /// the first one had changed already. Leave out what is different each time:
    /// `.comparing_content(|content| content.without_column("applied_at"))`.
    pub fn comparing_content(
        mut self,
        select: impl Fn(FingerprintRequest) -> FingerprintRequest + Send + Sync + 'static,
    ) -> Self {
        self.content = Some(Box::new(select));
        self
    }

    /// Sets how long one run may take. Default: 60 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Breaks it at every statement in turn, in every way that applies, until it comes to its end.
    ///
    /// # Errors
    ///
    /// When it fails without being broken, or a run takes too long, or a database cannot be had.
    /// What it makes of being broken is in the report.
    pub async fn break_everywhere(&self) -> Result<MigrationReport, MigrationError> {
        breaking::everywhere(self).await
    }

    /// Runs it twice at once, in as many ways as it has statements: the second run begins when the
    /// first one is about to send its n-th statement, which it does when the second has ended or
    /// waits.
    ///
    /// # Errors
    ///
    /// When it fails alone, or two runs do not come to an end, or a database cannot be had. What two
    /// runs make of each other is in the report.
    pub async fn race(&self) -> Result<RaceReport, MigrationError> {
        race::race(self).await
    }
}

impl<F> fmt::Debug for Migration<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migration").field("breaks", &self.breaks).finish_non_exhaustive()
    }
}
