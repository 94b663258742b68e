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
        let next = match self.version {
            Version::Wrong => "SELECT coalesce(max(id), 0) + 1 FROM ticket",
            Version::Right => "SELECT nextval('ticket_id')",
        };
        let client = self.pool.get().await?;
        let id: i64 = client.query_one(next, &[]).await?.get(0);
        client.execute("INSERT INTO ticket VALUES ($1)", &[&id]).await?;
        Ok(id)
    }
}

impl Specimen for LargestPlusOne {
    const CASE: Case = Case {
        bug: "an identifier that is max(id) + 1",
        found_by: "workload `unique_ids`",
        within: 20,
        says: "it was given out",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(6)?;
        let schema = "CREATE TABLE ticket (id bigint NOT NULL); CREATE SEQUENCE ticket_id";
        pool.get().await?.batch_execute(schema).await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        self.pool.get().await?.batch_execute("DELETE FROM ticket").await?;
        let ids = workload::unique_ids(async || self.generate().await);
        self.cx.work(Schedule::new(), Load::clients(6).operations(8), ids).await?.judge()
    }
}
