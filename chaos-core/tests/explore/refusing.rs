//! Scenarios that cannot be explored, and what is said of them.

use std::cell::Cell;

use chaos_core::TestResult;
use chaos_core::explore::ExploreError;
use chaos_core::prelude::*;

use crate::arena::Stage;
use crate::ledger::{self, Ledger};

pub(crate) async fn a_scenario_that_is_not_the_same_twice(stage: Stage) -> TestResult {
    let runs = Cell::new(0);
    let explored = ledger::explored(&stage, cut_points())
        .run(async |ledger: &Ledger| {
            let client = ledger.pool.get().await?;
            runs.set(runs.get() + 1);
            if runs.get() == 2 {
                client.batch_execute("SET lock_timeout TO '5s'").await?;
            }
            TestResult::Ok(client.batch_execute("SELECT 1").await?)
        })
        .await;
    let Err(error @ ExploreError::Differs { .. }) = explored else { panic!("{explored:?}") };
    let said = error.to_string();
    assert!(said.contains("Query `SELECT 1` in the first"), "{said}");
    assert!(said.contains("Query `SET lock_timeout TO '5s'` in the second"), "{said}");
    Ok(())
}

pub(crate) async fn statements_that_differ_in_a_letter(stage: Stage) -> TestResult {
    let runs = Cell::new(0);
    let runs = &runs;
    let scenario = |cx: &Chaos, strictly: bool| {
        let explore = cx.explore(cut_points().granularity(Granularity::Transaction));
        let explore = if strictly { explore.check_determinism() } else { explore };
        explore.setup(async |pg| Ledger::open(&pg, 1).await).run(async move |ledger: &Ledger| {
            let client = ledger.pool.get().await?;
            runs.set(runs.get() + 1);
            TestResult::Ok(client.batch_execute(&format!("SELECT {}", runs.get())).await?)
        })
    };
    // Other letters are other values, as keys are: the points are the same.
    let explored = scenario(&stage.cx, false).await?;
    assert!(explored.met() > 0, "{explored}");
    let refused = scenario(&stage.cx, true).await;
    let Err(ExploreError::Differs { first, second, .. }) = refused else { panic!("{refused:?}") };
    assert!(first.starts_with("Query `SELECT ") && second != first, "{first} {second}");
    Ok(())
}

pub(crate) async fn a_scenario_that_fails_without_any_fault(stage: Stage) -> TestResult {
    let explored = ledger::explored(&stage, cut_points())
        .run(async |ledger: &Ledger| {
            let client = ledger.pool.get().await?;
            TestResult::Ok(client.batch_execute("SELECT nonsense").await?)
        })
        .await;
    let Err(error @ ExploreError::Baseline { .. }) = explored else { panic!("{explored:?}") };
    let said = chaos_core::error::with_sources(&error);
    assert!(said.starts_with("the scenario fails without any fault: failed to run the"), "{said}");
    assert!(said.contains("column \"nonsense\" does not exist"), "{said}");
    Ok(())
}

pub(crate) async fn a_scenario_that_never_talks_to_the_database(stage: Stage) -> TestResult {
    let explored =
        ledger::explored(&stage, cut_points()).run(async |_: &Ledger| TestResult::Ok(())).await;
    assert!(matches!(explored, Err(ExploreError::NoMessages)), "{explored:?}");
    let explored = ledger::explored(&stage, cancellation_points())
        .run(async |_: &Ledger| TestResult::Ok(()))
        .await;
    assert!(matches!(explored, Err(ExploreError::NothingTried { .. })), "{explored:?}");
    Ok(())
}

pub(crate) async fn an_operation_that_makes_a_table(stage: Stage) -> TestResult {
    let explored = ledger::explored(&stage, cut_points())
        .run(async |ledger: &Ledger| {
            let client = ledger.pool.get().await?;
            TestResult::Ok(client.batch_execute("CREATE TABLE IF NOT EXISTS more (id int)").await?)
        })
        .await;
    let Err(ExploreError::Unsound { problem }) = explored else { panic!("{explored:?}") };
    assert!(problem.contains("creates or drops public.more"), "{problem}");
    Ok(())
}
