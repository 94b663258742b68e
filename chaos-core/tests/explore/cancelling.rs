//! Futures that are dropped, and messages that do not come.

use std::time::Duration;

use chaos_core::TestResult;
use chaos_core::explore::{CutPoints, ExploreError, FindingKind};
use chaos_core::prelude::*;

use crate::arena::Stage;
use crate::ledger::{self, Ledger};

const INSERT: &str = "INSERT INTO transfers (key, amount) VALUES (1, 5) ON CONFLICT DO NOTHING";

fn cancelled() -> CutPoints {
    cut_points().granularity(Granularity::Message).modes([Mode::Cancel])
}

/// A transaction that nobody ends whose future is dropped in its midst.
async fn by_hand(ledger: &Ledger) -> TestResult {
    let client = ledger.pool.get().await?;
    client.batch_execute("BEGIN").await?;
    match client.batch_execute(INSERT).await {
        Ok(()) => client.batch_execute("COMMIT").await?,
        Err(error) => {
            client.batch_execute("ROLLBACK").await?;
            return Err(error.into());
        }
    }
    Ok(())
}

/// The driver rolls it back when it is dropped.
async fn guarded(ledger: &Ledger) -> TestResult {
    let mut client = ledger.pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(INSERT).await?;
    Ok(transaction.commit().await?)
}

pub(crate) async fn a_transaction_that_a_dropped_future_leaves_open_is_found(
    stage: Stage,
) -> TestResult {
    let explored = ledger::explored(&stage, cancelled()).run(by_hand).await;
    let Err(ExploreError::Violated(explored)) = explored else { panic!("{explored:?}") };
    let (finding, points) = &explored.causes()[0];
    assert_eq!(finding.kind, FindingKind::Session, "{explored}");
    assert!(finding.words.ends_with("a session in the midst of a transaction"), "{explored}");
    let told = "cancelled before Query `BEGIN` reached the server";
    assert!(points.iter().any(|point| point.words == told), "{explored}");
    // The start-up leaves nothing open, and neither does a COMMIT that gets through.
    let told = "cancelled before Query `COMMIT` reached the server";
    assert!(points.iter().all(|point| point.words != told), "{explored}");
    assert!(points.len() < explored.met() / 2, "{explored}");
    Ok(())
}

pub(crate) async fn a_transaction_that_is_rolled_back_when_dropped_is_clean(
    stage: Stage,
) -> TestResult {
    let explored = ledger::explored(&stage, cancelled()).run(guarded).await?;
    assert!(explored.met() > 20, "{explored}");
    Ok(())
}

/// Awaits it on one thread: the driver works while the operation waits, not beside it, so there is no
/// answer that the operation does not have to wait for.
fn on_one_thread<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    })
}

pub(crate) async fn an_operation_that_is_dropped_after_each_of_its_polls(
    stage: Stage,
) -> TestResult {
    on_one_thread(async {
        let explored = ledger::explored(&stage, cancellation_points()).run(guarded).await?;
        // It waits for a connection, and for three statements; now and then two waits are one.
        assert!(explored.points.len() >= 4 && explored.met() >= 2, "{explored}");
        let explored = ledger::explored(&stage, cancellation_points()).run(by_hand).await;
        let Err(ExploreError::Violated(explored)) = explored else { panic!("{explored:?}") };
        assert_eq!(explored.causes()[0].0.kind, FindingKind::Session, "{explored}");
        let token = explored.replay().unwrap().to_string();
        assert!(token.starts_with("2:poll."), "{token}");
        Ok(())
    })
}

pub(crate) async fn an_operation_that_waits_for_ever_is_found_and_one_with_a_timeout_is_not(
    stage: Stage,
) -> TestResult {
    let late = || cut_points().granularity(Granularity::Transaction).modes([Mode::Delay]);
    let explored = stage
        .cx
        .explore(late())
        .patience(Duration::from_millis(400))
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(guarded)
        .await;
    let Err(ExploreError::Violated(explored)) = explored else { panic!("{explored:?}") };
    assert!(explored.points.iter().all(|point| point.is_violated()), "{explored}");
    assert!(explored.causes().iter().any(|(it, _)| it.kind == FindingKind::Hang), "{explored}");
    let explored = ledger::explored(&stage, late())
        .run(async |ledger: &Ledger| {
            tokio::time::timeout(Duration::from_millis(300), guarded(ledger)).await?
        })
        .await?;
    assert!(explored.met() >= 4, "{explored}");
    Ok(())
}

/// Gives back what it takes, unless something fails in between.
async fn tidy_if_all_goes_well(ledger: &Ledger) -> TestResult {
    let client = ledger.pool.get().await?;
    client.batch_execute("SELECT pg_advisory_lock(7)").await?;
    client.batch_execute("LISTEN transfers").await?;
    client.batch_execute("SET lock_timeout = '3s'").await?;
    client.batch_execute(INSERT).await?;
    let undo = "RESET lock_timeout; UNLISTEN transfers; SELECT pg_advisory_unlock(7)";
    Ok(client.batch_execute(undo).await?)
}

pub(crate) async fn what_a_session_is_left_with_is_found(stage: Stage) -> TestResult {
    let explored = stage
        .cx
        .explore(cut_points().modes([Mode::error(SqlState::T_R_SERIALIZATION_FAILURE)]))
        .without_retry()
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(tidy_if_all_goes_well)
        .await;
    let Err(ExploreError::Violated(explored)) = explored else { panic!("{explored:?}") };
    let words: Vec<_> =
        explored.causes().iter().map(|(finding, _)| finding.words.clone()).collect();
    let told = "the next operation on the same pool gets a session lock_timeout = 3s, listening to \
                transfers, with 1 advisory lock(s)";
    assert!(words.iter().any(|words| words == told), "{explored}");
    Ok(())
}
