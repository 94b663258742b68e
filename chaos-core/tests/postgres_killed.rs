//! Nothing is left behind, however the processes that use a server die.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::fs;
use std::time::Duration;

use arena::{Arena, Stage, await_that, enter, kill_supervisor};
use chaos_core::TestResult;
use chaos_core::seed::Seed;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn entry() {
    enter(async |role, stage| match role.as_str() {
        "use" => use_for_ever(&stage, false).await,
        "use own" => use_for_ever(&stage, true).await,
        "use in turn" => loop {
            drop(stage.cx.postgres().await?.connect().await?);
        },
        "prepare" => prepare(&stage).await,
        other => panic!("unknown role {other}"),
    });
}

async fn use_for_ever(stage: &Stage, own: bool) -> TestResult {
    let pg = if own { stage.cx.postgres_server().await? } else { stage.cx.postgres().await? };
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE mine (id int)").await?;
    let started = "SELECT pg_postmaster_start_time()::text";
    stage.say(client.query_one(started, &[]).await?.get::<_, String>(0));
    stage.say(pg.database());
    stage.hear();
    Ok(())
}

/// Leaves a transaction that keeps its database from being dropped.
async fn prepare(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let client = pg.connect().await?;
    let statements = "CREATE TABLE mine (); BEGIN; INSERT INTO mine DEFAULT VALUES; \
                      PREPARE TRANSACTION 'left'";
    client.batch_execute(statements).await?;
    stage.say(pg.database());
    stage.hear();
    Ok(())
}

#[test]
fn fifty_runs_killed_at_random_moments_leave_nothing_behind() {
    let seed = Seed::random();
    println!("seed {seed}");
    let arena = Arena::new();
    // A cache of its own for some, so that initialising is interrupted too.
    let caches = Arena::new();
    let mut draws = seed.draws();
    for run in 0..50 {
        let roles = ["use", "use", "use own", "use in turn"];
        let players: Vec<_> = (0..=draws.below(2))
            .map(|_| {
                let role = roles[usize::try_from(draws.below(4)).unwrap()];
                let mut command = arena.command(role);
                if run % 5 == 0 {
                    command.env("CHAOS_CACHE_DIR", caches.path().join(run.to_string()));
                }
                arena::Player::of(command)
            })
            .collect();
        // From the first instruction to well after the first query.
        std::thread::sleep(Duration::from_micros(draws.below(400_000)));
        for player in players {
            player.kill();
        }
        if run % 10 == 9 {
            arena.assert_nothing_remains();
        }
    }
    arena.assert_nothing_remains();
}

#[test]
fn the_database_of_a_killed_process_is_dropped_while_others_use_the_server() {
    let arena = Arena::new();
    let mut survivor = arena.start("use");
    survivor.line();
    let mut killed = arena.start("use");
    killed.line();
    let name = killed.line();
    let home = arena.servers().remove(0);
    assert!(home.join("taken").join(&name).exists());
    killed.kill();
    await_that("the database of a killed process is dropped", || {
        let gone = !home.join("taken").join(&name).exists();
        if gone { Ok(()) } else { Err(format!("{name} is there")) }
    });
    survivor.finish();
    arena.assert_nothing_remains();
}

#[test]
fn a_database_with_a_prepared_transaction_is_dropped_too() {
    let arena = Arena::new();
    let mut survivor = arena.start("use");
    survivor.line();
    let mut other = arena.start("prepare");
    let file = arena.servers().remove(0).join("taken").join(other.line());
    assert!(file.exists());
    other.finish();
    await_that("a database with a prepared transaction is dropped", || {
        if file.exists() { Err(file.display().to_string()) } else { Ok(()) }
    });
    survivor.finish();
    arena.assert_nothing_remains();
}

#[test]
fn the_next_user_clears_up_after_a_supervisor_that_was_killed() {
    let arena = Arena::new();
    let mut one = arena.start("use");
    let mut own = arena.start("use own");
    let (started, _) = (one.line(), own.line());
    let homes = arena.servers();
    assert_eq!(homes.len(), 2);
    for home in &homes {
        let seat = home.with_extension("lock");
        kill_supervisor(fs::read_to_string(seat).unwrap().trim().parse().unwrap());
    }
    // The orphans run on.
    assert!(arena.remains().len() > 2, "{:?}", arena.remains());

    let mut two = arena.start("use");
    assert_ne!(two.line(), started, "a new server");
    two.finish();
    arena.assert_nothing_remains();
    drop((one, own));
}

#[test]
fn a_server_that_does_not_follow_is_stopped_by_force() {
    let arena = Arena::new();
    let mut one = arena.start("use");
    one.line();
    let home = arena.servers().remove(0);
    let status = fs::read_to_string(home.join("data/postmaster.pid")).unwrap();
    let postmaster = status.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(postmaster).unwrap(), Signal::STOP).unwrap();
    one.kill();
    arena.assert_nothing_remains();
}

#[test]
fn a_supervisor_that_is_asked_to_end_takes_its_server_with_it() {
    let arena = Arena::new();
    let mut one = arena.start("use");
    one.line();
    let supervisor = Pid::from_raw(arena.supervisor()).unwrap();
    kill_process(supervisor, Signal::TERM).unwrap();
    arena.assert_nothing_remains();
    drop(one);
}
