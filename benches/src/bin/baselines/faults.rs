//! Faults that come and go, and how soon a service is back.

use std::time::{Duration, Instant};

use chaos_core::prelude::*;
use tokio_postgres::Client;

use crate::bench::{Bench, Result};

/// How many values the recovery from a fault of the network has in a pass: each of them takes a fault.
const RECOVERIES: usize = 5;

/// How many values the recovery from a fault of the server has in a pass: each takes a start of the server.
const RESTARTS: usize = 3;

/// What is not back by then is not measured, but an error.
const PATIENCE: Duration = Duration::from_secs(30);

impl Bench {
    pub(crate) async fn faults(&self, pg: &Postgres) -> Result {
        let while_idle = async || {
            let held = pg.inject(latency(1.ms()).may_be_idle());
            held.clear();
            Ok::<_, TestError>(())
        };
        self.time("latency injected and cleared", while_idle).await?;
        let slow = pg.inject(latency(1.ms()));
        let connected = async || pg.connect().await;
        let query = async |client: &Client| client.simple_query("SELECT 1").await;
        self.time_with("query under a latency of 1ms", connected, query).await?;
        slow.clear();
        let watched = pg.inject(error(SqlState::T_R_DEADLOCK_DETECTED).on(commit()).may_be_idle());
        self.time_with("query under a fault that waits for COMMIT", connected, query).await?;
        watched.clear();
        self.time("table locked and unlocked", async || -> Result {
            let lock = pg.sabotage(lock_table("loaded")).await?;
            lock.clear().await?;
            Ok(())
        })
        .await
    }

    /// How long after the end of a fault of the network a pool has its first answer.
    pub(crate) async fn recoveries(&self, pg: &Postgres) -> Result {
        let pool = pg.pool(1)?;
        let query = async || -> Result {
            pool.get().await?.simple_query("SELECT 1").await?;
            Ok(())
        };
        for (name, fault) in [
            ("recovery after cut", Fault::from(cut())),
            ("recovery after reset", Fault::from(reset())),
            ("recovery after partition", Fault::from(partition())),
            ("recovery after refuse", Fault::from(refuse())),
        ] {
            let mut times = Vec::new();
            for _ in 0..RECOVERIES {
                query().await?;
                let is_of_doors = name.ends_with("refuse");
                let held = pg.inject(fault.clone());
                if is_of_doors {
                    // Only who connects meets it.
                    pool.retain(|_, _| false);
                }
                drop(tokio::time::timeout(20.ms(), query()).await);
                held.clear();
                times.push(until_answered(&query).await?);
            }
            self.keep(name, &times);
        }
        Ok(())
    }

    /// How long a server of its own takes to answer again.
    pub(crate) async fn restarts(&self, pg: &Postgres) -> Result {
        let pool = pg.pool(1)?;
        let query = async || -> Result {
            pool.get().await?.simple_query("SELECT 1").await?;
            Ok(())
        };
        query().await?;
        let server = pg.server()?;
        let mut times = Vec::new();
        for _ in 0..RESTARTS {
            server.crash().await?;
            let began = Instant::now();
            server.start().await?;
            until_answered(&query).await?;
            times.push(began.elapsed());
        }
        self.keep("recovery after a crash of the server", &times);
        let mut times = Vec::new();
        for _ in 0..RESTARTS {
            let client = pg.connect().await?;
            let backend = server.backend_of(&client).await?;
            let began = Instant::now();
            // The server ends all sessions, recovers, and goes on by itself.
            server.kill(backend).await?;
            server.ready().await?;
            until_answered(&query).await?;
            times.push(began.elapsed());
        }
        self.keep("recovery after a backend was killed", &times);
        Ok(())
    }
}

/// How long it takes until a query is answered.
async fn until_answered(query: &impl AsyncFn() -> Result) -> Result<Duration> {
    let began = Instant::now();
    loop {
        match query().await {
            Ok(()) => return Ok(began.elapsed()),
            Err(error) if began.elapsed() > PATIENCE => return Err(error),
            // A refused connection is refused at once, and is not to keep a processor busy.
            Err(_) => tokio::time::sleep(Duration::from_micros(200)).await,
        }
    }
}
