//! Down and up again.

use std::time::{Duration, Instant};

use chaos_core::TestResult;
use chaos_core::outcome::sqlstate;
use chaos_core::postgres::{Part, Postgres, ServerStatus, StopMode};
use tokio_postgres::Client as Session;

use super::arena::Stage;
use super::play as play_role;

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    if role == "shared" {
        return shared(stage).await;
    }
    let pg = stage.cx.postgres_server().await?;
    match role {
        "crash" => crash(&pg).await,
        "postmaster" => postmaster(&pg).await,
        "backend" => backend(&pg).await,
        "modes" => modes(&pg).await,
        "later" => later(&pg).await,
        "socket" => socket(&pg).await,
        "wrong" => wrong(&pg).await,
        other => panic!("unknown role {other}"),
    }
}

async fn filled(pg: &Postgres) -> TestResult<Session> {
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)").await?;
    Ok(client)
}

async fn count(pg: &Postgres) -> TestResult<i64> {
    Ok(pg.connect().await?.query_one("SELECT count(*) FROM kept", &[]).await?.get(0))
}

async fn crash(pg: &Postgres) -> TestResult {
    let (server, client) = (pg.server()?, filled(pg).await?);
    let url = pg.direct_url();
    server.crash().await?;
    assert!(client.query_one("SELECT 1", &[]).await.is_err());
    let status = server.status().await?;
    assert!(matches!(&status, ServerStatus::Down { how } if how.contains("KILL")), "{status:?}");
    assert_eq!(server.processes().await?, []);
    assert!(pg.connect().await.is_err());

    let ready = server.start().await?;
    assert!(ready.recovered && !ready.after.is_zero(), "{ready:?}");
    assert_eq!(count(pg).await?, 1);
    assert_eq!(server.status().await?, ServerStatus::Running);
    assert_eq!(pg.direct_url(), url);
    // The TCP port is the same, too.
    let (direct, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
    let _served = tokio::spawn(connection);
    direct.query_one("SELECT 1", &[]).await?;
    Ok(())
}

async fn postmaster(pg: &Postgres) -> TestResult {
    let (server, _client) = (pg.server()?, filled(pg).await?);
    // A session that does not notice would keep the server from starting again.
    let busy = pg.connect().await?;
    let part = server.backend_of(&busy).await?;
    server.pause(part).await?;
    server.kill(Part::Postmaster).await?;
    assert!(server.start().await?.recovered);
    assert_eq!(count(pg).await?, 1);
    assert!(busy.query_one("SELECT 1", &[]).await.is_err());
    Ok(())
}

async fn backend(pg: &Postgres) -> TestResult {
    let (server, client) = (pg.server()?, filled(pg).await?);
    let other = pg.connect().await?;
    let before = postmaster_of(pg).await?;
    server.kill(server.backend_of(&client).await?).await?;
    // Every session dies with it.
    assert!(other.query_one("SELECT 1", &[]).await.is_err());
    let ready = server.ready().await?;
    assert!(ready.recovered, "{ready:?}");
    assert_eq!((count(pg).await?, postmaster_of(pg).await?), (1, before));

    let other = pg.connect().await?;
    server.kill(Part::Checkpointer).await?;
    assert!(other.query_one("SELECT 1", &[]).await.is_err());
    assert!(server.ready().await?.recovered);
    assert_eq!(count(pg).await?, 1);
    Ok(())
}

async fn postmaster_of(pg: &Postgres) -> TestResult<i32> {
    let processes = pg.server()?.processes().await?;
    let postmaster = processes.iter().find(|process| process.part == Part::Postmaster);
    Ok(postmaster.ok_or("no postmaster")?.pid)
}

async fn modes(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    // Smart: who is in may stay, and nobody else comes in.
    let client = filled(pg).await?;
    server.begin_stop(StopMode::Smart).await?;
    assert_eq!(server.status().await?, ServerStatus::Stopping);
    assert_eq!(client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0), 1);
    let refused = pg.connect().await.unwrap_err();
    assert_eq!(sqlstate(&refused).as_deref(), Some("57P03"), "{refused:?}");
    drop(client);
    server.stop(StopMode::Smart).await?;
    let ready = server.start().await?;
    assert!(!ready.recovered, "it was shut down in order");

    let client = pg.connect().await?;
    let query = tokio::spawn(async move { client.query_one("SELECT pg_sleep(60)", &[]).await });
    await_query(pg).await?;
    server.stop(StopMode::Fast).await?;
    let error = query.await?.unwrap_err();
    assert_eq!(sqlstate(&error).as_deref(), Some("57P01"), "{error:?}");
    assert!(!server.start().await?.recovered);

    let client = pg.connect().await?;
    server.stop(StopMode::Immediate).await?;
    assert!(client.query_one("SELECT 1", &[]).await.is_err());
    server.stop(StopMode::Immediate).await?;
    assert!(server.start().await?.recovered);

    assert!(!server.restart(StopMode::Fast).await?.recovered);
    // To start a server that runs changes nothing.
    let client = pg.connect().await?;
    server.start().await?;
    client.query_one("SELECT 1", &[]).await?;
    assert_eq!(count(pg).await?, 1);
    Ok(())
}

async fn await_query(pg: &Postgres) -> TestResult {
    let admin = pg.admin().await?;
    let sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while admin.query(sleeping, &[]).await?.is_empty() {}
    Ok(())
}

async fn later(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    filled(pg).await?;
    server.stop(StopMode::Fast).await?;
    let delay = Duration::from_millis(300);
    let begun = Instant::now();
    server.start_after(delay).await?;
    assert!(pg.connect().await.is_err());
    let ready = server.ready().await?;
    assert!(ready.after >= delay && begun.elapsed() >= delay, "{ready:?}");
    assert_eq!(count(pg).await?, 1);
    Ok(())
}

async fn socket(pg: &Postgres) -> TestResult {
    let (server, client) = (pg.server()?, filled(pg).await?);
    server.move_socket_away().await?;
    let error = pg.connect().await.unwrap_err();
    assert!(chaos_core::error::with_sources(&error).contains("No such file"), "{error:?}");
    client.query_one("SELECT 1", &[]).await?;
    assert!(server.move_socket_away().await.is_err());
    server.move_socket_back().await?;
    assert_eq!(count(pg).await?, 1);

    server.move_socket_away().await?;
    server.restart(StopMode::Fast).await?;
    server.move_socket_back().await?;
    assert_eq!(count(pg).await?, 1);
    Ok(())
}

async fn wrong(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    let error = server.kill(Part::Backend(1)).await.unwrap_err().to_string();
    assert!(error.contains("no such process") && error.contains("checkpointer"), "{error}");
    server.pause(Part::Postmaster).await?;
    let error = server.stop(StopMode::Fast).await.unwrap_err().to_string();
    assert!(error.contains("it is paused, and would not notice"), "{error}");
    server.resume(Part::Postmaster).await?;
    server.stop(StopMode::Fast).await?;
    let error = server.kill(Part::Checkpointer).await.unwrap_err().to_string();
    assert!(error.contains("the server is down; start it first"), "{error}");
    let error = server.ready().await.unwrap_err().to_string();
    assert!(error.contains("it is down (exit status: 0)"), "{error}");
    let down = "the server is down; `pg.server()?.start()` starts it";
    let errors = [pg.admin().await.err(), pg.audit().await.err(), pg.schema().await.err()]
        .map(Option::unwrap);
    for error in errors {
        assert!(error.to_string().contains(down), "{error}");
        assert!(chaos_core::error::with_sources(&error).contains("No such file"), "{error:?}");
    }
    // It cannot start: its own words say why.
    std::fs::write(server.data_directory().join("PG_VERSION"), "9.6\n")?;
    let error = server.start().await.unwrap_err().to_string();
    assert!(error.contains("FATAL:  database files are incompatible with server"), "{error}");
    Ok(())
}

async fn shared(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let error = pg.server().unwrap_err().to_string();
    assert!(error.contains("cx.postgres_server()"), "{error}");
    Ok(())
}

#[test]
fn a_crashed_server_recovers_on_the_same_data_socket_and_port() {
    play_role("lifecycle crash");
}

#[test]
fn a_killed_postmaster_is_started_again_although_a_session_does_not_notice() {
    play_role("lifecycle postmaster");
}

#[test]
fn a_killed_session_takes_all_others_with_it_and_the_server_recovers_by_itself() {
    play_role("lifecycle backend");
}

#[test]
fn the_three_ways_to_stop_a_server_do_what_they_say() {
    play_role("lifecycle modes");
}

#[test]
fn a_server_can_be_started_later_while_the_test_goes_on() {
    play_role("lifecycle later");
}

#[test]
fn without_its_socket_a_server_serves_who_is_connected_and_nobody_else() {
    play_role("lifecycle socket");
}

#[test]
fn what_cannot_be_done_is_refused_with_what_to_do() {
    play_role("lifecycle wrong");
}

#[test]
fn a_shared_server_is_not_touched() {
    play_role("lifecycle shared");
}
