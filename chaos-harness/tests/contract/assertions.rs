//! What the assertions in the code under test make of a test.

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;
use chaos_harness::run_event::TestOutcome;

use crate::binary::Suite;

crate::tests![
    what_always_holds_and_does_not_fails_the_attempt,
    what_never_comes_about_fails_the_test_over_all_its_attempts,
    what_comes_about_in_one_attempt_is_enough,
    what_a_test_has_to_reach_fails_it,
];

fn what_always_holds_and_does_not_fails_the_attempt() {
    for how in ["", " --force-run-in-process"] {
        let test = "--exact suite::assertions::what_always_holds_does_not";
        let run = Suite::new().run(&format!("{test}{how}"));
        run.assert_failure(
            FailureKind::Assertion,
            &[
                "always! `sums are right` did not hold 1 of 2 times; the first time: 1 + 1 = 2",
                "unreachable! `nobody comes here` was reached 1 times",
            ],
        );
        assert!(run.failure().location.as_ref().unwrap().contains("assertions.rs:"));
    }
}

fn what_never_comes_about_fails_the_test_over_all_its_attempts() {
    let run = Suite::new().run("--exact suite::assertions::what_sometimes_holds_never_does");
    run.assert_code(exit_code::FAILED);
    assert_eq!(run.failure_kinds(), [FailureKind::NeverHeld; 2]);
    let last = run.attempts()[1].verdict.failure().unwrap().message.clone();
    let part = "`a retry is seen` was evaluated 2 times and never held in any of the 2 attempts";
    assert!(last.contains(part), "{last}");
    // What passed attempts saw is removed where a test is measured, so none could stand in for another.
    let test = "--exact suite::assertions::what_sometimes_holds_never_does";
    let measured = Suite::new().run(&format!("{test} --chaos-runs 2"));
    let last = measured.attempts()[1].verdict.failure().unwrap().message.clone();
    let part = "was evaluated 1 times and never held in the only attempt";
    assert!(last.contains(part), "{last}");
}

fn what_comes_about_in_one_attempt_is_enough() {
    let run = Suite::new().run("--exact suite::assertions::what_sometimes_holds_does_on_a_retry");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.attempts().len(), 2);
    assert_eq!(
        run.outcome("suite::assertions::what_sometimes_holds_does_on_a_retry"),
        Some(TestOutcome::PassedOnRetry)
    );
}

fn what_a_test_has_to_reach_fails_it() {
    let run = Suite::new().run("--exact suite::assertions::what_has_to_be_reached_is_not");
    run.assert_failure(FailureKind::NeverHeld, &["`the fallback` has to be reached"]);
    assert!(!run.failure().message.contains("ordinary"), "{}", run.failure().message);
}
