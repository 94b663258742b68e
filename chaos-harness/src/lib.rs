//! Chaos tests for Rust services: your real code runs against a real PostgreSQL while faults are
//! injected, and the report says whether it kept its promises, how long it took to recover, and how
//! far the verdict can be trusted.
//!
//! # Getting started
//!
//! ```toml
//! # Cargo.toml, with chaos-harness among the dev-dependencies
//! [[test]]
//! name = "chaos"
//! harness = false
//! ```
//!
//! ```
//! // tests/chaos.rs
//! use chaos_harness::prelude::*;
//!
//! /// Queries succeed again within two seconds of an outage.
//! #[chaos_test(retries = 3)]
//! async fn queries_recover(cx: Chaos) -> TestResult {
//!     let pg = cx.postgres().await?; // a database of its own, behind a link of its own
//!     let pool = pg.pool(4)?; // give this ordinary pool to your code
//!
//!     let plan = Schedule::new().calm(500.ms()).hold(500.ms(), &pg, cut()).calm(1.secs());
//!     let query = async |_: Client| -> TestResult {
//!         pool.get().await?.simple_query("SELECT 1").await?;
//!         Ok(())
//!     };
//!     let run = cx.run(plan, 4, query).await?; // four clients, over and over
//!     Ok(run.recovers_within(2.secs())?)
//! }
//!
//! chaos_harness::main!();
//! ```
//!
//! Run it with `cargo test --test chaos`. Filters and the other arguments of ordinary Rust tests
//! work; `cargo test --test chaos -- --help` lists all options. The exit codes are those in
//! [`exit_code`]. PostgreSQL has to be installed: [`postgres`] says where it is looked for.
//!
//! Every attempt at a test runs in a process of its own. A test that exits, aborts, overflows its
//! stack, hangs, or leaves a process behind fails with that as the reason, and takes no other test
//! with it.
//!
//! # Where to find what
//!
//! This crate re-exports all of `chaos-core`, so everything is reached from here.
//!
//! | for | see |
//! |---|---|
//! | the options of a test, and its parameters | [`chaos_test`], [`Fixture`] |
//! | what a test can do | [`Chaos`], [`prelude`] |
//! | faults of connections, and how to inject them | [`fault`], [`link::Target`], [`schedule`] |
//! | faults of the server, its sessions and pools | [`sabotage`], [`postgres`] |
//! | a fault at every point of a scenario | [`explore`] |
//! | random operations and faults | `property` (a cargo feature, on by default) |
//! | clients with a checker, and checkers alone | [`workload`], [`mod@check`] |
//! | figures of a run and bounds on them | [`run`], [`metrics`], [`baseline`] |
//! | assertions in the code under test | [`mod@assert`] |
//!
//! The guides in the directory `docs` of the repository explain each of these, `chaos.toml`, reports,
//! flakiness and gates.
//!
//! # Environment
//!
//! A variable overrides `chaos.toml`, which overrides the attribute of a test.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `CHAOS_CONFIG` | the path of `chaos.toml`, relative to the root of the workspace | in the directory of the package, else the nearest one above it within the workspace |
//! | `CHAOS_ENVIRONMENT` | the environment of `chaos.toml`: `ci`, `local`, `validation`, or one that the file defines | `ci` where `CI` is set, else `local` |
//! | `CHAOS_PROFILE` | the hardware profile of `chaos.toml` | the first whose conditions are met |
//! | `CHAOS_SELECT` | runs a part of the suite: `smoke`, `comprehensive`, or a selection of `chaos.toml` | all tests |
//! | `CHAOS_SEED` | the seed of the first attempt at every test | the attribute's, or random |
//! | `CHAOS_SET` | values of any keys of `chaos.toml` for this run: `watch.starved=95%; run.keep=true` | |
//! | `CHAOS_TIMEOUT` | how long an attempt may take: `30s`, `2m` | the attribute's, or `60s` |
//! | `CHAOS_RETRIES` | how many more attempts a failed test gets | the attribute's, or 0 |
//! | `CHAOS_MAX_FAILURES` | once more tests than this have failed, failed tests are no longer retried | any number |
//! | `CHAOS_FLAKY_RESULT` | `fail` fails a test that passed on a retry | `pass` |
//! | `CHAOS_RUNS` | measures each selected test in at most this many runs, instead of running it once | |
//! | `CHAOS_LOAD_MULTIPLIER` | the factor by which `cx.load(..)` multiplies numbers of clients, from 0.01 to 100 | 1 on a machine of 4 cores and 8 GiB |
//! | `CHAOS_TIMEOUT_MULTIPLIER` | the factor by which `cx.timeout(..)` multiplies times, from 0.01 to 100 | 1, more on slow or busy machines |
//! | `CHAOS_POOL_SIZE` | the answer of `cx.pool_size(..)` | the size asked for, times the load multiplier |
//! | `CHAOS_DIAGNOSTICS` | how long before a failure journal, traces and server logs are kept; `0s` keeps nothing | `5s` |
//! | `CHAOS_TRACE` | with the feature `tracing`: the level that is kept where the code under test sets no subscriber: `error`, `warn`, `info`, `debug`, `trace`, or `off` to set none | `info` |
//! | `CHAOS_DIR` | where journals, history and reports go; relative to the root of the workspace | `target/chaos` |
//! | `CHAOS_IN_PROCESS` | `1` runs each attempt in the process of the harness, for debuggers | `0` |
//! | `CHAOS_REPLAY` | the token that a failure names: explorations try that point only, properties that case | every point, all cases |
//! | `CHAOS_BASELINE` | `save` or `compare`: what to do with the baselines that tests measure, see [`baselines`] | |
//! | `CHAOS_SHRINK_SECS` | for how many seconds a failing case of a property is made smaller; with the attribute this comes on top of the timeout | `30` |
//! | `CHAOS_KEEP` | `1` keeps the databases of attempts that failed | `0` |
//! | `RUST_TEST_THREADS` | how many tests run at once; `--test-threads` overrides it | one for each processor |
//! | `RUST_TEST_SHUFFLE` | anything but `0` runs tests in random order | sorted by name |
//! | `RUST_TEST_SHUFFLE_SEED` | the same, in the order for this number | |
//! | `RUST_TEST_NOCAPTURE` | anything but `0` lets tests write to the terminal | captured |
//!
//! With `CHAOS_IN_PROCESS` one test runs at a time, nothing is captured, there is no deadline, and a
//! test that hangs, aborts or exits takes the run with it.
//! [`postgres`] lists the variables that choose a server.
//!
//! # Map of the code
//!
//! * `entry`: how a process begins, as a helper, as an attempt, or as the harness.
//! * `arguments`, `environment`, `nextest`, `identity`: its input. `config`: `chaos.toml`. `settings`:
//!   their precedence. [`registry`], `selection`, `list`: its tests.
//! * `runner`: the tests of a run, their attempts and retries. `capability`, `exclusive`, `phases`,
//!   `interrupt`: when they run, and when they do not.
//! * `attempt`: one attempt, from both sides. `failure`, `activity`, `summary`: its result. `cases`:
//!   what a property expands to.
//! * `watch`: whether the machine was overloaded. `diagnostics`: what happened around a failure, in
//!   one file.
//! * [`run_event`]: what happens in a run. `run_directory`, `run_journal`, `test_history`: where it is
//!   kept.
//! * [`gate`], `quarantine`, `coverage`, `judge`: what a run is judged by. [`triage`]: where to look
//!   first. [`baselines`]: times, saved and compared. `report`: how it is shown.

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
