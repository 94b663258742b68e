//! Pools on a real server: what their callers meet, who has their connections, how many callers it takes
//! for them to meet, and databases that are made ready for a test.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
#[macro_use]
#[path = "../support/scenes.rs"]
mod scenes;

use arena::Arena;

scenes! {
    contention:
        clients_are_added_until_they_wait_for_the_locks_of_rows,
        clients_are_added_until_they_are_refused_rows,
        clients_that_have_a_row_each_never_meet,
        clients_are_added_until_they_wait_for_the_pool;
    exhaustion:
        an_exhausted_pool_fails_its_callers_and_recovers_when_released,
        some_connections_can_be_left,
        connections_in_use_are_taken_when_they_come_back,
        a_schedule_exhausts_a_pool;
    faults:
        checkouts_are_slow_or_fail,
        connections_die_when_they_are_recycled,
        dead_connections_are_handed_out,
        opening_connections_is_slow_or_fails,
        poisoned_connections_are_handed_out_and_made_well_again,
        a_trigger_chooses_checkouts,
        idle_connections_expire;
    figures:
        a_pool_tells_who_waits_and_for_how_long,
        each_pool_has_figures_of_its_own_and_numbers_are_used_again,
        the_phases_of_a_run_show_the_pool_and_the_resources,
        operations_that_a_pool_kept_waiting_for_too_long_are_counted;
    herd:
        a_thousand_callers_share_ten_connections,
        more_than_a_hundred_connections_work,
        a_pool_that_cannot_be_filled_says_so;
    holders:
        whoever_holds_a_connection_is_known,
        a_bound_on_holding_is_checked,
        work_that_is_given_up_leaves_no_transaction_open,
        leftovers_are_told_without_a_harness;
    reset:
        tables_are_emptied_whatever_refers_to_what,
        some_tables_are_kept,
        an_unprivileged_user_resets_too,
        a_locked_table_is_told_with_its_holder;
    template:
        a_migration_runs_once_and_its_owner_owns_the_copies,
        a_migration_that_fails_is_tried_again,
        a_template_survives_its_maker;
}

#[test]
fn processes_share_a_template() {
    let arena = Arena::new();
    let scene = "template::a_template_survives_its_maker";
    let players: Vec<_> = (0..3).map(|_| arena.start(scene)).collect();
    players.into_iter().for_each(|player| player.finish());
    let migrations = std::fs::read_to_string(arena.path().join("migrations")).unwrap();
    assert_eq!(migrations.lines().count(), 1, "{migrations}");
    std::fs::remove_file(arena.path().join("migrations")).unwrap();
    arena.assert_nothing_remains();
}

fn play(scene: &str) {
    let arena = Arena::new();
    arena.start(scene).finish();
    // The only file that a scene writes.
    std::fs::remove_file(arena.path().join("migrations")).ok();
    arena.assert_nothing_remains();
}
