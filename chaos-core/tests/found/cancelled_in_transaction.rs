//! A transaction in text whose future is dropped, as by a timeout or a caller who has gone.
//!
//! Errors are rolled back, but nobody rolls back what is dropped: the next one who gets the connection
//! works inside the transaction. The right one leaves that to the driver's guard.

use std::cell::Cell;

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct CancelledInTransaction {
    cx: Chaos,
    version: Version,
    trials: Cell<u32>,
}

const PLACE: &str = "INSERT INTO orders VALUES (7) ON CONFLICT DO NOTHING";

async fn place_in_text(pool: &Pool) -> TestResult {
    let client = pool.get().await?;
    client.batch_execute("BEGIN").await?;
    if let Err(error) = client.execute(PLACE, &[]).await {
        client.batch_execute("ROLLBACK").await?;
        return Err(error.into());
    }
    Ok(client.batch_execute("COMMIT").await?)
}

async fn place(pool: &Pool) -> TestResult {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.execute(PLACE, &[]).await?;
    Ok(transaction.commit().await?)
}

impl Specimen for CancelledInTransaction {
    const CASE: Case = Case {
        bug: "a cancellation that leaves a transaction open",
        found_by: "`cx.explore(cancellation_points())`: the follow-up on the pool",
        within: 1,
        says: "transaction",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        Ok(Self { cx, version, trials: Cell::new(0) })
    }

    async fn run(&self) -> TestResult {
        let explored = self
            .cx
            .explore(cancellation_points())
            .setup(async |pg| {
                let pool = pg.pool(1)?;
                let table = "CREATE TABLE orders (id bigint PRIMARY KEY)";
                pool.get().await?.batch_execute(table).await?;
                TestResult::Ok(pool)
            })
            .run(async |pool| match self.version {
                Version::Wrong => place_in_text(pool).await,
                Version::Right => place(pool).await,
            })
            .await?;
        self.trials.set(u32::try_from(explored.met())?);
        Ok(())
    }

    fn trials(&self) -> u32 {
        self.trials.get()
    }
}
