//! A counter that is read, added to, and written back.
//!
//! Under read committed two transactions read the same number, and what the first one wrote is lost.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct LostUpdate {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl LostUpdate {
    async fn add(&self, amount: i64) -> TestResult {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        if self.version.is_wrong() {
            let row = transaction.query_one("SELECT n FROM counter", &[]).await?;
            let sum = row.get::<_, i64>(0) + amount;
            transaction.execute("UPDATE counter SET n = $1", &[&sum]).await?;
        } else {
            transaction.execute("UPDATE counter SET n = n + $1", &[&amount]).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn read(&self) -> TestResult<i64> {
        Ok(self.pool.get().await?.query_one("SELECT n FROM counter", &[]).await?.get(0))
    }
}

impl Specimen for LostUpdate {
    const CASE: Case = Case {
        bug: "a lost update under read committed",
        found_by: "workload `counter`",
        within: 20,
        says: "counter",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(8)?;
        pool.get().await?.batch_execute("CREATE TABLE counter (n bigint NOT NULL)").await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        let empty = "DELETE FROM counter; INSERT INTO counter VALUES (0)";
        self.pool.get().await?.batch_execute(empty).await?;
        let counter =
            workload::counter(async |amount| self.add(amount).await, async || self.read().await);
        let load = Load::clients(8).operations(6);
        self.cx.work(Schedule::new(), load, counter).await?.judge()
    }
}
