//! What a process for each attempt costs, beside the same tests in one process.
//!
//! `cargo run --release -p chaos-benches --bin attempt`
//!
//! The program is its own suite of empty tests. It runs the suite in rounds, one way after the
//! other, so that a machine that slows down does so for both.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use chaos_harness::prelude::*;

/// Set for the runs of the suite, and by inheritance for the processes of its attempts.
const SUITE: &str = "CHAOS_BENCH_SUITE";
const TESTS: u32 = 64;
const ROUNDS: usize = 7;

macro_rules! empty_tests {
    ($($name:ident)*) => { $(
        #[chaos_test]
        async fn $name(_cx: Chaos) {}
    )* };
}

mod eight {
    macro_rules! of_eight {
        ($($module:ident)*) => { $(
            mod $module {
                use super::super::*;
                empty_tests!(a b c d e f g h);
            }
        )* };
    }
    of_eight!(one two three four five six seven eight);
}

fn main() -> ExitCode {
    if std::env::var_os(SUITE).is_some() {
        return chaos_harness::__private::main();
    }
    let directory = std::env::temp_dir().join(format!("chaos-bench-{}", std::process::id()));
    let ways = [Way::NewProcess, Way::Isolated, Way::InProcess];
    let mut figures = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (way, figures) in ways.iter().zip(&mut figures) {
            match way.measure(&directory) {
                Ok(took) => figures.push(took / TESTS),
                Err(error) => {
                    eprintln!("error: failed to run {}: {error}", way.name());
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    // What cannot be removed is in the directory for temporary files.
    let _removed = std::fs::remove_dir_all(&directory);

    let [base, ..] = figures.each_mut().map(|figures| median(figures));
    println!("{:<36} {:>12} {:>8}", "for each of 64 empty tests", "median", "ratio");
    for (way, mut figures) in ways.iter().zip(figures) {
        let median = median(&mut figures);
        let ratio = median.as_secs_f64() / base.as_secs_f64();
        println!("{:<36} {:>9.3} ms {ratio:>8.2}", way.name(), median.as_secs_f64() * 1e3);
    }
    ExitCode::SUCCESS
}

enum Way {
    NewProcess,
    Isolated,
    InProcess,
}

impl Way {
    fn name(&self) -> &'static str {
        match self {
            Self::NewProcess => "this program, started to do nothing",
            Self::Isolated => "an attempt in a process of its own",
            Self::InProcess => "an attempt in the harness's process",
        }
    }

    /// How long [`TESTS`] of them take.
    fn measure(&self, directory: &std::path::Path) -> std::io::Result<Duration> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(&program);
        command.env(SUITE, "1").env("CHAOS_DIR", directory).stdout(Stdio::null());
        match self {
            Self::NewProcess => {
                command.args(["--list"]);
            }
            Self::Isolated => {
                command.args(["--test-threads=1"]);
            }
            Self::InProcess => {
                command.args(["--test-threads=1"]).env("CHAOS_IN_PROCESS", "1");
            }
        }
        let times = if matches!(self, Self::NewProcess) { TESTS } else { 1 };
        let began = Instant::now();
        for _ in 0..times {
            let status = command.status()?;
            if !status.success() {
                return Err(std::io::Error::other(format!("it ended with {status}")));
            }
        }
        Ok(began.elapsed())
    }
}

fn median(figures: &mut [Duration]) -> Duration {
    figures.sort_unstable();
    figures[figures.len() / 2]
}
