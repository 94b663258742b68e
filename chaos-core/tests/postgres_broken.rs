//! What is said when PostgreSQL cannot be used, and damage that is repaired without a word.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use arena::{Arena, Player, Stage, enter, install_program, real_programs};
use chaos_core::TestResult;

#[test]
fn entry() {
    enter(async |role, stage| match role.as_str() {
        "use" => use_once(&stage).await,
        other => panic!("unknown role {other}"),
    });
}

async fn use_once(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    pg.connect().await?.batch_execute("CREATE TABLE mine ()").await?;
    stage.say("used");
    Ok(())
}

/// What a process says that wants a database, with these variables.
fn said(arena: &Arena, change: impl FnOnce(&mut Command)) -> String {
    let mut command = arena.command("use");
    change(&mut command);
    Player::of(command).line()
}

/// A directory of programs of our own making.
fn programs(arena: &Arena, version: &str, initdb: &str, postgres: &str) -> PathBuf {
    let directory = arena.path().join("programs");
    fs::create_dir(&directory).unwrap();
    install_program(&directory, "initdb", initdb);
    let answer = format!("[ \"$1\" = --version ] && echo '{version}' && exit\n{postgres}");
    install_program(&directory, "postgres", &answer);
    directory
}

fn said_of_programs(version: &str, initdb: &str, postgres: &str) -> String {
    let (arena, cache) = (Arena::new(), Arena::new());
    let directory = programs(&arena, version, initdb, postgres);
    let said = said(&arena, |command| {
        command.env("CHAOS_PG_BIN", &directory).env("CHAOS_CACHE_DIR", cache.path());
    });
    fs::remove_dir_all(directory).unwrap();
    arena.assert_nothing_remains();
    said
}

const VERSION: &str = "postgres (PostgreSQL) 15.18";

#[test]
fn a_program_that_is_no_postgres_is_quoted() {
    let said = said_of_programs("garbage", "exit 1", "exit 1");
    assert!(said.contains("printed \"garbage\", which is no version of PostgreSQL"), "{said}");
}

#[test]
fn a_version_that_cannot_be_used_is_named() {
    let said = said_of_programs("postgres (PostgreSQL) 9.6.24", "exit 1", "exit 1");
    assert!(said.contains("CHAOS_PG_BIN") && said.contains("9.6.24"), "{said}");
    assert!(said.contains("only 13 to 18 can be used"), "{said}");
}

#[test]
fn an_initdb_that_fails_is_quoted() {
    let said = said_of_programs(VERSION, "echo 'initdb: error: no room' >&2; exit 1", "exit 1");
    assert!(said.contains("no server is available"), "{said}");
    assert!(said.contains("initdb: error: no room"), "{said}");
    assert!(said.contains("exit status: 1"), "{said}");
}

#[test]
fn a_server_that_ends_at_once_is_quoted() {
    let initdb = "mkdir -p \"$2\" && touch \"$2/postgresql.conf\"; \
                  for a; do [ \"$p\" = -D ] && touch \"$a/postgresql.conf\"; p=$a; done";
    let postgres = "echo 'FATAL:  could not do it' >&2; exit 1";
    let said = said_of_programs(VERSION, initdb, postgres);
    assert!(said.contains("postgres ended (exit status: 1)"), "{said}");
    assert!(said.contains("FATAL:  could not do it"), "{said}");
}

#[test]
fn variables_that_make_no_sense_are_refused_with_what_to_write() {
    let arena = Arena::new();
    let with = |variable: &str, value: &str| {
        said(&arena, |command| {
            command.env(variable, value);
        })
    };
    let said = with("CHAOS_PG_BIN", "/nowhere");
    assert!(said.contains("does not hold the programs `initdb` and `postgres`"), "{said}");
    let said = with("CHAOS_PG_DIR", "relative");
    assert!(said.contains("CHAOS_PG_DIR is \"relative\"; write an absolute path"), "{said}");
    let said = with("CHAOS_PG_DIR", "/no/such/directory");
    assert!(said.contains("which is no directory"), "{said}");
    let said = with("CHAOS_KEEP", "yes");
    assert!(said.contains("CHAOS_KEEP is \"yes\"; write 1 or 0"), "{said}");
    let said = with("CHAOS_POSTGRES_URL", "postgresql://me:hunter2@192.0.2.1/db");
    assert!(said.contains("CHAOS_ALLOW_REMOTE=1") && !said.contains("hunter2"), "{said}");
    let said = with("CHAOS_POSTGRES_URL", "nonsense");
    assert!(said.contains("postgresql://user:password@127.0.0.1:5432/postgres"), "{said}");
    // Nothing listens on port 1.
    let said = with("CHAOS_POSTGRES_URL", "postgresql://me@127.0.0.1:1/db");
    assert!(said.contains("CHAOS_POSTGRES_URL leads to a server that cannot be used"), "{said}");
    assert!(said.contains("a connection to 127.0.0.1:1:") && said.contains("refused"), "{said}");
    let long = arena.path().join("long".repeat(30));
    fs::create_dir(&long).unwrap();
    let said = with("CHAOS_PG_DIR", long.to_str().unwrap());
    assert!(said.contains("set CHAOS_PG_DIR to a directory with a shorter path"), "{said}");
    fs::remove_dir(long).unwrap();
    arena.assert_nothing_remains();
}

#[test]
fn nothing_on_the_path_is_no_obstacle_where_a_usual_place_has_it_and_listed_otherwise() {
    let arena = Arena::new();
    let said = said(&arena, |command| {
        command.env("PATH", "/nowhere");
    });
    let elsewhere = real_programs().starts_with("/usr/lib/postgresql");
    assert!(said == "used" || !elsewhere && said.contains("looked at:"), "{said}");
    arena.assert_nothing_remains();
}

#[test]
fn a_program_that_never_leads_to_the_supervisor_is_told_so() {
    // This process itself is one: it has not said how it is started again.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let journal = chaos_core::journal::Journal::in_memory();
    let cx = chaos_core::Chaos::new(chaos_core::seed::Seed(1), journal);
    let error = runtime.block_on(cx.postgres_server()).unwrap_err();
    assert!(error.to_string().contains("supervise_if_asked"), "{error}");
}

/// The only cached cluster.
fn cached(cache: &Path) -> PathBuf {
    let entries = fs::read_dir(cache.join("clusters")).unwrap().flatten();
    let clusters: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    let [cluster] = clusters.as_slice() else { panic!("{clusters:?}") };
    cluster.clone()
}

fn files_in(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path());
    entries.map(|path| if path.is_dir() { files_in(&path) } else { 1 }).sum()
}

#[test]
fn a_damaged_cache_is_noticed_and_made_anew() {
    let (arena, cache) = (Arena::new(), Arena::new());
    let use_it = || {
        let said = said(&arena, |command| {
            command.env("CHAOS_CACHE_DIR", cache.path());
        });
        assert_eq!(said, "used");
        arena.assert_nothing_remains();
    };
    use_it();
    let cluster = cached(cache.path());
    let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let complete = files_in(&cluster);
    // The time of the manifest says when the cluster was used last.
    let (made, used) = (cluster.join("data/PG_VERSION"), cluster.join("manifest"));
    let (first_made, first_used) = (modified(&made), modified(&used));
    use_it();
    assert_eq!(modified(&made), first_made, "it is used as it is");
    assert!(modified(&used) > first_used, "and that is noted");

    type Damage = (&'static str, fn(&Path));
    let damages: [Damage; 5] = [
        // No server needs this one to start; planning would be worse for it.
        ("statistics are missing", |data| fs::remove_file(data.join("base/1/2619")).unwrap()),
        ("a file is missing", |data| fs::remove_file(data.join("PG_VERSION")).unwrap()),
        ("a file is short", |data| fs::write(data.join("global/pg_control"), "").unwrap()),
        ("a file has other content", |data| {
            let path = data.join("global/pg_control");
            let length = fs::metadata(&path).unwrap().len();
            fs::write(path, vec![1; usize::try_from(length).unwrap()]).unwrap();
        }),
        ("the manifest is torn", |data| fs::write(data.join("../manifest"), "{\"ext").unwrap()),
    ];
    for (damage, inflict) in damages {
        inflict(&cluster.join("data"));
        use_it();
        let manifest = fs::read_to_string(cluster.join("manifest")).unwrap();
        assert!(manifest.ends_with('}'), "after damage: {damage}");
        assert_eq!(cached(cache.path()), cluster, "after damage: {damage}");
        assert_eq!(files_in(&cluster), complete, "after damage: {damage}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_to_costs_time_and_nothing_else() {
    let arena = Arena::new();
    let said = said(&arena, |command| {
        command.env("CHAOS_CACHE_DIR", "/proc/none");
    });
    assert_eq!(said, "used");
    arena.assert_nothing_remains();
}
