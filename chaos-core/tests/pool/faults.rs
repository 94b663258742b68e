//! What a pool hands out, and when.

use std::time::Instant;

use chaos_core::outcome::{Outcome, sqlstate};
use chaos_core::postgres::ChaosPool;
use chaos_core::prelude::*;
use deadpool_postgres::{Pool, PoolError, Timeouts};

use crate::arena::LIMIT;

async fn process(pool: &Pool) -> TestResult<i32> {
    Ok(pool.get().await?.query_one("SELECT pg_backend_pid()", &[]).await?.get(0))
}

pub(crate) async fn checkouts_are_slow_or_fail(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(2)?;
    let ordinary = pool.pool();
    let first = process(&ordinary).await?;

    let slow = pool.sabotage(slow_checkout(80.ms())).await?;
    let begun = Instant::now();
    assert_eq!(process(&ordinary).await?, first);
    assert!(begun.elapsed() >= 80.ms(), "{:?}", begun.elapsed());
    assert_eq!(slow.hits(), 1);
    slow.clear().await?;

    let failing = pool.sabotage(fail_checkout()).await?;
    let error = ordinary.get().await.unwrap_err();
    assert!(matches!(error, PoolError::Backend(_)), "{error:?}");
    assert!(chaos_core::error::with_sources(&error).contains("connection refused"), "{error:?}");
    assert_eq!(Outcome::of_error(&error), Outcome::Failed);
    // The idle connection was closed, and another one refused.
    assert_eq!((failing.hits(), pool.status().size), (2, 0));
    failing.clear().await?;
    assert_ne!(process(&ordinary).await?, first);
    Ok(())
}

pub(crate) async fn connections_die_when_they_are_recycled(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(2)?;
    let ordinary = pool.pool();
    let before = process(&ordinary).await?;
    let dying = pool.sabotage(die_at_recycle().on(first(1))).await?;
    let second = process(&ordinary).await?;
    assert_ne!(second, before);
    assert_eq!(process(&ordinary).await?, second);
    assert_eq!(dying.hits(), 1);
    dying.clear().await?;
    Ok(())
}

pub(crate) async fn dead_connections_are_handed_out(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(1)?;
    let ordinary = pool.pool();
    let dead = pool.sabotage(hand_out_dead()).await?;
    let client = ordinary.get().await?;
    assert!(client.is_closed());
    assert!(client.batch_execute("SELECT 1").await.is_err());
    drop(client);
    dead.clear().await?;
    process(&ordinary).await?;
    Ok(())
}

pub(crate) async fn opening_connections_is_slow_or_fails(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(2)?;
    let ordinary = pool.pool();
    let held = ordinary.get().await?;
    let impatient = Timeouts { wait: Some(LIMIT), create: Some(20.ms()), recycle: Some(LIMIT) };

    let slow = pool.sabotage(slow_connect(10.secs())).await?;
    // Unlike a slow checkout, the timeout of the pool covers it.
    let late = ordinary.timeout_get(&impatient).await.unwrap_err();
    assert!(matches!(late, PoolError::Timeout(_)), "{late:?}");
    slow.clear().await?;

    let failing = pool.sabotage(fail_connect()).await?;
    assert!(matches!(ordinary.get().await, Err(PoolError::Backend(_))));
    drop(held);
    // Idle ones are handed out as ever.
    process(&ordinary).await?;
    assert_eq!(failing.hits(), 1);
    failing.clear().await?;
    Ok(())
}

/// What a holder meets that reads from the table `kept` and writes to it.
async fn state(pool: &Pool) -> TestResult<String> {
    let client = pool.get().await?;
    let read = client.query_one("SELECT count(*) FROM kept", &[]).await;
    match read.map(|row| row.get::<_, i64>(0)) {
        Err(error) => return Ok(sqlstate(&error).unwrap_or_default()),
        Ok(0) => return Ok("empty".to_owned()),
        Ok(_) => {}
    }
    match client.batch_execute("INSERT INTO kept VALUES (2)").await {
        Err(error) => Ok(sqlstate(&error).unwrap_or_default()),
        Ok(()) => Ok("written".to_owned()),
    }
}

pub(crate) async fn poisoned_connections_are_handed_out_and_made_well_again(
    cx: Chaos,
) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.chaos_pool(1)?;
    let ordinary = pool.pool();
    let admin = pg.admin().await?;
    ordinary.get().await?.batch_execute("CREATE TABLE kept AS SELECT 1 AS number").await?;
    let own = Poison::sql("SET lock_timeout TO 77", "RESET lock_timeout");
    let broken = Poison::sql("SET no_such_setting TO 1", "");
    for (poisoned, met) in [
        (Poison::OpenTransaction, "written"),
        (Poison::AbortedTransaction, "25P02"),
        (Poison::SearchPath, "42P01"),
        (Poison::TemporaryTable("kept".into()), "empty"),
        (Poison::ReadOnly, "25006"),
        (Poison::StatementTimeout(1.ms()), "57014"),
        (own, "written"),
        (broken, "written"),
    ] {
        let words = format!("{poisoned}");
        let fault = pool.sabotage(poison(poisoned.clone())).await?;
        if poisoned == Poison::StatementTimeout(1.ms()) {
            let slept = ordinary.get().await?.batch_execute("SELECT pg_sleep(5)").await;
            assert_eq!(sqlstate(&slept.unwrap_err()).as_deref(), Some(met), "{words}");
        } else {
            assert_eq!(state(&ordinary).await?, met, "{words}");
        }
        assert_eq!(fault.hits(), 1, "{words}");
        fault.clear().await?;
        assert_eq!(state(&ordinary).await?, "written", "{words}");
        let settings = "SELECT current_setting('lock_timeout') || current_setting('search_path') \
                        || current_setting('default_transaction_read_only')";
        let settings: String =
            ordinary.get().await?.query_one(settings, &[]).await?.get(0);
        assert_eq!(settings, "0\"$user\", publicoff", "{words}");
    }
    // What was written in the open transaction is lost, and what came after it is not.
    let count: i64 = admin.query_one("SELECT count(*) FROM kept", &[]).await?.get(0);
    assert_eq!(count, 1 + 8 + 2);
    // Nobody is to blame for what the library itself has left open.
    let open = pool.sabotage(poison(Poison::OpenTransaction)).await?;
    state(&ordinary).await?;
    state(&ordinary).await?;
    assert!(cx.leftovers().await.is_empty());
    open.clear().await?;
    Ok(())
}

pub(crate) async fn a_trigger_chooses_checkouts(cx: Chaos) -> TestResult {
    let pool: ChaosPool = cx.postgres().await?.chaos_pool(1)?;
    let every = pool.sabotage(poison(Poison::SearchPath).on(every_nth(3))).await?;
    let mut chosen = Vec::new();
    for number in 1..=7 {
        let client = pool.get().await?;
        let path: String = client.query_one("SHOW search_path", &[]).await?.get(0);
        if path == "\"\"" {
            chosen.push(number);
        }
    }
    assert_eq!(chosen, [3, 6]);
    assert_eq!(every.hits(), 2);
    assert_eq!(every.record().unwrap().spec().to_string(), "poison (empty search_path) on 1 connection in 3");
    every.clear().await?;
    Ok(())
}

pub(crate) async fn idle_connections_expire(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(2)?;
    drop((pool.get().await?, pool.get().await?));
    assert_eq!(pool.expire_idle(LIMIT), 0);
    let held = pool.get().await?;
    assert_eq!((pool.expire_idle(0.ms()), pool.status().size), (1, 1));
    held.batch_execute("SELECT 1").await?;
    Ok(())
}
