//! A lease that its holder believes in for as long as it likes.
//!
//! When the network is slow the lease expires in the midst of the work, somebody else gets it, and
//! both write. The right one has the database compare the token of the lease with every write.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct LeaseWithoutFencing {
    cx: Chaos,
    pg: Postgres,
    pool: Pool,
    version: Version,
}

impl LeaseWithoutFencing {
    /// Waits for the lease, and returns its token.
    async fn acquire(&self) -> TestResult<i64> {
        // It lasts for 1 ms, far less than the work takes on a slow network.
        let acquire = "UPDATE lease SET token = token + 1, \
                           expires = clock_timestamp() + interval '1 millisecond' \
                       WHERE expires < clock_timestamp() RETURNING token";
        loop {
            let client = self.pool.get().await?;
            if let Some(row) = client.query_opt(acquire, &[]).await? {
                return Ok(row.get(0));
            }
            drop(client);
            tokio::time::sleep(1.ms()).await;
        }
    }

    async fn add(&self, amount: i64) -> TestResult {
        let token = self.acquire().await?;
        let client = self.pool.get().await?;
        let sum = self.read().await? + amount;
        if self.version.is_wrong() {
            client.execute("UPDATE account SET n = $1", &[&sum]).await?;
            return Ok(());
        }
        // Of a newer lease this one waits for the end, or is told of it.
        let write = "UPDATE account SET n = $1 \
                     WHERE $2 = (SELECT token FROM lease FOR UPDATE)";
        match client.execute(write, &[&sum, &token]).await? {
            0 => Err(Rejected::new("the lease has expired").into()),
            _ => Ok(()),
        }
    }

    async fn read(&self) -> TestResult<i64> {
        Ok(self.pool.get().await?.query_one("SELECT n FROM account", &[]).await?.get(0))
    }
}

impl Specimen for LeaseWithoutFencing {
    const CASE: Case = Case {
        bug: "a lease without a fencing token",
        found_by: "workload `counter` under `latency`",
        within: 20,
        says: "counter",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let pool = pg.pool(8)?;
        let schema = "CREATE TABLE account (n bigint NOT NULL); \
                      CREATE TABLE lease (token bigint NOT NULL, expires timestamptz NOT NULL)";
        pool.get().await?.batch_execute(schema).await?;
        Ok(Self { cx, pg, pool, version })
    }

    async fn run(&self) -> TestResult {
        let empty = "DELETE FROM account; INSERT INTO account VALUES (0); \
                     DELETE FROM lease; INSERT INTO lease VALUES (0, now())";
        self.pool.get().await?.batch_execute(empty).await?;
        let counter =
            workload::counter(async |amount| self.add(amount).await, async || self.read().await);
        let work = self.cx.work(Schedule::new(), Load::clients(3).operations(2), counter);
        let slow = latency(500.us()..=2.ms()).downstream();
        self.pg.during(slow, work).await?.judge()
    }
}
