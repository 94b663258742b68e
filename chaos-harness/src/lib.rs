//! Run chaos tests against a real PostgreSQL and learn how far to trust the verdict.

mod activity;
mod arguments;
mod attempt;
mod capability;
mod entry;
mod environment;
mod exclusive;
pub mod exit_code;
mod failure;
mod failure_text;
mod fixture_error;
mod history;
mod identity;
mod interrupt;
mod list;
mod nextest;
pub mod registry;
mod report;
mod run_directory;
pub mod run_event;
mod run_journal;
mod runner;
mod selection;
mod summary;
mod termination;

pub use chaos_core::{self as core, *};
pub use chaos_macros::chaos_test;

pub use crate::fixture_error::FixtureError;
pub use crate::termination::Termination;

/// Everything that a test file usually needs: `use chaos_harness::prelude::*;`
pub mod prelude {
    pub use chaos_core::prelude::*;

    pub use crate::chaos_test;
}

/// Turns a test file with `harness = false` into a suite of chaos tests.
#[macro_export]
macro_rules! main {
    () => {
        #[allow(dead_code, reason = "unused where `harness = false` was forgotten")]
        fn main() -> ::std::process::ExitCode {
            $crate::__private::main()
        }
    };
}

/// What the macros expand to. Not public API, and not subject to semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use chaos_core::Fixture as FixtureOfTest;
    pub use chaos_core::{Chaos, Fixture, TestError};
    pub use inventory;

    pub use crate::entry::{main, run_under_libtest};
    pub use crate::fixture_error::FixtureError;
    pub use crate::registry::{
        Declared, Flakiness, Gate, Options, ShouldPanic, TestCase, TestFuture,
    };
    pub use crate::termination::Termination;
    pub use crate::termination::Termination as ReturnedByTest;
}
