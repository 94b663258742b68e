//! A transfer whose second half may fail without that anybody is told.
//!
//! The error is rolled back to a savepoint and logged, and the first half is committed.

use chaos_core::prelude::*;
use chaos_core::workload::Transfer;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct ErrorSwallowed {
    cx: Chaos,
    pg: Postgres,
    pool: Pool,
    version: Version,
}

impl ErrorSwallowed {
    async fn transfer(&self, asked: Transfer) -> TestResult {
        let mut client = self.pool.get().await?;
        let mut transaction = client.transaction().await?;
        let debit = "UPDATE account SET held = held - $2 WHERE id = $1";
        transaction.execute(debit, &[&asked.from, &asked.amount]).await?;
        let credit = "UPDATE account SET held = held + $2 WHERE id = $1";
        let savepoint = transaction.savepoint("credit").await?;
        match savepoint.execute(credit, &[&asked.to, &asked.amount]).await {
            Ok(_) => savepoint.commit().await?,
            Err(_) if self.version.is_wrong() => savepoint.rollback().await?,
            Err(error) => return Err(Rejected::new(error).into()),
        }
        Ok(transaction.commit().await?)
    }

    async fn balances(&self) -> TestResult<Vec<(i64, i64)>> {
        let client = self.pool.get().await?;
        let rows = client.query("SELECT id, held FROM account", &[]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

impl Specimen for ErrorSwallowed {
    const CASE: Case = Case {
        bug: "an error that is swallowed before the commit",
        found_by: "workload `bank` under `error(DEADLOCK_DETECTED)`",
        within: 3,
        says: "1000",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let pool = pg.pool(4)?;
        let table = "CREATE TABLE account (id bigint PRIMARY KEY, held bigint NOT NULL)";
        pool.get().await?.batch_execute(table).await?;
        Ok(Self { cx, pg, pool, version })
    }

    async fn run(&self) -> TestResult {
        let empty = "DELETE FROM account; \
                     INSERT INTO account SELECT id, 100 FROM generate_series(1, 10) AS id";
        self.pool.get().await?.batch_execute(empty).await?;
        let bank = workload::bank(
            1_000,
            async |asked| self.transfer(asked).await,
            async || self.balances().await,
        );
        let work = self.cx.work(Schedule::new(), Load::clients(4).operations(6), bank);
        let credits = query("UPDATE account SET held = held +").every_nth(3).over_link();
        let failing = error(SqlState::T_R_DEADLOCK_DETECTED).on(credits);
        self.pg.during(failing.may_be_idle(), work).await?.judge()
    }
}
