//! Transactions that are taken for serializable, and run at repeatable read.
//!
//! That is snapshot isolation in PostgreSQL: two transactions each read what the other one writes, and
//! both commit.

use chaos_core::check::transactions::Model;
use chaos_core::prelude::*;
use chaos_core::workload::Step;
use deadpool_postgres::Pool;
use tokio_postgres::IsolationLevel;

use crate::specimen::{Case, Specimen, Version};

pub(crate) struct WriteSkew {
    cx: Chaos,
    pool: Pool,
    version: Version,
}

impl WriteSkew {
    async fn transaction(&self, steps: Vec<Step>) -> TestResult<Vec<Vec<i64>>> {
        let level = match self.version {
            Version::Wrong => IsolationLevel::RepeatableRead,
            Version::Right => IsolationLevel::Serializable,
        };
        let mut client = self.pool.get().await?;
        let transaction = client.build_transaction().isolation_level(level).start().await?;
        // Two that wait for each other need not wait until the server sees that they do.
        transaction.batch_execute("SET LOCAL lock_timeout = '5ms'").await?;
        let mut lists = Vec::new();
        for step in &steps {
            match step {
                Step::Read(key) => {
                    let select = "SELECT elements FROM list WHERE key = $1";
                    let row = transaction.query_opt(select, &[key]).await?;
                    lists.push(row.map_or_else(Vec::new, |row| row.get(0)));
                }
                Step::Append(key, element) => {
                    let append = "INSERT INTO list VALUES ($1, ARRAY[$2::bigint]) ON CONFLICT (key) \
                                  DO UPDATE SET elements = list.elements || excluded.elements";
                    transaction.execute(append, &[key, element]).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(lists)
    }
}

impl Specimen for WriteSkew {
    const CASE: Case = Case {
        bug: "write skew under snapshot isolation",
        found_by: "workload `append`, asked for serializable",
        within: 20,
        says: "G2-item",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        let pool = cx.postgres().await?.pool(4)?;
        let table = "CREATE TABLE list (key bigint PRIMARY KEY, elements bigint[] NOT NULL)";
        pool.get().await?.batch_execute(table).await?;
        Ok(Self { cx, pool, version })
    }

    async fn run(&self) -> TestResult {
        self.pool.get().await?.batch_execute("DELETE FROM list").await?;
        let append = workload::append(Model::Serializable, async |steps| self.transaction(steps).await);
        let load = Load::clients(4).operations(8);
        self.cx.work(Schedule::new(), load, append.keys(1..=3).steps(2..=3)).await?.judge()
    }
}
