//! What a case comes to.

use std::time::Duration;

use chaos_core::event::EventKind;
use chaos_core::property::{FailedCase, FaultFamily, Plan, PropertyError, PropertyReport};
use chaos_core::{Chaos, TestError, TestResult};

fn numbers() -> std::ops::Range<u32> {
    0..10
}

fn failed(tried: Result<PropertyReport, TestError>) -> FailedCase {
    let error = tried.expect_err("it was not found");
    println!("{error}");
    match *error.downcast::<PropertyError>().expect("a property failed") {
        PropertyError::Failed(failed) => *failed,
        other => panic!("{other}"),
    }
}

/// Asks the server something for each operation.
async fn ask(cx: &Chaos, plan: &Plan<u32>) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(1)?;
    plan.run(&pg, async |_| -> TestResult {
        pool.get().await?.simple_query("SELECT 1").await?;
        Ok(())
    })
    .await?;
    Ok(())
}

pub(crate) async fn cases_that_prove_nothing_are_no_pass(cx: Chaos) -> TestResult {
    // Nothing passes through the link.
    let tried = cx.property(numbers()).cases(3).run(async |cx, plan| -> TestResult {
        let pg = cx.postgres().await?;
        let admin = pg.admin().await?;
        plan.run(&pg, async |_| admin.simple_query("SELECT 1").await).await?;
        Ok(())
    });
    let error = tried.await.unwrap_err();
    let vacuous = error.downcast_ref::<PropertyError>();
    assert!(matches!(vacuous, Some(PropertyError::Vacuous { cases: 3 })), "{error}");
    Ok(())
}

pub(crate) async fn a_property_has_to_run_its_plan(cx: Chaos) -> TestResult {
    let tried = cx.property(numbers()).run(async |_, _| TestResult::Ok(())).await;
    let error = tried.unwrap_err();
    assert!(error.to_string().contains("plan.run"), "{error}");
    // What cannot be set up is no failing case.
    let tried = cx.property(numbers()).run(async |_, _| TestResult::Err("no table".into())).await;
    assert_eq!(tried.unwrap_err().to_string(), "no table");
    Ok(())
}

pub(crate) async fn a_panic_and_a_hang_fail_their_case(cx: Chaos) -> TestResult {
    let tried = cx.property(numbers()).run(async |cx, plan| -> TestResult {
        ask(&cx, &plan).await?;
        assert!(plan.operations().all(|number| *number < 7), "too large");
        Ok(())
    });
    let found = failed(tried.await);
    assert!(found.failure.contains("too large"), "{found}");
    // No fault is needed, and 7 is the smallest that is too large.
    assert_eq!(found.listing, "  1. 7\n  without any fault", "{found}");
    assert_eq!(found.file, None, "the name of the test is not known");

    let timeout = Duration::from_secs(2);
    let tried = cx.property(numbers()).case_timeout(timeout).run(async |cx, plan| -> TestResult {
        ask(&cx, &plan).await?;
        if plan.operations().any(|number| *number == 7) {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let found = failed(tried.await);
    assert!(found.failure.contains("still running after 2s"), "{found}");
    assert_eq!(found.listing, "  1. 7\n  without any fault", "{found}");
    Ok(())
}

pub(crate) async fn what_a_case_leaves_behind_fails_it(cx: Chaos) -> TestResult {
    let tried = cx.property(numbers()).shrink_for(Duration::ZERO).run(async |cx, plan| -> TestResult {
        let pg = cx.postgres().await?;
        let pool = pg.pool(1)?;
        plan.run(&pg, async |_| -> TestResult {
            let client = pool.get().await?;
            client.batch_execute("BEGIN").await?;
            Ok(())
        })
        .await?;
        Ok(())
    });
    let found = failed(tried.await);
    assert!(found.failure.contains("open transaction"), "{found}");
    Ok(())
}

pub(crate) async fn a_kept_case_that_passes_is_noted(cx: Chaos) -> TestResult {
    let directory = tempfile::tempdir()?;
    let of = |limit: u32, cases: u32| {
        cx.property(numbers()).cases(cases).regressions(directory.path()).run(
            async move |cx, plan| -> TestResult {
                ask(&cx, &plan).await?;
                cx.check_that("small", plan.operations().all(|number| *number < limit))
            },
        )
    };
    let found = failed(of(7, 64).await);
    let file = found.file.expect("it is kept");
    assert_eq!(of(10, 2).await?.replayed, 1);
    let noted = |needle: &str| {
        cx.scope().journal().events().iter().any(
            |event| matches!(&event.what, EventKind::Note { message } if message.contains(needle)),
        )
    };
    assert!(noted("fails no longer, in 3 runs"));
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, text.replace("failed = 5", "failed = 2"))?;
    of(10, 2).await?;
    assert!(noted("was not reproduced in 3 runs; it failed in 2 of 5"));
    // A file that cannot be read is an error, not a case that passes.
    let text = std::fs::read_to_string(&file)?;
    std::fs::write(&file, text.replace("do = 7", "do = \"seven\""))?;
    let error = of(10, 2).await.unwrap_err().to_string();
    assert!(error.contains(".toml:") && error.contains("delete the file"), "{error}");
    Ok(())
}

pub(crate) async fn a_time_is_replaced_by_the_message_it_met(cx: Chaos) -> TestResult {
    let directory = tempfile::tempdir()?;
    let tried = cx
        .property(numbers())
        .operations(1..=3)
        .faults([FaultFamily::AnyTime])
        .regressions(directory.path())
        .run(async |cx, plan| -> TestResult {
            let pg = cx.postgres().await?;
            let pool = pg.pool(1)?;
            let applied = plan
                .run(&pg, async |_| -> TestResult {
                    pool.get().await?.simple_query("SELECT pg_sleep(0.02)").await?;
                    Ok(())
                })
                .await?;
            cx.check_that("all are answered", applied.iter().all(|it| it.error.is_none()))
        });
    let found = failed(tried.await);
    assert_eq!(found.listing.lines().count(), 2, "{found}");
    assert!(found.listing.contains(" at ") && !found.listing.contains("beginning"), "{found}");
    Ok(())
}
