//! Identifiers that are the largest one so far, plus 1.
//!
//! Whoever asks before the last one has committed gets the same. A unique index would turn that into
//! errors; here there is none.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct LargestPlusOne {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl LargestPlusOne {
    async fn generate(&self) -> TestResult<i64> {
        let insert = match self.version {
            Version::Wrong => "INSERT INTO ticket SELECT coalesce(max(id), 0) + 1 FROM ticket RETURNING id",
            Version::Right => "INSERT INTO ticket VALUES (nextval('ticket_id')) RETURNING id",
        };
        Ok(self.pool.get().await?.query_one(insert, &[]).await?.get(0))
    }
}

impl Specimen for LargestPlusOne {
    const CASE: Case = Case {
        bug: "an identifier that is max(id) + 1",
        found_by: "workload `unique_ids`",
        within: 10,
        says: "given out 2 times",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(4)?;
        let schema = "CREATE TABLE ticket (id bigint NOT NULL); CREATE SEQUENCE ticket_id";
        pool.get().await?.batch_execute(schema).await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        self.pool.get().await?.batch_execute("DELETE FROM ticket").await?;
        let ids = workload::unique_ids(async || self.generate().await);
        self.cx.work(Schedule::new(), Load::clients(4).operations(10), ids).await?.judge()
    }
}
