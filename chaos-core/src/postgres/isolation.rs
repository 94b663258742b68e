//! Steps of several sessions in a stated order: which of them block, fail, and read what.
//!
//! What two transactions do to each other depends on the order of their statements and on the
//! isolation level. An [`Interleaving`] fixes both, for any statements, and tells what came of it.
//! The classical anomalies, for whose order of statements everybody reaches, are there ready made:
//! [`Anomaly`].
//!
//! ```
//! use chaos_core::TestResult;
//! use chaos_core::postgres::Postgres;
//! use chaos_core::postgres::isolation::{Interleaving, IsolationLevel};
//!
//! async fn two_transfers_at_once(pg: Postgres) -> TestResult {
//!     let report = Interleaving::new(&pg)
//!         .session("a", IsolationLevel::RepeatableRead)
//!         .session("b", IsolationLevel::RepeatableRead)
//!         .step("a", "UPDATE accounts SET balance = balance - 10 WHERE id = 1")
//!         .blocks("b", "UPDATE accounts SET balance = balance - 20 WHERE id = 1")
//!         .commit("a")
//!         .run()
//!         .await?;
//!     assert_eq!(report.sqlstate(2), Some("40001"));
//!     Ok(())
//! }
//! ```
//!
//! Nothing sleeps. A step has come to rest when it has ended, or when the server says that it waits
//! for a lock of a session that has nothing to do; only then does the next step begin. Steps that
//! wait for each other are left to the server's search for deadlocks, which takes
//! `deadlock_timeout`, 1 s unless it is set.

mod anomaly;
mod engine;
mod error;
mod interleaving;
mod level;
mod report;
mod waits;

pub use self::anomaly::{Anomaly, Observation};
pub use self::error::InterleavingError;
pub use self::interleaving::Interleaving;
pub use self::level::IsolationLevel;
pub use self::report::{InterleavingReport, Reading, StepOutcome, StepReport};
