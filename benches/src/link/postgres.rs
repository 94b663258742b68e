//! What a connection to PostgreSQL costs through the port of a link, as a stream, and without a link.

use std::time::{Duration, Instant};

use chaos_core::journal::Journal;
use chaos_core::postgres::Postgres;
use chaos_core::seed::Seed;
use chaos_core::{Chaos, TestResult};
use deadpool_postgres::{Manager, Object, Pool};
use tokio_postgres::{Config, NoTls};

use super::{median, micros, quantile};

const ROUNDS: usize = 7;
const OPENED: usize = 30;
const QUERIES: usize = 500;

/// Measures and prints.
pub fn run() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if let Err(error) = runtime.block_on(measure()) {
        println!("PostgreSQL: not measured: {error}\n");
    }
}

async fn measure() -> TestResult {
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    let pg: Postgres = cx.postgres().await?;
    let pools = [
        ("direct", pool_of(pg.direct_config())?),
        ("stream, pg.pool()", pg.pool(1)?),
        ("port, pg.config()", pool_of(pg.config())?),
    ];
    let mut opened = [const { Vec::new() }; 3];
    let mut queried = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (way, (_, pool)) in pools.iter().enumerate() {
            let mut times = open_query_close(pool).await?;
            opened[way].push(micros(quantile(&mut times, 0.5)));
            let mut times = queries(pool).await?;
            queried[way].push(micros(quantile(&mut times, 0.5)));
        }
    }
    println!("PostgreSQL            open, query, close µs  / direct     query µs  / direct");
    for (way, (name, _)) in pools.iter().enumerate() {
        let (open, query) = (median(&mut opened[way].clone()), median(&mut queried[way].clone()));
        let (opens, queries) = (ratio(&opened, way), ratio(&queried, way));
        println!("  {name:26} {open:12.1}   {opens:9.3}   {query:10.1}  {queries:9.3}");
    }
    println!("  (the stream is to stay below 1.05)\n");
    Ok(())
}

/// The median of the ratios to the first way, round by round.
fn ratio(figures: &[Vec<f64>; 3], way: usize) -> f64 {
    let mut ratios: Vec<_> =
        figures[way].iter().zip(&figures[0]).map(|(figure, direct)| figure / direct).collect();
    median(&mut ratios)
}

fn pool_of(config: Config) -> TestResult<Pool> {
    Ok(Pool::builder(Manager::new(config, NoTls)).max_size(1).build()?)
}

async fn open_query_close(pool: &Pool) -> TestResult<Vec<Duration>> {
    let mut times = Vec::with_capacity(OPENED);
    for _ in 0..OPENED {
        let begun = Instant::now();
        let client = pool.get().await?;
        client.simple_query("SELECT 1").await?;
        drop(Object::take(client));
        times.push(begun.elapsed());
    }
    Ok(times)
}

async fn queries(pool: &Pool) -> TestResult<Vec<Duration>> {
    let client = pool.get().await?;
    let mut times = Vec::with_capacity(QUERIES);
    for _ in 0..QUERIES {
        let begun = Instant::now();
        client.simple_query("SELECT 1").await?;
        times.push(begun.elapsed());
    }
    drop(Object::take(client));
    Ok(times)
}
