//! What errors of the real driver and the real pool, from a real server, say about an operation.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;
#[path = "outcome/resolving.rs"]
mod resolving;

use std::error::Error as StdError;
use std::time::Duration;

use arena::{Arena, Stage, enter};
use chaos_core::TestResult;
use chaos_core::outcome::{Outcome, sqlstate};
use chaos_core::postgres::{Postgres, StopMode};
use chaos_core::prelude::*;
use tokio_postgres::{Client, IsolationLevel};

#[test]
fn entry() {
    enter(async |role, stage| {
        if let "moments" | "crashes" | "runs" | "others" | "left alone" | "rolled back" | "limits" =
            role.as_str()
        {
            return resolving::play(&role, &stage).await;
        }
        let pg = stage.cx.postgres().await?;
        match role.as_str() {
            "unique violation" => unique_violation(&stage, &pg).await,
            "serialization failure" => serialization_failure(&stage, &pg).await,
            "terminated" => terminated(&stage, &pg).await,
            "lost reply" => lost_reply(&stage, &pg).await,
            "exhausted" => exhausted(&stage, &pg).await,
            "refused" => refused(&stage, &pg).await,
            "no socket" => no_socket(&stage, &pg).await,
            other => panic!("unknown role {other}"),
        }
    });
}

/// An error of the user's that hides the one that it holds: its source is that one's source.
#[derive(Debug, thiserror::Error)]
enum Transparent {
    #[error(transparent)]
    Driver(#[from] tokio_postgres::Error),
}

/// An error of the user's that names the one that it holds.
#[derive(Debug, thiserror::Error)]
#[error("the transfer failed")]
struct Named(#[source] Box<dyn StdError + Send + Sync>);

/// Says what an error comes to, as it is and wrapped in errors of the user's.
fn judge(stage: &Stage, error: impl StdError + Send + Sync + 'static) {
    let plain: Box<dyn StdError + Send + Sync> = Box::new(error);
    let (outcome, state) = (Outcome::of_error(&*plain), sqlstate(&*plain));
    let words = format!("{outcome:?} {} {plain:?}", state.clone().unwrap_or_default());
    let named: Box<dyn StdError + Send + Sync> = match plain.downcast::<tokio_postgres::Error>() {
        Ok(error) => {
            let transparent = Transparent::from(*error);
            assert_eq!(Outcome::of_error(&transparent), outcome, "{transparent:?}");
            assert_eq!(sqlstate(&transparent), state, "{transparent:?}");
            Box::new(Named(Box::new(transparent)))
        }
        Err(plain) => Box::new(Named(plain)),
    };
    assert_eq!(Outcome::of_error(&*named), outcome, "{named:?}");
    assert_eq!(sqlstate(&*named), state, "{named:?}");
    stage.say(words);
}

async fn ledger(pg: &Postgres) -> TestResult<Client> {
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE ledger (id int PRIMARY KEY, amount int)").await?;
    client.batch_execute("INSERT INTO ledger VALUES (1, 10), (2, 20)").await?;
    Ok(client)
}

async fn unique_violation(stage: &Stage, pg: &Postgres) -> TestResult {
    let client = ledger(pg).await?;
    let repeated = client.execute("INSERT INTO ledger VALUES (1, 30)", &[]).await;
    judge(stage, repeated.unwrap_err());
    Ok(())
}

/// Two transactions read what the other one writes, and both commit.
async fn serialization_failure(stage: &Stage, pg: &Postgres) -> TestResult {
    let (mut one, mut two) = (ledger(pg).await?, pg.connect().await?);
    let serializable = IsolationLevel::Serializable;
    let first = one.build_transaction().isolation_level(serializable).start().await?;
    let second = two.build_transaction().isolation_level(serializable).start().await?;
    let sum = "SELECT sum(amount) FROM ledger";
    first.query_one(sum, &[]).await?;
    second.query_one(sum, &[]).await?;
    first.execute("UPDATE ledger SET amount = 0 WHERE id = 1", &[]).await?;
    second.execute("UPDATE ledger SET amount = 0 WHERE id = 2", &[]).await?;
    first.commit().await?;
    judge(stage, second.commit().await.unwrap_err());
    Ok(())
}

async fn terminated(stage: &Stage, pg: &Postgres) -> TestResult {
    let (victim, admin) = (pg.connect().await?, pg.admin().await?);
    let pid: i32 = victim.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let terminate = async {
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND query ~ 'sleep'";
        while admin.query_one(sleeps, &[&pid]).await?.get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        admin.query_one("SELECT pg_terminate_backend($1)", &[&pid]).await
    };
    let (slept, terminated) = tokio::join!(victim.batch_execute("SELECT pg_sleep(600)"), terminate);
    terminated?;
    judge(stage, slept.unwrap_err());
    Ok(())
}

/// The server commits, and the client never hears of it.
async fn lost_reply(stage: &Stage, pg: &Postgres) -> TestResult {
    let client = ledger(pg).await?;
    client.batch_execute("BEGIN; UPDATE ledger SET amount = 99 WHERE id = 1").await?;
    let stalled = pg.inject(stall().downstream());
    let witness = pg.admin().await?;
    let reset_then = async {
        let amount = "SELECT amount FROM ledger WHERE id = 1";
        while witness.query_one(amount, &[]).await?.get::<_, i32>(0) != 99 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        pg.inject(reset()).clear();
        Ok::<_, tokio_postgres::Error>(())
    };
    let (committed, reset_then) = tokio::join!(client.batch_execute("COMMIT"), reset_then);
    reset_then?;
    stalled.clear();
    judge(stage, committed.unwrap_err());
    Ok(())
}

async fn exhausted(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let _held = pool.get().await?;
    let timeouts = deadpool_postgres::Timeouts {
        wait: Some(Duration::from_millis(50)),
        ..deadpool_postgres::Timeouts::new()
    };
    judge(stage, pool.timeout_get(&timeouts).await.unwrap_err());
    Ok(())
}

async fn refused(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(1)?;
    let refusal = pg.inject(refuse());
    judge(stage, pool.get().await.unwrap_err());
    let direct = pg.config().connect(tokio_postgres::NoTls).await.err();
    judge(stage, direct.ok_or("a refused link let a connection through")?);
    refusal.clear();
    Ok(())
}

/// The server is stopped, and its unix socket is gone: the link meets that, and so does the driver.
async fn no_socket(stage: &Stage, _shared: &Postgres) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let server = pg.server()?;
    server.stop(StopMode::Fast).await?;
    let through_link = pg.connect().await.err().ok_or("connected to a server that is down")?;
    stage.say(format!("{:?} {through_link:?}", Outcome::of_error(&through_link)));
    let mut settings = tokio_postgres::Config::new();
    settings.host_path("/no/such/place").user("nobody");
    let direct =
        settings.connect(tokio_postgres::NoTls).await.err().ok_or("connected to nothing")?;
    let direct = Named(Box::new(direct));
    stage.say(format!("{:?} {direct:?}", Outcome::of_error(&direct)));
    // A file of the user's that is missing says nothing of what was sent.
    let file = std::fs::read("/no/such/file").err().ok_or("read a file that is not there")?;
    stage.say(format!("{:?} {file:?}", Outcome::of_error(&file)));
    Ok(())
}

/// What playing this role says.
fn said(role: &str, lines: usize) -> Vec<String> {
    let arena = Arena::new();
    let mut player = arena.start(role);
    let said = (0..lines).map(|_| player.line()).collect();
    player.finish();
    arena.assert_nothing_remains();
    said
}

#[test]
fn what_the_server_refused_has_failed() {
    let said = said("unique violation", 1).concat();
    assert!(said.starts_with("Failed 23505 "), "{said}");
}

#[test]
fn a_commit_that_could_not_be_serialized_has_failed() {
    let said = said("serialization failure", 1).concat();
    assert!(said.starts_with("Failed 40001 "), "{said}");
}

#[test]
fn what_a_terminated_backend_was_doing_is_unknown() {
    let said = said("terminated", 1).concat();
    assert!(said.starts_with("Unknown 57P01 "), "{said}");
}

#[test]
fn a_commit_whose_reply_was_lost_is_unknown() {
    let said = said("lost reply", 1).concat();
    assert!(said.starts_with("Unknown  "), "{said}");
}

#[test]
fn nothing_was_done_where_the_pool_gave_no_connection() {
    let said = said("exhausted", 1).concat();
    assert!(said.starts_with("Failed  Timeout(Wait)"), "{said}");
}

#[test]
fn nothing_was_done_where_the_connection_was_refused_with_a_pool_or_without() {
    let said = said("refused", 2);
    assert!(said[0].starts_with("Failed  Backend("), "{}", said[0]);
    assert!(said[1].starts_with("Failed  Error {"), "{}", said[1]);
}

#[test]
fn nothing_was_done_where_there_was_no_socket_to_connect_to() {
    let said = said("no socket", 3);
    for met in &said[..2] {
        assert!(met.starts_with("Failed ") && met.contains("NotFound"), "{met}");
    }
    assert!(said[2].starts_with("Unknown "), "{}", said[2]);
}
