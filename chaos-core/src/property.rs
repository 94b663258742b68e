//! Properties: what has to hold for any operations, and for a fault at any point.
//!
//! A property is tried on many cases. Each case has operations that a strategy of `proptest` draws,
//! and one to three faults. It is run twice: first without faults, which records every message that
//! passes, and then with faults drawn among these messages, so that each waits for a message that
//! exists.
//!
//! ```no_run
//! use chaos_core::prelude::*;
//! use chaos_core::property::Operation;
//! use proptest::prelude::*;
//! # #[derive(Debug, Clone)]
//! # struct Ledger;
//! # impl Ledger {
//! #     async fn open(_: deadpool_postgres::Pool) -> Result<Self, TestError> { Ok(Self) }
//! #     async fn transfer(&self, _: u8, _: u8, _: i64) -> Result<(), TestError> { Ok(()) }
//! #     async fn total(&self) -> Result<i64, TestError> { Ok(0) }
//! # }
//!
//! #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
//! struct Transfer {
//!     from: u8,
//!     to: u8,
//!     amount: i64,
//! }
//!
//! fn transfers() -> impl Strategy<Value = Transfer> {
//!     (0..4_u8, 0..4_u8, 1..100_i64).prop_map(|(from, to, amount)| Transfer { from, to, amount })
//! }
//!
//! async fn money_is_conserved(cx: Chaos) -> TestResult {
//!     cx.property(transfers())
//!         .cases(64)
//!         .run(async |cx, plan| -> TestResult {
//!             let pg = cx.postgres().await?;
//!             let ledger = Ledger::open(pg.pool(plan.pool_size())?).await?;
//!             plan.run(&pg, async |it: Transfer| ledger.transfer(it.from, it.to, it.amount).await)
//!                 .await?;
//!             cx.check("money is conserved", ledger.total().await?, 400)
//!         })
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! Under the harness `#[chaos_test(cases = 64)]` does the same for a test that takes a [`Plan`].
//!
//! # A case that fails
//!
//! It is run five times more to learn how often it fails, and made smaller for as long as it fails in
//! the same way: see [`shrink`]. It is then kept as a file in `tests/chaos-regressions/<test>/`, which
//! the next runs of the test try first, up to three times each; `CHAOS_REPLAY=case:<name>` tries that
//! file only, and does not affect other properties. `CHAOS_SHRINK_SECS` says for how many seconds cases
//! are made smaller: 30 by default, and not at all with 0.
//!
//! # A case that proves nothing
//!
//! A case whose faults touched nothing is *vacuous*: it is counted, but not as a pass. If all cases are
//! vacuous the property fails.
//!
//! # What it is made of
//!
//! [`data`] and [`schema`] have strategies for what PostgreSQL is given; [`Plan`] is what a property
//! gets, [`shrink`] the search for a smaller case.

use std::time::Duration;

mod campaign;
mod case;
pub mod data;
mod error;
mod failure;
mod operation;
mod plan;
mod recording;
mod reduction;
mod regression;
mod runner;
mod schedules;
pub mod schema;
pub mod shrink;

pub use self::campaign::{Property, PropertyReport};
pub use self::error::{FailedCase, PropertyError};
pub use self::operation::Operation;
pub use self::plan::{Applied, Plan, PlanError};
pub use self::schedules::FaultFamily;
/// What strategies are written with.
pub use proptest;

/// For how long a failing case is made smaller: the value of `CHAOS_SHRINK_SECS`, or 30 s.
///
/// # Errors
///
/// [`PropertyError::ShrinkSeconds`] when the variable is no whole number.
pub fn shrinking_time() -> Result<Duration, PropertyError> {
    const USUAL: Duration = Duration::from_secs(30);
    match std::env::var_os("CHAOS_SHRINK_SECS") {
        Some(text) if !text.is_empty() => {
            let text = text.to_string_lossy();
            let seconds = text.trim().parse::<u32>();
            let seconds = seconds.map_err(|_| PropertyError::ShrinkSeconds(text.into_owned()))?;
            Ok(Duration::from_secs(seconds.into()))
        }
        _ => Ok(USUAL),
    }
}
