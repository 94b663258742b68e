//! What it costs to collect the figures of a load, to trace it, and to watch it.
//!
//! `cargo run --release -p chaos-benches --bin metrics [-- ROUNDS]` (Linux)
//!
//! The program is its own suite of one test, so that the load runs as in any attempt: watched, with its
//! journal in a file. Eight clients update a row of their own each, as fast as they can, in four ways
//! that take turns within each round, so that what the machine does besides meets all of them:
//!
//! * `server`: a plain pool of deadpool that leads to the server itself, in a loop;
//! * `loop`: the pool of the library, `pg.pool()`, in the same loop;
//! * `run`: the same pool in `cx.run(..)`, with every operation in the journal and among the figures;
//! * `traced`: the same with a span and an event for each operation, all of which are kept.
//!
//! Each way is compared with the one before it, round by round; the interval is that of the mean of the
//! rounds. Throughput and latency are those of the operations while the load lasts. Processor time is that of
//! the attempt's process, which the server's is beside; of a run it includes its beginning and its end, where
//! the figures are made.

use std::fmt::Write as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use chaos_benches::watch_thread::ran;
use chaos_core::seed::Seed;
use chaos_core::stats::SampleSummary;
use chaos_harness::prelude::*;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use futures::future::join_all;
use rustix::time::{ClockId, clock_gettime};
use tokio_postgres::NoTls;
use tracing::Instrument;

/// Where the test writes what it measured; set for the runs of the suite.
const SUITE: &str = "CHAOS_BENCH_SUITE";

/// How many rounds it makes.
const ROUNDS: &str = "CHAOS_BENCH_ROUNDS";

const CLIENTS: u32 = 8;

/// How long each way is measured in each round.
const SLICE: Duration = Duration::from_secs(2);

/// The greatest share of the throughput that figures may cost.
const BOUND: f64 = 0.01;

const WAYS: [&str; 4] = ["server", "loop", "run", "traced"];

/// What a way came to in a round.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// Operations a second.
    rate: f64,
    /// Processor time of an operation in this process, in microseconds.
    cpu: f64,
    p50: f64,
    p99: f64,
}

impl Measured {
    /// What operations came to that ended within a slice.
    fn of(mut latencies: Vec<Duration>, cpu: Duration) -> Self {
        latencies.sort_unstable();
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let at = |share: usize| {
            let place = (latencies.len() * share).div_ceil(100).saturating_sub(1);
            latencies.get(place).copied().map_or(0.0, micros)
        };
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let n = latencies.len().max(1) as f64;
        Self { rate: n / SLICE.as_secs_f64(), cpu: micros(cpu) / n, p50: at(50), p99: at(99) }
    }
}

fn process_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    Duration::from_secs(seconds) + Duration::from_nanos(nanos)
}

async fn update(pool: &Pool, client: u32) -> TestResult {
    let connection = pool.get().await?;
    let statement = "UPDATE account SET balance = balance + 1 WHERE id = $1";
    let statement = connection.prepare_cached(statement).await?;
    connection.execute(&statement, &[&i32::try_from(client)?]).await?;
    Ok(())
}

/// The load without the library: a loop for each client, on the caller's task.
async fn in_a_loop(pool: &Pool) -> TestResult<Measured> {
    let (began, cpu) = (Instant::now(), process_time());
    let client = async |client: u32| {
        let mut latencies = Vec::with_capacity(1 << 16);
        while began.elapsed() < SLICE {
            let operation = Instant::now();
            update(pool, client).await?;
            if began.elapsed() < SLICE {
                latencies.push(operation.elapsed());
            }
            tokio::task::yield_now().await;
        }
        TestResult::Ok(latencies)
    };
    let all = join_all((0..CLIENTS).map(client)).await;
    let cpu = process_time() - cpu;
    let latencies = all.into_iter().collect::<TestResult<Vec<_>>>()?.concat();
    Ok(Measured::of(latencies, cpu))
}

async fn in_a_run(cx: &Chaos, pool: &Pool, is_traced: bool) -> TestResult<Measured> {
    let cpu = process_time();
    let plan = Schedule::new().calm(SLICE);
    let run = cx
        .run(plan, CLIENTS, async |client| {
            if !is_traced {
                return update(pool, client.id()).await;
            }
            let traced = async {
                let updated = update(pool, client.id()).await;
                tracing::info!(ok = updated.is_ok(), "updated");
                updated
            };
            traced.instrument(tracing::info_span!("update", client = client.id())).await
        })
        .await?;
    let cpu = process_time() - cpu;
    run.error_rate_at_most(0.percent())?;
    // Connections for what a run asks of the server are opened before it, and figures made after it.
    let phase = run.phases().first().ok_or("the run has no phase")?;
    let until = (phase.began + SLICE).min(phase.ended);
    let within = run.operations().iter().filter(|it| it.ended <= until);
    Ok(Measured::of(within.map(|it| it.ended - it.began).collect(), cpu))
}

#[chaos_test(timeout = "1h")]
async fn measures(cx: Chaos) -> TestResult {
    let pg = cx.postgres().await?;
    pg.admin()
        .await?
        .batch_execute(
            "CREATE TABLE account (id int PRIMARY KEY, balance bigint);
             INSERT INTO account SELECT n, 0 FROM generate_series(0, 7) n;
             GRANT ALL ON account TO PUBLIC",
        )
        .await?;
    let clients = usize::try_from(CLIENTS)?;
    let plain = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let plain = Manager::from_config(pg.direct_config(), NoTls, plain);
    let plain = Pool::builder(plain).max_size(clients).build()?;
    let pool = pg.pool(clients)?;
    let rounds: usize = std::env::var(ROUNDS)?.parse()?;
    let mut text = String::new();
    // The first one warms up.
    for round in 0..=rounds {
        // Each way follows each other one as often.
        for place in 0..WAYS.len() {
            let way = (place + round) % WAYS.len();
            let Measured { rate, cpu, p50, p99 } = match WAYS[way] {
                "server" => in_a_loop(&plain).await?,
                "loop" => in_a_loop(&pool).await?,
                name => in_a_run(&cx, &pool, name == "traced").await?,
            };
            if round > 0 {
                writeln!(text, "{round} {way} {rate} {cpu} {p50} {p99}")?;
            }
        }
    }
    std::fs::write(std::env::var(SUITE)?, text)?;
    Ok(())
}

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    if std::env::var_os(SUITE).is_some() {
        return chaos_harness::__private::main();
    }
    let rounds = std::env::args().nth(1).map_or(Ok(20), |rounds| rounds.parse());
    let measured = rounds.map_err(Into::into).and_then(measure);
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the suite, prints what it measured, and says whether figures are within their bound.
fn measure(rounds: usize) -> Result<bool> {
    let directory = tempfile::tempdir()?;
    let results = directory.path().join("results");
    let mut harness = Command::new(std::env::current_exe()?)
        .env(SUITE, &results)
        .env(ROUNDS, rounds.to_string())
        .env("CHAOS_DIR", directory.path())
        .stdout(Stdio::null())
        .spawn()?;
    let watch = share_of_watch(&mut harness)?;
    if !harness.wait()?.success() {
        return Err("the suite failed; see above".into());
    }
    let text = std::fs::read_to_string(results)?;
    let mut ways: [Vec<Measured>; 4] = Default::default();
    for line in text.lines() {
        let fields: Vec<f64> = line.split(' ').map_while(|field| field.parse().ok()).collect();
        let [_, way, rate, cpu, p50, p99] = fields[..] else {
            return Err(format!("{line:?} is no result").into());
        };
        let way = WAYS.iter().zip(&mut ways).nth(way as usize).ok_or("no such way")?.1;
        way.push(Measured { rate, cpu, p50, p99 });
    }
    println!("{rounds} rounds of {SLICE:?} for each way, {CLIENTS} clients; means");
    for (name, rounds) in WAYS.iter().zip(&ways) {
        let mean = |of: fn(&Measured) -> f64| summary(rounds.iter().map(of)).map(|it| it.mean);
        println!(
            "  {name:<8} {:>8.0} operations/s   p50 {:>6.0} µs   p99 {:>6.0} µs   {:>6.2} µs of processor each",
            mean(|it| it.rate)?,
            mean(|it| it.p50)?,
            mean(|it| it.p99)?,
            mean(|it| it.cpu)?,
        );
    }
    let mut is_within = true;
    for (before, after) in [(0, 1), (1, 2), (2, 3)] {
        let pairs = || ways[before].iter().zip(&ways[after]);
        let lost = summary(pairs().map(|(before, after)| 1.0 - after.rate / before.rate))?;
        let median = summary(pairs().map(|(before, after)| after.p50 / before.p50 - 1.0))?;
        let cpu = summary(pairs().map(|(before, after)| after.cpu - before.cpu))?;
        println!(
            "{} after {}: throughput {:+.2} % ({:+.2} to {:+.2}), p50 {:+.2} %, processor {:+.2} µs an operation ({:+.2} to {:+.2})",
            WAYS[after],
            WAYS[before],
            -lost.mean * 100.0,
            -lost.mean_95.high * 100.0,
            -lost.mean_95.low * 100.0,
            median.mean * 100.0,
            cpu.mean,
            cpu.mean_95.low,
            cpu.mean_95.high,
        );
        if WAYS[after] == "run" {
            is_within = lost.mean_95.low <= BOUND;
        }
    }
    println!("the watch beside the attempt took {:.3} % of the time", watch * 100.0);
    let verdict = if is_within { "is not shown to exceed" } else { "exceeds" };
    println!("what figures cost {verdict} {:.0} %", BOUND * 100.0);
    Ok(is_within)
}

fn summary(values: impl Iterator<Item = f64>) -> Result<SampleSummary> {
    let values: Vec<f64> = values.collect();
    SampleSummary::of(&values, Seed(1)).ok_or_else(|| "at least two rounds are needed".into())
}

/// For which share of the time the watching thread of the harness had a processor.
fn share_of_watch(harness: &mut Child) -> Result<f64> {
    let mut first = None;
    let mut share = 0.0;
    while harness.try_wait()?.is_none() {
        // The thread goes with the attempt.
        if let Ok(Some(ran)) = ran(harness.id()) {
            let now = Instant::now();
            let (began, before) = *first.get_or_insert((now, ran));
            let seconds = now.duration_since(began).as_secs_f64();
            if seconds > 1.0 {
                share = (ran - before).as_secs_f64() / seconds;
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(share)
}
