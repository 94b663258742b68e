//! How long it takes to audit a database and to take its fingerprint, beside reading the same rows
//! once.
//!
//! `cargo run --release -p chaos-benches --bin audit`

use std::error::Error;
use std::time::{Duration, Instant};

use chaos_core::Chaos;
use chaos_core::journal::Journal;
use chaos_core::postgres::supervise_if_asked;
use chaos_core::seed::Seed;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How often each is measured, in turn.
const ROUNDS: usize = 7;

const SCHEMA: &str = "
CREATE TABLE customers (id serial PRIMARY KEY, email text NOT NULL UNIQUE CHECK (email LIKE '%@%'));
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int NOT NULL REFERENCES customers,
    total numeric NOT NULL CHECK (total >= 0), note text);
CREATE INDEX ON orders (customer);";

fn main() -> Result {
    supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(compare())
}

async fn compare() -> Result {
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    println!("rows      read once    fingerprint        audit   of it: fixed   audit / read once");
    let mut fixed = Duration::ZERO;
    for rows in [0_u32, 10_000, 100_000] {
        let pg = cx.postgres().await?;
        let client = pg.connect().await?;
        client.batch_execute(SCHEMA).await?;
        // A tenth of the rows are customers.
        let fill = format!(
            "INSERT INTO customers (email) SELECT i || '@example.org' FROM generate_series(1, {0}) i;
             INSERT INTO orders (customer, total, note)
                SELECT 1 + i % {0}, i, md5(i::text) FROM generate_series(1, {1}) i WHERE {0} > 0",
            rows / 10,
            rows - rows / 10
        );
        if rows > 0 {
            client.batch_execute(&fill).await?;
        }
        client.batch_execute("ANALYZE").await?;
        let [mut read, mut print, mut audit] = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            client
                .batch_execute(
                    "SELECT count(o::text) FROM orders o; SELECT count(c::text) FROM customers c",
                )
                .await?;
            read.push(begun.elapsed());
            let begun = Instant::now();
            pg.fingerprint().await?;
            print.push(begun.elapsed());
            let begun = Instant::now();
            pg.audit().await?.into_result()?;
            audit.push(begun.elapsed());
        }
        let [read, print, audit] = [read, print, audit].map(median);
        if rows == 0 {
            fixed = audit;
        }
        println!(
            "{rows:>7} {read:>12.1?} {print:>14.1?} {audit:>12.1?} {fixed:>14.1?} {:>19.1}",
            audit.as_secs_f64() / read.as_secs_f64()
        );
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
