//! What was measured so far, and the table of it.

use std::cell::Cell;
use std::error::Error;
use std::time::{Duration, Instant};

use chaos_core::baseline::{Baseline, Sampling};
use chaos_core::duration::{Display, rounded};
use chaos_core::machine::Machine;
use chaos_core::prelude::*;
use chaos_core::stats::Interval;
use chaos_harness::baselines::Measured;

pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How wide the column of names is: as the longest name.
const NAMES: usize = 44;

/// What was measured so far.
pub(crate) struct Bench {
    pub(crate) measured: Measured,
    began: Instant,
    count: Cell<usize>,
}

impl Bench {
    /// Begins the table: what machine this is, and what the columns are.
    pub(crate) fn begin(machine: &Machine, server: &str) -> Self {
        println!("{}", described(machine, server));
        println!(
            "Times in the unit beside each. Intervals: mean by Student's t, median by bootstrap."
        );
        Self { measured: Measured::default(), began: Instant::now(), count: Cell::new(0) }
    }

    /// Begins a part of the table.
    pub(crate) fn part(&self, name: &str) {
        println!();
        let columns = ["n", "mean", "sd", "min", "p50", "p95", "p99", "max"];
        let columns: String = columns.iter().map(|name| format!(" {name:>7} |")).collect();
        println!("| {name:<NAMES$} |{columns} {:>17} | {:>17} |", "mean, 95 %", "median, 95 %");
        let rule = format!(" {} |", "-".repeat(6) + ":").repeat(8);
        let wide = format!(" {} |", "-".repeat(16) + ":").repeat(2);
        println!("| {} |{rule}{wide}", "-".repeat(NAMES));
    }

    /// Measures how long an operation takes: 30 to 1000 values, in about a second at most.
    pub(crate) async fn time<T, E: Into<TestError>>(
        &self,
        name: &str,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result {
        let sampling = Sampling::new().at_least(30).within(1.secs());
        self.keep(&sampling.measure(name, operation).await?);
        Ok(())
    }

    /// Keeps what was measured, and shows it.
    pub(crate) fn keep(&self, baseline: &Baseline) {
        let summary = baseline.summary();
        let figures = [
            summary.mean,
            summary.deviation,
            summary.min,
            summary.median,
            summary.p95,
            summary.p99,
            summary.max,
        ];
        let figures: String = figures.iter().map(|it| format!(" {:>7} |", time(*it))).collect();
        let range = |it: Interval| format!("{:>7} – {:>7}", time(it.low), time(it.high));
        println!(
            "| {:<NAMES$} | {:>7} |{figures} {} | {} |",
            baseline.name(),
            summary.n,
            range(summary.mean_95),
            range(summary.median_95),
        );
        self.measured.push(baseline);
        self.count.set(self.count.get() + 1);
    }

    /// Ends the table.
    pub(crate) fn end(&self) {
        let took = rounded(self.began.elapsed());
        println!("\n{} baselines in {}", self.count.get(), Display(took));
    }
}

/// The machine, and what else it does.
fn described(machine: &Machine, server: &str) -> String {
    let Machine { os, arch, cores, .. } = machine;
    let processor =
        machine.processor.as_deref().unwrap_or("a processor that does not say its name");
    #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
    let memory = machine.memory.map_or_else(String::new, |bytes| {
        format!(", {:.1} GiB", bytes as f64 / f64::from(1_u32 << 30))
    });
    let kernel = machine.kernel.as_deref().map_or_else(String::new, |it| format!(", kernel {it}"));
    let load = machine
        .load_average
        .map_or_else(String::new, |[load, ..]| format!(", load average {load:.2}"));
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!(
        "{os} {arch}, {cores} cores ({processor}){memory}{kernel}{load}; PostgreSQL {server}; {build} \
         build"
    )
}

fn time(seconds: f64) -> String {
    Display(rounded(Duration::try_from_secs_f64(seconds).unwrap_or_default())).to_string()
}
