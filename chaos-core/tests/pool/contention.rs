//! A load that is raised until clients really meet: at rows of a table, and at the door of a pool.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chaos_core::contention::ContentionError;
use chaos_core::postgres::Postgres;
use chaos_core::prelude::*;
use chaos_core::sizing::Sizing;
use deadpool_postgres::{Pool, PoolError, TimeoutType, Timeouts};
use tokio_postgres::Client as Session;

use crate::arena::LIMIT;

/// How many rows there are to meet at.
const ROWS: i32 = 4;

/// A table of rows that transactions take, and a pool with a connection for each client of a step.
async fn ready(cx: &Chaos) -> TestResult<(Postgres, Pool)> {
    let pg = cx.postgres().await?;
    let pool = pg.pool(16)?;
    let table = format!(
        "CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL); \
         INSERT INTO stock SELECT i, 0 FROM generate_series(1, {ROWS}) i"
    );
    pool.get().await?.batch_execute(&table).await?;
    Ok((pg, pool))
}

/// Loads as they are stated, whatever this machine is.
fn exact(cx: Chaos) -> Chaos {
    cx.with_sizing(Sizing::EXACT)
}

/// Of the sessions that do something at a moment, how many wait for a lock.
async fn waiting(admin: &Session) -> TestResult<(usize, usize)> {
    let sessions = "SELECT count(*) FILTER (WHERE wait_event_type = 'Lock'), count(*) \
                    FROM pg_stat_activity WHERE datname = current_database() \
                    AND usename = current_database() AND state = 'active'";
    let row = admin.query_one(sessions, &[]).await?;
    let [waiting, all] = [row.get::<_, i64>(0), row.get(1)].map(usize::try_from);
    Ok((waiting?, all?))
}

pub(crate) async fn clients_are_added_until_they_wait_for_the_locks_of_rows(
    cx: Chaos,
) -> TestResult {
    let cx = exact(cx);
    let (pg, pool) = ready(&cx).await?;
    let admin = pg.admin().await?;
    let take = async |_| -> TestResult {
        let mut client = pool.get().await?;
        let transaction = client.transaction().await?;
        transaction.execute("UPDATE stock SET n = n + 1 WHERE id = 1", &[]).await?;
        transaction.execute("SELECT pg_sleep(0.005)", &[]).await?;
        Ok(transaction.commit().await?)
    };
    let mut tried = Vec::new();
    let step = async |clients| {
        tried.push(clients);
        let is_over = AtomicBool::new(false);
        let run = async {
            let run = cx.run(Schedule::new().calm(300.ms()), clients, &take).await;
            is_over.store(true, Ordering::Relaxed);
            run
        };
        let observe = async {
            let mut seen = (0, 0);
            while !is_over.load(Ordering::Relaxed) {
                let (waiting, all) = waiting(&admin).await?;
                seen = (seen.0 + waiting, seen.1 + all);
                tokio::time::sleep(5.ms()).await;
            }
            TestResult::Ok(seen)
        };
        let (run, seen) = futures::join!(run, observe);
        assert_eq!(run?.count(Outcome::Failed), 0);
        let (waiting, all) = seen?;
        Ok(Observed::of(waiting, all))
    };
    // One client meets nobody, so the load has to be raised.
    let crowd = cx.contention(30.percent()).from(1).up_to(16).until(step).await?;
    assert!(crowd.steps >= 2 && crowd.clients >= 2, "{crowd:?}");
    assert!(crowd.observed >= 0.3, "{crowd:?}");
    assert_eq!(tried.first(), Some(&1));
    assert_eq!(tried.last(), Some(&crowd.clients));
    Ok(())
}

/// Takes a row without waiting for it, and says whether somebody else had it.
async fn conflicts(pool: &Pool, row: i32) -> TestResult<bool> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let taken = "SELECT n FROM stock WHERE id = $1 FOR UPDATE NOWAIT";
    match transaction.query_one(taken, &[&row]).await {
        Ok(_) => transaction.execute("SELECT pg_sleep(0.005)", &[]).await?,
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            transaction.rollback().await?;
            return Ok(true);
        }
        Err(error) => return Err(error.into()),
    };
    transaction.commit().await?;
    Ok(false)
}

pub(crate) async fn clients_are_added_until_they_are_refused_rows(cx: Chaos) -> TestResult {
    let cx = exact(cx);
    let (_pg, pool) = ready(&cx).await?;
    let step = async |clients| {
        let refused = AtomicUsize::new(0);
        let take = async |client: Client| -> TestResult {
            let is_refused = conflicts(&pool, client.pick(1..=ROWS)).await?;
            refused.fetch_add(usize::from(is_refused), Ordering::Relaxed);
            Ok(())
        };
        let run = cx.run(Schedule::new().calm(300.ms()), clients, take).await?;
        assert_eq!(run.count(Outcome::Ok), run.operations().len());
        Ok(Observed::of(refused.into_inner(), run.operations().len()))
    };
    let crowd = cx.contention(10.percent()).from(1).up_to(16).until(step).await?;
    assert!(crowd.steps >= 2 && crowd.observed >= 0.1, "{crowd:?}");
    Ok(())
}

pub(crate) async fn clients_that_have_a_row_each_never_meet(cx: Chaos) -> TestResult {
    let cx = exact(cx);
    let (_pg, pool) = ready(&cx).await?;
    let mut tried = Vec::new();
    let step = async |clients| {
        tried.push(clients);
        let refused = AtomicUsize::new(0);
        let take = async |client: Client| -> TestResult {
            let row = 1 + i32::try_from(client.id())?;
            refused.fetch_add(usize::from(conflicts(&pool, row).await?), Ordering::Relaxed);
            Ok(())
        };
        let run = cx.run(Schedule::new().calm(100.ms()), clients, take).await?;
        assert!(run.count(Outcome::Ok) > 0);
        Ok(Observed::of(refused.into_inner(), run.operations().len()))
    };
    let most = u32::try_from(ROWS)?;
    let error = cx.contention(1.percent()).from(1).up_to(most).until(step).await.unwrap_err();
    assert_eq!(tried, [1, 2, 4]);
    let ContentionError::OutOfReach { most, clients: 4, steps: 3, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(most, 0.0);
    Ok(())
}

pub(crate) async fn clients_are_added_until_they_wait_for_the_pool(cx: Chaos) -> TestResult {
    let cx = exact(cx);
    let pg = cx.postgres().await?;
    let pool = pg.pool(4)?;
    let at_once = Timeouts { wait: Some(0.ms()), create: Some(LIMIT), recycle: Some(LIMIT) };
    let step = async |clients| {
        let waited = AtomicUsize::new(0);
        let use_pool = async |_| -> TestResult {
            let client = match pool.timeout_get(&at_once).await {
                Err(PoolError::Timeout(TimeoutType::Wait)) => {
                    waited.fetch_add(1, Ordering::Relaxed);
                    pool.get().await?
                }
                other => other?,
            };
            Ok(client.batch_execute("SELECT pg_sleep(0.005)").await?)
        };
        let run = cx.run(Schedule::new().calm(300.ms()), clients, use_pool).await?;
        assert_eq!(run.count(Outcome::Ok), run.operations().len());
        Ok(Observed::of(waited.into_inner(), run.operations().len()))
    };
    // Up to four clients find a connection free; eight cannot.
    let crowd = cx.contention(20.percent()).from(2).up_to(32).until(step).await?;
    assert!(crowd.clients >= 8 && crowd.steps >= 3, "{crowd:?}");
    Ok(())
}
