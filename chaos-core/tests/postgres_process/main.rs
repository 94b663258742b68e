//! Servers of a test's own, whose processes are killed, stopped, started and paused.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
mod damage;
mod durability;
mod dying;
mod faults;
mod lifecycle;
mod pausing;
mod settings;
mod shortage;

use arena::{Arena, LIMIT, enter};

#[test]
fn entry() {
    enter(async |role, stage| {
        let (module, role) = role.split_once(' ').unwrap();
        let playing = async {
            match module {
                "damage" => damage::play(role, &stage).await,
                "faults" => faults::play(role, &stage).await,
                "shortage" => shortage::play(role, &stage).await,
                "durability" => durability::play(role, &stage).await,
                "dying" => dying::play(role, &stage).await,
                "lifecycle" => lifecycle::play(role, &stage).await,
                "pausing" => pausing::play(role, &stage).await,
                "settings" => settings::play(role, &stage).await,
                other => panic!("unknown module {other}"),
            }
        };
        tokio::time::timeout(LIMIT, playing).await?
    });
}

/// Plays a role to its end; then nothing of it is left.
fn play(role: &str) {
    let arena = Arena::new();
    arena.start(role).finish();
    arena.assert_nothing_remains();
}
