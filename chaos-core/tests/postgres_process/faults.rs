//! Faults of the server as guards, blocks and schedules.

use chaos_core::TestResult;
use chaos_core::event::EventKind;
use chaos_core::fault::{crash, pause};
use chaos_core::fault::{pause_part, socket_moved, stopped};
use chaos_core::postgres::ServerStatus;
use chaos_core::prelude::*;

use super::arena::Stage;
use super::play as play_role;

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    if role == "shared" {
        return shared(&stage.cx.postgres().await?).await;
    }
    let pg = stage.cx.postgres_server().await?;
    pg.connect().await?.batch_execute("CREATE TABLE t (id bigint)").await?;
    match role {
        "schedule" => schedule(stage, &pg).await,
        "guards" => guards(&pg).await,
        "dropped" => dropped(&pg).await,
        "idle" => idle(stage, &pg).await,
        other => panic!("unknown role {other}"),
    }
}

async fn schedule(stage: &Stage, pg: &Postgres) -> TestResult {
    let pool = pg.pool(4)?;
    let plan = Schedule::new()
        .calm(300.ms())
        .hold(200.ms(), pg, crash())
        .calm(500.ms())
        .hold(200.ms(), pg, pause())
        .calm(500.ms())
        .hold(200.ms(), pg, stopped(StopMode::Fast))
        .and(pg, latency(1.ms()).may_be_idle())
        .calm(500.ms())
        .hold(200.ms(), pg, stopped(StopMode::Smart))
        .calm(500.ms());
    let words = "calm 300ms → crash on postgres 200ms → ";
    assert!(plan.to_string().starts_with(words), "{plan}");
    let insert = async |_: Client| -> TestResult {
        pool.get().await?.execute("INSERT INTO t VALUES (1)", &[]).await?;
        Ok(())
    };
    let run = stage.cx.run(plan, 4, insert).await?;
    run.recovers_within(30.secs())?;
    assert_eq!(run.recoveries().len(), 5);
    let rows: i64 = pg.connect().await?.query_one("SELECT count(*) FROM t", &[]).await?.get(0);
    let (ok, unknown) = (run.count(Outcome::Ok), run.count(Outcome::Unknown));
    assert!(run.count(Outcome::Failed) > 0 && unknown > 0);
    let rows = usize::try_from(rows)?;
    assert!((ok..=ok + unknown).contains(&rows), "{ok} acknowledged, {unknown} unknown, {rows}");
    // Each of them met somebody, and each return was measured.
    let faults = stage.cx.scope().faults();
    assert!(faults.iter().all(|fault| fault.vacuity().is_none()));
    let events = stage.cx.scope().journal().events();
    let returns = events.iter().filter_map(|event| match event.what {
        EventKind::ServerReady { after, recovered, .. } => Some((after > 0, recovered)),
        _ => None,
    });
    assert_eq!(
        returns.collect::<Vec<_>>(),
        [(true, true), (true, false), (true, false), (true, false)]
    );
    Ok(())
}

async fn guards(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    let client = pg.connect().await?;
    let down = pg.sabotage(stopped(StopMode::Immediate)).await?;
    assert!(matches!(server.status().await?, ServerStatus::Down { .. }));
    assert!(down.hits() > 0);
    down.clear().await?;
    assert!(client.query_one("SELECT 1", &[]).await.is_err());
    pg.connect().await?;

    let met = pg
        .sabotage(pause_part(Part::Postmaster))
        .during(tokio::time::timeout(200.ms(), pg.connect()))
        .await?;
    assert!(met.is_err(), "nobody is let in");
    pg.connect().await?;

    let met = pg.sabotage(socket_moved()).during(pg.connect()).await?;
    assert!(met.is_err(), "there is no socket");
    pg.connect().await?;
    Ok(())
}

/// The server comes back although nobody waits for it.
async fn dropped(pg: &Postgres) -> TestResult {
    let crashed = pg.sabotage(crash().may_be_idle()).await?;
    assert!(pg.connect().await.is_err());
    drop(crashed);
    let back = async { while pg.connect().await.is_err() {} };
    tokio::time::timeout(60.secs(), back).await?;
    let paused = pg.sabotage(pause().may_be_idle()).await?;
    drop(paused);
    tokio::time::timeout(60.secs(), pg.connect()).await??;
    Ok(())
}

async fn idle(stage: &Stage, pg: &Postgres) -> TestResult {
    // The session of the set-up may not have ended yet.
    let there = async || -> TestResult<bool> {
        let processes = pg.server()?.processes().await?;
        Ok(processes.iter().any(|process| process.title.starts_with(pg.database())))
    };
    while there().await? {
        tokio::time::sleep(1.ms()).await;
    }
    pg.sabotage(crash()).await?.clear().await?;
    let vacuity = stage.cx.scope().faults()[0].vacuity().ok_or("it met nobody")?;
    assert!(vacuity.contains("crash") && vacuity.contains("no session"), "{vacuity}");
    Ok(())
}

async fn shared(pg: &Postgres) -> TestResult {
    let error = pg.sabotage(crash()).await.unwrap_err().to_string();
    assert!(error.contains("crash") && error.contains("cx.postgres_server()"), "{error}");
    Ok(())
}

#[test]
fn a_server_crashes_hangs_and_stops_on_schedule_and_comes_back_each_time() {
    play_role("faults schedule");
}

#[test]
fn guards_and_blocks_bring_the_server_back() {
    play_role("faults guards");
}

#[test]
fn a_dropped_guard_brings_the_server_back_without_being_waited_for() {
    play_role("faults dropped");
}

#[test]
fn a_crash_that_nobody_meets_is_vacuous() {
    play_role("faults idle");
}

#[test]
fn a_shared_server_refuses_faults_of_its_processes() {
    play_role("faults shared");
}
