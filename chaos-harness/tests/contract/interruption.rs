//! What is left of a run that was ended from outside.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;
use chaos_harness::run_event::{RunEvent, TestOutcome};

use crate::binary::{Suite, eventually, wait_until_gone};

crate::tests![
    an_interrupted_run_kills_its_attempts_and_says_so,
    a_killed_harness_leaves_no_attempt_behind,
    what_is_ignored_was_not_killed,
    a_harness_that_is_killed_in_a_storm_leaves_nothing_behind,
];

/// Starts a test that waits for ever, and returns the processes of its attempt.
fn start(suite: &Suite) -> (Child, Vec<String>) {
    let mut command = suite.command("--test-threads 1 waits_for_ever suite::passes");
    let harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = suite.scratch("running");
    let processes = eventually("the attempt runs", || std::fs::read_to_string(&running).ok());
    (harness, processes.split_whitespace().map(str::to_owned).collect())
}

pub(crate) fn kill(signal: &str, pid: u32) {
    // Every shell knows `kill`; a program of that name is not on every system.
    let script = format!("kill {signal} {pid}");
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

fn an_interrupted_run_kills_its_attempts_and_says_so() {
    for (signal, code) in [("-INT", exit_code::INTERRUPTED), ("-TERM", exit_code::TERMINATED)] {
        // Of the tests that were selected, the one that waits is the last in order.
        let suite = Suite::new();
        let (mut harness, processes) = start(&suite);
        kill(signal, harness.id());
        assert_eq!(harness.wait().unwrap().code(), Some(i32::from(code)));
        for pid in processes {
            wait_until_gone(&pid);
        }
        let events = suite.events();
        let interrupted = events.iter().any(|event| match event {
            RunEvent::AttemptEnded(ended) => ended
                .verdict
                .failure()
                .is_some_and(|failure| failure.kind == FailureKind::Interrupted),
            _ => false,
        });
        assert!(interrupted, "{events:#?}");
        let skipped = events.iter().any(|event| {
            matches!(event, RunEvent::TestEnded(ended) if ended.outcome == TestOutcome::Skipped)
        });
        assert!(skipped, "{events:#?}");
        assert!(matches!(events.last(), Some(RunEvent::RunEnded(end)) if end.exit_code == code));
    }
}

fn a_killed_harness_leaves_no_attempt_behind() {
    let suite = Suite::new();
    let (mut harness, processes) = start(&suite);
    kill("-KILL", harness.id());
    harness.wait().unwrap();
    for pid in processes {
        wait_until_gone(&pid);
    }
    // The beginning without an end is what tells of the kill.
    let events = suite.events();
    assert!(matches!(events.last(), Some(RunEvent::AttemptStarted(_))), "{events:#?}");
}

fn what_is_ignored_was_not_killed() {
    let suite = Suite::new();
    // In their order it would come after the one that runs, and so it does not come.
    let mut command = suite.command("--test-threads 1 waits_for_ever is_ignored");
    command.arg("--shuffle-seed").arg(order_with_ignored_last(&suite));
    let mut harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let running = suite.scratch("running");
    eventually("the attempt runs", || std::fs::read_to_string(&running).ok());
    kill("-KILL", harness.id());
    harness.wait().unwrap();
    let judged = suite.run("--chaos-judge");
    judged.assert_code(exit_code::FAILED);
    let part = "did not come to an end (were they killed?):\n    suite::waits_for_ever\n";
    assert!(judged.stdout.contains(part), "{}", judged.stdout);
    assert!(!judged.stdout.contains("    suite::is_ignored\n"), "{}", judged.stdout);
}

/// A seed that puts the test that waits before the one that is ignored.
fn order_with_ignored_last(suite: &Suite) -> String {
    let is_first = |seed: &u64| {
        let list = suite.run(&format!("--list waits_for_ever is_ignored --shuffle-seed {seed}"));
        list.stdout.starts_with("suite::waits_for_ever")
    };
    (0..64).find(is_first).unwrap().to_string()
}

fn a_harness_that_is_killed_in_a_storm_leaves_nothing_behind() {
    let suite = Suite::new();
    let mine = format!("CHAOS_CONTRACT_SCRATCH={}\0", suite.scratch("").display());
    let mine = mine.trim_end_matches("/\0").to_owned();
    for round in 0..10 {
        let mut command = suite.command("suite::p suite::w");
        let mut harness = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // The moment of the kill moves over the starts of several attempts.
        std::thread::sleep(std::time::Duration::from_millis(3 + 4 * round));
        harness.kill().unwrap();
        harness.wait().unwrap();
    }
    eventually("no process of the suite is left", || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let left = entries.filter(|entry| is_mine(&entry.path(), &mine)).count();
        (left == 0).then_some(())
    });
}

/// Whether a living process was started with this variable.
fn is_mine(process: &Path, variable: &str) -> bool {
    let environment = std::fs::read(process.join("environ")).unwrap_or_default();
    let environment = String::from_utf8_lossy(&environment);
    environment.split('\0').any(|entry| entry == variable)
}
