//! Judging what is in a database by a promise.

use std::panic::Location;

use super::Postgres;
use super::error::PostgresError;
use super::inspection::{Access, Inspection};
use crate::check::{Checker, Evidence, NotUpheld, Report, Rows, Validity};
use crate::error::{Error, TestResult};
use crate::event::EventKind;
use crate::history::History;

impl Postgres {
    /// Has a checker judge a history and what is in the database, and records what it says.
    ///
    /// All queries of the checker are answered in one snapshot, on a connection of the administrator
    /// past the link, so that no fault is in the way; they cannot change anything. A checker that
    /// needs no history is given an empty one: see [`holds`](Postgres::holds).
    ///
    /// ```
    /// # use chaos_core::TestResult;
    /// # use chaos_core::history::History;
    /// # use chaos_core::postgres::Postgres;
    /// use chaos_core::check::exactly_once;
    ///
    /// # async fn example(pg: &Postgres, history: &History) -> TestResult {
    /// let sql = "SELECT op, count(*) FROM ledger GROUP BY op";
    /// pg.judge(&exactly_once().operation("transfer").sql(sql), history).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Unless the answer is *valid*, as [`Chaos::judge`](crate::Chaos::judge). Also when the server
    /// cannot be asked, refuses a query, or answers with something that the checker cannot work with.
    #[track_caller]
    pub fn judge(
        &self,
        checker: &impl Checker,
        history: &History,
    ) -> impl Future<Output = TestResult<Report>> + Send {
        let location = Location::caller();
        async move {
            let mut evidence = Evidence::new(history);
            for (question, rows) in self.ask_all(checker.questions()).await? {
                evidence = evidence.with_answer(question, rows);
            }
            let report = checker.check(&evidence)?;
            self.scope().journal().record(EventKind::Judged { report: report.clone() });
            if report.validity() == Validity::Valid {
                return Ok(report);
            }
            Err(NotUpheld::new(report, location).into())
        }
    }

    /// Has a checker judge what is in the database, and records what it says.
    ///
    /// ```
    /// # use chaos_core::TestResult;
    /// # use chaos_core::postgres::Postgres;
    /// use chaos_core::check::conserved;
    ///
    /// # async fn example(pg: &Postgres) -> TestResult {
    /// pg.holds(&conserved(10_000).sql("SELECT id, balance FROM account")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`judge`](Postgres::judge).
    #[track_caller]
    pub fn holds(&self, checker: &impl Checker) -> impl Future<Output = TestResult<Report>> + Send {
        static NOTHING: History = History::empty();
        self.judge(checker, &NOTHING)
    }

    /// What the database answers to a query, as text, past the link and without changing anything.
    ///
    /// ```
    /// # use chaos_core::TestResult;
    /// # use chaos_core::postgres::Postgres;
    /// use chaos_core::check::converges;
    ///
    /// # async fn example(pg: &Postgres) -> TestResult {
    /// let sql = "SELECT id, balance FROM account";
    /// let without_a_fault = pg.rows(sql).await?;
    /// // .. the same once more, with a fault, until it succeeds ..
    /// pg.holds(&converges(sql, without_a_fault)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server cannot be asked, or refuses the query: with its own words.
    pub async fn rows(&self, query: &str) -> Result<Rows, Error> {
        let answers = self.ask_all(vec![query.to_owned()]).await?;
        Ok(answers.into_iter().next().map(|(_, rows)| rows).unwrap_or_default())
    }

    /// Asks all of them in one snapshot.
    async fn ask_all(&self, questions: Vec<String>) -> Result<Vec<(String, Rows)>, Error> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let inspection = Inspection::begin(self, Access::Read).await?;
        let mut answers = Vec::with_capacity(questions.len());
        for question in questions {
            let rows = inspection.answer(&question).await?;
            answers.push((question, rows));
        }
        inspection.end().await?;
        Ok(answers)
    }
}

impl Inspection {
    async fn answer(&self, question: &str) -> Result<Rows, PostgresError> {
        let rows = self.rows(&format!("answer `{question}`"), question).await?;
        let values = |row: &tokio_postgres::SimpleQueryRow| {
            (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()
        };
        Ok(Rows::new(rows.iter().map(values).collect()))
    }
}
