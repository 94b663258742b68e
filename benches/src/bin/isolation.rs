//! What a test pays for a database of its own at each level of isolation, and what the check at its
//! end costs, side by side on the same server.
//!
//! `cargo run --release -p chaos-benches --bin isolation`

use std::error::Error;
use std::time::{Duration, Instant};

use chaos_core::Chaos;
use chaos_core::journal::Journal;
use chaos_core::postgres::{Postgres, ResetMethod, Template, supervise_if_asked};
use chaos_core::seed::Seed;
use tokio_postgres::Client;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How often each is measured, in turn.
const ROUNDS: usize = 15;

/// How long the supervisor gets to make another spare database, and to drop what was let go.
const SETTLE: Duration = Duration::from_millis(200);

const NAMES: [&str; 14] = [
    "a query on an open connection",
    "a connection",
    "a schema of its own, with ten tables",
    "reset by DELETE, ten tables with ten rows each",
    "reset by TRUNCATE, the same",
    "reset, planned anew, on a connection of its own",
    "CREATE DATABASE by WAL_LOG, ten tables",
    "CREATE DATABASE by FILE_COPY, ten tables",
    "a spare database, empty, until the first query is answered",
    "a copy of a template, the same",
    "a server of its own, the same",
    "the check at the end, of a test that let its database go",
    "the check at the end, of a pool that lives on",
    "a checkout from a pool",
];

/// Ten tables that refer to each other.
fn schema() -> String {
    let table = |number: u32| {
        let refers = match number {
            0 => String::new(),
            _ => format!(", parent int REFERENCES t{}", number - 1),
        };
        format!("CREATE TABLE t{number} (id serial PRIMARY KEY, note text{refers});")
    };
    (0..10).map(table).collect()
}

/// Ten rows in each of ten tables.
fn rows() -> String {
    let insert = |number: u32| {
        format!("INSERT INTO t{number} (note) SELECT 'x' FROM generate_series(1, 10);")
    };
    (0..10).map(insert).collect()
}

fn main() -> Result {
    supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut figures = Figures::default();
    runtime.block_on(measure(&mut figures))?;
    figures.print();
    Ok(())
}

#[derive(Default)]
struct Figures([Vec<Duration>; NAMES.len()]);

impl Figures {
    async fn time<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        row: usize,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T> {
        let begun = Instant::now();
        let result = work.await.map_err(Into::into)?;
        self.0[row].push(begun.elapsed());
        Ok(result)
    }

    fn print(mut self) {
        println!("| what | least | median | of a connection |");
        println!("|---|--:|--:|--:|");
        let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
        self.0.iter_mut().for_each(|times| times.sort());
        let connection = median(&self.0[1]);
        for (name, times) in NAMES.iter().zip(&self.0) {
            let (least, median) = (times[0].as_secs_f64() * 1e3, median(times));
            println!("| {name} | {least:.3} ms | {median:.3} ms | {:.3} |", median / connection);
        }
    }
}

fn context() -> Chaos {
    Chaos::new(Seed(1), Journal::in_memory())
}

async fn measure(figures: &mut Figures) -> Result {
    let cx = context();
    let holder = cx.postgres().await?;
    let admin = holder.admin().await?;
    let pool = holder.pool(4)?;
    let template = Template::new("bench", schema());
    let migrate = async |client: &Client| client.batch_execute(&schema()).await;
    // Nobody is connected to it, as a database that is copied has to be.
    let sample = cx.postgres_from(&template, migrate).await?;
    admin.batch_execute(&schema()).await?;
    let make = format!("CREATE DATABASE model TEMPLATE {}", sample.database());
    admin.batch_execute(&make).await?;
    let reset = holder.plan_reset(&[]).await?;
    for round in 0..ROUNDS {
        figures.time(0, admin.simple_query("SELECT 1")).await?;
        figures.time(1, holder.admin()).await?;
        let own = format!("CREATE SCHEMA s{round}; SET search_path TO s{round}; {}", schema());
        figures.time(2, admin.batch_execute(&own)).await?;
        let drop_own = format!("RESET search_path; DROP SCHEMA s{round} CASCADE");
        admin.batch_execute(&drop_own).await?;
        for (row, method) in [(3, ResetMethod::Delete), (4, ResetMethod::Truncate)] {
            admin.batch_execute(&rows()).await?;
            figures.time(row, reset.clone().method(method).run_on(&admin)).await?;
        }
        admin.batch_execute(&rows()).await?;
        figures.time(5, holder.reset()).await?;
        for (row, strategy) in [(6, "wal_log"), (7, "file_copy")] {
            let create = format!("CREATE DATABASE copy TEMPLATE model STRATEGY {strategy}");
            figures.time(row, admin.batch_execute(&create)).await?;
            admin.batch_execute("DROP DATABASE copy").await?;
        }
        tokio::time::sleep(SETTLE).await;
        drop(figures.time(8, answering(cx.postgres())).await?);
        tokio::time::sleep(SETTLE).await;
        drop(figures.time(9, answering(cx.postgres_from(&template, migrate))).await?);
        tokio::time::sleep(SETTLE).await;
        let server = async { cx.postgres_server().await };
        let begun = Instant::now();
        let server = server.await?;
        server.connect().await?.simple_query("SELECT 1").await?;
        figures.0[10].push(begun.elapsed());
        drop(server);
        tokio::time::sleep(SETTLE).await;
        check(figures, 11, false).await?;
        tokio::time::sleep(SETTLE).await;
        check(figures, 12, true).await?;
        drop(pool.get().await?);
        drop(figures.time(13, pool.get()).await?);
    }
    Ok(admin.batch_execute("DROP DATABASE model").await?)
}

async fn answering<E: Into<Box<dyn Error + Send + Sync>>>(
    open: impl Future<Output = Result<Postgres, E>>,
) -> Result<Postgres> {
    let pg = open.await.map_err(Into::into)?;
    pg.connect().await?.simple_query("SELECT 1").await?;
    Ok(pg)
}

async fn check(figures: &mut Figures, row: usize, lives: bool) -> Result {
    let cx = context();
    cx.keep_databases_to_the_end();
    let pool = cx.postgres().await?.pool(4)?;
    pool.get().await?.simple_query("SELECT 1").await?;
    let pool = lives.then_some(pool);
    // The connections of a pool that was dropped are gone by now.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let left = figures.time(row, async { cx.leftovers_at_the_end() }).await?;
    drop(pool);
    if left.is_empty() { Ok(()) } else { Err(left.to_string().into()) }
}
