//! Numbers of invoices that come from a sequence, and are to have no gap.
//!
//! What a transaction took from a sequence is not given back when it fails. The right one counts in a
//! row, which is rolled back with the rest.

use std::cell::Cell;

use chaos_core::prelude::*;
use deadpool_postgres::Pool;

use crate::specimen::{Case, Specimen, Version, pool_with};

pub(crate) struct GapInNumbers {
    cx: Chaos,
    version: Version,
    trials: Cell<u32>,
}

async fn invoice(pool: &Pool, version: Version) -> TestResult {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    // Before the look: an earlier try whose connection broke may be about to commit.
    transaction.query_one("SELECT FROM last_number FOR UPDATE", &[]).await?;
    let known = transaction.query_opt("SELECT FROM invoice WHERE for_order = 7", &[]).await?;
    if known.is_none() {
        let next = match version {
            Version::Wrong => "SELECT nextval('invoice_number')",
            Version::Right => "UPDATE last_number SET number = number + 1 RETURNING number",
        };
        let number: i64 = transaction.query_one(next, &[]).await?.get(0);
        transaction.execute("INSERT INTO invoice VALUES ($1, 7)", &[&number]).await?;
    }
    Ok(transaction.commit().await?)
}

async fn invoice_at_last(pool: &Pool, version: Version) -> TestResult {
    match invoice(pool, version).await {
        Ok(()) => Ok(()),
        Err(_) => invoice(pool, version).await,
    }
}

async fn has_no_gap(pool: &Pool) -> TestResult {
    let compare = "SELECT count(*) = coalesce(max(number), 0) FROM invoice";
    let is_gapless: bool = pool.get().await?.query_one(compare, &[]).await?.get(0);
    if is_gapless { Ok(()) } else { Err("the numbers of invoices have a gap".into()) }
}

const SCHEMA: &str = "CREATE SEQUENCE invoice_number; \
    CREATE TABLE last_number (number bigint); \
    INSERT INTO last_number VALUES (0); \
    CREATE TABLE invoice (number bigint PRIMARY KEY, for_order bigint)";

impl Specimen for GapInNumbers {
    const CASE: Case = Case {
        bug: "a gap in numbers after a failure",
        found_by: "`cx.explore(cut_points())` and a check",
        within: 1,
        says: "the numbers of invoices have a gap",
    };

    async fn set_up(cx: Chaos, version: Version) -> TestResult<Self> {
        Ok(Self { cx, version, trials: Cell::new(0) })
    }

    async fn run(&self) -> TestResult {
        let explored = self
            .cx
            .explore(cut_points())
            .setup(async |pg| pool_with(&pg, SCHEMA).await)
            .run(async |pool| invoice_at_last(pool, self.version).await)
            .check(async |pool, _| has_no_gap(pool).await)
            .await?;
        self.trials.set(u32::try_from(explored.met())?);
        Ok(())
    }

    fn trials(&self) -> u32 {
        self.trials.get()
    }
}
