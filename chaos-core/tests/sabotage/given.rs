//! On a server that the user runs, as a user who is no superuser, and after a kill.

use chaos_core::Error;
use chaos_core::fault::SessionFault;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use chaos_core::sabotage::SabotageError;

use crate::arena::{Arena, Player, Stage};
use crate::support::{state, with_accounts};

/// Plays the user who has a server, with a plain role on it and a superuser, and says how each of
/// them connects.
pub(crate) async fn lend(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let admin = pg.admin().await?;
    admin.batch_execute("CREATE ROLE plain LOGIN CREATEDB PASSWORD 'p'").await?;
    admin.batch_execute("CREATE ROLE super LOGIN SUPERUSER PASSWORD 'p'").await?;
    let url = pg.direct_url();
    let (_, address) = url.split_once('@').ok_or("the URL names a server")?;
    let (address, _) = address.split_once('/').ok_or("the URL names a database")?;
    for role in ["plain", "super"] {
        stage.say(format!("postgresql://{role}:p@{address}/postgres"));
    }
    stage.hear();
    Ok(())
}

async fn refusal(pg: &Postgres, fault: impl Into<SessionFault>) -> (SabotageError, String) {
    match pg.sabotage(fault.into()).await {
        Err(Error::Sabotage(error)) => {
            let text = chaos_core::error::with_sources(&error);
            (error, text)
        }
        other => panic!("{other:?}"),
    }
}

/// What a plain user can do, and what it is told of the rest.
pub(crate) async fn plain(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    client.batch_execute("SET lock_timeout = '100ms'").await?;

    let locked = pg.sabotage(lock_table("accounts")).await?;
    assert_eq!(state(client.query("TABLE accounts", &[]).await), "55P03");
    locked.clear().await?;
    let failing = pg.sabotage(sql_error("accounts", SqlState::DISK_FULL)).await?;
    assert_eq!(state(client.execute("DELETE FROM accounts", &[]).await), "53100");
    failing.clear().await?;
    let slow = pg.sabotage(statement_timeout(50.ms())).await?;
    let late = pg.connect().await?;
    assert_eq!(state(late.query("SELECT pg_sleep(60)", &[]).await), "57014");
    slow.clear().await?;
    let conflict = serialization_failure("accounts", "id = 1").may_be_idle();
    pg.sabotage(conflict).await?.clear().await?;
    let closed = pg.sabotage(close_database()).await?;
    assert_eq!(state(pg.config().connect(tokio_postgres::NoTls).await.map(drop)), "55000");
    closed.clear().await?;
    let ended = pg.sabotage(terminate_sessions()).await?;
    assert_eq!(ended.hits(), 2);
    ended.clear().await?;

    let remedy = "name a superuser in CHAOS_POSTGRES_URL";
    let (error, text) = refusal(&pg, deadlock("accounts", "id = 1")).await;
    assert!(matches!(error, SabotageError::NotPermitted { .. }), "{error:?}");
    assert!(text.contains("needs a superuser, because `deadlock_timeout`"), "{text}");
    assert!(text.contains(remedy), "{text}");
    let (error, text) = refusal(&pg, setting("temp_file_limit", "0")).await;
    assert!(matches!(error, SabotageError::NotPermitted { .. }), "{error:?}");
    assert!(text.contains("needs the right to set temp_file_limit to 0") && text.contains(remedy));
    for fault in [SessionFault::from(role_connection_limit(0)), exhaust_connections().into()] {
        let (error, text) = refusal(&pg, fault).await;
        assert!(matches!(error, SabotageError::SharedServer { .. }), "{error:?}");
        assert!(text.contains("cx.postgres_server()"), "{text}");
    }
    stage.say("done");
    Ok(())
}

/// What means nothing to an application that is a superuser.
pub(crate) async fn superuser(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    for fault in [SessionFault::from(database_connection_limit(0)), revoke_connect().into()] {
        let (error, text) = refusal(&pg, fault).await;
        assert!(matches!(error, SabotageError::NoTarget { .. }), "{error:?}");
        assert!(text.contains("the application is a superuser by CHAOS_POSTGRES_URL"), "{text}");
    }
    stage.say("done");
    Ok(())
}

/// Has faults of all kinds in effect, and is killed.
pub(crate) async fn doomed(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let _client = with_accounts(&pg).await?;
    let trap = pg.sabotage(slow_writes("accounts", 1.secs())).await?;
    let setting = pg.sabotage(statement_timeout(1.ms())).await?;
    let locked = pg.sabotage(lock_table("accounts")).await?;
    let barred = pg.sabotage(forbid_login()).await?;
    let closed = pg.sabotage(close_database()).await?;
    stage.say(pg.database());
    stage.hear();
    drop((trap, setting, locked, barred, closed));
    Ok(())
}

/// Uses the server beside it, and afterwards.
pub(crate) async fn survivor(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    let client = with_accounts(&pg).await?;
    let doomed = stage.hear().ok_or("somebody is doomed")?;
    let there = "SELECT count(*) FROM pg_database WHERE datname = $1";
    while client.query_one(there, &[&doomed]).await?.get::<_, i64>(0) > 0 {
        tokio::time::sleep(2.ms()).await;
    }
    let roles = "SELECT count(*) FROM pg_roles WHERE rolname = $1";
    while client.query_one(roles, &[&doomed]).await?.get::<_, i64>(0) > 0 {
        tokio::time::sleep(2.ms()).await;
    }
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'chaos: sab%'";
    assert_eq!(pg.admin().await?.query_one(left, &[]).await?.get::<_, i64>(0), 0);
    assert_eq!(pg.connect().await?.execute("DELETE FROM accounts", &[]).await?, 3);
    stage.say("done");
    Ok(())
}

fn borrow(arena: &Arena, role: &str, url: &str) -> Player {
    let mut command = arena.command(role);
    command.env("CHAOS_POSTGRES_URL", url);
    Player::of(command)
}

#[test]
fn users_of_a_given_server_are_told_what_they_lack() {
    let home = Arena::new();
    let mut lender = home.start("lend");
    let (plain, superuser) = (lender.line(), lender.line());
    for (role, url) in [("plain", plain), ("superuser", superuser)] {
        let arena = Arena::new();
        let mut player = borrow(&arena, role, &url);
        assert_eq!(player.line(), "done");
        player.finish();
        arena.assert_nothing_remains();
    }
    lender.finish();
    home.assert_nothing_remains();
}

#[test]
fn a_kill_in_the_midst_of_faults_leaves_nothing_to_others() {
    let arena = Arena::new();
    let (mut doomed, mut survivor) = (arena.start("doomed"), arena.start("survivor"));
    let database = doomed.line();
    doomed.kill();
    survivor.tell(&database);
    assert_eq!(survivor.line(), "done");
    survivor.finish();
    arena.assert_nothing_remains();
}
