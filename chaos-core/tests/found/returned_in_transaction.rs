//! A connection that goes back to its pool in the midst of a transaction.
//!
//! The transaction is begun and ended in text, and an early return forgets the end.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct ReturnedInTransaction {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl ReturnedInTransaction {
    async fn withdraw(&self, amount: i64) -> TestResult {
        let client = self.pool.get().await?;
        client.batch_execute("BEGIN").await?;
        let row = client.query_one("SELECT held FROM account FOR UPDATE", &[]).await?;
        if row.get::<_, i64>(0) < amount {
            if !self.version.is_wrong() {
                client.batch_execute("ROLLBACK").await?;
            }
            return Err(Rejected::new("the account has not enough").into());
        }
        client.execute("UPDATE account SET held = held - $1", &[&amount]).await?;
        Ok(client.batch_execute("COMMIT").await?)
    }
}

impl Specimen for ReturnedInTransaction {
    const CASE: Case = Case {
        bug: "a connection returned to its pool inside a transaction",
        found_by: "the check at the end of every test",
        within: 1,
        says: "transaction",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(1)?;
        pool.get().await?.batch_execute("CREATE TABLE account (held bigint)").await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        let empty = "DELETE FROM account; INSERT INTO account VALUES (100)";
        self.pool.get().await?.batch_execute(empty).await?;
        self.withdraw(60).await?;
        self.cx.check_that("more than there is is refused", self.withdraw(60).await.is_err())?;
        // The harness asks this at the end of every test.
        let left = self.cx.leftovers().await;
        self.cx.check("nothing is left behind", left.to_string(), "")
    }
}
