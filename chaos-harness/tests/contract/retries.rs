//! Attempts after the first.

use chaos_harness::core::verdict::Verdict;
use chaos_harness::exit_code;
use chaos_harness::run_event::{RunEvent, TestOutcome};

use crate::binary::Suite;

crate::tests![
    the_second_attempt_repeats_the_seed_and_later_ones_do_not,
    a_test_that_passes_at_last_has_passed_on_a_retry,
    the_number_of_retries_and_the_seed_can_be_set_from_outside,
    a_failure_that_is_allowed_fails_no_run,
    the_command_in_the_report_reproduces_the_seed,
];

fn seeds(suite: &Suite, arguments: &str) -> Vec<u64> {
    let run = suite.run(arguments);
    run.assert_code(exit_code::FAILED);
    for attempt in run.attempts() {
        let message = format!("failed with seed {}", attempt.seed);
        let failure = attempt.verdict.failure().unwrap();
        assert!(failure.message.contains(&message), "{failure} is not: {message}");
    }
    run.attempts().iter().map(|attempt| attempt.seed).collect()
}

fn the_second_attempt_repeats_the_seed_and_later_ones_do_not() {
    let seeds = seeds(&Suite::new(), "--exact suite::never_passes");
    assert_eq!(seeds.len(), 4);
    assert_eq!(seeds[..2], [42, 42]);
    assert!(seeds[2] != 42 && seeds[3] != 42 && seeds[2] != seeds[3], "{seeds:?}");
}

fn a_test_that_passes_at_last_has_passed_on_a_retry() {
    let run = Suite::new().run("--exact suite::passes_at_the_third_attempt");
    run.assert_code(exit_code::PASSED);
    let verdicts: Vec<_> = run.attempts().iter().map(|a| a.verdict.is_passed()).collect();
    assert_eq!(verdicts, [false, false, true]);
    let outcome = run.outcome("suite::passes_at_the_third_attempt");
    assert_eq!(outcome, Some(TestOutcome::PassedOnRetry));
}

fn the_number_of_retries_and_the_seed_can_be_set_from_outside() {
    let suite = Suite::new().with("CHAOS_RETRIES", "1").with("CHAOS_SEED", "7");
    assert_eq!(seeds(&suite, "--exact suite::never_passes"), [7, 7]);
    let suite = Suite::new().with("CHAOS_RETRIES", "0");
    assert_eq!(seeds(&suite, "--exact suite::never_passes"), [42]);
}

fn a_failure_that_is_allowed_fails_no_run() {
    let run = Suite::new().run("--exact suite::fails_as_it_may");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.outcome("suite::fails_as_it_may"), Some(TestOutcome::FailedAsAllowed));
    assert!(matches!(run.attempts()[0].verdict, Verdict::Failed(_)));
    assert!(run.stdout.contains("a known weakness"), "{}", run.stdout);
}

fn the_command_in_the_report_reproduces_the_seed() {
    let run = Suite::new().run("--exact suite::never_passes");
    let expected = "CHAOS_SEED=42 CHAOS_RETRIES=0 cargo test -p chaos-harness --test contract -- \
                    --exact suite::never_passes";
    assert!(run.stdout.contains(expected), "{}", run.stdout);
    let RunEvent::RunEnded(ended) = run.events.last().unwrap() else { unreachable!() };
    assert_eq!((ended.passed, ended.failed, ended.exit_code), (0, 1, exit_code::FAILED));
}
