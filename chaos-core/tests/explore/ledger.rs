//! A service that transfers money, and ways to get it wrong.

use std::time::{Duration, Instant};

use chaos_core::TestResult;
use chaos_core::explore::{Points, Prepared};
use chaos_core::postgres::Postgres;
use deadpool_postgres::{Pool, PoolError};
use tokio_postgres::error::SqlState;

use crate::arena::Stage;

const SCHEMA: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
    CREATE TABLE transfers (id serial PRIMARY KEY, key bigint UNIQUE, amount bigint NOT NULL,
                            made_at timestamptz NOT NULL DEFAULT clock_timestamp());
    INSERT INTO accounts SELECT id, 100 FROM generate_series(1, 10) AS id;";

/// How often a transfer is tried.
const TRIES: u32 = 3;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("no connection to the database")]
    Pool(#[from] PoolError),
    #[error("the database failed")]
    Database(#[from] tokio_postgres::Error),
}

pub(crate) struct Ledger {
    pub(crate) pool: Pool,
}

/// An exploration of a ledger with one connection, which needs its operation.
pub(crate) fn explored<'a>(stage: &Stage, points: impl Into<Points>) -> Prepared<'a, Ledger> {
    stage.cx.explore(points).setup(async |pg| Ledger::open(&pg, 1).await)
}

impl Ledger {
    pub(crate) async fn open(pg: &Postgres, connections: usize) -> TestResult<Self> {
        let pool = pg.pool(connections)?;
        pool.get().await?.batch_execute(SCHEMA).await?;
        Ok(Self { pool })
    }

    /// Tries again whatever went wrong.
    pub(crate) async fn transfer(&self, key: Option<i64>) -> Result<(), LedgerError> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.transfer_once(key).await {
                Err(error) if tried < TRIES && is_worth_a_retry(&error) => {}
                result => return result,
            }
        }
    }

    /// Tries again until the database is back.
    pub(crate) async fn patiently(&self, key: Option<i64>) -> Result<(), LedgerError> {
        let deadline = Instant::now() + Duration::from_secs(8);
        loop {
            match self.transfer_once(key).await {
                Err(_) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                result => return result,
            }
        }
    }

    /// Five statements, and prepared ones between `BEGIN` and `COMMIT`.
    pub(crate) async fn transfer_once(&self, key: Option<i64>) -> Result<(), LedgerError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        transaction
            .query_one("SELECT balance FROM accounts WHERE id = $1 FOR UPDATE", &[&1_i32])
            .await?;
        let insert = "INSERT INTO transfers (key, amount) VALUES ($1, 50) ON CONFLICT DO NOTHING";
        if transaction.execute(insert, &[&key]).await? == 1 {
            let update = "UPDATE accounts SET balance = balance + $2 WHERE id = $1";
            transaction.execute(update, &[&1_i32, &-50_i64]).await?;
            transaction.execute(update, &[&2_i32, &50_i64]).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(crate) async fn has_applied(&self, key: i64) -> Result<bool, LedgerError> {
        let client = self.pool.get().await?;
        let asked = "SELECT EXISTS (SELECT FROM transfers WHERE key = $1)";
        Ok(client.query_one(asked, &[&key]).await?.get(0))
    }
}

fn is_worth_a_retry(error: &LedgerError) -> bool {
    match error {
        LedgerError::Pool(_) => true,
        LedgerError::Database(error) => error.code().is_none_or(|state| {
            *state == SqlState::T_R_SERIALIZATION_FAILURE || state.code().starts_with("57P")
        }),
    }
}
