//! A queue in a table, of which a job is selected first and marked as taken then.
//!
//! Two workers select the same job.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct JobTakenTwice {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl JobTakenTwice {
    async fn put(&self, job: i64) -> TestResult {
        let client = self.pool.get().await?;
        client.execute("INSERT INTO job (id) VALUES ($1)", &[&job]).await?;
        Ok(())
    }

    async fn take(&self) -> TestResult<Option<i64>> {
        let client = self.pool.get().await?;
        if self.version.is_wrong() {
            let select = "SELECT id FROM job WHERE NOT taken ORDER BY id LIMIT 1";
            let Some(row) = client.query_opt(select, &[]).await? else { return Ok(None) };
            let job: i64 = row.get(0);
            client.execute("UPDATE job SET taken = true WHERE id = $1", &[&job]).await?;
            return Ok(Some(job));
        }
        let take = "UPDATE job SET taken = true WHERE id = (SELECT id FROM job WHERE NOT taken \
                    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id";
        Ok(client.query_opt(take, &[]).await?.map(|row| row.get(0)))
    }
}

impl Specimen for JobTakenTwice {
    const CASE: Case = Case {
        bug: "a queue that hands out a job twice",
        found_by: "workload `queue`",
        within: 20,
        says: "it came out",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(4)?;
        let table = "CREATE TABLE job (id bigint PRIMARY KEY, taken bool NOT NULL DEFAULT false)";
        pool.get().await?.batch_execute(table).await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        self.pool.get().await?.batch_execute("DELETE FROM job").await?;
        let queue = workload::queue(async |job| self.put(job).await, async || self.take().await);
        self.cx.work(Schedule::new(), Load::clients(4).operations(8), queue).await?.judge()
    }
}
