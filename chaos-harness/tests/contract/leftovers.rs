//! What tests must not leave behind in their databases.

use chaos_harness::core::verdict::FailureKind;
use chaos_harness::exit_code;

use crate::binary::{Run, Suite};

crate::tests![
    a_transaction_that_was_left_open_is_found_however_it_is_hidden,
    a_connection_that_was_not_returned_is_found_with_its_place,
    locks_and_prepared_transactions_are_found,
    what_is_allowed_or_not_looked_at_fails_nothing,
    what_is_left_behind_does_not_hide_the_failure,
    a_test_that_cleans_up_passes,
    a_server_that_was_stopped_is_a_note,
];

fn run(test: &str) -> Run {
    Suite::new().with("RUST_BACKTRACE", "1").run(&format!("--exact suite::sessions::{test}"))
}

fn assert_left(test: &str, parts: &[&str]) {
    run(test).assert_failure(FailureKind::Leftover, parts);
}

fn a_transaction_that_was_left_open_is_found_however_it_is_hidden() {
    let returned = "was returned to its pool with an open transaction";
    assert_left(
        "returns_an_open_transaction",
        &["an open transaction: connection", returned, "suite/sessions.rs:11:", "dropped with it"],
    );
    assert_left(
        "goes_on_in_the_transaction_of_another",
        &[returned, "sessions.rs:18:", "went on in it with its next holder", "sessions.rs:19:"],
    );
    assert_left(
        "keeps_a_session_idle_in_a_transaction",
        &["session ", "is idle in transaction", "holds", "BEGIN; CREATE TABLE kept ()"],
    );
}

fn a_connection_that_was_not_returned_is_found_with_its_place() {
    let run = run("leaks_a_connection");
    let parts = ["a leaked connection", "is still open although its pool was dropped"];
    run.assert_failure(FailureKind::Leftover, &parts);
    let location = run.failure().location.clone().unwrap_or_default();
    assert!(location.contains("suite/sessions.rs:37:"), "{location}");
    let parts = ["a leaked connection", "was not returned to its pool", "sessions.rs:44:"];
    assert_left("never_gives_a_connection_back", &parts);
    let run =
        Suite::new().with("RUST_BACKTRACE", "0").run("--exact suite::sessions::leaks_a_connection");
    run.assert_failure(FailureKind::Leftover, &["RUST_BACKTRACE=1 shows where"]);
}

fn locks_and_prepared_transactions_are_found() {
    assert_left("keeps_an_advisory_lock", &["a lock", "1 advisory lock", "pg_advisory_lock(42)"]);
    let prepared = ["a prepared transaction", "`half-done`, prepared by `chaos_"];
    assert_left("leaves_a_prepared_transaction", &prepared);
}

fn what_is_allowed_or_not_looked_at_fails_nothing() {
    run("leaves_what_it_may").assert_code(exit_code::PASSED);
    run("is_not_looked_at").assert_code(exit_code::PASSED);
}

fn what_is_left_behind_does_not_hide_the_failure() {
    let run = run("fails_and_leaks");
    run.assert_failure(FailureKind::Error, &["money is gone\nleft behind: a leaked connection"]);
}

fn a_test_that_cleans_up_passes() {
    run("leaves_nothing").assert_code(exit_code::PASSED);
}

fn a_server_that_was_stopped_is_a_note() {
    let run = run("stops_its_server");
    run.assert_code(exit_code::PASSED);
    let notes = run.attempts()[0].summary.notes.join("\n");
    assert!(notes.contains("could not be looked at: failed to"), "{notes}");
}
