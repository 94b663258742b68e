//! A bank with bugs to choose from.
//!
//! Its statements are kept by their connections. The driver tells the server to close one that is
//! dropped, and does so beside what it sends next: a connection that is lost at the answer to that
//! has sent the next statement, a COMMIT perhaps, or has not, as it happens.

use std::cell::{Cell, RefCell};

use chaos_core::TestResult;
use chaos_core::postgres::Postgres;
use chaos_core::property::proptest::prelude::*;
use deadpool_postgres::Pool;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// What customers do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Op {
    /// Puts so much on an account.
    Deposit { account: i32, amount: i64 },
    /// Asks what is on it.
    Balance { account: i32 },
}

impl Op {
    /// How much it puts on an account.
    pub(crate) fn amount(&self) -> i64 {
        match self {
            Self::Deposit { amount, .. } => *amount,
            Self::Balance { .. } => 0,
        }
    }
}

pub(crate) fn operations() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (1..=3, 1..=100_i64).prop_map(|(account, amount)| Op::Deposit { account, amount }),
        1 => (1..=3).prop_map(|account| Op::Balance { account }),
    ]
}

const SELECT: &str = "SELECT balance FROM account WHERE id = $1";
const UPDATE: &str = "UPDATE account SET balance = $1 WHERE id = $2";

/// How a deposit is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deposits {
    /// Under a key of its own, so that it is made once however often it is tried.
    Once,
    /// Tried again whatever the error was.
    Retried,
    /// Tried once, and not again.
    NotRetried,
    /// By writing what a cache says, which is told before the commit.
    FromCache,
    /// By writing what was read before, without a lock. Of so many workers, all have read before any
    /// of them writes.
    Unlocked { workers: usize },
}

pub(crate) struct Bank {
    pool: Pool,
    deposits: Deposits,
    cached: Cell<[Option<i64>; 3]>,
    keys: Cell<i64>,
    read: Meeting,
    written: Meeting,
}

type Answer = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl Bank {
    pub(crate) async fn open(pg: &Postgres, pool: Pool, deposits: Deposits) -> TestResult<Self> {
        let client = pg.connect().await?;
        client
            .batch_execute(
                "CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0); \
                 CREATE TABLE deposit (key bigint PRIMARY KEY); \
                 INSERT INTO account SELECT generate_series(1, 3)",
            )
            .await?;
        let workers = match deposits {
            Deposits::Unlocked { workers } => workers,
            _ => 0,
        };
        let (read, written) = (Meeting::of(workers), Meeting::of(workers));
        Ok(Self { pool, deposits, cached: Cell::default(), keys: Cell::new(0), read, written })
    }

    pub(crate) async fn apply(&self, op: Op) -> Answer {
        // All workers begin at once, so these are the first operations of each.
        if let (Some(read), Some(written)) = (self.read.place(), self.written.place()) {
            if let Op::Deposit { account, amount } = op {
                return self.unlocked(account, amount, read, written).await;
            }
        }
        match op {
            Op::Balance { account } => {
                let client = self.pool.get().await?;
                let select = client.prepare_cached(SELECT).await?;
                client.query(&select, &[&account]).await?;
                Ok(())
            }
            Op::Deposit { account, amount } => self.deposit(account, amount).await,
        }
    }

    async fn deposit(&self, account: i32, amount: i64) -> Answer {
        let key = self.keys.get() + 1;
        self.keys.set(key);
        match self.deposits {
            Deposits::FromCache => return self.by_cache(account, amount).await,
            Deposits::NotRetried | Deposits::Unlocked { .. } => {
                return self.add(key, account, amount).await;
            }
            Deposits::Once | Deposits::Retried => {}
        }
        match self.add(key, account, amount).await {
            // What came of the first try is not known, whatever the second one says.
            Err(first) => match self.add(key, account, amount).await {
                Err(second) => Err(format!("twice: {first}, {second}").into()),
                Ok(()) => Ok(()),
            },
            answer => answer,
        }
    }

    async fn add(&self, key: i64, account: i32, amount: i64) -> Answer {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let is_new = match self.deposits {
            Deposits::Once => {
                let insert = "INSERT INTO deposit VALUES ($1) ON CONFLICT DO NOTHING";
                let insert = transaction.prepare_cached(insert).await?;
                transaction.execute(&insert, &[&key]).await? == 1
            }
            _ => true,
        };
        if is_new {
            let update = "UPDATE account SET balance = balance + $1 WHERE id = $2";
            let update = transaction.prepare_cached(update).await?;
            transaction.execute(&update, &[&amount, &account]).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn by_cache(&self, account: i32, amount: i64) -> Answer {
        let place = usize::try_from(account - 1)?;
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let balance = match self.cached.get()[place] {
            Some(balance) => balance,
            None => {
                let select = transaction.prepare_cached(SELECT).await?;
                transaction.query_one(&select, &[&account]).await?.get(0)
            }
        };
        let update = transaction.prepare_cached(UPDATE).await?;
        transaction.execute(&update, &[&(balance + amount), &account]).await?;
        let mut cached = self.cached.get();
        cached[place] = Some(balance + amount);
        self.cached.set(cached);
        transaction.commit().await?;
        Ok(())
    }

    async fn unlocked(&self, account: i32, amount: i64, read: Place, written: Place) -> Answer {
        let balance: i64 = {
            // Given back before the meeting: the others may need the same connection.
            let client = self.pool.get().await?;
            let select = client.prepare_cached(SELECT).await?;
            client.query_one(&select, &[&account]).await?.get(0)
        };
        drop(read);
        self.read.everybody().await;
        let client = self.pool.get().await?;
        let update = client.prepare_cached(UPDATE).await?;
        client.execute(&update, &[&(balance + amount), &account]).await?;
        drop((client, written));
        self.written.everybody().await;
        Ok(())
    }

    /// What is on all accounts, past the faults.
    pub(crate) async fn total(&self, pg: &Postgres) -> TestResult<i64> {
        let row =
            pg.admin().await?.query_one("SELECT sum(balance)::bigint FROM account", &[]).await?;
        Ok(row.get(0))
    }
}

/// Where some wait for each other.
struct Meeting {
    places: RefCell<Vec<Place>>,
    all: watch::Sender<()>,
}

/// Somebody who is waited for, until it is dropped.
type Place = watch::Receiver<()>;

impl Meeting {
    fn of(members: usize) -> Self {
        let (all, place) = watch::channel(());
        Self { places: RefCell::new(vec![place; members]), all }
    }

    /// The next place that is left.
    fn place(&self) -> Option<Place> {
        self.places.borrow_mut().pop()
    }

    /// Waits until everybody is there, or has given up.
    async fn everybody(&self) {
        self.all.closed().await;
    }
}
