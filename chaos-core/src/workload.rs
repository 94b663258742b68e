//! Workloads: what clients do to a service, what they see, and what has to be true of it.
//!
//! A workload calls any service through closures of a line or two. It draws operations from the seed of
//! the attempt, so the same seed makes the same requests. It records requests and answers as a
//! [`History`](crate::history::History), with an [`Outcome`](crate::outcome::Outcome) for each error. It
//! reads the state once all faults have ended. And it has the [`Checker`] that judges all of that.
//!
//! ```no_run
//! # use chaos_core::prelude::*;
//! # struct Ledger;
//! # impl Ledger {
//! #     async fn transfer(&self, _: i64, _: i64, _: i64) -> TestResult { Ok(()) }
//! #     async fn balances(&self) -> TestResult<Vec<(i64, i64)>> { Ok(Vec::new()) }
//! # }
//! # async fn example(cx: Chaos, pg: Postgres, ledger: Ledger) -> TestResult {
//! let bank = workload::bank(
//!     1_000,
//!     async |t| ledger.transfer(t.from, t.to, t.amount).await,
//!     async || ledger.balances().await,
//! );
//! let plan = Schedule::new().calm(500.ms()).hold(500.ms(), &pg, cut()).calm(1.secs());
//! cx.work(plan, 8, bank).await?.judge()
//! # }
//! ```
//!
//! | workload | operations | what has to be true |
//! |---|---|---|
//! | [`bank`] | transfers, and reads of all balances | money is neither made nor lost |
//! | [`register`] | reads and writes of keys | every key is linearizable |
//! | [`append`] | transactions that read and append to lists | an isolation level |
//! | [`set`] | additions | what was acknowledged is there at the end, and nothing else |
//! | [`counter`] | additions and reads | no addition is lost or made twice |
//! | [`unique_ids`] | new identifiers | no two are equal |
//! | [`versions`] | new versions of keys, and reads | versions only grow, one by one |
//! | [`queue`] | jobs are put in and taken out | every job comes out once |
//! | [`commands`] | commands that are sent again under their key | each takes effect once |
//!
//! **Vacuity.** A run that could not have found anything, such as a bank that nobody read or a register
//! on which no two operations overlapped, is not valid: the report says what was missing.
//!
//! **Concurrency.** Clients take turns on the test's own task, wherever one of them waits. That is
//! enough for every race between requests to a server, because the server works on all of them at
//! once. To race threads of the service itself, have the closures spawn: `tokio::spawn(..).await?`.

use std::future::Future;

use crate::check::Checker;
use crate::error::TestResult;

mod append;
mod bank;
mod commands;
mod counter;
mod overlap;
mod queue;
mod register;
mod run;
mod set;
mod unique_ids;
mod versions;
mod worker;

pub use self::append::{Append, Step, append};
pub use self::bank::{Bank, Transfer, bank};
pub use self::commands::{Commands, commands};
pub use self::counter::{Counter, counter};
pub use self::queue::{Queue, queue};
pub use self::register::{Register, register};
pub(crate) use self::run::work;
pub use self::run::{WorkError, Worked};
pub use self::set::{Set, set};
pub use self::unique_ids::{UniqueIds, unique_ids};
pub use self::versions::{Versions, versions};
pub use self::worker::Worker;

/// What clients do to a service, and how it is judged. Those of this module are made by functions;
/// implement it for promises that none of them covers.
pub trait Workload {
    /// Its name in reports and in the name of the file of its history, such as `bank`.
    fn name(&self) -> &str;

    /// Is done once, before the clients begin: what the history has to begin with.
    ///
    /// # Errors
    ///
    /// When it cannot be done; the run ends there.
    fn begin(&self, worker: &mut Worker) -> impl Future<Output = TestResult> {
        let _ = worker;
        std::future::ready(Ok(()))
    }

    /// One operation of a client, recorded by [`Worker::call`].
    ///
    /// # Errors
    ///
    /// Those of the service. They are part of what is judged, and no failure by themselves.
    fn operate(&self, worker: &mut Worker) -> impl Future<Output = TestResult>;

    /// Reads the final state, once all operations and all faults have ended. It is tried again when
    /// it fails, as the first connections of a pool after a fault do.
    ///
    /// # Errors
    ///
    /// Those of the service.
    fn conclude(&self, worker: &mut Worker) -> impl Future<Output = TestResult>;

    /// What judges the history.
    fn checker(&self) -> Box<dyn Checker>;
}

#[cfg(test)]
mod tests;
