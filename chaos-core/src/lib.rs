//! Fault injectors, an ephemeral PostgreSQL and statistics for chaos tests.
//!
//! Most users depend on `chaos-harness` only, which re-exports what is here and runs the tests.
//! This crate is the part that breaks things and measures what follows.
//!
//! # Map of the code
//!
//! From the bottom to the top; a module imports only what stands above it in this list.
//!
//! * [`units`], [`duration`], [`probability`], [`rate`], [`seed`], [`stats`]: pure values.
//! * [`machine`], [`sizing`]: where all this runs, what it bears, and what it has used.
//! * [`direction`], [`delay`], [`trigger`], [`fault`], [`outcome`], [`commit`], [`verdict`]: the nouns.
//!   Faults are data.
//! * [`history`], [`check`]: what clients did and saw, and the checkers that judge it by a promise.
//! * [`mod@assert`]: what the code under test says of itself.
//! * [`event`], [`journal`], [`leftover`], [`metrics`], [`scope`]: everything that happens is an event.
//!   `trace` (a cargo feature): what the code under test traces, and our faults among it.
//! * [`packets`]: what this machine allows to be done to real packets, and the wire on which it is.
//! * `wire`: bytes framed into the messages of a protocol, without any input or output.
//! * `engine`: what faults do to the bytes of a connection, without any input or output.
//! * [`link`]: real connections that pass through the engine.
//! * [`sabotage`]: faults of everything else, which take effect by a request.
//! * [`postgres`]: an ephemeral server, and a database of one's own behind a link of its own.
//! * [`schedule`], [`load`], [`client`], [`run`], [`recovery`]: a workload beside faults on a
//!   timeline, and what is asked of it.
//! * [`workload`]: what clients do to a service, recorded as a history, with the checker of each.
//! * [`explore`]: a scenario, run once for each point at which it can break.
//! * `toxiproxy` (a cargo feature): Toxiproxy's API over our links, and our faults in its servers.
//! * [`contention`]: a load that is raised until clients meet.
//! * [`Chaos`]: what a test is given. [`baseline`]: how long something takes, compared with another day.

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
