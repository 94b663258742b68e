//! Versions that are made from the version that was read.
//!
//! Two writers that read the same version make the same next one, and each takes it for its own.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct VersionBump {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl VersionBump {
    async fn bump(&self, key: i64) -> TestResult<i64> {
        let client = self.pool.get().await?;
        if self.version.is_wrong() {
            let next = self.read(key).await? + 1;
            client.execute("UPDATE document SET version = $2 WHERE key = $1", &[&key, &next]).await?;
            return Ok(next);
        }
        let update = "UPDATE document SET version = version + 1 WHERE key = $1 RETURNING version";
        Ok(client.query_one(update, &[&key]).await?.get(0))
    }

    async fn read(&self, key: i64) -> TestResult<i64> {
        let client = self.pool.get().await?;
        let select = "SELECT version FROM document WHERE key = $1";
        Ok(client.query_one(select, &[&key]).await?.get(0))
    }
}

impl Specimen for VersionBump {
    const CASE: Case = Case {
        bug: "a version that two writers make",
        found_by: "workload `versions`",
        within: 20,
        says: "version",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(8)?;
        let table = "CREATE TABLE document (key bigint PRIMARY KEY, version bigint NOT NULL)";
        pool.get().await?.batch_execute(table).await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        let empty = "DELETE FROM document; INSERT INTO document VALUES (1, 0), (2, 0)";
        self.pool.get().await?.batch_execute(empty).await?;
        let versions =
            workload::versions(async |key| self.bump(key).await, async |key| self.read(key).await);
        let load = Load::clients(4).operations(5);
        self.cx.work(Schedule::new(), load, versions).await?.judge()
    }
}
