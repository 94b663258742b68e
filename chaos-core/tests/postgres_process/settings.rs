//! Servers with settings of their own.

use chaos_core::TestResult;
use chaos_core::postgres::ServerOptions;

use super::arena::{Arena, Stage};
use super::play as play_role;

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    match role {
        "good" => good(stage).await,
        "bad" => bad(stage).await,
        other => panic!("unknown role {other}"),
    }
}

async fn good(stage: &Stage) -> TestResult {
    let options = ServerOptions::new()
        .setting("max_connections", 17)
        .setting("app.greeting", r"it's C:\temp")
        .checksums(false);
    let pg = stage.cx.postgres_server_with(options).await?;
    let client = pg.connect().await?;
    let show = async |name: &str| -> TestResult<String> {
        Ok(client.query_one(&format!("SHOW {name}"), &[]).await?.get(0))
    };
    assert_eq!(show("max_connections").await?, "17");
    assert_eq!(show("app.greeting").await?, r"it's C:\temp");
    assert_eq!(show("data_checksums").await?, "off");
    // They hold after a restart, and another server has none of them.
    pg.server()?.restart(chaos_core::postgres::StopMode::Fast).await?;
    let client = pg.connect().await?;
    let set: String = client.query_one("SHOW max_connections", &[]).await?.get(0);
    let other = stage.cx.postgres_server().await?.connect().await?;
    let unset: String = other.query_one("SHOW max_connections", &[]).await?.get(0);
    let checksums: String = other.query_one("SHOW data_checksums", &[]).await?.get(0);
    assert_eq!((set.as_str(), checksums.as_str()), ("17", "on"));
    assert_ne!(unset, "17");
    Ok(())
}

async fn bad(stage: &Stage) -> TestResult {
    let refused = async |options: ServerOptions| {
        stage.cx.postgres_server_with(options).await.unwrap_err().to_string()
    };
    let unknown = refused(ServerOptions::new().setting("max_conections", 17)).await;
    let words = "unrecognized configuration parameter \"max_conections\"";
    assert!(unknown.contains(words), "{unknown}");
    let value = refused(ServerOptions::new().setting("max_connections", "many")).await;
    let words = "invalid value for parameter \"max_connections\": \"many\"";
    assert!(value.contains(words), "{value}");
    let ours = refused(ServerOptions::new().setting("port", 5432)).await;
    assert!(ours.contains("`port` is how the library finds the server"), "{ours}");
    Ok(())
}

#[test]
fn settings_hold_for_one_server_and_over_its_restart() {
    play_role("settings good");
}

#[test]
fn a_bad_setting_is_refused_in_the_words_of_the_server() {
    let arena = Arena::new();
    arena.start("settings bad").finish();
    arena.assert_nothing_remains();
}
