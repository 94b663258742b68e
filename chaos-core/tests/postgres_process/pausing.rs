//! Processes that are there and do nothing.

use std::time::Duration;

use chaos_core::TestResult;
use chaos_core::outcome::sqlstate;
use chaos_core::postgres::{Part, ServerStatus};
use chaos_core::prelude::*;

use super::arena::Stage;
use super::play as play_role;

/// Long enough for an idle server, many times over.
const WHILE: Duration = Duration::from_millis(300);

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)").await?;
    match role {
        "server" => server(&pg, &client).await,
        "postmaster" => postmaster(&pg, &client).await,
        "backend" => backend(&pg, &client).await,
        "unread" => unread(&pg).await,
        "checkpointer" => checkpointer(&pg, &client).await,
        other => panic!("unknown role {other}"),
    }
}

async fn server(pg: &Postgres, client: &tokio_postgres::Client) -> TestResult {
    let server = pg.server()?;
    server.pause(Part::Server).await?;
    assert_eq!(server.status().await?, ServerStatus::Paused);
    assert!(server.processes().await?.iter().all(|process| process.is_paused));
    let mut query = Box::pin(client.query_one("SELECT 1", &[]));
    assert!(tokio::time::timeout(WHILE, &mut query).await.is_err());
    server.resume(Part::Server).await?;
    let ready = server.ready().await?;
    assert!(!ready.recovered, "{ready:?}");
    query.await?;
    Ok(())
}

async fn postmaster(pg: &Postgres, client: &tokio_postgres::Client) -> TestResult {
    let server = pg.server()?;
    server.pause(Part::Postmaster).await?;
    client.query_one("SELECT 1", &[]).await?;
    let mut connecting = Box::pin(pg.connect());
    assert!(tokio::time::timeout(WHILE, &mut connecting).await.is_err());
    server.resume(Part::Postmaster).await?;
    connecting.await?;
    Ok(())
}

async fn backend(pg: &Postgres, client: &tokio_postgres::Client) -> TestResult {
    let server = pg.server()?;
    let victim = pg.connect().await?;
    victim.batch_execute("BEGIN; UPDATE kept SET id = 2").await?;
    let part = server.backend_of(&victim).await?;
    let Part::Backend(pid) = part else { panic!("{part:?}") };
    server.pause(part).await?;
    // It keeps its lock, and cannot be terminated.
    let end = format!("SELECT pg_terminate_backend({pid}, 200)");
    let ended: bool = match pg.version().split('.').next() {
        Some("13") => false,
        _ => pg.admin().await?.query_one(&end, &[]).await?.get(0),
    };
    assert!(!ended);
    client.batch_execute("SET lock_timeout = '100ms'").await?;
    let error = client.execute("UPDATE kept SET id = 3", &[]).await.unwrap_err();
    assert_eq!(sqlstate(&error).as_deref(), Some("55P03"), "{error:?}");
    server.resume(part).await?;
    client.batch_execute("SET lock_timeout = 0").await?;
    if pg.version().starts_with("13") {
        victim.batch_execute("ROLLBACK").await?;
    }
    client.execute("UPDATE kept SET id = 3", &[]).await?;
    Ok(())
}

async fn unread(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    let victim = pg.connect().await?;
    // It has no connection of the link, and is none that is gone.
    let mut direct = pg.direct_config();
    let (direct, connection) = direct.connect_timeout(WHILE).connect(tokio_postgres::NoTls).await?;
    let past = tokio::spawn(connection);
    direct.batch_execute("SELECT 1").await?;
    let admin = pg.admin().await?;
    let rows = async || -> TestResult<i64> {
        Ok(admin.query_one("SELECT count(*) FROM kept", &[]).await?.get(0))
    };
    let part = server.backend_of(&victim).await?;
    server.pause(part).await?;
    // It arrives at a session that does not read, and whose client is gone.
    let arrives = cut().on(query("INSERT").after());
    let told = pg.during(arrives, victim.batch_execute("INSERT INTO kept VALUES (2)")).await;
    assert!(told.is_err());
    let resume = async {
        tokio::time::sleep(WHILE / 3).await;
        assert_eq!(rows().await?, 1);
        TestResult::Ok(server.resume(part).await?)
    };
    let ((), resumed) = tokio::join!(pg.settled(), resume);
    resumed?;
    assert_eq!(rows().await?, 2, "it was not waited for");
    drop(direct);
    Ok(past.await??)
}

async fn checkpointer(pg: &Postgres, client: &tokio_postgres::Client) -> TestResult {
    let server = pg.server()?;
    server.pause(Part::Checkpointer).await?;
    client.execute("INSERT INTO kept VALUES (2)", &[]).await?;
    let admin = pg.admin().await?;
    admin.batch_execute("SET statement_timeout = '200ms'").await?;
    let error = admin.batch_execute("CHECKPOINT").await.unwrap_err();
    assert_eq!(sqlstate(&error).as_deref(), Some("57014"), "{error:?}");
    server.resume(Part::Checkpointer).await?;
    admin.batch_execute("SET statement_timeout = 0; CHECKPOINT").await?;
    server.pause(Part::WalWriter).await?;
    client.execute("INSERT INTO kept VALUES (3)", &[]).await?;
    server.resume(Part::WalWriter).await?;
    Ok(())
}

#[test]
fn a_paused_server_says_nothing_and_goes_on_where_it_was() {
    play_role("pausing server");
}

#[test]
fn a_paused_postmaster_lets_nobody_in_and_disturbs_no_session() {
    play_role("pausing postmaster");
}

#[test]
fn a_paused_session_keeps_its_locks_and_cannot_be_terminated() {
    play_role("pausing backend");
}

#[test]
fn a_session_that_has_not_read_what_arrived_is_waited_for() {
    play_role("pausing unread");
}

#[test]
fn a_paused_checkpointer_stops_checkpoints_and_no_commit() {
    play_role("pausing checkpointer");
}
