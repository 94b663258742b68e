//! How few elements are left of a list whose failure comes and goes, and in how many runs: see
//! `chaos_core::property::shrink`.
//!
//! `cargo run -p chaos-benches --release --bin shrinking`

use std::ops::ControlFlow;
use std::time::Instant;

use chaos_core::property::shrink::{FailureRate, minimise};
use chaos_core::seed::Seed;

const TRIALS: u32 = 2_000;

fn main() {
    println!("{TRIALS} searches each; 3 elements are needed\n");
    println!("elements  fails  repeats  left   exact   runs  us a search");
    // So many failures in so many runs.
    for (elements, failed, runs) in
        [(60, 1, 1), (60, 1, 2), (60, 1, 5), (60, 1, 10), (20, 1, 1), (20, 1, 2), (500, 1, 1)]
    {
        print(elements, FailureRate::measured(failed, runs));
    }
}

fn print(elements: usize, rate: FailureRate) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (mut left, mut exact, mut runs) = (0, 0, 0_u64);
    let began = Instant::now();
    for trial in 0..TRIALS {
        let mut draws = Seed(7).numbered(trial.into()).draws();
        let mut core = Vec::new();
        while core.len() < 3 {
            let element = usize::try_from(draws.below(elements as u64)).unwrap_or(0);
            if !core.contains(&element) {
                core.push(element);
            }
        }
        core.sort_unstable();
        let fails = async |kept: &[usize]| {
            runs += 1;
            let fails = draws.unit() < rate.get() && core.iter().all(|it| kept.contains(it));
            ControlFlow::Continue(fails)
        };
        let found = runtime.block_on(minimise(elements, rate, fails));
        left += found.kept.len();
        exact += u32::from(found.kept == core);
    }
    let micros = began.elapsed().as_secs_f64() * 1e6 / f64::from(TRIALS);
    let trials = f64::from(TRIALS);
    println!(
        "{elements:8}  {:4.0}%  {:7}  {:4.2}  {:4.0}%  {:5.1}  {micros:11.1}",
        rate.get() * 100.0,
        rate.repeats(),
        left as f64 / trials,
        f64::from(exact) * 100.0 / trials,
        runs as f64 / trials,
    );
}
