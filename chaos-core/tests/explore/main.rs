//! Services with a bug and their corrected twins, run once for each point at which they can break.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;

mod cancelling;
mod commits;
mod ledger;
mod naming;
mod refusing;

use arena::{Arena, enter};
use chaos_core::TestResult;

use crate::arena::Stage;

/// Declares tests, each of which is a function of its module that a process of its own calls.
macro_rules! tests {
    ($($module:ident: $($name:ident),* $(,)?;)*) => {
        async fn act(role: &str, stage: Stage) -> TestResult {
            match role {
                $($(stringify!($name) => $module::$name(stage).await,)*)*
                other => panic!("unknown role {other}"),
            }
        }

        $($(
            #[test]
            fn $name() {
                let arena = Arena::new();
                arena.start(stringify!($name)).finish();
                arena.assert_nothing_remains();
            }
        )*)*
    };
}

#[test]
fn entry() {
    enter(async |role, stage| act(&role, stage).await);
}

tests! {
    cancelling:
        a_transaction_that_a_dropped_future_leaves_open_is_found,
        a_transaction_that_is_rolled_back_when_dropped_is_clean,
        an_operation_that_is_dropped_after_each_of_its_polls,
        an_operation_that_waits_for_ever_is_found_and_one_with_a_timeout_is_not,
        what_a_session_is_left_with_is_found;
    commits:
        a_retry_that_applies_twice_is_found_where_the_commit_is_ambiguous,
        a_retry_with_a_key_is_clean_everywhere,
        a_commit_whose_error_is_swallowed_is_found,
        a_retry_that_breaks_at_the_second_failure_is_found_at_depth_two,
        a_server_that_is_killed;
    naming:
        a_token_repeats_its_point_alone,
        a_sample_is_the_same_in_every_run_and_the_rest_is_told,
        the_journal_has_every_point;
    refusing:
        a_scenario_that_is_not_the_same_twice,
        statements_that_differ_in_a_letter,
        a_scenario_that_fails_without_any_fault,
        a_scenario_that_never_talks_to_the_database,
        an_operation_that_makes_a_table;
}
