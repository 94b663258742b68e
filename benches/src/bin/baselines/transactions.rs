//! Transactions, their commits, and rows in bulk, each value over a connection of its own.

use std::pin::pin;
use std::time::Instant;

use chaos_core::prelude::*;
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use crate::bench::{Bench, Result};

/// How often the commit alone is measured in a pass, which takes statements that do not count.
const COMMITS: usize = 10;

impl Bench {
    pub(crate) async fn transactions(&self, pg: &Postgres) -> Result {
        let client = async || pg.connect().await;
        let empty = "BEGIN; COMMIT";
        self.time_with("empty transaction", client, async |client| {
            client.batch_execute(empty).await
        })
        .await?;
        let transfer = "BEGIN; UPDATE account SET balance = balance - 1 WHERE id = 1; \
                        UPDATE account SET balance = balance + 1 WHERE id = 2; COMMIT";
        let in_one = async |client: &Client| client.batch_execute(transfer).await;
        self.time_with("transfer in one batch", client, in_one).await?;
        self.time_with("transfer in four messages", client, async |client| {
            client.batch_execute("BEGIN").await?;
            client.execute("UPDATE account SET balance = balance - 1 WHERE id = 1", &[]).await?;
            client.execute("UPDATE account SET balance = balance + 1 WHERE id = 2", &[]).await?;
            client.batch_execute("COMMIT").await
        })
        .await?;
        let mut commits = Vec::new();
        for _ in 0..COMMITS {
            let client = pg.connect().await?;
            client
                .batch_execute("BEGIN; UPDATE account SET balance = balance WHERE id = 3")
                .await?;
            let began = Instant::now();
            client.batch_execute("COMMIT").await?;
            commits.push(began.elapsed());
            drop(client);
            tokio::time::sleep(5.ms()).await;
        }
        self.keep("commit", &commits);
        let savepoint = "BEGIN; SAVEPOINT s; ROLLBACK TO s; ROLLBACK";
        self.time_with("savepoint", client, async |client| client.batch_execute(savepoint).await)
            .await
    }

    pub(crate) async fn bulk(&self, pg: &Postgres) -> Result {
        let client = async || pg.connect().await;
        self.time_with("copy of a thousand rows out", client, async |client| -> Result {
            let stream = client.copy_out("COPY account TO STDOUT").await?;
            let mut stream = pin!(stream);
            while let Some(part) = stream.next().await {
                part?;
            }
            Ok(())
        })
        .await?;
        let rows: String = (0..1_000).map(|n| format!("{n}\trow {n}\n")).collect();
        let rows = bytes::Bytes::from(rows);
        self.time_with("copy of a thousand rows in", client, async |client| -> Result {
            let sink = client.copy_in("COPY loaded FROM STDIN").await?;
            let mut sink = pin!(sink);
            sink.send(rows.clone()).await?;
            sink.finish().await?;
            Ok(())
        })
        .await
    }
}
