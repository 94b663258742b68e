//! Nothing is left of a server, however its test dies and in whatever state the server is.

use chaos_core::TestResult;
use chaos_core::postgres::{Part, StopMode};

use super::arena::{Arena, Stage};

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let (server, client) = (pg.server()?, pg.connect().await?);
    match role {
        "paused" => server.pause(Part::Server).await?,
        "backend paused" => server.pause(server.backend_of(&client).await?).await?,
        "stopped" => server.stop(StopMode::Fast).await?,
        "crashed" => server.crash().await?,
        "orphaned" => {
            server.pause(server.backend_of(&client).await?).await?;
            server.kill(Part::Postmaster).await?;
        }
        "started" => {
            server.crash().await?;
            server.start().await?;
        }
        other => panic!("unknown role {other}"),
    }
    stage.say("done");
    stage.hear();
    Ok(())
}

/// Both when the test ends and when it is killed.
fn dies(role: &str) {
    let arena = Arena::new();
    for killed in [true, false] {
        let mut player = arena.start(&format!("dying {role}"));
        player.line();
        assert!(!arena.remains().is_empty());
        if killed {
            player.kill()
        } else {
            player.finish()
        }
        arena.assert_nothing_remains();
    }
}

#[test]
fn a_paused_server_dies_with_its_test() {
    dies("paused");
}

#[test]
fn a_server_with_a_paused_session_dies_with_its_test() {
    dies("backend paused");
}

#[test]
fn the_files_of_a_stopped_server_go_with_its_test() {
    dies("stopped");
}

#[test]
fn the_files_of_a_crashed_server_go_with_its_test() {
    dies("crashed");
}

#[test]
fn a_paused_session_without_a_postmaster_dies_with_its_test() {
    dies("orphaned");
}

#[test]
fn a_server_that_was_started_again_dies_with_its_test() {
    dies("started");
}
