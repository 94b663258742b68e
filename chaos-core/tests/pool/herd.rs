//! Many callers, and many connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chaos_core::prelude::*;
use deadpool_postgres::Timeouts;
use futures::future::{join_all, try_join_all};

use crate::arena::LIMIT;

pub(crate) async fn a_thousand_callers_share_ten_connections(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.chaos_pool(10)?;
    let patient = Timeouts { wait: Some(LIMIT), create: Some(LIMIT), recycle: Some(LIMIT) };
    let (busy, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let call = async || -> TestResult {
        let client = pool.timeout_get(&patient).await?;
        most.fetch_max(busy.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let done = client.batch_execute("SELECT 1").await;
        busy.fetch_sub(1, Ordering::Relaxed);
        Ok(done?)
    };
    for outcome in join_all((0..1000).map(|_| call())).await {
        outcome?;
    }
    let most = most.load(Ordering::Relaxed);
    assert!((2..=10).contains(&most), "{most} callers had a connection at the same time");
    assert_eq!(pg.link().connections().total, 10, "no connection more was opened");
    let waits = pool.waits();
    assert_eq!((waits.served, waits.timed_out, waits.waiting, waits.starved), (1000, 0, 0, 0));
    assert!(Duration::ZERO < waits.p50 && waits.p50 <= waits.p99 && waits.p99 <= waits.max);

    // Callers that are given up take nothing with them.
    let slow = pool.sabotage(slow_checkout(30.ms())).await?;
    let given_up = join_all((0..100).map(|_| tokio::time::timeout(5.ms(), pool.get()))).await;
    assert!(given_up.iter().all(Result::is_err));
    slow.clear().await?;
    assert_eq!(pool.waits().abandoned, 100);
    call().await?;
    assert!(cx.leftovers().await.is_empty());
    Ok(())
}

pub(crate) async fn more_than_a_hundred_connections_work(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(120)?;
    let clients = try_join_all((0..120).map(|_| pool.get())).await?;
    let one = async |client: &deadpool_postgres::Client| client.query_one("SELECT 1", &[]).await;
    let rows = try_join_all(clients.iter().map(one)).await?;
    assert_eq!(rows.iter().map(|row| row.get::<_, i32>(0)).sum::<i32>(), 120);
    assert_eq!(pg.link().connections().open, 120);
    Ok(())
}

pub(crate) async fn a_pool_that_cannot_be_filled_says_so(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let error = chaos_core::error::with_sources(&pg.pool(100_000).unwrap_err());
    for part in ["100000 connections", "max_connections", "smaller pool"] {
        assert!(error.contains(part), "{error}");
    }
    Ok(())
}
