//! Commits whose answers are lost.

use chaos_core::TestResult;
use chaos_core::explore::{ExploreError, FindingKind};
use chaos_core::prelude::*;

use crate::arena::Stage;
use crate::ledger::{Ledger, LedgerError};

const KEY: i64 = 7;

pub(crate) async fn a_retry_that_applies_twice_is_found_where_the_commit_is_ambiguous(
    stage: Stage,
) -> TestResult {
    let points = cut_points().granularity(Granularity::Message).modes([Mode::Cut, Mode::Reset]);
    let explored = stage
        .cx
        .explore(points)
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(async |ledger: &Ledger| ledger.transfer(None).await)
        .await;
    let Err(ExploreError::Violated(explored)) = explored else { panic!("{explored:?}") };
    assert!(explored.met() > 150, "{}", explored.coverage());
    let violated: Vec<_> = explored.violated().collect();
    assert!((2..=12).contains(&violated.len()), "{explored}");
    for point in violated {
        let [finding] = point.findings.as_slice() else { panic!("{point:?}") };
        assert_eq!(finding.kind, FindingKind::Divergence, "{finding:?}");
        assert!(finding.words.contains("public.transfers has 2 rows instead of 1"), "{finding:?}");
    }
    let words: Vec<_> = explored.points.iter().map(|point| point.words.as_str()).collect();
    let told = "reset after the server sent CommandComplete for COMMIT, before the client saw it";
    assert!(words.contains(&told), "{words:#?}");
    Ok(())
}

pub(crate) async fn a_retry_with_a_key_is_clean_everywhere(stage: Stage) -> TestResult {
    let points = cut_points().granularity(Granularity::Message);
    let explored = stage
        .cx
        .explore(points)
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(async |ledger: &Ledger| ledger.transfer(Some(KEY)).await)
        .check(async |ledger: &Ledger, outcome| {
            Ok(outcome.agrees_with(ledger.has_applied(KEY).await?)?)
        })
        .await?;
    assert!(explored.met() > 300, "{explored}");
    Ok(())
}

pub(crate) async fn a_commit_whose_error_is_swallowed_is_found(stage: Stage) -> TestResult {
    let explored = stage
        .cx
        .explore(cut_points().granularity(Granularity::Transaction).modes([Mode::Reset]))
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(async |ledger: &Ledger| {
            let mut client = ledger.pool.get().await?;
            let transaction = client.transaction().await?;
            let insert = "INSERT INTO transfers (key, amount) VALUES (1, 5)";
            transaction.batch_execute(insert).await?;
            transaction.commit().await.ok();
            TestResult::Ok(())
        })
        .await;
    let Err(ExploreError::Violated(explored)) = explored else { panic!("{explored:?}") };
    let violated: Vec<_> = explored.violated().map(|point| point.words.as_str()).collect();
    assert_eq!(violated, ["reset before Query `COMMIT` reached the server"], "{explored}");
    let (finding, _) = explored.causes()[0];
    assert_eq!(finding.kind, FindingKind::Divergence, "{explored}");
    Ok(())
}

/// The key is forgotten with the second failure.
async fn forgetful(ledger: &Ledger) -> Result<(), LedgerError> {
    let mut last = ledger.transfer_once(Some(KEY)).await;
    for key in [Some(KEY), None] {
        if last.is_ok() {
            return last;
        }
        last = ledger.transfer_once(key).await;
    }
    last
}

pub(crate) async fn a_retry_that_breaks_at_the_second_failure_is_found_at_depth_two(
    stage: Stage,
) -> TestResult {
    let points = cut_points().granularity(Granularity::Transaction).modes([Mode::Reset]);
    let once = stage
        .cx
        .explore(points.clone())
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(forgetful)
        .await?;
    assert!(once.met() > 2, "{once}");
    let twice = stage
        .cx
        .explore(points.depth(2))
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(forgetful)
        .await;
    let Err(ExploreError::Violated(explored)) = twice else { panic!("{twice:?}") };
    let causes = explored.causes();
    let twice = causes.iter().find(|(finding, _)| finding.words.contains("2 rows instead of 1"));
    let (_, points) = twice.unwrap_or_else(|| panic!("{explored}"));
    for point in points {
        assert!(point.words.contains(", and then reset "), "{explored}");
        assert!(point.words.contains("after the server sent CommandComplete"), "{explored}");
        let token = point.token.to_string();
        assert!(token.starts_with("2:c1.") && token.contains("+c2."), "{explored}");
    }
    Ok(())
}

pub(crate) async fn a_server_that_is_killed(stage: Stage) -> TestResult {
    let points = || cut_points().granularity(Granularity::Transaction).modes([Mode::ServerKilled]);
    let kept = stage
        .cx
        .explore(points())
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(async |ledger: &Ledger| ledger.patiently(Some(KEY)).await)
        .await?;
    assert!(kept.met() >= 4, "{kept}");
    let doubled = stage
        .cx
        .explore(points())
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(async |ledger: &Ledger| ledger.patiently(None).await)
        .await;
    let Err(ExploreError::Violated(doubled)) = doubled else { panic!("{doubled:?}") };
    let violated: Vec<_> = doubled.violated().map(|point| point.words.as_str()).collect();
    let told = "server killed after it sent CommandComplete for COMMIT, before the client saw it";
    assert_eq!(violated, [told], "{doubled}");
    Ok(())
}
