//! What a real driver and a real server make of faults at messages, on connections that were open
//! before the fault was injected, and over both ways through a link.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;

mod altering;
mod answering;
mod ending;
mod support;

use arena::{Arena, enter};
use chaos_core::postgres::Postgres;
use chaos_core::{Chaos, TestResult};

use crate::support::Way;

/// Declares tests, each of which is a function of its module that is called once for each way.
macro_rules! tests {
    ($($module:ident: $($name:ident),* $(,)?;)*) => {
        async fn act(role: &str, cx: &Chaos, pg: &Postgres, way: Way) -> TestResult {
            match role {
                $($(stringify!($name) => $module::$name(cx, pg, way).await,)*)*
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
    enter(async |role, stage| {
        for way in [Way::Stream, Way::Port] {
            let pg = stage.cx.postgres().await?;
            let client = pg.connect().await?;
            client.batch_execute("CREATE TABLE paid (id int PRIMARY KEY)").await?;
            drop(client);
            act(&role, &stage.cx, &pg, way).await?;
        }
        Ok(())
    });
}

tests! {
    altering:
        a_late_answer_is_late_and_whole,
        a_request_that_is_lost_is_not_carried_out,
        an_answer_to_a_commit_that_is_lost_has_committed,
        a_request_that_comes_twice_is_carried_out_twice,
        a_changed_row_arrives_changed;
    answering:
        an_error_at_a_commit_rolls_back,
        an_error_at_an_insert_aborts_the_transaction,
        an_error_outside_of_a_transaction_leaves_none_open,
        of_pipelined_requests_only_the_chosen_one_fails,
        a_commit_that_was_prepared_fails_and_is_over,
        an_error_ends_a_copy,
        a_fatal_error_ends_the_connection,
        a_start_that_is_refused_is_told_why;
    ending:
        a_request_to_commit_that_is_reset_commits_nothing,
        an_answer_to_a_commit_that_is_reset_has_committed,
        a_stalled_answer_to_a_commit_is_given_once_the_fault_is_cleared,
        a_statement_that_was_prepared_before_is_known_by_its_sql,
        the_second_of_two_statements_is_met_and_no_other,
        a_cut_behind_a_message_lets_it_pass,
        a_torn_row_arrives_in_part,
        a_copy_is_cut_at_its_third_piece,
        a_pool_that_was_warm_is_met,
        messages_are_told_by_expression_and_by_likeness,
        a_request_to_cancel_passes_and_counts_as_no_connection,
        the_third_commit_over_the_link_ends_all_of_its_connections,
        a_black_hole_at_a_commit_loses_it_in_silence;
}
