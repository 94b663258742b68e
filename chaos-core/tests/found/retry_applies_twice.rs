//! A payment that is tried again when its answer was lost.
//!
//! The server may have committed the first one. The right one gives the payment a key, and the database
//! knows which it has.

use std::cell::Cell;

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct RetryAppliesTwice {
    cx: Chaos,
    version: Version,
    trials: Cell<u32>,
}

async fn pay(pool: &Pool) -> TestResult {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let insert = "INSERT INTO payment VALUES (7, 50) ON CONFLICT DO NOTHING";
    if transaction.execute(insert, &[]).await? == 1 {
        transaction.execute("UPDATE account SET held = held - 50", &[]).await?;
    }
    Ok(transaction.commit().await?)
}

async fn pay_at_last(pool: &Pool) -> TestResult {
    for _ in 0..2 {
        if pay(pool).await.is_ok() {
            return Ok(());
        }
    }
    pay(pool).await
}

impl Specimen for RetryAppliesTwice {
    const CASE: Case = Case {
        bug: "a retry that applies twice",
        found_by: "`cx.explore(cut_points())`: convergence",
        within: 1,
        says: "public.payment has 2 rows instead of 1",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        Ok(Self { cx, version, trials: Cell::new(0) })
    }

    async fn run(&self) -> TestResult {
        let key = if self.version.is_wrong() { "" } else { "PRIMARY KEY" };
        let schema = format!(
            "CREATE TABLE payment (key bigint {key}, amount bigint); \
             CREATE TABLE account (held bigint); INSERT INTO account VALUES (100)"
        );
        let explored = self
            .cx
            .explore(cut_points())
            .setup(async |pg| {
                let pool = pg.pool(1)?;
                pool.get().await?.batch_execute(&schema).await?;
                TestResult::Ok(pool)
            })
            .run(async |pool| pay_at_last(pool).await)
            .await?;
        self.trials.set(u32::try_from(explored.met())?);
        Ok(())
    }

    fn trials(&self) -> u32 {
        self.trials.get()
    }
}
