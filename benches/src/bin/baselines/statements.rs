//! Statements of all kinds, on one connection.

use tokio_postgres::Client;

use crate::bench::{Bench, Result};

impl Bench {
    pub(crate) async fn reads(&self, client: &Client) -> Result {
        self.time("simple query", async || client.simple_query("SELECT 1").await).await?;
        self.time("empty query", async || client.simple_query("").await).await?;
        self.time("extended query", async || client.query_one("SELECT 1", &[]).await).await?;
        let statement = client.prepare("SELECT balance FROM account WHERE id = $1").await?;
        self.time("prepared query", async || client.query_one(&statement, &[&7]).await).await?;
        let prepare = async || client.prepare("SELECT details FROM account WHERE id = $1").await;
        self.time("prepare", prepare).await?;
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
            self.time(name, async || client.query(sql, &[]).await).await?;
        }
        let pipelined = async || {
            let one = client.query_one(&statement, &[&1]);
            let two = client.query_one(&statement, &[&2]);
            let three = client.query_one(&statement, &[&3]);
            tokio::try_join!(one, two, three)
        };
        self.time("three pipelined queries", pipelined).await
    }

    pub(crate) async fn writes(&self, client: &Client) -> Result {
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
            self.time(name, async || client.query(sql, &[]).await).await?;
        }
        Ok(())
    }
}
