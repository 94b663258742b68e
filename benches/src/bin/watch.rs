//! What the resource watch costs beside an attempt.
//!
//! `cargo run --release -p chaos-benches --bin watch` (Linux)
//!
//! The program is its own suite of one test, which waits. The kernel counts for how long the thread that
//! watches had a processor; the bound is one percent of the time for which it watched.

use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use chaos_benches::watch_thread::ran;
use chaos_harness::prelude::*;

/// Set for the runs of the suite, and by inheritance for the process of its attempt.
const SUITE: &str = "CHAOS_BENCH_SUITE";

/// How long the attempt is watched.
const WATCHED: Duration = Duration::from_secs(20);

/// The greatest share of the time that watching may take.
const BOUND: f64 = 0.01;

#[chaos_test(timeout = "2m")]
async fn waits() {
    tokio::time::sleep(WATCHED + Duration::from_secs(10)).await;
}

fn main() -> ExitCode {
    if std::env::var_os(SUITE).is_some() {
        return chaos_harness::__private::main();
    }
    match measure() {
        Ok(share) => {
            println!(
                "watching took {:.3} % of the time (bound {:.0} %)",
                share * 100.0,
                BOUND * 100.0
            );
            if share <= BOUND { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// For which share of the time the watching thread had a processor.
fn measure() -> std::io::Result<f64> {
    let directory = tempfile::tempdir()?;
    let mut harness = Command::new(std::env::current_exe()?)
        .env(SUITE, "1")
        .env("CHAOS_DIR", directory.path())
        .stdout(Stdio::null())
        .spawn()?;
    let measured = share(&harness);
    harness.kill()?;
    harness.wait()?;
    measured
}

fn share(harness: &Child) -> std::io::Result<f64> {
    let began = loop {
        if ran(harness.id())?.is_some() {
            break Instant::now();
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    std::thread::sleep(WATCHED);
    let ended = || std::io::Error::other("the watch has ended before its time");
    let ran = ran(harness.id())?.ok_or_else(ended)?;
    Ok(ran.as_secs_f64() / began.elapsed().as_secs_f64())
}
