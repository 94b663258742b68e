//! PostgreSQL through the port of a link, with sqlx.

use std::time::{Duration, Instant};

use chaos_harness::prelude::*;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection, Row};

/// A database behind a link, with an empty table, and a pool of sqlx in front of both.
struct Bank {
    pg: Postgres,
    options: PgConnectOptions,
    pool: PgPool,
}

impl Fixture for Bank {
    async fn set_up(cx: &Chaos) -> TestResult<Self> {
        let pg = cx.postgres().await?;
        let options: PgConnectOptions = pg.url().parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(2))
            .connect_with(options.clone())
            .await?;
        sqlx::query("CREATE TABLE paid (id BIGINT PRIMARY KEY)").execute(&pool).await?;
        Ok(Self { pg, options, pool })
    }
}

impl Bank {
    /// Pays in a transaction, and says what became of it.
    async fn pay(&self, id: i64) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO paid VALUES ($1)").bind(id).execute(&mut *transaction).await?;
        transaction.commit().await
    }

    /// What was paid, as a connection sees it that no fault concerns.
    async fn paid(&self) -> TestResult<Vec<i64>> {
        let mut direct = sqlx::PgConnection::connect(&self.pg.direct_url()).await?;
        let rows = sqlx::query("SELECT id FROM paid ORDER BY id").fetch_all(&mut direct).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

/// Whether the connection broke, which is what a cut and a reset have to look like.
fn is_broken(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_))
}

#[chaos_test]
async fn latency_is_felt_by_every_query(bank: Bank) -> TestResult {
    let slow = bank.pg.inject(latency(60.ms()).downstream());
    let begun = Instant::now();
    let row = sqlx::query("SELECT 6 * 7").fetch_one(&bank.pool).await?;
    assert_eq!(row.try_get::<i32, _>(0)?, 42);
    assert!(begun.elapsed() >= 60.ms(), "{:?}", begun.elapsed());
    assert!(slow.hits() > 0);
    slow.clear();
    Ok(())
}

#[chaos_test]
async fn a_cut_in_the_middle_of_a_query_is_an_error_and_the_pool_recovers(
    bank: Bank,
) -> TestResult {
    let mut connection = bank.pool.acquire().await?;
    let sleeping = async { sqlx::query("SELECT pg_sleep(60)").execute(&mut *connection).await };
    let cutting = async {
        // The query is under way when the server has it.
        let mut direct = sqlx::PgConnection::connect(&bank.pg.direct_url()).await?;
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' \
                       AND state = 'active'";
        while sqlx::query(running).fetch_one(&mut direct).await?.try_get::<i64, _>(0)? == 0 {
            tokio::time::sleep(5.ms()).await;
        }
        bank.pg.inject(cut()).clear();
        TestResult::Ok(())
    };
    let begun = Instant::now();
    let (slept, cut) = tokio::join!(sleeping, cutting);
    cut?;
    let error = slept.expect_err("the connection was cut");
    assert!(is_broken(&error), "{error:?}");
    assert!(begun.elapsed() < 30.secs(), "{:?}", begun.elapsed());
    drop(connection);
    bank.pay(1).await?;
    assert_eq!(bank.paid().await?, [1]);
    Ok(())
}

#[chaos_test]
async fn a_commit_whose_answer_is_lost_is_an_error_and_was_made(bank: Bank) -> TestResult {
    bank.pay(1).await?;
    let lost = bank.pg.inject(reset().when_seen(seen(b"COMMIT\0").upstream()));
    let error = bank.pay(2).await.expect_err("the answer was lost");
    assert!(is_broken(&error), "{error:?}");
    assert_eq!(lost.hits(), 1);
    lost.clear();
    // The server has the request, and needs a moment for it.
    let begun = Instant::now();
    while bank.paid().await? != [1, 2] {
        assert!(begun.elapsed() < 20.secs(), "{:?}", bank.paid().await?);
    }
    bank.pay(3).await?;
    assert_eq!(bank.paid().await?, [1, 2, 3]);
    Ok(())
}

#[chaos_test]
async fn the_third_commit_of_the_pool_resets_all_of_its_connections(bank: Bank) -> TestResult {
    // Open and idle.
    let mut idle = bank.pool.acquire().await?;
    sqlx::query("SELECT 1").execute(&mut *idle).await?;
    let third = seen(b"COMMIT\0").upstream().nth(3);
    let dying = bank.pg.inject(reset().when_seen(third).per_link());
    bank.pay(1).await?;
    bank.pay(2).await?;
    let error = bank.pay(3).await.expect_err("the third commit");
    assert!(is_broken(&error), "{error:?}");
    let error = sqlx::query("SELECT 1").execute(&mut *idle).await.expect_err("it was idle");
    assert!(is_broken(&error), "{error:?}");
    assert!(dying.connections() >= 2, "{}", dying.connections());
    drop(idle);
    dying.clear();
    bank.pay(4).await?;
    let paid = bank.paid().await?;
    assert!(paid.starts_with(&[1, 2]) && paid.ends_with(&[4]), "{paid:?}");
    Ok(())
}

#[chaos_test]
async fn a_server_that_refuses_and_comes_back_is_used_again(bank: Bank) -> TestResult {
    let refusing = bank.pg.inject(refuse());
    bank.pg.inject(cut()).clear();
    let refused = sqlx::PgConnection::connect_with(&bank.options).await;
    match refused.expect_err("nobody listens") {
        sqlx::Error::Io(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused),
        other => return Err(format!("another error: {other:?}").into()),
    }
    let error = bank.pay(1).await.expect_err("nobody listens");
    assert!(matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)), "{error:?}");
    refusing.clear();
    bank.pay(2).await?;
    assert_eq!(bank.paid().await?, [2]);
    Ok(())
}
