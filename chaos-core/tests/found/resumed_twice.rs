//! A job of several steps that goes on where it stopped.
//!
//! What a step does and that it is done are two transactions, so that a job which stops between them
//! does the step again.

use std::cell::Cell;

use chaos_core::prelude::*;
use deadpool_postgres::{GenericClient, Pool};

use crate::specimen::{Case, Specimen, Version, pool_with};

pub(crate) struct ResumedTwice {
    cx: Chaos,
    version: Version,
    trials: Cell<u32>,
}

const STEPS: [&str; 2] =
    ["UPDATE account SET held = held + 10", "INSERT INTO letter VALUES ('you have 10 more')"];

async fn step(client: &impl GenericClient, step: usize) -> TestResult {
    client.execute(STEPS[step], &[]).await?;
    Ok(())
}

async fn done(client: &impl GenericClient, step: usize) -> TestResult {
    let next = i32::try_from(step + 1)?;
    client.execute("UPDATE job SET next = $1", &[&next]).await?;
    Ok(())
}

async fn resume(pool: &Pool, version: Version) -> TestResult {
    let mut client = pool.get().await?;
    let row = client.query_one("SELECT next FROM job", &[]).await?;
    for next in usize::try_from(row.get::<_, i32>(0))?..STEPS.len() {
        if version.is_wrong() {
            step(&client, next).await?;
            done(&client, next).await?;
        } else {
            let transaction = client.transaction().await?;
            step(&transaction, next).await?;
            done(&transaction, next).await?;
            transaction.commit().await?;
        }
    }
    Ok(())
}

const SCHEMA: &str = "CREATE TABLE account (held bigint); INSERT INTO account VALUES (0); \
    CREATE TABLE letter (content text); \
    CREATE TABLE job (next int); INSERT INTO job VALUES (0)";

impl Specimen for ResumedTwice {
    const CASE: Case = Case {
        bug: "a job that repeats a step when it is resumed",
        found_by: "`cx.explore(cut_points())`: convergence",
        within: 1,
        says: "public.letter has 2 rows instead of 1",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        Ok(Self { cx, version, trials: Cell::new(0) })
    }

    async fn run(&self) -> TestResult {
        let explored = self
            .cx
            .explore(cut_points())
            .setup(async |pg| pool_with(&pg, SCHEMA).await)
            .run(async |pool| resume(pool, self.version).await)
            .await?;
        self.trials.set(u32::try_from(explored.met())?);
        Ok(())
    }

    fn trials(&self) -> u32 {
        self.trials.get()
    }
}
