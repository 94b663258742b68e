//! Tests that return an error, of a fault or of none.

use std::net::TcpListener;

use chaos_harness::prelude::*;
use deadpool_postgres::Pool;

/// A service that tells of its database in words of its own, as services do.
#[derive(Debug, thiserror::Error)]
#[error("the ledger is unavailable")]
struct Unavailable(#[source] TestError);

async fn total(pool: &Pool) -> Result<i64, Unavailable> {
    let client = pool.get().await.map_err(|error| Unavailable(error.into()))?;
    let row = client.query_one("SELECT 42::int8", &[]).await;
    Ok(row.map_err(|error| Unavailable(error.into()))?.get(0))
}

#[chaos_test]
async fn lets_a_lost_connection_through(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(1)?;
    total(&pool).await?;
    let _outage = pg.inject(reset());
    total(&pool).await?;
    Ok(())
}

#[chaos_test]
async fn has_not_got_over_a_lost_connection(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute("SELECT 1").await?;
    let outage = pg.inject(reset());
    let met = client.batch_execute("SELECT 1").await;
    outage.clear();
    tokio::time::sleep(300.ms()).await;
    // It is used on, as if nothing had been.
    cx.check("the fault was met", met.is_err(), true)?;
    client.batch_execute("SELECT 1").await?;
    Ok(())
}

#[chaos_test]
async fn lets_an_answer_of_a_fault_through(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(1)?;
    let _full = pg.inject(error(SqlState::TOO_MANY_CONNECTIONS).on(query("SELECT")));
    total(&pool).await?;
    Ok(())
}

#[chaos_test]
async fn breaks_a_constraint_while_it_is_slow(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE once (id int PRIMARY KEY)").await?;
    let _slow = pg.inject(latency(5.ms()));
    client.batch_execute("INSERT INTO once VALUES (1)").await?;
    client.batch_execute("INSERT INTO once VALUES (1)").await?;
    Ok(())
}

#[chaos_test]
async fn waits_for_its_own_connection(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    let pool = pg.pool(1)?;
    let _held = pool.get().await?;
    tokio::time::timeout(100.ms(), total(&pool)).await??;
    Ok(())
}

#[chaos_test]
async fn listens_where_another_does(_cx: Chaos) -> TestResult {
    let first = TcpListener::bind("127.0.0.1:0")?;
    TcpListener::bind(first.local_addr()?)?;
    Ok(())
}

#[chaos_test]
async fn connects_where_nobody_listens(_cx: Chaos) -> TestResult {
    let closed = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    tokio::net::TcpStream::connect(closed).await?;
    Ok(())
}

#[chaos_test]
async fn fails_for_reasons_of_its_own(_cx: Chaos) -> TestResult {
    Err("the ledger is closed on Sundays".into())
}
