//! The same as an ordinary user. Every other test runs as whoever runs the tests, which is root in
//! many containers.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use arena::{Arena, Player, enter};

#[test]
fn entry() {
    enter(async |role, stage| {
        let pg = match role.as_str() {
            "use" => stage.cx.postgres().await?,
            "use own" => stage.cx.postgres_server().await?,
            other => panic!("unknown role {other}"),
        };
        pg.connect().await?.batch_execute("CREATE TABLE mine ()").await?;
        pg.admin().await?.batch_execute("CHECKPOINT").await?;
        stage.say(pg.database());
        stage.hear();
        Ok(())
    });
}

/// Who runs the tests where root can choose.
const NOBODY: u32 = 65534;

fn player_of(arena: &Arena, cache: &Arena, program: &std::path::Path, role: &str) -> Player {
    let mut command = arena.command_of(program, role);
    command.env("CHAOS_CACHE_DIR", cache.path().join("cache")).env_remove("HOME").current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    Player::of(command)
}

#[test]
fn an_ordinary_user_needs_nothing_special() {
    // Root's own directories are closed to others.
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("program");
    // By a process of its own: a child that another test starts meanwhile would inherit the open file,
    // and what is open for writing cannot be executed.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());

    let (arena, cache) = (Arena::new(), Arena::new());
    let mut shared = player_of(&arena, &cache, &program, "use");
    let mut own = player_of(&arena, &cache, &program, "use own");
    shared.line();
    own.line();
    for home in arena.servers() {
        let base = home.parent().unwrap();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(base), 0o700, "nobody else may look");
        assert_eq!(
            (mode(&home), mode(&home.join("s")), mode(&home.join("state"))),
            (0o700, 0o700, 0o600)
        );
    }
    shared.finish();
    own.kill();
    arena.assert_nothing_remains();
}

#[test]
fn root_steps_down_and_keeps_the_secrets() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can step down");
        return;
    }
    let arena = Arena::new();
    let mut player = arena.start("use");
    player.line();
    let home = arena.servers().remove(0);
    let look = |name: &str| {
        let found = fs::metadata(home.join(name)).unwrap();
        (found.uid() == 0, found.mode() & 0o777)
    };
    assert_eq!(look("data"), (false, 0o700));
    assert_eq!(look("s"), (false, 0o700));
    assert_eq!(look("state"), (true, 0o600), "it holds the password");
    assert_eq!(look("spare"), (true, 0o700));
    let status = fs::read_to_string(home.join("data/postmaster.pid")).unwrap();
    let process = format!("/proc/{}", status.lines().next().unwrap());
    assert_ne!(fs::metadata(&process).unwrap().uid(), 0);
    let groups = fs::read_to_string(format!("{process}/status")).unwrap();
    let groups = groups.lines().find(|line| line.starts_with("Groups:")).unwrap().to_owned();
    assert!(groups.split_whitespace().all(|group| group != "0"), "{groups}");
    player.finish();
    arena.assert_nothing_remains();
}

#[test]
fn root_is_told_where_the_servers_user_cannot_go() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can step down");
        return;
    }
    let arena = Arena::new();
    let closed = arena.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = arena.command("use");
    command.env("CHAOS_PG_DIR", &closed);
    let said = Player::of(command).line();
    assert!(said.contains("which runs the server, cannot enter"), "{said}");
    assert!(said.contains("set CHAOS_PG_DIR"), "{said}");
    assert_eq!(fs::read_dir(&closed).unwrap().count(), 0, "nothing is left");
}
