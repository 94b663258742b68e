//! Faults of sessions, each on a real server: what the application meets, and that it is undone.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
mod support;

use arena::{Arena, enter};

/// Declares the scenes of each module, and one test for each of them: a process of its own that
/// plays the scene, and after which nothing may remain.
macro_rules! scenes {
    ($($module:ident: $($scene:ident),* $(,)?;)*) => {
        $(mod $module;)*

        #[test]
        fn entry() {
            enter(async |role, stage| {
                $($(if role == concat!(stringify!($module), "::", stringify!($scene)) {
                    return $module::$scene(stage.cx).await;
                })*)*
                panic!("unknown role {role}")
            });
        }

        mod on_a_real_server {
            $(mod $module {$(
                #[test]
                fn $scene() {
                    crate::play(concat!(stringify!($module), "::", stringify!($scene)));
                }
            )*})*
        }
    };
}

scenes! {
    contract:
        a_schedule_holds_it,
        a_future_that_is_dropped_ends_it,
        a_panic_ends_it,
        what_touched_nothing_is_told;
    locks:
        a_table_is_held_until_it_is_cleared,
        every_mode_holds_up_whom_the_manual_says,
        unknown_tables_are_named;
    sessions:
        all_sessions_of_the_application_are_terminated,
        the_oldest_session_is_terminated;
}

fn play(scene: &str) {
    let arena = Arena::new();
    arena.start(scene).finish();
    arena.assert_nothing_remains();
}
