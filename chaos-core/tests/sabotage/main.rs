//! Faults of sessions, each on a real server: what the application meets, and that it is undone.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
#[macro_use]
#[path = "../support/scenes.rs"]
mod scenes;
mod given;
mod support;

use arena::{Arena, Stage};
use chaos_core::TestResult;

/// Plays what several processes or another user take part in.
async fn act(role: &str, stage: &Stage) -> TestResult {
    match role {
        "lend" => given::lend(stage).await,
        "plain" => given::plain(stage).await,
        "superuser" => given::superuser(stage).await,
        "doomed" => given::doomed(stage).await,
        "survivor" => given::survivor(stage).await,
        other => panic!("unknown role {other}"),
    }
}

scenes! {
    others: act;
    access:
        a_closed_database_lets_nobody_in,
        connection_limits_count_and_are_put_back,
        every_connection_of_the_server_is_taken,
        pg_hba_conf_rejects_the_application,
        rights_are_taken_and_given_back,
        what_reaches_others_is_refused_on_a_shared_server;
    commits:
        a_commit_is_aborted_and_nobody_knows,
        a_commit_takes_place_and_nobody_knows;
    conflicts:
        a_deadlock_has_the_victim_that_was_named,
        a_serialization_failure_is_made_and_retried;
    contract:
        a_schedule_holds_it,
        a_future_that_is_dropped_ends_it,
        a_panic_ends_it,
        two_faults_of_one_thing_compose_or_are_refused,
        what_touched_nothing_is_told;
    locks:
        a_table_is_held_until_it_is_cleared,
        an_advisory_lock_is_held,
        every_mode_holds_up_whom_the_manual_says,
        rows_are_held_and_others_are_free,
        unknown_tables_are_named,
        vacuum_removes_nothing_that_an_old_snapshot_sees;
    schema:
        a_cached_plan_is_invalid,
        a_transaction_that_is_in_the_way_is_named,
        names_are_hidden_and_come_back,
        sequences_run_out_and_give_numbers_twice;
    sessions:
        all_sessions_of_the_application_are_terminated,
        only_running_queries_are_cancelled,
        the_oldest_session_is_terminated;
    settings:
        all_sessions_are_reached_on_a_server_of_its_own,
        new_sessions_are_reached,
        wrong_settings_are_refused;
    writes:
        commits_are_slow_and_no_timeout_bounds_them,
        prepared_statements_are_forgotten,
        the_sqlstate_is_the_one_that_was_asked_for,
        writes_are_slow;
}

fn play(scene: &str) {
    let arena = Arena::new();
    arena.start(scene).finish();
    arena.assert_nothing_remains();
}
