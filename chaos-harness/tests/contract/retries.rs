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
    a_violated_check_is_not_forgiven_by_a_retry,
    what_is_missing_at_a_retry_takes_no_failure_back,
    a_flaky_test_passes_as_often_as_it_says_and_pauses_before_its_retries,
    only_the_failures_that_are_named_are_retried,
    a_strict_run_fails_what_passed_on_a_retry,
    when_too_much_fails_nothing_is_retried,
    a_test_is_measured_until_its_category_is_decided,
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

fn a_violated_check_is_not_forgiven_by_a_retry() {
    let run = Suite::new().run("--exact suite::violates_a_check_at_first");
    run.assert_code(exit_code::FAILED);
    let verdicts: Vec<_> = run.attempts().iter().map(|a| a.verdict.is_passed()).collect();
    assert_eq!(verdicts, [false, true], "one more attempt, to see whether the seed reproduces it");
    assert!(run.stdout.contains("no retry forgives"), "{}", run.stdout);
}

fn what_is_missing_at_a_retry_takes_no_failure_back() {
    let run = Suite::new().run("--exact suite::loses_what_it_needs");
    run.assert_code(exit_code::FAILED);
    assert!(matches!(run.attempts()[1].verdict, Verdict::Skipped { .. }), "{:#?}", run.attempts());
    assert_eq!(run.outcome("suite::loses_what_it_needs"), Some(TestOutcome::Failed));
    assert!(run.stdout.contains("money is conserved: expected 1, found 0"), "{}", run.stdout);
    assert!(!run.stdout.contains("the server has gone"), "it was not skipped: {}", run.stdout);
}

fn a_flaky_test_passes_as_often_as_it_says_and_pauses_before_its_retries() {
    let run = Suite::new().run("--exact suite::needs_two_passes");
    run.assert_code(exit_code::PASSED);
    let verdicts: Vec<_> = run.attempts().iter().map(|a| a.verdict.is_passed()).collect();
    assert_eq!(verdicts, [false, true, true]);
    let waited: Vec<u64> = run
        .events
        .iter()
        .filter_map(|event| match event {
            RunEvent::AttemptStarted(started) => Some(started.waited_ms),
            _ => None,
        })
        .collect();
    assert!(waited[0] == 0 && (20..=40).contains(&waited[1]), "{waited:?}");
}

fn only_the_failures_that_are_named_are_retried() {
    let run = Suite::new().run("--exact suite::fails_otherwise_than_it_retries");
    run.assert_code(exit_code::FAILED);
    assert_eq!(run.attempts().len(), 1);
    assert!(run.stdout.contains("none that `only_retry` names"), "{}", run.stdout);
}

fn a_strict_run_fails_what_passed_on_a_retry() {
    let arguments = "--chaos-flaky-result fail --exact suite::passes_at_the_third_attempt";
    let run = Suite::new().run(arguments);
    run.assert_code(exit_code::FAILED);
    assert_eq!(run.attempts().len(), 3);
    assert!(run.stdout.contains("passed on attempt 3 and fails all the same"), "{}", run.stdout);
}

fn when_too_much_fails_nothing_is_retried() {
    let suite = Suite::new().with("CHAOS_MAX_FAILURES", "0");
    let run = suite.run("--exact suite::never_passes");
    run.assert_code(exit_code::FAILED);
    assert_eq!(run.attempts().len(), 1);
    assert!(run.stdout.contains("1 test has failed (max-failures is 0)"), "{}", run.stdout);
}

fn a_test_is_measured_until_its_category_is_decided() {
    // All runs fail, so the fewest that decide anything are enough.
    let run = Suite::new().run("--chaos-runs 50 --exact suite::fails_otherwise_than_it_retries");
    run.assert_code(exit_code::FAILED);
    // What an overloaded machine could not carry is no run of the test.
    let carried = run.attempts().iter().filter(|a| !a.verdict.is_environment()).count();
    assert_eq!(carried, 20);
    let seeds: std::collections::HashSet<u64> = run.attempts().iter().map(|a| a.seed).collect();
    assert_eq!(seeds.len(), run.attempts().len(), "every run has a fresh seed");
    assert!(run.stdout.contains("20 of 20 failed, broken"), "{}", run.stdout);
    let suite = Suite::new();
    let run = suite.run("--chaos-runs 3 --exact suite::violates_a_check_at_first");
    run.assert_code(exit_code::PASSED);
    assert_eq!(run.outcome("suite::violates_a_check_at_first"), Some(TestOutcome::Measured));
    assert!(run.stdout.contains("1 of 3 failed, undetermined"), "{}", run.stdout);
    let kept = std::fs::read_dir(suite.latest().join("suite.violates_a_check_at_first")).unwrap();
    let kept = kept.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let journals: Vec<String> = kept.filter(|name| name.ends_with(".jsonl")).collect();
    assert_eq!(journals, ["attempt-1.jsonl"], "of runs that passed nothing is kept");
    // Whoever chooses a seed wants to know how often that one fails.
    let run = suite.run("--chaos-runs 3 --chaos-seed 7 --exact suite::passes");
    let seeds: Vec<u64> = run.attempts().iter().map(|attempt| attempt.seed).collect();
    assert_eq!(seeds, [7, 7, 7]);
}
