//! What a killed server has acknowledged is there afterwards, and what it has refused is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use chaos_core::TestResult;
use chaos_core::error::TestError;
use chaos_core::fault::crash_at;
use chaos_core::outcome::Outcome;
use chaos_core::postgres::{Part, Postgres};
use chaos_core::scope::Scope;
use chaos_core::seed::Seed;
use chaos_core::trigger::message::{Moment, commit, commit_complete, query};
use tokio_postgres::Client as Session;

use super::arena::Stage;
use super::play as play_role;

/// How often the server is killed.
const KILLS: u64 = 40;

/// The first ones come while a commit is certainly under way; of the others chance decides.
const CERTAIN: u64 = 4;

const CLIENTS: usize = 4;

/// Keeps the commit of a payment with a negative number from ending.
const ENDLESS: &str = "CREATE FUNCTION park() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN PERFORM pg_sleep(3600); RETURN NULL; END $$; \
     CREATE CONSTRAINT TRIGGER park AFTER INSERT ON paid DEFERRABLE INITIALLY DEFERRED \
     FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION park()";

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    let tables = "CREATE TABLE paid (id bigint PRIMARY KEY, \
                  number bigint GENERATED ALWAYS AS IDENTITY UNIQUE); \
                  CREATE TABLE receipt (id bigint PRIMARY KEY, number bigserial)";
    pg.connect().await?.batch_execute(tables).await?;
    match role {
        "kills" => kills(&pg).await,
        "before" => before(&pg).await,
        "during" => during(&pg).await,
        "flushed" => flushed(&pg).await,
        "after" => after(&pg).await,
        "messages" => messages(&pg, stage.cx.scope()).await,
        other => panic!("unknown role {other}"),
    }
}

/// One payment: two rows that belong together.
async fn pay(pool: &deadpool_postgres::Pool, id: i64) -> Result<(), TestError> {
    pay_on(&mut *pool.get().await?, id).await
}

async fn pay_on(client: &mut Session, id: i64) -> Result<(), TestError> {
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO paid (id) VALUES ($1)", &[&id]).await?;
    transaction.execute("INSERT INTO receipt (id) VALUES ($1)", &[&id]).await?;
    Ok(transaction.commit().await?)
}

async fn kills(pg: &Postgres) -> TestResult {
    let seed = Seed::random();
    println!("seed {seed}");
    let server = pg.server()?;
    pg.connect().await?.batch_execute(ENDLESS).await?;
    let pool = pg.pool(CLIENTS)?;
    let (next, over) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicBool::new(false)));
    let client = || {
        let (pool, next, over) = (pool.clone(), Arc::clone(&next), Arc::clone(&over));
        tokio::spawn(async move {
            let mut outcomes = BTreeMap::new();
            while !over.load(Ordering::Relaxed) {
                let id = next.fetch_add(1, Ordering::Relaxed);
                let paid = pay(&pool, id).await;
                let outcome = paid.map_or_else(|e| Outcome::of_error(&*e), |()| Outcome::Ok);
                outcomes.insert(id, outcome);
                if outcome != Outcome::Ok {
                    // While the server is down a client would otherwise only keep it from its work.
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
            outcomes
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(|_| client()).collect();
    let mut draws = seed.draws();
    let mut outcomes = BTreeMap::new();
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(10 + draws.below(60))).await;
        let mut under_way = None;
        if kill < CERTAIN {
            let (id, mut session) = (-1 - i64::try_from(kill)?, pg.connect().await?);
            let paying = tokio::spawn(async move { pay_on(&mut session, id).await });
            await_session(pg, "query = 'COMMIT' AND wait_event = 'PgSleep'").await?;
            under_way = Some((id, paying));
        }
        // One of the three ways in which a server dies without a word.
        match kill % 4 {
            0 | 1 => server.crash().await?,
            2 => server.kill(Part::Postmaster).await?,
            _ => server.kill(Part::WalWriter).await?,
        }
        let ready = if kill % 4 == 3 { server.ready().await? } else { server.start().await? };
        assert!(ready.recovered, "kill {kill}: {ready:?}");
        if let Some((id, paying)) = under_way {
            let error = paying.await?.unwrap_err();
            assert_eq!(Outcome::of_error(&*error), Outcome::Unknown, "kill {kill}: {error:?}");
            assert!(!has(pg, id).await?, "kill {kill} let the commit end");
            outcomes.insert(id, Outcome::Unknown);
        }
    }
    over.store(true, Ordering::Relaxed);
    for client in clients {
        outcomes.extend(client.await?);
    }
    judge(&pg.connect().await?, &outcomes).await
}

async fn judge(client: &Session, outcomes: &BTreeMap<i64, Outcome>) -> TestResult {
    let ids = async |table: &str| -> TestResult<Vec<i64>> {
        let rows = client.query(&format!("SELECT id FROM {table} ORDER BY id"), &[]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    let (paid, receipts) = (ids("paid").await?, ids("receipt").await?);
    assert_eq!(paid, receipts, "half a payment");
    let count = |wanted| outcomes.values().filter(|outcome| **outcome == wanted).count();
    for (id, outcome) in outcomes {
        let is_there = paid.binary_search(id).is_ok();
        match outcome {
            Outcome::Ok => assert!(is_there, "the acknowledged payment {id} is lost"),
            Outcome::Failed => assert!(!is_there, "the payment {id} failed and was made"),
            Outcome::Unknown => {}
        }
    }
    // Enough happened for this to mean something.
    assert!(count(Outcome::Ok) >= 40, "{} succeeded", count(Outcome::Ok));
    assert!(count(Outcome::Unknown) as u64 >= CERTAIN, "{} unknown", count(Outcome::Unknown));
    // No number is given out twice: neither those of before the kills, nor a new one.
    let twice = "SELECT count(*) - count(DISTINCT number) FROM receipt";
    assert_eq!(client.query_one(twice, &[]).await?.get::<_, i64>(0), 0);
    let fresh = "SELECT nextval('receipt_number_seq') > max(number) FROM receipt";
    assert!(client.query_one(fresh, &[]).await?.get::<_, bool>(0));
    let fresh = "SELECT nextval(pg_get_serial_sequence('paid', 'number')) > max(number) FROM paid";
    assert!(client.query_one(fresh, &[]).await?.get::<_, bool>(0));
    Ok(())
}

async fn has(pg: &Postgres, id: i64) -> TestResult<bool> {
    let found = pg.connect().await?.query("SELECT FROM paid WHERE id = $1", &[&id]).await?;
    Ok(!found.is_empty())
}

async fn before(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    let mut client = pg.connect().await?;
    let transaction = client.transaction().await?;
    transaction.execute("INSERT INTO paid (id) VALUES (1)", &[]).await?;
    server.crash().await?;
    assert!(transaction.commit().await.is_err());
    server.start().await?;
    assert!(!has(pg, 1).await?);
    Ok(())
}

/// The commit has arrived, and nothing of it is written down.
async fn during(pg: &Postgres) -> TestResult {
    let (server, holder) = (pg.server()?, pg.connect().await?);
    let park = "CREATE FUNCTION park() RETURNS trigger LANGUAGE plpgsql AS \
                $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$; \
                CREATE CONSTRAINT TRIGGER park AFTER INSERT ON paid DEFERRABLE INITIALLY DEFERRED \
                FOR EACH ROW EXECUTE FUNCTION park(); SELECT pg_advisory_lock(1)";
    holder.batch_execute(park).await?;
    let client = pg.connect().await?;
    let commit = tokio::spawn(async move {
        client.batch_execute("BEGIN; INSERT INTO paid (id) VALUES (1)").await?;
        client.batch_execute("COMMIT").await
    });
    await_session(pg, "query = 'COMMIT' AND wait_event = 'advisory'").await?;
    server.crash().await?;
    let error = commit.await?.unwrap_err();
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown, "{error:?}");
    server.start().await?;
    assert!(!has(pg, 1).await?);
    Ok(())
}

/// The commit is written down, and its client has not been told.
async fn flushed(pg: &Postgres) -> TestResult {
    let (server, admin) = (pg.server()?, pg.admin().await?);
    admin.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'").await?;
    admin.query_one("SELECT pg_reload_conf()", &[]).await?;
    let client = pg.connect().await?;
    // The checkpointer tells the others of the standby when it has read the configuration, and nobody
    // can ask whether it has. What is paid until then is paid at once.
    let last = Arc::new(AtomicI64::new(0));
    let (pay, paid) = ("INSERT INTO paid (id) VALUES ($1)", Arc::clone(&last));
    let commit = tokio::spawn(async move {
        for id in 1.. {
            paid.store(id, Ordering::Relaxed);
            client.execute(pay, &[&id]).await?;
        }
        Ok(())
    });
    await_session(pg, "wait_event = 'SyncRep'").await?;
    server.crash().await?;
    let error: tokio_postgres::Error = commit.await?.unwrap_err();
    assert_eq!(Outcome::of_error(&error), Outcome::Unknown, "{error:?}");
    server.start().await?;
    assert!(has(pg, last.load(Ordering::Relaxed)).await?);
    Ok(())
}

async fn after(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    for id in 1..=10 {
        pg.connect().await?.execute("INSERT INTO paid (id) VALUES ($1)", &[&id]).await?;
        server.crash().await?;
        server.start().await?;
        assert!(has(pg, id).await?, "the acknowledged payment {id} is lost");
    }
    Ok(())
}

/// Killed at a message, over and over: what is there afterwards follows from the message.
async fn messages(pg: &Postgres, scope: &Scope) -> TestResult {
    let moments: [(Moment, Outcome, bool); 4] = [
        (commit().into(), Outcome::Unknown, false),
        (commit().torn(), Outcome::Unknown, false),
        (commit_complete().into(), Outcome::Unknown, true),
        // The driver waits until the server says that it is ready, too.
        (commit_complete().after(), Outcome::Unknown, true),
    ];
    let mut id = 0;
    for _ in 0..3 {
        for (moment, expected, is_there) in &moments {
            id += 1;
            let pool = pg.pool(1)?;
            // Opened before, so that nothing but the payment passes.
            drop(pool.get().await?);
            let killed = pg.sabotage(crash_at(moment.clone())).await?;
            let paid = pay(&pool, id).await;
            let outcome = paid.as_ref().map_or_else(|e| Outcome::of_error(&**e), |()| Outcome::Ok);
            assert_eq!(outcome, *expected, "{moment}: {paid:?}");
            while killed.hits() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            killed.clear().await?;
            assert_eq!(has(pg, id).await?, *is_there, "{moment}");
        }
    }
    // Nobody sends it: nothing happens, and that is told.
    let idle = pg.sabotage(crash_at(query("TRUNCATE"))).await?;
    pg.connect().await?.batch_execute("SELECT 1").await?;
    idle.clear().await?;
    assert!(pg.server()?.log()?.matches("redo starts").count() <= 13);
    let faults = scope.faults();
    let faults: Vec<_> = faults.iter().filter_map(|fault| fault.vacuity()).collect();
    assert!(faults.last().is_some_and(|vacuity| vacuity.contains("no such message passed")));
    assert_eq!(faults.len(), 1, "{faults:?}");
    Ok(())
}

async fn await_session(pg: &Postgres, state: &str) -> TestResult {
    let admin = pg.admin().await?;
    let query = format!("SELECT FROM pg_stat_activity WHERE {state}");
    while admin.query(&query, &[]).await?.is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

#[test]
fn forty_kills_lose_nothing_that_was_acknowledged_and_keep_nothing_that_was_refused() {
    play_role("durability kills");
}

#[test]
fn what_was_not_committed_when_the_server_was_killed_is_gone() {
    play_role("durability before");
}

#[test]
fn a_commit_that_was_under_way_and_not_written_down_is_unknown_and_gone() {
    play_role("durability during");
}

#[test]
fn a_commit_that_was_written_down_and_not_acknowledged_is_unknown_and_there() {
    play_role("durability flushed");
}

#[test]
fn a_server_that_is_killed_at_a_message_knows_what_it_knew_by_then() {
    play_role("durability messages");
}

#[test]
fn a_kill_right_after_the_acknowledgement_loses_nothing() {
    play_role("durability after");
}
