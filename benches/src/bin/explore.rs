//! What an exploration costs: injections per second for a transfer of five statements, at every
//! message, with one worker and with four.
//!
//! `cargo run --release -p chaos-benches --bin explore`
//!
//! Beside each figure stands the processor time that this process and the server took for each point,
//! which a busy machine does not change as much. `CHAOS_BENCH_ROUNDS` sets how often each is measured.

use std::error::Error;
use std::time::Duration;

use chaos_core::Chaos;
use chaos_core::explore::{Explored, Granularity, Mode, cut_points};
use chaos_core::journal::Journal;
use chaos_core::postgres::supervise_if_asked;
use chaos_core::seed::Seed;
use deadpool_postgres::Pool;

type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

const SCHEMA: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
    CREATE TABLE transfers (key bigint PRIMARY KEY, amount bigint NOT NULL);
    INSERT INTO accounts SELECT id, 100 FROM generate_series(1, 10) AS id;";

fn main() -> Result {
    supervise_if_asked();
    chaos_core::reexec::set_arguments([]);
    let rounds = std::env::var("CHAOS_BENCH_ROUNDS").ok().and_then(|it| it.parse().ok());
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(measure(rounds.unwrap_or(3)))
}

async fn measure(rounds: usize) -> Result {
    println!("| what | points | least | a second | processor here | processor of the server |");
    println!("|---|--:|--:|--:|--:|--:|");
    let cx = Chaos::new(Seed(1), Journal::in_memory());
    // The server stays while somebody holds a database.
    let holder = cx.postgres().await?;
    let asked = "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)";
    let server: String = holder.admin().await?.query_one(asked, &[]).await?.get(0);
    let this = std::process::id().to_string();
    for (name, workers, modes, checks) in [
        ("cut and torn, 1 worker", 1, vec![Mode::Cut, Mode::Torn], false),
        ("cut and torn, 2 workers", 2, vec![Mode::Cut, Mode::Torn], false),
        ("cut and torn, 4 workers", 4, vec![Mode::Cut, Mode::Torn], false),
        ("stalled and cancelled, 4 workers", 4, vec![Mode::Cancel], false),
        ("all usual modes, 4 workers", 4, Mode::usual(), false),
        ("the same with a check", 4, Mode::usual(), true),
    ] {
        let mut best: Option<(Duration, usize, [f64; 2])> = None;
        for _ in 0..rounds {
            let before = [&this, &server].map(|process| processor_time(process));
            let explored = explored(&cx, workers, &modes, checks).await?;
            let after = [&this, &server].map(|process| processor_time(process));
            let spent = [after[0] - before[0], after[1] - before[1]];
            let points = explored.met();
            if best.is_none_or(|(least, ..)| explored.took < least) {
                best = Some((explored.took, points, spent));
            }
        }
        let Some((least, points, spent)) = best else { continue };
        let seconds = least.as_secs_f64();
        let rate = points as f64 / seconds;
        let [here, there] = spent.map(|spent| spent / points as f64 * 1e3);
        println!(
            "| {name} | {points} | {seconds:.2} s | {rate:.0} | {here:.2} ms | {there:.2} ms |"
        );
    }
    Ok(())
}

async fn explored(cx: &Chaos, workers: usize, modes: &[Mode], checks: bool) -> Result<Explored> {
    let points = cut_points().granularity(Granularity::Message).modes(modes.iter().copied());
    let exploring = cx
        .explore(points)
        .workers(workers)
        .setup(async |pg| {
            let pool = pg.pool(1)?;
            pool.get().await?.batch_execute(SCHEMA).await?;
            Ok(pool)
        })
        .run(transfer);
    if !checks {
        return Ok(exploring.await?);
    }
    // It asks for nothing: what a check costs by itself is that commits are watched for it.
    Ok(exploring.check(async |_: &Pool, _| Ok(())).await?)
}

/// Tried again under the same key, three times in all.
async fn transfer(pool: &Pool) -> Result {
    let mut last = transfer_once(pool).await;
    for _ in 0..2 {
        if last.is_ok() {
            break;
        }
        last = transfer_once(pool).await;
    }
    last
}

async fn transfer_once(pool: &Pool) -> Result {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let lock = "SELECT balance FROM accounts WHERE id = $1 FOR UPDATE";
    transaction.query_one(lock, &[&1_i32]).await?;
    let insert = "INSERT INTO transfers VALUES ($1, 50) ON CONFLICT DO NOTHING";
    if transaction.execute(insert, &[&7_i64]).await? == 1 {
        let update = "UPDATE accounts SET balance = balance + $2 WHERE id = $1";
        transaction.execute(update, &[&1_i32, &-50_i64]).await?;
        transaction.execute(update, &[&2_i32, &50_i64]).await?;
    }
    Ok(transaction.commit().await?)
}

/// What a process and its children did so far, in seconds; those that have ended too, once they are
/// waited for.
fn processor_time(process: &str) -> f64 {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let ticks = stats.filter_map(|stat| {
        let (name, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let is_itself = name.split_once(' ').is_some_and(|(pid, _)| pid == process);
        let is_child = *fields.get(1)? == process;
        let times = if is_itself { 11..15 } else { 11..13 };
        let times = times.filter_map(|index| fields.get(index)?.parse::<f64>().ok());
        (is_itself || is_child).then(|| times.sum::<f64>())
    });
    // A tick is 10 ms on every Linux that runs this.
    ticks.sum::<f64>() / 100.0
}
