//! A server that the user runs, which gets back everything as it was.

#![cfg(target_os = "linux")]

#[path = "support/arena.rs"]
mod arena;

use arena::{Arena, Player, Stage, await_that, enter, kill_supervisor};
use chaos_core::TestResult;

#[test]
fn entry() {
    enter(async |role, stage| match role.as_str() {
        "lend" => lend(&stage).await,
        "borrow" => borrow(&stage).await,
        "own" => {
            let pg = stage.cx.postgres_server().await?;
            stage.say(pg.direct_url());
            stage.hear();
            Ok(())
        }
        other => panic!("unknown role {other}"),
    });
}

/// Plays the user: has a server with a database in it that looks like one of ours, and lists what
/// there is when it is asked.
async fn lend(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let admin = pg.admin().await?;
    admin.batch_execute(&format!("ALTER ROLE {} CREATEDB", pg.database())).await?;
    admin.batch_execute("CREATE DATABASE chaos_precious").await?;
    stage.say(pg.direct_url());
    while stage.hear().is_some() {
        let databases = "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database";
        stage.say(admin.query_one(databases, &[]).await?.get::<_, String>(0));
    }
    Ok(())
}

async fn borrow(stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres().await?;
    pg.connect().await?.batch_execute("CREATE TABLE mine ()").await?;
    pg.admin().await?.batch_execute("DROP TABLE mine").await?;
    stage.say(pg.database());
    stage.hear();
    Ok(())
}

struct Lender {
    arena: Arena,
    player: Player,
    url: String,
    at_first: String,
}

impl Lender {
    fn new() -> Self {
        let arena = Arena::new();
        let mut player = arena.start("lend");
        let url = player.line();
        let mut lender = Self { arena, player, url, at_first: String::new() };
        lender.at_first = lender.databases();
        assert!(lender.at_first.contains("chaos_precious"));
        lender
    }

    fn databases(&mut self) -> String {
        self.player.tell("list");
        self.player.line()
    }

    fn finish(mut self) {
        assert_eq!(self.databases(), self.at_first, "everything is as it was");
        self.player.finish();
        self.arena.assert_nothing_remains();
    }
}

fn borrower(arena: &Arena, url: &str) -> Player {
    let mut command = arena.command("borrow");
    // What is given is used, and nothing is looked for.
    command.env("CHAOS_POSTGRES_URL", url).env("PATH", "/nowhere");
    Player::of(command)
}

#[test]
fn databases_are_made_on_the_given_server_and_nothing_else_is_touched() {
    let mut lender = Lender::new();
    let arena = Arena::new();
    let (mut one, mut two) = (borrower(&arena, &lender.url), borrower(&arena, &lender.url));
    let (first, second) = (one.line(), two.line());
    assert_ne!(first, second);
    assert!(lender.databases().contains(&first) && lender.databases().contains(&second));
    one.finish();
    two.finish();
    arena.assert_nothing_remains();
    lender.finish();
}

#[test]
fn a_given_server_can_be_reached_by_its_unix_socket() {
    let lender = Lender::new();
    let arena = Arena::new();
    let (start, end) = lender.url.split_once('@').unwrap();
    let (address, rest) = end.split_once('/').unwrap();
    let (database, _) = rest.split_once('?').unwrap();
    let port = address.rsplit(':').next().unwrap();
    let directory = lender.arena.servers().remove(0).join("s");
    let url = format!("{start}@/{database}?host={}&port={port}", directory.display());
    let mut one = borrower(&arena, &url);
    one.line();
    one.finish();
    arena.assert_nothing_remains();
    lender.finish();
}

#[test]
fn databases_of_killed_processes_are_dropped_from_the_given_server() {
    let mut lender = Lender::new();
    let arena = Arena::new();
    let mut one = borrower(&arena, &lender.url);
    let name = one.line();
    one.kill();
    arena.assert_nothing_remains();

    let mut one = borrower(&arena, &lender.url);
    one.line();
    kill_supervisor(arena.supervisor());
    one.kill();
    assert_ne!(lender.databases(), lender.at_first, "nobody is there to drop them");
    let mut two = borrower(&arena, &lender.url);
    assert_ne!(two.line(), name);
    two.finish();
    arena.assert_nothing_remains();
    lender.finish();
}

#[test]
fn a_user_that_may_not_create_databases_is_told_so() {
    let arena = Arena::new();
    // The owner of one of our databases is no administrator.
    let mut owner = arena.start("own");
    let elsewhere = Arena::new();
    let mut one = borrower(&elsewhere, &owner.line());
    let said = one.line();
    assert!(said.contains("CHAOS_POSTGRES_URL leads to a server"), "{said}");
    assert!(said.contains("permission denied to create database"), "{said}");
    elsewhere.assert_nothing_remains();
    owner.finish();
    arena.assert_nothing_remains();
}

#[test]
fn a_given_server_that_goes_away_is_no_reason_to_hang() {
    let lender = Lender::new();
    let arena = Arena::new();
    let mut one = borrower(&arena, &lender.url);
    let name = one.line();
    let Lender { arena: gone, player, .. } = lender;
    player.finish();
    gone.assert_nothing_remains();
    one.finish();
    // The supervisor ends too, and remembers what it could not drop.
    await_that("only the memory of the databases is left", || {
        let remains = arena.remains();
        let files = remains.iter().all(|remnant| !remnant.starts_with("/proc"));
        if files { Ok(()) } else { Err(remains.join("\n")) }
    });
    assert!(arena.servers().remove(0).join("taken").join(name).exists());
}
