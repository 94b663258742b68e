//! Statements of all kinds, each value over a connection of its own.

use chaos_core::prelude::*;
use tokio_postgres::{Client, Statement};

use crate::bench::{Bench, Result};

impl Bench {
    pub(crate) async fn reads(&self, pg: &Postgres) -> Result {
        let client = async || pg.connect().await;
        self.time_with("simple query", client, async |client| {
            client.simple_query("SELECT 1").await
        })
        .await?;
        self.time_with("empty query", client, async |client| client.simple_query("").await).await?;
        let extended = async |client: &Client| client.query_one("SELECT 1", &[]).await;
        self.time_with("extended query", client, extended).await?;
        let prepared = async || -> Result<(Client, Statement)> {
            let client = pg.connect().await?;
            let statement = client.prepare("SELECT balance FROM account WHERE id = $1").await?;
            Ok((client, statement))
        };
        self.time_with("prepared query", prepared, async |(client, statement)| {
            client.query_one(statement, &[&7]).await
        })
        .await?;
        let prepare = "SELECT details FROM account WHERE id = $1";
        self.time_with("prepare", client, async |client| client.prepare(prepare).await).await?;
        for (name, sql) in [
            (
                "nested query",
                "SELECT count(*) FROM account WHERE balance >= (SELECT avg(balance) FROM account)",
            ),
            (
                "correlated query",
                "SELECT id, (SELECT count(*) FROM entry e WHERE e.account = a.id) FROM account a WHERE id <= 50",
            ),
            ("join", "SELECT count(*) FROM account a LEFT JOIN entry e ON e.account = a.id"),
            ("aggregate", "SELECT sum(balance), avg(balance), max(id) FROM account"),
            ("window function", "SELECT id, rank() OVER (ORDER BY balance) FROM account LIMIT 100"),
            (
                "common table expression",
                "WITH big AS (SELECT * FROM account WHERE id > 900) SELECT count(*) FROM big",
            ),
            ("a thousand rows", "SELECT * FROM account"),
            ("JSON field", "SELECT details->>'name' FROM account WHERE id = 7"),
            (
                "JSON containment, indexed",
                "SELECT id FROM account WHERE details @> '{\"name\": \"n500\"}'",
            ),
            ("JSON aggregate", "SELECT jsonb_agg(details) FROM account WHERE id <= 100"),
            ("explain", "EXPLAIN SELECT * FROM account WHERE id = 7"),
        ] {
            self.time_with(name, client, async |client| client.query(sql, &[]).await).await?;
        }
        self.time_with("three pipelined queries", prepared, async |(client, statement)| {
            let one = client.query_one(statement, &[&1]);
            let two = client.query_one(statement, &[&2]);
            let three = client.query_one(statement, &[&3]);
            tokio::try_join!(one, two, three)
        })
        .await
    }

    pub(crate) async fn writes(&self, pg: &Postgres) -> Result {
        let client = async || pg.connect().await;
        for (name, sql) in [
            ("insert", "INSERT INTO entry (account, amount) VALUES (7, 1)"),
            (
                "insert of a hundred rows",
                "INSERT INTO entry (account, amount) SELECT n, 1 FROM generate_series(1, 100) n",
            ),
            ("insert returning", "INSERT INTO entry (account, amount) VALUES (8, 1) RETURNING id"),
            (
                "upsert",
                "INSERT INTO account VALUES (7, 1, '{}') ON CONFLICT (id) DO UPDATE SET balance = account.balance + 1",
            ),
            ("update", "UPDATE account SET balance = balance + 1 WHERE id = 7"),
            (
                "JSON update",
                "UPDATE account SET details = jsonb_set(details, '{seen}', 'true') WHERE id = 9",
            ),
            ("delete", "DELETE FROM entry WHERE id = (SELECT min(id) FROM entry)"),
        ] {
            self.time_with(name, client, async |client| client.query(sql, &[]).await).await?;
        }
        Ok(())
    }
}
