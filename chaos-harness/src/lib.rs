//! Run chaos tests against a real PostgreSQL and learn how far to trust the verdict.
//!
//! A test file with `harness = false` in the manifest holds functions marked [`chaos_test`] and one
//! [`main!`]. It takes the arguments of ordinary Rust tests (`cargo test --test chaos -- --help`
//! lists them) and answers with the codes in [`exit_code`].
//!
//! Every attempt at a test runs in a process of its own. A test that exits, aborts, overflows its
//! stack, hangs, or leaves a process behind fails with a sentence that says so, and takes no other
//! test with it.
//!
//! # Environment
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CHAOS_CONFIG` | where `chaos.toml` lies; relative to the root of the workspace | in the directory of the package, else the nearest one above it within the workspace |
//! | `CHAOS_ENVIRONMENT` | the environment of `chaos.toml`: `ci`, `local`, `validation`, or one that the file defines | `ci` where `CI` is set, else `local` |
//! | `CHAOS_PROFILE` | the hardware profile of `chaos.toml` | the first whose conditions are met |
//! | `CHAOS_SELECT` | runs a part of the suite: `smoke`, `comprehensive`, or a selection of `chaos.toml` | all tests |
//! | `CHAOS_SEED` | the seed of the first attempt at every test, over the one in the attribute | random |
//! | `CHAOS_TIMEOUT` | how long an attempt may take, over the time in the attribute: `30s`, `2m` | `60s` |
//! | `CHAOS_RETRIES` | how many more attempts a failed test gets, over the number in the attribute | the attribute's |
//! | `CHAOS_MAX_FAILURES` | how many tests may fail before failed tests are no longer retried | any number |
//! | `CHAOS_FLAKY_RESULT` | `fail` fails a test that passed on a retry | `pass` |
//! | `CHAOS_RUNS` | measures each selected test in so many runs at most, instead of running it once | |
//! | `CHAOS_LOAD_MULTIPLIER` | what `cx.load(..)` multiplies numbers of clients with, from 0.01 to 100 | measured against a machine of 4 cores and 8 GiB |
//! | `CHAOS_TIMEOUT_MULTIPLIER` | what `cx.timeout(..)` multiplies times with, from 0.01 to 100 | 1, and more on slow and busy machines |
//! | `CHAOS_POOL_SIZE` | what `cx.pool_size(..)` answers, whatever it is asked for | what is asked for, by the load multiplier |
//! | `CHAOS_DIAGNOSTICS` | how much before a failure is kept of journal, traces and server logs; `0s` keeps nothing | `5s` |
//! | `CHAOS_TRACE` | with the feature `tracing`: what is kept where the code under test sets no subscriber: `error`, `warn`, `info`, `debug`, `trace`, or `off` to set none | `info` |
//! | `CHAOS_DIR` | where journals, history and reports go; relative to the root of the workspace | `target/chaos` |
//! | `CHAOS_IN_PROCESS` | `1` runs each attempt in the process of the harness, for debuggers | `0` |
//! | `CHAOS_REPLAY` | the token of a point, which explorations try alone, or of a case, which properties do | every point, all cases |
//! | `CHAOS_BASELINE` | `save` or `compare`: what to do with the baselines that tests measure, see [`baselines`] | |
//! | `CHAOS_SHRINK_SECS` | for how long a failing case of a property is made smaller; it comes on top of the test's timeout | `30` |
//! | `CHAOS_KEEP` | `1` keeps the databases of attempts that failed | `0` |
//! | `RUST_TEST_THREADS` | how many tests run at once; `--test-threads` goes before it | one for each processor |
//! | `RUST_TEST_SHUFFLE` | anything but `0` runs tests in random order | sorted by name |
//! | `RUST_TEST_SHUFFLE_SEED` | the same, in the order that this number stands for | |
//! | `RUST_TEST_NOCAPTURE` | anything but `0` lets tests write to the terminal | captured |
//!
//! `CHAOS_IN_PROCESS` gives up what a process of its own buys: one test runs at a time, nothing is
//! captured, there is no deadline, and a test that hangs, aborts or exits takes the run with it.
//! [`postgres`] lists the variables that choose a server.
//!
//! # Map of the code
//!
//! * `entry`: how a process begins, as a helper, as an attempt, or as the harness.
//! * `arguments`, `environment`, `nextest`, `identity`: what it is told. `config`: `chaos.toml`.
//!   `settings`: which of them goes before which. [`registry`], `selection`,
//!   `list`: its tests.
//! * `runner`: the tests of a run, their attempts and retries. `capability`, `exclusive`,
//!   `interrupt`: when they run, and when they do not.
//! * `cases`: what a property expands to.
//! * `diagnostics`: what happened around a failure, in one file.
//! * `watch`: whether the machine could carry an attempt.
//! * `attempt`: one attempt, from both sides. `failure`, `activity`, `summary`: what it came to.
//! * [`baselines`]: how long things took, saved and compared.
//! * [`run_event`]: what happens in a run. `run_directory`, `run_journal`, `history`: where it is
//!   kept. `report`: how it is shown.

mod activity;
mod arguments;
mod attempt;
pub mod baselines;
mod capability;
#[cfg(feature = "property")]
mod cases;
mod config;
mod coverage;
mod diagnostics;
mod entry;
mod environment;
mod exclusive;
pub mod exit_code;
mod failure;
mod failure_text;
mod file_lock;
mod fixture_error;
pub mod gate;
mod identity;
mod interrupt;
mod judge;
mod list;
mod nextest;
mod phases;
mod quarantine;
pub mod registry;
mod repeat_command;
mod report;
mod revision;
mod run_directory;
pub mod run_event;
mod run_journal;
mod runner;
mod selection;
mod settings;
mod signature;
mod suggestion;
mod suite_check;
mod summary;
mod termination;
mod test_history;
pub mod triage;
mod watch;

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

    #[cfg(feature = "property")]
    pub use crate::cases::try_cases;
    pub use crate::entry::{main, run_under_libtest};
    pub use crate::fixture_error::FixtureError;
    pub use crate::registry::{
        Declared, Flakiness, Gate, Options, ShouldPanic, TestCase, TestFuture,
    };
    pub use crate::termination::Termination;
    pub use crate::termination::Termination as ReturnedByTest;
    pub use crate::test_history::judge_history;
}
