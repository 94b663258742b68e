//! Chaos tests in a file whose manifest entry lacks `harness = false`, so that libtest runs them.
//!
//! The tests that fail do so only when this binary runs itself, with a variable that says so.

use std::process::{Command, Output};

use chaos_harness::prelude::*;

const FAIL: &str = "CHAOS_FORGOTTEN_FAIL";

fn is_to_fail() -> bool {
    std::env::var_os(FAIL).is_some()
}

#[chaos_test]
async fn passes(cx: Chaos) -> TestResult {
    cx.check("one is one", 1, 1)
}

#[chaos_test]
fn is_run_in_a_process_of_its_own() {
    if is_to_fail() {
        std::process::exit(0);
    }
}

#[chaos_test]
async fn fails_a_check(cx: Chaos) -> TestResult {
    eprintln!("printed by fails_a_check");
    cx.check("nothing is to fail", is_to_fail(), false)
}

/// What an attempt starts inherits the variable that made it an attempt.
#[chaos_test]
fn starts_this_binary_again_as_an_ordinary_one() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", "passes"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("test passes ... ok"), "{text}");
}

#[chaos_test]
async fn is_skipped_where_something_is_missing() -> TestResult {
    let reason = "no PostgreSQL in this galaxy".to_owned();
    Err(chaos_harness::Error::Unavailable { reason }.into())
}

#[chaos_test]
#[should_panic(expected = "on purpose")]
async fn panics_as_expected() {
    panic!("on purpose");
}

chaos_harness::main!();

/// Runs some tests of this binary in a directory of their own.
fn run(arguments: &[&str]) -> (Output, String) {
    run_with(arguments, &[])
}

fn run_with(arguments: &[&str], variables: &[(&str, &str)]) -> (Output, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).env(FAIL, "1").env("CHAOS_DIR", directory.path());
    // Where nextest runs this test, it does not run what this test starts.
    command.env_remove("NEXTEST_EXECUTION_MODE").env("RUST_BACKTRACE", "0");
    command.envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8(text).unwrap())
}

#[test]
fn an_exit_in_the_midst_ends_neither_the_run_nor_in_a_pass() {
    let (output, text) = run(&["--exact", "is_run_in_a_process_of_its_own", "passes"]);
    assert_eq!(output.status.code(), Some(101), "{text}");
    assert!(text.contains("test passes ... ok"), "{text}");
    assert!(text.contains("1 passed; 1 failed"), "{text}");
    assert!(text.contains("exited with code 0 in the midst of the test"), "{text}");
}

#[test]
fn a_failure_comes_with_its_output_and_the_command_that_repeats_it() {
    let (_, text) = run(&["--exact", "fails_a_check"]);
    for part in ["nothing is to fail", "printed by fails_a_check", "CHAOS_SEED="] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let command = "cargo test -p chaos-harness --test forgotten_harness -- --exact fails_a_check";
    assert!(text.contains(command), "{text}");
    // What libtest prints in the process of the attempt is no output of the test.
    assert!(!text.contains("    running 1 test"), "{text}");
    // Where the harness tells libtest of it is not where the test failed.
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn that_nothing_is_selected_is_told() {
    let variables = [("CHAOS_SELECT", "smoke")];
    let (output, text) = run_with(&["--exact", "passes", "--nocapture"], &variables);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("libtest runs the tests, so nothing is selected"), "{text}");
}

#[test]
fn what_is_missing_is_told_and_fails_nothing() {
    let (output, text) = run(&["--exact", "is_skipped_where_something_is_missing", "--nocapture"]);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("skipped: no PostgreSQL in this galaxy"), "{text}");
}
