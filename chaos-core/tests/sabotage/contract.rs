//! What holds for every fault that takes effect by a request.

use std::panic::AssertUnwindSafe;

use chaos_core::Error;
use chaos_core::event::EventKind;
use chaos_core::fault::session::{LockMode, SessionFault, SessionFaultKind};
use chaos_core::outcome::Outcome;
use chaos_core::prelude::*;
use chaos_core::run::RunError;
use chaos_core::sabotage::SabotageError;
use futures::FutureExt;

use crate::support::{state, until, with_accounts};

/// How many locks on `accounts` sessions of the library hold or wait for.
async fn held(pg: &Postgres) -> TestResult<i64> {
    let sql = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
               WHERE relation = 'accounts'::regclass AND application_name LIKE 'chaos: sab%'";
    Ok(pg.admin().await?.query_one(sql, &[]).await?.get(0))
}

pub(crate) async fn a_schedule_holds_it(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    drop(with_accounts(&pg).await?);
    let pool = pg.pool(4)?;
    let plan = Schedule::new()
        .calm(100.ms())
        .hold(500.ms(), &pg, lock_table("accounts"))
        .and(&pg, latency(1.ms()))
        // The same lock again: the first one has to go before.
        .hold(500.ms(), &pg, lock_table("accounts"))
        .calm(1.secs());
    let printed = "calm 100ms → lock_table accounts (ACCESS EXCLUSIVE) on postgres + latency 1ms ↕ \
                   on postgres 500ms → lock_table accounts (ACCESS EXCLUSIVE) on postgres 500ms → \
                   calm 1s";
    assert_eq!(plan.to_string(), printed);
    let stored = serde_json::to_value(&plan)?;
    assert_eq!(stored["steps"][1]["faults"][0]["target"], "postgres");
    assert_eq!(
        stored["steps"][1]["faults"][0]["fault"]["session"]["kind"]["fault"],
        "lock_table"
    );

    let operation = async |_: Client| -> TestResult {
        let client = pool.get().await?;
        client.batch_execute("SET lock_timeout = '100ms'").await?;
        client.execute("UPDATE accounts SET balance = balance + 1", &[]).await?;
        Ok(())
    };
    let run = cx.run(plan, 1, operation).await?;
    let timeouts = run.operations().iter().filter(|op| op.sqlstate.as_deref() == Some("55P03"));
    assert!(timeouts.count() >= 2);
    assert!(run.count(Outcome::Ok) > 0 && run.count(Outcome::Unknown) == 0);
    run.recovers_within(900.ms())?;
    assert_eq!(held(&pg).await?, 0);
    let faults = cx.scope().faults();
    for fault in &faults {
        assert_eq!((fault.vacuity(), fault.is_active()), (None, false));
    }
    assert!(faults[0].ended() <= Some(faults[2].started()));

    // What cannot take effect ends the run, and is no silence.
    let plan = Schedule::new().hold(1.secs(), &pg, lock_table("nothing"));
    let error = cx.run(plan, 1, operation).await.unwrap_err();
    let RunError::Fault { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("there is no table nothing"), "{reason}");
    Ok(())
}

pub(crate) async fn a_future_that_is_dropped_ends_it(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let free = || async { Ok(held(&pg).await? == 0) };

    // While it waits for the lock, which the application has.
    client.batch_execute("BEGIN; UPDATE accounts SET balance = 1").await?;
    let mut began = pg.sabotage(lock_table("accounts").may_be_idle()).into_future();
    while held(&pg).await? == 0 {
        assert!((&mut began).now_or_never().is_none());
    }
    drop(began);
    client.batch_execute("COMMIT").await?;
    until("what nobody waits for any more is undone", free).await?;

    // While it is in effect.
    let block = pg.sabotage(lock_table("accounts").may_be_idle());
    let mut block = Box::pin(block.during(std::future::pending::<()>()));
    while held(&pg).await? == 0 {
        assert!((&mut block).now_or_never().is_none());
    }
    assert!((&mut block).now_or_never().is_none());
    drop(block);
    until("the lock is released", free).await?;

    assert!(cx.scope().await_undone(10.secs()));
    let events = cx.scope().journal().events();
    let ends = events.iter().filter(|event| matches!(event.what, EventKind::FaultEnded { .. }));
    assert_eq!(ends.count(), 2);
    Ok(())
}

pub(crate) async fn a_panic_ends_it(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("SET lock_timeout = '50ms'").await?;
    let test = async {
        let _locked = pg.sabotage(lock_table("accounts")).await.unwrap();
        assert_eq!(state(client.query("TABLE accounts", &[]).await), "55P03");
        panic!("in the middle of a fault");
    };
    assert!(AssertUnwindSafe(test).catch_unwind().await.is_err());
    // The worker does it: nothing of this runtime runs meanwhile.
    assert!(cx.scope().await_undone(10.secs()));
    client.query("TABLE accounts", &[]).await?;
    assert!(!cx.scope().faults()[0].is_active());
    Ok(())
}

pub(crate) async fn what_touched_nothing_is_told(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    drop(with_accounts(&pg).await?);
    pg.sabotage(lock_table("accounts")).await?.clear().await?;
    pg.sabotage(lock_table("accounts").may_be_idle()).await?.clear().await?;
    let faults = cx.scope().faults();
    let vacuity = faults[0].vacuity().unwrap();
    let start = "the fault `lock_table accounts (ACCESS EXCLUSIVE)` on `postgres` was active";
    assert!(vacuity.starts_with(start), "{vacuity}");
    assert!(vacuity.contains("and no session waited for it;"), "{vacuity}");
    assert!(vacuity.ends_with("`.may_be_idle()`"), "{vacuity}");
    assert_eq!(faults[1].vacuity(), None);
    Ok(())
}

pub(crate) async fn two_faults_of_one_thing_compose_or_are_refused(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("CREATE SEQUENCE numbers").await?;
    let share = || lock_table("accounts").mode(LockMode::Share).may_be_idle();
    let (one, two) = (pg.sabotage(share()).await?, pg.sabotage(share()).await?);
    let refusal = async |fault: SessionFault| {
        let error = pg.sabotage(fault).await.unwrap_err();
        assert!(matches!(error, Error::Sabotage(SabotageError::Conflict { .. })), "{error:?}");
        error.to_string()
    };
    let text = refusal(lock_table("accounts").into()).await;
    assert!(text.contains("cannot take effect while `lock_table accounts (SHARE)` is"), "{text}");
    one.clear().await?;
    two.clear().await?;

    let pairs: [(SessionFault, SessionFault); 4] = [
        (statement_timeout(1.secs()).into(), statement_timeout(2.secs()).into()),
        (role_connection_limit(1).into(), role_connection_limit(2).into()),
        (rename_table("accounts").into(), rename_table("chaos_fault_accounts").into()),
        (exhaust_sequence("numbers").into(), rewind_sequence("numbers", 1).into()),
    ];
    for (first, second) in pairs {
        let mut first = first;
        first.may_be_idle = true;
        let began = pg.sabotage(first.clone()).await?;
        if !matches!(first.kind, SessionFaultKind::RenameTable { .. }) {
            assert!(refusal(second.clone()).await.contains(&format!("while `{first}` is")));
        }
        began.clear().await?;
        if !matches!(first.kind, SessionFaultKind::RenameTable { .. }) {
            let mut second = second;
            second.may_be_idle = true;
            pg.sabotage(second).await?.clear().await?;
        }
    }

    // Different settings, and traps on one table, act together.
    let slow = pg.sabotage(slow_writes("accounts", 20.ms())).await?;
    let failing = pg.sabotage(sql_error("accounts", SqlState::T_R_SERIALIZATION_FAILURE).at_commit()).await?;
    let began = std::time::Instant::now();
    assert_eq!(state(client.execute("DELETE FROM accounts", &[]).await), "40001");
    assert!(began.elapsed() >= 20.ms());
    // In the order in which they were made, which is the harder one.
    slow.clear().await?;
    failing.clear().await?;
    assert_eq!(client.execute("DELETE FROM accounts", &[]).await?, 3);
    assert!(cx.scope().faults().iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}
