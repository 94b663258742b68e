//! Transfers between accounts, over a `deadpool_postgres::Pool`.
//!
//! This is the code under test of the quick start: small, real, and written to survive a database
//! that is slow, gone, or lost in the middle of a commit.

use std::time::Duration;

use deadpool_postgres::{Client, Object, Pool, PoolError};
use tokio_postgres::error::SqlState;

/// How often a transfer is tried.
const TRIES: u32 = 6;
/// How long one try may take: `tokio-postgres` itself waits for an answer for ever.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// The wait before the second try; it doubles from try to try.
const BACK_OFF: Duration = Duration::from_millis(20);

const SCHEMA: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
    CREATE TABLE transfers (key bigint PRIMARY KEY, debit int, credit int, amount bigint);
    INSERT INTO accounts SELECT id, 1000000 FROM generate_series(1, 10) AS id;";

/// Ten accounts with 1,000,000 each, numbered from 1.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: Pool,
    retry: Retry,
}

/// What a retry sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The key of the transfer again, so that the database can tell a repetition from a new one.
    SameKey,
    /// A new key, as if the lost transfer had certainly not happened. This is the bug that the
    /// chaos tests are there to find.
    NewKey,
}

/// Why a transfer did not take place, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The pool gave no connection.
    #[error("no connection to the database")]
    Pool(#[from] PoolError),
    /// The database answered with an error, or the connection broke.
    #[error("the database failed")]
    Database(#[from] tokio_postgres::Error),
    /// The database did not answer in time.
    #[error("the database did not answer within {PATIENCE:?}")]
    NoAnswer,
}

impl Ledger {
    /// Creates the tables and the accounts in an empty database.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or is not empty.
    pub async fn open(pool: Pool, retry: Retry) -> Result<Self, TransferError> {
        pool.get().await?.batch_execute(SCHEMA).await?;
        Ok(Self { pool, retry })
    }

    /// Moves an amount from one account to another, once for each `key` however often it is called.
    ///
    /// # Errors
    ///
    /// When no try succeeded. Then the transfer may have taken place or not; calling again with the
    /// same key settles it.
    pub async fn transfer(
        &self,
        mut key: i64,
        debit: i32,
        credit: i32,
        amount: i64,
    ) -> Result<(), TransferError> {
        let mut back_off = BACK_OFF;
        for tries_left in (0..TRIES).rev() {
            match self.try_transfer(key, debit, credit, amount).await {
                Err(error) if tries_left > 0 && is_worth_a_retry(&error) => {
                    tokio::time::sleep(back_off).await;
                    back_off *= 2;
                    if self.retry == Retry::NewKey {
                        key = key.wrapping_sub(1 << 62);
                    }
                }
                result => return result,
            }
        }
        unreachable!("the last try returns")
    }

    async fn try_transfer(
        &self,
        key: i64,
        debit: i32,
        credit: i32,
        amount: i64,
    ) -> Result<(), TransferError> {
        let mut client = self.pool.get().await?;
        let transaction = transfer_in_transaction(&mut client, key, debit, credit, amount);
        match tokio::time::timeout(PATIENCE, transaction).await {
            Ok(result) => Ok(result?),
            Err(_) => {
                // A connection that does not answer must not go back into the pool.
                drop(Object::take(client));
                Err(TransferError::NoAnswer)
            }
        }
    }

    /// The sum of all balances.
    ///
    /// # Errors
    ///
    /// When the database does not answer.
    pub async fn total(&self) -> Result<i64, TransferError> {
        let client = self.pool.get().await?;
        let row = client.query_one("SELECT sum(balance)::bigint FROM accounts", &[]).await?;
        Ok(row.get(0))
    }

    /// The balance of one account.
    ///
    /// # Errors
    ///
    /// When the database does not answer, or there is no such account.
    pub async fn balance(&self, account: i32) -> Result<i64, TransferError> {
        let client = self.pool.get().await?;
        let row =
            client.query_one("SELECT balance FROM accounts WHERE id = $1", &[&account]).await?;
        Ok(row.get(0))
    }
}

async fn transfer_in_transaction(
    client: &mut Client,
    key: i64,
    debit: i32,
    credit: i32,
    amount: i64,
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    let is_new = transaction
        .execute(
            "INSERT INTO transfers VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            &[&key, &debit, &credit, &amount],
        )
        .await?;
    if is_new == 1 {
        let update = "UPDATE accounts SET balance = balance + $2 WHERE id = $1";
        // Locks taken in the order of the accounts cannot form a cycle.
        let mut changes = [(debit, -amount), (credit, amount)];
        changes.sort_unstable();
        for (account, change) in changes {
            transaction.execute(update, &[&account, &change]).await?;
        }
    }
    transaction.commit().await
}

fn is_worth_a_retry(error: &TransferError) -> bool {
    match error {
        TransferError::Pool(_) | TransferError::NoAnswer => true,
        TransferError::Database(error) => match error.code() {
            // The connection broke, so nobody answered.
            None => true,
            Some(state) => {
                [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]
                    .contains(state)
                    || ["08", "53", "57P"].iter().any(|class| state.code().starts_with(class))
            }
        },
    }
}

/// The README and the guides of the repository, so that their examples are compiled with the tests.
#[cfg(doctest)]
pub mod guides {
    #[doc = include_str!("../../../README.md")]
    pub struct Readme;

    #[doc = include_str!("../../../docs/faults.md")]
    pub struct Faults;

    #[doc = include_str!("../../../docs/toxiproxy.md")]
    pub struct Toxiproxy;

    #[doc = include_str!("../../../docs/workloads.md")]
    pub struct Workloads;

    #[doc = include_str!("../../../docs/exploration.md")]
    pub struct Exploration;

    #[doc = include_str!("../../../docs/property.md")]
    pub struct Property;

    #[doc = include_str!("../../../docs/outcomes.md")]
    pub struct Outcomes;

    #[doc = include_str!("../../../docs/checking.md")]
    pub struct Checking;

    #[doc = include_str!("../../../docs/assertions.md")]
    pub struct Assertions;

    #[doc = include_str!("../../../docs/metrics.md")]
    pub struct Metrics;

    #[doc = include_str!("../../../docs/baselines.md")]
    pub struct Baselines;

    #[doc = include_str!("../../../docs/configuration.md")]
    pub struct Configuration;
}
