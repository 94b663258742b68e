//! Who has the connections of a pool, and what stays behind.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use chaos_core::prelude::*;

use crate::arena::LIMIT;

pub(crate) async fn whoever_holds_a_connection_is_known(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.chaos_pool(3)?;
    assert!(pool.held().is_empty());
    let first = pool.get().await?;
    let line = line!() - 1;
    tokio::time::sleep(20.ms()).await;
    let second = pool.pool().get().await?;
    let pid: i32 = first.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let held = pool.held();
    assert_eq!(held.len(), 2, "{held:?}");
    // The one that was taken first comes first.
    assert_eq!(held[0].process, Some(pid));
    let place = held[0].place.clone().unwrap_or_default();
    assert!(place.contains(&format!("holders.rs:{line}:")), "{place}");
    assert_eq!(first.place().line(), line);
    assert!(held[0].held_for >= Some(20.ms()) && held[1].held_for < held[0].held_for);
    drop((first, second));
    assert!(pool.held().is_empty());

    // A connection that was lost while somebody had it takes up its place all the same.
    let lost = pool.get().await?;
    lost.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())").await.unwrap_err();
    let begun = Instant::now();
    while pool.held().iter().any(|held| held.process.is_some()) {
        assert!(begun.elapsed() < LIMIT, "{:?}", pool.held());
        tokio::time::sleep(1.ms()).await;
    }
    assert_eq!(pool.held().len(), 1);
    drop(lost);
    // Taken out for good is not held.
    drop(deadpool_postgres::Object::take(pool.get().await?.into_inner()));
    assert!(pool.held().is_empty());
    Ok(())
}

pub(crate) async fn a_bound_on_holding_is_checked(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.chaos_pool(1)?;
    pool.hold_at_most(40.ms());
    drop(pool.get().await?);
    assert!(cx.leftovers().await.is_empty());
    let held = pool.get().await?;
    let line = line!() - 1;
    tokio::time::sleep(50.ms()).await;
    drop(held);
    let left = cx.leftovers().await;
    assert_eq!(left.left.len(), 1, "{left}");
    assert_eq!(left.left[0].what, Leftover::LongHold);
    assert!(left.to_string().contains("the bound is 40ms"), "{left}");
    assert!(left.to_string().contains(&format!("holders.rs:{line}:")), "{left}");
    pg.allow(Leftover::LongHold);
    assert!(cx.leftovers().await.is_empty());
    Ok(())
}

/// As by a timeout: what was asked for may still be in the queue, up to the `COMMIT`.
pub(crate) async fn work_that_is_given_up_leaves_no_transaction_open(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(1)?;
    pool.get().await?.batch_execute("CREATE TABLE t (n int)").await?;
    for round in 0..90 {
        let work = async {
            let mut client = pool.get().await?;
            let transaction = client.transaction().await?;
            for n in 0..3 {
                transaction.execute("INSERT INTO t VALUES ($1)", &[&n]).await?;
            }
            transaction.commit().await?;
            TestResult::Ok(())
        };
        let mut work = pin!(work);
        let mut polls = 1 + round % 30;
        poll_fn(|context| {
            polls -= 1;
            let polled = work.as_mut().poll(context);
            if polls == 0 { Poll::Ready(()) } else { polled.map(drop) }
        })
        .await;
    }
    let left = cx.leftovers().await;
    assert!(left.is_empty(), "{left}");
    Ok(())
}

pub(crate) async fn leftovers_are_told_without_a_harness(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.chaos_pool(2)?;
    let held = pool.get().await?;
    held.batch_execute("BEGIN; LOCK TABLE pg_class IN ACCESS SHARE MODE").await?;
    let left = cx.leftovers().await;
    let kinds: Vec<_> = left.left.iter().map(|found| found.what).collect();
    assert_eq!(kinds, [Leftover::Connection, Leftover::OpenTransaction], "{left}");
    assert!(left.to_string().contains("holders.rs:"), "{left}");
    assert!(left.left.iter().all(|found| found.database == pg.database()));
    held.batch_execute("COMMIT").await?;
    drop(held);
    assert!(cx.leftovers().await.is_empty());
    // Sessions of the library itself are not those of the application.
    let admin = pg.admin().await?;
    admin.batch_execute("BEGIN").await?;
    assert!(cx.leftovers().await.is_empty());
    Ok(())
}
