//! What was measured so far, and the table of it.

use std::cell::{Cell, RefCell};
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

/// How often each is measured in one pass: ten values.
const SAMPLING: Sampling = Sampling::new().at_most(10);

/// What was measured so far.
pub(crate) struct Bench {
    began: Instant,
    part: Cell<&'static str>,
    kept: RefCell<Vec<Kept>>,
}

/// The values of one thing, of all passes so far.
struct Kept {
    part: &'static str,
    name: String,
    durations: Vec<Duration>,
}

impl Bench {
    /// Nothing was measured yet. Says what machine this is.
    pub(crate) fn begin(machine: &Machine, server: &str) -> Self {
        println!("{}", described(machine, server));
        println!(
            "Times in the unit beside each. Intervals: mean by Student's t, median by bootstrap."
        );
        Self { began: Instant::now(), part: Cell::new(""), kept: RefCell::default() }
    }

    /// Begins a part of the table.
    pub(crate) fn part(&self, name: &'static str) {
        self.part.set(name);
    }

    /// Measures how long an operation takes.
    pub(crate) async fn time<T, E: Into<TestError>>(
        &self,
        name: &str,
        operation: impl AsyncFn() -> Result<T, E>,
    ) -> Result {
        self.keep(name, SAMPLING.measure(name, operation).await?.durations());
        Ok(())
    }

    /// Measures how long an operation takes with what is made anew for each value.
    pub(crate) async fn time_with<S, T, E: Into<TestError>, F: Into<TestError>>(
        &self,
        name: &str,
        setup: impl AsyncFn() -> Result<S, E>,
        operation: impl AsyncFn(&S) -> Result<T, F>,
    ) -> Result {
        let baseline = SAMPLING.measure_with_setup(name, setup, operation).await?;
        self.keep(name, baseline.durations());
        Ok(())
    }

    /// Keeps what was measured in one pass.
    pub(crate) fn keep(&self, name: &str, durations: &[Duration]) {
        let mut kept = self.kept.borrow_mut();
        match kept.iter_mut().find(|kept| kept.name == name) {
            Some(kept) => kept.durations.extend(durations),
            None => {
                let (part, name) = (self.part.get(), name.to_owned());
                kept.push(Kept { part, name, durations: durations.to_vec() });
            }
        }
    }

    /// Shows all of it.
    pub(crate) fn end(self) -> Result<Measured> {
        let measured = Measured::default();
        let kept = self.kept.into_inner();
        for part in kept.chunk_by(|a, b| a.part == b.part) {
            head(part[0].part);
            for Kept { name, durations, .. } in part {
                let baseline = Baseline::of(name, durations.clone())?;
                row(&baseline);
                measured.push(&baseline);
            }
        }
        let took = rounded(self.began.elapsed());
        println!("\n{} baselines in {}", kept.len(), Display(took));
        Ok(measured)
    }
}

/// The head of a part of the table.
fn head(part: &str) {
    println!();
    let columns = ["n", "mean", "sd", "min", "p50", "p95", "p99", "max"];
    let columns: String = columns.iter().map(|name| format!(" {name:>7} |")).collect();
    println!("| {part:<NAMES$} |{columns} {:>17} | {:>17} |", "mean, 95 %", "median, 95 %");
    let rule = format!(" {} |", "-".repeat(6) + ":").repeat(8);
    let wide = format!(" {} |", "-".repeat(16) + ":").repeat(2);
    println!("| {} |{rule}{wide}", "-".repeat(NAMES));
}

fn row(baseline: &Baseline) {
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
