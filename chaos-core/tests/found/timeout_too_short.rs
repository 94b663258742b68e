//! A timeout that is shorter than the server's work, and a retry.
//!
//! What timed out is done all the same, and then once more. The right one has the database know the
//! command by its key.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;
use tokio::time::timeout;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct TimeoutTooShort {
    cx: Chaos,
    pg: Postgres,
    pool: Pool,
    version: Version,
}

impl TimeoutTooShort {
    async fn pay(&self, key: i64) -> TestResult {
        let table = if self.version.is_wrong() { "payment" } else { "keyed_payment" };
        let insert = format!("INSERT INTO {table} VALUES ({key}) ON CONFLICT DO NOTHING");
        let once = async {
            let client = self.pool.get().await?;
            TestResult::Ok(client.batch_execute(&insert).await?)
        };
        timeout(2.ms(), once).await?
    }

    async fn payments(&self) -> TestResult<Vec<i64>> {
        let select = "SELECT key FROM payment UNION ALL SELECT key FROM keyed_payment";
        let rows = self.pool.get().await?.query(select, &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Specimen for TimeoutTooShort {
    const CASE: Case = Case {
        bug: "a timeout shorter than the server's work, and a retry",
        found_by: "workload `commands` under `latency`",
        within: 3,
        says: "once",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let pool = pg.pool(2)?;
        let schema = "CREATE TABLE payment (key bigint); \
                      CREATE TABLE keyed_payment (key bigint PRIMARY KEY)";
        pool.get().await?.batch_execute(schema).await?;
        Ok(Self { cx, pg, pool, version })
    }

    async fn run(&self) -> TestResult {
        let empty = "DELETE FROM payment; DELETE FROM keyed_payment";
        self.pool.get().await?.batch_execute(empty).await?;
        let commands =
            workload::commands(async |key| self.pay(key).await, async || self.payments().await);
        let load = Load::clients(2).operations(2).pause_after_failure(1.ms());
        let work = self.cx.work(Schedule::new(), load, commands);
        self.pg.during(latency(4.ms()).downstream(), work).await?.judge()
    }
}
