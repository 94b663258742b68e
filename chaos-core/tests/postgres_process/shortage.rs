//! No room, and no memory.

use std::error::Error as StdError;

use chaos_core::TestResult;
use chaos_core::error::Error;
use chaos_core::outcome::sqlstate;
use chaos_core::postgres::{DiskHolds, Resource, ServerStatus};
use chaos_core::prelude::*;

use super::arena::Stage;
use super::play as play_role;

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    match role {
        "files" => files(&stage.cx.postgres_server().await?).await,
        "one session" => one_session(&stage.cx.postgres_server().await?).await,
        "memory" => memory(&stage.cx.postgres_server().await?).await,
        "temporary" => temporary(stage).await,
        "cluster" => disk(stage, DiskHolds::Cluster).await,
        "wal" => disk(stage, DiskHolds::Wal).await,
        "none" => none(&stage.cx.postgres_server().await?).await,
        other => panic!("unknown role {other}"),
    }
}

fn state(error: impl AsRef<dyn StdError + 'static>) -> String {
    sqlstate(error.as_ref()).unwrap_or_default()
}

const FILL: &str = "INSERT INTO t SELECT repeat('w', 1000) FROM generate_series(1, 5000)";

/// As on a full disk. Newer servers extend files in another way, whose failure has no code.
fn assert_refused(pg: &Postgres, filled: Result<(), tokio_postgres::Error>) {
    let error = filled.unwrap_err();
    let expected = match pg.version().split('.').next().unwrap() {
        "13" | "14" | "15" => "53100",
        _ => "XX000",
    };
    assert_eq!(sqlstate(&error).as_deref(), Some(expected), "{error:?}");
    assert!(chaos_core::error::with_sources(&error).contains("could not extend file"), "{error:?}");
}

async fn files(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE t (word text)").await?;
    let full = pg.sabotage(file_size_limit(2.mib())).await?;
    assert_refused(pg, client.batch_execute(FILL).await);
    // The session goes on, and one that is opened now meets the same.
    client.batch_execute("SELECT 1").await?;
    assert_refused(pg, pg.connect().await?.batch_execute(FILL).await);
    full.clear().await?;
    client.batch_execute(FILL).await?;
    pg.connect().await?.batch_execute(FILL).await?;
    let too_small = pg.sabotage(file_size_limit(1000)).await.unwrap_err().to_string();
    assert!(too_small.contains("write at least `1.mib()`"), "{too_small}");
    Ok(())
}

async fn one_session(pg: &Postgres) -> TestResult {
    let (server, client, other) = (pg.server()?, pg.connect().await?, pg.connect().await?);
    client.batch_execute("CREATE TABLE t (word text)").await?;
    let part = server.backend_of(&client).await?;
    server.limit(part, Resource::FileSize, 2.mib()).await?;
    assert_refused(pg, client.batch_execute(FILL).await);
    other.batch_execute(FILL).await?;
    server.lift_limit(part, Resource::FileSize).await?;
    client.batch_execute(FILL).await?;
    Ok(())
}

async fn memory(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    let large = "SELECT length(repeat('w', 200000000))";
    client.query_one(large, &[]).await?;
    let client = pg.connect().await?;
    let error = pg
        .sabotage(memory_limit(30.mib()))
        .during(async { client.query_one(large, &[]).await.unwrap_err() })
        .await?;
    assert_eq!(sqlstate(&error).as_deref(), Some("53200"), "{error:?}");
    client.query_one(large, &[]).await?;
    Ok(())
}

async fn temporary(stage: &Stage) -> TestResult {
    let options =
        ServerOptions::new().setting("temp_file_limit", "1MB").setting("work_mem", "64kB");
    let client = stage.cx.postgres_server_with(options).await?.connect().await?;
    let sort = "SELECT n FROM generate_series(1, 500000) AS n ORDER BY -n LIMIT 1 OFFSET 499999";
    let error = client.batch_execute(sort).await.unwrap_err();
    assert_eq!(sqlstate(&error).as_deref(), Some("53400"), "{error:?}");
    client.batch_execute("SELECT 1").await?;
    Ok(())
}

async fn disk(stage: &Stage, holds: DiskHolds) -> TestResult {
    let size = if holds == DiskHolds::Cluster { 64.mib() } else { 16.mib() };
    let pg = match stage.cx.postgres_server_with(ServerOptions::new().small_disk(holds, size)).await
    {
        Err(Error::Unavailable { reason }) => {
            println!("not here: {reason}");
            return Ok(());
        }
        other => other?,
    };
    let (server, client) = (pg.server()?, pg.connect().await?);
    client.batch_execute("CREATE TABLE t (word text); INSERT INTO t VALUES ('first')").await?;
    let full = pg.sabotage(disk_full()).await?;
    let mut states = Vec::new();
    // The log goes on in the room that it has until there is none.
    let mut acknowledged = 0;
    for _ in 0..200 {
        match client.batch_execute(FILL).await {
            Ok(()) => acknowledged += 1,
            Err(error) => {
                states.push(state(Box::new(error) as Box<dyn StdError>));
                break;
            }
        }
    }
    match holds {
        DiskHolds::Cluster => assert_eq!(states, ["53100"]),
        // It cannot go on, and cannot start again.
        _ => {
            let down = async {
                while !matches!(server.status().await?, ServerStatus::Down { .. }) {
                    tokio::time::sleep(1.ms()).await;
                }
                Ok::<_, Error>(())
            };
            tokio::time::timeout(60.secs(), down).await??;
            assert!(server.log()?.contains("No space left on device"), "{}", server.log()?);
        }
    }
    full.clear().await?;
    let rows: i64 = pg.connect().await?.query_one("SELECT count(*) FROM t", &[]).await?.get(0);
    assert_eq!(rows, 1 + 5000 * acknowledged);
    assert_eq!(server.status().await?, ServerStatus::Running);
    pg.connect().await?.batch_execute("INSERT INTO t VALUES ('last')").await?;
    Ok(())
}

async fn none(pg: &Postgres) -> TestResult {
    let error = pg.sabotage(disk_full()).await.unwrap_err().to_string();
    assert!(error.contains("has no disk of its own") && error.contains("small_disk"), "{error}");
    Ok(())
}

#[test]
fn a_table_that_reaches_the_limit_of_file_sizes_gets_what_a_full_disk_gives() {
    play_role("shortage files");
}

#[test]
fn a_limit_on_one_session_leaves_the_others_alone() {
    play_role("shortage one session");
}

#[test]
fn a_statement_without_memory_fails_and_its_session_goes_on() {
    play_role("shortage memory");
}

#[test]
fn a_sort_beyond_the_room_for_temporary_files_fails() {
    play_role("shortage temporary");
}

#[test]
fn a_cluster_on_a_full_disk_refuses_to_grow_until_there_is_room() {
    play_role("shortage cluster");
}

#[test]
fn a_server_without_room_for_its_log_ends_and_comes_back_with_all_it_acknowledged() {
    play_role("shortage wal");
}

#[test]
fn a_disk_that_is_everyones_is_not_filled() {
    play_role("shortage none");
}
