//! All connections of a pool are held by others.

use std::time::Instant;

use chaos_core::prelude::*;
use deadpool_postgres::{PoolError, TimeoutType, Timeouts};

use crate::arena::LIMIT;

fn impatient() -> Timeouts {
    Timeouts { wait: Some(50.ms()), create: Some(LIMIT), recycle: Some(LIMIT) }
}

pub(crate) async fn an_exhausted_pool_fails_its_callers_and_recovers_when_released(
    cx: Chaos,
) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.chaos_pool(3)?;
    let ordinary = pool.pool();
    ordinary.get().await?.batch_execute("SELECT 1").await?;

    let exhausted = pool.sabotage(exhaust()).await?;
    // Its connections are real.
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND usename = current_database()";
    let open: i64 = pg.admin().await?.query_one(sessions, &[]).await?.get(0);
    assert_eq!(open, 3);
    assert_eq!(pool.status().available, 0);
    for _ in 0..2 {
        let late = ordinary.timeout_get(&impatient()).await.unwrap_err();
        assert!(matches!(late, PoolError::Timeout(TimeoutType::Wait)), "{late:?}");
    }
    // A caller that waits when it ends is served at once: well within the 2 s that are promised.
    let mut waiting = std::pin::pin!(pool.get());
    assert!(tokio::time::timeout(30.ms(), &mut waiting).await.is_err());
    assert!(exhausted.hits() >= 1);
    exhausted.clear().await?;
    let released = Instant::now();
    let client = tokio::time::timeout(2.secs(), waiting).await??;
    client.batch_execute("SELECT 1").await?;
    let took = released.elapsed();
    assert!(took < 2.secs(), "{took:?}");
    drop(client);
    assert_eq!(pool.status().available, 3);
    let record = &cx.scope().faults()[0];
    assert_eq!((record.target(), record.spec().to_string().as_str()), ("pool", "exhaust"));
    assert_eq!(record.vacuity(), None);

    drop(pool.sabotage(exhaust()).await?);
    assert!(cx.scope().await_undone(LIMIT));
    let silence = cx.scope().faults()[1].vacuity().unwrap_or_default();
    assert!(silence.contains("nobody waited for a connection"), "{silence}");
    Ok(())
}

pub(crate) async fn some_connections_can_be_left(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(5)?;
    let exhausted = pool.sabotage(exhaust().leaving(2)).await?;
    let first = pool.get().await?;
    let second = pool.get().await?;
    assert!(pool.timeout_get(&impatient()).await.is_err());
    exhausted.clear().await?;
    drop((first, second));
    assert_eq!(pool.waits().timed_out, 1);
    // More than there are: nothing is held, which the fault says by touching nobody.
    let none = pool.sabotage(exhaust().leaving(9).may_be_idle()).await?;
    let all = futures::future::try_join_all((0..5).map(|_| pool.get())).await?;
    drop((none, all));
    Ok(())
}

pub(crate) async fn connections_in_use_are_taken_when_they_come_back(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(2)?;
    let busy = pool.get().await?;
    let exhausted = tokio::time::timeout(LIMIT, pool.sabotage(exhaust())).await??;
    assert!(pool.timeout_get(&impatient()).await.is_err());
    drop(busy);
    let begun = Instant::now();
    while pool.held().iter().filter(|held| held.process.is_some()).count() < 2 {
        assert!(begun.elapsed() < LIMIT, "{:?}", pool.held());
        tokio::time::sleep(1.ms()).await;
    }
    assert!(pool.timeout_get(&impatient()).await.is_err());
    exhausted.clear().await?;
    drop((pool.get().await?, pool.get().await?));
    Ok(())
}

pub(crate) async fn a_schedule_exhausts_a_pool(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(2)?;
    let plan = Schedule::new()
        .calm(200.ms())
        .hold(1500.ms(), &pool, exhaust())
        .calm(500.ms());
    assert_eq!(plan.to_string(), "calm 200ms → exhaust on pool 1.5s → calm 500ms");
    // Longer than two queries take on a busy machine, and shorter than the fault.
    let timeouts = Timeouts { wait: Some(500.ms()), ..impatient() };
    let operation = async |_: Client| -> TestResult {
        Ok(pool.timeout_get(&timeouts).await?.batch_execute("SELECT 1").await?)
    };
    let run = cx.run(plan, 4, operation).await?;
    assert!(run.count(Outcome::Failed) >= 4, "{:?}", run.count(Outcome::Failed));
    run.recovers_within(2.secs())?;
    Ok(())
}
