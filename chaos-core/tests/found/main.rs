//! A museum of wrong implementations, each of which has to be found.
//!
//! Every module holds one service twice: as people get it wrong, and as it is right. The wrong one
//! is run until it is found out, for the reason that it is there for; the right one is tried a hundred
//! times, and nothing may be found. A trial is a run, or one point of an exploration.
//! `docs/found.md` lists what is here.

#![cfg(target_os = "linux")]

#[path = "../support/arena.rs"]
mod arena;
mod specimen;
mod table;
mod thousand;

use std::sync::{Arc, Mutex, Weak};

use arena::{Arena, enter};
use specimen::{Case, Specimen};

/// Declares the specimens: one module and one test for each.
macro_rules! museum {
    ($($module:ident: $specimen:ident;)*) => {
        $(mod $module;)*

        /// All cases, in the order of the table.
        const CASES: &[Case] = &[$(<$module::$specimen as Specimen>::CASE),*];

        #[test]
        fn entry() {
            enter(async |role, stage| {
                $(if role == stringify!($module) {
                    return specimen::exhibit::<$module::$specimen>(&stage).await;
                }
                if role == concat!("measure ", stringify!($module)) {
                    return table::look::<$module::$specimen>(&stage).await;
                })*
                if role == "thousand" {
                    return thousand::a_thousand_clients_share_four_connections(stage.cx).await;
                }
                panic!("unknown role {role}")
            });
        }

        mod is_found {$(
            #[test]
            fn $module() {
                crate::play(stringify!($module));
            }
        )*}

        /// Prints how many runs it took each time, of many times.
        #[test]
        #[ignore = "for the figures of docs/found.md: cargo test --test found measure -- --ignored --nocapture"]
        fn measure() {
            $(table::measure(stringify!($module), &<$module::$specimen as Specimen>::CASE);)*
        }
    };
}

museum! {
    retry_applies_twice: RetryAppliesTwice;
    cancelled_in_transaction: CancelledInTransaction;
    outbox_beside: OutboxBeside;
    resumed_twice: ResumedTwice;
    gap_in_numbers: GapInNumbers;
    lost_update: LostUpdate;
    write_skew: WriteSkew;
    version_bump: VersionBump;
    largest_plus_one: LargestPlusOne;
    job_taken_twice: JobTakenTwice;
    lease_without_fencing: LeaseWithoutFencing;
    stale_cache: StaleCache;
    error_swallowed: ErrorSwallowed;
    rollback_taken_for_ok: RollbackTakenForOk;
    timeout_too_short: TimeoutTooShort;
    returned_in_transaction: ReturnedInTransaction;
    unlocked_elsewhere: UnlockedElsewhere;
    retry_storm: RetryStorm;
}

#[test]
fn a_thousand_clients_share_four_connections() {
    play("thousand");
}

/// The place of the server that all tests of this binary share, as long as one of them runs.
fn arena() -> Arc<Arena> {
    static SHARED: Mutex<Weak<Arena>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let arena = shared.upgrade().unwrap_or_else(|| Arc::new(Arena::new()));
    *shared = Arc::downgrade(&arena);
    arena
}

fn play(specimen: &str) {
    arena().start(specimen).finish();
}
