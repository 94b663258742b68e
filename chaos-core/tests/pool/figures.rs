//! The state of pools among the figures of an attempt.

use chaos_core::prelude::*;
use deadpool_postgres::{PoolError, Timeouts};

use crate::arena::LIMIT;

pub(crate) async fn a_pool_tells_who_waits_and_for_how_long(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.chaos_pool(2)?;
    let held = (pool.get().await?, pool.get().await?);
    let seen = cx.metrics().snapshot();
    let last = |name: &str| cx.metrics().gauge(&format!("chaos.postgres.{name}")).get();
    assert_eq!(seen.counters["chaos.postgres.pool.checkouts"], 2);
    assert_eq!(seen.counters["chaos.postgres.pool.opened"], 2);
    assert_eq!((last("pool.in_use"), last("pool.idle")), (Some(2.0), Some(0.0)));
    assert_eq!((last("pool.waiting"), last("connections")), (Some(0.0), Some(2.0)));

    let impatient = Timeouts { wait: Some(50.ms()), create: Some(LIMIT), recycle: Some(LIMIT) };
    pool.timeout_get(&impatient).await.unwrap_err();
    let waiting = pool.clone();
    let waiting = tokio::spawn(async move { waiting.get().await.map(drop) });
    while last("pool.waiting") != Some(1.0) {
        tokio::time::sleep(1.ms()).await;
    }
    tokio::time::sleep(30.ms()).await;
    drop(held);
    waiting.await??;
    let seen = cx.metrics().snapshot();
    assert_eq!(seen.counters["chaos.postgres.pool.timeouts"], 1);
    assert_eq!(seen.counters["chaos.postgres.pool.checkouts"], 3, "one was given nothing");
    let wait = &seen.timings["chaos.postgres.pool.wait"];
    assert_eq!(wait.n, 3, "those that were served");
    assert!(wait.max >= 30.ms(), "{wait:?}");
    assert_eq!((last("pool.in_use"), last("pool.idle")), (Some(0.0), Some(2.0)));
    Ok(())
}

pub(crate) async fn each_pool_has_figures_of_its_own_and_numbers_are_used_again(
    cx: Chaos,
) -> TestResult {
    let pg = cx.postgres().await?;
    let _first = pg.pool(1)?;
    for _ in 0..3 {
        let second = pg.pool(1)?;
        second.get().await?.batch_execute("SELECT 1").await?;
    }
    let seen = cx.metrics().snapshot().counters;
    assert_eq!(seen["chaos.postgres.pool.checkouts"], 0);
    assert_eq!(seen["chaos.postgres.pool-2.checkouts"], 3);
    assert_eq!(seen.keys().filter(|name| name.ends_with(".checkouts")).count(), 2, "{seen:?}");
    Ok(())
}

/// What an ordinary pool, a fault and the machine were like in each phase of a run.
pub(crate) async fn the_phases_of_a_run_show_the_pool_and_the_resources(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(2)?;
    let plan = Schedule::new()
        .calm(300.ms())
        .hold(300.ms(), &pg, stall())
        .calm(300.ms());
    let pause = Load::clients(6).think_time(5.ms());
    let run = cx
        .run(plan, pause, async |_| {
            let client = pool.get().await?;
            client.batch_execute("SELECT 1").await?;
            TestResult::Ok(())
        })
        .await?;
    let [calm, stalled, after] = run.phases() else { panic!("{:?}", run.phases()) };
    let gauge = |phase: &chaos_core::run::Phase, name: &str| phase.gauges[name];
    // All six want something, and two have what answers nothing.
    assert_eq!(gauge(stalled, "chaos.postgres.pool.in_use").last, 2.0);
    assert_eq!(gauge(stalled, "chaos.postgres.pool.waiting").max, 4.0, "{stalled:#?}");
    assert!(gauge(after, "chaos.postgres.pool.in_use").max <= 2.0);
    assert!(calm.counters["chaos.postgres.pool.checkouts"] > 0);
    let (worked, hung) = (calm.counters["chaos.operations.ok"], calm.figures.measured().ok);
    assert!(worked.abs_diff(hung) <= 6, "{worked} {hung}");
    assert!(stalled.counters.get("chaos.operations.ok").copied().unwrap_or(0) <= 6);
    for phase in run.phases() {
        assert!(gauge(phase, "chaos.process.memory").last > 1e6, "{phase:#?}");
        assert!((0.0..=1.0).contains(&gauge(phase, "chaos.machine.cpu").last), "{phase:#?}");
        let cpu = gauge(phase, "chaos.process.cpu");
        assert!(cpu.last >= 0.0 && cpu.min == cpu.max, "it is of this phase alone: {cpu:?}");
    }
    assert!(gauge(calm, "chaos.process.cpu").last > 0.0);
    Ok(())
}

/// As an application wraps the errors of its pool.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be reached")]
struct Unavailable(#[source] PoolError);

pub(crate) async fn operations_that_a_pool_kept_waiting_for_too_long_are_counted(
    cx: Chaos,
) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(1)?;
    let held = pool.get().await?;
    let impatient = Timeouts { wait: Some(10.ms()), create: Some(LIMIT), recycle: Some(LIMIT) };
    let load = Load::clients(1).operations(3);
    let _run = cx
        .run(Schedule::new(), load, async |_| {
            let got = pool.timeout_get(&impatient).await;
            got.map(drop).map_err(Unavailable)
        })
        .await?;
    drop(held);
    assert_eq!(cx.metrics().snapshot().counters["chaos.operations.pool_timeouts"], 3);
    Ok(())
}
