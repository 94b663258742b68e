//! Properties on a real server: bugs that are planted, found, made small, kept and tried again.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
#[macro_use]
#[path = "../support/scenes.rs"]
mod scenes;
mod bank;

use arena::Arena;

scenes! {
    bugs:
        a_retry_that_applies_twice_is_found_and_kept,
        a_cache_that_is_ahead_of_its_commit_is_found,
        a_lost_update_of_two_workers_is_found,
        a_bug_that_comes_and_goes_is_found,
        the_corrected_twin_is_clean;
    cases:
        cases_that_prove_nothing_are_no_pass,
        a_property_has_to_run_its_plan,
        a_panic_and_a_hang_fail_their_case,
        what_a_case_leaves_behind_fails_it,
        a_kept_case_that_passes_is_noted,
        a_time_is_replaced_by_the_message_it_met;
    strategies:
        postgres_takes_every_table,
        postgres_gives_back_what_it_takes,
        postgres_refuses_what_is_no_text;
}

/// Plays one scene in a process of its own.
fn play(scene: &str) {
    let arena = Arena::new();
    arena.start(scene).finish();
    arena.assert_nothing_remains();
}
