//! What each way to end an attempt looks like.

use std::process::Stdio;

use chaos_harness::core::verdict::{FailureKind, Verdict};
use chaos_harness::event::{Event, EventKind};
use chaos_harness::run_event::{RunEvent, TestOutcome};
use chaos_harness::{exit_code, journal};

use crate::binary::{Suite, wait_until_gone};

crate::tests![
    a_passing_test_is_recorded_from_beginning_to_end,
    an_exit_in_the_midst_is_no_pass,
    an_abort_is_told_from_a_stack_overflow,
    a_hang_ends_at_its_deadline_and_takes_its_children_with_it,
    a_test_that_returns_too_late_has_failed,
    a_panic_is_recorded_with_its_place,
    a_backtrace_ends_where_the_test_begins,
    a_panic_in_the_background_fails_the_test,
    a_process_that_is_left_behind_is_named_and_killed,
    a_fault_that_touched_nothing_fails_the_test,
    errors_keep_their_kind_their_place_and_their_sources,
    what_is_missing_skips_the_test,
    real_packet_faults_run_or_are_skipped_with_the_reason,
    a_test_that_should_panic_must_do_so_with_its_message,
    exclusive_tests_run_alone,
    other_tests_go_on_after_one_that_ends_its_process,
    output_is_captured_unless_asked_otherwise,
    an_attempt_in_process_has_the_same_verdict,
];

fn a_passing_test_is_recorded_from_beginning_to_end() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::passes");
    run.assert_code(exit_code::PASSED);
    let names: Vec<_> =
        run.events.iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    let names: Vec<_> = names.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = ["run_started", "attempt_started", "attempt_ended", "test_ended", "run_ended"];
    assert_eq!(names, expected);
    let RunEvent::AttemptStarted(started) = &run.events[1] else { unreachable!() };
    let events = journal::read::<Event>(&suite.latest().join(&started.journal)).unwrap().records;
    let (first, last) = (&events[0].what, &events.last().unwrap().what);
    assert!(
        matches!(first, EventKind::AttemptStarted { test, attempt: 1, seed, .. }
            if test == "suite::passes" && *seed == started.seed),
        "{first:?}"
    );
    assert_eq!(*last, EventKind::VerdictReached { result: Verdict::Passed });
    assert_eq!(run.attempts()[0].summary.notes, ["all is well"]);
}

fn an_exit_in_the_midst_is_no_pass() {
    let run = Suite::new().run("--exact suite::exits");
    run.assert_failure(FailureKind::Exit, &["code 0", "without a verdict"]);
    let run = Suite::new().run("--exact suite::exits_after_a_spawned_thread_did");
    run.assert_failure(FailureKind::Exit, &["code 7", "without a verdict"]);
}

fn an_abort_is_told_from_a_stack_overflow() {
    let run = Suite::new().run("--exact suite::aborts");
    run.assert_failure(FailureKind::Signal, &["aborted", "SIGABRT"]);
    // Also where nothing is captured: what it printed passes through the harness.
    for capture in ["", " --nocapture"] {
        let run = Suite::new().run(&format!("--exact suite::overflows{capture}"));
        run.assert_failure(FailureKind::Signal, &["stack overflow (SIGABRT)"]);
        assert_eq!(run.stderr.contains("has overflowed its stack"), !capture.is_empty());
    }
}

fn a_hang_ends_at_its_deadline_and_takes_its_children_with_it() {
    let run = Suite::new().run("--exact suite::hangs_politely");
    run.assert_failure(FailureKind::Timeout, &["300ms", "waiting for ever"]);
    let run = Suite::new().run("--exact suite::hangs_under_a_fault");
    run.assert_failure(FailureKind::Timeout, &["300ms", "active fault `service: stall"]);
    let suite = Suite::new();
    let run = suite.run("--exact suite::hangs_and_blocks");
    run.assert_failure(FailureKind::Hang, &["300ms", "blocking for ever", "killed"]);
    assert!(run.attempts()[0].duration_ns >= 300_000_000);
    wait_until_gone(&std::fs::read_to_string(suite.scratch("hanging_child")).unwrap());
}

fn a_test_that_returns_too_late_has_failed() {
    let run = Suite::new().run("--exact suite::returns_late");
    run.assert_failure(FailureKind::Timeout, &["returned after", "100ms"]);
}

fn a_panic_is_recorded_with_its_place() {
    let run = Suite::new().run("--exact suite::panics");
    run.assert_failure(FailureKind::Panic, &["the pool is empty"]);
    let location = run.failure().location.clone().unwrap();
    assert!(location.contains("suite.rs:"), "{location}");
}

fn a_backtrace_ends_where_the_test_begins() {
    let suite = Suite::new().with("RUST_BACKTRACE", "1");
    let run = suite.run("--exact suite::panics");
    let stderr = run.attempts()[0].stderr.clone().expect("the panic was printed");
    let stderr = std::fs::read_to_string(suite.latest().join(stderr)).unwrap();
    assert!(stderr.contains("stack backtrace:"), "{stderr}");
    // The frames of the runtime and of the harness are not what failed.
    assert!(!stderr.contains("block_on"), "{stderr}");
}

fn a_panic_in_the_background_fails_the_test() {
    let run = Suite::new().run("--exact suite::panics_in_a_task");
    run.assert_failure(FailureKind::BackgroundPanic, &["lost in a task"]);
    let run = Suite::new().run("--exact suite::panics_in_a_thread");
    run.assert_failure(FailureKind::BackgroundPanic, &["lost in a thread", "`helper`"]);
}

fn a_process_that_is_left_behind_is_named_and_killed() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::leaves_a_process");
    let pid = std::fs::read_to_string(suite.scratch("left_child")).unwrap();
    run.assert_failure(FailureKind::LeakedProcess, &[&pid, "sleep 1000", "killed"]);
    wait_until_gone(&pid);
}

fn a_fault_that_touched_nothing_fails_the_test() {
    let run = Suite::new().run("--exact suite::injects_what_touches_nothing");
    run.assert_failure(FailureKind::Vacuous, &["`stall", "`service`", "met no traffic"]);
    let run = Suite::new().run("--exact suite::injects_what_may_touch_nothing");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.attempts()[0].summary.faults.len(), 1);
}

fn errors_keep_their_kind_their_place_and_their_sources() {
    let run = Suite::new().run("--exact suite::fails_a_check");
    run.assert_failure(FailureKind::Check, &["money is conserved", "10000", "9990"]);
    assert!(run.failure().location.as_ref().unwrap().contains("suite.rs:"));
    let run = Suite::new().run("--exact suite::fails_with_sources");
    run.assert_failure(FailureKind::Error, &["failed to load the accounts: No such file"]);
}

fn what_is_missing_skips_the_test() {
    let run = Suite::new().run("--exact suite::needs_what_is_not_there");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.outcome("suite::needs_what_is_not_there"), Some(TestOutcome::Skipped));
    assert!(run.stdout.contains("no PostgreSQL in this galaxy"), "{}", run.stdout);
    assert!(run.stdout.contains("0 passed; 0 failed; 1 ignored"), "{}", run.stdout);
    let nothing = Suite::new().with("PATH", "/no/such/directory");
    let run = nothing.run("--exact suite::requires_what_is_not_there");
    run.assert_code(exit_code::PASSED);
    assert!(run.attempts().is_empty());
    assert!(run.stdout.contains("not available here: redis"), "{}", run.stdout);
}

fn real_packet_faults_run_or_are_skipped_with_the_reason() {
    let run = Suite::new().run("--exact suite::breaks_packets");
    run.assert_code(exit_code::PASSED);
    match run.outcome("suite::breaks_packets") {
        // The process of the wire is gone, or it would count as left behind.
        Some(TestOutcome::Passed) => {
            let faults = &run.attempts()[0].summary.faults;
            assert_eq!(faults[0].label, "kernel packet_delay 5ms ↕");
        }
        outcome => {
            assert_eq!(outcome, Some(TestOutcome::Skipped));
            assert!(run.stdout.contains("not available here: packet_faults ("), "{}", run.stdout);
        }
    }
}

fn a_test_that_should_panic_must_do_so_with_its_message() {
    Suite::new().run("--exact suite::panics_as_expected").assert_code(exit_code::PASSED);
    let run = Suite::new().run("--exact suite::panics_otherwise");
    run.assert_failure(FailureKind::MissingPanic, &["the pool is full", "is empty"]);
    let run = Suite::new().run("--exact suite::does_not_panic");
    run.assert_failure(FailureKind::MissingPanic, &["did not panic"]);
}

fn exclusive_tests_run_alone() {
    let suite = Suite::new();
    // Two processes with two threads each.
    let mut other = suite.command("runs_alone --test-threads 2");
    let mut other = other.stdout(Stdio::null()).spawn().unwrap();
    let run = suite.run("runs_alone --test-threads 2");
    assert!(other.wait().unwrap().success());
    run.assert_code(exit_code::PASSED);
    assert!(run.stdout.contains("2 passed"), "{}", run.stdout);
}

fn other_tests_go_on_after_one_that_ends_its_process() {
    let run = Suite::new().run("--exact suite::aborts suite::exits suite::passes");
    run.assert_code(exit_code::FAILED);
    assert!(run.stdout.contains("1 passed; 2 failed"), "{}", run.stdout);
}

fn output_is_captured_unless_asked_otherwise() {
    let suite = Suite::new();
    let run = suite.run("--exact suite::passes");
    let ended = run.attempts()[0];
    let stdout = ended.stdout.as_ref().expect("it printed something");
    let captured = std::fs::read_to_string(suite.latest().join(stdout)).unwrap();
    assert_eq!(captured, "printed by passes\n");
    assert_eq!(ended.stderr, None);
    assert!(!run.stdout.contains("printed by passes"), "{}", run.stdout);
    for spelling in ["--nocapture", "--no-capture"] {
        let run = Suite::new().run(&format!("--exact suite::passes {spelling}"));
        assert!(run.stdout.contains("printed by passes"), "{}", run.stdout);
        assert_eq!(run.attempts()[0].stdout, None);
    }
}

fn an_attempt_in_process_has_the_same_verdict() {
    let suite = Suite::new().with("CHAOS_IN_PROCESS", "1");
    let run = suite.run("--exact suite::passes suite::panics_in_a_task suite::panics_as_expected");
    run.assert_code(exit_code::FAILED);
    assert!(run.stdout.contains("2 passed; 1 failed"), "{}", run.stdout);
    let failure = run.attempts().iter().find_map(|ended| ended.verdict.failure().cloned());
    assert_eq!(failure.unwrap().kind, FailureKind::BackgroundPanic);
}
