//! Properties that hold, do not hold, prove nothing, and end the process.

use chaos_harness::prelude::*;
use chaos_harness::property::proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// Asks the server to say a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Say {
    number: i32,
}

impl Arbitrary for Say {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        (0..10).prop_map(|number| Self { number }).boxed()
    }
}

async fn say_all(pg: &Postgres, plan: &Plan<Say>) -> TestResult {
    let pool = pg.pool(plan.pool_size())?;
    plan.run(pg, async |say: Say| -> TestResult {
        pool.get().await?.query_one("SELECT $1::int", &[&say.number]).await?;
        Ok(())
    })
    .await?;
    Ok(())
}

#[chaos_test(cases = 3, workers = 2)]
async fn holds(plan: Plan<Say>, cx: Chaos) -> TestResult {
    say_all(&cx.postgres().await?, &plan).await
}

#[chaos_test(cases = 64)]
async fn does_not_hold(cx: Chaos, plan: Plan<Say>) -> TestResult {
    say_all(&cx.postgres().await?, &plan).await?;
    cx.check_that("numbers are small", plan.operations().all(|say| say.number < 7))
}

#[chaos_test(cases = 3)]
async fn proves_nothing(cx: Chaos, plan: Plan<Say>) -> TestResult {
    plan.run(&cx.postgres().await?, async |_| -> TestResult { Ok(()) }).await?;
    Ok(())
}

#[chaos_test(cases = 3)]
async fn exits_in_a_case(cx: Chaos, plan: Plan<Say>) -> TestResult {
    say_all(&cx.postgres().await?, &plan).await?;
    std::process::exit(0)
}
