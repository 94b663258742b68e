//! Pools whose connections pass through the link without its port, and what faults do to them.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::time::{Duration, Instant};

use arena::{Arena, LIMIT, Stage, enter};
use chaos_core::TestResult;
use chaos_core::event::EventKind;
use chaos_core::outcome::{Outcome, sqlstate};
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

#[test]
fn entry() {
    enter(async |role, stage| {
        let pg = stage.cx.postgres().await?;
        match role.as_str() {
            "numbering" => numbering(&stage, &pg).await?,
            "cut and reset" => cut_and_reset(&pg).await?,
            "stall" => stalled(&pg).await?,
            "latency" => slow(&pg).await?,
            "running" => running(&pg).await?,
            "dropped" => dropped(&pg).await?,
            "cancelled" => cancelled(&pg).await?,
            "handed on" => handed_on(&stage, pg).await?,
            other => panic!("unknown role {other}"),
        }
        stage.say("done");
        Ok(())
    });
}

#[track_caller]
fn play(role: &str) {
    let arena = Arena::new();
    let mut player = arena.start(role);
    assert_eq!(player.line(), "done");
    player.finish();
    arena.assert_nothing_remains();
}

async fn one(client: &Client) -> Result<i32, tokio_postgres::Error> {
    Ok(client.query_one("SELECT 1", &[]).await?.get(0))
}

/// Opens a connection to the port of the link, as clients do that we cannot hand a stream.
async fn connect_to_port(pg: &Postgres) -> TestResult<Client> {
    let (client, connection) = pg.config().connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[test]
fn connections_of_both_kinds_are_numbered_together_and_meet_the_same_faults() {
    play("numbering");
}

async fn numbering(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(2)?;
    let (first, second) = (pool.get().await?, pool.get().await?);
    let third = connect_to_port(pg).await?;
    let fourth = pg.connect().await?;
    let address = "SELECT inet_client_addr()::text";
    for client in [&first as &Client, &second, &third, &fourth] {
        assert_eq!(one(client).await?, 1);
        let address: Option<String> = client.query_one(address, &[]).await?.get(0);
        assert_eq!(address, None, "all of them end at the server's unix socket");
    }
    assert_eq!((pg.link().connections().open, pg.link().connections().total), (4, 4));

    let odd = pg.inject(latency(5.ms()).on(every_nth(3)));
    for client in [&first as &Client, &second, &third, &fourth] {
        assert_eq!(one(client).await?, 1);
    }
    odd.clear();
    let all = pg.inject(reset());
    assert_eq!((all.hits(), all.connections()), (4, 4));
    all.clear();
    for client in [&first as &Client, &second, &third, &fourth] {
        assert!(one(client).await.is_err());
    }
    let hits =
        stage.cx.scope().journal().events().into_iter().filter_map(|event| match event.what {
            EventKind::FaultHit { fault, connection } => Some((fault.0, connection)),
            _ => None,
        });
    assert_eq!(hits.collect::<Vec<_>>(), [(1, 3), (2, 1), (2, 2), (2, 3), (2, 4)]);
    Ok(())
}

#[test]
fn connections_of_a_pool_can_be_cut_and_reset() {
    play("cut and reset");
}

async fn cut_and_reset(pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    for fault in [Fault::from(cut()), reset().into()] {
        let client = pool.get().await?;
        assert_eq!(one(&client).await?, 1);
        let injection = pg.inject(fault);
        assert_eq!(injection.hits(), 1);
        let lost = one(&client).await.unwrap_err();
        assert_eq!(Outcome::of_error(&lost), Outcome::Unknown, "{lost:?}");
        assert!(client.is_closed());
        drop(client);
        // The pool sees that, and tries in vain to open another one.
        let unopened = pool.get().await.unwrap_err();
        assert_eq!(Outcome::of_error(&unopened), Outcome::Failed, "{unopened:?}");
        injection.clear();
        assert_eq!(one(&*pool.get().await?).await?, 1);
    }
    Ok(())
}

#[test]
fn a_query_on_a_connection_of_a_pool_waits_for_a_stall_to_end() {
    play("stall");
}

async fn stalled(pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let client = pool.get().await?;
    assert_eq!(one(&client).await?, 1);
    let stall = pg.inject(stall());
    let mut query = std::pin::pin!(one(&client));
    assert!(timeout(200.ms(), &mut query).await.is_err(), "something passed");
    assert!(stall.hits() > 0);
    stall.clear();
    assert_eq!(timeout(LIMIT, query).await??, 1);
    Ok(())
}

#[test]
fn a_query_on_a_connection_of_a_pool_is_delayed_both_ways() {
    play("latency");
}

async fn slow(pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let client = pool.get().await?;
    client.batch_execute("SELECT 1").await?;
    let slow = pg.inject(latency(40.ms()));
    let begun = Instant::now();
    client.batch_execute("SELECT 1").await?;
    assert!(begun.elapsed() >= 80.ms(), "{:?}", begun.elapsed());
    assert_eq!((slow.hits(), slow.connections()), (2, 1));
    slow.clear();
    // Of several one is quick, however busy the machine is.
    let mut quickest = Duration::MAX;
    for _ in 0..50 {
        let begun = Instant::now();
        client.batch_execute("SELECT 1").await?;
        quickest = quickest.min(begun.elapsed());
    }
    assert!(quickest < 40.ms(), "{quickest:?}");
    Ok(())
}

#[test]
fn a_running_query_learns_of_a_cut_at_once() {
    play("running");
}

async fn running(pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let client = pool.get().await?;
    let witness = pg.admin().await?;
    let cut_when_it_runs = async {
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'";
        while witness.query_one(sleeps, &[]).await?.get::<_, i64>(0) == 0 {
            tokio::time::sleep(1.ms()).await;
        }
        pg.inject(cut()).clear();
        Ok::<_, tokio_postgres::Error>(())
    };
    let query = timeout(LIMIT, client.batch_execute("SELECT pg_sleep(600)"));
    let (lost, cut) = tokio::join!(query, cut_when_it_runs);
    cut?;
    assert!(lost?.is_err());
    Ok(())
}

#[test]
fn a_query_that_is_given_up_under_a_fault_takes_nothing_else_with_it() {
    play("dropped");
}

async fn dropped(pg: &Postgres) -> TestResult {
    let pool = pg.pool(2)?;
    let client = pool.get().await?;
    let witness = pool.get().await?;
    client.batch_execute("CREATE TABLE seen (number int)").await?;
    let slow = pg.inject(latency(50.ms()));
    let given_up = timeout(10.ms(), client.batch_execute("INSERT INTO seen VALUES (1)")).await;
    assert!(given_up.is_err());
    // The answer to the first one must not be taken for this one's.
    assert_eq!(one(&client).await?, 1);

    // Nobody waits for this one, and soon nobody has the connection.
    drop(timeout(10.ms(), client.batch_execute("INSERT INTO seen VALUES (2)")).await);
    drop(deadpool_postgres::Object::take(client));
    slow.clear();
    let count = "SELECT count(*) FROM seen";
    let begun = Instant::now();
    while witness.query_one(count, &[]).await?.get::<_, i64>(0) < 2 {
        assert!(begun.elapsed() < LIMIT, "what was sent got lost");
    }
    while pg.link().connections().open > 1 {
        assert!(begun.elapsed() < LIMIT, "{:?}", pg.link().connections());
        tokio::time::sleep(1.ms()).await;
    }
    Ok(())
}

#[test]
fn a_query_is_cancelled_over_a_stream_or_a_port() {
    play("cancelled");
}

async fn cancelled(pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let client = pool.get().await?;
    let unknown = client.cancel_token().cancel_query(NoTls).await.unwrap_err();
    assert!(chaos_core::error::with_sources(&unknown).contains("unknown host"), "{unknown:?}");

    let token = client.cancel_token();
    let cancel = async {
        until_it_sleeps(pg).await?;
        token.cancel_query_raw(pg.link().connect().await?, NoTls).await?;
        TestResult::Ok(())
    };
    let (query, sent) = tokio::join!(client.batch_execute("SELECT pg_sleep(600)"), cancel);
    sent?;
    assert_eq!(query.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));

    let client = connect_to_port(pg).await?;
    let token = client.cancel_token();
    let cancel = async {
        until_it_sleeps(pg).await?;
        token.cancel_query(NoTls).await?;
        TestResult::Ok(())
    };
    let (query, sent) = tokio::join!(client.batch_execute("SELECT pg_sleep(600)"), cancel);
    sent?;
    assert_eq!(sqlstate(&query.unwrap_err()).as_deref(), Some("57014"));
    Ok(())
}

async fn until_it_sleeps(pg: &Postgres) -> TestResult {
    let witness = pg.admin().await?;
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while witness.query_one(sleeps, &[]).await?.get::<_, i64>(0) == 0 {
        tokio::time::sleep(1.ms()).await;
    }
    Ok(())
}

#[test]
fn a_pool_keeps_its_link_and_its_database() {
    play("handed on");
}

async fn handed_on(stage: &Stage, pg: Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let client = pool.get().await?;
    drop(pg);
    assert_eq!(one(&client).await?, 1);
    drop(deadpool_postgres::Object::take(client));
    assert_eq!(one(&*pool.get().await?).await?, 1);
    drop(pool);
    // The link goes with the pool, and its connections with the link.
    let ends = || {
        let events = stage.cx.scope().journal().events();
        events.iter().filter(|it| matches!(it.what, EventKind::ConnectionClosed { .. })).count()
    };
    let begun = Instant::now();
    while ends() < 2 {
        assert!(begun.elapsed() < LIMIT, "{} of 2 connections ended", ends());
        tokio::time::sleep(1.ms()).await;
    }
    Ok(())
}
