//! A message that is put into the outbox after the transaction that it tells of.
//!
//! Whatever happens in between, the order is there and nobody hears of it: a repeated order is
//! known already.

use std::cell::Cell;

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version, pool_with};

pub(crate) struct OutboxBeside {
    cx: Chaos,
    version: Version,
    trials: Cell<u32>,
}

const MESSAGE: &str = "INSERT INTO outbox VALUES ('order 7 was placed')";

async fn place(pool: &Pool, version: Version) -> TestResult {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let insert = "INSERT INTO orders VALUES (7) ON CONFLICT DO NOTHING";
    let is_new = transaction.execute(insert, &[]).await? == 1;
    if is_new && !version.is_wrong() {
        transaction.execute(MESSAGE, &[]).await?;
    }
    transaction.commit().await?;
    if is_new && version.is_wrong() {
        client.execute(MESSAGE, &[]).await?;
    }
    Ok(())
}

const SCHEMA: &str = "CREATE TABLE orders (id bigint PRIMARY KEY); \
    CREATE TABLE outbox (message text)";

impl Specimen for OutboxBeside {
    const CASE: Case = Case {
        bug: "an outbox row written outside of its transaction",
        found_by: "`cx.explore(cut_points())`: convergence",
        within: 1,
        says: "public.outbox has 0 rows instead of 1",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        Ok(Self { cx, version, trials: Cell::new(0) })
    }

    async fn run(&self) -> TestResult {
        let explored = self
            .cx
            .explore(cut_points())
            .setup(async |pg| pool_with(&pg, SCHEMA).await)
            .run(async |pool| place(pool, self.version).await)
            .await?;
        self.trials.set(u32::try_from(explored.met())?);
        Ok(())
    }

    fn trials(&self) -> u32 {
        self.trials.get()
    }
}
