//! An advisory lock that is taken on one connection of a pool and released on another.
//!
//! Nothing is released there, and the server only warns. The lock is held until its session ends.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct UnlockedElsewhere {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl UnlockedElsewhere {
    async fn report(&self) -> TestResult {
        let locking = self.pool.get().await?;
        locking.execute("SELECT pg_advisory_lock(7)", &[]).await?;
        // What is done under the lock takes a connection of its own.
        let working = self.pool.get().await?;
        working.execute("UPDATE report SET runs = runs + 1", &[]).await?;
        let unlocking = if self.version.is_wrong() { &working } else { &locking };
        unlocking.execute("SELECT pg_advisory_unlock(7)", &[]).await?;
        Ok(())
    }
}

impl Specimen for UnlockedElsewhere {
    const CASE: Case = Case {
        bug: "an advisory lock released on the wrong connection",
        found_by: "the check at the end of every test",
        within: 1,
        says: "lock",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(2)?;
        let table = "CREATE TABLE report (runs int); INSERT INTO report VALUES (0)";
        pool.get().await?.batch_execute(table).await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        self.report().await?;
        let left = self.cx.leftovers().await;
        self.cx.check("nothing is left behind", left.to_string(), "")
    }
}
