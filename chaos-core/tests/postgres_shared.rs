//! A server that several processes share, and a server of one's own.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use arena::{Arena, Stage, await_that, enter};
use chaos_core::TestResult;
use chaos_core::postgres::Postgres;
use rustix::fs::{FlockOperation, flock};

#[test]
fn entry() {
    enter(async |role, stage| match role.as_str() {
        "use" => use_database(&stage, &stage.cx.postgres().await?).await,
        "use own" => use_database(&stage, &stage.cx.postgres_server().await?).await,
        "let go" => let_go(&stage).await,
        "many" => many(&stage).await,
        "return" => come_back_at_the_wrong_moment(&stage).await,
        "pool" => pool(&stage).await,
        "hand on" => hand_on(&stage).await,
        other => panic!("unknown role {other}"),
    });
}

/// Says when the server was started and which database it has, and whether databases that it is
/// asked about exist.
async fn use_database(stage: &Stage, pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE mine (id int); INSERT INTO mine VALUES (1)").await?;
    let started = "SELECT pg_postmaster_start_time()::text";
    stage.say(client.query_one(started, &[]).await?.get::<_, String>(0));
    stage.say(pg.database());
    let admin = pg.admin().await?;
    while let Some(name) = stage.hear() {
        let exists = "SELECT count(*) FROM pg_database WHERE datname = $1";
        stage.say(admin.query_one(exists, &[&name]).await?.get::<_, i64>(0));
    }
    Ok(())
}

async fn let_go(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let clone = pg.clone();
    drop(pg);
    clone.connect().await?;
    stage.say("cloned");
    stage.hear();
    drop(clone);
    stage.say("let go");
    stage.hear();
    Ok(())
}

async fn many(stage: &Stage) -> TestResult {
    let opened: Vec<_> = (0..12)
        .map(|_| {
            let cx = stage.cx.clone();
            tokio::spawn(async move { cx.postgres().await })
        })
        .collect();
    let mut databases = Vec::new();
    for opened in opened {
        let pg = opened.await??;
        pg.connect().await?.batch_execute("CREATE TABLE mine ()").await?;
        databases.push(pg);
    }
    let mut names: Vec<_> = databases.iter().map(Postgres::database).collect();
    names.sort_unstable();
    names.dedup();
    stage.say(names.len());
    Ok(())
}

/// Wants a database again and again at the moment at which the server has ended and its files are
/// still there.
async fn come_back_at_the_wrong_moment(stage: &Stage) -> TestResult {
    let base = PathBuf::from(std::env::var_os("CHAOS_PG_DIR").unwrap());
    for _ in 0..2 {
        let pg = stage.cx.postgres().await?;
        pg.connect().await?;
        let data_of = |home: &PathBuf| home.join("data/postmaster.pid");
        let runs = || arena::homes(&base).iter().map(data_of).any(|file| file.exists());
        assert!(runs());
        drop(pg);
        while runs() {
            std::thread::yield_now();
        }
    }
    stage.say("came back");
    Ok(())
}

/// Keeps nothing but what came from the database.
async fn hand_on(stage: &Stage) -> TestResult {
    let pool = stage.cx.postgres().await?.pool(1)?;
    let client = stage.cx.postgres().await?.connect().await?;
    // A closed link would be noticed by the connection before the first query, or by the second.
    for _ in 0..2 {
        stage.say(client.query_one("SELECT 1", &[]).await?.get::<_, i32>(0));
        stage.say(pool.get().await?.query_one("SELECT 2", &[]).await?.get::<_, i32>(0));
    }
    Ok(())
}

async fn pool(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let pool = pg.pool(2)?;
    let (one, _two) = (pool.get().await?, pool.get().await?);
    let row = one
        .query_one(
            "SELECT current_user::text, usesuper FROM pg_user WHERE usename = current_user",
            &[],
        )
        .await?;
    assert_eq!(row.get::<_, &str>(0), pg.database(), "every database has an owner of its own");
    assert!(!row.get::<_, bool>(1), "which is no superuser");
    let admin = pg.admin().await?;
    let row =
        admin.query_one("SELECT current_setting('is_superuser'), current_database()::text", &[]);
    let row = row.await?;
    assert_eq!((row.get(0), row.get(1)), ("on", pg.database()));
    // Loopback is the only place that a server may be reached from.
    let listen = admin.query_one("SHOW listen_addresses", &[]).await?;
    assert_eq!(listen.get::<_, &str>(0), "127.0.0.1");
    for url in [pg.url(), pg.direct_url()] {
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let name = client.query_one("SELECT current_database()::text", &[]).await?;
        assert_eq!(name.get::<_, &str>(0), pg.database());
        let (start, end) = url.split_once(':').zip(url.split_once('@')).unwrap();
        let guess = format!("{}://{}:guess@{}", start.0, pg.database(), end.1);
        let refused = tokio_postgres::connect(&guess, tokio_postgres::NoTls).await;
        let refused = refused.err().expect("a wrong password opens no connection");
        assert_eq!(refused.code().map(|code| code.code()), Some("28P01"), "{refused}");
    }
    // A third one does not wait for ever.
    assert!(pool.get().await.is_err());
    stage.say(pg.version());
    Ok(())
}

#[test]
fn two_processes_share_one_server_and_have_a_database_each() {
    let arena = Arena::new();
    let (mut one, mut two) = (arena.start("use"), arena.start("use"));
    assert_eq!(one.line(), two.line(), "one server, started once");
    let (first, second) = (one.line(), two.line());
    assert_ne!(first, second);

    one.tell(&second);
    assert_eq!(one.line(), "1");
    two.finish();
    await_that("the database of a process that ended is dropped", || {
        one.tell(&second);
        let count = one.line();
        if count == "0" { Ok(()) } else { Err(format!("{second} is there")) }
    });
    one.tell(&first);
    assert_eq!(one.line(), "1", "and no other");

    one.finish();
    arena.assert_nothing_remains();
}

#[test]
fn the_next_process_finds_the_server_that_the_last_one_left_a_moment_ago() {
    let arena = Arena::new();
    let mut one = arena.start("use");
    let started = one.line();
    one.finish();
    let mut two = arena.start("use");
    assert_eq!(two.line(), started);
    two.finish();
    arena.assert_nothing_remains();
}

#[test]
fn nobody_is_given_a_database_of_a_server_that_has_ended() {
    let arena = Arena::new();
    let mut one = arena.start("return");
    assert_eq!(one.line(), "came back");
    one.finish();
    arena.assert_nothing_remains();
}

#[test]
fn the_lease_of_a_server_that_has_ended_cannot_be_taken_while_its_files_are_there() {
    let arena = Arena::new();
    let mut one = arena.start("use");
    one.line();
    let home = arena.servers().remove(0);
    one.finish();
    let lease = home.join("lease");
    let inode = |path: &Path| fs::metadata(path).map(|found| found.ino()).ok();
    await_that("the server ends", || {
        let runs = home.join("data/postmaster.pid").exists();
        if runs { Err("it runs".to_owned()) } else { Ok(()) }
    });
    while let Ok(file) = File::open(&lease) {
        let taken = flock(&file, FlockOperation::NonBlockingLockShared).is_ok();
        // The lock on a file that is gone opens nothing.
        let is_there = inode(&lease) == Some(file.metadata().unwrap().ino());
        assert!(!(taken && is_there), "whoever takes it believes that the server runs");
    }
    arena.assert_nothing_remains();
}

#[test]
fn a_server_of_ones_own_is_another_server_and_gone_with_its_last_clone() {
    let arena = Arena::new();
    let (mut shared, mut own) = (arena.start("use"), arena.start("use own"));
    assert_ne!(shared.line(), own.line());
    assert_eq!(arena.servers().len(), 2);
    shared.finish();
    own.finish();
    arena.assert_nothing_remains();

    let mut holder = arena.start("let go");
    assert_eq!(holder.line(), "cloned");
    assert_eq!(arena.servers().len(), 1);
    holder.tell("let go");
    assert_eq!(holder.line(), "let go");
    arena.assert_nothing_remains();
    holder.finish();
}

#[test]
fn more_databases_than_were_made_ahead_can_be_had_at_once() {
    let arena = Arena::new();
    let mut many = arena.start("many");
    assert_eq!(many.line(), "12");
    many.finish();
    arena.assert_nothing_remains();
}

#[test]
fn a_pool_connects_as_the_owner_and_nobody_without_the_password() {
    let arena = Arena::new();
    let mut pool = arena.start("pool");
    let version = pool.line();
    let major: u16 = version.split('.').next().unwrap().parse().unwrap();
    assert!((13..=18).contains(&major), "{version}");
    pool.finish();
    arena.assert_nothing_remains();
}

#[test]
fn a_pool_and_a_connection_keep_the_database_that_they_came_from() {
    let arena = Arena::new();
    let mut user = arena.start("hand on");
    for answer in ["1", "2", "1", "2"] {
        assert_eq!(user.line(), answer);
    }
    user.finish();
    arena.assert_nothing_remains();
}
