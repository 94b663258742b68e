//! What the resource watch makes of failures on a machine that is overloaded, and on one that is not.
//!
//! The overload is real and bounded: the judge pins a thread of its own, and with it all that this
//! starts, to one processor, and has many threads work there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chaos_harness::core::verdict::{FailureKind, Verdict};
use chaos_harness::exit_code;
use chaos_harness::run_event::TestOutcome;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::binary::{Suite, eventually};

crate::tests![
    a_failure_on_an_overloaded_machine_is_environment_and_no_evidence,
    no_overload_excuses_a_violated_check,
    a_probe_that_is_woken_late_and_threads_that_starve_are_told_apart,
    once_the_machine_is_quiet_the_same_failure_counts,
    the_watch_can_be_turned_off,
    contention_that_the_machine_cannot_produce_is_environment,
    what_the_machine_could_not_carry_once_was_not_measured,
    loads_and_times_are_fitted_by_what_is_configured,
];

const TEST: &str = "suite::works_and_fails";

/// Threads that work on one processor, until they are dropped, or for two minutes.
struct Overload {
    before: CpuSet,
    goes_on: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Overload {
    /// Pins the calling thread and what it starts to one processor, with so many busy threads.
    fn of_this_thread(threads: usize) -> Self {
        let before = sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        let first = (0..CpuSet::MAX_CPU).find(|cpu| before.is_set(*cpu)).unwrap();
        one.set(first);
        sched_setaffinity(None, &one).unwrap();
        let goes_on = Arc::new(AtomicBool::new(true));
        let until = Instant::now() + Duration::from_secs(120);
        let work = || {
            let goes_on = Arc::clone(&goes_on);
            std::thread::spawn(move || {
                while goes_on.load(Ordering::Relaxed) && Instant::now() < until {
                    std::hint::spin_loop();
                }
            })
        };
        let threads = (0..threads).map(|_| work()).collect();
        Self { before, goes_on, threads }
    }
}

impl Drop for Overload {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        sched_setaffinity(None, &self.before).unwrap();
    }
}

/// A suite whose `chaos.toml` is this one.
fn suite_with(text: &str) -> Suite {
    let suite = Suite::new();
    let path = suite.scratch("chaos.toml");
    std::fs::write(&path, text).unwrap();
    suite.with("CHAOS_CONFIG", path.to_str().unwrap())
}

fn a_failure_on_an_overloaded_machine_is_environment_and_no_evidence() {
    let suite = suite_with("watch = { retries = 1, quiet-within = \"0s\" }\n");
    let overload = Overload::of_this_thread(60);
    let run = suite.run(&format!("--exact {TEST}"));
    drop(overload);
    run.assert_code(exit_code::ENVIRONMENT);
    assert_eq!(run.outcome(TEST), Some(TestOutcome::Environment));
    let attempts = run.attempts();
    assert_eq!(attempts.len(), 2, "{attempts:#?}");
    assert_eq!(attempts[0].seed, attempts[1].seed, "the first attempt is made again");
    for attempt in attempts {
        let Verdict::Environment { reason, failure: Some(failure) } = &attempt.verdict else {
            panic!("{attempt:#?}")
        };
        assert!(reason.contains("(bound "), "{reason}");
        assert_eq!(failure.kind, FailureKind::Error);
        let resources = attempt.resources.as_ref().unwrap();
        assert!(!resources.beyond.is_empty() && resources.probes > 0, "{resources:?}");
    }
    let line = format!("test {TEST} ... ignored, environment: ");
    assert!(run.stdout.contains(&line), "{}", run.stdout);
    assert!(run.stdout.contains("1 not judged (environment)"), "{}", run.stdout);
    let category = run.category(TEST);
    assert_eq!((category.n, category.failures), (0, 0), "it is no evidence");
}

fn no_overload_excuses_a_violated_check() {
    let suite = suite_with("watch = { retries = 1, quiet-within = \"0s\" }\n");
    let overload = Overload::of_this_thread(60);
    let run = suite.run("--exact suite::works_and_loses_money");
    drop(overload);
    run.assert_failure(FailureKind::Check, &["money is conserved: expected 10000, found 9995"]);
    let [attempt] = run.attempts()[..] else { panic!("{:#?}", run.attempts()) };
    let beyond = &attempt.resources.as_ref().unwrap().beyond;
    assert!(!beyond.is_empty(), "the machine was overloaded: {attempt:#?}");
}

fn a_probe_that_is_woken_late_and_threads_that_starve_are_told_apart() {
    let judged = |watch: &str| {
        let suite = suite_with(&format!("watch = {{ retries = 0, steal = \"100 %\", {watch} }}\n"));
        let overload = Overload::of_this_thread(60);
        let run = suite.run(&format!("--exact {TEST}"));
        drop(overload);
        let [attempt] = run.attempts()[..] else { panic!("{:#?}", run.attempts()) };
        match &attempt.verdict {
            Verdict::Environment { reason, .. } => reason.clone(),
            other => format!("{other:?}"),
        }
    };
    // What wakes waits at least for the tick that ends the turn of another: up to 4 ms.
    let late = judged("scheduling-delay = \"1ms\", starved = \"100 %\"");
    assert!(late.starts_with("a waiting task was woken ") && !late.contains(';'), "{late}");
    let starved = judged("scheduling-delay = \"1h\", starved = \"80 %\"");
    assert!(starved.starts_with("the test had no processor in "), "{starved}");
    let neither = judged("scheduling-delay = \"1h\", starved = \"100 %\"");
    assert!(neither.contains("it took too long"), "{neither}");
}

fn once_the_machine_is_quiet_the_same_failure_counts() {
    let suite = suite_with("watch.quiet-within = \"60s\"\n");
    let overload = Overload::of_this_thread(60);
    let mut command = suite.command(&format!("--exact {TEST}"));
    let mut running = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    // What it has started stays on its processor, which is left to it now.
    eventually("the machine is blamed for the first attempt", || {
        let ended = suite.events().iter().any(|event| {
            matches!(event, chaos_harness::run_event::RunEvent::AttemptEnded(ended)
                if ended.verdict.is_environment())
        });
        ended.then_some(())
    });
    drop(overload);
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(i32::from(exit_code::FAILED)));
    let run = suite.seen();
    assert_eq!(run.outcome(TEST), Some(TestOutcome::Failed));
    let verdicts: Vec<_> = run.attempts().iter().map(|it| it.verdict.is_environment()).collect();
    assert_eq!(verdicts, [true, false]);
    let category = run.category(TEST);
    assert_eq!((category.n, category.failures), (1, 1), "the attempt that was judged is evidence");
}

fn the_watch_can_be_turned_off() {
    let suite = suite_with("watch.enabled = false\n");
    let overload = Overload::of_this_thread(60);
    let run = suite.run(&format!("--exact {TEST}"));
    drop(overload);
    run.assert_failure(FailureKind::Error, &["it took too long"]);
    assert!(run.attempts()[0].resources.is_some(), "it is watched all the same");
}

fn contention_that_the_machine_cannot_produce_is_environment() {
    let suite = suite_with("watch = { retries = 1, quiet-within = \"0s\" }\n")
        .with("CHAOS_LOAD_MULTIPLIER", "1");
    let run = suite.run("--exact suite::wants_contention");
    // 1 of 2, the first step, is the half that it wants.
    run.assert_code(exit_code::PASSED);
    let suite = suite.with("CHAOS_LOAD_MULTIPLIER", "2");
    let run = suite.run("--exact suite::wants_contention");
    run.assert_code(exit_code::ENVIRONMENT);
    assert_eq!(run.attempts().len(), 2);
    let Verdict::Environment { reason, failure: None } = &run.attempts()[0].verdict else {
        panic!("{:#?}", run.attempts())
    };
    assert!(reason.contains("seen at most of 25.0 % with 32 clients, in 4 steps"), "{reason}");
}

fn what_the_machine_could_not_carry_once_was_not_measured() {
    let suite =
        suite_with("watch = { quiet-within = \"0s\" }\n").with("CHAOS_LOAD_MULTIPLIER", "2");
    let run = suite.run("--chaos-runs 2 --exact suite::wants_contention");
    run.assert_code(exit_code::ENVIRONMENT);
    assert_eq!(run.attempts().len(), 2);
    assert_eq!(run.outcome("suite::wants_contention"), Some(TestOutcome::Environment));
}

fn loads_and_times_are_fitted_by_what_is_configured() {
    let suite = suite_with("load = { multiplier = 0.5, timeout-multiplier = 3 }\n");
    suite.run("--exact suite::asks_what_suits_the_machine").assert_code(exit_code::PASSED);
    let run = suite.run("--exact suite::asks_what_suits_the_machine --chaos-pool-size 3");
    run.assert_failure(FailureKind::Check, &["pool"]);
}
