//! How long the commonest things take, measured as `docs/baselines.md` says, to be saved and compared.
//!
//! `cargo run --release -p chaos-benches --bin baselines [-- save|compare]`

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chaos_core::baseline::{Baseline, Sampling};
use chaos_core::duration::{Display, rounded};
use chaos_core::journal::Journal;
use chaos_core::metrics::Metrics;
use chaos_core::postgres::supervise_if_asked;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;
use chaos_core::stats::{MannWhitney, SampleSummary};
use chaos_harness::baselines::host::Host;
use chaos_harness::baselines::{Measured, Mode};
use tokio_postgres::NoTls;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How many values a recovery has: each of them takes a fault of its own.
const RECOVERIES: usize = 20;

const TABLES: &str = "
    CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, details jsonb NOT NULL);
    INSERT INTO account
        SELECT n, 100, jsonb_build_object('name', 'n' || n, 'tags', jsonb_build_array(n, n + 1))
        FROM generate_series(1, 1000) n;
    CREATE INDEX ON account USING gin (details);
    CREATE TABLE entry (id bigserial PRIMARY KEY, account int REFERENCES account, amount bigint);
    CREATE TABLE loaded (id int, text text);
    ANALYZE;
";

fn main() -> Result<ExitCode> {
    supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    let mode = match std::env::args().nth(1) {
        None => None,
        Some(word) => Some(Mode::parse(&word).ok_or("write `save`, `compare` or nothing")?),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut bench = Bench::default();
    runtime.block_on(bench.measure())?;
    let Some(mode) = mode else { return Ok(ExitCode::SUCCESS) };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("chaos-baselines/library.toml");
    let conclusion = bench.measured.conclude(mode, &path, &Host::here())?;
    print!("{conclusion}");
    Ok(if conclusion.has_regressed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was measured so far.
#[derive(Default)]
struct Bench {
    measured: Measured,
}

impl Bench {
    async fn time<T, E: Into<TestError>>(
        &self,
        name: &str,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result {
        let sampling = Sampling::new().at_least(30).within(1.secs());
        self.keep(&sampling.measure(name, operation).await?);
        Ok(())
    }

    fn keep(&self, baseline: &Baseline) {
        let time = |seconds: f64| {
            Display(rounded(Duration::try_from_secs_f64(seconds).unwrap_or_default())).to_string()
        };
        let summary = baseline.summary();
        println!(
            "| {} | {} | {} | {} to {} | {} | {} |",
            baseline.name(),
            summary.n,
            time(summary.median),
            time(summary.median_95.low),
            time(summary.median_95.high),
            time(summary.p99),
            time(summary.mean),
        );
        let nanos = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let samples: Vec<u64> = baseline.durations().iter().map(nanos).collect();
        self.measured.push(baseline.name(), &samples);
    }

    async fn measure(&mut self) -> Result {
        println!("| what | n | median | 95 % interval | p99 | mean |");
        println!("|---|--:|--:|--:|--:|--:|");
        let cx = Chaos::new(Seed(1), Journal::in_memory());
        let pg = cx.postgres().await?;
        let client = pg.connect().await?;
        client.batch_execute(TABLES).await?;
        self.connections(&cx, &pg).await?;
        self.reads(&client).await?;
        self.writes(&client).await?;
        self.faults(&pg).await?;
        self.recoveries(&pg).await?;
        self.pure().await
    }

    async fn connections(&self, cx: &Chaos, pg: &Postgres) -> Result {
        self.time("connect", async || pg.connect().await).await?;
        let config = pg.config();
        let over_tcp = async || {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(connection);
            client.simple_query("SELECT 1").await
        };
        self.time("connect over the port of the link, and query", over_tcp).await?;
        let pool = pg.pool(8)?;
        self.time("checkout", async || pool.get().await).await?;
        let checkout_and_query = async || -> Result {
            pool.get().await?.query_one("SELECT 1", &[]).await?;
            Ok(())
        };
        self.time("checkout and query", checkout_and_query).await?;
        self.time("a pool of its own, and its first checkout", async || -> Result {
            let pool = pg.pool(1)?;
            drop(pool.get().await?);
            Ok(())
        })
        .await?;
        self.time("database of its own", async || cx.postgres().await).await
    }

    async fn reads(&self, client: &tokio_postgres::Client) -> Result {
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

    async fn writes(&self, client: &tokio_postgres::Client) -> Result {
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
        for _ in 0..200 {
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
        self.time("copy of a thousand rows out", async || -> Result {
            let stream = client.copy_out("COPY account TO STDOUT").await?;
            let mut stream = std::pin::pin!(stream);
            while let Some(part) = futures::StreamExt::next(&mut stream).await {
                part?;
            }
            Ok(())
        })
        .await?;
        let rows: String = (0..1_000).map(|n| format!("{n}\trow {n}\n")).collect();
        let rows = bytes::Bytes::from(rows);
        self.time("copy of a thousand rows in", async || -> Result {
            let sink = client.copy_in("COPY loaded FROM STDIN").await?;
            let mut sink = std::pin::pin!(sink);
            futures::SinkExt::send(&mut sink, rows.clone()).await?;
            sink.finish().await?;
            Ok(())
        })
        .await
    }

    async fn faults(&self, pg: &Postgres) -> Result {
        let client = pg.connect().await?;
        let while_idle = async || {
            let held = pg.inject(latency(1.ms()).may_be_idle());
            held.clear();
            Ok::<_, TestError>(())
        };
        self.time("latency injected and cleared", while_idle).await?;
        let slow = pg.inject(latency(1.ms()));
        self.time("query under a latency of 1ms", async || client.simple_query("SELECT 1").await)
            .await?;
        slow.clear();
        self.time("table locked and unlocked", async || -> Result {
            let lock = pg.sabotage(lock_table("loaded")).await?;
            lock.clear().await?;
            Ok(())
        })
        .await
    }

    /// How long after the end of a fault a new connection has its first answer.
    async fn recoveries(&self, pg: &Postgres) -> Result {
        let pool = pg.pool(1)?;
        let query = async || -> Result {
            pool.get().await?.simple_query("SELECT 1").await?;
            Ok(())
        };
        for (name, fault) in [
            ("recovery after cut", Fault::from(cut())),
            ("recovery after reset", Fault::from(reset())),
            ("recovery after refuse", Fault::from(refuse().may_be_idle())),
        ] {
            let mut times = Vec::new();
            for _ in 0..RECOVERIES {
                query().await?;
                let held = pg.inject(fault.clone());
                // It is to fail, where the fault is one of open connections.
                query().await.ok();
                held.clear();
                let began = Instant::now();
                while query().await.is_err() {}
                times.push(began.elapsed());
            }
            self.keep(&Baseline::of(name, times)?);
        }
        Ok(())
    }

    /// What needs no server, in batches, because one is shorter than a clock can tell.
    async fn pure(&self) -> Result {
        const BATCH: u64 = 10_000;
        let metrics = Metrics::new(Journal::in_memory());
        let (counter, timing) = (metrics.counter("counted"), metrics.timing("timed"));
        self.time("ten thousand increments of a counter", async || {
            (0..BATCH).for_each(|_| counter.increment());
            Ok::<_, TestError>(())
        })
        .await?;
        self.time("ten thousand durations in a histogram", async || {
            (0..BATCH).for_each(|n| timing.record(n.us()));
            Ok::<_, TestError>(())
        })
        .await?;
        let values: Vec<f64> = (0..30_u32).map(f64::from).collect();
        self.time("figures of thirty values", async || {
            SampleSummary::of(std::hint::black_box(&values), Seed(1)).ok_or("no figures")
        })
        .await?;
        self.time("comparison of thirty values with thirty", async || {
            MannWhitney::larger(std::hint::black_box(&values), &values).ok_or("no answer")
        })
        .await
    }
}
