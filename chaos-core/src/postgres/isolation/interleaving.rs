//! Stating an interleaving.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use tokio_postgres::Client;

use super::engine;
use super::error::InterleavingError;
use super::level::IsolationLevel;
use super::report::{InterleavingReport, Reading};
use crate::error::TestError;
use crate::postgres::Postgres;

/// How long a step may take that waits for nobody.
const PATIENCE: Duration = Duration::from_secs(30);

/// Steps of several sessions in a stated order; see the module [`isolation`](super).
///
/// Each session begins a transaction at its level before the first step. What is still open after
/// the last step is rolled back. Sessions connect through the link of the database, with the powers
/// of its owner.
#[must_use = "an interleaving does nothing until it is run"]
pub struct Interleaving<'a> {
    pub(super) postgres: Postgres,
    pub(super) setup: Vec<String>,
    pub(super) sessions: Vec<(String, IsolationLevel)>,
    pub(super) steps: Vec<Step<'a>>,
    pub(super) patience: Duration,
}

/// One step, as it was stated.
pub(super) struct Step<'a> {
    pub(super) session: String,
    pub(super) what: String,
    pub(super) action: Action<'a>,
    pub(super) must_block: bool,
}

/// What a step does.
pub(super) enum Action<'a> {
    Sql,
    Commit,
    Call(Call<'a>),
}

/// What a step does that is no statement.
pub(super) type Call<'a> =
    Box<dyn FnOnce(Arc<Client>) -> LocalBoxFuture<'a, Result<Reading, TestError>> + 'a>;

impl<'a> Interleaving<'a> {
    /// An interleaving without sessions and steps.
    pub fn new(postgres: &Postgres) -> Self {
        let (setup, sessions, steps) = (Vec::new(), Vec::new(), Vec::new());
        Self { postgres: postgres.clone(), setup, sessions, steps, patience: PATIENCE }
    }

    /// Adds statements that are run and committed before the sessions begin.
    pub fn setup(mut self, sql: impl Into<String>) -> Self {
        self.setup.push(sql.into());
        self
    }

    /// Adds a session, whose transaction has this isolation level.
    pub fn session(mut self, name: impl Into<String>, level: IsolationLevel) -> Self {
        self.sessions.push((name.into(), level));
        self
    }

    /// Adds a step: a statement, which may block, fail or succeed.
    pub fn step(self, session: impl Into<String>, sql: impl Into<String>) -> Self {
        self.add(session.into(), sql.into(), Action::Sql, false)
    }

    /// Adds a step that has to block.
    pub fn blocks(self, session: impl Into<String>, sql: impl Into<String>) -> Self {
        self.add(session.into(), sql.into(), Action::Sql, true)
    }

    /// Adds a step that is code of yours: it gets the session's client, inside the transaction.
    ///
    /// What it returns is what it has read, in the report.
    ///
    /// ```
    /// # use chaos_core::postgres::Postgres;
    /// # use chaos_core::postgres::isolation::{Interleaving, IsolationLevel};
    /// # use tokio_postgres::{Client, Error};
    /// # async fn balance(client: &Client, id: i32) -> Result<i64, Error> {
    /// #     Ok(client.query_one("SELECT balance FROM accounts WHERE id = $1", &[&id]).await?.get(0))
    /// # }
    /// # async fn example(pg: Postgres) -> chaos_core::TestResult {
    /// let report = Interleaving::new(&pg)
    ///     .session("reader", IsolationLevel::ReadCommitted)
    ///     .call("reader", "read the balance", async |client| balance(client, 1).await)
    ///     .run()
    ///     .await?;
    /// assert_eq!(report.value(1), Some("100"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<T, E>(
        self,
        session: impl Into<String>,
        what: impl Into<String>,
        call: impl AsyncFnOnce(&Client) -> Result<T, E> + 'a,
    ) -> Self
    where
        T: fmt::Debug + 'a,
        E: Into<TestError> + 'a,
    {
        let call: Call<'a> = Box::new(move |client| {
            Box::pin(async move {
                let returned = call(&client).await.map_err(Into::into)?;
                Ok(Reading::of_value(format!("{returned:?}")))
            })
        });
        self.add(session.into(), what.into(), Action::Call(call), false)
    }

    /// Adds a step that commits.
    pub fn commit(self, session: impl Into<String>) -> Self {
        self.add(session.into(), "COMMIT".to_owned(), Action::Commit, false)
    }

    /// Adds a step that rolls back.
    pub fn rollback(self, session: impl Into<String>) -> Self {
        self.add(session.into(), "ROLLBACK".to_owned(), Action::Sql, false)
    }

    /// Sets how long a step may take that waits for nobody. Default: 30 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn add(mut self, session: String, what: String, action: Action<'a>, must_block: bool) -> Self {
        self.steps.push(Step { session, what, action, must_block });
        self
    }

    /// Carries the steps through.
    ///
    /// # Errors
    ///
    /// When a step does not block that has to; when it can never begin, because its session waits;
    /// when it takes too long; when the preparation fails. A step that fails is no error.
    pub async fn run(self) -> Result<InterleavingReport, InterleavingError> {
        engine::run(self).await
    }
}

impl fmt::Debug for Interleaving<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.iter().map(|step| (&step.session, &step.what)).collect();
        f.debug_struct("Interleaving")
            .field("sessions", &self.sessions)
            .field("steps", &steps)
            .finish_non_exhaustive()
    }
}
