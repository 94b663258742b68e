//! A call that is repeated until it succeeds, at once and without end.
//!
//! A database that comes back is met by more requests than it ever had. The right one tries four times,
//! waits longer each time, and then says so.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};

use chaos_core::prelude::*;
use deadpool_postgres::Pool;
use futures::future::{Either, join, select};
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
        found_by: "attempts counted under `refuse`",
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
        let outage = (self.pg.inject(cut()), self.pg.inject(refuse()));
        let calls = pin!(join(self.ping(), self.ping()));
        // Without a bound there will be more of them, however long that takes.
        let storm = pin!(async {
            while self.attempts.load(Ordering::Relaxed) <= 2 * BOUND {
                sleep(100.us()).await;
            }
        });
        let has_ended = matches!(select(calls, storm).await, Either::Left(_));
        drop(outage);
        self.cx.check_that("a call makes at most 4 attempts", has_ended)
    }
}
