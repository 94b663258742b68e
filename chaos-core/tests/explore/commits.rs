//! Commits whose answers are lost.

use chaos_core::TestResult;
use chaos_core::explore::{ExploreError, FindingKind};
use chaos_core::prelude::*;

use crate::arena::Stage;
use crate::ledger::Ledger;

const KEY: i64 = 7;

/// What the driver says when it has committed and the caller does not know.
const AMBIGUOUS: [&str; 1] = ["COMMIT"];

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
    eprintln!("{explored}");
    assert!(explored.met() > 150, "{}", explored.coverage());
    let violated: Vec<_> = explored.violated().collect();
    assert!((2..=12).contains(&violated.len()), "{explored}");
    for point in violated {
        let [finding] = point.findings.as_slice() else { panic!("{point:?}") };
        assert_eq!(finding.kind, FindingKind::Divergence, "{finding:?}");
        assert!(finding.words.contains("public.transfers has 2 rows instead of 1"), "{finding:?}");
    }
    let _ = AMBIGUOUS;
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
            outcome.agrees_with(ledger.has_applied(KEY).await?)?;
            TestResult::Ok(())
        })
        .await?;
    eprintln!("{explored}");
    assert!(explored.met() > 300, "{explored}");
    Ok(())
}
