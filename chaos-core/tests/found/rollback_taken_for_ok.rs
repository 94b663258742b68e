//! A `COMMIT` that the server answers by `ROLLBACK`.
//!
//! A note beside an order is thought to be optional, so its error is ignored. But the transaction has
//! failed with it, the commit rolls back, and the driver returns `Ok`.

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct RollbackTakenForOk {
    cx: Chaos,
    pg: Postgres,
    pool: Pool,
    version: Version,
}

impl RollbackTakenForOk {
    async fn place(&self, order: i64) -> TestResult {
        let mut client = self.pool.get().await?;
        let mut transaction = client.transaction().await?;
        transaction.execute("INSERT INTO orders VALUES ($1)", &[&order]).await?;
        let note = "INSERT INTO note VALUES ($1)";
        if self.version.is_wrong() {
            transaction.execute(note, &[&order]).await.ok();
        } else {
            // Dropping a savepoint rolls back to it.
            let savepoint = transaction.savepoint("note").await?;
            if savepoint.execute(note, &[&order]).await.is_ok() {
                savepoint.commit().await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    async fn orders(&self) -> TestResult<Vec<i64>> {
        let rows = self.pool.get().await?.query("SELECT id FROM orders", &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

impl Specimen for RollbackTakenForOk {
    const CASE: Case = Case {
        bug: "a COMMIT answered by ROLLBACK, taken for success",
        found_by: "workload `set` under `error(DISK_FULL)`",
        within: 3,
        says: "lost",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let pool = pg.pool(4)?;
        let schema = "CREATE TABLE orders (id bigint PRIMARY KEY); CREATE TABLE note (id bigint)";
        pool.get().await?.batch_execute(schema).await?;
        Ok(Self { cx, pg, pool, version })
    }

    async fn run(&self) -> TestResult {
        self.pool.get().await?.batch_execute("DELETE FROM orders; DELETE FROM note").await?;
        let set = workload::set(async |order| self.place(order).await, async || self.orders().await);
        let work = self.cx.work(Schedule::new(), Load::clients(4).operations(5), set);
        let notes = query("INSERT INTO note").every_nth(3).over_link();
        self.pg.during(error(SqlState::DISK_FULL).on(notes), work).await?.judge()
    }
}
