//! Faults, links, an ephemeral PostgreSQL, workloads and checkers for chaos tests.
//!
//! **Most users depend on `chaos-harness` only**, which re-exports everything here and runs the tests:
//! begin there. Depend on this crate to use faults in an ordinary `#[tokio::test]` or in a benchmark,
//! or for the macros of [`mod@assert`] in the code under test:
//!
//! ```no_run
//! use chaos_core::journal::Journal;
//! use chaos_core::prelude::*;
//! use chaos_core::seed::Seed;
//!
//! # async fn test() -> TestResult {
//! let cx = Chaos::new(Seed(42), Journal::in_memory());
//! let cache = cx.link("cache", "127.0.0.1:6379".parse()?).await?; // any TCP service
//! let request = async { /* your code, with a client that connects to `cache.address()` */ };
//! cache.during(latency(50.ms()), request).await;
//! # Ok(())
//! # }
//! ```
//!
//! [`postgres`] says what to add where a server is to be started without the harness.
//!
//! # Map of the code
//!
//! From the bottom layer to the top; a module imports only what is above it in this list.
//!
//! * [`units`], [`duration`], [`probability`], [`rate`], [`seed`], [`stats`]: pure values.
//! * [`machine`], [`sizing`]: the machine, the loads and times that suit it, and what was used.
//! * [`direction`], [`delay`], [`trigger`], [`fault`], [`outcome`], [`commit`], [`verdict`]: the nouns.
//!   Faults are data.
//! * [`history`], [`check`]: what clients did and saw, and checkers that test it against a promise.
//! * [`mod@assert`]: assertions in the code under test.
//! * [`event`], [`journal`], [`leftover`], [`metrics`], [`scope`]: everything that happens is an event.
//!   `trace` (a cargo feature): traces of the code under test, and faults as spans.
//! * [`packets`]: faults of real packets: whether this machine allows them, and the wire for them.
//! * `wire`: bytes framed into the messages of a protocol, without any input or output.
//! * `engine`: what faults do to the bytes of a connection, without any input or output.
//! * [`link`]: real connections that pass through the engine.
//! * [`sabotage`]: all other faults, which take effect through a request.
//! * [`postgres`]: an ephemeral server, and for each test a database behind a link.
//! * [`schedule`], [`load`], [`client`], [`run`], [`recovery`]: operations of clients beside faults on a
//!   timeline, their figures, and bounds on them.
//! * [`workload`]: what clients do to a service, recorded as a history, with a checker for each.
//! * [`explore`]: a scenario, run once for each point at which it can break.
//! * `property` (a cargo feature): random operations and faults, and shrinking of failing cases.
//! * `toxiproxy` (a cargo feature): Toxiproxy's API over links, and faults in its servers.
//! * [`contention`]: a load that is raised until clients conflict.
//! * [`Chaos`]: what a test is given. [`baseline`]: times, compared with those of an earlier run.

pub mod assert;
pub mod baseline;
pub mod chaos;
pub mod check;
pub mod client;
pub mod commit;
pub mod contention;
pub mod delay;
pub mod direction;
pub mod duration;
mod engine;
pub mod error;
pub mod event;
pub mod explore;
pub mod fault;
pub mod history;
pub mod journal;
pub mod leftover;
pub mod link;
pub mod load;
pub mod machine;
pub mod metrics;
mod operation;
pub mod outcome;
pub mod packets;
pub mod postgres;
pub mod prelude;
pub mod probability;
#[cfg(feature = "property")]
pub mod property;
pub mod rate;
pub mod recovery;
pub mod reexec;
mod replay;
pub mod run;
pub mod sabotage;
pub mod schedule;
pub mod scope;
pub mod seed;
pub mod sizing;
pub mod stats;
#[cfg(feature = "toxiproxy")]
pub mod toxiproxy;
#[cfg(feature = "tracing")]
pub mod trace;
pub mod trigger;
pub mod units;
pub mod verdict;
mod wire;
pub mod workload;

/// Plays the story that bytes tell to the engine: what the fuzz target runs. Not part of the interface.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_engine(data: &[u8]) {
    engine::fuzzing::run(data);
}

/// Plays the faults at messages that bytes tell: what the fuzz target runs. Not part of the interface.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_messages(data: &[u8]) {
    engine::message_fuzzing::run(data);
}

/// Plays the conversation with PostgreSQL that bytes tell: what the fuzz target runs. Not part of the
/// interface.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn fuzz_postgres(data: &[u8]) {
    wire::postgres::fuzzing::run(data);
}

pub use crate::chaos::{Chaos, Fixture};
pub use crate::error::{Error, TestError, TestResult};
