//! What a real driver and a real server make of faults that depend on what passes.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::time::{Duration, Instant};

use arena::{Arena, LIMIT, enter};
use chaos_core::TestResult;
use chaos_core::outcome::Outcome;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;

#[test]
fn entry() {
    enter(async |role, stage| {
        let pg = stage.cx.postgres().await?;
        pg.connect().await?.batch_execute("CREATE TABLE paid (id int)").await?;
        match role.as_str() {
            "commit" => lose_the_answer_to_a_commit(&pg).await,
            "packets" => lose_packets(&pg).await,
            "partition" => part(&pg).await,
            other => panic!("unknown role {other}"),
        }
    });
}

/// How many rows there are, seen past the link.
async fn paid(pg: &Postgres) -> TestResult<i64> {
    let (client, connection) = pg.direct_config().connect(tokio_postgres::NoTls).await?;
    let _served = tokio::spawn(connection);
    Ok(client.query_one("SELECT count(*) FROM paid", &[]).await?.get(0))
}

async fn lose_the_answer_to_a_commit(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    client.batch_execute("BEGIN; INSERT INTO paid VALUES (1)").await?;
    let fault = pg.inject(cut().when_seen(seen(b"COMMIT\0").upstream()));
    let error = client.batch_execute("COMMIT").await.unwrap_err();
    assert_eq!(fault.hits(), 1);
    assert!(matches!(Outcome::of_error(&error), Outcome::Unknown), "{error:?}");
    // The request arrived, so it is carried out though nobody hears of it.
    let begun = Instant::now();
    while paid(pg).await? == 0 {
        assert!(begun.elapsed() < LIMIT, "it was not committed");
    }
    Ok(())
}

async fn lose_packets(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    let fault = pg.inject(loss(10.percent()));
    for id in 0..40 {
        client.execute("INSERT INTO paid VALUES ($1)", &[&id]).await?;
    }
    assert!(fault.hits() > 0);
    let rows = client.query("SELECT id, repeat('x', 10000) FROM paid ORDER BY id", &[]).await?;
    assert!(rows.iter().map(|row| row.get::<_, i32>(0)).eq(0..40));
    assert!(rows.iter().all(|row| row.get::<_, &str>(1).len() == 10_000));
    Ok(())
}

async fn part(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    let partition = Network::of([pg.link()]).partition();
    let mut insert = Box::pin(client.execute("INSERT INTO paid VALUES (1)", &[]));
    // It is sent before it is waited for, and nothing of it arrives.
    let waited = tokio::time::timeout(Duration::from_millis(200), &mut insert).await;
    assert!(waited.is_err(), "{waited:?}");
    let begun = Instant::now();
    while partition.each()[0].connections() == 0 {
        assert!(begun.elapsed() < LIMIT, "nothing was held");
        tokio::task::yield_now().await;
    }
    assert_eq!(paid(pg).await?, 0);
    partition.heal();
    assert_eq!((insert.await?, paid(pg).await?), (1, 1));
    Ok(())
}

fn play(role: &str) {
    let arena = Arena::new();
    arena.start(role).finish();
    arena.assert_nothing_remains();
}

#[test]
fn a_commit_whose_answer_is_cut_off_is_carried_out_and_unknown() {
    play("commit");
}

#[test]
fn lost_packets_make_queries_late_and_lose_no_rows() {
    play("packets");
}

#[test]
fn a_query_that_meets_a_partition_is_carried_out_on_healing() {
    play("partition");
}
