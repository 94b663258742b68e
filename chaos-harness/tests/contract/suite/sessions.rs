//! Tests that leave something behind in their database, and some that only look like it.

use std::process::Command;

use chaos_harness::prelude::*;
use tokio_postgres::NoTls;

#[chaos_test]
async fn returns_an_open_transaction(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.pool(1)?;
    pool.get().await?.batch_execute("BEGIN; CREATE TABLE lost ()").await?;
    Ok(())
}

#[chaos_test]
async fn goes_on_in_the_transaction_of_another(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.pool(1)?;
    pool.get().await?.batch_execute("BEGIN").await?;
    pool.get().await?.batch_execute("CREATE TABLE lost ()").await?;
    pool.get().await?.batch_execute("COMMIT").await?;
    Ok(())
}

#[chaos_test]
async fn keeps_a_session_idle_in_a_transaction(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let (client, connection) = pg.config().connect(NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("BEGIN; CREATE TABLE kept ()").await?;
    std::mem::forget(client);
    Ok(())
}

#[chaos_test]
async fn leaks_a_connection(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.pool(2)?;
    std::mem::forget(pool.get().await?);
    Ok(())
}

#[chaos_test]
async fn never_gives_a_connection_back(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.pool(2)?;
    let client = pool.get().await?;
    tokio::spawn(async move {
        let _pool = pool;
        std::future::pending::<()>().await;
        drop(client);
    });
    Ok(())
}

#[chaos_test]
async fn keeps_an_advisory_lock(cx: Chaos) -> TestResult {
    let pool = Box::leak(Box::new(cx.postgres().await?.pool(1)?));
    pool.get().await?.batch_execute("SELECT pg_advisory_lock(42)").await?;
    Ok(())
}

#[chaos_test]
async fn leaves_a_prepared_transaction(cx: Chaos) -> TestResult {
    let client = cx.postgres().await?.connect().await?;
    let prepare = "BEGIN; CREATE TABLE half_done (); PREPARE TRANSACTION 'half-done'";
    Ok(client.batch_execute(prepare).await?)
}

#[chaos_test]
async fn leaves_what_it_may(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    pg.allow(Leftover::OpenTransaction);
    pg.allow(Leftover::Connection);
    let pool = pg.pool(2)?;
    pool.get().await?.batch_execute("BEGIN").await?;
    std::mem::forget(pool.get().await?);
    Ok(())
}

#[chaos_test]
async fn is_not_looked_at(cx: Chaos) -> TestResult {
    cx.without_session_check();
    let pool = cx.postgres().await?.pool(1)?;
    std::mem::forget(pool.get().await?);
    Ok(())
}

#[chaos_test]
async fn fails_and_leaks(cx: Chaos) -> TestResult {
    let pool = cx.postgres().await?.pool(1)?;
    std::mem::forget(pool.get().await?);
    Err("money is gone".into())
}

/// Everything here is as it should be, although some of it takes a moment to be seen.
#[chaos_test]
async fn leaves_nothing(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(4)?;
    // A transaction that is dropped is rolled back, also when nothing else follows.
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute("CREATE TABLE rolled_back ()").await?;
    drop(transaction);
    drop(client);
    let mut client = pool.get().await?;
    let nested = async {
        let mut outer = client.transaction().await?;
        let inner = outer.transaction().await?;
        inner.batch_execute("SELECT 1/0").await
    };
    assert!(nested.await.is_err());
    drop(client);
    // A query that was given up.
    let client = pool.get().await?;
    let sleeping = client.batch_execute("SELECT pg_sleep(0.1)");
    assert!(tokio::time::timeout(10.ms(), sleeping).await.is_err());
    drop(client);
    // A pool that lives on is no leak, nor is a task that goes on with its work.
    let idle = Box::leak(Box::new(pg.pool(2)?));
    idle.get().await?.batch_execute("SELECT 1").await?;
    let working = pool.clone();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut begun = Some(begun);
        while let Ok(mut client) = working.get().await {
            let Ok(transaction) = client.transaction().await else { return };
            if transaction.batch_execute("SELECT pg_sleep(0.02)").await.is_err() {
                return;
            }
            if let Some(begun) = begun.take() {
                begun.send(()).ok();
            }
            tokio::time::sleep(5.ms()).await;
            transaction.commit().await.ok();
        }
    });
    has_begun.await?;
    // A connection that was taken out of its pool, and ended in the midst of a transaction.
    let client = pool.get().await?;
    client.batch_execute("BEGIN").await?;
    drop(deadpool_postgres::Object::take(client));
    // The last one goes with everything else at once.
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute("CREATE TABLE rolled_back ()").await?;
    Ok(())
}

#[chaos_test]
async fn stops_its_server(cx: Chaos) -> TestResult {
    let pg = cx.postgres_server().await?;
    let admin = pg.admin().await?;
    let directory: String = admin.query_one("SHOW data_directory", &[]).await?.get(0);
    let file = std::fs::read_to_string(format!("{directory}/postmaster.pid"))?;
    let postmaster = file.lines().next().unwrap_or_default();
    assert!(Command::new("kill").args(["-QUIT", postmaster]).status()?.success());
    while !admin.is_closed() {
        tokio::time::sleep(1.ms()).await;
    }
    Ok(())
}
