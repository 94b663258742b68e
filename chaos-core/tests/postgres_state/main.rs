//! The state of a database: damage, content, schema, migrations and isolation.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
mod audit;
mod isolation;
mod migration;
mod promises;
mod rich;
mod schema;

use arena::{Arena, Stage, enter};
use chaos_core::TestResult;

#[test]
fn entry() {
    enter(async |role, stage| match role.split_once(' ') {
        Some(("audit", role)) => audit::play(role, &stage).await,
        Some(("isolation", role)) => isolation::play(role, &stage).await,
        Some(("migration", role)) => migration::play(role, &stage).await,
        Some(("promises", role)) => promises::play(role, &stage).await,
        Some(("schema", role)) => schema::play(role, &stage).await,
        _ => panic!("unknown role {role}"),
    });
}

/// Plays a role in a process of its own, and fails when that does.
fn act(role: &str) {
    let arena = Arena::new();
    let mut player = arena.start(role);
    let said = player.line();
    assert_eq!(said, "done", "{}", said.replace("\\n", "\n"));
    player.finish();
    arena.assert_nothing_remains();
}

/// What a role says at its end.
fn done(stage: &Stage) -> TestResult {
    stage.say("done");
    Ok(())
}
