//! What the environment says, and where the files go.

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;

use crate::binary::Suite;

crate::tests![
    wrong_variables_are_all_named_and_run_nothing,
    a_list_does_not_depend_on_variables,
    the_timeout_can_be_changed,
    libtest_variables_are_read,
    a_directory_that_cannot_be_made_is_an_error_of_its_own,
    files_lie_in_the_workspace_wherever_the_binary_lies,
    what_a_test_starts_is_no_attempt,
];

fn wrong_variables_are_all_named_and_run_nothing() {
    let suite = Suite::new().with("CHAOS_SEED", "abc").with("CHAOS_TIMEOUT", "5");
    let run = suite.run("");
    run.assert_code(exit_code::USAGE);
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[0].contains("CHAOS_SEED") && lines[0].contains("\"abc\""), "{lines:#?}");
    assert!(lines[1].contains("CHAOS_TIMEOUT") && lines[1].contains("unit"), "{lines:#?}");
    assert!(run.events.is_empty() && run.stdout.is_empty());
}

fn a_list_does_not_depend_on_variables() {
    let run = Suite::new().with("CHAOS_SEED", "abc").run("--list --format terse");
    run.assert_code(exit_code::PASSED);
    assert!(run.stdout.contains("suite::passes: test"));
}

fn the_timeout_can_be_changed() {
    let suite = Suite::new().with("CHAOS_TIMEOUT", "200ms");
    let run = suite.run("--exact suite::waits_for_ever");
    run.assert_failure(FailureKind::Timeout, &["200ms"]);
    // It goes before the attribute, which says 300 ms.
    let run = suite.run("--exact suite::hangs_politely");
    run.assert_failure(FailureKind::Timeout, &["200ms"]);
}

fn libtest_variables_are_read() {
    let suite = Suite::new().with("RUST_TEST_NOCAPTURE", "1").with("RUST_TEST_THREADS", "1");
    let run = suite.run("--exact suite::passes");
    assert!(run.stdout.contains("printed by passes"), "{}", run.stdout);
}

fn a_directory_that_cannot_be_made_is_an_error_of_its_own() {
    let suite = Suite::new().with("CHAOS_DIR", "/proc/chaos");
    let run = suite.run("--exact suite::passes");
    run.assert_code(exit_code::HARNESS);
    for part in ["/proc/chaos", "CHAOS_DIR"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

fn files_lie_in_the_workspace_wherever_the_binary_lies() {
    let suite = Suite::new();
    let package = suite.scratch("workspace/member");
    std::fs::create_dir_all(&package).unwrap();
    std::fs::write(suite.scratch("workspace/Cargo.lock"), "").unwrap();
    let run = |variable: Option<(&str, &str)>| {
        let mut command = suite.command("--exact suite::passes");
        command.env_remove("CHAOS_DIR").env_remove("CARGO_TARGET_DIR");
        command.env("CARGO_MANIFEST_DIR", &package).envs(variable);
        assert!(command.output().unwrap().status.success());
    };
    run(None);
    assert!(suite.scratch("workspace/target/chaos/latest/run.jsonl").exists());
    run(Some(("CARGO_TARGET_DIR", "built")));
    assert!(suite.scratch("workspace/built/chaos/latest/run.jsonl").exists());
    run(Some(("CHAOS_DIR", "elsewhere")));
    assert!(suite.scratch("workspace/elsewhere/latest/run.jsonl").exists());
}

fn what_a_test_starts_is_no_attempt() {
    // A test binary that a test starts inherits the variable of the attempt.
    let suite = Suite::new().with("CHAOS_INTERNAL_ATTEMPT", "{}");
    let run = suite.run("--exact suite::passes");
    run.assert_code(exit_code::PASSED);
    assert!(run.stdout.contains("1 passed"), "{}", run.stdout);
    let run = suite.run("--chaos-attempt suite::passes");
    run.assert_code(exit_code::USAGE);
    assert!(run.stderr.contains("CHAOS_INTERNAL_ATTEMPT"), "{}", run.stderr);
}
