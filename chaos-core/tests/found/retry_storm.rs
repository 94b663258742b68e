//! A call that is repeated until it succeeds, at once and without end.
//!
//! A database that comes back is met by more requests than it ever had. The right one tries four times,
//! waits longer each time, and then says so.

use std::sync::atomic::{AtomicU64, Ordering};

use chaos_core::prelude::*;
use deadpool_postgres::Pool;
use tokio::time::sleep;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct RetryStorm {
    cx: Chaos,
    pg: Postgres,
    pool: Pool,
    version: Version,
    attempts: AtomicU64,
}

/// What an operation may cost when the database is down.
const BOUND: u64 = 4;

impl RetryStorm {
    async fn ping(&self) -> TestResult {
        let mut pause = 500.us();
        for attempt in 1.. {
            self.attempts.fetch_add(1, Ordering::Relaxed);
            let error = match self.once().await {
                Ok(()) => break,
                Err(error) => error,
            };
            if !self.version.is_wrong() {
                if attempt == BOUND {
                    return Err(error);
                }
                sleep(pause).await;
                pause *= 2;
            }
        }
        Ok(())
    }

    async fn once(&self) -> TestResult {
        let client = self.pool.get().await?;
        Ok(client.batch_execute("SELECT 1").await?)
    }
}

impl Specimen for RetryStorm {
    const CASE: Case = Case {
        bug: "a retry without a bound or a pause",
        found_by: "`cx.run` under `refuse`, attempts counted",
        within: 1,
        says: "a call makes at most 4 attempts",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let pool = pg.pool(2)?;
        Ok(Self { cx, pg, pool, version, attempts: AtomicU64::new(0) })
    }

    async fn run(&self) -> TestResult {
        self.attempts.store(0, Ordering::Relaxed);
        let plan = Schedule::new().hold(15.ms(), &self.pg, cut()).and(&self.pg, refuse());
        let load = Load::clients(2).pause_after_failure(1.ms());
        let run = self.cx.run(plan, load, async |_| self.ping().await).await?;
        let (attempts, calls) = (self.attempts.load(Ordering::Relaxed), run.operations().len());
        self.cx.note(format!("{attempts} attempts of {calls} calls"));
        let is_bounded = attempts <= BOUND * calls as u64;
        self.cx.check_that("a call makes at most 4 attempts", is_bounded)
    }
}
