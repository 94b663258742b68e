//! Services with a bug and their corrected twins, run once for each point at which they can break.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;

mod commits;
mod ledger;

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
    commits:
        a_retry_that_applies_twice_is_found_where_the_commit_is_ambiguous,
        a_retry_with_a_key_is_clean_everywhere;
}
