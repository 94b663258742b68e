//! Transactions, their commits, and rows in bulk, on one connection.

use std::pin::pin;
use std::time::Instant;

use chaos_core::baseline::Baseline;
use futures::{SinkExt, StreamExt};
use tokio_postgres::Client;

use crate::bench::{Bench, Result};

/// How often the commit alone is measured, which takes statements that do not count.
const COMMITS: usize = 200;

impl Bench {
    pub(crate) async fn transactions(&self, client: &Client) -> Result {
        let empty = "BEGIN; COMMIT";
        self.time("empty transaction", async || client.batch_execute(empty).await).await?;
        let transfer = "BEGIN; UPDATE account SET balance = balance - 1 WHERE id = 1; \
                        UPDATE account SET balance = balance + 1 WHERE id = 2; COMMIT";
        self.time("transfer in one batch", async || client.batch_execute(transfer).await).await?;
        self.time("transfer in four messages", async || {
            client.batch_execute("BEGIN").await?;
            client.execute("UPDATE account SET balance = balance - 1 WHERE id = 1", &[]).await?;
            client.execute("UPDATE account SET balance = balance + 1 WHERE id = 2", &[]).await?;
            client.batch_execute("COMMIT").await
        })
        .await?;
        let mut commits = Vec::new();
        for _ in 0..COMMITS {
            client
                .batch_execute("BEGIN; UPDATE account SET balance = balance WHERE id = 3")
                .await?;
            let began = Instant::now();
            client.batch_execute("COMMIT").await?;
            commits.push(began.elapsed());
        }
        self.keep(&Baseline::of("commit", commits)?);
        let savepoint = "BEGIN; SAVEPOINT s; ROLLBACK TO s; ROLLBACK";
        self.time("savepoint", async || client.batch_execute(savepoint).await).await?;
        Ok(())
    }

    pub(crate) async fn bulk(&self, client: &Client) -> Result {
        self.time("copy of a thousand rows out", async || -> Result {
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
        self.time("copy of a thousand rows in", async || -> Result {
            let sink = client.copy_in("COPY loaded FROM STDIN").await?;
            let mut sink = pin!(sink);
            sink.send(rows.clone()).await?;
            sink.finish().await?;
            Ok(())
        })
        .await
    }
}
