//! Databases that stay for a person to look at: `CHAOS_KEEP=1`.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::process::Command;

use arena::{Arena, Player, Stage, enter};
use chaos_core::TestResult;
use chaos_core::postgres::{databases_left_by, keep_live_databases, release_databases};

#[test]
fn entry() {
    enter(async |role, stage| match role.as_str() {
        "pass" => use_then(&stage, release_databases).await,
        "fail" => use_then(&stage, || tell_what_is_kept(&stage)).await,
        "hang" => use_then(&stage, || stage.say("hangs")).await,
        "look" => look(&stage),
        other => panic!("unknown role {other}"),
    });
}

async fn use_then(stage: &Stage, end: impl FnOnce()) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let client = pg.connect().await?;
    client.batch_execute("CREATE TABLE evidence AS SELECT 42 AS answer").await?;
    // What a failing test leaves is let go before anyone knows that it failed.
    drop(pg);
    end();
    stage.hear();
    Ok(())
}

fn tell_what_is_kept(stage: &Stage) {
    for database in keep_live_databases() {
        stage.say(&database.url);
        stage.say(&database.dispose);
    }
}

fn look(stage: &Stage) -> TestResult {
    while let Some(process) = stage.hear() {
        let left = databases_left_by(process.parse()?)?;
        stage.say(left.len());
        for database in left {
            stage.say(&database.url);
            stage.say(&database.dispose);
        }
    }
    Ok(())
}

fn keeping(arena: &Arena, role: &str) -> Player {
    let mut command = arena.command(role);
    command.env("CHAOS_KEEP", "1");
    Player::of(command)
}

fn assert_evidence(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let row = client.query_one("SELECT answer FROM evidence", &[]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), 42);
    });
}

fn dispose(how: &str) {
    let status = Command::new("/bin/sh").args(["-c", how]).status().unwrap();
    assert!(status.success(), "{how}");
}

#[test]
fn the_database_of_a_failed_test_stays_until_it_is_disposed_of() {
    let arena = Arena::new();
    let mut failed = keeping(&arena, "fail");
    let (url, how) = (failed.line(), failed.line());
    failed.finish();
    assert_evidence(&url);
    // The server is used by others in the meantime, and outlives them too.
    let mut passed = arena.start("hang");
    passed.line();
    passed.finish();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_evidence(&url);
    dispose(&how);
    arena.assert_nothing_remains();
}

#[test]
fn the_database_of_a_killed_test_stays_and_can_be_found_by_the_process() {
    let arena = Arena::new();
    let mut hung = keeping(&arena, "hang");
    hung.line();
    let pid = hung.pid();
    hung.kill();
    let mut looker = arena.start("look");
    looker.tell(&pid.to_string());
    assert_eq!(looker.line(), "1");
    let (url, how) = (looker.line(), looker.line());
    assert_evidence(&url);
    looker.finish();
    dispose(&how);
    arena.assert_nothing_remains();
}

#[test]
fn nothing_is_kept_of_a_test_that_passed_or_where_nobody_asked() {
    let arena = Arena::new();
    let passed = keeping(&arena, "pass");
    passed.finish();
    arena.assert_nothing_remains();
    // Says nothing, because nothing is kept.
    arena.start("fail").finish();
    arena.assert_nothing_remains();
}
